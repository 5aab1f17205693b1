-- given
CREATE TABLE t (id int PRIMARY KEY, g text, x int, n numeric);
CREATE TABLE u (id int PRIMARY KEY, g text, y int);
INSERT INTO t VALUES (1, 'a', 3, 1.0), (2, 'a', 5, 1.00), (3, 'b', NULL, 2), (4, NULL, 7, NULL), (5, 'b', 1, 2.5);
INSERT INTO u VALUES (1, 'a', 4), (2, 'a', 9), (3, 'b', 1), (4, NULL, 5), (5, 'c', NULL);
-- views
CREATE VIEW whole AS SELECT (SELECT max(t.x)) AS m FROM t;
CREATE VIEW of_rows AS SELECT (SELECT max(t.id) FROM u WHERE u.id = 1) AS m, count(*) AS n FROM t;
CREATE VIEW grouped AS SELECT g, (SELECT count(*) FROM u WHERE u.y > max(t.x)) AS above, sum(x) AS s FROM t GROUP BY g;
CREATE VIEW same_twice AS SELECT g, (SELECT min(u.y) FROM u WHERE u.y >= sum(t.x) OR u.y < sum(t.x)) AS m, sum(x) AS s FROM t GROUP BY g;
CREATE VIEW mixed AS SELECT g, (SELECT sum(u.y + t.id) FROM u WHERE u.g = t.g) AS s FROM t GROUP BY g, id;
CREATE VIEW in_having AS SELECT g FROM t GROUP BY g HAVING EXISTS (SELECT FROM u WHERE u.g = t.g AND u.y < sum(t.x));
CREATE VIEW in_list AS SELECT g, max(x) IN (SELECT u.y - count(t.id) FROM u WHERE u.g = t.g) AS found FROM t GROUP BY g;
CREATE VIEW two_out AS SELECT g, (SELECT sum((SELECT v.y + max(t.x) FROM u v WHERE v.id = u.id AND v.y > 1)) FROM u) AS s FROM t GROUP BY g;
CREATE VIEW in_between AS SELECT t.id, (SELECT string_agg(u.g, ',' ORDER BY u.g) FROM u WHERE u.y > t.x HAVING (SELECT count(u.id) > 1)) AS s FROM t;
CREATE VIEW filtered AS SELECT g, (SELECT u.y FROM u WHERE u.id = count(t.id) FILTER (WHERE t.x > 2)) AS y FROM t GROUP BY g;
CREATE VIEW distincts AS SELECT g, (SELECT u.g FROM u WHERE u.id = count(DISTINCT t.n)) AS y FROM t GROUP BY g;
CREATE VIEW arrays AS SELECT g, (SELECT array_agg(t.x ORDER BY t.id DESC)) AS a FROM t GROUP BY g;
CREATE VIEW own_array AS SELECT t.id, ARRAY(SELECT t.x FROM u WHERE u.g = t.g) AS a, ARRAY(SELECT t.x) AS b FROM t;
CREATE VIEW in_table AS SELECT g, (SELECT v.m + u.y FROM u, LATERAL (SELECT sum(t.x) AS m) v WHERE u.id = 1) AS s FROM t GROUP BY g;
CREATE VIEW in_with AS SELECT g, (WITH c AS (SELECT avg(t.n) AS a) SELECT count(*) FROM c JOIN u ON u.y > c.a) AS s FROM t GROUP BY g;
CREATE VIEW in_recursion AS SELECT g, (WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < max(t.x)) SELECT sum(i) FROM r) AS s FROM t GROUP BY g;
CREATE VIEW ordered AS SELECT g, (SELECT u.id FROM u WHERE u.y IS NOT NULL ORDER BY abs(u.y - max(t.x)), u.id LIMIT 1) AS nearest FROM t GROUP BY g;
CREATE VIEW windowed AS SELECT g, (SELECT sum(sum(t.x)) OVER () FROM u WHERE u.id < 3 LIMIT 1) AS s FROM t GROUP BY g;
CREATE VIEW of_group AS SELECT g, (SELECT max(upper(t.g))) AS m FROM t GROUP BY g;
CREATE VIEW sets AS SELECT g, (SELECT sum(t.x)) AS s, grouping(g) AS of FROM t GROUP BY ROLLUP (g);
CREATE VIEW vals AS SELECT g, (SELECT max(v) FROM (VALUES (min(t.x)), (2)) AS w(v)) AS s FROM t GROUP BY g;
-- then
INSERT INTO t VALUES (6, 'c', 2, 1), (7, 'a', 9, 1);
UPDATE u SET y = y + 1;
-- then
DELETE FROM t WHERE g = 'b';
UPDATE t SET x = NULL WHERE id = 4;
INSERT INTO u VALUES (6, 'a', 5), (7, 'c', 0);
-- then
DELETE FROM t;
-- then
INSERT INTO t VALUES (1, 'a', 4, 2.50), (2, 'a', 4, 2.5);
DELETE FROM u WHERE id = 1;
