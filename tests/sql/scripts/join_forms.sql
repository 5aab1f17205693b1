-- given
CREATE TABLE a (id int PRIMARY KEY, k int, tags text[], tag text);
CREATE TABLE b (id int PRIMARY KEY, k int, v int);
INSERT INTO a VALUES (1, 1, '{x,y}', 'x'), (2, 1, '{}', 'y'), (3, 2, NULL, NULL), (4, NULL, '{z,z}', 'z'), (5, 7, '{w}', 'x');
INSERT INTO b VALUES (1, 1, 3), (2, 1, 5), (3, 2, NULL), (4, NULL, 4), (5, 8, 1);
-- views
CREATE VIEW right_behind AS SELECT a.id, x.v, b.id AS b FROM a, LATERAL (SELECT v, id FROM b WHERE b.k = a.k) x RIGHT JOIN b ON b.id = x.id;
CREATE VIEW full_behind AS SELECT a.id, x.v, b.v AS b FROM a, LATERAL (SELECT v, k FROM b WHERE b.k >= a.k) x FULL JOIN b ON b.v = x.v + 2;
CREATE VIEW function_behind AS SELECT a.id, x, b.id AS b FROM a, unnest(a.tags) WITH ORDINALITY AS x(x, n) RIGHT JOIN b ON b.id = x.n;
CREATE VIEW two_joins AS SELECT a.id, x.v, b.id AS b, c.id AS c FROM a, LATERAL (SELECT v, id FROM b WHERE b.k = a.k) x FULL JOIN b USING (id) LEFT JOIN b c ON c.v > b.v;
CREATE VIEW inside AS SELECT a.id, (SELECT count(x.v) FROM b, LATERAL (SELECT c.v, c.id FROM b c WHERE c.k = b.k AND c.k = a.k) x RIGHT JOIN b d ON d.id = x.id) AS n FROM a;
CREATE VIEW not_reading AS SELECT a.id, x.v, b.id AS b FROM a, LATERAL (SELECT v, id FROM b WHERE k = 1) x RIGHT JOIN b ON b.id = x.id;
CREATE VIEW using_function AS SELECT a.id, tag FROM a JOIN unnest(a.tags) AS x(tag) USING (tag);
CREATE VIEW left_using AS SELECT id, tag, x.tag AS found, n FROM a LEFT JOIN LATERAL unnest(a.tags) WITH ORDINALITY AS x(tag, n) USING (tag);
CREATE VIEW star_using AS SELECT * FROM (SELECT id, k, tags, tag FROM a) a JOIN unnest(a.tags) AS tag USING (tag);
CREATE VIEW natural_function AS SELECT * FROM (SELECT id, tags, tag FROM a) a NATURAL LEFT JOIN LATERAL unnest(a.tags) WITH ORDINALITY AS x(tag, n);
CREATE VIEW using_series AS SELECT id, k, s FROM a JOIN LATERAL (SELECT 1) y ON true JOIN generate_series(0::bigint, a.id) WITH ORDINALITY AS x(k, s) USING (k);
CREATE VIEW alias AS SELECT x.v, x.tag FROM (a JOIN b ON b.k = a.k) AS x(a1, a2, a3, tag);
CREATE VIEW alias_using AS SELECT x.id, x.k, x.v FROM (a LEFT JOIN b USING (id, k)) x WHERE x.v IS NULL OR x.v > 3;
CREATE VIEW alias_joined AS SELECT x.w, b.v FROM (a FULL JOIN b USING (k)) AS x(w, i, t, g, j, v) LEFT JOIN b ON b.id = x.j;
CREATE VIEW alias_star AS SELECT x.* FROM (a CROSS JOIN (SELECT max(v) AS m FROM b) y) x;
CREATE VIEW alias_inside AS SELECT a.id, (SELECT sum(x.v) FROM (b JOIN a c USING (k)) x WHERE x.k = a.k) AS s FROM a;
-- then
INSERT INTO b VALUES (6, 7, 5), (7, 1, NULL);
UPDATE a SET tags = tags || '{x}', tag = 'x' WHERE id IN (2, 4);
-- then
DELETE FROM b WHERE k = 1;
UPDATE a SET k = 2;
-- then
TRUNCATE b;
-- then
INSERT INTO b VALUES (1, 2, 3), (2, 2, 5);
DELETE FROM a WHERE id > 2;
