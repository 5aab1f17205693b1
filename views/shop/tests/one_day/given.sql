-- Three customers, one of whom bought nothing; four products; four orders, one of them returned.
INSERT INTO customers VALUES
    (1, 'Ada', 'Ada@Example.com', 'Berlin', '2024-01-01Z'),
    (2, 'Ben', NULL, 'Lyon', '2024-01-02Z'),
    (3, 'Chloe', 'chloe@example.com', 'Berlin', '2024-01-03Z');
INSERT INTO categories VALUES (1, 'Lamps'), (2, 'Chairs'), (3, 'Hats');
INSERT INTO products VALUES
    (10, 1, 'Oak lamp', 'A bright one', 20.00, 3, true),
    (11, 1, 'Tin lamp', NULL, 7.50, 0, true),
    (20, 2, 'Oak chair', 'A sturdy one', 15000.00, 500, true),
    (21, 2, 'Old chair', NULL, 40.00, 5, false);
INSERT INTO orders VALUES
    (1, 1, 'new', '2024-03-01 10:00:00Z'),
    (2, 1, 'paid', '2024-03-02 10:00:00Z'),
    (3, 2, 'returned', '2024-03-02 11:00:00Z'),
    (4, 1, 'shipped', '2024-04-01 09:30:00.5Z');
INSERT INTO order_lines VALUES
    (1, 1, 10, 2, 20.00), (1, 2, 11, 1, 7.50),
    (2, 1, 10, 2, 18.00),
    (3, 1, 11, 4, 7.50),
    (4, 1, 20, 2, 15000.00);
