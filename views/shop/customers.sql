-- What an order is worth.
CREATE VIEW order_totals AS
SELECT o.id, o.customer_id, o.status, o.placed_at, sum(l.quantity * l.unit_price) AS total
FROM orders AS o
JOIN order_lines AS l ON l.order_id = o.id
GROUP BY o.id, o.customer_id, o.status, o.placed_at;

-- Every customer with all they ever bought; those who bought nothing too.
CREATE VIEW customer_lifetime AS
SELECT k.id,
       k.name,
       lower(COALESCE(k.email, 'unknown')) AS email,
       k.city,
       COALESCE(t.orders, 0)               AS orders,
       COALESCE(t.spent, 0)                AS spent,
       CASE WHEN t.spent >= 30000 THEN 'gold'
            WHEN t.spent >= 15000 THEN 'silver'
            ELSE 'new' END                 AS tier,
       t.first_order_at,
       t.last_order_at
FROM customers AS k
LEFT JOIN (
    SELECT customer_id,
           count(*)       AS orders,
           sum(total)     AS spent,
           min(placed_at) AS first_order_at,
           max(placed_at) AS last_order_at
    FROM order_totals
    WHERE status <> 'returned'
    GROUP BY customer_id
) AS t ON t.customer_id = k.id;
