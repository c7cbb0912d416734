package millrace.nexmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkV2Provider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalType;

/**
 * {@code 'connector' = 'hash'}: a hash of the folded result in a file per writer, as the Swift connector writes it.
 *
 * <p>Asks for whole changelogs, so that every update comes with the row that it replaces and nothing is folded by key.
 */
public final class HashTableFactory implements DynamicTableSinkFactory {
    private static final ConfigOption<String> PATH = ConfigOptions.key("path").stringType().noDefaultValue();
    /** A BIGINT column: a row takes the place of the last one with its key. For plans that leave retractions out. */
    private static final ConfigOption<String> KEY = ConfigOptions.key("fold.key").stringType().noDefaultValue();

    @Override
    public String factoryIdentifier() {
        return "hash";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of(PATH);
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(KEY);
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validate();
        List<LogicalType> types = context.getPhysicalRowDataType().getLogicalType().getChildren();
        List<String> names = DataType.getFieldNames(context.getPhysicalRowDataType());
        int key = helper.getOptions().getOptional(KEY).map(names::indexOf).orElse(-1);
        return new Table(types, helper.getOptions().get(PATH), key);
    }

    private record Table(List<LogicalType> types, String path, int key) implements DynamicTableSink {
        @Override
        public ChangelogMode getChangelogMode(ChangelogMode requested) {
            return ChangelogMode.all();
        }

        @Override
        public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
            return SinkV2Provider.of(new HashSink(new RowHash(types, key), path));
        }

        @Override
        public DynamicTableSink copy() {
            return this;
        }

        @Override
        public String asSummaryString() {
            return "hash";
        }
    }

    private record HashSink(RowHash hash, String path) implements Sink<RowData> {
        @Override
        public SinkWriter<RowData> createWriter(WriterInitContext context) {
            int subtask = context.getTaskInfo().getIndexOfThisSubtask();
            return new SinkWriter<>() {
                @Override
                public void write(RowData row, Context context) {
                    hash.add(row);
                }

                @Override
                public void flush(boolean endOfInput) throws IOException {
                    if (endOfInput) {
                        Path folder = Files.createDirectories(Path.of(path));
                        Files.writeString(folder.resolve("part-0-" + subtask + ".json"), hash.json());
                    }
                }

                @Override
                public void close() {}
            };
        }
    }
}
