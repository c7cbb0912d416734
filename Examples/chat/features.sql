-- What Millrace knows about a chat message at the instant it is sent.
--
-- The same text runs over history (to make the training set) and over the live stream (to score messages).
-- ${messages} and ${ratings} are given with -D messages=PATH -D ratings=PATH.

-- ---------------------------------------------------------------------------------------------------------------------
-- 1. The events. Nothing is computed before this line: who wrote what, where and when; and how a conversation was rated.

CREATE TABLE messages (
  message_id      BIGINT,
  conversation_id STRING,
  message_index   INT,
  sender          STRING,
  text            STRING,
  sent_at         TIMESTAMP(3),
  WATERMARK FOR sent_at AS sent_at - INTERVAL '5' SECOND
) WITH (
  'connector' = 'filesystem', 'path' = '${messages}', 'format' = 'json',
  -- Messages of one second are ordered like this, wherever they are read from.
  'order.by' = 'conversation_id, message_index'
);

CREATE TABLE ratings (
  conversation_id STRING,
  sender          STRING,
  witty           DOUBLE,
  interesting     DOUBLE,
  upbeat          DOUBLE,
  rated_at        TIMESTAMP(3),
  WATERMARK FOR rated_at AS rated_at - INTERVAL '5' SECOND
) WITH (
  'connector' = 'filesystem', 'path' = '${ratings}', 'format' = 'json',
  'order.by' = 'conversation_id, sender',
  -- A rating known at the very instant of a message counts for that message.
  'order.rank' = '-1'
);

-- ---------------------------------------------------------------------------------------------------------------------
-- 2. The message by itself.

CREATE VIEW message AS
SELECT message_id, conversation_id, message_index, sender, text, sent_at,
       CHAR_LENGTH(text)                                               AS characters,
       CHAR_LENGTH(text) - CHAR_LENGTH(REPLACE(text, ' ', '')) + 1     AS words,
       CASE WHEN text LIKE '%?%' THEN 1 ELSE 0 END                     AS asks,
       HOUR(sent_at)                                                   AS hour_of_day,
       LOWER(TRIM(text))                                               AS plain_text
FROM messages;

-- ---------------------------------------------------------------------------------------------------------------------
-- 3. The conversation as of the message. A feature view holds windows per key; it is asked AS OF an instant.

CREATE FEATURE VIEW conversation KEYED BY (conversation_id) AS
SELECT COUNT(*)            OVER UNBOUNDED AS messages,
       MIN(sent_at)        OVER UNBOUNDED AS began_at,
       LAST_VALUE(sender)  OVER UNBOUNDED AS last_sender,
       LAST_VALUE(sent_at) OVER UNBOUNDED AS last_at
FROM message;

CREATE VIEW in_conversation AS
SELECT m.*, c.messages AS conversation_messages, c.began_at, c.last_sender, c.last_at
FROM message AS m
LEFT JOIN conversation FOR SYSTEM_TIME AS OF m.sent_at AS c ON c.conversation_id = m.conversation_id;

-- A turn is a message whose sender differs from the one before.
CREATE VIEW turns AS
SELECT conversation_id, message_index, sent_at, last_sender AS other, conversation_messages AS messages_before
FROM in_conversation
WHERE last_sender <> sender;

CREATE FEATURE VIEW turn KEYED BY (conversation_id) AS
SELECT LAST_VALUE(message_index)   OVER UNBOUNDED AS turn_index,
       LAST_VALUE(other)           OVER UNBOUNDED AS other,
       LAST_VALUE(messages_before) OVER UNBOUNDED AS messages_before,
       COUNT(*)                    OVER UNBOUNDED AS turns
FROM turns;

-- ---------------------------------------------------------------------------------------------------------------------
-- 4. What became of it. A minute after a message we know whether somebody else has spoken since: that fact becomes an event of
--    its own, a minute late, and only then may a feature see it.

CREATE VIEW outcomes AS
SELECT m.message_id, m.conversation_id, m.sender, m.sent_at, m.known_at,
       COALESCE(t.turn_index > m.message_index, FALSE) AS answered
FROM (SELECT message_id, conversation_id, message_index, sender, sent_at, sent_at + INTERVAL '60' SECOND AS known_at
      FROM messages) AS m
LEFT JOIN turn FOR SYSTEM_TIME AS OF m.known_at AS t ON t.conversation_id = m.conversation_id;

