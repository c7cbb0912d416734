-- Verdicts beside what became of them. Every figure the demo prints can be recomputed from ${judged}.

CREATE TABLE verdicts (
  message_id BIGINT, conversation_id STRING, sent_at TIMESTAMP(3), reply_score DOUBLE, bad_score DOUBLE, reply_alone_score DOUBLE,
  bad_alone_score DOUBLE, verdict STRING
) WITH ('connector' = 'filesystem', 'path' = '${verdicts}', 'format' = 'json');

CREATE TABLE known_outcomes (message_id BIGINT, answered BOOLEAN)
WITH ('connector' = 'filesystem', 'path' = '${known_outcomes}', 'format' = 'json');

CREATE TABLE ratings (conversation_id STRING, witty DOUBLE, interesting DOUBLE, upbeat DOUBLE)
WITH ('connector' = 'filesystem', 'path' = '${ratings}', 'format' = 'json');

CREATE TABLE judged (
  message_id BIGINT, sent_at TIMESTAMP(3), reply_score DOUBLE, bad_score DOUBLE, reply_alone_score DOUBLE, bad_alone_score DOUBLE,
  verdict STRING, answered BOOLEAN, rated_badly BOOLEAN
) WITH ('connector' = 'filesystem', 'path' = '${judged}', 'format' = 'json');

INSERT INTO judged
SELECT v.message_id, v.sent_at, v.reply_score, v.bad_score, v.reply_alone_score, v.bad_alone_score, v.verdict,
       o.answered, r.rated_badly
FROM verdicts AS v
LEFT JOIN known_outcomes AS o ON o.message_id = v.message_id
LEFT JOIN (
  SELECT conversation_id, AVG((witty + interesting + upbeat) / 3E0) <= 2.5E0 AS rated_badly FROM ratings GROUP BY conversation_id
) AS r ON r.conversation_id = v.conversation_id;
