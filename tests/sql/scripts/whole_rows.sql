-- given
CREATE TABLE authors (id int PRIMARY KEY, name text, born date, tags text[], doc jsonb, raw json, "odd ""name" numeric);
CREATE TABLE books (isbn text, author int, title text, price numeric(6,2), at timestamptz);
INSERT INTO authors VALUES (1, 'ann', '1970-01-01', '{x,y}', '{"b":1,"a":2}', '{"b" : 1}', 1.50), (2, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'cid', '2000-02-29', '{}', '[]', 'null', -0.0);
INSERT INTO books VALUES ('a', 1, 'one', 1.50, '2024-01-01 00:00+00'), ('b', 1, NULL, NULL, NULL), ('c', 2, 'two "quoted"', 20, '2024-01-02 12:30:00.5+00'), ('d', NULL, 'lost', 4, NULL);
-- views
CREATE VIEW as_jsonb AS SELECT id, to_jsonb(a) AS doc, to_jsonb(a.*) AS star FROM authors AS a;
CREATE VIEW as_json AS SELECT id, to_json(authors)::text AS doc, row_to_json(authors)::text AS row, row_to_json(authors.*)::text AS star FROM authors;
CREATE VIEW collected AS SELECT author, jsonb_agg(b ORDER BY isbn) AS bdocs, json_agg(b ORDER BY isbn DESC)::text AS docs FROM books AS b GROUP BY author;
CREATE VIEW by_isbn AS SELECT jsonb_object_agg(isbn, books ORDER BY isbn) AS b, json_object_agg(isbn, books ORDER BY isbn)::text AS j FROM books;
CREATE VIEW built AS SELECT jsonb_build_object('author', a, 'n', 1) AS b, json_build_object('author', a, 'n', 1)::text AS j, jsonb_build_array(a, a.id) AS ba, json_build_array(a.id, a)::text AS ja FROM authors AS a;
CREATE VIEW absent AS SELECT b.isbn, to_jsonb(a) AS author, jsonb_build_object('author', a) AS built, row_to_json(a)::text AS text FROM books AS b LEFT JOIN authors AS a ON a.id = b.author;
CREATE VIEW full_rows AS SELECT to_jsonb(a) AS author, b.isbn FROM authors AS a FULL JOIN books AS b ON a.id = b.author;
CREATE VIEW turned AS SELECT a.id, to_jsonb(b) AS book FROM books AS b RIGHT JOIN authors AS a ON a.id = b.author;
CREATE VIEW of_subquery AS SELECT to_jsonb(x) AS doc, row_to_json(x)::text AS text FROM (SELECT author, count(*) AS books, max(price) AS dearest FROM books GROUP BY author) AS x;
CREATE VIEW renamed AS SELECT to_jsonb(x) AS doc FROM (SELECT id, name FROM authors) AS x (nr, called);
CREATE VIEW constructed AS SELECT id, to_jsonb(ROW(id, name)) AS r, row_to_json(ROW(id, name, tags))::text AS t, json_agg(ROW(id, 'x'::text))::text AS j, to_jsonb((id, born)) AS pair FROM authors GROUP BY id;
CREATE VIEW grouped AS SELECT a.id, to_jsonb(a) AS author, jsonb_agg(b ORDER BY b.isbn) FILTER (WHERE b.isbn IS NOT NULL) AS books FROM authors AS a LEFT JOIN books AS b ON b.author = a.id GROUP BY a.id;
CREATE VIEW chosen AS SELECT json_agg(b ORDER BY b.isbn) FILTER (WHERE price > 1)::text AS books FROM books AS b;
CREATE VIEW one_line AS SELECT array_to_json(tags)::text AS tags, to_json(name)::text AS name, to_json(born)::text AS born, to_json("odd ""name")::text AS odd, json_build_array()::text AS none, json_build_object()::text AS no FROM authors;
-- then
UPDATE authors SET name = 'bob', raw = '[1,  2]' WHERE id = 2;
UPDATE books SET author = 2 WHERE isbn = 'd';
-- then
DELETE FROM authors WHERE id = 1;
INSERT INTO books VALUES ('e', 3, 'new', 5, NULL), ('e', 3, 'new', 5, NULL), (NULL, NULL, NULL, NULL, NULL);
DELETE FROM books WHERE isbn IS NULL;
-- then
UPDATE authors SET id = id + 1;
-- then
DELETE FROM books;
-- then
DELETE FROM authors;
