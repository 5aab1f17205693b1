-- Query 12, windows of processing time: how many bids does a user make in ten seconds? The specification means seconds on the clock of
-- the machine; here results depend on events only, so these are seconds of the stream, which are the clock's with `paced` and
-- `base_time = "now"`.
CREATE VIEW q12 AS
SELECT bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM bid, tumble(date_time, '10 seconds')
GROUP BY bidder, window_start, window_end;
