-- given
CREATE TABLE t (id int PRIMARY KEY, k int, n numeric, lo int, hi int);
CREATE TABLE u (id int PRIMARY KEY, t_id int, k int, v int);
CREATE TABLE w (k int, v int);
INSERT INTO t VALUES (1, 1, 1.0, 1, 4), (2, 1, 1.00, 3, 3), (3, 2, 2.5, 5, 2), (4, NULL, NULL, NULL, 3), (5, 9, 0, 0, 2);
INSERT INTO u VALUES (1, 1, 1, 10), (2, 1, 2, NULL), (3, 2, 1, 7), (4, 3, 2, 7), (5, NULL, 1, 1), (6, 5, 9, 2);
INSERT INTO w VALUES (1, 5), (1, 5), (2, 7), (NULL, 1), (9, 2);
-- views
CREATE VIEW scalar AS SELECT t.id, (WITH c AS (SELECT v FROM u WHERE u.t_id = t.id) SELECT sum(v) FROM c) AS s FROM t;
CREATE VIEW used_twice AS SELECT t.id, (WITH c AS (SELECT v FROM u WHERE u.t_id = t.id) SELECT count(*) FROM c x, c y WHERE x.v <> y.v) AS s FROM t;
CREATE VIEW deeper AS SELECT t.id, (WITH c AS (SELECT v, k FROM u WHERE u.t_id = t.id) SELECT sum((SELECT max(c.v) FROM c WHERE c.k = w.k)) FROM w WHERE w.v > t.k) AS s FROM t;
CREATE VIEW of_another AS SELECT t.id, ARRAY(WITH c AS (SELECT v, k FROM u WHERE u.t_id = t.id), d AS (SELECT v + t.k AS v FROM c WHERE v IS NOT NULL) SELECT v FROM d UNION ALL SELECT v FROM c ORDER BY v) AS s FROM t;
CREATE VIEW constant AS SELECT t.id, (WITH c(x, y) AS (SELECT t.n * 2, 'a'), unread AS (SELECT t.hi) SELECT x::text || y FROM c) AS s FROM t;
CREATE VIEW none_read AS SELECT t.id, (WITH c AS (SELECT max(v) AS m FROM u) SELECT m + t.k FROM c) AS s FROM t;
CREATE VIEW where_clause AS SELECT t.id FROM t WHERE EXISTS (WITH c AS (SELECT * FROM u WHERE u.k = t.k) SELECT FROM c JOIN w USING (k) WHERE w.v < c.v);
CREATE VIEW member AS SELECT t.id, t.k IN (WITH c AS (SELECT k FROM u WHERE u.t_id = t.id) SELECT k FROM c) AS x FROM t;
CREATE VIEW beside AS SELECT t.id, x.k, x.s FROM t, LATERAL (WITH c AS (SELECT k, v FROM u WHERE u.t_id = t.id) SELECT k, sum(v) AS s FROM c GROUP BY k) x;
CREATE VIEW left_beside AS SELECT t.id, x.v, x.at FROM t LEFT JOIN LATERAL (WITH c AS (SELECT v FROM u WHERE u.k = t.k) SELECT v, row_number() OVER (ORDER BY v DESC NULLS LAST) AS at FROM c) x ON x.at <= 2;
CREATE VIEW two_levels AS SELECT t.id, (SELECT sum((WITH c AS (SELECT w.v FROM w WHERE w.k = u.k AND w.v > t.id) SELECT count(*) FROM c)) FROM u WHERE u.t_id = t.id) AS s FROM t;
CREATE VIEW outermost AS WITH c AS (SELECT k, sum(v) AS s FROM w GROUP BY k) SELECT t.id, (WITH d AS (SELECT s FROM c WHERE c.k = t.k) SELECT s FROM d) AS s FROM t;
CREATE VIEW name_hidden AS SELECT t.id, (WITH c AS (SELECT t.id AS x) SELECT sum(u.v) FROM c JOIN u ON u.t_id = c.x, (SELECT max(k) AS id FROM w) t WHERE t.id > 1) AS s FROM t;
CREATE VIEW set_of_two AS SELECT t.id, (WITH c AS (SELECT v FROM u WHERE u.t_id = t.id) SELECT count(*) FROM (SELECT v FROM c EXCEPT SELECT v FROM w WHERE w.k = t.k) x) AS s FROM t;
CREATE VIEW in_having AS SELECT k, count(*) AS n FROM t GROUP BY k HAVING count(*) > (WITH c AS (SELECT 1 FROM u WHERE u.k = t.k) SELECT count(*) - 2 FROM c);
CREATE VIEW in_cte AS SELECT t.id, (WITH c AS (WITH d AS (SELECT v FROM u WHERE u.t_id = t.id) SELECT max(v) AS m FROM d) SELECT m FROM c) AS s FROM t;
-- then
INSERT INTO t VALUES (6, 2, 7, 1, 1);
UPDATE u SET t_id = 6 WHERE id IN (3, 5);
-- then
DELETE FROM u WHERE t_id = 1;
UPDATE w SET v = v + 3 WHERE k = 1;
UPDATE t SET k = 1 WHERE id = 4;
-- then
INSERT INTO u VALUES (10, 1, 1, 4), (11, 1, 1, 4), (12, 4, NULL, 8);
DELETE FROM t WHERE id = 2;
-- then
TRUNCATE w;
UPDATE t SET n = 1.000 WHERE id = 1;
