-- Each payment with its card's holder and limit as they were at the payment: what the bank changes later does not touch it.
CREATE VIEW known AS
SELECT p.id, p.card, p.cents, p.country, p.at, h.holder, h.limit_cents
FROM payments AS p
LEFT JOIN card_holders FOR SYSTEM_TIME AS OF p.at AS h ON h.card = p.card;

-- More than five payments of a card within a minute, looked at every ten seconds.
CREATE VIEW velocity AS
SELECT card, holder, window_start, window_end, count(*) AS payments
FROM known, hop(at, '10 seconds', '1 minute')
GROUP BY card, holder, window_start, window_end
HAVING count(*) > 5;

-- More than three times the limit within an hour, looked at every half hour.
CREATE VIEW spending AS
SELECT card, holder, window_start, window_end, sum(cents) AS cents, max(limit_cents) AS limit_cents
FROM known, hop(at, '30 minutes', '1 hour')
GROUP BY card, holder, window_start, window_end
HAVING sum(cents) > 3 * max(limit_cents);

-- Payments in two countries within ten minutes.
CREATE VIEW travels AS
SELECT a.card, a.id AS first, b.id AS second, a.country AS left_country, b.country AS reached_country, b.at
FROM payments AS a
JOIN payments AS b ON b.card = a.card AND b.country <> a.country AND b.at > a.at AND b.at <= a.at + interval '10 minutes';

-- What somebody should look at.
CREATE VIEW alerts AS
SELECT 'limit' AS rule, card, holder, at, cents || ' cents of ' || limit_cents AS reason
FROM known WHERE cents > limit_cents
UNION ALL
SELECT 'unknown card', card, holder, at, 'payment ' || id
FROM known WHERE holder IS NULL
UNION ALL
SELECT 'velocity', card, holder, window_end, payments || ' payments within a minute'
FROM velocity
UNION ALL
SELECT 'spending', card, holder, window_end, cents || ' cents within an hour'
FROM spending
UNION ALL
SELECT 'travel', card, NULL, at, left_country || ' to ' || reached_country || ', payments ' || first || ' and ' || second
FROM travels;
