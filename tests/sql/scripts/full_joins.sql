-- given
CREATE TABLE a (id int PRIMARY KEY, k int, t text, n numeric);
CREATE TABLE b (id int PRIMARY KEY, k bigint, t varchar(5), n numeric);
INSERT INTO a VALUES (1, 1, 'x', 1.0), (2, 1, 'y', 2), (3, 2, NULL, 2.50), (4, NULL, 'x', NULL), (5, 7, 'z', 0);
INSERT INTO b VALUES (1, 1, 'x', 1.00), (2, 2, 'y', 2.5), (3, 3, NULL, NULL), (4, NULL, 'x', 0.0), (5, 2, 'w', 9);
-- views
CREATE VIEW plain AS SELECT a.id AS a, b.id AS b, a.t, b.n FROM a FULL JOIN b ON a.k = b.k;
CREATE VIEW residual AS SELECT a.id AS a, b.id AS b FROM a FULL OUTER JOIN b ON a.k = b.k AND a.n > b.n - 1 AND a.t <> 'y';
CREATE VIEW merged AS SELECT k, a.id AS a, b.id AS b FROM a FULL JOIN b USING (k);
CREATE VIEW merged_twice AS SELECT * FROM a FULL JOIN (SELECT k, t FROM b) b USING (k, t);
CREATE VIEW merged_cast AS SELECT k * 3000000000 AS wide, a.id AS a FROM a FULL JOIN b USING (k);
CREATE VIEW natural_join AS SELECT * FROM (SELECT k, t AS x FROM a) a NATURAL FULL JOIN (SELECT k, n FROM b) b;
CREATE VIEW keeps_left AS SELECT a.id AS a, b.id AS b FROM a FULL JOIN b ON a.k = b.k WHERE a.n >= 0;
CREATE VIEW keeps_right AS SELECT a.id AS a, b.id AS b FROM a FULL JOIN b ON a.k = b.k WHERE b.n >= 0;
CREATE VIEW keeps_pairs AS SELECT a.id AS a, b.id AS b FROM a FULL JOIN b ON a.k = b.k WHERE a.n <= b.n;
CREATE VIEW only_alone AS SELECT a.id AS a, b.id AS b FROM a FULL JOIN b ON a.k = b.k WHERE a.id IS NULL OR b.id IS NULL;
CREATE VIEW grouped AS SELECT k, count(a.id) AS a, count(b.id) AS b, sum(a.n) AS n FROM a FULL JOIN b USING (k) GROUP BY k;
CREATE VIEW three AS SELECT k, a.id AS a, b.id AS b, c.id AS c FROM a FULL JOIN b USING (k) FULL JOIN (SELECT id, k + 1 AS k FROM a) c USING (k);
CREATE VIEW computed AS SELECT a.id AS a, b.id AS b, a.n / nullif(b.n, 0) AS q FROM a FULL JOIN b ON a.k + 1 = b.k;
CREATE VIEW null_safe AS SELECT a.id AS a, b.id AS b FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k AND a.t = b.t;
CREATE VIEW null_safe_left AS SELECT a.id AS a, b.id AS b FROM a LEFT JOIN b ON a.k IS NOT DISTINCT FROM b.k AND a.t IS NOT DISTINCT FROM b.t;
CREATE VIEW null_safe_numeric AS SELECT a.id AS a, b.id AS b FROM a JOIN b ON NOT (a.n IS DISTINCT FROM b.n);
-- then
INSERT INTO a VALUES (6, 3, NULL, 100), (7, 8, 'q', 3);
DELETE FROM b WHERE id = 1;
UPDATE b SET k = NULL WHERE id = 2;
-- then
UPDATE a SET k = k + 1;
DELETE FROM a WHERE id IN (2, 4);
INSERT INTO b VALUES (1, NULL, NULL, 1), (9, 2, 'x', 5);
-- then
TRUNCATE b;
-- then
INSERT INTO b VALUES (1, 2, 'x', 1), (2, 3, 'x', -1);
DELETE FROM a;
