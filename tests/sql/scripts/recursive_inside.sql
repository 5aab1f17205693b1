-- given
CREATE TABLE t (id int PRIMARY KEY, lo int, hi int, n numeric);
CREATE TABLE node (id int PRIMARY KEY, parent int, name text NOT NULL);
CREATE TABLE edge (a int, b int);
INSERT INTO t VALUES (1, 1, 4, 1.0), (2, 3, 3, 1.00), (3, 5, 2, 2.5), (4, NULL, 3, NULL), (5, 1, 4, 1);
INSERT INTO node VALUES (1, NULL, 'root'), (2, 1, 'a'), (3, 1, 'b'), (4, 2, 'c'), (5, 4, 'd'), (6, NULL, 'other');
INSERT INTO edge VALUES (1, 2), (2, 3), (3, 1), (3, 4), (6, 6);
-- views
CREATE VIEW counted AS SELECT id, (WITH RECURSIVE r(x) AS (SELECT t.lo UNION ALL SELECT x + 1 FROM r WHERE x < t.hi) SELECT count(x) FROM r) AS c FROM t;
CREATE VIEW path AS SELECT id, (WITH RECURSIVE up AS (SELECT n.parent, n.name, 1 AS depth FROM node n WHERE n.id = node.id UNION ALL SELECT n.parent, n.name, up.depth + 1 FROM up JOIN node n ON n.id = up.parent) SELECT string_agg(name, '/' ORDER BY depth DESC) FROM up) AS path FROM node;
CREATE VIEW below AS SELECT node.id, x.n, x.deepest FROM node CROSS JOIN LATERAL (WITH RECURSIVE down AS (SELECT node.id, 0 AS depth UNION ALL SELECT n.id, depth + 1 FROM down JOIN node n ON n.parent = down.id) SELECT count(*) AS n, max(depth) AS deepest FROM down) x;
CREATE VIEW reached AS SELECT n.id, ARRAY(WITH RECURSIVE seen AS (SELECT e.b FROM edge e WHERE e.a = n.id UNION SELECT e.b FROM seen JOIN edge e ON e.a = seen.b) SELECT b FROM seen ORDER BY b) AS to FROM node n;
CREATE VIEW both_read AS SELECT t.id, (WITH RECURSIVE r AS (SELECT t.lo AS x UNION SELECT e.b FROM r, edge e WHERE e.a = r.x AND e.b <= t.hi) SELECT sum(x) FROM r) AS s FROM t;
CREATE VIEW of_forms AS SELECT t.id, (WITH RECURSIVE r AS (SELECT t.n AS x, 1 AS i UNION ALL SELECT x, i + 1 FROM r WHERE i < 2) SELECT string_agg(x::text, ',' ORDER BY i) FROM r) AS s FROM t;
CREATE VIEW exists_inside AS SELECT id FROM node WHERE EXISTS (WITH RECURSIVE up AS (SELECT node.parent AS id UNION SELECT n.parent FROM up JOIN node n ON n.id = up.id) SELECT FROM up WHERE up.id = 1);
CREATE VIEW inside_step AS WITH RECURSIVE r AS (SELECT id, 1 AS depth FROM node WHERE parent IS NULL UNION ALL SELECT n.id, r.depth + (WITH c AS (SELECT x.id FROM node x WHERE x.parent = n.id) SELECT count(*)::int FROM c) FROM r JOIN node n ON n.parent = r.id) SELECT * FROM r;
CREATE VIEW lateral_step AS SELECT t.id, (WITH RECURSIVE r AS (SELECT t.lo AS x, 0 AS i UNION ALL SELECT y.b, i + 1 FROM r, LATERAL (SELECT e.b FROM edge e WHERE e.a = r.x ORDER BY e.b LIMIT 1) y WHERE i < t.hi) SELECT max(i) FROM r) AS s FROM t;
CREATE VIEW two_levels AS SELECT t.id, (SELECT max((WITH RECURSIVE r AS (SELECT e.b AS x, 0 AS i UNION ALL SELECT x + e.a, i + 1 FROM r WHERE i < t.hi AND x < 100) SELECT sum(x) FROM r)) FROM edge e WHERE e.a >= t.lo) AS s FROM t;
CREATE VIEW not_recursive AS SELECT t.id, (WITH RECURSIVE r AS (SELECT t.lo + t.hi AS x) SELECT x FROM r) AS s FROM t;
CREATE VIEW of_cte AS SELECT t.id, (WITH RECURSIVE c AS (SELECT e.a, e.b FROM edge e WHERE e.b <= t.hi), r AS (SELECT t.lo AS x UNION SELECT c.b FROM r JOIN c ON c.a = r.x) SELECT count(*) FROM r) AS s FROM t;
-- then
INSERT INTO node VALUES (7, 5, 'e'), (8, 6, 'f');
INSERT INTO edge VALUES (4, 5), (5, 2), (6, 1);
-- then
UPDATE node SET parent = 6 WHERE id = 2;
UPDATE t SET hi = hi + 1, n = n + 0.50;
-- then
DELETE FROM edge WHERE a = 2;
DELETE FROM node WHERE id = 4;
-- then
UPDATE node SET parent = 2 WHERE id = 5;
INSERT INTO edge VALUES (2, 3), (2, 3);
DELETE FROM t WHERE id = 1;
INSERT INTO t VALUES (8, 0, 2, 1.0);
