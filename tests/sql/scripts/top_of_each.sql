-- given
CREATE TABLE customer (id int PRIMARY KEY, name text, rank numeric);
CREATE TABLE purchase (id int PRIMARY KEY, customer_id int, amount numeric, at date);
INSERT INTO customer SELECT i, 'c' || i, i / 2.0 FROM generate_series(1, 8) AS i;
INSERT INTO customer VALUES (9, NULL, NULL), (10, 'ten', 2.50);
INSERT INTO purchase SELECT i, i % 9, (i * 31 % 17) / 2.0, '2024-01-01'::date + i * 11 % 40 FROM generate_series(1, 45) AS i;
INSERT INTO purchase VALUES (46, NULL, 1, NULL), (47, 1, NULL, NULL);
-- views
CREATE VIEW lateral_top AS SELECT c.id, p.id AS purchase, p.amount FROM customer AS c CROSS JOIN LATERAL (SELECT * FROM purchase WHERE customer_id = c.id ORDER BY amount DESC NULLS LAST, id LIMIT 2) AS p;
CREATE VIEW lateral_left AS SELECT c.name, p.id FROM customer AS c LEFT JOIN LATERAL (SELECT id FROM purchase WHERE customer_id = c.id ORDER BY at DESC, id OFFSET 1 LIMIT 3) AS p ON true;
CREATE VIEW largest AS SELECT c.id, (SELECT p.id FROM purchase AS p WHERE p.customer_id = c.id ORDER BY p.amount DESC NULLS LAST, p.id LIMIT 1) AS purchase FROM customer AS c;
CREATE VIEW of_less AS SELECT c.id, (SELECT p.id FROM purchase AS p WHERE p.customer_id < c.id ORDER BY p.at DESC NULLS LAST, p.id LIMIT 1) AS purchase FROM customer AS c;
CREATE VIEW by_rank AS SELECT c.id, p.id AS purchase FROM customer AS c, LATERAL (SELECT id FROM purchase WHERE amount = c.rank ORDER BY id LIMIT 1) AS p;
CREATE VIEW depends_on_outer AS SELECT c.id, p.id AS purchase FROM customer AS c, LATERAL (SELECT id FROM purchase ORDER BY abs(amount - c.rank) NULLS LAST, id FETCH FIRST 1 ROW ONLY) AS p;
CREATE VIEW among_top AS SELECT id FROM purchase AS p WHERE id IN (SELECT q.id FROM purchase AS q WHERE q.customer_id = p.customer_id ORDER BY q.amount DESC NULLS LAST, q.id LIMIT 2);
CREATE VIEW is_among_top AS SELECT id, id IN (SELECT id FROM purchase ORDER BY amount DESC NULLS LAST, id LIMIT 5) AS top FROM purchase;
CREATE VIEW top_of_all AS SELECT name, (SELECT max(x.amount) FROM (SELECT amount FROM purchase ORDER BY at DESC NULLS LAST, id LIMIT 7) AS x) AS m FROM customer;
CREATE VIEW distinct_on_each AS SELECT c.id, p.at, p.id AS purchase FROM customer AS c, LATERAL (SELECT DISTINCT ON (at) at, id FROM purchase WHERE customer_id = c.id ORDER BY at, id DESC) AS p;
CREATE VIEW limited_limit AS SELECT c.id, x.n FROM customer AS c, LATERAL (SELECT count(*) AS n FROM (SELECT 1 FROM purchase AS p WHERE p.customer_id = c.id LIMIT 3) AS y) AS x;
CREATE VIEW except_each AS SELECT c.id, x.id AS purchase FROM customer AS c, LATERAL (SELECT id FROM purchase WHERE customer_id = c.id EXCEPT SELECT id FROM purchase WHERE customer_id = c.id AND amount > 4) AS x;
CREATE VIEW intersect_each AS SELECT c.id, x.d FROM customer AS c, LATERAL (SELECT id % 4 AS d FROM purchase WHERE customer_id = c.id INTERSECT ALL SELECT id % 3 FROM purchase WHERE customer_id < c.id) AS x;
CREATE VIEW except_exists AS SELECT id FROM customer AS c WHERE EXISTS (SELECT at FROM purchase WHERE customer_id = c.id EXCEPT SELECT at FROM purchase WHERE customer_id = c.id - 1);
CREATE VIEW sorted_in_aggregate AS SELECT c.id, EXISTS (SELECT 1 FROM purchase AS p WHERE p.customer_id = c.id ORDER BY p.amount) AS any_at_all FROM customer AS c;
CREATE VIEW sorted_by_subquery AS SELECT id FROM customer AS c ORDER BY (SELECT sum(amount) FROM purchase AS p WHERE p.customer_id = c.id) DESC NULLS LAST, id LIMIT 3;
-- then
INSERT INTO purchase VALUES (100, 1, 99, '2025-01-01'), (101, 2, 8.0, '2025-01-01'), (102, 9, 3, '2025-01-02'), (103, 10, 2.5, NULL);
-- then
DELETE FROM purchase WHERE id IN (SELECT purchase FROM largest);
-- then
UPDATE purchase SET customer_id = customer_id % 3 WHERE id % 4 = 0;
UPDATE customer SET rank = rank + 1, name = name || '!' WHERE id % 2 = 0;
-- then
DELETE FROM customer WHERE id < 3;
DELETE FROM purchase WHERE customer_id = 3;
-- then
INSERT INTO customer VALUES (1, 'again', 4.0);
UPDATE purchase SET amount = NULL WHERE id > 20;
-- then
DELETE FROM purchase;
-- then
INSERT INTO purchase VALUES (1, 1, 4, '2024-01-01'), (2, 1, 4.00, '2024-01-02');
