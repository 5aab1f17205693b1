-- given
CREATE TABLE t (id int PRIMARY KEY, a int, b bigint, num numeric, at timestamp, tz timestamptz, d date, step interval);
INSERT INTO t VALUES
  (1, 3, 4, 1.5, '2024-01-30 10:00', '2024-01-30 10:00+00', '2024-02-27', '1 day'),
  (2, 0, -2, 0, '2024-02-29', '2024-02-29 12:00+00', '2024-02-29', '12 hours'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 2147483646, 9223372036854775806, 2.25, '2023-12-31 23:00', '2023-12-31 23:00+00', '2024-01-01', '1 mon');

-- views
CREATE VIEW constant AS SELECT * FROM generate_series(1, 3) AS n;
CREATE VIEW stepped AS SELECT n FROM generate_series(10, 1, -3) n;
CREATE VIEW none AS SELECT n FROM generate_series(3, 1) n;
CREATE VIEW bare AS SELECT generate_series FROM generate_series(1::bigint, 3);
CREATE VIEW numerics AS SELECT n FROM generate_series(1, 3, 0.75) n;
CREATE VIEW days AS SELECT d::date AS d FROM generate_series('2024-02-27'::date, '2024-03-02'::date, '1 day') d;
CREATE VIEW hours AS SELECT h FROM generate_series('2024-01-01'::timestamp, '2024-01-01 06:00', interval '90 minutes') h;
CREATE VIEW of_rows AS SELECT id, n FROM t, generate_series(1, least(a, 5)) n WHERE a < 100;
CREATE VIEW of_bigs AS SELECT id, n FROM t, generate_series(least(b, 9), least(b, 9) + 1) n WHERE b < 100;
CREATE VIEW to_the_end AS SELECT id, n FROM t, generate_series(greatest(a, 2147483640), 2147483647) n WHERE a > 100;
CREATE VIEW big_end AS SELECT id, n FROM t, generate_series(greatest(b, 9223372036854775800), 9223372036854775807) n WHERE b > 100;
CREATE VIEW of_numerics AS SELECT id, x FROM t, generate_series(num, num + 1, 0.25) x;
CREATE VIEW of_times AS SELECT id, x FROM t, generate_series(at, at + interval '2 days', step) x;
CREATE VIEW of_moments AS SELECT id, x FROM t, generate_series(tz, tz + interval '3 mons', interval '1 mon') x;
CREATE VIEW back AS SELECT id, x FROM t, generate_series(at, at - interval '2 days', - interval '1 day') x;
CREATE VIEW of_days AS SELECT id, x FROM t, generate_series(d, d + 2, interval '1 day') x;
CREATE VIEW padded AS SELECT n, count(t.id) AS rows FROM generate_series(0, 4) n LEFT JOIN t ON t.a = n GROUP BY n;
CREATE VIEW right_side AS SELECT t.id, n FROM t LEFT JOIN generate_series(2, 5) n ON n = t.a;
CREATE VIEW full_side AS SELECT t.id, n FROM t FULL JOIN generate_series(2, 5) n ON n = t.a;
CREATE VIEW used AS SELECT id, t.a FROM t JOIN generate_series(0, 3) AS id USING (id);
CREATE VIEW crossed AS SELECT id, n FROM t, generate_series(1, 2) n;
CREATE VIEW correlated AS SELECT id, (SELECT sum(g) FROM generate_series(1, least(t.a, 9)) g WHERE g <> 2) AS s FROM t;
CREATE VIEW plain AS SELECT id FROM t WHERE id IN (SELECT * FROM generate_series(2, 9, 2));
CREATE VIEW calendar AS
  SELECT day::date AS day, count(t.id) AS n
  FROM generate_series(timestamptz '2024-01-29', timestamptz '2024-02-02', '1 day') AS day
  LEFT JOIN t ON t.tz >= day AND t.tz < day + interval '1 day' GROUP BY day;
CREATE VIEW subscripts AS SELECT s FROM generate_subscripts('{{1,2},{3,4},{5,6}}'::int[], 1) s;
CREATE VIEW pairs AS SELECT a, b FROM generate_series(1, 3) a, generate_series(a, 3) b;
CREATE VIEW side_by_side AS SELECT * FROM ROWS FROM (generate_series(1, 3), generate_series(10, 11)) AS r(a, b);
CREATE VIEW side_numbered AS SELECT id, r.* FROM t, ROWS FROM (generate_series(1, id), string_to_table('a,b', ',')) WITH ORDINALITY AS r(n, s, o);

-- then
INSERT INTO t VALUES (5, 2, 3, -1, '2024-02-01', '2024-02-01 01:00+00', '2024-02-01', '-1 day'), (6, 3, 3, 3, NULL, NULL, NULL, NULL);

-- then
UPDATE t SET a = a + 1, num = num + 0.10, step = '6 hours', tz = tz + interval '1 day' WHERE id < 3;

-- then
DELETE FROM t WHERE id IN (1, 4);

-- then
UPDATE t SET a = 1;
DELETE FROM t WHERE id = 6;
