-- A shop of middling size: 2,000 customers, 20 categories, 5,000 products, 70,000 orders, 210,000 order lines.
-- The same rows every time: what looks random is arithmetic on the row's number.
INSERT INTO customers
SELECT n,
       (ARRAY['Ada', 'Ben', 'Chloe', 'Dirk', 'Elif', 'Femi', 'Grete', 'Hugo', 'Ines', 'Jun'])[1 + n % 10] || ' '
           || (ARRAY['Abel', 'Brandt', 'Costa', 'Demir', 'Evans', 'Fischer', 'Garcia'])[1 + n % 7] || ' ' || n,
       CASE WHEN n % 9 <> 0 THEN 'customer' || n || '@example.com' END,
       (ARRAY['Berlin', 'Lyon', 'Porto', 'Gdansk', 'Turin', 'Ghent', 'Malmo', 'Graz'])[1 + n * 7 % 8],
       timestamptz '2023-01-01 00:00:00Z' + n * interval '6 hours'
FROM generate_series(1, 2000) AS n;

INSERT INTO categories
SELECT n, (ARRAY['Lamps', 'Chairs', 'Tables', 'Rugs', 'Shelves', 'Mugs', 'Plants', 'Clocks', 'Books', 'Knives',
                 'Pans', 'Towels', 'Pillows', 'Mirrors', 'Candles', 'Baskets', 'Games', 'Tools', 'Bags', 'Hats'])[n]
FROM generate_series(1, 20) AS n;

INSERT INTO products
SELECT n,
       1 + n % 20,
       (ARRAY['Oak', 'Steel', 'Linen', 'Glass', 'Wool', 'Walnut', 'Cork', 'Brass'])[1 + n % 8] || ' '
           || (ARRAY['Classic', 'Mini', 'Grand', 'Travel', 'Garden', 'Studio', 'Harbour'])[1 + n % 7] || ' ' || n,
       CASE WHEN n % 13 <> 0 THEN 'A ' || (ARRAY['quiet', 'bright', 'sturdy', 'light', 'soft'])[1 + n % 5]
           || ' companion for the ' || (ARRAY['kitchen', 'hall', 'desk', 'bath', 'terrace', 'workshop'])[1 + n % 6] END,
       5 + (n * 37 % 20000) / 100.0,
       n * 11 % 140,
       n % 25 <> 0
FROM generate_series(1, 5000) AS n;

INSERT INTO orders
SELECT n,
       1 + n * 7919 % 2000,
       (ARRAY['new', 'paid', 'shipped', 'shipped', 'shipped', 'returned'])[1 + n % 6]::order_status,
       timestamptz '2024-06-01 00:00:00Z' + n * interval '10 minutes'
FROM generate_series(1, 70000) AS n;

INSERT INTO order_lines
SELECT o, l, p.id, 1 + (o + l) % 4, p.price
FROM generate_series(1, 70000) AS o
CROSS JOIN generate_series(1, 3) AS l
JOIN products AS p ON p.id = 1 + (o * 31 + l * 1237) % 5000;

ANALYZE;
