package millrace.nexmark;

import java.io.Serializable;
import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import org.apache.flink.core.memory.MemorySegment;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.TimestampType;
import org.apache.flink.types.RowKind;

/** The hash of a table as a multiset of rows, as Sources/Engine/Connectors/Hash/RowHash.swift defines it. */
final class RowHash implements Serializable {
    private static final long serialVersionUID = 1;
    private static final long FACTOR = 0x9E3779B97F4A7C15L;

    private final LogicalType[] types;
    long first;
    long second;
    long rows;
    long changes;

    /** The column whose value a row replaces the last row of; -1 for none. */
    private final int key;
    /** The lane seed of each key's row. */
    private final HashMap<Long, Long> last = new HashMap<>();

    RowHash(List<LogicalType> types) {
        this(types, -1);
    }

    RowHash(List<LogicalType> types, int key) {
        this.types = types.toArray(new LogicalType[0]);
        this.key = key;
        for (LogicalType type : types) {
            switch (type.getTypeRoot()) {
                case BIGINT:
                case INTEGER:
                case BOOLEAN:
                case VARCHAR:
                case CHAR:
                case DECIMAL:
                case TIMESTAMP_WITHOUT_TIME_ZONE:
                    break;
                default:
                    throw new IllegalArgumentException("not supported yet: a hash over columns of type " + type);
            }
        }
    }

    void add(RowData row) {
        long h = 0x243F6A8885A308D3L;
        for (int i = 0; i < types.length; i++) {
            if (row.isNullAt(i)) {
                long x = (h ^ 0x6E756C6C) * 0xC2B2AE3D27D4EB4FL;
                h = x ^ (x >>> 32);
                continue;
            }
            switch (types[i].getTypeRoot()) {
                case BIGINT:
                    h = step(h, row.getLong(i));
                    break;
                case INTEGER:
                    h = step(h, row.getInt(i));
                    break;
                case BOOLEAN:
                    h = step(h, row.getBoolean(i) ? 1 : 0);
                    break;
                case DECIMAL:
                    DecimalType type = (DecimalType) types[i];
                    h = decimal(h, row.getDecimal(i, type.getPrecision(), type.getScale()));
                    break;
                case TIMESTAMP_WITHOUT_TIME_ZONE:
                    h = step(h, ticks(row, i, ((TimestampType) types[i]).getPrecision()));
                    break;
                default:
                    h = text(h, (BinaryStringData) row.getString(i));
            }
        }
        boolean inserts = row.getRowKind() == RowKind.INSERT || row.getRowKind() == RowKind.UPDATE_AFTER;
        changes++;
        if (key >= 0) {
            Long before = inserts ? last.put(row.getLong(key), h) : last.remove(row.getLong(key));
            if (before != null) {
                count(before, -1);
            }
            if (inserts) {
                count(h, 1);
            }
            return;
        }
        count(h, inserts ? 1 : -1);
    }

    private void count(long h, long weight) {
        first += weight * Words.mix(h);
        second += weight * Words.mix(h + FACTOR);
        rows += weight;
    }

    private static long step(long h, long word) {
        long x = (h ^ word) * FACTOR;
        return x ^ (x >>> 32);
    }

    private static long ticks(RowData row, int i, int precision) {
        TimestampData time = row.getTimestamp(i, precision);
        if (precision <= 3) {
            return time.getMillisecond();
        }
        return precision <= 6
                ? time.getMillisecond() * 1000 + time.getNanoOfMillisecond() / 1000
                : time.getMillisecond() * 1_000_000 + time.getNanoOfMillisecond();
    }

    private static long decimal(long h, DecimalData value) {
        if (value.isCompact()) {
            long unscaled = value.toUnscaledLong();
            return step(step(h, unscaled), unscaled >> 63);
        }
        BigInteger unscaled = value.toBigDecimal().unscaledValue();
        return step(step(h, unscaled.longValue()), unscaled.shiftRight(64).longValue());
    }

    private static long text(long h, BinaryStringData value) {
        value.ensureMaterialized();
        MemorySegment[] segments = value.getSegments();
        MemorySegment segment = segments[0];
        int at = value.getOffset();
        int count = value.getSizeInBytes();
        if (segments.length > 1) {
            segment = org.apache.flink.core.memory.MemorySegmentFactory.wrap(value.toBytes());
            at = 0;
        }
        int end = at + count;
        for (; at + 8 <= end; at += 8) {
            h = step(h, segment.getLongLittleEndian(at));
        }
        long word = (long) count << 56;
        for (int shift = 0; at < end; at++, shift += 8) {
            word |= (segment.get(at) & 0xFFL) << shift;
        }
        return step(h, word);
    }

    /** The result file's line. */
    String json() {
        return String.format("{\"rows\":%d,\"changes\":%d,\"hash\":\"%016x%016x\"}\n", rows, changes, first, second);
    }
}
