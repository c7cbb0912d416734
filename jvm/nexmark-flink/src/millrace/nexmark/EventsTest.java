package millrace.nexmark;

import java.util.Arrays;
import java.util.List;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.TimestampType;
import org.apache.flink.table.types.logical.VarCharType;

/** Are these the events of the Swift connector, and does the hash agree? NexmarkTests.swift holds the same value. */
public final class EventsTest {
    private EventsTest() {}

    private static final String EXPECTED = "4cce845ff2ce81f1fdfaa6dc52d70a32";

    private static List<LogicalType> types(String letters) {
        return Arrays.stream(letters.split(""))
                .map(
                        letter ->
                                switch (letter) {
                                    case "n" -> (LogicalType) new BigIntType();
                                    case "t" -> new TimestampType(3);
                                    default -> new VarCharType(VarCharType.MAX_LENGTH);
                                })
                .toList();
    }

    public static void main(String[] arguments) {
        Settings settings = new Settings();
        settings.seed = 42;
        settings.events = 100_000;
        check(settings);
        settings.disorderMillis = 500;
        check(settings);
        settings.splits = 3;
        check(settings);
        System.out.println("events: equal");
    }

    private static void check(Settings settings) {
        RowHash[] hashes = {
            new RowHash(types("nsssssts")), new RowHash(types("nssnnttnns")), new RowHash(types("nnnssts"))
        };
        for (int split = 0; split < settings.splits; split++) {
            Generator generator = new Generator(settings);
            Sequence sequence = new Sequence(settings, split);
            for (long i = 0; i < sequence.count; i++) {
                GenericRowData event = generator.next(sequence.event(i));
                int kind = event.getInt(0);
                hashes[kind].add(event.getRow(1 + kind, 0));
            }
        }
        long first = 0;
        long second = 0;
        long rows = 0;
        for (RowHash hash : hashes) {
            first += hash.first;
            second += hash.second;
            rows += hash.rows;
        }
        String found = String.format("%016x%016x", first, second);
        if (rows != settings.events || !found.equals(EXPECTED)) {
            throw new AssertionError("the events differ from those of the Swift connector: " + rows + " rows, hash " + found);
        }
    }
}
