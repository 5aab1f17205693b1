-- given
CREATE TABLE items (id int PRIMARY KEY, name text, price numeric(8,2), tags text[], doc jsonb, at timestamp, stock int);
CREATE TABLE events (id bigint PRIMARY KEY, item_id int, at timestamptz NOT NULL, kind char(4), amount float8);
INSERT INTO items VALUES (1, 'Lamp', 19.99, '{new,"on sale"}', '{"a": {"b": [1, 2]}, "n": 1.50}', '2024-02-29 12:34:56.789', 3), (2, 'desk', 120, '{}', NULL, NULL, 0), (3, NULL, NULL, NULL, '[]', '0044-03-15 00:00 BC', NULL), (4, '50% off', 0.50, '{NULL}', '{"n": null}', 'infinity', 100);
INSERT INTO events SELECT i, i % 5, timestamptz '2024-03-31 00:00+00' + i * interval '17 minutes', CASE WHEN i % 3 = 0 THEN 'buy' ELSE 'look' END, CASE WHEN i % 7 = 0 THEN NULL ELSE i / 4.0 END FROM generate_series(1, 40) AS i;
-- views
CREATE VIEW everyday AS SELECT id, upper(name) AS up, length(name) AS len, substring(name from 2 for 2) AS sub, round(price * 1.19, 2) AS gross, price / 3 AS third, coalesce(name, 'item ' || id) AS label, stock % 7 AS rest FROM items;
CREATE VIEW cases AS SELECT id, CASE WHEN stock IS NULL THEN 'unknown' WHEN stock = 0 THEN 'none' WHEN stock BETWEEN 1 AND 9 THEN 'few' ELSE 'many' END AS stock, CASE kind WHEN 'buy' THEN 1 ELSE 0 END AS bought FROM (SELECT i.id, i.stock, e.kind FROM items i LEFT JOIN events e ON e.item_id = i.id) AS x;
CREATE VIEW conditions AS SELECT id FROM items WHERE name LIKE '%a%' OR name ILIKE 'D%' OR price IS NULL AND NOT stock > 5;
CREATE VIEW escaped AS SELECT id FROM items WHERE name LIKE '50!% %' ESCAPE '!';
CREATE VIEW lists AS SELECT id, id IN (1, 3) AS listed, stock NOT IN (0, 3) AS other, 'new' = ANY(tags) AS is_new, tags[1] AS tag, cardinality(tags) AS n FROM items;
CREATE VIEW documents AS SELECT id, doc -> 'a' AS a, doc #>> '{a,b,1}' AS deep, (doc ->> 'n')::numeric + 1 AS n, doc @> '{"n": 1.5}' AS has FROM items;
CREATE VIEW times AS SELECT id, at + interval '1 month' AS later, extract(year from at) AS year, date_trunc('hour', at) AS hour, at::date AS day, to_char(at, 'DD.MM.YYYY HH24:MI') AS shown FROM items;
CREATE VIEW binned AS SELECT date_bin('1 hour', at, timestamptz '2000-01-01 00:00Z') AS hour, count(*) AS n, sum(amount) AS amount, count(DISTINCT item_id) AS items FROM events GROUP BY date_bin('1 hour', at, timestamptz '2000-01-01 00:00Z');
CREATE VIEW binned_local AS SELECT date_trunc('day', at AT TIME ZONE 'Europe/Berlin') AS day, count(*) AS n FROM events GROUP BY 1;
CREATE VIEW unions AS SELECT id, name FROM items UNION ALL SELECT id::int, kind::text FROM events WHERE amount > 9;
CREATE VIEW union_types AS SELECT id AS x, 'i' AS s FROM items UNION ALL SELECT amount, 'e' FROM events UNION ALL SELECT 1, NULL;
CREATE VIEW union_once AS SELECT item_id FROM events UNION SELECT id FROM items;
CREATE VIEW union_constants AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2.5, 'y' UNION ALL VALUES (3, 'z');
CREATE VIEW distinct_kinds AS SELECT DISTINCT kind, amount IS NULL AS empty FROM events;
CREATE VIEW subqueries AS SELECT i.name, s.n FROM items i JOIN (SELECT item_id, count(*) AS n FROM events WHERE kind = 'buy' GROUP BY item_id) s ON s.item_id = i.id WHERE s.n > 1;
CREATE VIEW nested AS SELECT x.a + 1 AS a FROM (SELECT y.b * 2 AS a FROM (SELECT id AS b FROM items WHERE stock IS NOT NULL) AS y) AS x WHERE x.a > 2;
CREATE VIEW renamed (one, two) AS SELECT id, price FROM items;
CREATE VIEW aliased AS SELECT t.x, t.y FROM items AS t (x, y);
CREATE VIEW ctes AS WITH cheap AS (SELECT * FROM items WHERE price < 100), counted AS (SELECT item_id, count(*) AS n FROM events GROUP BY item_id) SELECT c.name, k.n FROM cheap c LEFT JOIN counted k ON k.item_id = c.id;
CREATE VIEW stars AS SELECT i.*, e.kind FROM items i JOIN events e ON e.id = i.id;
CREATE VIEW constants AS SELECT 1 AS one, 'a' AS a, NULL AS nothing, 1.50 AS n, true AS yes, date '2024-01-01' AS d;
CREATE VIEW labels AS SELECT id::text, lower(name), 1 + 1, CASE WHEN true THEN id END, coalesce(price, 0), substring(name from 1) FROM items;
CREATE VIEW limited AS SELECT price::numeric(6,1) AS p, name::varchar(3) AS v, name::char(6) AS c, i.at::timestamp(0) AS t, amount::numeric(5,2) AS a FROM items i LEFT JOIN events e ON e.id = i.id;
CREATE VIEW intervals AS SELECT a.id, b.at - a.at AS gap, (b.at - a.at)::interval hour to minute AS shown FROM events a JOIN events b ON b.id = a.id + 1;
CREATE VIEW over_views AS SELECT e.id, e.up, c.stock FROM everyday e JOIN cases c ON c.id = e.id WHERE c.bought = 1;
CREATE VIEW blanks AS SELECT kind, count(*) AS n FROM events GROUP BY kind HAVING kind = 'buy ';
CREATE VIEW roots AS SELECT id, sqrt(price) AS root, round(power(price, 2), 9) AS square, ln(price) AS ln, exp(price / 100) AS e FROM items WHERE price > 0;
-- then
UPDATE items SET stock = coalesce(stock, 0) + 5, name = coalesce(name, 'née'), price = price + 0.01;
-- then
UPDATE events SET item_id = 1 WHERE kind = 'buy';
DELETE FROM events WHERE id % 4 = 1;
INSERT INTO items VALUES (5, 'Élan', 3.3, '{a,b}', '{"a": {"b": ["x", "y"]}}', '2024-12-31 23:59:59.5', 1);
-- then
DELETE FROM items WHERE id = 1;
UPDATE events SET amount = -amount, at = at + interval '1 day 30 min';
