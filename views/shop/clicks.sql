-- Traffic per minute: a tumbling window over the event time.
CREATE VIEW clicks_per_minute AS
SELECT date_bin('1 minute', at, timestamptz '2000-01-01 00:00:00Z') AS minute,
       count(*)                                AS clicks,
       count(DISTINCT customer_id)             AS customers,
       count(*) FILTER (WHERE page = 'detail') AS details
FROM clicks
GROUP BY date_bin('1 minute', at, timestamptz '2000-01-01 00:00:00Z');

-- Which products people look at, with what they are called and cost now.
CREATE VIEW product_interest AS
SELECT p.id, p.name, p.price, i.clicks, i.last_click_at
FROM (
    SELECT product_id, count(*) AS clicks, max(at) AS last_click_at
    FROM clicks
    GROUP BY product_id
) AS i
JOIN products AS p ON p.id = i.product_id;
