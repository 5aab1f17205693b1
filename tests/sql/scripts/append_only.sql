-- given
CREATE TABLE events (id bigint NOT NULL, kind text, amount numeric, n int, at timestamptz NOT NULL);
CREATE TABLE kinds (kind text NOT NULL, name text NOT NULL, UNIQUE (kind));
INSERT INTO events VALUES
    (1, 'a', 1.0, 5, '2026-01-01 00:00+00'), (2, 'a', 1.00, NULL, '2026-01-01 00:01+00'), (3, 'b', 7, 3, '2026-01-01 00:02+00'),
    (4, NULL, NULL, NULL, '2026-01-01 00:03+00');
INSERT INTO kinds VALUES ('a', 'first'), ('b', 'second');

-- views
CREATE VIEW extremes AS SELECT kind, min(n) AS least, max(n) AS greatest, min(at) AS since, max(at) AS last, count(*) AS events
FROM events GROUP BY kind;
CREATE VIEW of_all AS SELECT min(n) AS least, max(n) AS greatest, max(kind) AS kind, min(id) AS id FROM events;
CREATE VIEW numerics AS SELECT kind, min(trim_scale(amount)) AS least, max(trim_scale(amount)) AS greatest FROM events GROUP BY kind;
CREATE VIEW filtered AS SELECT kind, max(n) FILTER (WHERE amount > 1) AS greatest, min(n) FILTER (WHERE false) AS none
FROM events GROUP BY kind;
CREATE VIEW by_amount AS SELECT trim_scale(amount) AS amount, max(id) AS id FROM events GROUP BY trim_scale(amount);
CREATE VIEW latest AS SELECT id, kind, at FROM events ORDER BY at DESC, id LIMIT 3;
CREATE VIEW none_at_all AS SELECT id FROM events ORDER BY id LIMIT 0;
CREATE VIEW page AS SELECT id, kind FROM events ORDER BY kind NULLS FIRST, id LIMIT 2 OFFSET 2;
CREATE VIEW level AS SELECT n FROM events ORDER BY n DESC NULLS LAST FETCH FIRST 2 ROWS WITH TIES;
CREATE VIEW first_of_each AS SELECT DISTINCT ON (kind) kind, id, n FROM events ORDER BY kind, n DESC NULLS LAST, id;
CREATE VIEW numbered AS
SELECT id, kind, place FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at DESC, id) AS place FROM events) AS e
WHERE place <= 2;
CREATE VIEW named AS
SELECT k.name, max(e.n) AS greatest FROM events e JOIN kinds k ON k.kind = e.kind GROUP BY k.name;
CREATE VIEW known AS SELECT id, n FROM events e WHERE EXISTS (SELECT FROM kinds k WHERE k.kind = e.kind);
CREATE VIEW greatest_known AS SELECT max(n) AS n, min(id) AS id FROM known;
CREATE VIEW either AS SELECT max(id) AS id FROM (SELECT id FROM events UNION ALL SELECT n FROM events) AS e;
CREATE VIEW once AS SELECT max(kind) AS kind FROM (SELECT DISTINCT kind FROM events) AS e;
CREATE VIEW of_sums AS SELECT max(total) AS total FROM (SELECT kind, sum(n) AS total FROM events GROUP BY kind) AS e;
CREATE VIEW of_unmatched AS
SELECT min(e.id) AS id FROM events e WHERE NOT EXISTS (SELECT FROM kinds k WHERE k.kind = e.kind);
CREATE VIEW of_pairs AS SELECT max(k.name) AS name, min(k.name) AS least FROM events e LEFT JOIN kinds k ON k.kind = e.kind;
CREATE VIEW reached AS
WITH RECURSIVE r AS (SELECT min(id) AS id FROM events UNION SELECT e.id FROM events e JOIN r ON e.id = r.id + 1)
SELECT max(id) AS id FROM r;

-- then
INSERT INTO events VALUES (5, 'a', 0.5, 9, '2026-01-01 00:04+00'), (6, 'c', 1, 9, '2026-01-01 00:04+00');

-- then
INSERT INTO events VALUES (7, 'a', 2, 9, '2026-01-01 00:05+00'), (8, 'b', 3, -1, '2025-12-31 00:00+00'), (9, NULL, 9, 10, '2026-01-02 00:00+00');
INSERT INTO kinds VALUES ('c', 'third');

-- then
INSERT INTO events VALUES (9, NULL, 9, 10, '2026-01-02 00:00+00'), (9, NULL, 9, 10, '2026-01-02 00:00+00'), (0, '', 0, 0, '2020-01-01 00:00+00');

-- then
INSERT INTO events SELECT i, chr(97 + i % 4), i % 7, i % 11, '2026-01-03 00:00+00'::timestamptz + i * interval '1 second' FROM generate_series(10, 60) AS i;
