-- Bids for a few auctions.
CREATE TABLE answer (
  auction BIGINT, price BIGINT
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO answer
SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0;
