-- Query 4, average price for a category: what do the winning bids of a category's auctions come to on average? A join whose
-- aggregate is aggregated again. No auction is open for more than a minute.
CREATE VIEW q4 AS
SELECT category, avg(final) AS final
FROM (
    SELECT a.category, max(b.price) AS final
    FROM auction a JOIN bid b ON a.id = b.auction
    WHERE b.date_time BETWEEN a.date_time AND a.expires AND b.date_time <= a.date_time + interval '1 minute'
    GROUP BY a.id, a.category
) AS won
GROUP BY category;
