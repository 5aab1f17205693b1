-- given
CREATE TABLE t (id int PRIMARY KEY, g text, x int, tags text[]);
CREATE TABLE u (id int PRIMARY KEY, n int, name text);
INSERT INTO t VALUES (1, 'a', 3, '{p,q}'), (2, 'a', 5, '{}'), (3, 'b', NULL, '{q,q,r}'), (4, 'b', 1, NULL), (5, 'c', 5, '{s}');
INSERT INTO u VALUES (1, 1, 'p'), (2, 2, 'q'), (3, NULL, 'r'), (4, 5, NULL);
-- views
CREATE VIEW ranked AS SELECT id, row_number() OVER (ORDER BY id) IN (SELECT n FROM u) AS found FROM t;
CREATE VIEW of_partition AS SELECT id, g, sum(x) OVER (PARTITION BY g) > ALL (SELECT n FROM u WHERE n IS NOT NULL) AS most, (SELECT max(n) FROM u) AS m FROM t;
CREATE VIEW two AS SELECT id, (rank() OVER (ORDER BY x), g) IN (SELECT n, CASE WHEN n < 3 THEN 'a' ELSE 'b' END FROM u) AS found, count(*) OVER () + (SELECT count(*) FROM u WHERE u.id > t.id) AS c FROM t;
CREATE VIEW of_groups AS SELECT g, rank() OVER (ORDER BY count(x)) = ANY (SELECT n FROM u) AS found, max(x) IN (SELECT n FROM u) AS m FROM t GROUP BY g;
CREATE VIEW chained AS SELECT id, (row_number() OVER (ORDER BY id) IN (SELECT n FROM u)) = ANY (SELECT n > 1 FROM u WHERE u.id < t.id) AS x FROM t;
CREATE VIEW beside_returned AS SELECT id, unnest(tags) AS tag, row_number() OVER (ORDER BY id) IN (SELECT n FROM u) AS found FROM t;
-- then
INSERT INTO t VALUES (6, 'a', 2, '{r,p}');
UPDATE u SET n = n + 1;
-- then
DELETE FROM u WHERE name IS NULL OR n IS NULL;
UPDATE t SET tags = '{q}', x = 4 WHERE g = 'b';
-- then
DELETE FROM t WHERE id < 3;
TRUNCATE u;
-- then
INSERT INTO u VALUES (1, 2, 'q'), (9, 3, 'q');
