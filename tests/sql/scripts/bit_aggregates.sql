-- given
CREATE TABLE flags (id int PRIMARY KEY, grp text, small smallint, mid int, big bigint, on_off bool);
INSERT INTO flags VALUES
 (1, 'a', 6, 5, 9223372036854775807, true), (2, 'a', 3, -1, -9223372036854775808, false), (3, 'a', NULL, NULL, NULL, NULL),
 (4, 'b', -32768, -2147483648, 1, true), (5, NULL, 32767, 2147483647, 0, false), (6, NULL, 32767, 7, 0, false);
-- views
CREATE VIEW ands AS SELECT grp, bit_and(small) AS s, bit_and(mid) AS m, bit_and(big) AS b FROM flags GROUP BY grp;
CREATE VIEW ors AS SELECT grp, bit_or(small) AS s, bit_or(mid) AS m, bit_or(big) AS b FROM flags GROUP BY grp;
CREATE VIEW xors AS SELECT grp, bit_xor(small) AS s, bit_xor(mid) AS m, bit_xor(big) AS b FROM flags GROUP BY grp;
CREATE VIEW in_all AS SELECT bit_and(mid), bit_or(mid), bit_xor(mid), bit_xor(DISTINCT small) AS unlike, bit_or(mid) FILTER (WHERE on_off) AS chosen FROM flags;
CREATE VIEW with_others AS SELECT grp, count(*) AS n, sum(mid) AS s, bit_or(mid & 255) AS low, bool_or(on_off) AS any_one FROM flags GROUP BY grp HAVING bit_or(mid) <> 0;
-- then
UPDATE flags SET small = small # 5, mid = mid | 16, big = big - 1 WHERE id <> 2;
-- then
DELETE FROM flags WHERE id IN (2, 5);
INSERT INTO flags VALUES (7, 'a', 6, 5, 1, true), (8, 'a', 6, 5, 1, true), (9, 'c', 0, 0, 0, NULL);
-- then
UPDATE flags SET grp = 'b';
-- then
DELETE FROM flags;
