-- given
CREATE TABLE settings (id int PRIMARY KEY, owner text, name text, value numeric, doc jsonb, raw json, at timestamp, on_off bool, tags int[]);
INSERT INTO settings VALUES
 (1, 'x', 'size', 1.0, '{"a":1}', '{"a" : 1}', '2024-01-01 00:00', true, '{1,2}'),
 (2, 'x', 'a', NULL, NULL, NULL, '2024-01-02 00:00', false, '{}'),
 (3, 'x', 'size', 2, '[]', '[ ]', '2024-01-01 00:00', true, NULL),
 (4, 'y', '', 3, 'null', 'null', '2024-01-01 00:00', false, '{3}'),
 (5, NULL, 'q"q', 4, '1', '1', '2024-01-03 12:30', true, '{4}');
-- views
CREATE VIEW objects AS SELECT owner, json_object_agg(name, value ORDER BY id) AS j, json_object_agg(name, value ORDER BY id)::text AS t, jsonb_object_agg(name, value ORDER BY id) AS b FROM settings GROUP BY owner;
CREATE VIEW last_wins AS SELECT jsonb_object_agg(name, id ORDER BY id) AS last, jsonb_object_agg(name, id ORDER BY id DESC) AS first, json_object_agg(name, id ORDER BY id DESC)::text AS kept FROM settings;
CREATE VIEW docs AS SELECT owner, jsonb_object_agg(name, doc ORDER BY id) AS docs, json_object_agg(name, raw ORDER BY id)::text AS raws, json_object_agg(name, tags ORDER BY id)::text AS tags FROM settings GROUP BY owner;
CREATE VIEW keys AS SELECT json_object_agg(id, name ORDER BY id)::text AS ints, jsonb_object_agg(value, id ORDER BY id) FILTER (WHERE value IS NOT NULL) AS numerics, json_object_agg(at, id ORDER BY id)::text AS times, jsonb_object_agg(at, id ORDER BY id) AS btimes, json_object_agg(on_off, id ORDER BY id)::text AS bools, jsonb_object_agg(on_off, id ORDER BY id) AS bbools FROM settings;
CREATE VIEW unlike AS SELECT jsonb_object_agg(DISTINCT owner, on_off ORDER BY owner, on_off) FILTER (WHERE owner IS NOT NULL) AS o, json_object_agg(DISTINCT name, 1 ORDER BY name DESC)::text AS n FROM settings;
CREATE VIEW empty AS SELECT jsonb_object_agg(name, value) AS b, json_object_agg(name, value) AS j FROM settings WHERE id > 100;
-- then
UPDATE settings SET value = value * 10, name = name || '.' WHERE id <> 3;
-- then
DELETE FROM settings WHERE id = 3;
INSERT INTO settings (id, owner, name, at, on_off) VALUES (6, 'y', 'a', '2000-01-01', true), (7, 'z', 'a', '2000-01-01', NOT true);
-- then
UPDATE settings SET owner = 'x';
-- then
DELETE FROM settings;
