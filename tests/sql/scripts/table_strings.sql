-- given
CREATE TABLE t (id int PRIMARY KEY, s text, sep text);
INSERT INTO t VALUES (1, 'a,b,,c', ','), (2, '', ','), (3, NULL, ','), (4, 'one two', NULL), (5, 'x1y22z', ''), (6, 'Grüße 日本', ' ');

-- views
CREATE VIEW split AS SELECT id, p FROM t, string_to_table(s, ',') p;
CREATE VIEW split_by AS SELECT id, p, n FROM t, string_to_table(s, sep) WITH ORDINALITY x(p, n);
CREATE VIEW split_null AS SELECT id, p FROM t, string_to_table(s, ',', '') p;
CREATE VIEW pattern AS SELECT id, p, n FROM t, regexp_split_to_table(s, '\s*[, ]\s*') WITH ORDINALITY x(p, n);
CREATE VIEW pattern_flags AS SELECT id, p FROM t, regexp_split_to_table(s, 'Y|B', 'i') p;
CREATE VIEW characters AS SELECT id, c FROM t, regexp_split_to_table(s, '') c;
CREATE VIEW matches AS SELECT id, m FROM t, regexp_matches(s, '([a-z])(\d+)?') m;
CREATE VIEW all_matches AS SELECT id, m, n FROM t, regexp_matches(s, '([a-z])(\d+)?', 'g') WITH ORDINALITY x(m, n);
CREATE VIEW first_group AS SELECT id, m[1] AS letter FROM t, regexp_matches(s, '[a-z]', 'g') m;
CREATE VIEW scalar_function AS SELECT id, u FROM t, upper(s) u;
CREATE VIEW scalar_numbered AS SELECT id, u.* FROM t, coalesce(s, 'none') WITH ORDINALITY u;
CREATE VIEW scalar_left AS SELECT id, l FROM t LEFT JOIN LATERAL length(s) l ON l > 2;
CREATE VIEW arrays AS SELECT id, w FROM t, unnest(string_to_array(s, ' ')) w;
CREATE VIEW spread AS SELECT id, concat_ws('-', VARIADIC string_to_array(s, ',')) AS j, concat(VARIADIC array_agg(s) OVER (PARTITION BY sep ORDER BY id)) AS so_far, format('%s', VARIADIC ARRAY[s]) variadic FROM t;
CREATE VIEW words AS SELECT w, count(*) AS n FROM t, regexp_split_to_table(lower(s), '[^a-z]+') w WHERE w <> '' GROUP BY w;

-- then
INSERT INTO t VALUES (7, ',a,', ','), (8, 'b b', ' ');
UPDATE t SET sep = ' ' WHERE id = 4;

-- then
UPDATE t SET s = s || ',c1 d22' WHERE id <> 6;

-- then
DELETE FROM t WHERE id % 2 = 1;

-- then
UPDATE t SET s = NULL;
