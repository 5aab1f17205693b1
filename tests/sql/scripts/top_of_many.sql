-- given
CREATE TABLE score (player int PRIMARY KEY, points int, team int);
INSERT INTO score SELECT i, i * 7919 % 5003, i % 6 FROM generate_series(1, 2500) AS i;
-- views
CREATE VIEW best AS SELECT player, points FROM score ORDER BY points DESC, player LIMIT 10;
CREATE VIEW worst AS SELECT player, points FROM score ORDER BY points, player LIMIT 10 OFFSET 5;
CREATE VIEW level AS SELECT player, points FROM score ORDER BY points DESC FETCH FIRST 5 ROWS WITH TIES;
CREATE VIEW many AS SELECT sum(points) AS s, count(*) AS n FROM (SELECT points FROM score ORDER BY points DESC LIMIT 700) AS x;
CREATE VIEW of_teams AS SELECT DISTINCT ON (team) team, player FROM score ORDER BY team, points DESC, player;
-- then
DELETE FROM score WHERE player IN (SELECT player FROM best);
-- then
UPDATE score SET points = points + 3000 WHERE player % 100 = 7;
-- then
INSERT INTO score SELECT i, 8000, 9 FROM generate_series(7000, 7100) AS i;
-- then
DELETE FROM score WHERE player >= 7000;
-- then
DELETE FROM score WHERE player % 1000 <> 1;