-- ---------------------------------------------------------------------------------------------------------------------
-- 5. The sender, each side of the conversation, and how often the same text was sent.

CREATE FEATURE VIEW sender_so_far KEYED BY (sender) AS
SELECT COUNT(*) OVER LAST '10' SECOND                   AS sent_10s,
       COUNT(*) OVER LAST '1' MINUTE                    AS sent_1m,
       COUNT(*) OVER LAST '10' MINUTE                   AS sent_10m,
       COUNT(*) OVER LAST '1' DAY                       AS sent_1d,
       COUNT(*) OVER UNBOUNDED                          AS sent_ever,
       LAST_VALUE(sent_at) OVER UNBOUNDED               AS last_sent_at,
       CAST(COUNT(DISTINCT plain_text) OVER LAST '10' MINUTE AS DOUBLE)
         / NULLIF(COUNT(*) OVER LAST '10' MINUTE, 0)    AS distinct_texts_10m
FROM message
ALSO
SELECT AVG(CASE WHEN answered THEN 1E0 ELSE 0E0 END) OVER UNBOUNDED AS answered_share,
       COUNT(*) OVER UNBOUNDED                          AS outcomes_known
FROM outcomes
ALSO
SELECT COUNT(*) OVER UNBOUNDED                          AS ratings_known,
       AVG((witty + interesting + upbeat) / 3E0) OVER UNBOUNDED                       AS mean_rating
FROM ratings;

CREATE FEATURE VIEW side KEYED BY (conversation_id, sender) AS
SELECT COUNT(*)            OVER UNBOUNDED                    AS messages,
       LAST_VALUE(sent_at) OVER UNBOUNDED                    AS last_at,
       AVG(CAST(characters AS DOUBLE)) OVER LAST 20 ROWS     AS mean_characters
FROM message;

CREATE FEATURE VIEW same_text KEYED BY (sender, plain_text) AS
SELECT COUNT(*) OVER LAST '10' MINUTE AS sent_10m
FROM message;

-- ---------------------------------------------------------------------------------------------------------------------
-- 6. One row of features per message, as of the instant it was sent.

CREATE VIEW with_other_side AS
SELECT m.*, t.turns, t.messages_before,
       CASE WHEN m.last_sender <> m.sender THEN m.last_sender ELSE t.other END AS other
FROM in_conversation AS m
LEFT JOIN turn FOR SYSTEM_TIME AS OF m.sent_at AS t ON t.conversation_id = m.conversation_id;

CREATE VIEW features AS
SELECT m.message_id, m.conversation_id, m.message_index, m.sender, m.text, m.sent_at,
       m.characters, m.words, m.asks, m.hour_of_day,
       s.sent_10s, s.sent_1m, s.sent_10m, s.sent_1d, s.sent_ever,
       TIMESTAMPDIFF(SECOND, s.last_sent_at, m.sent_at)           AS seconds_since_sent,
       r.sent_10m                                                 AS same_text_10m,
       s.distinct_texts_10m,
       TIMESTAMPDIFF(SECOND, m.began_at, m.sent_at)               AS conversation_seconds,
       m.conversation_messages,
       mine.messages                                              AS own_messages,
       theirs.messages                                            AS other_messages,
       CASE WHEN m.last_sender <> m.sender THEN 0
            ELSE m.conversation_messages - COALESCE(m.messages_before, 0) END AS unanswered_run,
       TIMESTAMPDIFF(SECOND, theirs.last_at, m.sent_at)           AS seconds_since_other,
       m.turns,
       mine.mean_characters                                       AS own_mean_characters,
       theirs.mean_characters                                     AS other_mean_characters,
       s.answered_share, s.outcomes_known,
       s.ratings_known, s.mean_rating
FROM with_other_side AS m
LEFT JOIN sender_so_far FOR SYSTEM_TIME AS OF m.sent_at AS s      ON s.sender = m.sender
LEFT JOIN same_text     FOR SYSTEM_TIME AS OF m.sent_at AS r      ON r.sender = m.sender AND r.plain_text = m.plain_text
LEFT JOIN side          FOR SYSTEM_TIME AS OF m.sent_at AS mine   ON mine.conversation_id = m.conversation_id AND mine.sender = m.sender
LEFT JOIN side          FOR SYSTEM_TIME AS OF m.sent_at AS theirs ON theirs.conversation_id = m.conversation_id AND theirs.sender = m.other;
