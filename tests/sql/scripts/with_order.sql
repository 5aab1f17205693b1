-- given
CREATE TABLE t (id int PRIMARY KEY, parent int, k int);
INSERT INTO t VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 1), (4, 2, NULL);
-- views
CREATE VIEW forward AS WITH RECURSIVE a AS (SELECT id, k FROM b WHERE id > 1), b AS (SELECT * FROM t WHERE k IS NOT NULL) SELECT * FROM a;
CREATE VIEW chain AS WITH RECURSIVE a AS (SELECT max(n) AS m FROM b), b AS (SELECT count(*) AS n FROM c GROUP BY k), c AS (SELECT k FROM t) SELECT a.m, b.n FROM a, b;
CREATE VIEW base_further_on AS WITH RECURSIVE r AS (SELECT id, 1 AS depth FROM roots UNION ALL SELECT l.id, depth + 1 FROM r JOIN links l ON l.parent = r.id), links AS (SELECT id, parent FROM t), roots AS (SELECT id FROM links WHERE parent IS NULL) SELECT * FROM r;
CREATE VIEW hidden AS WITH RECURSIVE a AS (WITH b AS (SELECT 7 AS x) SELECT x FROM b), b AS (SELECT x + 1 AS x FROM a) SELECT a.x, b.x AS y FROM a, b;
CREATE VIEW in_subquery AS WITH RECURSIVE a AS (SELECT id FROM t WHERE k IN (SELECT m FROM b)), b AS (SELECT min(k) AS m FROM t) SELECT * FROM a;
-- then
INSERT INTO t VALUES (5, NULL, 3), (6, 5, 1);
-- then
DELETE FROM t WHERE id = 2;
UPDATE t SET k = 2 WHERE k = 1;
