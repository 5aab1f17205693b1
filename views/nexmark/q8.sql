-- Query 8, monitor new users: who registered and opened an auction in the same period? A join of two windows; the first Nexmark
-- looked at twelve hours, later ones at ten seconds.
CREATE VIEW q8 AS
SELECT p.id, p.name, p.window_start
FROM (
    SELECT id, name, window_start, window_end
    FROM person, tumble(date_time, '10 seconds')
    GROUP BY id, name, window_start, window_end
) AS p
JOIN (
    SELECT seller, window_start, window_end
    FROM auction, tumble(date_time, '10 seconds')
    GROUP BY seller, window_start, window_end
) AS a
ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end;
