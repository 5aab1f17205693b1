UPDATE card_holders SET limit_cents = 100000 WHERE card = '4000-0002';
