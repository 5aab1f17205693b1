-- Query 2, selection: the prices bid for certain auctions. A simple filter; the first Nexmark named five auctions, later ones
-- take every 123rd, so that results keep coming.
CREATE VIEW q2 AS
SELECT auction, price
FROM bid
WHERE mod(auction, 123) = 0;
