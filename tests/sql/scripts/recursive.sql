-- given
CREATE TABLE edges (a int NOT NULL, b int NOT NULL, cost int NOT NULL, PRIMARY KEY (a, b));
CREATE TABLE parts (assembly text NOT NULL, part text NOT NULL, quantity int NOT NULL, PRIMARY KEY (assembly, part));
CREATE TABLE categories (id int PRIMARY KEY, parent int, name text NOT NULL);
CREATE TABLE starts (a int PRIMARY KEY);
INSERT INTO edges VALUES (1, 2, 1), (2, 3, 1), (3, 4, 5), (4, 2, 1), (1, 5, 9), (5, 6, 1), (7, 8, 1), (8, 7, 1);
INSERT INTO parts VALUES ('bike', 'wheel', 2), ('bike', 'frame', 1), ('wheel', 'spoke', 32), ('wheel', 'rim', 1), ('frame', 'tube', 3),
  ('rim', 'screw', 4), ('frame', 'screw', 7);
INSERT INTO categories VALUES (1, NULL, 'all'), (2, 1, 'books'), (3, 1, 'music'), (4, 2, 'novels'), (5, 4, 'crime'), (6, 99, 'lost');
INSERT INTO starts VALUES (1);

-- views
CREATE VIEW reachable AS
WITH RECURSIVE r(a) AS (SELECT a FROM starts UNION SELECT e.b FROM r JOIN edges e ON e.a = r.a) SELECT a FROM r;

CREATE VIEW reachable_backwards AS
WITH RECURSIVE r AS (SELECT a FROM starts UNION SELECT e.b FROM edges e, r WHERE e.a = r.a) SELECT * FROM r;

CREATE VIEW closure AS
WITH RECURSIVE c(a, b) AS (SELECT a, b FROM edges UNION SELECT c.a, e.b FROM c JOIN edges e ON e.a = c.b) SELECT * FROM c;

CREATE VIEW exploded AS
WITH RECURSIVE x(root, part, quantity) AS (
  SELECT assembly, part, quantity::bigint FROM parts WHERE assembly = 'bike'
  UNION ALL
  SELECT x.root, p.part, x.quantity * p.quantity FROM x JOIN parts p ON p.assembly = x.part)
SELECT root, part, sum(quantity) AS total FROM x GROUP BY root, part;

CREATE VIEW tree AS
WITH RECURSIVE t AS (
  SELECT id, name, 0 AS depth, name AS path FROM categories WHERE parent IS NULL
  UNION ALL
  SELECT c.id, c.name, t.depth + 1, t.path || '/' || c.name FROM categories c JOIN t ON c.parent = t.id)
SELECT * FROM t;

CREATE VIEW ancestors AS
WITH RECURSIVE up(id, ancestor) AS (
  SELECT id, parent FROM categories
  UNION
  SELECT up.id, c.parent FROM up, categories c WHERE c.id = up.ancestor AND c.parent IS NOT NULL)
SELECT c.id, count(up.ancestor) AS ancestors FROM categories c LEFT JOIN up ON up.id = c.id GROUP BY c.id;

CREATE VIEW counted AS
WITH RECURSIVE n(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 20) SELECT n, n * n AS square FROM n;

CREATE VIEW modular AS
WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT (n + 1) % 5 FROM r) SELECT n FROM r;

CREATE VIEW cheapest AS
WITH RECURSIVE p(b, cost) AS (
  SELECT 1, 0 UNION SELECT e.b, p.cost + e.cost FROM p JOIN edges e ON e.a = p.b WHERE p.cost + e.cost < 30)
SELECT b, min(cost) AS cost FROM p GROUP BY b;

CREATE VIEW simple_paths AS
WITH RECURSIVE p AS (
  SELECT a, b, ARRAY[a, b] AS nodes FROM edges
  UNION ALL
  SELECT p.a, e.b, p.nodes || e.b FROM p JOIN edges e ON e.a = p.b WHERE NOT e.b = ANY (p.nodes))
SELECT * FROM p;

CREATE VIEW twice AS
WITH RECURSIVE r(a) AS (SELECT a FROM starts UNION SELECT e.b FROM r JOIN edges e ON e.a = r.a)
SELECT x.a, (SELECT count(*) FROM r) AS total FROM r x WHERE x.a NOT IN (SELECT a FROM starts);

CREATE VIEW forms AS
WITH RECURSIVE f(x) AS (SELECT 1.0 UNION SELECT (x + 0.50) FROM f WHERE x < 3) SELECT x, x::text AS form FROM f;

CREATE VIEW two_of_them AS
WITH RECURSIVE a(n) AS (SELECT a FROM starts UNION SELECT e.b FROM a JOIN edges e ON e.a = a.n),
b(n) AS (SELECT n FROM a WHERE n > 2 UNION SELECT b.n - 1 FROM b JOIN a ON a.n = b.n WHERE b.n > 1)
SELECT n FROM b;

CREATE VIEW not_recursive AS
WITH RECURSIVE x(n) AS (SELECT a FROM starts UNION SELECT b FROM edges), y AS (SELECT max(n) AS m FROM x) SELECT * FROM y;

CREATE VIEW within_subquery AS
SELECT s.a, (WITH RECURSIVE r(a) AS (SELECT 1 UNION SELECT e.b FROM r JOIN edges e ON e.a = r.a) SELECT count(*) FROM r) AS n FROM starts s;

-- then
DELETE FROM edges WHERE (a, b) = (1, 2);

-- then
INSERT INTO edges VALUES (6, 3, 2), (6, 1, 1);
INSERT INTO starts VALUES (7);

-- then
DELETE FROM starts WHERE a = 1;
UPDATE parts SET quantity = quantity + 1 WHERE part = 'rim';
UPDATE categories SET parent = 3 WHERE id = 4;

-- then
UPDATE categories SET parent = 1 WHERE id = 6;
DELETE FROM parts WHERE part = 'wheel';
INSERT INTO starts VALUES (1);
DELETE FROM edges WHERE (a, b) = (3, 4);

-- then
INSERT INTO edges VALUES (3, 4, 5), (1, 2, 1);
DELETE FROM starts;

-- then
INSERT INTO starts VALUES (8), (5);
DELETE FROM categories WHERE id = 1;
TRUNCATE edges;
