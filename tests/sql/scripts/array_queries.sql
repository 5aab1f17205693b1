-- given
CREATE TABLE t (id int PRIMARY KEY, tags text[], doc jsonb);
CREATE TABLE u (id int PRIMARY KEY, t_id int, n int, name text);
INSERT INTO t VALUES (1, '{c,a,b}', '[{"n": 2}, {"n": 1}, 7]'), (2, '{}', '[]'), (3, NULL, NULL), (4, '{z,NULL,y}', '["s"]');
INSERT INTO u VALUES (1, 1, 5, 'five'), (2, 1, 3, 'three'), (3, 2, NULL, NULL), (4, NULL, 1, 'one'), (5, 1, 4, 'four');

-- views
CREATE VIEW of_table AS SELECT id, ARRAY(SELECT u.n FROM u WHERE u.t_id = t.id ORDER BY u.n) AS ns FROM t;
CREATE VIEW descending AS SELECT id, ARRAY(SELECT u.name AS x FROM u WHERE u.t_id = t.id ORDER BY x DESC NULLS LAST) AS names FROM t;
CREATE VIEW by_place AS SELECT id, ARRAY(SELECT upper(u.name) FROM u WHERE u.t_id = t.id ORDER BY 1) AS names FROM t;
CREATE VIEW by_other AS SELECT id, ARRAY(SELECT u.name FROM u WHERE u.t_id = t.id ORDER BY u.n DESC, u.id) AS names FROM t;
CREATE VIEW limited AS SELECT id, ARRAY(SELECT u.name FROM u WHERE u.t_id = t.id ORDER BY u.n DESC NULLS LAST LIMIT 2) AS names FROM t;
CREATE VIEW limited_computed AS SELECT id, ARRAY(SELECT u.n * 2 AS d FROM u WHERE u.t_id = t.id ORDER BY d LIMIT 2) AS ns FROM t;
CREATE VIEW distincts AS SELECT ARRAY(SELECT DISTINCT t_id FROM u ORDER BY t_id DESC) AS ids;
CREATE VIEW grouped AS SELECT ARRAY(SELECT count(*) FROM u GROUP BY t_id ORDER BY count(*), t_id) AS counts;
CREATE VIEW unioned AS SELECT id, ARRAY(SELECT u.n FROM u WHERE u.t_id = t.id UNION SELECT t.id ORDER BY 1) AS ns FROM t;
CREATE VIEW of_function AS SELECT id, ARRAY(SELECT upper(x) FROM unnest(tags) x) AS upper FROM t;
CREATE VIEW of_function_filtered AS SELECT id, ARRAY(SELECT x || n FROM unnest(tags) WITH ORDINALITY q(x, n) WHERE n <> 2) AS odd FROM t;
CREATE VIEW of_star AS SELECT id, ARRAY(SELECT * FROM unnest(tags) ORDER BY 1) AS sorted FROM t;
CREATE VIEW of_documents AS SELECT id, ARRAY(SELECT e->'n' FROM jsonb_array_elements(doc) e WHERE jsonb_typeof(e) = 'object') AS ns FROM t;
CREATE VIEW of_series AS SELECT id, ARRAY(SELECT g * g FROM generate_series(1, t.id) g) AS squares FROM t;
CREATE VIEW compared AS SELECT id FROM t WHERE 3 = ANY (ARRAY(SELECT n FROM u WHERE t_id = t.id));
CREATE VIEW lengths AS SELECT id, cardinality(ARRAY(SELECT 1 FROM u WHERE u.t_id = t.id)) AS n FROM t;
CREATE VIEW in_turn AS SELECT id, (SELECT array_agg(x) FROM unnest(tags) x) AS tags, (SELECT string_agg(x, '-') FROM unnest(tags) x) AS s FROM t;
CREATE VIEW documents_in_turn AS SELECT id, (SELECT jsonb_agg(e) FROM jsonb_array_elements(doc) e WHERE e <> '7') AS d FROM t;
CREATE VIEW rebuilt AS SELECT t.id, array_agg(x) AS tags, json_agg(x) AS j FROM t, unnest(tags) x GROUP BY t.id;
CREATE VIEW ordered_anyway AS SELECT id, (SELECT array_agg(x ORDER BY x DESC) FROM unnest(tags) x) AS tags, (SELECT array_agg(DISTINCT x) FROM unnest(tags) x) AS d FROM t;
CREATE VIEW one_of_all AS SELECT ARRAY(SELECT name FROM u ORDER BY id) AS names;
CREATE VIEW literals AS SELECT ARRAY(SELECT 'x') AS a, ARRAY(SELECT NULL) AS b, ARRAY(SELECT 1 WHERE false) AS c;

-- then
INSERT INTO u VALUES (6, 2, 9, 'nine'), (7, 4, 3, 'three');
UPDATE t SET tags = array_append(tags, 'a') WHERE id <= 3;

-- then
UPDATE u SET n = 10 WHERE id = 2;
UPDATE u SET t_id = 3 WHERE id = 5;
UPDATE t SET doc = '[{"n": 5}]' WHERE id = 2;

-- then
DELETE FROM u WHERE t_id = 1;
DELETE FROM t WHERE id = 4;

-- then
TRUNCATE u;
UPDATE t SET tags = '{}', doc = NULL;
