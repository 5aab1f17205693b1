-- given
CREATE TABLE t (id int PRIMARY KEY, g text, a int, b numeric);
CREATE TABLE u (k int, v numeric, w text);
INSERT INTO t VALUES (1, 'x', 1, 1.0), (2, 'x', 1, 1.00), (3, 'x', NULL, 2), (4, 'y', NULL, NULL), (5, 'z', 7, 7);
INSERT INTO u VALUES (1, 10, 'b'), (1, 10, 'b'), (1, 2, 'aa'), (1, NULL, 'aa'), (7, NULL, NULL), (7, NULL, NULL);
-- views
CREATE VIEW counted AS SELECT count(u) AS n, count(DISTINCT u) AS d, count(u.*) AS s FROM u;
CREATE VIEW counted_groups AS SELECT t.g, count(u) AS n, count(DISTINCT u) AS d, count(DISTINCT (t.a, t.b)) AS p, count(DISTINCT t) AS t FROM t LEFT JOIN u ON u.k = t.a GROUP BY t.g;
CREATE VIEW collected AS SELECT jsonb_agg(DISTINCT u) AS rows FROM u;
CREATE VIEW collected_groups AS SELECT t.g, jsonb_agg(DISTINCT u) AS rows, jsonb_agg(DISTINCT u) FILTER (WHERE u.v > 5) AS some FROM t LEFT JOIN u ON u.k = t.a GROUP BY t.g;
CREATE VIEW collected_tuples AS SELECT jsonb_agg(DISTINCT (w, v)) AS rows FROM u;
CREATE VIEW inside AS SELECT t.id, (SELECT jsonb_agg(DISTINCT u) FROM u WHERE u.k = t.a) AS rows, (SELECT count(DISTINCT u) FROM u WHERE u.k = t.a) AS n FROM t;
-- then
INSERT INTO u VALUES (1, 2, 'aa'), (NULL, 3, 'c'), (7, 1, 'a');
UPDATE t SET a = 1 WHERE id = 3;
-- then
DELETE FROM u WHERE w = 'b';
-- then
TRUNCATE u;
-- then
INSERT INTO u VALUES (7, 100, 'x'), (7, 20, 'x'), (7, 20, 'x');
