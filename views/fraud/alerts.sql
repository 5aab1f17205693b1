-- Bursts with the holder to call. The holder's row is the current one: a new phone number mends open alerts.
CREATE VIEW alerts AS
SELECT b.card, b.at, b.payments, b.cents, h.holder, h.phone
FROM bursts AS b
JOIN card_holders AS h ON h.card = b.card;
