-- given
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, region varchar(10), discount numeric(4,2), vip bool);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, at timestamptz NOT NULL, total numeric(10,2), status text);
CREATE TABLE lines (order_id int, line smallint, product text, quantity int, price numeric(8,2), PRIMARY KEY (order_id, line));
INSERT INTO customers VALUES (1, 'Ann', 'north', 0.10, true), (2, 'Ben', NULL, NULL, false), (3, 'Chloé', 'south', 0.00, NULL), (4, 'Dan', 'north', 0.25, true);
INSERT INTO orders VALUES (1, 1, '2024-01-01 10:00+00', 10.50, 'new'), (2, 1, '2024-02-01 10:00+00', 20, 'paid'), (3, 2, '2024-01-15 00:00+00', NULL, 'paid'), (4, NULL, '2024-01-16 00:00+00', 5, NULL), (5, 9, '2024-01-17 00:00+00', 7, 'new');
INSERT INTO lines VALUES (1, 1, 'pen', 3, 1.50), (1, 2, 'ink', 1, 6.00), (2, 1, 'pen', 10, 2.00), (3, 1, NULL, NULL, 3), (8, 1, 'lost', 1, 1);
-- views
CREATE VIEW inner_join AS SELECT c.name, o.id, o.total FROM customers c JOIN orders o ON o.customer_id = c.id;
CREATE VIEW inner_residual AS SELECT c.name, o.id FROM customers c INNER JOIN orders o ON o.customer_id = c.id AND o.total > 15 - c.discount * 10;
CREATE VIEW left_join AS SELECT c.id, c.name, o.id AS order_id, o.total * (1 - c.discount) AS net FROM customers c LEFT JOIN orders o ON o.customer_id = c.id;
CREATE VIEW left_residual AS SELECT c.id, o.id AS order_id FROM customers c LEFT OUTER JOIN orders o ON c.id = o.customer_id AND o.status = 'paid' AND c.vip;
CREATE VIEW left_where AS SELECT c.id FROM customers c LEFT JOIN orders o ON c.id = o.customer_id WHERE o.id IS NULL;
CREATE VIEW right_join AS SELECT o.id, c.name FROM customers c RIGHT JOIN orders o ON o.customer_id = c.id;
CREATE VIEW comma AS SELECT c.name, l.product FROM customers c, orders o, lines l WHERE o.customer_id = c.id AND l.order_id = o.id AND l.quantity >= 3;
CREATE VIEW using_key AS SELECT * FROM (SELECT id AS order_id, status FROM orders) o JOIN lines USING (order_id);
CREATE VIEW natural_key AS SELECT * FROM (SELECT id AS order_id, status FROM orders) o NATURAL JOIN lines;
CREATE VIEW cross_join AS SELECT c.id AS c, o.id AS o FROM customers c CROSS JOIN orders o WHERE c.id < 3 AND o.id < 3;
CREATE VIEW self_join AS SELECT a.id AS a, b.id AS b FROM customers a JOIN customers b ON a.region = b.region AND a.id < b.id;
CREATE VIEW mixed_types AS SELECT o.id, l.line FROM orders o JOIN lines l ON l.line = o.id::numeric;
CREATE VIEW mixed_widths AS SELECT o.id, l.line FROM orders o JOIN lines l ON l.line = o.id;
CREATE VIEW mixed_using AS SELECT * FROM (SELECT id AS line, status FROM orders) o LEFT JOIN lines USING (line);
CREATE VIEW using_meets AS SELECT line * 40000 AS wide, status, product FROM lines JOIN (SELECT id AS line, status FROM orders) o USING (line);
CREATE VIEW using_cast AS SELECT line * 2000000000 AS wide, product FROM lines LEFT JOIN (SELECT id::bigint AS line FROM orders) o USING (line);
CREATE VIEW using_right AS SELECT line * 2000000000 AS wide, product FROM (SELECT id::bigint AS line FROM orders) o RIGHT JOIN lines USING (line);
CREATE VIEW using_moments AS SELECT day, o.total FROM (SELECT at::date AS day FROM orders) d LEFT JOIN (SELECT at AS day, total FROM orders) o USING (day);
CREATE VIEW mixed_moments AS SELECT o.id, d.day FROM orders o JOIN (SELECT at::date AS day FROM orders UNION ALL SELECT date '5874890-01-01' + id FROM orders) d ON d.day = o.at;
CREATE VIEW two_keys AS SELECT l.product, o.total FROM lines l JOIN orders o ON l.order_id = o.id AND l.line::int = o.customer_id;
CREATE VIEW inequality AS SELECT a.id AS a, b.id AS b FROM orders a JOIN orders b ON a.total < b.total;
CREATE VIEW three AS SELECT c.name, o.id, l.product, coalesce(l.quantity * l.price, 0) AS amount FROM customers c LEFT JOIN orders o ON o.customer_id = c.id LEFT JOIN lines l ON l.order_id = o.id;
CREATE VIEW left_of_inner AS SELECT c.id, l.product FROM customers c LEFT JOIN (orders o JOIN lines l ON l.order_id = o.id) ON o.customer_id = c.id;
CREATE VIEW constant_condition AS SELECT c.id, o.id AS o FROM customers c LEFT JOIN orders o ON false;
CREATE VIEW null_key AS SELECT a.id, b.id AS other FROM customers a JOIN customers b ON a.region IS NOT DISTINCT FROM b.region;
CREATE VIEW stacked AS SELECT name, count(*) AS orders FROM inner_join GROUP BY name;
-- then
UPDATE orders SET customer_id = 2 WHERE id = 1;
UPDATE customers SET region = 'south' WHERE id = 2;
DELETE FROM lines WHERE product = 'ink';
-- then
INSERT INTO orders VALUES (9, 4, '2024-03-01', 99.99, 'paid'), (10, 4, '2024-03-02', 1, 'new');
INSERT INTO lines VALUES (9, 1, 'pen', 4, 2.25), (9, 2, 'pen', 5, 2.25);
DELETE FROM customers WHERE id = 1;
UPDATE customers SET vip = NOT vip, discount = NULL;
-- then
TRUNCATE orders;
-- then
INSERT INTO orders VALUES (1, 2, '2024-01-01', 50, 'paid');
