-- The bank's table, with a few holders.
CREATE TABLE card_holders (card text PRIMARY KEY, holder text NOT NULL, limit_cents bigint NOT NULL);
INSERT INTO card_holders
SELECT '4000-' || lpad(n::text, 4, '0'), 'Holder ' || n, 50000 FROM generate_series(1, 100) AS n;
