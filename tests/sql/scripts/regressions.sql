-- given
CREATE TABLE points (id int PRIMARY KEY, grp text, y float8, x float8, n int, d numeric);
INSERT INTO points VALUES
 (1, 'line', 1, 1, 1, 1.5), (2, 'line', 3, 2, 2, 2.5), (3, 'line', 5, 3, 3, 3.5), (4, 'line', NULL, 4, 4, 4.5), (5, 'line', 6, NULL, NULL, 5.5),
 (6, 'flat', 2, 1, 1, 1), (7, 'flat', 2, 5, 5, 1), (8, 'steep', 1, 3, 3, 1), (9, 'steep', 7, 3, 3, 2), (10, 'one', 4, 4, 4, 4),
 (11, NULL, -1.5, 1e3, 7, 1.1), (12, NULL, 2.25, -1e3, 8, 2.2), (13, NULL, 1e-3, 12.5, 9, 3.3), (14, 'none', NULL, NULL, NULL, NULL);
-- views
CREATE VIEW counts AS SELECT grp, regr_count(y, x) AS n, regr_count(n, d) AS exact FROM points GROUP BY grp;
CREATE VIEW sums AS SELECT grp, round(regr_sxx(y, x)::numeric, 9) AS sxx, round(regr_syy(y, x)::numeric, 9) AS syy, round(regr_sxy(y, x)::numeric, 9) AS sxy FROM points GROUP BY grp;
CREATE VIEW averages AS SELECT grp, round(regr_avgx(y, x)::numeric, 9) AS x, round(regr_avgy(y, x)::numeric, 9) AS y FROM points GROUP BY grp;
CREATE VIEW lines AS SELECT grp, round(regr_slope(y, x)::numeric, 9) AS slope, round(regr_intercept(y, x)::numeric, 9) AS intercept, round(regr_r2(y, x)::numeric, 9) AS r2 FROM points GROUP BY grp;
CREATE VIEW together AS SELECT grp, round(corr(y, x)::numeric, 9) AS corr, round(covar_pop(y, x)::numeric, 9) AS pop, round(covar_samp(y, x)::numeric, 9) AS samp FROM points GROUP BY grp;
CREATE VIEW of_all AS SELECT round(corr(n, d)::numeric, 9) AS c, round(covar_pop(n, d)::numeric, 9) AS p, round(regr_slope(DISTINCT y, x)::numeric, 9) AS s, regr_count(y, x) FILTER (WHERE x > 2) AS n FROM points;
CREATE VIEW of_none AS SELECT regr_count(y, x) AS n, corr(y, x) AS c, regr_slope(y, x) AS s FROM points WHERE id > 100;
-- then
UPDATE points SET y = y * 2 + 1 WHERE grp <> 'line';
UPDATE points SET x = 4 WHERE id = 5;
-- then
INSERT INTO points VALUES (15, 'line', 'Infinity', 1, 1, 1), (16, 'one', 'NaN', 2, 2, 2), (17, 'flat', 2, 9, 1, 1), (18, 'flat', 2, 9, 1, 1);
-- then
DELETE FROM points WHERE id IN (15, 16);
UPDATE points SET grp = 'line' WHERE grp IS NULL;
-- then
DELETE FROM points WHERE grp = 'line';
-- then
DELETE FROM points;
