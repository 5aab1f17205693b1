-- Query 4, average price for a category: what do the winning bids of a category's auctions come to on average? A join whose
-- aggregate is aggregated again.
CREATE VIEW q4 AS
SELECT category, avg(final) AS final
FROM (
    SELECT a.category, max(b.price) AS final
    FROM auction a JOIN bid b ON a.id = b.auction
    WHERE b.date_time BETWEEN a.date_time AND a.expires
    GROUP BY a.id, a.category
) AS won
GROUP BY category;
