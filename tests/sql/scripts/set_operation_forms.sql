-- given
CREATE TABLE a (n numeric, f float8, c char(4), i interval);
CREATE TABLE b (n numeric, f float8, c char(4), i interval);
INSERT INTO a VALUES (1.0, 0, 'x', '30 days'), (1.0, 0, 'x', '30 days'), (2.50, 1.5, 'yy', '1 day'), (NULL, NULL, NULL, NULL), (3, 'NaN', '', '0');
INSERT INTO b VALUES (1.00, '-0', 'x', '1 mon'), (2.5, 1.5, 'yy', '24 hours'), (3.0, 'NaN', '', '0');
-- views
CREATE VIEW same AS SELECT n::text IS NULL AS is_null, count(*) AS n FROM (SELECT * FROM a INTERSECT SELECT * FROM b) AS x GROUP BY 1;
CREATE VIEW same_all AS SELECT count(*) AS n FROM (SELECT * FROM a INTERSECT ALL SELECT * FROM b) AS x;
CREATE VIEW without AS SELECT n, f FROM a EXCEPT SELECT n, f FROM b;
CREATE VIEW without_all AS SELECT n FROM a EXCEPT ALL SELECT n FROM b;
CREATE VIEW characters AS SELECT c FROM a INTERSECT ALL SELECT c FROM b;
CREATE VIEW intervals AS SELECT i FROM a EXCEPT ALL SELECT i FROM b;
CREATE VIEW some_numbers AS SELECT n FROM (SELECT n, c FROM a EXCEPT ALL SELECT n, c FROM b) AS x WHERE n > 1.5 AND c <> 'q';
-- then
INSERT INTO a VALUES (1.0, 0, 'x', '30 days'), (2.50, 1.5, 'yy', '1 day');
-- then
DELETE FROM b WHERE n = 1;
-- then
INSERT INTO b VALUES (NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL), (4, 4, '4', '4');
-- then
UPDATE a SET n = n * 2;
-- then
DELETE FROM a;
