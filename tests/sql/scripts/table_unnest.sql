-- given
CREATE TABLE t (id int PRIMARY KEY, name text, tags text[], nums int[], prices numeric[]);
INSERT INTO t VALUES
  (1, 'a', '{red,green}', '{1,2,3}', '{1.0,1.00}'), (2, 'b', '{}', '{7}', NULL), (3, 'c', NULL, NULL, '{2.5}'),
  (4, 'd', '{red,NULL,red}', '{{1,2},{3,4}}', '{}'), (5, NULL, '[5:6]={x,y}', '{NULL}', '{NaN}');
CREATE TABLE u (tag text PRIMARY KEY, worth int);
INSERT INTO u VALUES ('red', 1), ('blue', 2), ('x', 3);

-- views
CREATE VIEW implicit AS SELECT id, tag FROM t, unnest(tags) AS tag;
CREATE VIEW qualified AS SELECT t.id, x.tag FROM t, unnest(t.tags) AS x(tag);
CREATE VIEW unnamed AS SELECT id, unnest FROM t, unnest(nums);
CREATE VIEW lateral_word AS SELECT id, n FROM t CROSS JOIN LATERAL unnest(nums) n;
CREATE VIEW numbered AS SELECT id, tag, nr FROM t, unnest(tags) WITH ORDINALITY AS x(tag, nr);
CREATE VIEW number_only AS SELECT t.id, x.ordinality FROM t, unnest(tags) WITH ORDINALITY x;
CREATE VIEW several AS SELECT id, x.a, x.b, x.c FROM t, unnest(tags, nums, prices) AS x(a, b, c);
CREATE VIEW several_numbered AS SELECT id, a, b, n FROM t, unnest(tags, nums) WITH ORDINALITY AS x(a, b, n);
CREATE VIEW left_true AS SELECT id, tag FROM t LEFT JOIN LATERAL unnest(tags) tag ON true;
CREATE VIEW left_some AS SELECT id, tag, nr FROM t LEFT JOIN LATERAL unnest(tags) WITH ORDINALITY x(tag, nr) ON tag <> 'red' AND name IS NOT NULL;
CREATE VIEW inner_some AS SELECT id, n FROM t JOIN LATERAL unnest(nums) n ON n > 1 AND n < id + 3;
CREATE VIEW filtered AS SELECT id, tag FROM t, unnest(tags) tag WHERE tag LIKE 'r%' AND id < 4 AND name <> 'z';
CREATE VIEW left_then_filtered AS SELECT id, tag FROM t LEFT JOIN unnest(tags) tag ON true WHERE tag = 'red';
CREATE VIEW joined AS SELECT id, tag, worth FROM t, unnest(tags) tag JOIN u USING (tag);
CREATE VIEW joined_on AS SELECT id, u.worth FROM t, unnest(tags) x JOIN u ON tag = x;
CREATE VIEW left_joined AS SELECT id, x, u.worth FROM t CROSS JOIN unnest(tags) x LEFT JOIN u ON u.tag = x;
CREATE VIEW counted AS SELECT tag, count(*) AS n, min(id) AS first FROM t, unnest(tags) tag GROUP BY tag;
CREATE VIEW twice AS SELECT id, a, b FROM t, unnest(tags) a, unnest(nums) b;
CREATE VIEW chained AS SELECT id, part FROM t, unnest(tags) tag, string_to_table(tag, 'e') part;
CREATE VIEW starred AS SELECT * FROM t, unnest(nums) WITH ORDINALITY;
CREATE VIEW expression AS SELECT id, x FROM t, unnest(tags || array_append(tags, 'z')) x;
CREATE VIEW computed AS SELECT id, upper(x) || id AS x, n * 2 AS twice FROM t, unnest(tags) WITH ORDINALITY AS q(x, n);
CREATE VIEW exists_tag AS SELECT id FROM t WHERE EXISTS (SELECT 1 FROM unnest(t.tags) x WHERE x = 'red');
CREATE VIEW not_exists_tag AS SELECT id FROM t WHERE NOT EXISTS (SELECT FROM unnest(tags) x WHERE x = 'red');
CREATE VIEW ordered AS SELECT id, (SELECT string_agg(x, ',' ORDER BY n DESC) FROM unnest(t.tags) WITH ORDINALITY u(x, n)) AS s FROM t;
CREATE VIEW totals AS SELECT id, (SELECT sum(x) FROM unnest(nums) x) AS total, (SELECT count(*) FROM unnest(nums) x WHERE x > 1) AS n FROM t;
CREATE VIEW in_tags AS SELECT tag FROM u WHERE tag IN (SELECT x FROM t, unnest(t.tags) x WHERE t.id > 1);
CREATE VIEW in_own AS SELECT id FROM t WHERE name IN (SELECT x FROM unnest(t.tags) x) OR 'red' IN (SELECT unnest(t.tags));
CREATE VIEW worths AS SELECT id, (SELECT sum(u.worth) FROM unnest(t.tags) x JOIN u ON u.tag = x) AS worth FROM t;
CREATE VIEW lateral_query AS SELECT id, q.* FROM t, LATERAL (SELECT x, count(*) AS n FROM unnest(tags) x GROUP BY x) q;
CREATE VIEW left_lateral_query AS SELECT id, q.x FROM t LEFT JOIN LATERAL (SELECT x FROM unnest(tags) x WHERE x > 'h') q ON true;
CREATE VIEW first_tag AS SELECT id, q.x FROM t LEFT JOIN LATERAL (SELECT x FROM unnest(tags) WITH ORDINALITY u(x, n) ORDER BY n LIMIT 1) q ON true;
CREATE VIEW of_view AS SELECT v.id, x.ordinality FROM ordered v, string_to_table(v.s, ',') WITH ORDINALITY x;
CREATE VIEW joined_late AS SELECT t.id, u.worth FROM t, u, unnest(t.tags) x WHERE x = u.tag;
CREATE VIEW joined_late_right AS SELECT t.id, u.worth FROM u, t, unnest(t.tags) WITH ORDINALITY x(tag, n) WHERE x.tag = u.tag AND n < u.worth + 1 AND u.worth > 0;
CREATE VIEW joined_late_three AS SELECT t.id, x, v.tag FROM t, u, u v, unnest(t.tags) x WHERE x = u.tag AND u.worth < v.worth;
CREATE VIEW distinct_tags AS SELECT DISTINCT tag FROM t, unnest(tags) tag;
CREATE VIEW all_tags AS SELECT array_agg(DISTINCT tag ORDER BY tag) AS tags FROM t, unnest(tags) tag;

-- then
INSERT INTO t VALUES (6, 'red', '{red,blue}', '{5,5}', '{1,2,3}');
UPDATE t SET tags = '{green,red}' WHERE id = 1;

-- then
UPDATE t SET tags = array_append(tags, 'blue'), nums = nums || 9 WHERE id < 4;
INSERT INTO u VALUES ('green', 10);

-- then
DELETE FROM t WHERE id = 4;
UPDATE t SET name = 'x' WHERE id = 5;
UPDATE u SET worth = worth + 1 WHERE tag = 'red';

-- then
UPDATE t SET tags = NULL;

-- then
UPDATE t SET tags = '{a}', nums = '{1}' WHERE id <> 2;
DELETE FROM u;

-- then
TRUNCATE t;
