-- given
CREATE TABLE t (id int PRIMARY KEY, a int, b numeric);
INSERT INTO t VALUES (1, 1, 1.0), (2, 1, 1.00), (3, 1, NULL), (4, NULL, NULL), (5, NULL, NULL);

-- views
CREATE VIEW pairs AS SELECT count(DISTINCT (a, b)) AS n, count((a, b)) AS all_of_them FROM t;
CREATE VIEW pairs_of_each AS SELECT a, count(DISTINCT ROW(b, id % 2)) AS n FROM t GROUP BY a;
CREATE VIEW compared AS SELECT id FROM t WHERE ROW(a, b) >= ROW(1, 1.0) OR ROW(a, id) IN ((1, 3), ROW(2, 6));
CREATE VIEW between_ids AS SELECT id FROM t WHERE id BETWEEN SYMMETRIC 4 AND 2 AND id NOT BETWEEN SYMMETRIC a AND 3;
CREATE VIEW continued AS SELECT id, 'one'
  ' text' AS said FROM t;

-- then
INSERT INTO t VALUES (6, 2, 1.0), (7, 2, 1.00);

-- then
UPDATE t SET b = 2 WHERE id IN (1, 4);

-- then
DELETE FROM t WHERE id IN (3, 5);
UPDATE t SET a = NULL WHERE id = 6;
