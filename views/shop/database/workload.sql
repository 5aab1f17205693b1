-- One round of the shop's day: every statement between BEGIN and COMMIT is seen by the sinks together or not at all.
-- `scripts/demo` runs it again and again, from several connections at once; rows are chosen at random.

-- A customer orders one to four things, and the stock goes down with it.
BEGIN;
WITH placed AS (
    INSERT INTO orders
    SELECT nextval('order_ids'), 1 + floor(random() * 2000)::bigint, 'new', clock_timestamp()
    RETURNING id
), taken AS (
    INSERT INTO order_lines
    SELECT placed.id, row_number() OVER (), p.id, 1 + floor(random() * 3)::integer, p.price
    FROM placed, (SELECT id, price FROM products WHERE id > (SELECT floor(random() * 4990)::bigint) ORDER BY id
                  LIMIT 1 + floor(random() * 4)::integer) AS p
    RETURNING product_id, quantity
)
UPDATE products SET stock = greatest(stock - taken.quantity, 0) FROM taken WHERE products.id = taken.product_id;
COMMIT;

-- The warehouse moves on: paid orders are shipped, new ones paid, a few come back.
BEGIN;
UPDATE orders SET status = 'shipped'
WHERE id IN (SELECT id FROM orders WHERE status = 'paid' AND id > (SELECT floor(random() * 70000)::bigint) ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED);
UPDATE orders SET status = 'paid'
WHERE id IN (SELECT id FROM orders WHERE status = 'new' AND id > (SELECT floor(random() * 70000)::bigint) ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED);
UPDATE orders SET status = 'returned'
WHERE id IN (SELECT id FROM orders WHERE status = 'shipped' AND id > (SELECT floor(random() * 70000)::bigint) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
COMMIT;

-- Prices and categories change, now and then the name of a category, with all that hangs on it; an old order is deleted with its
-- lines; somebody moves house.
BEGIN;
UPDATE products SET price = round(price * (0.9 + random() * 0.2)::numeric, 2) + 0.01, stock = stock + 5
WHERE id IN (SELECT id FROM products WHERE id > (SELECT floor(random() * 4990)::bigint) ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED);
UPDATE products SET category_id = (SELECT 1 + floor(random() * 20)::integer)
WHERE id IN (SELECT id FROM products WHERE id > (SELECT floor(random() * 4990)::bigint) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
UPDATE categories SET name = split_part(name, ' ', 1) || CASE WHEN random() < 0.5 THEN '' ELSE ' & more' END
WHERE id IN (SELECT id FROM categories WHERE id = (SELECT 1 + floor(random() * 20)::integer) AND (SELECT random()) < 0.003
             FOR UPDATE SKIP LOCKED);
DELETE FROM orders
WHERE id IN (SELECT id FROM orders WHERE status = 'returned' AND id > (SELECT floor(random() * 70000)::bigint) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
UPDATE customers SET city = (ARRAY['Berlin', 'Lyon', 'Porto', 'Gdansk', 'Turin', 'Ghent', 'Malmo', 'Graz'])[1 + floor(random() * 8)::integer]
WHERE id IN (SELECT id FROM customers WHERE id = (SELECT 1 + floor(random() * 2000)::bigint) FOR UPDATE SKIP LOCKED);
COMMIT;

-- Somebody changes their mind.
BEGIN;
UPDATE products SET stock = 0 WHERE id = (SELECT 1 + floor(random() * 5000)::bigint);
SAVEPOINT hesitation;
DELETE FROM order_lines WHERE product_id = (SELECT 1 + floor(random() * 5000)::bigint);
ROLLBACK TO hesitation;
ROLLBACK;
