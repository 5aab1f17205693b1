-- given
CREATE TABLE a (id int PRIMARY KEY, k int, n numeric);
CREATE TABLE b (id int PRIMARY KEY, k int, n numeric NOT NULL);
CREATE TABLE c (id int PRIMARY KEY, b_id int NOT NULL, v bigint);
INSERT INTO a VALUES (1, 1, 1.0), (2, 1, 2), (3, 2, 2.50), (4, NULL, NULL), (5, 7, 0);
INSERT INTO b VALUES (1, 1, 1.00), (2, 2, 2.5), (3, 3, 4), (4, NULL, 0.0), (5, 2, 9);
INSERT INTO c VALUES (1, 1, 10), (2, 1, NULL), (3, 2, 7), (4, 5, 7), (5, 9, 1);
-- views
CREATE VIEW comma AS SELECT a.id, x.id AS b, x.twice FROM a, LATERAL (SELECT id, n * 2 AS twice FROM b WHERE b.k = a.k) x;
CREATE VIEW left_join AS SELECT a.id, x.s, x.c FROM a LEFT JOIN LATERAL (SELECT k, sum(n) AS s, count(*) AS c FROM b WHERE b.k >= a.k GROUP BY k) x ON x.s > a.n;
CREATE VIEW always AS SELECT a.id, x.s, x.c FROM a CROSS JOIN LATERAL (SELECT sum(n) AS s, count(*) AS c FROM b WHERE b.k = a.k) x;
CREATE VIEW on_true AS SELECT a.id, x.m FROM a LEFT JOIN LATERAL (SELECT max(v) AS m FROM c JOIN b ON b.id = c.b_id WHERE b.k = a.k) x ON true;
CREATE VIEW chained AS SELECT a.id, x.id AS b, y.v FROM a, LATERAL (SELECT id, k FROM b WHERE b.k = a.k) x, LATERAL (SELECT v FROM c WHERE c.b_id = x.id AND c.v > a.id) y;
CREATE VIEW joined_after AS SELECT a.id, x.n, c.id AS c FROM a, LATERAL (SELECT id, n FROM b WHERE b.k = a.k) x JOIN c ON c.b_id = x.id;
CREATE VIEW uncorrelated AS SELECT a.id, x.s FROM a, LATERAL (SELECT sum(n) AS s FROM b) x;
CREATE VIEW computed AS SELECT a.id, x.more, y.most FROM a, LATERAL (SELECT a.n + 1 AS more) x, LATERAL (SELECT x.more * 2 AS most) y;
CREATE VIEW unioned AS SELECT a.id, x.v FROM a, LATERAL (SELECT n AS v FROM b WHERE b.k = a.k UNION SELECT a.n + 0.001) x;
CREATE VIEW inside AS SELECT id FROM a WHERE 7 = ANY (SELECT y.v FROM b, LATERAL (SELECT v FROM c WHERE c.b_id = b.id AND b.k = a.k) y);
CREATE VIEW vals AS SELECT a.id, x.v FROM a, LATERAL (VALUES (a.k), (a.id + 10)) x(v);
-- then
INSERT INTO a VALUES (6, 1, 5), (7, 3, NULL);
DELETE FROM b WHERE id = 2;
UPDATE c SET v = 7 WHERE id < 3;
-- then
UPDATE a SET k = 2 WHERE k = 1;
INSERT INTO b VALUES (8, 2, 1), (9, NULL, 3);
-- then
TRUNCATE b;
-- then
INSERT INTO b VALUES (1, 2, 5);
DELETE FROM a WHERE id = 1;
