-- given
CREATE TABLE categories (id int PRIMARY KEY, name text NOT NULL, parent int);
CREATE TABLE products (id int PRIMARY KEY, category int, name text NOT NULL, raw json);
INSERT INTO categories VALUES (1, 'a', NULL), (2, 'b', 1);
INSERT INTO products VALUES (1, 1, 'x', '{"a" : 1}'), (2, NULL, 'y', NULL), (3, 2, 'z', '[1]'), (4, 2, 'w', 'null');
-- views
CREATE VIEW plain AS SELECT p.id, (SELECT c.name FROM categories AS c WHERE c.id = p.category) AS n FROM products AS p;
CREATE VIEW whole AS SELECT p.id, (SELECT to_jsonb(c) FROM categories AS c WHERE c.id = p.category) AS n, (SELECT row_to_json(c)::text FROM categories AS c WHERE c.id = p.category) AS t FROM products AS p;
CREATE VIEW named_by_value AS SELECT p.id, (SELECT jsonb_build_object(c.name, 1) FROM categories AS c WHERE c.id = p.category) AS n FROM products AS p;
CREATE VIEW collected AS SELECT c.id, (SELECT jsonb_agg(jsonb_build_object('name', p.name) ORDER BY p.name) FROM products AS p WHERE p.category = c.id) AS n, (SELECT json_agg(p ORDER BY p.id)::text FROM products AS p WHERE p.category = c.id) AS t FROM categories AS c;
CREATE VIEW of_json AS SELECT c.id, (SELECT jsonb_agg(p.raw ORDER BY p.id) FROM products AS p WHERE p.category = c.id) AS n, (SELECT jsonb_agg(p ORDER BY p.id) FROM products AS p WHERE p.category = c.id) AS r FROM categories AS c;
CREATE VIEW strung AS SELECT c.id, coalesce((SELECT string_agg(p.name, ', ' ORDER BY p.name DESC) FROM products AS p WHERE p.category = c.id), '-') AS n, (SELECT array_agg(p.id ORDER BY p.id) FROM products AS p WHERE p.category = c.id) AS ids FROM categories AS c;
-- then
UPDATE products SET category = 1 WHERE id = 2;
INSERT INTO categories VALUES (3, 'c', 2);
-- then
DELETE FROM products WHERE category = 2;
UPDATE categories SET name = name || 'x', parent = 3;
-- then
DELETE FROM categories WHERE id = 1;
UPDATE products SET category = 3 WHERE id = 1;
-- then
DELETE FROM products;
