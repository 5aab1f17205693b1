-- Query 1, currency conversion: every bid with its price in euros instead of dollars. A simple projection.
CREATE VIEW q1 AS
SELECT auction, bidder, 0.908 * price AS price, date_time, extra
FROM bid;
