-- Backfill of the very events that came live: what the parity check compares the verdicts' features with. Runs after features.sql.

CREATE TABLE backfilled (
  message_id BIGINT,
  characters INT, words INT, asks INT, hour_of_day BIGINT,
  sent_10s BIGINT, sent_1m BIGINT, sent_10m BIGINT, sent_1d BIGINT, sent_ever BIGINT, seconds_since_sent INT,
  same_text_10m BIGINT, distinct_texts_10m DOUBLE,
  conversation_seconds INT, conversation_messages BIGINT, own_messages BIGINT, other_messages BIGINT, unanswered_run BIGINT,
  seconds_since_other INT, turns BIGINT, own_mean_characters DOUBLE, other_mean_characters DOUBLE,
  answered_share DOUBLE, outcomes_known BIGINT, ratings_known BIGINT, mean_rating DOUBLE
) WITH ('connector' = 'filesystem', 'path' = '${backfilled}', 'format' = 'json');

INSERT INTO backfilled
SELECT message_id, characters, words, asks, hour_of_day, sent_10s, sent_1m, sent_10m, sent_1d, sent_ever, seconds_since_sent,
       same_text_10m, distinct_texts_10m, conversation_seconds, conversation_messages, own_messages, other_messages, unanswered_run,
       seconds_since_other, turns, own_mean_characters, other_mean_characters, answered_share, outcomes_known, ratings_known, mean_rating
FROM features WHERE sent_at >= TIMESTAMP '${live_from}';
