-- given
CREATE TABLE post (id int PRIMARY KEY, author int, likes int, at date, body text);
INSERT INTO post SELECT i, i % 6, nullif(i * 19 % 14, 2), '2024-01-01'::date + i * 23 % 50, repeat('x', i % 3) FROM generate_series(1, 60) AS i;
-- views
CREATE VIEW best AS SELECT id, author, likes, n FROM (SELECT *, row_number() OVER (PARTITION BY author ORDER BY likes DESC NULLS LAST, id) AS n FROM post) AS x WHERE n <= 3;
CREATE VIEW best_ids AS SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY author ORDER BY likes DESC NULLS LAST, id) AS n FROM post) AS x WHERE n < 3;
CREATE VIEW latest AS SELECT id, body FROM (SELECT id, body, row_number() OVER (PARTITION BY author ORDER BY at DESC, id) AS n FROM post) AS x WHERE n = 1;
CREATE VIEW second AS SELECT id, n FROM (SELECT id, row_number() OVER (PARTITION BY author ORDER BY at DESC, id) AS n FROM post) AS x WHERE n = 2;
CREATE VIEW between_two AS SELECT id, n FROM (SELECT id, row_number() OVER (ORDER BY likes, id) AS n FROM post) AS x WHERE n BETWEEN 4 AND 9;
CREATE VIEW reversed AS SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM post) AS x WHERE 5 >= n AND 2 < n;
CREATE VIEW by_rank AS SELECT id, r FROM (SELECT id, rank() OVER (PARTITION BY author ORDER BY likes DESC NULLS LAST) AS r FROM post) AS x WHERE r <= 2;
CREATE VIEW by_rank_first AS SELECT id FROM (SELECT id, rank() OVER (ORDER BY likes) AS r FROM post) AS x WHERE r = 1;
CREATE VIEW by_rank_fifth AS SELECT id FROM (SELECT id, rank() OVER (ORDER BY likes DESC NULLS LAST) AS r FROM post) AS x WHERE r = 6;
CREATE VIEW by_dense_rank AS SELECT id FROM (SELECT id, dense_rank() OVER (ORDER BY likes) AS r FROM post) AS x WHERE r <= 2;
CREATE VIEW two_numbers AS SELECT id FROM (SELECT id, rank() OVER w AS r, row_number() OVER (PARTITION BY author ORDER BY likes, id) AS n FROM post WINDOW w AS (PARTITION BY author ORDER BY likes)) AS x WHERE r <= 3 AND n <= 2;
CREATE VIEW same_window AS SELECT id, r, d FROM (SELECT id, row_number() OVER w AS n, rank() OVER w AS r, dense_rank() OVER w AS d FROM post WINDOW w AS (PARTITION BY author ORDER BY likes, id)) AS x WHERE n <= 2;
CREATE VIEW with_total AS SELECT id, c FROM (SELECT id, row_number() OVER w AS n, count(*) OVER w AS c FROM post WINDOW w AS (PARTITION BY author ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS x WHERE n <= 2;
CREATE VIEW with_condition AS SELECT id FROM (SELECT id, author, likes, row_number() OVER (PARTITION BY author ORDER BY id) AS n FROM post) AS x WHERE n <= 4 AND author > 2 AND likes > 5;
CREATE VIEW none_at_all AS SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM post) AS x WHERE n <= 0;
CREATE VIEW negative AS SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM post) AS x WHERE n < -3;
CREATE VIEW either AS SELECT id FROM (SELECT id, likes, row_number() OVER (ORDER BY id) AS n FROM post) AS x WHERE n <= 2 OR likes > 10;
CREATE VIEW joined AS SELECT a.id, b.id AS other FROM (SELECT id, author, row_number() OVER (PARTITION BY author ORDER BY id) AS n FROM post) AS a JOIN (SELECT id, author, row_number() OVER (PARTITION BY author ORDER BY id DESC) AS n FROM post) AS b ON a.author = b.author AND a.n = b.n WHERE a.n <= 2;
CREATE VIEW of_each AS SELECT p.author, x.id FROM (SELECT DISTINCT author FROM post) AS p, LATERAL (SELECT id, row_number() OVER (ORDER BY likes, id) AS n FROM post AS q WHERE q.author = p.author) AS x WHERE x.n <= 2;
-- then
INSERT INTO post VALUES (100, 1, 100, '2025-01-01', 'top'), (101, 1, 100, '2025-01-01', 'too'), (102, NULL, 1, NULL, NULL), (103, NULL, NULL, NULL, NULL), (104, NULL, 7, NULL, NULL);
-- then
DELETE FROM post WHERE id IN (SELECT id FROM best);
-- then
UPDATE post SET likes = 3 WHERE id % 2 = 0;
-- then
UPDATE post SET author = author / 2;
DELETE FROM post WHERE author IS NULL;
-- then
DELETE FROM post WHERE id > 10;
-- then
DELETE FROM post;
-- then
INSERT INTO post VALUES (1, 1, 1, NULL, 'a'), (2, 1, 1, NULL, 'b');
