-- given
CREATE TABLE a (id int PRIMARY KEY, k int);
CREATE TABLE b (id int PRIMARY KEY, k int, t text, d jsonb);
INSERT INTO a VALUES (1, 1), (2, 2), (3, NULL), (4, 9);
INSERT INTO b VALUES (1, 1, 'x', '{"a": 1}'), (2, 2, NULL, NULL), (3, 3, 'z', '[]'), (4, 3, 'w', NULL);
-- views
CREATE VIEW only_value AS SELECT id, (SELECT t FROM b WHERE b.k = a.k) AS t, (SELECT d FROM b WHERE b.k = a.k) AS d FROM a;
CREATE VIEW only_where AS SELECT id FROM a WHERE 'x' = (SELECT t FROM b WHERE b.k = a.k);
CREATE VIEW only_one AS SELECT id, (SELECT t FROM b WHERE id = 3) AS t, (SELECT t FROM b ORDER BY id DESC LIMIT 1) AS last FROM a;
CREATE VIEW only_distinct AS SELECT id, (SELECT DISTINCT k FROM b WHERE b.k = a.k) AS k FROM a;
CREATE VIEW first_of_many AS SELECT id, (SELECT t FROM b WHERE b.k <= a.k ORDER BY b.k DESC, b.id LIMIT 1) AS t FROM a;
CREATE VIEW top_lateral AS SELECT a.id, x.id AS b, x.t FROM a, LATERAL (SELECT id, t FROM b WHERE b.k >= a.k ORDER BY b.k, b.id LIMIT 2) x;
CREATE VIEW nobody_asks AS SELECT id, (SELECT t FROM b) AS t FROM a WHERE id > 100;
-- then
UPDATE a SET k = 2 WHERE id = 3;
DELETE FROM b WHERE id = 1;
-- then
INSERT INTO b VALUES (5, 1, 'new', 'null');
UPDATE b SET t = 'w2' WHERE id = 4;
-- then
DELETE FROM b;
-- then
INSERT INTO b VALUES (3, 2, 'back', '1.0');
