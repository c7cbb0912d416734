-- The ten highest bids of each auction, with their places.
CREATE TABLE answer (
  auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR, place BIGINT
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO answer
SELECT *
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place
  FROM bid
)
WHERE place <= 10;
