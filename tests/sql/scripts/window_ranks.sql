-- given
CREATE TABLE result (id int PRIMARY KEY, race text, seconds numeric(6,1), runner text, tries int);
INSERT INTO result SELECT i, 'r' || i % 4, nullif(i * 37 % 11, 4) + 0.5, 'p' || i % 7, i % 3 + 1 FROM generate_series(1, 40) AS i;
INSERT INTO result VALUES (50, NULL, 1, 'x', NULL), (51, NULL, 1.0, 'y', 2), (52, 'alone', NULL, NULL, 3);
-- views
CREATE VIEW numbers AS SELECT id, row_number() OVER (ORDER BY seconds, id) AS n FROM result;
CREATE VIEW numbers_desc AS SELECT id, row_number() OVER (PARTITION BY race ORDER BY seconds DESC, id DESC) AS n FROM result;
CREATE VIEW nulls_first AS SELECT id, row_number() OVER (PARTITION BY race ORDER BY seconds NULLS FIRST, id) AS n FROM result;
CREATE VIEW nulls_last AS SELECT id, row_number() OVER (PARTITION BY race ORDER BY seconds DESC NULLS LAST, id) AS n FROM result;
CREATE VIEW ranks AS SELECT id, rank() OVER w AS r, dense_rank() OVER w AS d, percent_rank() OVER w AS p, cume_dist() OVER w AS c FROM result WINDOW w AS (PARTITION BY race ORDER BY seconds);
CREATE VIEW ranks_whole AS SELECT id, rank() OVER (ORDER BY seconds DESC), dense_rank() OVER (ORDER BY tries NULLS FIRST), cume_dist() OVER (ORDER BY runner DESC) FROM result;
CREATE VIEW without_order AS SELECT id, rank() OVER (PARTITION BY race) AS r, dense_rank() OVER () AS d, percent_rank() OVER () AS p, cume_dist() OVER (PARTITION BY race) AS c FROM result;
CREATE VIEW buckets AS SELECT id, ntile(3) OVER (PARTITION BY race ORDER BY seconds, id) AS three, ntile(100) OVER (PARTITION BY race ORDER BY id) AS many, ntile(1) OVER (ORDER BY id) AS one, ntile(7) OVER (ORDER BY id DESC) AS seven FROM result;
CREATE VIEW buckets_by_row AS SELECT id, ntile(tries) OVER (PARTITION BY race ORDER BY id) AS n, ntile(NULL) OVER () AS none FROM result;
CREATE VIEW several AS SELECT id, rank() OVER (PARTITION BY race ORDER BY seconds) AS in_race, rank() OVER (PARTITION BY runner ORDER BY seconds) AS of_runner, rank() OVER (ORDER BY seconds) AS of_all FROM result;
CREATE VIEW computed AS SELECT id, row_number() OVER (ORDER BY id) * 10 + rank() OVER (PARTITION BY lower(race) ORDER BY coalesce(seconds, 0) DESC) AS n FROM result;
CREATE VIEW only_number AS SELECT row_number() OVER () AS n FROM result;
CREATE VIEW filtered AS SELECT id, rank() OVER (ORDER BY seconds) AS r FROM result WHERE race <> 'r1';
CREATE VIEW filtered_above AS SELECT id, r FROM (SELECT id, race, rank() OVER (PARTITION BY race ORDER BY seconds) AS r FROM result) AS x WHERE race = 'r2' AND id > 10;
CREATE VIEW part AS SELECT id FROM (SELECT id, rank() OVER (ORDER BY seconds) AS r, row_number() OVER (ORDER BY id) AS n FROM result) AS x;
CREATE VIEW by_rank AS SELECT r, count(*) AS n FROM (SELECT rank() OVER (PARTITION BY race ORDER BY seconds) AS r FROM result) AS x GROUP BY r;
CREATE VIEW in_order AS SELECT id FROM result ORDER BY rank() OVER (PARTITION BY race ORDER BY seconds DESC NULLS LAST), id LIMIT 6;
CREATE VIEW distinct_ranks AS SELECT DISTINCT race, dense_rank() OVER (PARTITION BY race ORDER BY tries) AS d FROM result;
-- then
INSERT INTO result VALUES (60, 'r0', 0.1, 'p1', 5), (61, 'r1', 99, 'p1', 1), (62, 'new', 3, 'p9', NULL), (63, NULL, NULL, NULL, NULL);
-- then
UPDATE result SET seconds = 5.5 WHERE id % 5 = 0;
-- then
UPDATE result SET race = 'r1' WHERE race = 'r2';
DELETE FROM result WHERE race = 'alone' OR id < 5;
-- then
DELETE FROM result WHERE race = 'r1';
UPDATE result SET tries = NULL WHERE id % 2 = 0;
-- then
DELETE FROM result;
-- then
INSERT INTO result VALUES (1, 'r1', 1, 'p', 1), (2, 'r1', 1.0, 'p', 2);
