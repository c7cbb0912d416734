-- The training set: every rating before ${live_from} with its features. Runs after features.sql.

CREATE TABLE training (
  source STRING, target STRING, rated_at TIMESTAMP_LTZ(3),
  g_given BIGINT, g_given_7d BIGINT, g_given_1d BIGINT, g_given_mean DOUBLE, g_given_negative DOUBLE, g_given_negative_7d DOUBLE,
  g_received BIGINT, g_received_7d BIGINT, g_received_mean DOUBLE, g_received_negative DOUBLE, g_received_lowest_30d INT,
  g_age_given INT, g_since_given INT, g_age_received INT, g_since_received INT,
  t_given BIGINT, t_given_7d BIGINT, t_given_mean DOUBLE, t_given_negative DOUBLE,
  t_received BIGINT, t_received_7d BIGINT, t_received_1d BIGINT, t_received_mean DOUBLE, t_received_negative DOUBLE,
  t_received_negative_7d DOUBLE, t_received_lowest_30d INT, t_received_last INT,
  t_age_given INT, t_since_given INT, t_age_received INT, t_since_received INT, said_back INT, said_before INT,
  negative BOOLEAN
) WITH ('connector' = 'filesystem', 'path' = '${training}', 'format' = 'parquet');

INSERT INTO training
SELECT source, target, rated_at,
       g_given, g_given_7d, g_given_1d, g_given_mean, g_given_negative, g_given_negative_7d, g_received, g_received_7d,
       g_received_mean, g_received_negative, g_received_lowest_30d, g_age_given, g_since_given, g_age_received, g_since_received,
       t_given, t_given_7d, t_given_mean, t_given_negative, t_received, t_received_7d, t_received_1d, t_received_mean,
       t_received_negative, t_received_negative_7d, t_received_lowest_30d, t_received_last, t_age_given, t_since_given,
       t_age_received, t_since_received, said_back, said_before,
       weight < 0
FROM features
WHERE rated_at < TO_TIMESTAMP_LTZ(${live_from_millis}, 3);
