-- given
CREATE TABLE categories (id int PRIMARY KEY, name text NOT NULL, parent int);
CREATE TABLE products (id int PRIMARY KEY, category int, name text NOT NULL, price numeric(10,2), attributes jsonb);
CREATE TABLE variants (id int PRIMARY KEY, product int NOT NULL, place int, sku text, stock int);
CREATE TABLE reviews (id int PRIMARY KEY, product int NOT NULL, stars int, text text, at timestamptz);
INSERT INTO categories VALUES (1, 'tools', NULL), (2, 'saws', 1), (3, 'empty', 1);
INSERT INTO products VALUES (1, 2, 'saw', 19.90, '{"teeth": 7, "hand": true}'), (2, 1, 'hammer', 9.5, NULL), (3, NULL, 'nail', NULL, '{}'), (4, 9, 'lost', 1, '[]');
INSERT INTO variants VALUES (1, 1, 2, 'saw-l', 5), (2, 1, 1, 'saw-s', 0), (3, 1, NULL, 'saw-x', NULL), (4, 2, 1, 'ham', 7), (5, 9, 1, 'none', 1);
INSERT INTO reviews VALUES (1, 1, 5, 'good', '2024-01-01 10:00+00'), (2, 1, 4, NULL, '2024-01-02 10:00+00'), (3, 1, 4, 'fine', '2024-01-02 09:00+00'), (4, 2, 1, 'bad', '2024-01-03 10:00+00');
-- views
CREATE VIEW variant_lists AS SELECT product, jsonb_agg(jsonb_build_object('sku', sku, 'stock', stock) ORDER BY place NULLS LAST, id) AS variants, sum(stock) AS stock FROM variants GROUP BY product;
CREATE VIEW review_statistics AS SELECT product, count(*) AS reviews, round(avg(stars), 2) AS average, max(at) AS last, percentile_disc(0.5) WITHIN GROUP (ORDER BY stars) AS median, jsonb_agg(text ORDER BY at DESC, id) FILTER (WHERE text IS NOT NULL) AS texts FROM reviews GROUP BY product;
CREATE VIEW documents AS
 SELECT p.id, jsonb_build_object('id', p.id, 'name', p.name, 'price', p.price, 'attributes', p.attributes, 'category', to_jsonb(c),
   'variants', coalesce(v.variants, '[]'), 'stock', coalesce(v.stock, 0), 'reviews', to_jsonb(r)) AS document
 FROM products AS p
 LEFT JOIN categories AS c ON c.id = p.category
 LEFT JOIN variant_lists AS v ON v.product = p.id
 LEFT JOIN review_statistics AS r ON r.product = p.id;
CREATE VIEW in_one AS
 SELECT p.id, jsonb_build_object('name', p.name, 'category', c.name, 'variants', coalesce(v.variants, '[]'::jsonb), 'reviews', jsonb_build_object('n', coalesce(r.n, 0), 'average', r.average)) AS document
 FROM products AS p
 LEFT JOIN categories AS c ON c.id = p.category
 LEFT JOIN (SELECT product, jsonb_agg(variants ORDER BY place, id) AS variants FROM variants GROUP BY product) AS v ON v.product = p.id
 LEFT JOIN (SELECT product, count(*) AS n, avg(stars) AS average FROM reviews GROUP BY product) AS r ON r.product = p.id;
CREATE VIEW by_subquery AS
 SELECT p.id, jsonb_build_object('name', p.name,
   'category', (SELECT to_jsonb(c) FROM categories AS c WHERE c.id = p.category),
   'variants', (SELECT coalesce(jsonb_agg(v ORDER BY v.place, v.id), '[]') FROM variants AS v WHERE v.product = p.id),
   'reviews', (SELECT jsonb_build_object('n', count(*), 'average', avg(stars)) FROM reviews AS r WHERE r.product = p.id)) AS document
 FROM products AS p;
CREATE VIEW by_lateral AS
 SELECT p.id, to_jsonb(p) || jsonb_build_object('variants', v.list) AS document
 FROM products AS p CROSS JOIN LATERAL (SELECT jsonb_agg(x.sku ORDER BY x.sku) AS list FROM variants AS x WHERE x.product = p.id) AS v;
CREATE VIEW of_categories AS
 SELECT c.id, c.name, jsonb_agg(d.document ORDER BY d.id) FILTER (WHERE d.id IS NOT NULL) AS products, count(d.id) AS n
 FROM categories AS c LEFT JOIN products AS p ON p.category = c.id LEFT JOIN documents AS d ON d.id = p.id GROUP BY c.id, c.name;
CREATE VIEW everything AS SELECT jsonb_object_agg(name, products ORDER BY id) AS shop FROM of_categories;
-- then
UPDATE variants SET place = 0 WHERE id = 1;
INSERT INTO reviews VALUES (5, 3, 3, 'first', '2024-02-01 00:00+00');
-- then
DELETE FROM variants WHERE product = 1;
UPDATE products SET category = 3 WHERE id = 1;
-- then
UPDATE categories SET name = upper(name);
DELETE FROM reviews WHERE product = 1 AND stars = 4;
INSERT INTO variants VALUES (6, 1, 1, 'saw-n', 1), (7, 1, 1, 'saw-m', 1);
-- then
DELETE FROM categories WHERE id = 3;
UPDATE reviews SET stars = NULL, text = NULL;
-- then
DELETE FROM products WHERE id = 1;
-- then
INSERT INTO products VALUES (1, 1, 'saw again', 1, NULL);
DELETE FROM variants;
-- then
DELETE FROM reviews;
DELETE FROM products;
