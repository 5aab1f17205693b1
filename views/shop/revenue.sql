-- Revenue per category, and how much of it was returned.
CREATE VIEW category_revenue AS
SELECT c.id,
       c.name,
       count(DISTINCT o.id)                                                                  AS orders,
       COALESCE(sum(l.quantity * l.unit_price) FILTER (WHERE o.status <> 'returned'), 0)      AS revenue,
       COALESCE(sum(l.quantity * l.unit_price) FILTER (WHERE o.status = 'returned'), 0)       AS returned,
       round(avg(l.unit_price), 2)                                                           AS average_price,
       min(l.unit_price)                                                                     AS cheapest,
       max(l.unit_price)                                                                     AS dearest
FROM categories AS c
JOIN products AS p ON p.category_id = c.id
JOIN order_lines AS l ON l.product_id = p.id
JOIN orders AS o ON o.id = l.order_id
GROUP BY c.id, c.name;

-- Revenue per month and city.
CREATE VIEW monthly_revenue AS
SELECT date_trunc('month', o.placed_at) AS month,
       k.city,
       count(DISTINCT o.id)             AS orders,
       sum(l.quantity * l.unit_price)   AS revenue
FROM orders AS o
JOIN customers AS k ON k.id = o.customer_id
JOIN order_lines AS l ON l.order_id = o.id
WHERE o.status <> 'returned'
GROUP BY date_trunc('month', o.placed_at), k.city;
