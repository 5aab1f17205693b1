-- given
CREATE TYPE mood AS ENUM ('sad', 'ok', 'Happy', 'so so');
CREATE TABLE t (id int PRIMARY KEY, g int, m mood, ms mood[], s text);
INSERT INTO t VALUES (1, 1, 'sad', '{ok,sad}', 'ok'), (2, 1, 'Happy', '{}', 'sad'), (3, 1, NULL, '{NULL,"so so"}', NULL), (4, 2, 'ok', NULL, 'so so'), (5, 2, 'ok', '{Happy}', 'Happy'), (6, 3, NULL, NULL, NULL);
CREATE TABLE moods (m mood PRIMARY KEY, points int);
INSERT INTO moods VALUES ('sad', 1), ('ok', 2), ('so so', 4);
-- views
CREATE VIEW extremes AS SELECT g, min(m) AS l, max(m) AS h, count(m) AS c, count(DISTINCT m) AS d, mode() WITHIN GROUP (ORDER BY m) AS o FROM t GROUP BY g;
CREATE VIEW extremes_of_all AS SELECT min(m) AS l, max(m) AS h, max(ms) AS a FROM t;
CREATE VIEW grouped AS SELECT m, count(*) AS n, array_agg(id ORDER BY id) AS ids FROM t GROUP BY m;
CREATE VIEW collected AS SELECT g, array_agg(m ORDER BY m DESC NULLS LAST) AS ms, string_agg(m::text, ',' ORDER BY m) AS s, jsonb_agg(m ORDER BY m) AS j, array_agg(DISTINCT m) AS d FROM t GROUP BY g;
CREATE VIEW joined AS SELECT t.id, points FROM t LEFT JOIN moods USING (m);
CREATE VIEW joined_elements AS SELECT t.id, x.m, points FROM t, unnest(ms) AS x(m) LEFT JOIN moods ON moods.m = x.m;
CREATE VIEW filtered AS SELECT id, m, m >= 'ok' AS at_least FROM t WHERE m IN ('ok', 'so so') OR m > 'ok' OR m = ANY (ms);
CREATE VIEW ranges AS SELECT id, enum_range(m, 'Happy') AS upto, enum_range(NULL::mood, m) AS below, enum_first(m) AS f, enum_last(m) AS l FROM t;
CREATE VIEW steps AS SELECT id, array_position(enum_range(NULL::mood), m) AS place, CASE m WHEN 'ok' THEN 'fine' ELSE m::text END AS shown FROM t;
CREATE VIEW least_each AS SELECT DISTINCT ON (g) g, m, id FROM t ORDER BY g, m DESC NULLS LAST, id;
CREATE VIEW ranked AS SELECT id, rank() OVER (PARTITION BY g ORDER BY m) AS r, max(m) OVER (PARTITION BY g) AS h, lag(m) OVER (ORDER BY id) AS before FROM t;
CREATE VIEW top AS SELECT id, m FROM t ORDER BY m DESC NULLS LAST, id LIMIT 2;
CREATE VIEW missing AS SELECT v.m FROM unnest(enum_range(NULL::mood)) AS v(m) WHERE NOT EXISTS (SELECT FROM t WHERE t.m = v.m);
CREATE VIEW all_counted AS SELECT v.m, count(t.id) AS n FROM unnest(enum_range(NULL::mood)) AS v(m) LEFT JOIN t ON t.m = v.m GROUP BY v.m;
CREATE VIEW united AS SELECT m FROM t UNION SELECT m FROM moods EXCEPT SELECT 'sad';
CREATE VIEW cast_of AS SELECT id, s::mood AS m, (s::mood) < 'so so' AS less, greatest(s::mood, m) AS most FROM t;
CREATE VIEW whole AS SELECT to_jsonb(t) AS j FROM t;
-- then
INSERT INTO t VALUES (7, 3, 'so so', '{sad}', 'sad'), (8, 2, 'sad', '{ok,ok}', NULL);
-- then
UPDATE t SET m = 'Happy' WHERE id IN (1, 4);
DELETE FROM moods WHERE m = 'ok';
-- then
UPDATE t SET m = NULL, ms = ms || 'sad'::mood WHERE g = 1;
INSERT INTO moods VALUES ('Happy', 3);
-- then
DELETE FROM t WHERE g <> 3;
-- then
DELETE FROM t;
-- then
INSERT INTO t VALUES (1, 1, 'ok', '{ok}', 'sad');
