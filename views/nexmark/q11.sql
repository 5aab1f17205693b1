-- Query 11, user sessions: how many bids did a user make while active, with no more than ten seconds between one and the next?
CREATE VIEW q11 AS
SELECT bidder, count(*) AS bid_count, min(date_time) AS starttime, max(date_time) + interval '10 seconds' AS endtime
FROM (
    SELECT bidder, date_time, sum(begins) OVER (PARTITION BY bidder ORDER BY date_time) AS session
    FROM (
        SELECT bidder, date_time,
               CASE WHEN date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time) <= interval '10 seconds'
                    THEN 0 ELSE 1 END AS begins
        FROM bid
    ) AS marked
) AS numbered
GROUP BY bidder, session;
