-- Bids of each bidder in windows of processing time: the rows depend on when they are read, their sum does not.
CREATE VIEW timed AS SELECT *, PROCTIME() AS p_time FROM bid;

CREATE TABLE answer (
  bidder BIGINT, bid_count BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3)
) WITH ('connector' = 'hash', 'path' = '${result}');

INSERT INTO answer
SELECT bidder, COUNT(*), window_start, window_end
FROM TABLE(TUMBLE(TABLE timed, DESCRIPTOR(p_time), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
