-- Who trusts whom: what is known of the rater and of the rated account at the instant of a rating.
-- ${ratings} is a CSV file of source,target,weight,timestamp with a header line.

CREATE TABLE ratings (
  source      STRING,
  target      STRING,
  weight      INT,
  `timestamp` DOUBLE,
  rated_at AS TO_TIMESTAMP_LTZ(CAST(`timestamp` * 1E3 AS BIGINT), 3),
  WATERMARK FOR rated_at AS rated_at - INTERVAL '1' SECOND
) WITH (
  'connector' = 'filesystem', 'path' = '${ratings}', 'format' = 'csv', 'csv.header' = 'true',
  'order.by' = 'timestamp, source, target'
);

-- Everything an account has given and everything it has received. The same view is asked under two keys.
CREATE FEATURE VIEW account KEYED BY (account) AS
SELECT COUNT(*)                                            OVER UNBOUNDED      AS given,
       COUNT(*)                                            OVER LAST '7' DAY   AS given_7d,
       COUNT(*)                                            OVER LAST '1' DAY   AS given_1d,
       AVG(CAST(weight AS DOUBLE))                         OVER UNBOUNDED      AS given_mean,
       AVG(CASE WHEN weight < 0 THEN 1E0 ELSE 0E0 END)     OVER UNBOUNDED      AS given_negative,
       AVG(CASE WHEN weight < 0 THEN 1E0 ELSE 0E0 END)     OVER LAST '7' DAY   AS given_negative_7d,
       MIN(rated_at)                                       OVER UNBOUNDED      AS first_given,
       MAX(rated_at)                                       OVER UNBOUNDED      AS last_given
FROM ratings KEY (source)
ALSO
SELECT COUNT(*)                                            OVER UNBOUNDED      AS received,
       COUNT(*)                                            OVER LAST '7' DAY   AS received_7d,
       COUNT(*)                                            OVER LAST '1' DAY   AS received_1d,
       AVG(CAST(weight AS DOUBLE))                         OVER UNBOUNDED      AS received_mean,
       AVG(CASE WHEN weight < 0 THEN 1E0 ELSE 0E0 END)     OVER UNBOUNDED      AS received_negative,
       AVG(CASE WHEN weight < 0 THEN 1E0 ELSE 0E0 END)     OVER LAST '7' DAY   AS received_negative_7d,
       MIN(weight)                                         OVER LAST '30' DAY  AS received_lowest_30d,
       LAST_VALUE(weight)                                  OVER UNBOUNDED      AS received_last,
       MIN(rated_at)                                       OVER UNBOUNDED      AS first_received,
       MAX(rated_at)                                       OVER UNBOUNDED      AS last_received
FROM ratings KEY (target);

-- What the two have said of each other before.
CREATE FEATURE VIEW pair KEYED BY (giver, receiver) AS
SELECT LAST_VALUE(weight) OVER UNBOUNDED AS last_weight
FROM ratings KEY (source, target);

CREATE VIEW features AS
SELECT r.source, r.target, r.weight, r.`timestamp`, r.rated_at,
       g.given AS g_given, g.given_7d AS g_given_7d, g.given_1d AS g_given_1d, g.given_mean AS g_given_mean,
       g.given_negative AS g_given_negative, g.given_negative_7d AS g_given_negative_7d,
       g.received AS g_received, g.received_7d AS g_received_7d, g.received_mean AS g_received_mean,
       g.received_negative AS g_received_negative, g.received_lowest_30d AS g_received_lowest_30d,
       TIMESTAMPDIFF(SECOND, g.first_given, r.rated_at)    AS g_age_given,
       TIMESTAMPDIFF(SECOND, g.last_given, r.rated_at)     AS g_since_given,
       TIMESTAMPDIFF(SECOND, g.first_received, r.rated_at) AS g_age_received,
       TIMESTAMPDIFF(SECOND, g.last_received, r.rated_at)  AS g_since_received,
       t.given AS t_given, t.given_7d AS t_given_7d, t.given_mean AS t_given_mean, t.given_negative AS t_given_negative,
       t.received AS t_received, t.received_7d AS t_received_7d, t.received_1d AS t_received_1d, t.received_mean AS t_received_mean,
       t.received_negative AS t_received_negative, t.received_negative_7d AS t_received_negative_7d,
       t.received_lowest_30d AS t_received_lowest_30d, t.received_last AS t_received_last,
       TIMESTAMPDIFF(SECOND, t.first_given, r.rated_at)    AS t_age_given,
       TIMESTAMPDIFF(SECOND, t.last_given, r.rated_at)     AS t_since_given,
       TIMESTAMPDIFF(SECOND, t.first_received, r.rated_at) AS t_age_received,
       TIMESTAMPDIFF(SECOND, t.last_received, r.rated_at)  AS t_since_received,
       back.last_weight                                    AS said_back,
       before.last_weight                                  AS said_before
FROM ratings AS r
LEFT JOIN account FOR SYSTEM_TIME AS OF r.rated_at AS g    ON g.account = r.source
LEFT JOIN account FOR SYSTEM_TIME AS OF r.rated_at AS t    ON t.account = r.target
LEFT JOIN pair    FOR SYSTEM_TIME AS OF r.rated_at AS back ON back.giver = r.target AND back.receiver = r.source
LEFT JOIN pair    FOR SYSTEM_TIME AS OF r.rated_at AS before ON before.giver = r.source AND before.receiver = r.target;
