-- The live stream through the same features, scored in the graph by both models (and, to see what the features are worth, by the
-- same models given the message alone). Runs after features.sql. ${live_from} is the instant the live part begins.

CREATE MODEL reply
INPUT (characters INT, words INT, asks INT, hour_of_day BIGINT,
       sent_10s BIGINT, sent_1m BIGINT, sent_10m BIGINT, sent_1d BIGINT, sent_ever BIGINT, seconds_since_sent INT,
       same_text_10m BIGINT, distinct_texts_10m DOUBLE,
       conversation_seconds INT, conversation_messages BIGINT, own_messages BIGINT, other_messages BIGINT, unanswered_run BIGINT,
       seconds_since_other INT, turns BIGINT, own_mean_characters DOUBLE, other_mean_characters DOUBLE,
       answered_share DOUBLE, outcomes_known BIGINT, ratings_known BIGINT, mean_rating DOUBLE)
OUTPUT (reply_score DOUBLE)
WITH ('provider' = 'onnx', 'model' = '${reply_model}');

CREATE MODEL bad_conversation
INPUT (characters INT, words INT, asks INT, hour_of_day BIGINT,
       sent_10s BIGINT, sent_1m BIGINT, sent_10m BIGINT, sent_1d BIGINT, sent_ever BIGINT, seconds_since_sent INT,
       same_text_10m BIGINT, distinct_texts_10m DOUBLE,
       conversation_seconds INT, conversation_messages BIGINT, own_messages BIGINT, other_messages BIGINT, unanswered_run BIGINT,
       seconds_since_other INT, turns BIGINT, own_mean_characters DOUBLE, other_mean_characters DOUBLE,
       answered_share DOUBLE, outcomes_known BIGINT, ratings_known BIGINT, mean_rating DOUBLE)
OUTPUT (bad_score DOUBLE)
WITH ('provider' = 'onnx', 'model' = '${bad_model}');

CREATE MODEL reply_alone
INPUT (characters INT, words INT, asks INT, hour_of_day BIGINT) OUTPUT (reply_alone_score DOUBLE)
WITH ('provider' = 'onnx', 'model' = '${reply_alone_model}');

CREATE MODEL bad_alone
INPUT (characters INT, words INT, asks INT, hour_of_day BIGINT) OUTPUT (bad_alone_score DOUBLE)
WITH ('provider' = 'onnx', 'model' = '${bad_alone_model}');

CREATE TABLE verdicts (
  message_id BIGINT, conversation_id STRING, sender STRING, text STRING, sent_at TIMESTAMP(3),
  characters INT, words INT, asks INT, hour_of_day BIGINT,
  sent_10s BIGINT, sent_1m BIGINT, sent_10m BIGINT, sent_1d BIGINT, sent_ever BIGINT, seconds_since_sent INT,
  same_text_10m BIGINT, distinct_texts_10m DOUBLE,
  conversation_seconds INT, conversation_messages BIGINT, own_messages BIGINT, other_messages BIGINT, unanswered_run BIGINT,
  seconds_since_other INT, turns BIGINT, own_mean_characters DOUBLE, other_mean_characters DOUBLE,
  answered_share DOUBLE, outcomes_known BIGINT, ratings_known BIGINT, mean_rating DOUBLE,
  reply_score DOUBLE, reply_model STRING, bad_score DOUBLE, bad_model STRING, reply_alone_score DOUBLE, bad_alone_score DOUBLE,
  verdict STRING
) WITH ('connector' = 'filesystem', 'path' = '${verdicts}', 'format' = 'json');

CREATE TABLE known_outcomes (message_id BIGINT, answered BOOLEAN, known_at TIMESTAMP(3))
WITH ('connector' = 'filesystem', 'path' = '${known_outcomes}', 'format' = 'json');

CREATE VIEW live_features AS SELECT * FROM features WHERE sent_at >= TIMESTAMP '${live_from}';

CREATE VIEW with_reply AS
SELECT * FROM ML_PREDICT(TABLE live_features, MODEL reply, DESCRIPTOR(
  characters, words, asks, hour_of_day, sent_10s, sent_1m, sent_10m, sent_1d, sent_ever, seconds_since_sent, same_text_10m,
  distinct_texts_10m, conversation_seconds, conversation_messages, own_messages, other_messages, unanswered_run, seconds_since_other,
  turns, own_mean_characters, other_mean_characters, answered_share, outcomes_known, ratings_known, mean_rating));

CREATE VIEW with_both AS
SELECT * FROM ML_PREDICT(TABLE with_reply, MODEL bad_conversation, DESCRIPTOR(
  characters, words, asks, hour_of_day, sent_10s, sent_1m, sent_10m, sent_1d, sent_ever, seconds_since_sent, same_text_10m,
  distinct_texts_10m, conversation_seconds, conversation_messages, own_messages, other_messages, unanswered_run, seconds_since_other,
  turns, own_mean_characters, other_mean_characters, answered_share, outcomes_known, ratings_known, mean_rating));

CREATE VIEW with_reply_alone AS
SELECT * FROM ML_PREDICT(TABLE with_both, MODEL reply_alone, DESCRIPTOR(characters, words, asks, hour_of_day));

CREATE VIEW scored AS
SELECT * FROM ML_PREDICT(TABLE with_reply_alone, MODEL bad_alone, DESCRIPTOR(characters, words, asks, hour_of_day));

EXECUTE STATEMENT SET BEGIN

INSERT INTO verdicts
SELECT message_id, conversation_id, sender, text, sent_at,
       characters, words, asks, hour_of_day, sent_10s, sent_1m, sent_10m, sent_1d, sent_ever, seconds_since_sent, same_text_10m,
       distinct_texts_10m, conversation_seconds, conversation_messages, own_messages, other_messages, unanswered_run,
       seconds_since_other, turns, own_mean_characters, other_mean_characters, answered_share, outcomes_known, ratings_known,
       mean_rating,
       reply_score, '${reply_version}', bad_score, '${bad_version}', reply_alone_score, bad_alone_score,
       CASE WHEN bad_score >= 0.05E0 THEN 'step in' WHEN reply_score >= 0.5E0 THEN 'wait' ELSE 'notify now' END
FROM scored;

INSERT INTO known_outcomes
SELECT message_id, answered, known_at FROM outcomes WHERE sent_at >= TIMESTAMP '${live_from}';

END;
