-- given
CREATE TABLE sales (id int PRIMARY KEY, shop text, product varchar(20), quantity int, price numeric(8,2), weight real, at timestamptz, day date, fragile bool, size smallint, big bigint, took interval, code char(3));
INSERT INTO sales VALUES
 (1, 'a', 'pen', 3, 1.50, 0.5, '2024-01-01 10:00+00', '2024-01-01', true, 1, 9223372036854775807, '1 day', 'x'),
 (2, 'a', 'pen', 4, 1.75, 1.25, '2024-01-01 10:10+00', '2024-01-01', false, 2, 9223372036854775807, '-2 hours', 'y'),
 (3, 'a', 'ink', NULL, 6, NULL, '2024-01-01 10:20+00', '2024-01-02', NULL, NULL, 1, NULL, NULL),
 (4, 'b', 'pen', 5, NULL, 2, '2024-01-02 00:00+00', '2024-02-29', true, 3, -1, '1 mon', 'x'),
 (5, NULL, 'cup', 1, 9.99, 0.25, NULL, NULL, false, 1, NULL, '3 days 04:05:06', 'ab'),
 (6, NULL, 'cup', 1, 9.99, 0.25, '2024-01-02 00:00+00', '2024-02-29', false, 1, 0, '3 days', 'ab');
-- views
CREATE VIEW counts AS SELECT count(*) AS n, count(shop) AS shops, count(DISTINCT shop) AS distinct_shops, count(DISTINCT (product)) AS products FROM sales;
CREATE VIEW sums AS SELECT shop, sum(quantity) AS q, sum(price) AS p, sum(size) AS s, sum(big) AS b, sum(took) AS t FROM sales GROUP BY shop;
CREATE VIEW averages AS SELECT shop, avg(quantity) AS q, avg(price) AS p, avg(size) AS s, avg(took) AS t FROM sales GROUP BY shop;
CREATE VIEW floats AS SELECT product, sum(weight) AS w, avg(weight::float8) AS a, min(weight) AS least FROM sales GROUP BY product;
CREATE VIEW extremes AS SELECT shop, min(price) AS p, max(product) AS m, min(at) AS first, max(day) AS last, max(took) AS longest, min(size) AS s, max(code) AS c FROM sales GROUP BY shop;
CREATE VIEW filtered AS SELECT shop, count(*) FILTER (WHERE fragile) AS fragile, sum(quantity) FILTER (WHERE product = 'pen') AS pens, count(DISTINCT product) FILTER (WHERE price > 1.6) AS dear FROM sales GROUP BY shop;
CREATE VIEW distinct_sums AS SELECT shop, sum(DISTINCT quantity) AS q, avg(DISTINCT price) AS p, max(DISTINCT quantity) AS m FROM sales GROUP BY shop;
CREATE VIEW bools AS SELECT shop, bool_and(fragile) AS every_one, bool_or(fragile) AS any_one, every(fragile) AS e FROM sales GROUP BY shop;
CREATE VIEW having_count AS SELECT product, count(*) AS n FROM sales GROUP BY product HAVING count(*) > 1;
CREATE VIEW having_sum AS SELECT shop FROM sales GROUP BY shop HAVING sum(quantity) > 4 OR shop IS NULL;
CREATE VIEW having_alone AS SELECT sum(quantity) AS q FROM sales HAVING count(*) > 5;
CREATE VIEW by_expression AS SELECT date_trunc('day', at) AS day, upper(shop) AS shop, sum(quantity * price) AS amount FROM sales GROUP BY date_trunc('day', at), upper(shop);
CREATE VIEW by_position AS SELECT shop, product, count(*) FROM sales GROUP BY 1, 2;
CREATE VIEW by_alias AS SELECT coalesce(shop, '-') AS s, count(*) FROM sales GROUP BY s;
CREATE VIEW of_aggregates AS SELECT shop, sum(quantity) * 100 / count(*) AS ratio, max(price) - min(price) AS spread, CASE WHEN count(*) > 2 THEN 'many' ELSE 'few' END AS how FROM sales GROUP BY shop;
CREATE VIEW no_rows AS SELECT count(*) AS n, sum(quantity) AS s, max(price) AS m FROM sales WHERE quantity > 1000;
CREATE VIEW no_groups AS SELECT shop, count(*) AS n FROM sales WHERE quantity > 1000 GROUP BY shop;
CREATE VIEW grouped_only AS SELECT product FROM sales GROUP BY product;
CREATE VIEW distinct_rows AS SELECT DISTINCT shop, product FROM sales;
CREATE VIEW distinct_of_groups AS SELECT DISTINCT count(*) AS n FROM sales GROUP BY product;
CREATE VIEW key_dependent AS SELECT id, shop, count(*) AS n FROM sales GROUP BY id;
CREATE VIEW nested AS SELECT n, count(*) AS products FROM (SELECT product, count(*) AS n FROM sales GROUP BY product) AS x GROUP BY n;
-- then
UPDATE sales SET quantity = quantity + 1, price = price * 2 WHERE id < 4;
-- then
DELETE FROM sales WHERE shop = 'a';
INSERT INTO sales (id, shop, product, quantity, price) VALUES (7, 'c', 'pen', 0, 0.00), (8, 'c', 'pen', -5, -0.01);
-- then
UPDATE sales SET shop = 'c', took = took * 2;
-- then
DELETE FROM sales;
