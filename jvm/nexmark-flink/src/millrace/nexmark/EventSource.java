package millrace.nexmark;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.table.data.RowData;

/** The events as a source; every column of every event is made. Positions are not kept: the benchmark runs without checkpoints. */
final class EventSource implements Source<RowData, EventSource.Split, Integer> {
    private static final long serialVersionUID = 1;

    /** Records handed over in one call: enough that the calls cost nothing. */
    private static final int BLOCK = 512;

    private final Settings settings;

    EventSource(Settings settings) {
        this.settings = settings;
    }

    record Split(int number) implements SourceSplit {
        @Override
        public String splitId() {
            return "events-" + number;
        }
    }

    @Override
    public Boundedness getBoundedness() {
        return settings.events == 0 ? Boundedness.CONTINUOUS_UNBOUNDED : Boundedness.BOUNDED;
    }

    @Override
    public SplitEnumerator<Split, Integer> createEnumerator(SplitEnumeratorContext<Split> context) {
        return new Enumerator(context, settings.splits);
    }

    @Override
    public SplitEnumerator<Split, Integer> restoreEnumerator(SplitEnumeratorContext<Split> context, Integer checkpoint) {
        return createEnumerator(context);
    }

    @Override
    public SimpleVersionedSerializer<Split> getSplitSerializer() {
        return new Numbers<>() {
            @Override
            int number(Split split) {
                return split.number();
            }

            @Override
            Split value(int number) {
                return new Split(number);
            }
        };
    }

    @Override
    public SimpleVersionedSerializer<Integer> getEnumeratorCheckpointSerializer() {
        return new Numbers<>() {
            @Override
            int number(Integer value) {
                return value;
            }

            @Override
            Integer value(int number) {
                return number;
            }
        };
    }

    @Override
    public SourceReader<RowData, Split> createReader(SourceReaderContext context) {
        return new Reader(settings);
    }

    private abstract static class Numbers<T> implements SimpleVersionedSerializer<T> {
        abstract int number(T value);

        abstract T value(int number);

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(T value) {
            return ByteBuffer.allocate(4).putInt(number(value)).array();
        }

        @Override
        public T deserialize(int version, byte[] bytes) throws IOException {
            if (version != 1 || bytes.length != 4) {
                throw new IOException("a split that this version did not write");
            }
            return value(ByteBuffer.wrap(bytes).getInt());
        }
    }

    /** Gives reader r the splits r, r + parallelism, and so on. */
    private static final class Enumerator implements SplitEnumerator<Split, Integer> {
        private final SplitEnumeratorContext<Split> context;
        private final int splits;

        Enumerator(SplitEnumeratorContext<Split> context, int splits) {
            this.context = context;
            this.splits = splits;
        }

        @Override
        public void start() {}

        @Override
        public void handleSplitRequest(int subtask, String host) {}

        @Override
        public void addSplitsBack(List<Split> returned, int subtask) {
            throw new IllegalStateException("a reader failed; run the query again");
        }

        @Override
        public void addReader(int subtask) {
            for (int split = subtask; split < splits; split += context.currentParallelism()) {
                context.assignSplit(new Split(split), subtask);
            }
            context.signalNoMoreSplits(subtask);
        }

        @Override
        public Integer snapshotState(long checkpoint) {
            return 0;
        }

        @Override
        public void close() {}
    }

    private static final class Reader implements SourceReader<RowData, Split> {
        private static final class Open {
            final Sequence sequence;
            long next;

            Open(Sequence sequence) {
                this.sequence = sequence;
            }
        }

        private final Settings settings;
        private final Generator generator;
        private final ArrayDeque<Open> splits = new ArrayDeque<>();
        private final CompletableFuture<Void> assigned = new CompletableFuture<>();

        Reader(Settings settings) {
            this.settings = settings;
            generator = new Generator(settings);
        }

        @Override
        public void start() {}

        @Override
        public InputStatus pollNext(ReaderOutput<RowData> output) {
            Open split = splits.poll();
            if (split == null) {
                return assigned.isDone() ? InputStatus.END_OF_INPUT : InputStatus.NOTHING_AVAILABLE;
            }
            long end = Math.min(split.next + BLOCK, split.sequence.count);
            for (; split.next < end; split.next++) {
                output.collect(generator.next(split.sequence.event(split.next)));
            }
            // Splits take turns, so that their event times stay together.
            if (split.next < split.sequence.count) {
                splits.add(split);
            }
            return splits.isEmpty() && assigned.isDone() ? InputStatus.END_OF_INPUT : InputStatus.MORE_AVAILABLE;
        }

        @Override
        public List<Split> snapshotState(long checkpoint) {
            return new ArrayList<>();
        }

        @Override
        public CompletableFuture<Void> isAvailable() {
            return splits.isEmpty() ? assigned : CompletableFuture.completedFuture(null);
        }

        @Override
        public void addSplits(List<Split> added) {
            for (Split split : added) {
                splits.add(new Open(new Sequence(settings, split.number())));
            }
        }

        @Override
        public void notifyNoMoreSplits() {
            assigned.complete(null);
        }

        @Override
        public void close() {}
    }
}
