-- given
CREATE TABLE a (id int PRIMARY KEY, k int, n numeric);
CREATE TABLE b (id int PRIMARY KEY, k int, n numeric);
CREATE TABLE c (id int PRIMARY KEY, k int, v int);
INSERT INTO a VALUES (1, 1, 1.0), (2, 2, 1.00), (3, NULL, NULL), (4, 9, 2);
INSERT INTO b VALUES (1, 1, 1.0), (2, 1, 5), (3, 2, NULL), (4, NULL, 2.0);
INSERT INTO c VALUES (1, 1, 10), (2, 2, 20), (3, 3, NULL), (4, NULL, 40);
-- views
CREATE VIEW right_reads_left AS SELECT a.id, (SELECT count(*) FROM (SELECT id, k FROM b WHERE b.k = a.k) x RIGHT JOIN c ON c.k = x.k) AS n FROM a;
CREATE VIEW right_sums AS SELECT a.id, (SELECT sum(coalesce(x.id, 100) + c.id) FROM (SELECT id, k FROM b WHERE b.k = a.k) x RIGHT JOIN c ON c.k = x.k) AS n FROM a;
CREATE VIEW right_reads_right AS SELECT a.id, (SELECT sum(x.id + coalesce(c.v, 1000)) FROM c RIGHT JOIN (SELECT id, k FROM b WHERE b.k >= a.k) x ON c.k = x.k) AS n FROM a;
CREATE VIEW full_reads_left AS SELECT a.id, (SELECT count(*) FROM (SELECT id, k FROM b WHERE b.k = a.k) x FULL JOIN c ON c.k = x.k) AS n FROM a;
CREATE VIEW full_both AS SELECT a.id, (SELECT string_agg(coalesce(x.id::text, '-') || coalesce(y.id::text, '-'), ',' ORDER BY x.id, y.id)
  FROM (SELECT id, k FROM b WHERE b.k = a.k) x FULL JOIN (SELECT id, k FROM c WHERE c.id > a.id) y ON y.k = x.k) AS n FROM a;
CREATE VIEW in_condition AS SELECT a.id, (SELECT count(x.id) FROM b x FULL JOIN c ON c.k = x.k AND c.id = a.id) AS n, (SELECT count(*) FROM b x RIGHT JOIN c ON c.k = x.k AND x.n = a.n) AS m FROM a;
CREATE VIEW merged AS SELECT a.id, (SELECT sum(k) FROM (SELECT k FROM b WHERE b.k = a.k) x FULL JOIN c USING (k)) AS f, (SELECT sum(k) FROM (SELECT k FROM b WHERE b.n = a.n) x RIGHT JOIN c USING (k)) AS r FROM a;
CREATE VIEW lists AS SELECT a.id, x.g, x.c FROM a, LATERAL (SELECT s.g, c.id AS c FROM generate_series(1, a.id) s(g) FULL JOIN c ON c.k = s.g) x;
CREATE VIEW filtered AS SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM (SELECT id FROM b WHERE b.k = a.k) x RIGHT JOIN c ON c.id = x.id WHERE x.id IS NULL AND c.v > 15);
CREATE VIEW twice AS SELECT a.id, (SELECT count(*) FROM (SELECT k FROM b WHERE b.k = a.k) x FULL JOIN c ON c.k = x.k RIGHT JOIN b y ON y.k = c.k LEFT JOIN c z ON z.id = y.id) AS n FROM a;
-- then
INSERT INTO a VALUES (5, 1, NULL), (6, 3, 5.0);
DELETE FROM c WHERE id = 2;
-- then
UPDATE b SET k = 2 WHERE k = 1;
INSERT INTO c VALUES (7, 2, 70), (8, 9, NULL);
-- then
TRUNCATE b;
-- then
INSERT INTO b VALUES (1, 1, 1.000), (2, 3, 2);
DELETE FROM a WHERE id = 1;
