-- Query 13, bounded side input: bids enriched from a small table of ten thousand rows. The specification reads it from a file; here
-- it is written down, and looked up.
CREATE VIEW side_input AS
SELECT key, 'value ' || key AS value
FROM generate_series(0, 9999) AS key;

CREATE VIEW q13 AS
SELECT b.auction, b.bidder, b.price, b.date_time, s.value
FROM bid b JOIN side_input FOR SYSTEM_TIME AS OF b.date_time AS s ON mod(b.auction, 10000) = s.key;
