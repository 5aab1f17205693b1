-- given
CREATE TABLE t (id int PRIMARY KEY, n numeric(8,2), m numeric(8,2), o numeric(9,2), s varchar(3), c char(2));
INSERT INTO t VALUES (1, 1.5, 2, 3, 'abc', 'x'), (2, NULL, 1, NULL, NULL, NULL);

-- views
CREATE VIEW cases AS SELECT id, CASE WHEN id > 1 THEN n ELSE m END AS same, CASE WHEN id > 1 THEN n ELSE o END AS other,
  CASE WHEN id > 1 THEN n END AS without, CASE WHEN id > 1 THEN s ELSE 'q' END AS literal, CASE WHEN id > 1 THEN n ELSE 1 END AS number FROM t;
CREATE VIEW coalesced AS SELECT id, coalesce(n, m) AS same, coalesce(n, o) AS other, coalesce(s, 'none') AS literal, coalesce(c, c) AS padded FROM t;

-- then
INSERT INTO t VALUES (3, NULL, NULL, 7, 'z', 'yy');
