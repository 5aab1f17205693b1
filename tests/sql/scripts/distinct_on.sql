-- given
CREATE TABLE reading (id int PRIMARY KEY, sensor text, room int, at timestamp, value numeric, note char(3));
INSERT INTO reading SELECT i, 's' || i % 5, i % 3, '2024-05-01'::timestamp + (i * 17 % 23) * interval '1 minute', i * 29 % 31 / 10.0, 'n' || i % 2 FROM generate_series(1, 50) AS i;
INSERT INTO reading VALUES (51, NULL, 1, NULL, 1, NULL), (52, NULL, NULL, NULL, NULL, 'a');
-- views
CREATE VIEW latest AS SELECT DISTINCT ON (sensor) sensor, at, value, id FROM reading ORDER BY sensor, at DESC NULLS LAST, id;
CREATE VIEW earliest AS SELECT DISTINCT ON (sensor, room) id, value FROM reading ORDER BY sensor, room, at, id;
CREATE VIEW either_order AS SELECT DISTINCT ON (sensor, room) id, value FROM reading ORDER BY room DESC, sensor, value DESC, id;
CREATE VIEW by_position AS SELECT DISTINCT ON (1) room, id FROM reading ORDER BY 1, value, id DESC;
CREATE VIEW by_alias AS SELECT DISTINCT ON (r) room * 2 AS r, id FROM reading ORDER BY r, id;
CREATE VIEW by_expression AS SELECT DISTINCT ON (lower(sensor), id % 2) id FROM reading ORDER BY lower(sensor), id % 2, value, id;
CREATE VIEW by_form AS SELECT DISTINCT ON (note) note::text AS n, id FROM reading ORDER BY note, id DESC;
CREATE VIEW of_numbers AS SELECT DISTINCT ON (value) id FROM reading ORDER BY value, id;
CREATE VIEW limited AS SELECT DISTINCT ON (sensor) sensor, id FROM reading ORDER BY sensor DESC NULLS LAST, value, id LIMIT 3;
CREATE VIEW of_groups AS SELECT DISTINCT ON (sensor) sensor, room, count(*) AS n FROM reading GROUP BY sensor, room ORDER BY sensor, count(*) DESC, room;
CREATE VIEW without_order AS SELECT DISTINCT ON (id) id, value FROM reading;
CREATE VIEW all_selected AS SELECT DISTINCT ON (room) room FROM reading;
CREATE VIEW partly_ordered AS SELECT DISTINCT ON (room, id) id FROM reading ORDER BY room;
CREATE VIEW filtered AS SELECT id FROM (SELECT DISTINCT ON (sensor) sensor, room, id FROM reading ORDER BY sensor, value DESC, id) AS x WHERE sensor > 's1' AND room < 2;
CREATE VIEW joined AS SELECT a.sensor, a.id, b.id AS other FROM (SELECT DISTINCT ON (sensor) sensor, id FROM reading ORDER BY sensor, id) AS a JOIN reading AS b ON a.sensor = b.sensor WHERE b.room = 1;
-- then
INSERT INTO reading VALUES (60, 's1', 1, '2024-06-01', 9, 'n'), (61, 's9', 9, '2024-06-01', 9.0, 'n  '), (62, NULL, NULL, '2020-01-01', 0, NULL);
-- then
UPDATE reading SET at = NULL WHERE id % 7 = 0;
UPDATE reading SET value = value * 2 WHERE room = 0;
-- then
DELETE FROM reading WHERE id IN (SELECT id FROM latest);
-- then
UPDATE reading SET sensor = 's1', note = 'z' WHERE sensor = 's2';
DELETE FROM reading WHERE sensor IS NULL;
-- then
DELETE FROM reading;
-- then
INSERT INTO reading VALUES (1, 's1', 1, '2024-06-01', 9, 'n');
