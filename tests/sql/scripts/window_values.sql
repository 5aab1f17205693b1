-- given
CREATE TABLE price (id int PRIMARY KEY, item text, at date, amount numeric, back int, note char(3));
INSERT INTO price SELECT i, chr(97 + i % 3), '2024-01-01'::date + i * 7 % 30, i * 13 % 10 / 4.0, i % 4, 'n' || i % 2 FROM generate_series(1, 30) AS i;
INSERT INTO price VALUES (40, NULL, NULL, NULL, NULL, NULL), (41, 'z', '2024-01-01', 1.50, -1, 'a');
-- views
CREATE VIEW lags AS SELECT id, lag(amount) OVER w AS before, lead(amount) OVER w AS after, lag(at, 2) OVER w AS two, lead(id, 0) OVER w AS self FROM price WINDOW w AS (PARTITION BY item ORDER BY at, id);
CREATE VIEW defaults AS SELECT id, lag(amount, 1, 0) OVER w AS a, lead(amount, 2, -1.0) OVER w AS b, lag(id, 1, NULL) OVER w AS c, lead(back, 1, 2.5) OVER w AS d, lag(note, 1, 'q') OVER w AS e FROM price WINDOW w AS (ORDER BY id);
CREATE VIEW by_row AS SELECT id, lag(id, back) OVER (PARTITION BY item ORDER BY id) AS b, lead(id, back, id * 100) OVER (PARTITION BY item ORDER BY id) AS f, lag(id, -1) OVER (ORDER BY id) AS n FROM price;
CREATE VIEW difference AS SELECT id, amount - lag(amount) OVER (PARTITION BY item ORDER BY id) AS d FROM price;
CREATE VIEW literals AS SELECT id, lag('x'::text, 1, 'first') OVER (ORDER BY id) AS l FROM price;
CREATE VIEW firsts AS SELECT id, first_value(amount) OVER w AS f, last_value(amount) OVER w AS l, nth_value(amount, 2) OVER w AS n FROM price WINDOW w AS (PARTITION BY item ORDER BY amount DESC, id);
CREATE VIEW whole_frame AS SELECT id, first_value(id) OVER w AS f, last_value(id) OVER w AS l, nth_value(id, 3) OVER w AS n FROM price WINDOW w AS (PARTITION BY item ORDER BY at, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);
CREATE VIEW around AS SELECT id, first_value(id) OVER w AS f, last_value(id) OVER w AS l, nth_value(id, abs(back) + 1) OVER w AS n FROM price WINDOW w AS (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING);
CREATE VIEW empty_frame AS SELECT id, first_value(id) OVER w AS f, last_value(id) OVER w AS l FROM price WINDOW w AS (PARTITION BY item ORDER BY id ROWS BETWEEN 3 FOLLOWING AND 5 FOLLOWING);
CREATE VIEW forms AS SELECT id, lag(amount) OVER (ORDER BY id) AS a, first_value(note) OVER (PARTITION BY note ORDER BY id) AS n FROM price;
CREATE VIEW of_nothing AS SELECT lag(id) OVER () AS l FROM price WHERE id < 0;
CREATE VIEW changes AS SELECT item, at FROM (SELECT item, at, amount, lag(amount) OVER (PARTITION BY item ORDER BY at, id) AS before FROM price) AS x WHERE amount IS DISTINCT FROM before;
CREATE VIEW inherited AS SELECT id, lead(id) OVER (base ORDER BY id) AS n, count(*) OVER base AS c, count(*) OVER (base ROWS BETWEEN CURRENT ROW AND CURRENT ROW) AS one FROM price WINDOW base AS (PARTITION BY item), unused AS (base ORDER BY at);
-- then
INSERT INTO price VALUES (50, 'a', '2023-01-01', 7, 1, 'n0'), (51, 'b', '2025-01-01', 7.0, 2, 'n0 '), (52, NULL, NULL, NULL, 1, NULL);
-- then
UPDATE price SET amount = amount + 1, at = at - 10 WHERE id % 3 = 1;
-- then
DELETE FROM price WHERE id % 2 = 0;
UPDATE price SET back = 0 WHERE item = 'a';
-- then
UPDATE price SET item = 'a';
-- then
DELETE FROM price;
-- then
INSERT INTO price VALUES (1, 'a', '2023-01-01', 7, 1, 'n0');
