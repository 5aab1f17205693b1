-- given
CREATE TABLE orders (id int PRIMARY KEY, region text, shop text, product text, amount numeric, n int);
CREATE TABLE shops (name text PRIMARY KEY, owner text);
INSERT INTO orders VALUES (1, 'n', 's1', 'pen', 1.5, 1), (2, 'n', 's1', 'ink', 2.5, 2), (3, 'n', 's2', 'pen', 3, 3), (4, 's', 's3', 'pen', 4, 4), (5, NULL, 's3', NULL, 5, NULL), (6, 's', NULL, 'ink', NULL, 6);
INSERT INTO shops VALUES ('s1', 'ann'), ('s2', 'bob'), ('s3', 'cid');
-- views
CREATE VIEW rolled AS SELECT region, shop, sum(amount) AS amount, count(*) AS orders FROM orders GROUP BY ROLLUP (region, shop);
CREATE VIEW cubed AS SELECT region, product, sum(n) AS n, grouping(region) AS gr, grouping(product) AS gp, grouping(region, product) AS g FROM orders GROUP BY CUBE (region, product);
CREATE VIEW sets AS SELECT region, shop, product, max(amount) AS most, jsonb_agg(id ORDER BY id) AS ids FROM orders GROUP BY GROUPING SETS ((region, shop), (product), ());
CREATE VIEW mixed AS SELECT region, shop, product, count(*) AS n FROM orders GROUP BY region, ROLLUP (shop, product);
CREATE VIEW crossed AS SELECT region, shop, product, count(*) AS n FROM orders GROUP BY ROLLUP (region), CUBE (shop, product);
CREATE VIEW composite AS SELECT region, shop, product, count(*) AS n FROM orders GROUP BY ROLLUP ((region, shop), product);
CREATE VIEW twice AS SELECT region, count(*) AS n FROM orders GROUP BY GROUPING SETS ((region), (region), ());
CREATE VIEW of_expressions AS SELECT upper(region) AS r, n % 2 AS odd, sum(amount) AS amount, coalesce(upper(region), 'all') AS shown FROM orders GROUP BY ROLLUP (upper(region), n % 2);
CREATE VIEW by_name_and_place AS SELECT region AS area, shop, count(DISTINCT product) AS products FROM orders GROUP BY ROLLUP (area, 2);
CREATE VIEW kept AS SELECT region, shop, sum(n) AS n FROM orders GROUP BY ROLLUP (region, shop) HAVING grouping(shop) = 1 AND count(*) > 1;
CREATE VIEW alone AS SELECT count(*) AS n, sum(amount) AS amount FROM orders GROUP BY ();
CREATE VIEW plain AS SELECT region, grouping(region) AS g, count(*) AS n FROM orders GROUP BY region;
CREATE VIEW decided AS SELECT CASE WHEN grouping(region, shop) = 3 THEN 'total' WHEN grouping(shop) = 1 THEN 'region' ELSE 'shop' END AS level, region, shop, grouping(region, shop) * 10 + count(*) AS code FROM orders GROUP BY ROLLUP (region, shop);
CREATE VIEW joined AS SELECT s.owner, o.product, sum(o.amount) AS amount FROM orders AS o JOIN shops AS s ON s.name = o.shop GROUP BY GROUPING SETS ((s.owner), (o.product), (s.owner, o.product));
CREATE VIEW correlated AS SELECT s.name, x.product, x.n FROM shops AS s CROSS JOIN LATERAL (SELECT product, count(*) AS n FROM orders AS o WHERE o.shop = s.name GROUP BY ROLLUP (product)) AS x;
CREATE VIEW with_subquery AS SELECT region, count(*) AS n, (SELECT max(name) FROM shops) AS last FROM orders GROUP BY ROLLUP (region);
CREATE VIEW dependent AS SELECT o.id, o.shop, count(*) AS n FROM orders AS o GROUP BY o.id, ROLLUP (o.region);
-- then
UPDATE orders SET region = 's', amount = amount * 2 WHERE id IN (1, 5);
-- then
DELETE FROM orders WHERE region = 'n';
INSERT INTO orders VALUES (7, 'w', 's1', 'cup', 7.25, 7), (8, 'w', 's1', 'cup', 7.25, 7);
-- then
DELETE FROM shops WHERE name = 's3';
UPDATE orders SET shop = 's2' WHERE shop IS NULL;
-- then
DELETE FROM orders;
-- then
INSERT INTO orders VALUES (1, NULL, NULL, NULL, NULL, NULL);
