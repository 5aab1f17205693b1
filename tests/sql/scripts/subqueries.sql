-- given
CREATE TABLE a (id int PRIMARY KEY, k int, t text, n numeric);
CREATE TABLE b (id int PRIMARY KEY, k int, t text, n numeric NOT NULL);
CREATE TABLE c (id int PRIMARY KEY, b_id int NOT NULL, v bigint);
INSERT INTO a VALUES (1, 1, 'x', 1.0), (2, 1, 'y', 2), (3, 2, NULL, 2.50), (4, NULL, 'x', NULL), (5, 7, 'z', 0);
INSERT INTO b VALUES (1, 1, 'x', 1.00), (2, 2, 'y', 2.5), (3, 3, NULL, 4), (4, NULL, 'x', 0.0), (5, 2, 'w', 9);
INSERT INTO c VALUES (1, 1, 10), (2, 1, NULL), (3, 2, 7), (4, 5, 7), (5, 9, 1);
-- views
CREATE VIEW in_plain AS SELECT id FROM a WHERE k IN (SELECT k FROM b);
CREATE VIEW in_filtered AS SELECT id FROM a WHERE k IN (SELECT k FROM b WHERE n > 1) AND id < 5;
CREATE VIEW not_in_nulls AS SELECT id FROM a WHERE k NOT IN (SELECT k FROM b);
CREATE VIEW not_in_some AS SELECT id FROM a WHERE k NOT IN (SELECT k FROM b WHERE k > 1);
CREATE VIEW not_in_empty AS SELECT id FROM a WHERE k NOT IN (SELECT k FROM b WHERE n > 100);
CREATE VIEW not_in_plain AS SELECT id FROM a WHERE id NOT IN (SELECT b_id FROM c);
CREATE VIEW in_value AS SELECT id, k IN (SELECT k FROM b) AS yes, k NOT IN (SELECT k FROM b WHERE n < 3) AS no FROM a;
CREATE VIEW in_or AS SELECT id FROM a WHERE k IN (SELECT k FROM b) OR t = 'z' OR n NOT IN (SELECT n FROM b);
CREATE VIEW in_case AS SELECT id, CASE WHEN k IN (SELECT b_id FROM c) THEN 'in' WHEN t IN (SELECT t FROM b) THEN 't' ELSE '-' END AS x FROM a;
CREATE VIEW in_correlated AS SELECT id FROM a WHERE t IN (SELECT t FROM b WHERE b.k = a.k);
CREATE VIEW in_correlated_value AS SELECT id, t IN (SELECT t FROM b WHERE b.k <> a.k) AS x, t NOT IN (SELECT t FROM b WHERE b.k >= a.k) AS y FROM a;
CREATE VIEW in_numeric AS SELECT id FROM a WHERE n IN (SELECT n FROM b);
CREATE VIEW in_widths AS SELECT id FROM a WHERE id IN (SELECT v FROM c);
CREATE VIEW in_constant AS SELECT id FROM a WHERE 7 IN (SELECT v FROM c WHERE c.id > a.id);
CREATE VIEW in_row AS SELECT id FROM a WHERE (k, t) IN (SELECT k, t FROM b);
CREATE VIEW not_in_row AS SELECT id, (k, t) NOT IN (SELECT k, t FROM b WHERE n > 1) AS x FROM a;
CREATE VIEW exists_plain AS SELECT id FROM a WHERE EXISTS (SELECT FROM b);
CREATE VIEW exists_correlated AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.n > a.n);
CREATE VIEW not_exists AS SELECT id FROM a WHERE NOT EXISTS (SELECT * FROM b WHERE b.k = a.k);
CREATE VIEW not_exists_residual AS SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k < a.k OR b.t = a.t);
CREATE VIEW exists_value AS SELECT id, EXISTS (SELECT 1 FROM b WHERE b.k = a.k) AS x, NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.t = 'y') AS y FROM a;
CREATE VIEW exists_join AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b JOIN c ON c.b_id = b.id WHERE b.k = a.k AND c.v > 5);
CREATE VIEW exists_on_outer AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b LEFT JOIN c ON c.b_id = b.id AND c.v = a.id + 6 WHERE b.k = a.k AND c.id IS NULL);
CREATE VIEW exists_nested AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND EXISTS (SELECT 1 FROM c WHERE c.b_id = b.id AND c.v > a.id));
CREATE VIEW exists_skipping AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.b_id = a.id AND c.v = 7));
CREATE VIEW exists_grouped AS SELECT id FROM a WHERE EXISTS (SELECT b.k FROM b WHERE b.k <= a.k GROUP BY b.k HAVING count(*) > 1);
CREATE VIEW exists_union AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.k UNION ALL SELECT 2 FROM c WHERE c.id = a.k + 1);
CREATE VIEW twice AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k) AND NOT EXISTS (SELECT 1 FROM c WHERE c.b_id = a.id) AND id IN (SELECT id FROM b);
CREATE VIEW scalar_max AS SELECT id, (SELECT max(n) FROM b) AS m FROM a;
CREATE VIEW scalar_group AS SELECT id, (SELECT sum(n) FROM b WHERE b.k = a.k) AS s, (SELECT count(*) FROM b WHERE b.k = a.k) AS c FROM a;
CREATE VIEW scalar_of_nothing AS SELECT id, (SELECT count(*) + coalesce(sum(v), -1) FROM c WHERE c.b_id = a.k) AS s FROM a;
CREATE VIEW scalar_where AS SELECT id FROM a WHERE n > (SELECT avg(n) FROM b);
CREATE VIEW scalar_where_correlated AS SELECT id FROM a WHERE n >= (SELECT avg(n) FROM b WHERE b.k = a.k);
CREATE VIEW scalar_inequality AS SELECT id, (SELECT count(*) FROM b WHERE b.k < a.k) AS lower FROM a;
CREATE VIEW scalar_key AS SELECT id, (SELECT t FROM b WHERE b.id = a.k) AS t FROM a;
CREATE VIEW scalar_having AS SELECT id, (SELECT sum(n) FROM b WHERE b.k = a.k HAVING count(*) > 1) AS s FROM a;
CREATE VIEW scalar_constant AS SELECT id, (SELECT 1) AS one, (SELECT a.n + 1) AS more FROM a;
CREATE VIEW scalar_nested AS SELECT id, (SELECT max(v) FROM c WHERE c.b_id IN (SELECT id FROM b WHERE b.k = a.k)) AS v FROM a;
CREATE VIEW scalar_two_deep AS SELECT id, (SELECT sum((SELECT count(*) FROM c WHERE c.b_id = b.id AND c.v > a.id)) FROM b WHERE b.k = a.k) AS v FROM a;
CREATE VIEW scalar_grouped AS SELECT k, count(*) AS c, (SELECT max(n) FROM b WHERE b.k = a.k) AS m FROM a GROUP BY k;
CREATE VIEW scalar_having_above AS SELECT k FROM a GROUP BY k HAVING count(*) > (SELECT count(*) FROM c WHERE c.b_id = a.k);
CREATE VIEW scalar_in_aggregate AS SELECT sum((SELECT count(*) FROM b WHERE b.k = a.k)) AS s, max(n) AS n FROM a;
CREATE VIEW group_by_subquery AS SELECT c, count(*) AS n FROM (SELECT (SELECT count(*) FROM b WHERE b.k = a.k) AS c FROM a) x GROUP BY c;
CREATE VIEW any_less AS SELECT id FROM a WHERE n < ANY (SELECT n FROM b WHERE b.k = a.k);
CREATE VIEW all_greater AS SELECT id FROM a WHERE n > ALL (SELECT n FROM b WHERE b.k <> a.k);
CREATE VIEW any_value AS SELECT id, n < ANY (SELECT v FROM c) AS x, n <= ALL (SELECT v FROM c) AS y, k = ANY (SELECT k FROM b) AS z, k <> ALL (SELECT k FROM b WHERE k < 3) AS w FROM a;
CREATE VIEW on_subquery AS SELECT a.id AS a, b.id AS b FROM a JOIN b ON a.k = b.k AND b.n > (SELECT min(v) FROM c) - 3;
CREATE VIEW on_exists AS SELECT a.id AS a, b.id AS b FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT 1 FROM c WHERE c.b_id = b.id);
CREATE VIEW in_cte AS WITH big AS (SELECT k FROM b WHERE n > 2) SELECT id FROM a WHERE k IN (SELECT k FROM big) OR EXISTS (SELECT 1 FROM big WHERE big.k = a.id);
CREATE VIEW from_where AS SELECT x.id FROM (SELECT id, k FROM a WHERE k IN (SELECT k FROM b)) x WHERE x.id NOT IN (SELECT id FROM c WHERE v IS NULL);
CREATE VIEW derived_inside AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM (SELECT k, sum(n) AS s FROM b GROUP BY k) g WHERE g.k = a.k AND g.s > a.n);
CREATE VIEW derived_correlated AS SELECT id, (SELECT max(s) FROM (SELECT b.t, sum(b.n) AS s FROM b WHERE b.k = a.k GROUP BY b.t) g) AS m FROM a;
CREATE VIEW distinct_inside AS SELECT id, (SELECT count(*) FROM (SELECT DISTINCT n FROM b WHERE b.k = a.k OR b.k IS NULL) d) AS c FROM a;
CREATE VIEW values_inside AS SELECT id FROM a WHERE k IN (VALUES (1), (2), (a.id));
CREATE VIEW row_tests AS SELECT a.id AS a, b.id AS b, (a.k, a.n) = (b.k, b.n) AS eq, (a.k, a.n) <> (b.k, b.n) AS ne, (a.k, a.n) < (b.k, b.n) AS lt, (a.k, a.n, a.id) >= (b.k, b.n, b.id) AS ge, (a.k, a.t) IN ((1, 'x'), (2, b.t)) AS yes FROM a, b;
CREATE VIEW shadowed AS SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE id = a.id AND k IS NOT NULL);
CREATE VIEW duplicates AS SELECT k, t FROM a WHERE t IN (SELECT t FROM b);
-- then
INSERT INTO b VALUES (6, 7, 'z', -1), (7, 1, 'y', 2.0);
DELETE FROM b WHERE id = 4;
UPDATE c SET v = v + 1 WHERE b_id = 1;
-- then
INSERT INTO a VALUES (6, 1, 'x', 1), (7, 3, NULL, 3.5), (8, NULL, NULL, NULL);
UPDATE a SET n = NULL WHERE id = 2;
DELETE FROM c WHERE id IN (2, 4);
-- then
UPDATE b SET k = NULL WHERE id = 2;
DELETE FROM a WHERE id IN (1, 3);
INSERT INTO c VALUES (9, 7, 8), (10, 6, -5);
-- then
TRUNCATE b;
-- then
INSERT INTO b VALUES (1, 1, NULL, 5), (2, 2, 'x', 1);
TRUNCATE c;
UPDATE a SET k = 2 WHERE id > 5;
-- then
INSERT INTO c VALUES (1, 1, 10), (2, 2, NULL);
DELETE FROM a;
