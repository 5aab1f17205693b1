-- given
CREATE TABLE t (id int PRIMARY KEY, tags text[], nums int[], doc jsonb);
INSERT INTO t VALUES (1, '{a,b}', '{1,2,3}', '[1, 2]'), (2, '{}', '{4}', '[]'), (3, NULL, NULL, NULL), (4, '{a,NULL}', '{}', '["x"]');

-- views
CREATE VIEW one AS SELECT id, unnest(tags) FROM t;
CREATE VIEW lockstep AS SELECT id, unnest(tags) AS tag, unnest(nums) AS num FROM t;
CREATE VIEW three AS SELECT id, unnest(tags) AS tag, generate_series(1, 2) AS n, jsonb_array_elements(doc) AS e FROM t;
CREATE VIEW computed AS SELECT id, unnest(tags) || '!' AS tag, unnest(nums) * 10 + id AS num FROM t;
CREATE VIEW same AS SELECT id, unnest(nums) AS a, unnest(nums) AS b FROM t;
CREATE VIEW nested AS SELECT id, generate_series(1, unnest(nums)) AS n FROM t;
CREATE VIEW nested_beside AS SELECT id, generate_series(1, unnest(nums)) AS n, unnest(tags) AS tag FROM t;
CREATE VIEW alone AS SELECT generate_series(1, 3) AS n;
CREATE VIEW expanded AS SELECT x.tag, count(*) AS n FROM (SELECT unnest(tags) AS tag FROM t) x GROUP BY x.tag;
CREATE VIEW grouped AS SELECT unnest(tags) AS tag, count(*) AS n, sum(id) AS ids FROM t GROUP BY 1;
CREATE VIEW grouped_by_name AS SELECT unnest(tags) AS tag, count(*) AS n FROM t GROUP BY tag;
CREATE VIEW grouped_by_call AS SELECT upper(unnest(tags)) AS tag, count(*) AS n FROM t GROUP BY unnest(tags);
CREATE VIEW with_having AS SELECT unnest(tags) AS tag FROM t GROUP BY 1 HAVING count(*) > 1;
CREATE VIEW above_groups AS SELECT nums[1] AS first, unnest(array_agg(id ORDER BY id)) AS id FROM t GROUP BY nums[1];
CREATE VIEW above_key AS SELECT id, unnest(tags) AS tag, count(*) AS n FROM t GROUP BY id;
CREATE VIEW distincts AS SELECT DISTINCT unnest(tags) AS tag FROM t;
CREATE VIEW ordered AS SELECT id, unnest(nums) AS num FROM t ORDER BY num DESC, id LIMIT 3;
CREATE VIEW windowed AS SELECT id, unnest(nums) AS num, row_number() OVER (ORDER BY id) AS r FROM t;
CREATE VIEW subqueried AS SELECT id, (SELECT unnest(t.nums) ORDER BY 1 DESC LIMIT 1) AS top FROM t;
CREATE VIEW of_subquery AS SELECT id, unnest((SELECT array_agg(u.id ORDER BY u.id) FROM t u WHERE u.id <= t.id)) AS up FROM t;
CREATE VIEW matches AS SELECT id, (regexp_matches(doc::text, '\d', 'g'))[1] AS digit FROM t;
CREATE VIEW keys AS SELECT id, jsonb_object_keys(jsonb_build_object('a', id, 'b', tags)) AS k FROM t;
CREATE VIEW unioned AS SELECT unnest(tags) AS v FROM t UNION SELECT unnest(nums)::text FROM t;
CREATE VIEW in_filter AS SELECT id FROM t WHERE 2 IN (SELECT unnest(nums));
CREATE VIEW as_table AS SELECT id, s.* FROM t, LATERAL (SELECT unnest(tags) AS tag, unnest(nums) AS num) s;
CREATE VIEW sets AS SELECT unnest(tags) AS tag, id % 2 AS odd, count(*) AS n FROM t GROUP BY ROLLUP (1, 2);

-- then
INSERT INTO t VALUES (5, '{b,b,c}', '{1,1}', '[{"k": 7}]');

-- then
UPDATE t SET tags = '{c}' WHERE id IN (1, 2);
UPDATE t SET nums = nums || 5, doc = '[3]';

-- then
DELETE FROM t WHERE id = 5;
UPDATE t SET tags = NULL WHERE id = 4;

-- then
UPDATE t SET tags = '{}', nums = NULL;

-- then
UPDATE t SET tags = '{z,a}', nums = '{2,2}' WHERE id <> 3;
