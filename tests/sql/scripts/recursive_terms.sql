-- given
CREATE TABLE edges (a int NOT NULL, b int, w numeric, PRIMARY KEY (a));
CREATE TABLE labels (id int PRIMARY KEY, label text, active boolean);
CREATE TABLE banned (id int);
INSERT INTO edges VALUES (1, 2, 1.5), (2, 3, 1.50), (3, 1, 2), (4, NULL, 0), (5, 4, 1), (6, 6, NULL);
INSERT INTO labels VALUES (1, 'one', true), (2, 'two', true), (3, 'three', false), (4, NULL, true), (6, 'six', NULL);
INSERT INTO banned VALUES (3), (NULL);
-- views
CREATE VIEW left_joined AS WITH RECURSIVE r AS (SELECT a, b FROM edges WHERE a IN (1, 5)
  UNION SELECT e.a, e.b FROM r LEFT JOIN labels l ON l.id = r.b JOIN edges e ON e.a = r.b WHERE l.active IS NOT FALSE) SELECT * FROM r;
CREATE VIEW not_banned AS WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT e.b FROM r JOIN edges e ON e.a = r.n
  WHERE NOT EXISTS (SELECT 1 FROM banned WHERE banned.id = e.b)) SELECT n FROM r;
CREATE VIEW not_in AS WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT e.b FROM r JOIN edges e ON e.a = r.n
  WHERE e.b NOT IN (SELECT id FROM banned WHERE id IS NOT NULL)) SELECT n FROM r;
CREATE VIEW scalar_in_step AS WITH RECURSIVE r(n, l) AS (SELECT 1, 'start' UNION
  SELECT e.b, (SELECT label FROM labels WHERE labels.id = e.b) FROM r JOIN edges e ON e.a = r.n) SELECT * FROM r;
CREATE VIEW derived_in_step AS WITH RECURSIVE r(n) AS (SELECT a FROM edges WHERE a = 5 UNION
  SELECT x.b FROM (SELECT e.b, r.n FROM r JOIN edges e ON e.a = r.n) x WHERE x.b IS NOT NULL) SELECT * FROM r;
CREATE VIEW lateral_in_step AS WITH RECURSIVE r(n, c) AS (SELECT 1, 0::bigint UNION
  SELECT e.b, x.c FROM r JOIN edges e ON e.a = r.n, LATERAL (SELECT count(*) AS c FROM labels WHERE id <= e.b) x) SELECT * FROM r;
CREATE VIEW grouped_static AS WITH RECURSIVE r(n, t) AS (SELECT 1, 0::bigint UNION
  SELECT e.b, g.c FROM r JOIN edges e ON e.a = r.n JOIN (SELECT active, count(*) AS c FROM labels GROUP BY active) g ON g.active) SELECT * FROM r;
CREATE VIEW windowed_step AS WITH RECURSIVE r(n, k, d) AS (SELECT a, 0::bigint, 0 FROM edges UNION ALL
  SELECT e.b, row_number() OVER (ORDER BY r.n, e.b, r.k), r.d + 1 FROM r JOIN edges e ON e.a = r.n WHERE r.k < 3 AND r.d < 4) SELECT * FROM r;
CREATE VIEW distinct_step AS WITH RECURSIVE r(n, d) AS (SELECT a, 0 FROM edges UNION ALL
  SELECT DISTINCT e.b, r.d + 1 FROM r JOIN edges e ON e.a = r.n WHERE r.d < 4) SELECT * FROM r;
CREATE VIEW union_step AS WITH RECURSIVE r(n) AS (SELECT 1 UNION
  (SELECT e.b FROM r JOIN edges e ON e.a = r.n UNION ALL SELECT id FROM labels WHERE active)) SELECT * FROM r;
CREATE VIEW constant_step AS WITH RECURSIVE r(n) AS (SELECT id FROM banned WHERE id IS NOT NULL UNION (SELECT n FROM r WHERE n > 100 UNION ALL SELECT 7)) SELECT * FROM r;
CREATE VIEW crossed_step AS WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT l.id FROM labels l CROSS JOIN r WHERE l.id > r.n AND l.active) SELECT * FROM r;
CREATE VIEW intersect_step AS WITH RECURSIVE r(n) AS (SELECT 1 UNION (SELECT e.b FROM r JOIN edges e ON e.a = r.n INTERSECT SELECT id FROM labels)) SELECT * FROM r;
CREATE VIEW except_step AS WITH RECURSIVE r(n) AS (SELECT 1 UNION (SELECT e.b FROM r JOIN edges e ON e.a = r.n EXCEPT SELECT id FROM banned)) SELECT * FROM r;
CREATE VIEW nested_with AS WITH RECURSIVE r(n) AS (WITH good AS (SELECT id FROM labels WHERE active) SELECT 1 UNION
  SELECT e.b FROM r JOIN edges e ON e.a = r.n JOIN good ON good.id = e.b) SELECT * FROM r;
CREATE VIEW nested_recursion AS WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT x.m FROM r JOIN
  (WITH RECURSIVE s(m, o) AS (SELECT a, b FROM edges UNION SELECT e.a, s.o FROM s JOIN edges e ON e.b = s.m) SELECT * FROM s) x ON x.o = r.n) SELECT * FROM r;
CREATE VIEW sums AS WITH RECURSIVE r(n, w) AS (SELECT a, w FROM edges UNION ALL
  SELECT e.b, r.w + e.w FROM r JOIN edges e ON e.a = r.n WHERE r.w < 6) SELECT n, sum(w) AS w, count(*) AS c FROM r GROUP BY n;
CREATE VIEW formed AS WITH RECURSIVE r(n, w) AS (SELECT a, w FROM edges UNION SELECT r.n, e.w FROM r JOIN edges e ON e.w = r.w) SELECT n, w FROM r;
CREATE VIEW no_rows AS WITH RECURSIVE r(n) AS (SELECT a FROM edges WHERE false UNION ALL SELECT n + 1 FROM r) SELECT * FROM r;
CREATE VIEW nulls AS WITH RECURSIVE r(n) AS (SELECT b FROM edges UNION SELECT e.b FROM r JOIN edges e ON e.a IS NOT DISTINCT FROM r.n) SELECT * FROM r;
CREATE VIEW in_a_condition AS SELECT id FROM labels WHERE id IN (WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT e.b FROM r JOIN edges e ON e.a = r.n) SELECT n FROM r);
CREATE VIEW top_of_it AS WITH RECURSIVE r(n, d) AS (SELECT 1, 0 UNION ALL SELECT e.b, d + 1 FROM r JOIN edges e ON e.a = r.n WHERE d < 9)
  SELECT n, d FROM r ORDER BY d DESC, n LIMIT 2;
-- then
UPDATE edges SET b = 5 WHERE a = 3;
INSERT INTO labels VALUES (5, 'five', true);
-- then
DELETE FROM banned;
UPDATE labels SET active = NOT active;
-- then
UPDATE edges SET b = 1 WHERE a = 4;
INSERT INTO banned VALUES (1), (2);
UPDATE edges SET w = 1.500 WHERE a = 2;
-- then
DELETE FROM edges WHERE a = 1;
DELETE FROM labels WHERE id = 4;
-- then
INSERT INTO edges VALUES (1, 6, 1.5);
UPDATE edges SET b = 2 WHERE a = 6;
DELETE FROM banned WHERE id = 1;
-- then
TRUNCATE edges, labels;
INSERT INTO edges VALUES (1, 1, 1);
