-- The auctions with most bids in each hopping window, all of those that tie.
CREATE TABLE answer (
  auction BIGINT, num BIGINT
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO answer
SELECT hot.auction, hot.num
FROM (
  SELECT auction, COUNT(*) AS num, window_start, window_end
  FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
  GROUP BY auction, window_start, window_end
) AS hot
JOIN (
  SELECT MAX(num) AS most, window_start, window_end
  FROM (
    SELECT auction, COUNT(*) AS num, window_start, window_end
    FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
    GROUP BY auction, window_start, window_end
  )
  GROUP BY window_start, window_end
) AS best
ON hot.window_start = best.window_start AND hot.window_end = best.window_end AND hot.num >= best.most;
