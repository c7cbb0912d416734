-- Bids for a few auctions.
CREATE TABLE result (
  auction BIGINT, price BIGINT
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO result
SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0;
