-- Query 11, user sessions: how many bids did a user make while active, with no more than ten seconds between one and the next?
CREATE VIEW q11 AS
SELECT bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM bid, session(date_time, '10 seconds')
GROUP BY bidder, window_start, window_end;
