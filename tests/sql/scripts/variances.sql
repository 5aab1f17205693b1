-- given
CREATE TABLE samples (id int PRIMARY KEY, grp int, small smallint, mid int, big bigint, exact numeric, wide numeric(20,10), f float8, r real);
INSERT INTO samples VALUES
 (1, 1, 1, 10, 1000000000000, 1.5, 0.1, 1.5, 2.5), (2, 1, 2, 20, -1000000000000, 2.25, 123456789.0123456789, 2.5, -1),
 (3, 1, 4, 40, 9223372036854775807, 1e20, -0.0000000001, 4.5, 0.5), (4, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (5, 2, 7, 7, 7, 7.000, 7, 7, 7), (6, 3, 5, 5, -9223372036854775808, 0, 0, 0, 0), (7, 3, 5, 5, -9223372036854775808, 0.00, 0, 0, 0),
 (8, NULL, 1, 3, 3, 'NaN', 3, 3, 3), (9, NULL, 2, 4, 4, 1, 4, 4, 4), (10, 4, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (11, 5, 1, 1, 1, 0.333333333333333333333, 0.3333333333, 1, 1), (12, 5, 3, 2, 1, 0.666666666666666666667, 0.6666666667, 2, 2);
-- views
CREATE VIEW of_smallint AS SELECT grp, variance(small) AS v, var_pop(small) AS vp, stddev(small) AS s, stddev_pop(small) AS sp FROM samples GROUP BY grp;
CREATE VIEW of_integer AS SELECT grp, var_samp(mid) AS v, var_pop(mid) AS vp, stddev_samp(mid) AS s, stddev_pop(mid) AS sp FROM samples GROUP BY grp;
CREATE VIEW of_bigint AS SELECT grp, variance(big) AS v, var_pop(big) AS vp, stddev(big) AS s, stddev_pop(big) AS sp FROM samples GROUP BY grp;
CREATE VIEW of_numeric AS SELECT grp, variance(exact) AS v, var_pop(exact) AS vp, stddev(exact) AS s, stddev_pop(exact) AS sp FROM samples GROUP BY grp;
CREATE VIEW of_scaled AS SELECT grp, variance(wide) AS v, var_pop(wide) AS vp, stddev(wide) AS s, stddev_pop(wide) AS sp FROM samples GROUP BY grp;
CREATE VIEW of_double AS SELECT grp, round(variance(f)::numeric, 10) AS v, round(var_pop(f)::numeric, 10) AS vp, round(stddev(f)::numeric, 10) AS s, round(stddev_pop(f)::numeric, 10) AS sp FROM samples GROUP BY grp;
CREATE VIEW of_real AS SELECT grp, round(variance(r)::numeric, 10) AS v, round(var_pop(r)::numeric, 10) AS vp, round(stddev(r)::numeric, 10) AS s, round(stddev_pop(r)::numeric, 10) AS sp FROM samples GROUP BY grp;
CREATE VIEW of_all AS SELECT variance(mid) AS v, stddev(DISTINCT mid) AS s, stddev_pop(DISTINCT exact) FILTER (WHERE exact < 100) AS d, variance(small) FILTER (WHERE grp = 1) AS c FROM samples;
CREATE VIEW of_none AS SELECT variance(mid) AS v, stddev_pop(f) AS s FROM samples WHERE id > 100;
CREATE VIEW unseen AS SELECT stddev(mid * 1.10) AS s, variance(big % 1000) AS v, var_pop('3') AS open FROM samples;
-- then
UPDATE samples SET small = small + 1, mid = mid * 3, exact = exact / 7, wide = wide * 3, f = f * 10, r = r + 0.5;
-- then
DELETE FROM samples WHERE id IN (1, 8);
INSERT INTO samples VALUES (13, 2, 1, 1, 1, 'Infinity', 1, 'Infinity', 'NaN'), (14, 2, 2, 2, 2, 0.001, 2, 2, 2);
-- then
DELETE FROM samples WHERE id = 13;
UPDATE samples SET exact = 0.0000001 WHERE id = 3;
-- then
UPDATE samples SET grp = 6;
-- then
DELETE FROM samples WHERE id <> 3;
-- then
DELETE FROM samples;
