-- given
CREATE FUNCTION at(micros bigint) RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz 'epoch' + micros * interval '1 microsecond' $$;
CREATE TABLE events (id bigint PRIMARY KEY, kind text, at timestamptz, ends timestamptz, local timestamp, n int);
CREATE TABLE kinds (kind text PRIMARY KEY, name text);
INSERT INTO events VALUES
    (1, 'a', at(0), at(1500), '1970-01-01 00:00', 1), (2, 'a', at(999), at(999), NULL, 2), (3, 'b', at(1000), at(3000), '1970-01-01 00:00:00.001', 3),
    (4, 'b', at(2500), at(2400), '1970-01-01 00:00:00.0025', NULL), (5, NULL, NULL, NULL, NULL, 5), (6, 'c', 'infinity', 'infinity', 'infinity', 6),
    (7, 'c', '-infinity', 'infinity', '-infinity', 7), (8, 'a', '1969-12-31 23:00+00', at(5999), NULL, 8), (9, 'd', at(4999), at(5000), NULL, 9);
INSERT INTO kinds VALUES ('a', 'first'), ('b', 'second');

-- views
CREATE VIEW recent AS SELECT id, n FROM events WHERE at > now() - interval '2 milliseconds';
CREATE VIEW recent_edge AS SELECT id FROM events WHERE at >= now() - interval '1999 microseconds';
CREATE VIEW to_come AS SELECT id FROM events WHERE at > now();
CREATE VIEW to_come_edge AS SELECT id FROM events WHERE now() <= at;
CREATE VIEW due AS SELECT id FROM events WHERE at <= now();
CREATE VIEW due_edge AS SELECT id FROM events WHERE now() > at;
CREATE VIEW open_now AS SELECT id FROM events WHERE now() BETWEEN at AND ends;
CREATE VIEW window_of AS SELECT id FROM events WHERE at BETWEEN now() - interval '3 ms' AND now() - interval '1 ms';
CREATE VIEW young AS SELECT id FROM events WHERE isfinite(at) AND now() - at < interval '1500 microseconds';
CREATE VIEW shifted AS SELECT id FROM events WHERE at + interval '1 ms' * 2 > now() AND n IS NOT NULL;
CREATE VIEW ahead AS SELECT id FROM events WHERE at < interval '1 ms' + now();
CREATE VIEW locals AS SELECT id FROM events WHERE local > now() - interval '1 ms';
CREATE VIEW dates AS SELECT id FROM events WHERE at::date >= now() AND isfinite(at);
CREATE VIEW months AS SELECT id FROM events WHERE at + interval '1 month' > now() AND isfinite(at);
CREATE VIEW constant AS SELECT id FROM events WHERE now() < timestamptz '1970-01-01 00:00:00.003+00';
CREATE VIEW grouped AS
SELECT kind, count(*) AS events, sum(n) AS n, max(n) AS most FROM events WHERE at > now() - interval '2 ms' AND at <= now() GROUP BY kind;
CREATE VIEW latest AS SELECT id, at FROM events WHERE at <= now() ORDER BY at DESC, id LIMIT 2;
CREATE VIEW joined AS
SELECT e.id, k.name FROM events e JOIN kinds k ON k.kind = e.kind WHERE e.at > now() - interval '3 ms' AND k.name <> 'x';
CREATE VIEW beside AS SELECT e.id, k.name FROM events e LEFT JOIN kinds k ON k.kind = e.kind WHERE e.ends > now();
CREATE VIEW of_both AS
SELECT a.id, b.id AS other FROM events a JOIN events b ON a.kind = b.kind AND a.id < b.id WHERE a.at < now() AND b.ends >= now();
CREATE VIEW of_least AS SELECT a.id FROM events a JOIN events b ON a.kind = b.kind WHERE least(a.at, b.at) < now() AND a.at < now();
CREATE VIEW counted AS
SELECT k.kind, (SELECT count(*) FROM events e WHERE e.kind = k.kind AND e.at > now() - interval '1 ms') AS recent FROM kinds k;
CREATE VIEW active AS SELECT kind FROM kinds k WHERE EXISTS (SELECT FROM events e WHERE e.kind = k.kind AND e.ends > now());
CREATE VIEW idle AS SELECT kind FROM kinds k WHERE NOT EXISTS (SELECT FROM events e WHERE e.kind = k.kind AND e.ends > now());
CREATE VIEW of_least_open AS SELECT kind FROM kinds WHERE kind IN (SELECT kind FROM events WHERE ends > now());
CREATE VIEW either AS SELECT id FROM events WHERE at < now() UNION SELECT id FROM events WHERE ends > now();
CREATE VIEW without AS SELECT id FROM events WHERE at < now() EXCEPT SELECT id FROM events WHERE ends > now();
CREATE VIEW of_view AS SELECT count(*) AS rows, sum(n) AS n FROM recent;
CREATE VIEW of_unions AS SELECT id FROM (SELECT id, at FROM events UNION ALL SELECT n, ends FROM events) AS u WHERE at > now();
CREATE VIEW of_groups AS SELECT kind, last FROM (SELECT kind, max(ends) AS last FROM events GROUP BY kind) AS g WHERE last > now();
CREATE VIEW running AS SELECT id, row_number() OVER (ORDER BY id) AS place FROM events WHERE ends > now();
CREATE VIEW expanded AS
SELECT id, i FROM events, generate_series(1, 2) AS i WHERE ends > now() AND at <= now();

-- then
SELECT 1;

-- then
INSERT INTO events VALUES (10, 'a', at(2100), at(2600), '1970-01-01 00:00:00.0021', 10), (11, 'b', at(500), at(7000), NULL, 11), (12, 'b', at(0), at(100), NULL, 12);

-- then
UPDATE events SET n = n + 1 WHERE id IN (1, 3, 8, 10);
UPDATE events SET kind = 'b' WHERE id = 2;

-- then
DELETE FROM events WHERE id IN (4, 8, 12);
UPDATE events SET at = at(4500), ends = at(5500) WHERE id = 1;

-- then
SELECT 1;

-- then
DELETE FROM kinds WHERE kind = 'b';
INSERT INTO kinds VALUES ('d', 'third');
UPDATE events SET ends = at(100000) WHERE id = 9;

-- then
SELECT 1;

-- then
DELETE FROM events;
