-- given
CREATE TABLE orders (id int PRIMARY KEY, day text, at timestamp, amount numeric(12,2), took interval, note text);
INSERT INTO orders VALUES
  (1, '02.01.2024', '2024-01-02 03:04:05', 1234.5, '26 hours 5 minutes', 'ref AB-12, ref CD-34'),
  (2, '15.02.2024', '2024-02-15 23:00:00', -7, '-3 days 04:00', 'nothing'),
  (3, NULL, NULL, NULL, NULL, NULL);

-- views
CREATE VIEW days AS SELECT id, to_date(day, 'DD.MM.YYYY') AS day, to_timestamp(day || ' 10:30', 'DD.MM.YYYY HH24:MI') AS at FROM orders;
CREATE VIEW shown AS SELECT id, to_char(amount, 'FM999,999,990.00') AS amount, to_char(took, 'HH24:MI:SS') AS took,
  to_char(at, 'FMDay, FMDDth FMMonth YYYY') AS at, to_number(to_char(amount, '999999999D99S'), '999999999D99S') = amount AS same FROM orders;
CREATE VIEW months AS SELECT to_char(at, 'YYYY-MM') AS month, count(*) AS n, format('%s: %s', to_char(at, 'Mon'), sum(amount)) AS line
  FROM orders GROUP BY at, to_char(at, 'YYYY-MM');
CREATE VIEW references_of AS SELECT id, regexp_count(note, '[A-Z]{2}-\d+') AS n, regexp_substr(note, '[A-Z]{2}-\d+', 1, 2) AS second,
  note SIMILAR TO '%ref__%' AS refers, (regexp_match(note, '([A-Z]+)-(\d+)'))[2] AS number, substring(note from '%#"-12#"%' for '#') AS twelve FROM orders;
CREATE VIEW digests AS SELECT id, encode(sha256(convert_to(note, 'UTF8')), 'hex') AS digest, (string_to_array(note, ' '))[1:2] AS words FROM orders;
CREATE VIEW periods AS SELECT a.id, b.id AS other FROM orders AS a, orders AS b
  WHERE a.id < b.id AND (a.at, a.took) OVERLAPS (b.at, make_interval(days => 60));

-- then
UPDATE orders SET amount = amount * 1000, took = took * 2 WHERE id < 3;

-- then
INSERT INTO orders VALUES (4, '31.12.1999', '2024-01-02 13:04:05', 0.05, '1 hour', 'AB-12');
UPDATE orders SET note = 'XY-12 ref  ZZ-99', at = '2024-01-01' WHERE id = 3;

-- then
DELETE FROM orders WHERE id IN (1, 2);
