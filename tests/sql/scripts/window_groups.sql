-- given
CREATE TABLE sale (id int PRIMARY KEY, shop int, product text, amount int);
CREATE TABLE shop (id int PRIMARY KEY, city text);
INSERT INTO shop VALUES (1, 'x'), (2, 'y'), (3, 'x'), (4, NULL);
INSERT INTO sale SELECT i, i % 5, chr(97 + i * 5 % 4), nullif(i * 17 % 13, 5) FROM generate_series(1, 50) AS i;
-- views
CREATE VIEW of_groups AS SELECT shop, sum(amount) AS s, rank() OVER (ORDER BY sum(amount) DESC) AS r, sum(sum(amount)) OVER () AS total FROM sale GROUP BY shop;
CREATE VIEW cumulative AS SELECT shop, product, count(*) AS n, sum(count(*)) OVER (PARTITION BY shop ORDER BY product) AS up_to FROM sale GROUP BY shop, product;
CREATE VIEW of_expressions AS SELECT upper(product) AS p, max(amount), row_number() OVER (ORDER BY max(amount) DESC NULLS LAST, upper(product)) AS n FROM sale GROUP BY upper(product);
CREATE VIEW with_having AS SELECT shop, dense_rank() OVER (ORDER BY count(*)) AS d FROM sale GROUP BY shop HAVING count(*) > 5;
CREATE VIEW without_groups AS SELECT sum(amount) AS s, count(*) OVER () AS rows FROM sale;
CREATE VIEW key_dependent AS SELECT s.id, s.city, count(x.id) AS n, rank() OVER (PARTITION BY s.city ORDER BY count(x.id) DESC) AS r FROM shop AS s LEFT JOIN sale AS x ON x.shop = s.id GROUP BY s.id;
CREATE VIEW of_join AS SELECT x.id, row_number() OVER (PARTITION BY s.city ORDER BY x.amount DESC NULLS LAST, x.id) AS n FROM sale AS x JOIN shop AS s ON s.id = x.shop;
CREATE VIEW with_subquery AS SELECT s.id, (SELECT count(*) FROM sale AS x WHERE x.shop = s.id) AS n, rank() OVER (ORDER BY (SELECT count(*) FROM sale AS x WHERE x.shop = s.id) DESC) AS r FROM shop AS s;
CREATE VIEW in_lateral AS SELECT s.id, y.id AS sale, y.n FROM shop AS s, LATERAL (SELECT id, row_number() OVER (ORDER BY amount DESC NULLS LAST, id) AS n FROM sale WHERE shop = s.id) AS y;
CREATE VIEW in_lateral_of_less AS SELECT s.id, y.product, y.t FROM shop AS s, LATERAL (SELECT product, sum(amount) OVER (PARTITION BY product) AS t FROM sale WHERE shop < s.id) AS y;
CREATE VIEW in_scalar AS SELECT s.id, (SELECT max(y.r) FROM (SELECT rank() OVER (ORDER BY amount) AS r FROM sale WHERE shop = s.id) AS y) AS m FROM shop AS s;
CREATE VIEW of_distinct_rows AS SELECT DISTINCT shop, count(*) OVER (PARTITION BY shop) AS n FROM sale;
CREATE VIEW of_union AS SELECT k, row_number() OVER (ORDER BY k) AS n FROM (SELECT shop AS k FROM sale UNION SELECT id FROM shop) AS x;
CREATE VIEW limited AS SELECT shop, sum(amount) OVER (PARTITION BY shop ORDER BY id) AS s, id FROM sale ORDER BY s DESC NULLS LAST, id LIMIT 5;
CREATE VIEW same_rows AS SELECT n, count(*) AS c FROM (SELECT row_number() OVER (PARTITION BY shop) AS n FROM (SELECT shop FROM sale) AS x) AS y GROUP BY n;
CREATE VIEW twice AS SELECT id, rank() OVER (ORDER BY c DESC, id) AS r FROM (SELECT id, count(*) OVER (PARTITION BY product) AS c FROM sale) AS x;
-- then
INSERT INTO sale VALUES (60, 1, 'q', 99), (61, 9, 'a', NULL), (62, NULL, NULL, 3), (63, NULL, 'a', 3);
-- then
UPDATE sale SET amount = amount * 2 WHERE product = 'b';
UPDATE shop SET city = 'z' WHERE id > 2;
-- then
DELETE FROM sale WHERE shop = 2;
INSERT INTO shop VALUES (9, 'z');
-- then
DELETE FROM shop WHERE id = 1;
UPDATE sale SET shop = 4 WHERE id % 3 = 0;
-- then
DELETE FROM sale;
-- then
INSERT INTO sale VALUES (1, 3, 'a', 1), (2, 3, 'a', 1);
