-- Query 0, pass through: what the machinery costs by itself. All bids, as they are.
CREATE VIEW q0 AS
SELECT auction, bidder, price, date_time, extra
FROM bid;
