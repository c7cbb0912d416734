-- The highest bids of each window, found again among all bids.
CREATE TABLE answer (
  auction BIGINT, price BIGINT, bidder BIGINT, `dateTime` TIMESTAMP(3), extra VARCHAR
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO answer
SELECT b.auction, b.price, b.bidder, b.`dateTime`, b.extra
FROM bid AS b
JOIN (
  SELECT MAX(price) AS highest, window_end AS until
  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end
) AS best
ON b.price = best.highest
WHERE b.`dateTime` BETWEEN best.until - INTERVAL '10' SECOND AND best.until;
