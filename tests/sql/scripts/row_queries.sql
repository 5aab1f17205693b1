-- given
CREATE TABLE t (id int PRIMARY KEY, a int, b numeric, name text);
CREATE TABLE u (id int PRIMARY KEY, k int, c bigint, d numeric, name text);
INSERT INTO t VALUES (1, 1, 1.0, 'x'), (2, 1, 2, 'y'), (3, NULL, 2, 'x'), (4, 2, NULL, NULL), (5, 3, 0.5, 'z');
INSERT INTO u VALUES (1, 1, 1, 1.00, 'x'), (2, 1, 2, 1, 'y'), (3, 2, NULL, 1, 'x'), (4, 2, 2, NULL, NULL), (5, 3, 1, 3, 'x');
-- views
CREATE VIEW less_any AS SELECT id FROM t WHERE (a, b) < ANY (SELECT c, d FROM u);
CREATE VIEW less_any_value AS SELECT id, (a, b) < ANY (SELECT c, d FROM u WHERE u.k = t.a) AS x FROM t;
CREATE VIEW at_most_all AS SELECT id, (a, b) <= ALL (SELECT c, d FROM u WHERE u.k >= t.a) AS x FROM t;
CREATE VIEW more_all AS SELECT id FROM t WHERE (a, b, name) > ALL (SELECT c, d, name FROM u WHERE k = 1);
CREATE VIEW at_least_any AS SELECT id, ROW(a, b) >= ANY (SELECT c, d FROM u) AS x, NOT (a, b) >= ANY (SELECT c, d FROM u) AS y FROM t;
CREATE VIEW unequal_any AS SELECT id, (a, name) <> ANY (SELECT c, name FROM u WHERE u.k = t.a) AS x FROM t;
CREATE VIEW equal_all AS SELECT id, (a, name) = ALL (SELECT c, name FROM u WHERE u.k = t.a) AS x FROM t;
CREATE VIEW unequal_all AS SELECT id, (a, b) <> ALL (SELECT c, d FROM u) AS x, (a, b) <> ALL (SELECT c, d FROM u WHERE d > 5) AS y FROM t;
CREATE VIEW literals AS SELECT id FROM t WHERE (1, 'x') = ANY (SELECT c, name FROM u WHERE u.k = t.a) OR (a, 'w') > ANY (SELECT c, name FROM u);
CREATE VIEW only_row AS SELECT id, (a, b) < (SELECT c, d FROM u WHERE u.id = t.id) AS less, (a, b) = (SELECT c, d FROM u WHERE u.id = t.id) AS same, (a, b) <> (SELECT c, d FROM u WHERE u.id = t.id) AS other FROM t;
CREATE VIEW only_row_filters AS SELECT id FROM t WHERE (a, b) >= (SELECT min(c), max(d) FROM u WHERE u.k = t.a) AND name IS NOT NULL;
CREATE VIEW in_having AS SELECT name FROM t GROUP BY name HAVING (count(*), sum(b)) > ANY (SELECT c, d FROM u WHERE u.name = t.name);
CREATE VIEW on_outer_join AS SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.k = t.a AND (t.a, t.b) <= ALL (SELECT v.c, v.d FROM u v WHERE v.id <> u.id AND v.d IS NOT NULL AND v.c IS NOT NULL);
-- then
INSERT INTO u VALUES (6, 1, 1, 1.5, 'w'), (7, 5, NULL, NULL, 'x');
UPDATE t SET b = 1 WHERE id IN (3, 4);
-- then
DELETE FROM u WHERE id IN (3, 4, 7);
UPDATE u SET d = d - 1;
-- then
TRUNCATE u;
INSERT INTO t VALUES (6, 0, 0, 'x');
-- then
INSERT INTO u VALUES (1, 1, 1, 1, 'x'), (6, 0, 0, 0.0, NULL);
