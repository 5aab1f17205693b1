-- given
CREATE TABLE t (id int PRIMARY KEY, a int[], b numeric[], tags text[], doc jsonb, k int, f float8);
CREATE TABLE u (k int, v int);
INSERT INTO t VALUES (1, '{3,1,2}', '{1.0,1.00,2}', '{x,y,x}', '{"items": [{"p": 2, "q": 3}, {"p": 5, "q": 1}]}', 1, 0.1),
  (2, '{}', '{}', '{}', '{"items": []}', 2, 0), (3, NULL, NULL, NULL, NULL, NULL, NULL), (4, '{NULL,7,7}', '{NULL}', '{NULL,z}', '{"items": [{"p": 1}]}', 1, -1e300);
INSERT INTO u VALUES (1, 2), (1, 5), (2, 1), (NULL, 3);
-- views
CREATE VIEW sums AS SELECT id, (SELECT sum(x) FROM unnest(t.a) x) AS s, (SELECT count(*) FROM unnest(t.a)) AS n, (SELECT count(x) + 1 FROM unnest(t.a) x) AS m, (SELECT avg(x) FROM unnest(t.b) x) AS v FROM t;
CREATE VIEW documents AS SELECT id, (SELECT sum((i ->> 'p')::numeric * (i ->> 'q')::numeric) FROM jsonb_array_elements(t.doc -> 'items') i) AS total, (SELECT jsonb_agg(i ORDER BY i -> 'p' DESC) FROM jsonb_array_elements(doc -> 'items') i) AS sorted FROM t;
CREATE VIEW filtered AS SELECT id, (SELECT sum(x) FROM unnest(t.a) x WHERE x > t.k) AS s, (SELECT count(*) FILTER (WHERE x > 1) FROM unnest(t.a) x) AS n, (SELECT sum(10 / x) FILTER (WHERE x <> 0) FROM unnest(array_append(t.a, 0)) x) AS q FROM t;
CREATE VIEW ordered AS SELECT id, (SELECT string_agg(x, ',' ORDER BY n DESC) FROM unnest(t.tags) WITH ORDINALITY y(x, n)) AS s, (SELECT array_agg(x) FROM unnest(t.tags) x) AS a, ARRAY(SELECT upper(x) FROM unnest(tags) x WHERE x <> 'y') AS u, (SELECT array_agg(DISTINCT x ORDER BY x) FROM unnest(t.b) x) AS d FROM t;
CREATE VIEW extremes AS SELECT id, (SELECT max(x) - min(x) FROM unnest(t.a) x) AS range, (SELECT count(DISTINCT x) FROM unnest(t.b) x) AS n, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM unnest(t.a) x) AS median FROM t;
CREATE VIEW in_where AS SELECT id FROM t WHERE (SELECT bool_and(x IS NOT NULL) FROM unnest(t.tags) x) OR (SELECT sum(x) FROM generate_series(1, t.k) x) > 2;
CREATE VIEW rows_from AS SELECT id, (SELECT string_agg(concat(x, y), ';' ORDER BY x, y) FROM ROWS FROM (unnest(t.a), unnest(t.tags)) z(x, y)) AS s FROM t;
CREATE VIEW over_query AS SELECT id, (SELECT sum(x) FROM (SELECT y * 2 AS x FROM unnest(t.a) y WHERE y > 1) z) AS s FROM t;
CREATE VIEW with_table AS SELECT id, (SELECT sum(x + u.v) FROM unnest(t.a) x JOIN u ON u.k = t.k) AS s, (SELECT sum(v) FROM u WHERE u.k = t.k) AS o FROM t;
CREATE VIEW grouped AS SELECT k, max((SELECT sum(x) FROM unnest(t.a) x)) AS m, sum((SELECT count(*) FROM unnest(t.tags))) AS n FROM t GROUP BY k;
CREATE VIEW of_groups AS SELECT k, (SELECT sum(x) FROM unnest(array_agg(t.id)) x) AS s FROM t GROUP BY k;
CREATE VIEW nested AS SELECT id, (SELECT sum((SELECT max(y) FROM generate_series(1, x) y)) FROM unnest(t.a) x) AS s FROM t;
CREATE VIEW floats AS SELECT id, (SELECT sum(x) FROM unnest(ARRAY[t.f, 1e300, 0.2]) x) AS s FROM t;
CREATE VIEW inside AS SELECT u.v, (SELECT string_agg(t.id || ':' || coalesce((SELECT sum(x) FROM unnest(t.a) x WHERE x > u.v)::text, '-'), ',' ORDER BY t.id) FROM t WHERE t.k = u.k) AS s FROM u;
CREATE VIEW kept AS SELECT id, s FROM (SELECT id, k, (SELECT sum(x) FROM unnest(t.a) x) AS s FROM t) y WHERE s > 6 AND k = 1;
-- then
INSERT INTO t VALUES (5, '{1,1}', '{1.50}', '{q}', '{"items": [{"p": 1, "q": 2}]}', 2, 1);
UPDATE t SET a = a || 4, tags = array_append(tags, 'w') WHERE id IN (1, 2);
-- then
UPDATE u SET v = v + 1;
DELETE FROM t WHERE id = 4;
-- then
UPDATE t SET a = '{}', b = NULL, k = 1;
-- then
UPDATE t SET a = '{5,NULL,2}', b = '{2.50,3}', doc = '{"items": [{"p": 9, "q": 0}, {}]}';
