-- given
CREATE TABLE t (id int PRIMARY KEY, f numeric, g text, x int, at interval);
CREATE TABLE u (id int PRIMARY KEY, f float8);
INSERT INTO t VALUES (1, 0.5, 'a', 3, '1 day'), (2, 0.50, 'a', 6, '2 days'), (3, 0, 'b', 1, NULL), (4, 0, 'b', 9, '1 hour'), (5, NULL, 'c', 4, '1 hour'), (6, 1, 'a', NULL, NULL);
INSERT INTO u VALUES (1, 0.25), (2, 1), (3, NULL);
-- views
CREATE VIEW by_fraction AS SELECT f, percentile_cont(f) WITHIN GROUP (ORDER BY x) AS c, percentile_disc(f) WITHIN GROUP (ORDER BY x DESC) AS d FROM t GROUP BY f;
CREATE VIEW by_expression AS SELECT g, f / 2 AS half, percentile_cont(f / 2) WITHIN GROUP (ORDER BY at) AS c FROM t GROUP BY g, f / 2;
CREATE VIEW many AS SELECT f, percentile_disc(ARRAY[0, f, 1]) WITHIN GROUP (ORDER BY x) AS d FROM t GROUP BY f;
CREATE VIEW of_key AS SELECT u.id, percentile_cont(u.f) WITHIN GROUP (ORDER BY t.x) AS c FROM u LEFT JOIN t ON t.id > u.id GROUP BY u.id;
CREATE VIEW of_outer AS SELECT id, (SELECT percentile_cont(u.f) WITHIN GROUP (ORDER BY t.x) FROM t WHERE t.g <> 'b') AS c FROM u;
CREATE VIEW filtered AS SELECT f, percentile_disc(f) WITHIN GROUP (ORDER BY g) FILTER (WHERE x > 3) AS d FROM t GROUP BY f;
-- then
INSERT INTO t VALUES (7, 0.5, 'c', 1, '3 days'), (8, NULL, 'a', 1, NULL);
UPDATE u SET f = 0.75 WHERE id = 1;
-- then
UPDATE t SET f = 0.5 WHERE id IN (3, 5);
DELETE FROM t WHERE id = 1;
-- then
DELETE FROM t WHERE f = 0.5;
