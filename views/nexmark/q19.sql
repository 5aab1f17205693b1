-- Query 19, ten highest bids: of each auction, with their places. Of equal prices the earlier one comes first.
CREATE VIEW q19 AS
SELECT *
FROM (
    SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, date_time, extra) AS rank_number
    FROM bid
) AS numbered
WHERE rank_number <= 10;
