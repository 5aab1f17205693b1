-- Query 6, average selling price by seller: what did a seller's last ten auctions bring on average? The winning bids of query 4,
-- and an aggregate of the last few rows.
CREATE VIEW q6 AS
SELECT seller, avg(price) AS avg_price
FROM (
    SELECT seller, price, row_number() OVER (PARTITION BY seller ORDER BY date_time DESC, id DESC) AS place
    FROM (
        SELECT DISTINCT ON (a.id) a.id, a.seller, b.price, b.date_time
        FROM auction a JOIN bid b ON a.id = b.auction
        WHERE b.date_time BETWEEN a.date_time AND a.expires AND b.date_time <= a.date_time + interval '1 minute'
        ORDER BY a.id, b.price DESC, b.date_time
    ) AS won
) AS numbered
WHERE place <= 10
GROUP BY seller;
