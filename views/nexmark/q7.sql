-- Query 7, highest bid: which are the highest bids of each period? A window's aggregate joined with what it was made of; the first
-- Nexmark looked at minutes, later ones at ten seconds.
CREATE VIEW q7 AS
SELECT b.auction, b.price, b.bidder, b.date_time, b.extra
FROM bid b
JOIN (
    SELECT window_end, max(price) AS price
    FROM bid, tumble(date_time, '10 seconds')
    GROUP BY window_start, window_end
) AS highest
ON b.price = highest.price
WHERE b.date_time BETWEEN highest.window_end - interval '10 seconds' AND highest.window_end;
