-- Query 5, hot items: which auctions saw most bids in the last period? Sliding windows; the first Nexmark looked at an hour every
-- minute, later ones at ten seconds every two.
CREATE VIEW q5_counts AS
SELECT auction, window_start, window_end, count(*) AS num
FROM bid, hop(date_time, '2 seconds', '10 seconds')
GROUP BY auction, window_start, window_end;

CREATE VIEW q5 AS
SELECT b.auction, b.num
FROM q5_counts b
JOIN (
    SELECT window_start, window_end, max(num) AS num
    FROM q5_counts
    GROUP BY window_start, window_end
) AS most
ON b.window_start = most.window_start AND b.window_end = most.window_end AND b.num >= most.num;
