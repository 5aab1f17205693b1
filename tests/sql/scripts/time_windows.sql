-- given
CREATE FUNCTION tumble(ts timestamptz, size interval, origin timestamptz DEFAULT 'epoch')
RETURNS TABLE (window_start timestamptz, window_end timestamptz) LANGUAGE sql AS
$$ SELECT date_bin(size, ts, origin), date_bin(size, ts, origin) + size WHERE ts IS NOT NULL AND size IS NOT NULL $$;
CREATE FUNCTION tumble(ts timestamp, size interval, origin timestamp DEFAULT 'epoch')
RETURNS TABLE (window_start timestamp, window_end timestamp) LANGUAGE sql AS
$$ SELECT date_bin(size, ts, origin), date_bin(size, ts, origin) + size WHERE ts IS NOT NULL AND size IS NOT NULL $$;
CREATE FUNCTION hop(ts timestamptz, slide interval, size interval, origin timestamptz DEFAULT 'epoch')
RETURNS TABLE (window_start timestamptz, window_end timestamptz) LANGUAGE sql AS
$$ SELECT s, s + size FROM generate_series(date_bin(slide, ts, origin), ts - size, - slide) AS s WHERE s > ts - size $$;
CREATE FUNCTION hop(ts timestamp, slide interval, size interval, origin timestamp DEFAULT 'epoch')
RETURNS TABLE (window_start timestamp, window_end timestamp) LANGUAGE sql AS
$$ SELECT s, s + size FROM generate_series(date_bin(slide, ts, origin), ts - size, - slide) AS s WHERE s > ts - size $$;
CREATE TABLE clicks (id bigint PRIMARY KEY, page text NOT NULL, at timestamptz, local timestamp, n int);
CREATE TABLE sizes (id int PRIMARY KEY, slide interval NOT NULL, size interval NOT NULL);
INSERT INTO clicks VALUES
    (1, 'a', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00', 1), (2, 'a', '2026-01-01 00:00:59.999999+00', '2026-01-01 00:00:59.999999', 2),
    (3, 'b', '2026-01-01 00:01:00+00', '2026-01-01 00:01:00', 3), (4, 'a', NULL, NULL, 4), (5, 'b', '1969-12-31 23:59:59+00', '1969-12-31 23:59:59', 5);
INSERT INTO sizes VALUES (1, '1 minute', '1 minute'), (2, '20 seconds', '1 minute'), (3, '1 minute', '20 seconds'), (4, '7 seconds', '1 minute');

-- views
CREATE VIEW per_minute AS
SELECT page, window_start, window_end, count(*) AS clicks, sum(n) AS n FROM clicks, tumble(at, '1 minute') GROUP BY page, window_start, window_end;
CREATE VIEW local_minutes AS SELECT w.*, count(*) AS clicks FROM clicks c, tumble(c.local, interval '1 minute') w GROUP BY 1, 2;
CREATE VIEW shifted AS
SELECT window_start, count(*) AS clicks FROM clicks, tumble(at, '1 day', '2026-01-01 06:00+00') GROUP BY window_start;
CREATE VIEW weeks AS SELECT window_start, window_end, max(id) AS id FROM clicks CROSS JOIN LATERAL tumble(at, '7 days') GROUP BY 1, 2;
CREATE VIEW sliding AS
SELECT window_end, page, count(*) AS clicks FROM clicks, hop(at, '20 seconds', '1 minute') GROUP BY window_end, page;
CREATE VIEW gaps AS SELECT id, window_start FROM clicks LEFT JOIN LATERAL hop(at, '1 minute', '20 seconds') ON true;
CREATE VIEW uneven AS SELECT id, h.window_start, h.window_end FROM clicks, hop(local, '7 seconds', '1 minute', '2026-01-01 00:00:03') h;
CREATE VIEW of_rows AS SELECT c.id, s.id AS size, h.window_end FROM clicks c, sizes s, hop(c.at, s.slide, s.size) h;
CREATE VIEW top_pages AS
SELECT window_end, page, clicks FROM (
    SELECT window_end, page, clicks, row_number() OVER (PARTITION BY window_end ORDER BY clicks DESC, page) AS place
    FROM (SELECT window_end, page, count(*) AS clicks FROM clicks, hop(at, '20 seconds', '1 minute') GROUP BY window_end, page) AS p) AS q
WHERE place <= 1;
CREATE VIEW windows_of_windows AS
SELECT t.window_end, sum(clicks) AS clicks, max(clicks) AS most FROM per_minute, tumble(per_minute.window_start, '1 hour') t GROUP BY t.window_end;

-- then
INSERT INTO clicks VALUES (6, 'a', '2026-01-01 00:00:30+00', '2026-01-01 00:00:30', NULL), (7, 'c', '2026-03-29 01:30+00', '2026-03-29 02:30', 7);

-- then
UPDATE clicks SET at = at + interval '1 minute', local = local - interval '1 hour' WHERE id IN (2, 3);
INSERT INTO sizes VALUES (5, '1 hour', '1 day');

-- then
DELETE FROM clicks WHERE page = 'a';
UPDATE sizes SET size = size * 2 WHERE id < 3;

-- then
DELETE FROM clicks;
INSERT INTO clicks SELECT i, chr(97 + i % 3), '2026-06-01 00:00+00'::timestamptz + i * interval '13 seconds', '2026-06-01'::timestamp + i * interval '17 seconds', i
FROM generate_series(1, 40) AS i;
