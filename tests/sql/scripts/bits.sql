-- given
CREATE TABLE flags (id int PRIMARY KEY, four bit(4), any_of bit varying(8), one bit);
CREATE TABLE names (four bit(4), name text);
INSERT INTO flags VALUES (1, '0101', '01', '1'), (2, '0101', '010', '0'), (3, '1111', '', NULL), (4, NULL, '01', '1');
INSERT INTO names VALUES ('0101', 'odd'), ('0000', 'none'), (NULL, 'null');

-- views
CREATE VIEW by_four AS SELECT four, count(*) AS rows, count(DISTINCT any_of) AS kinds FROM flags GROUP BY four;
CREATE VIEW each_once AS SELECT DISTINCT any_of, one FROM flags;
CREATE VIEW named AS SELECT f.id, n.name FROM flags f LEFT JOIN names n ON n.four = f.four;
CREATE VIEW unnamed AS SELECT id FROM flags f WHERE NOT EXISTS (SELECT FROM names n WHERE n.four = f.four);
CREATE VIEW together AS SELECT four FROM flags INTERSECT SELECT four FROM names;

-- then
INSERT INTO flags VALUES (5, '0000', '01000000', '0'), (6, '1111', '010', '1');

-- then
UPDATE flags SET four = '0000', any_of = any_of || '1' WHERE id IN (2, 3);
INSERT INTO names VALUES ('1111', 'all');

-- then
DELETE FROM flags WHERE id IN (1, 4, 5);
UPDATE names SET four = '0000' WHERE name = 'odd';
