-- History -> training set: the features of each message as of its instant, and what became known later, with when.
-- Runs after features.sql. ${training} is a folder.

CREATE TABLE training (
  message_id BIGINT, conversation_id STRING, sender STRING, sent_at TIMESTAMP(3),
  characters INT, words INT, asks INT, hour_of_day BIGINT,
  sent_10s BIGINT, sent_1m BIGINT, sent_10m BIGINT, sent_1d BIGINT, sent_ever BIGINT, seconds_since_sent INT,
  same_text_10m BIGINT, distinct_texts_10m DOUBLE,
  conversation_seconds INT, conversation_messages BIGINT, own_messages BIGINT, other_messages BIGINT, unanswered_run BIGINT,
  seconds_since_other INT, turns BIGINT, own_mean_characters DOUBLE, other_mean_characters DOUBLE,
  answered_share DOUBLE, outcomes_known BIGINT, ratings_known BIGINT, mean_rating DOUBLE,
  answered BOOLEAN, answer_known_at TIMESTAMP(3), rated_badly BOOLEAN, rating_known_at TIMESTAMP(3)
) WITH ('connector' = 'filesystem', 'path' = '${training}', 'format' = 'parquet');

INSERT INTO training
SELECT f.message_id, f.conversation_id, f.sender, f.sent_at,
       f.characters, f.words, f.asks, f.hour_of_day,
       f.sent_10s, f.sent_1m, f.sent_10m, f.sent_1d, f.sent_ever, f.seconds_since_sent,
       f.same_text_10m, f.distinct_texts_10m,
       f.conversation_seconds, f.conversation_messages, f.own_messages, f.other_messages, f.unanswered_run,
       f.seconds_since_other, f.turns, f.own_mean_characters, f.other_mean_characters,
       f.answered_share, f.outcomes_known, f.ratings_known, f.mean_rating,
       o.answered, o.known_at, r.rated_badly, r.rated_at
FROM features AS f
JOIN outcomes AS o ON o.message_id = f.message_id
LEFT JOIN (
  SELECT conversation_id, MAX(rated_at) AS rated_at, AVG((witty + interesting + upbeat) / 3E0) <= 2.5E0 AS rated_badly
  FROM ratings
  GROUP BY conversation_id
) AS r ON r.conversation_id = f.conversation_id;
