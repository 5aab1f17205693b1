-- given to the newest
CREATE TABLE t (id int PRIMARY KEY, g int, n int, s text, doc jsonb, raw json);
INSERT INTO t VALUES (1, 1, 5, 'b', '{"a": 1, "l": [1, 2]}', '{"a" : 1}'), (2, 1, NULL, 'a', '{"a": "x"}', '[1 ]'), (3, 1, 7, 'c', NULL, NULL), (4, 2, NULL, 'd', '[]', '{}'), (5, 2, NULL, NULL, '{"a": [3]}', '{"a": 1, "a": 2}'), (6, NULL, 1, '{"k": 1}', '{"a": 12.5}', '3'), (7, NULL, 1, 'no', '{"a": true}', 'null');
-- views
CREATE VIEW arrays AS SELECT g, JSON_ARRAYAGG(n ORDER BY id) AS a, JSON_ARRAYAGG(n ORDER BY id NULL ON NULL) AS b, JSON_ARRAYAGG(s ORDER BY s DESC RETURNING jsonb) AS c, JSON_ARRAYAGG(doc ORDER BY id) AS d, JSON_ARRAYAGG(n ORDER BY n, id NULL ON NULL RETURNING jsonb) AS e FROM t GROUP BY g;
CREATE VIEW filtered AS SELECT g, JSON_ARRAYAGG(n ORDER BY id) FILTER (WHERE n > 5 OR s = 'a') AS a, count(*) AS c FROM t GROUP BY g;
CREATE VIEW everything AS SELECT JSON_ARRAYAGG(n ORDER BY id RETURNING text) AS a, JSON_OBJECTAGG(id: n RETURNING jsonb) AS o FROM t;
CREATE VIEW nothing AS SELECT JSON_ARRAYAGG(n) AS a, JSON_OBJECTAGG(id: n ABSENT ON NULL) AS o FROM t WHERE id < 0;
CREATE VIEW objects AS SELECT g, JSON_OBJECTAGG(id: n RETURNING jsonb) AS a, JSON_OBJECTAGG(id VALUE n ABSENT ON NULL RETURNING jsonb) AS b, JSON_OBJECTAGG(id: doc) AS c FROM t GROUP BY g;
CREATE VIEW one_each AS SELECT id, JSON_OBJECTAGG(s: n ABSENT ON NULL) AS a, JSON_OBJECTAGG(g: n) AS b FROM t WHERE s IS NOT NULL AND g IS NOT NULL GROUP BY id;
CREATE VIEW windows AS SELECT id, JSON_ARRAYAGG(n RETURNING jsonb) OVER (PARTITION BY g ORDER BY id) AS a, JSON_ARRAYAGG(s) OVER (ORDER BY id ROWS 1 PRECEDING) AS b FROM t;
CREATE VIEW built AS SELECT id, JSON_OBJECT('id': id, 'n': n, 'doc': doc) AS a, JSON_OBJECT('n': n, 's': s ABSENT ON NULL RETURNING jsonb) AS b, JSON_ARRAY(id, n, s) AS c, JSON_ARRAY(n, g NULL ON NULL RETURNING jsonb) AS d FROM t;
CREATE VIEW tested AS SELECT id, s IS JSON AS a, s IS JSON OBJECT AS b, raw IS JSON WITH UNIQUE KEYS AS c, doc IS NOT JSON ARRAY AS d FROM t;
CREATE VIEW looked_up AS SELECT id, JSON_VALUE(doc, '$.a') AS a, JSON_VALUE(doc, '$.a' RETURNING int) AS b, JSON_QUERY(doc, '$.l') AS c, JSON_EXISTS(doc, '$.a') AS d, JSON_QUERY(raw, '$.a' RETURNING text) AS e, JSON_VALUE(doc, '$.a' RETURNING numeric(6, 1)) AS f FROM t;
CREATE VIEW by_value AS SELECT JSON_VALUE(doc, '$.a') AS a, count(*) AS c, any_value(g) FILTER (WHERE g = 1) AS v FROM t GROUP BY 1;
CREATE VIEW nested AS SELECT g, JSON_ARRAYAGG(JSON_OBJECT('id': id, 'n': n ABSENT ON NULL RETURNING jsonb) ORDER BY id RETURNING jsonb) AS rows FROM t WHERE s IS NOT JSON GROUP BY g;
CREATE VIEW functions AS SELECT id, array_sort(ARRAY[n, g, id]) AS a, array_reverse(ARRAY[n, g]) AS b, to_bin(id) AS c, crc32(s::bytea) AS d, casefold(s) AS e, id::bytea AS f FROM t;
-- then
INSERT INTO t VALUES (8, 3, NULL, 'x', '{"a": null}', '[]'), (9, 1, 2, '[1]', '{"l": {"m": 1}}', '{"a": {"b" : 2}}');
-- then
UPDATE t SET n = NULL WHERE g = 1;
UPDATE t SET doc = '{"a": 4}' WHERE id > 5;
-- then
DELETE FROM t WHERE g = 2;
UPDATE t SET g = 2, n = id WHERE g = 1;
-- then
DELETE FROM t;
-- then
INSERT INTO t VALUES (1, 1, 1, '1', '1', '1');
