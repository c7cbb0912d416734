package millrace.nexmark;

import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/**
 * Runs the statements of a file on a cluster and waits for the last one.
 *
 * <p>Arguments: the file, the cluster's REST port, the parallelism, `streaming` or `batch`.
 */
public final class RunQuery {
    private RunQuery() {}

    public static void main(String[] arguments) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("execution.target", "remote");
        configuration.setString("rest.address", "127.0.0.1");
        configuration.setString("rest.port", arguments[1]);
        configuration.setString("parallelism.default", arguments[2]);
        configuration.setString("pipeline.object-reuse", "true");
        configuration.setString("state.backend.type", "hashmap");
        configuration.setString("restart-strategy.type", "disable");
        configuration.setString("table.local-time-zone", "UTC");
        EnvironmentSettings.Builder settings = EnvironmentSettings.newInstance().withConfiguration(configuration);
        settings = arguments[3].equals("batch") ? settings.inBatchMode() : settings.inStreamingMode();
        TableEnvironment environment = TableEnvironment.create(settings.build());
        environment.createTemporarySystemFunction("count_char", CountChar.class);
        for (String statement : Files.readString(Path.of(arguments[0])).split(";\\s*\n")) {
            if (!statement.isBlank()) {
                var result = environment.executeSql(statement);
                if (statement.contains("INSERT INTO")) {
                    result.await();
                }
            }
        }
    }
}
