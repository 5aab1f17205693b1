-- given
CREATE TABLE events (id int PRIMARY KEY, grp text, n int, price numeric, f float8, small real, at timestamp, day date, took interval, doc jsonb, raw json, tags text[], grid int[], flag bool, mark char(4), raw_bytes bytea);
INSERT INTO events VALUES
 (1, 'a', 1, 1.50, 0.1, 1e20, '2024-01-01 10:00:00.5', '2024-01-01', '1 day 2 hours', '{"bb":1,"a":[1.0,"x"]}', '{"b" : 1,  "b":2}', '{x,"y\"z",NULL}', '{{1,2},{3,4}}', true, 'ab', '\x01ff'),
 (2, 'a', 2, 'NaN', 'Infinity', '-0', 'infinity', '-infinity', '-1 mon', 'null', ' [1 ,2] ', '{}', '{}', NULL, NULL, NULL),
 (3, 'a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (4, 'b', -5, 1e30, 1e300, 1e-7, '0044-03-15 12:00 BC', '2024-02-29', '0', '"q"', '"\u00e9\n"', '{é}', '{1}', false, 'a"', '\x');
-- views
CREATE VIEW numbers AS SELECT grp, json_agg(n ORDER BY id) AS j, json_agg(n ORDER BY id)::text AS t, jsonb_agg(n ORDER BY id) AS b, json_agg(price ORDER BY id)::text AS prices, jsonb_agg(price ORDER BY id) AS bprices FROM events GROUP BY grp;
CREATE VIEW floats AS SELECT json_agg(f ORDER BY id)::text AS f, jsonb_agg(f ORDER BY id)::text AS bf, json_agg(small ORDER BY id)::text AS small, jsonb_agg(small ORDER BY id)::text AS bsmall FROM events;
CREATE VIEW times AS SELECT json_agg(at ORDER BY id)::text AS at, jsonb_agg(at ORDER BY id)::text AS bat, json_agg(day ORDER BY id)::text AS day, json_agg(took ORDER BY id)::text AS took FROM events;
CREATE VIEW texts AS SELECT json_agg(grp ORDER BY id DESC)::text AS grps, json_agg(mark ORDER BY id)::text AS marks, jsonb_agg(mark ORDER BY id) AS bmarks, json_agg(raw_bytes ORDER BY id)::text AS bytes, json_agg(flag ORDER BY id)::text AS flags, json_agg('x'::text)::text AS x FROM events;
CREATE VIEW docs AS SELECT json_agg(doc ORDER BY id)::text AS docs, jsonb_agg(doc ORDER BY id) AS bdocs, json_agg(raw ORDER BY id)::text AS raws, jsonb_agg(raw ORDER BY id) AS braws FROM events;
CREATE VIEW arrays AS SELECT json_agg(tags ORDER BY id)::text AS tags, jsonb_agg(tags ORDER BY id)::text AS btags, json_agg(grid ORDER BY id)::text AS grids, json_agg(tags ORDER BY id DESC)::text AS down FROM events;
CREATE VIEW nested AS SELECT jsonb_agg(inner_docs ORDER BY grp) AS b, json_agg(inner_docs ORDER BY grp)::text AS j FROM (SELECT grp, jsonb_agg(n ORDER BY n DESC NULLS LAST) AS inner_docs FROM events GROUP BY grp) AS x;
CREATE VIEW built AS SELECT grp, jsonb_agg(jsonb_build_object('id', id, 'n', n) ORDER BY n DESC NULLS LAST, id) AS rows FROM events GROUP BY grp;
CREATE VIEW unlike AS SELECT jsonb_agg(DISTINCT grp) AS grps, json_agg(DISTINCT n ORDER BY n DESC)::text AS ns, jsonb_agg(DISTINCT doc) AS docs FROM events;
CREATE VIEW chosen AS SELECT grp, jsonb_agg(id ORDER BY id) FILTER (WHERE n > 0) AS positive, json_agg(n ORDER BY id) FILTER (WHERE flag IS NULL) AS ns FROM events GROUP BY grp;
-- then
UPDATE events SET n = coalesce(n, 0) + 1, flag = NOT coalesce(flag, false);
-- then
UPDATE events SET grp = 'c' WHERE id = 3;
INSERT INTO events (id, grp, n, tags) VALUES (5, 'c', 4, '{1,2}'), (6, NULL, 4, '{}');
-- then
DELETE FROM events WHERE grp = 'a';
-- then
DELETE FROM events;
