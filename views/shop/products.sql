-- What a product sold. Returned orders do not count.
CREATE VIEW product_sales AS
SELECT l.product_id,
       count(*)                        AS lines,
       sum(l.quantity)                 AS units,
       sum(l.quantity * l.unit_price)  AS revenue,
       count(DISTINCT o.customer_id)   AS buyers,
       max(o.placed_at)                AS last_ordered_at
FROM order_lines AS l
JOIN orders AS o ON o.id = l.order_id
WHERE o.status <> 'returned'
GROUP BY l.product_id;

-- One row per product, as the search index and the product page want it.
CREATE VIEW product_page AS
SELECT p.id,
       p.name,
       COALESCE(p.description, 'No description yet') AS description,
       c.name                    AS category,
       p.price,
       CASE WHEN NOT p.active THEN 'discontinued'
            WHEN p.stock = 0 THEN 'sold out'
            WHEN p.stock < 10 THEN 'only ' || p.stock || ' left'
            ELSE 'in stock' END  AS availability,
       COALESCE(s.units, 0)      AS units_sold,
       COALESCE(s.revenue, 0)    AS revenue,
       COALESCE(s.buyers, 0)     AS buyers,
       s.last_ordered_at
FROM products AS p
JOIN categories AS c ON c.id = p.category_id
LEFT JOIN product_sales AS s ON s.product_id = p.id;

-- What to buy: little left, and more asked for than there is.
CREATE VIEW low_stock AS
SELECT p.id, p.name, p.stock, sum(l.quantity) AS wanted
FROM products AS p
JOIN order_lines AS l ON l.product_id = p.id
JOIN orders AS o ON o.id = l.order_id
WHERE p.active AND o.status IN ('new', 'paid')
GROUP BY p.id, p.name, p.stock
HAVING sum(l.quantity) > p.stock;
