-- How often each page was seen, minute by minute.
CREATE VIEW page_views AS
SELECT page, window_start AS minute, count(*) AS views
FROM clicks, tumble(at, '1 minute')
GROUP BY page, window_start;

-- How many users there were, hour by hour.
CREATE VIEW unique_users AS
SELECT window_start AS hour, count(DISTINCT user_id) AS users
FROM clicks, tumble(at, '1 hour')
GROUP BY window_start;

-- A user's clicks with no more than half an hour between one and the next.
CREATE VIEW sessions AS
SELECT user_id, window_start AS began, max(at) AS ended, count(*) AS views
FROM clicks, session(at, '30 minutes')
GROUP BY user_id, window_start;

-- The three pages seen most in the last ten minutes.
CREATE VIEW top_pages AS
SELECT page, count(*) AS views
FROM clicks
WHERE at > now() - interval '10 minutes'
GROUP BY page
ORDER BY views DESC, page
LIMIT 3;
