-- Query 18, last bid: a bidder's last bid for each auction. Of bids at the same time the highest.
CREATE VIEW q18 AS
SELECT auction, bidder, price, channel, url, date_time, extra
FROM (
    SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, price DESC, extra) AS place
    FROM bid
) AS numbered
WHERE place <= 1;
