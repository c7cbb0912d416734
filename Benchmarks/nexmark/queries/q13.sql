-- Bids with a value looked up in a bounded table.
CREATE TABLE side_input (key BIGINT, `value` VARCHAR)
WITH ('connector' = '${side_connector}', 'path' = '${side}', 'format' = 'csv');

CREATE TABLE answer (
  auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3), `value` VARCHAR
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO answer
SELECT b.auction, b.bidder, b.price, b.`dateTime`, s.`value`
FROM (SELECT *, PROCTIME() AS p_time FROM bid) AS b
JOIN side_input FOR SYSTEM_TIME AS OF b.p_time AS s ON MOD(b.auction, 10000) = s.key;
