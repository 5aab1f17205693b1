-- given
CREATE TABLE node (id int PRIMARY KEY, parent int);
CREATE TABLE edge (a int, b int);
INSERT INTO node VALUES (1, NULL), (2, 1), (3, 1), (4, 2), (5, 4);
INSERT INTO edge VALUES (1, 2), (2, 3), (3, 1), (3, 4);
-- views
CREATE VIEW depth_first AS WITH RECURSIVE r AS (SELECT id, ARRAY[id] AS o FROM node WHERE parent IS NULL UNION ALL SELECT n.id, r.o || n.id FROM r JOIN node n ON n.parent = r.id) SELECT id, row_number() OVER (ORDER BY o) AS at FROM r;
CREATE VIEW breadth_first AS WITH RECURSIVE r AS (SELECT id, 0 AS depth FROM node WHERE parent IS NULL UNION ALL SELECT n.id, depth + 1 FROM r JOIN node n ON n.parent = r.id) SELECT id, row_number() OVER (ORDER BY depth, id) AS at FROM r;
CREATE VIEW cycles AS WITH RECURSIVE r AS (SELECT a AS id, false AS looped, ARRAY[a] AS path FROM edge WHERE a = 1 UNION ALL SELECT e.b, e.b = ANY (path), path || e.b FROM r JOIN edge e ON e.a = r.id WHERE NOT looped) SELECT * FROM r;
-- then
INSERT INTO node VALUES (6, 5), (7, NULL);
INSERT INTO edge VALUES (4, 2);
-- then
UPDATE node SET parent = 7 WHERE id = 2;
DELETE FROM edge WHERE a = 3 AND b = 1;
