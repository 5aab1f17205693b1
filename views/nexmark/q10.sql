-- Query 10, log to the file system: every bid with the day and the minute whose file it belongs to. The specification splits the
-- files by these; here they are columns of one.
CREATE VIEW q10 AS
SELECT auction, bidder, price, date_time, extra,
       to_char(date_time, 'YYYY-MM-DD') AS dt, to_char(date_time, 'HH24:MI') AS hm
FROM bid;
