-- given
CREATE TABLE items (id int PRIMARY KEY, grp int, name text, code char(3), amount numeric, weight real, at timestamptz, tags text[], pair int[], doc jsonb, raw json, on_sale bool, took interval);
INSERT INTO items VALUES
 (1, 1, 'pen', 'a', 1.50, 0.5, '2024-01-01 10:00+00', '{x,y}', '{1,2}', '{"b":1,"a":[1.0]}', '{"b" : 1}', true, '1 day'),
 (2, 1, NULL, NULL, NULL, NULL, NULL, '{y,NULL}', '{3,4}', NULL, NULL, NULL, NULL),
 (3, 1, 'ink', 'b', 1.5, 'NaN', '2024-01-02 10:00+00', '{"a,b",""}', '{5,NULL}', 'null', '[ 1 ]', false, '24 hours'),
 (4, 2, 'cup', 'ccc', -7, -1.5, '2023-01-01 00:00+00', '{z,z}', '{6,7}', '"x"', 'null', true, '-1 mon'),
 (5, NULL, 'cap', 'd', 0.00, 1, '2024-02-29 12:00+00', '{q,r}', '{8,9}', '[]', '"t"', NULL, '0');
-- views
CREATE VIEW names AS SELECT grp, array_agg(name ORDER BY id) AS names, array_agg(code ORDER BY id) AS codes FROM items GROUP BY grp;
CREATE VIEW upwards AS SELECT grp, array_agg(name ORDER BY amount, id) AS by_amount, array_agg(id ORDER BY name, id) AS by_name FROM items GROUP BY grp;
CREATE VIEW downwards AS SELECT grp, array_agg(id ORDER BY amount DESC, id) AS by_amount, array_agg(id ORDER BY took DESC, id DESC) AS by_time FROM items GROUP BY grp;
CREATE VIEW nulls AS SELECT array_agg(id ORDER BY name NULLS FIRST, id) AS first, array_agg(id ORDER BY name DESC NULLS LAST, id) AS last, array_agg(id ORDER BY on_sale DESC NULLS FIRST, weight NULLS FIRST, id) AS mixed FROM items;
CREATE VIEW of_types AS SELECT array_agg(amount ORDER BY id) AS amounts, array_agg(weight ORDER BY id) AS weights, array_agg(at ORDER BY id) AS times, array_agg(doc ORDER BY id) AS docs, array_agg(raw ORDER BY id) AS raws, array_agg(on_sale ORDER BY id) AS sales, array_agg(took ORDER BY id) AS tooks FROM items;
CREATE VIEW of_arrays AS SELECT grp, array_agg(tags ORDER BY id) AS tags, array_agg(pair ORDER BY id DESC) AS pairs FROM items GROUP BY grp;
CREATE VIEW by_array AS SELECT array_agg(id ORDER BY tags, id) AS tags, array_agg(id ORDER BY pair DESC, id) AS pairs, array_agg(id ORDER BY doc DESC, id) AS docs FROM items;
CREATE VIEW unlike AS SELECT array_agg(DISTINCT grp) AS grps, array_agg(DISTINCT grp ORDER BY grp DESC) AS down, array_agg(DISTINCT on_sale ORDER BY on_sale NULLS FIRST) AS sales FROM items;
CREATE VIEW chosen AS SELECT grp, array_agg(id ORDER BY id) FILTER (WHERE on_sale) AS sold, array_agg(name ORDER BY id) FILTER (WHERE name IS NULL OR amount > 1) AS names FROM items GROUP BY grp;
CREATE VIEW used AS SELECT grp, cardinality(array_agg(id)) AS n, (array_agg(id ORDER BY id DESC))[1] AS last, array_to_string(array_agg(name ORDER BY id), '/', '?') AS shown FROM items GROUP BY grp;
-- then
UPDATE items SET amount = amount + 1, name = NULL WHERE id IN (1, 4);
-- then
INSERT INTO items (id, grp, name, amount, tags, pair) VALUES (6, 2, 'mug', -6, '{a,b}', '{0,0}'), (7, 3, NULL, NULL, '{a,b}', '{0,0}');
DELETE FROM items WHERE id = 3;
-- then
UPDATE items SET grp = 9 WHERE grp IS NULL OR grp = 2;
-- then
DELETE FROM items WHERE grp = 1;
-- then
DELETE FROM items;
-- then
INSERT INTO items (id, grp, name, amount, tags, pair) VALUES (1, 1, 'again', 2, '{a,b}', '{1,2}');
