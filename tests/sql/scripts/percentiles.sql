-- given
CREATE TABLE times (id int PRIMARY KEY, grp text, n int, f float8, price numeric, took interval, word text, at timestamp);
INSERT INTO times VALUES
 (1, 'a', 1, 1.5, 1.0, '1 day', 'x', '2024-01-01'), (2, 'a', 2, 2.5, 1.00, '2 days', 'y', '2024-01-02'), (3, 'a', 3, -1, 2, '3 hours', 'x', '2024-01-03'),
 (4, 'a', 4, NULL, NULL, NULL, NULL, NULL), (5, 'a', NULL, 'NaN', 3, '1 mon', 'y', '2024-01-01'),
 (6, 'b', 7, 7, 7, '7 min', 'z', '2024-01-01'), (7, 'b', 7, 8, 7, '8 min', 'z', '2024-01-02'), (8, 'c', NULL, NULL, NULL, NULL, NULL, NULL),
 (9, NULL, 5, 0.25, 9.99, '-1 day', 'w', '2024-01-01'), (10, NULL, 6, 0.5, 0.01, '10 s', 'v', '2024-01-05');
-- views
CREATE VIEW medians AS SELECT grp, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY f) AS f, percentile_cont(0.5) WITHIN GROUP (ORDER BY price) AS price, percentile_cont(0.5) WITHIN GROUP (ORDER BY took) AS took FROM times GROUP BY grp;
CREATE VIEW places AS SELECT grp, percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS n, percentile_disc(0.25) WITHIN GROUP (ORDER BY word) AS word, percentile_disc(1) WITHIN GROUP (ORDER BY at) AS at, percentile_disc(0) WITHIN GROUP (ORDER BY took) AS took FROM times GROUP BY grp;
CREATE VIEW downwards AS SELECT grp, percentile_cont(0.3) WITHIN GROUP (ORDER BY n DESC) AS n, percentile_disc(0.3) WITHIN GROUP (ORDER BY word DESC) AS word FROM times GROUP BY grp;
CREATE VIEW several AS SELECT grp, percentile_cont(ARRAY[0, 0.25, 0.5, NULL, 1]) WITHIN GROUP (ORDER BY n) AS n, percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY word) AS words, percentile_disc('{{0.1,0.9},{0.5,0.2}}'::float8[]) WITHIN GROUP (ORDER BY n) AS grid, percentile_cont(ARRAY[0.5]) WITHIN GROUP (ORDER BY took) AS tooks FROM times GROUP BY grp;
CREATE VIEW modes AS SELECT grp, mode() WITHIN GROUP (ORDER BY word) AS word, mode() WITHIN GROUP (ORDER BY n DESC) AS n, mode() WITHIN GROUP (ORDER BY at) AS at FROM times GROUP BY grp;
CREATE VIEW of_all AS SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY n) AS n, percentile_disc(0.9) WITHIN GROUP (ORDER BY n) FILTER (WHERE grp = 'a') AS a, mode() WITHIN GROUP (ORDER BY grp) AS grp, percentile_cont(NULL) WITHIN GROUP (ORDER BY f) AS open FROM times;
CREATE VIEW kept AS SELECT grp FROM times GROUP BY grp HAVING percentile_disc(0.5) WITHIN GROUP (ORDER BY n) > 2;
-- then
UPDATE times SET n = 10 - n, word = word || id % 2, took = took * 2;
-- then
DELETE FROM times WHERE id IN (2, 6);
INSERT INTO times VALUES (11, 'b', 7, 7, 7, '1 h', 'z', '2024-01-03'), (12, 'b', 1, 1, 1, '1 h', 'a', '2024-01-03'), (13, 'c', 0, 0, 0, '0', '', '2000-01-01');
-- then
UPDATE times SET grp = 'a';
-- then
DELETE FROM times WHERE id > 1;
-- then
DELETE FROM times;
