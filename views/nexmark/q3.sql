-- Query 3, local item suggestion: who in Oregon, Idaho or California sells something of category 10, and which auctions are these?
-- An incremental join with a filter. Nobody sells anything an hour after registering.
CREATE VIEW q3 AS
SELECT p.name, p.city, p.state, a.id
FROM auction a JOIN person p ON a.seller = p.id
WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')
  AND a.date_time BETWEEN p.date_time - interval '1 minute' AND p.date_time + interval '1 hour';
