-- Mean of the highest valid bids of each category.
CREATE TABLE answer (
  id BIGINT, final BIGINT
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO answer
SELECT category, AVG(final)
FROM (
  SELECT a.id, a.category, MAX(b.price) AS final
  FROM auction AS a, bid AS b
  WHERE a.id = b.auction AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires
  GROUP BY a.id, a.category
)
GROUP BY category;
