package millrace.nexmark;

import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.SourceProvider;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;

/** {@code 'connector' = 'nexmark'} for Flink: the table `events` with the options of the Swift connector. */
public final class EventTableFactory implements DynamicTableSourceFactory {
    private static ConfigOption<Long> number(String key, long standard) {
        return ConfigOptions.key(key).longType().defaultValue(standard);
    }

    private static final ConfigOption<Long> EVENTS = number("events.num", 0);
    private static final ConfigOption<Long> RATE = number("first-event.rate", 10_000);
    private static final ConfigOption<Long> NEXT_RATE = number("next-event.rate", 10_000);
    private static final ConfigOption<Long> SEED = number("seed", 0);
    private static final ConfigOption<Long> SPLITS = number("splits", 1);
    private static final ConfigOption<Duration> DISORDER =
            ConfigOptions.key("out-of-order.max").durationType().defaultValue(Duration.ZERO);
    private static final ConfigOption<String> BASE = ConfigOptions.key("base-time").stringType().noDefaultValue();

    @Override
    public String factoryIdentifier() {
        return "nexmark";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(EVENTS, RATE, NEXT_RATE, SEED, SPLITS, DISORDER, BASE);
    }

    @Override
    public DynamicTableSource createDynamicTableSource(Context context) {
        FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validate();
        ReadableConfig options = helper.getOptions();
        Settings settings = new Settings();
        settings.events = options.get(EVENTS);
        settings.rate = options.get(RATE);
        settings.seed = options.get(SEED);
        settings.splits = Math.toIntExact(options.get(SPLITS));
        settings.disorderMillis = options.get(DISORDER).toMillis();
        options.getOptional(BASE)
                .ifPresent(
                        text ->
                                settings.baseMillis =
                                        LocalDateTime.parse(text.replace(' ', 'T')).toInstant(ZoneOffset.UTC).toEpochMilli());
        return new Table(settings);
    }

    private record Table(Settings settings) implements ScanTableSource {
        @Override
        public ChangelogMode getChangelogMode() {
            return ChangelogMode.insertOnly();
        }

        @Override
        public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
            return SourceProvider.of(new EventSource(settings), settings.splits);
        }

        @Override
        public DynamicTableSource copy() {
            return this;
        }

        @Override
        public String asSummaryString() {
            return "nexmark events";
        }
    }
}
