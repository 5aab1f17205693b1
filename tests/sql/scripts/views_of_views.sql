-- given
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t VALUES (1, 1), (2, 5), (3, 9), (4, NULL);

-- views
CREATE VIEW z_big AS SELECT id, n FROM t WHERE n > 4;
CREATE VIEW exists_in AS SELECT id FROM t WHERE EXISTS (SELECT 1 FROM z_big b WHERE b.id = t.id);
CREATE VIEW value_of AS SELECT id, (SELECT max(n) FROM z_big) AS most FROM t;
CREATE VIEW inside_on AS SELECT t.id, u.id AS other FROM t JOIN t u ON u.id = t.id AND t.n IN (SELECT n FROM z_big);
CREATE VIEW inside_array AS SELECT id, ARRAY(SELECT n FROM z_big ORDER BY n) AS ns FROM t;
CREATE VIEW inside_function AS SELECT x FROM unnest(ARRAY(SELECT n FROM z_big)) x;
CREATE VIEW hides AS WITH z_big AS (SELECT id FROM z_big WHERE n > 6) SELECT id, (SELECT count(*) FROM z_big) AS c FROM z_big;

-- then
UPDATE t SET n = 7 WHERE id = 1;

-- then
DELETE FROM t WHERE n > 6;
