-- given
CREATE TABLE a (id int PRIMARY KEY, k int, n numeric);
CREATE TABLE b (id int PRIMARY KEY, k int, v int);
CREATE TABLE c (k int, v int);
CREATE TABLE d (x numeric, y text, doc json);
CREATE TABLE e (id int PRIMARY KEY, tags text[]);
INSERT INTO a VALUES (1, 1, 1), (2, 1, NULL), (3, 2, 5), (4, NULL, 1), (5, 7, 2);
INSERT INTO b VALUES (1, 1, 3), (2, 1, 5), (3, 2, NULL), (4, NULL, 4), (5, 8, 1);
INSERT INTO c VALUES (1, 3), (1, 3), (2, 6), (NULL, 5), (7, NULL);
INSERT INTO d VALUES (1.0, 'x', '{"a": 1}'), (1.0, 'x', '{"a": 1}'), (1.00, 'x', '{"a": 1}'), (2, NULL, NULL), (NULL, 'z', '1');
INSERT INTO e VALUES (1, '{x,y}'), (2, '{}'), (3, NULL), (4, '{z,z,x}');
-- views
CREATE VIEW left_of_left AS SELECT a.id, b.id AS b FROM a LEFT JOIN b ON b.k = a.k AND EXISTS (SELECT FROM c WHERE c.k = a.k AND c.v > 2);
CREATE VIEW left_of_right AS SELECT a.id, b.id AS b FROM a LEFT JOIN b ON b.k = a.k AND b.v IN (SELECT v FROM c);
CREATE VIEW left_of_both AS SELECT a.id, b.id AS b FROM a LEFT JOIN b ON b.k = a.k AND EXISTS (SELECT FROM c WHERE c.k = a.k AND c.v = b.v);
CREATE VIEW left_of_each AS SELECT a.id, b.id AS b FROM a LEFT JOIN b ON a.n IN (SELECT v - 1 FROM c) OR b.v > (SELECT max(v) FROM c WHERE c.k = b.k);
CREATE VIEW right_of_left AS SELECT a.id, b.id AS b FROM a RIGHT JOIN b ON b.k = a.k AND NOT EXISTS (SELECT FROM c WHERE c.k = a.id);
CREATE VIEW right_of_right AS SELECT a.id, b.id AS b FROM a RIGHT JOIN b ON b.k = a.k AND b.v NOT IN (SELECT v FROM c WHERE v IS NOT NULL);
CREATE VIEW right_of_both AS SELECT a.id, b.id AS b FROM a RIGHT JOIN b ON (SELECT count(*) FROM c WHERE c.v BETWEEN a.id AND b.v) = 2;
CREATE VIEW full_of_left AS SELECT a.id, b.id AS b FROM a FULL JOIN b ON a.k + (SELECT count(*)::int FROM c WHERE c.k = a.k) = b.v;
CREATE VIEW full_of_both AS SELECT a.id, b.id AS b FROM a FULL JOIN b ON a.k + (SELECT count(*)::int FROM c WHERE c.k = a.k) = b.k + (SELECT count(*)::int FROM c WHERE c.v < b.v);
CREATE VIEW full_of_right AS SELECT a.id, b.id AS b FROM a FULL JOIN b ON a.k = (SELECT c.k FROM c WHERE c.v > b.v ORDER BY c.v, c.k LIMIT 1);
CREATE VIEW no_key AS SELECT d.x, d.y, d.doc, b.id FROM d LEFT JOIN b ON EXISTS (SELECT FROM c WHERE c.k = b.k AND length(d.x::text) = c.v);
CREATE VIEW no_keys_full AS SELECT d.x, d.y, d.doc, c.k, c.v FROM d FULL JOIN c ON (SELECT max(b.k) FROM b WHERE b.k = c.k) = d.x * (SELECT count(*) FROM a WHERE length(d.x::text) >= a.id);
CREATE VIEW nothing_read AS SELECT a.id, b.id AS b FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT FROM c WHERE v > 5);
CREATE VIEW inside AS SELECT a.id, (SELECT string_agg(concat(b.id, ':', c.v), ',' ORDER BY b.id, c.v) FROM b LEFT JOIN c ON c.k = b.k AND EXISTS (SELECT FROM d WHERE d.x = a.n AND c.v > b.id)) AS s FROM a;
CREATE VIEW right_inside AS SELECT a.id, (SELECT string_agg(concat(b.id, ':', c.v), ',' ORDER BY b.id, c.v) FROM b RIGHT JOIN c ON c.k = b.k AND b.v IN (SELECT d.x + 2 FROM d WHERE d.x = a.n)) AS s FROM a;
CREATE VIEW full_inside AS SELECT a.id, (SELECT string_agg(concat(b.id, ':', c.v), ',' ORDER BY b.id, c.v) FROM b FULL JOIN c ON c.k = b.k + (SELECT count(*)::int FROM d WHERE d.x = a.n AND d.x > b.id)) AS s FROM a;
CREATE VIEW full_inside_both AS SELECT a.id, (SELECT string_agg(concat(b.id, ':', c.v), ',' ORDER BY b.id, c.v) FROM b FULL JOIN c ON c.k + (SELECT count(*)::int FROM d WHERE d.x = c.v) = b.k + (SELECT count(*)::int FROM d WHERE d.x = a.n AND d.x > b.id)) AS s FROM a;
CREATE VIEW lateral_both AS SELECT a.id, x.id AS b FROM a LEFT JOIN LATERAL (SELECT b.id, b.v FROM b WHERE b.k = a.k) x ON EXISTS (SELECT FROM c WHERE c.v = x.v AND c.k = a.k);
CREATE VIEW then_joined AS SELECT a.id, b.id AS b, c.v FROM a LEFT JOIN b ON b.k = a.k AND EXISTS (SELECT FROM c WHERE c.k = a.k AND c.v = b.v) LEFT JOIN c ON c.k = a.k AND c.v <> (SELECT max(v) FROM b x WHERE x.k = c.k);
CREATE VIEW of_function AS SELECT e.id, x FROM e LEFT JOIN unnest(tags) x ON x IN (SELECT y FROM d);
CREATE VIEW of_function_both AS SELECT e.id, x, n FROM e LEFT JOIN unnest(tags) WITH ORDINALITY x(x, n) ON EXISTS (SELECT FROM d WHERE d.y = x.x AND d.x <= e.id);
CREATE VIEW of_function_left AS SELECT e.id, x FROM e LEFT JOIN unnest(tags) x ON (SELECT count(*) FROM c WHERE c.k = e.id) > 1;
-- then
INSERT INTO c VALUES (1, 5), (8, 1), (2, 4);
INSERT INTO a VALUES (6, 8, 1.0);
-- then
DELETE FROM c WHERE v = 3;
UPDATE b SET v = 4 WHERE id = 3;
UPDATE e SET tags = tags || '{z}';
-- then
INSERT INTO d VALUES (3, 'y', NULL), (1.00, 'x', '{"a": 1}');
DELETE FROM a WHERE id IN (1, 3);
-- then
TRUNCATE c;
DELETE FROM d WHERE y = 'x';
-- then
INSERT INTO c VALUES (1, 3), (2, 4), (NULL, NULL);
INSERT INTO d VALUES (1.0, 'x', NULL);
UPDATE b SET k = 1;
