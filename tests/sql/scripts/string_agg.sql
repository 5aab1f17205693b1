-- given
CREATE TABLE words (id int PRIMARY KEY, topic text, word text, short varchar(9), mark text, raw bytea, n int);
INSERT INTO words VALUES
 (1, 'a', 'pen', 'p', ',', '\x01', 3), (2, 'a', 'ink', 'i', ';', '\x02', 1), (3, 'a', NULL, NULL, '-', NULL, 2),
 (4, 'b', NULL, NULL, NULL, NULL, NULL), (5, 'c', '', 'c', NULL, '\x', 5), (6, 'c', 'cup', 'c', NULL, '\xff', 4),
 (7, NULL, 'cap', 'k', '/', '\x00', 0), (8, NULL, 'cap', 'k', '/', '\x00', 0);
-- views
CREATE VIEW per_topic AS SELECT topic, string_agg(word, ', ' ORDER BY id) AS words FROM words GROUP BY topic;
CREATE VIEW downwards AS SELECT topic, string_agg(word, ', ' ORDER BY n DESC, id) AS words FROM words GROUP BY topic;
CREATE VIEW all_words AS SELECT string_agg(word, '' ORDER BY word, id) AS words, string_agg(short, '|' ORDER BY id DESC) AS shorts FROM words;
CREATE VIEW own_marks AS SELECT topic, string_agg(word, mark ORDER BY id) AS words FROM words GROUP BY topic;
CREATE VIEW no_mark AS SELECT topic, string_agg(word, NULL ORDER BY id) AS words FROM words GROUP BY topic;
CREATE VIEW bytes AS SELECT topic, string_agg(raw, '\xee' ORDER BY id) AS raws FROM words GROUP BY topic;
CREATE VIEW unlike AS SELECT string_agg(DISTINCT word, ',') AS words, string_agg(DISTINCT word, ',' ORDER BY word DESC) AS down, string_agg(DISTINCT short, ',' ORDER BY short) AS shorts FROM words;
CREATE VIEW unlike_pairs AS SELECT string_agg(DISTINCT word, mark ORDER BY word, mark) AS words FROM words WHERE mark IS NOT NULL;
CREATE VIEW chosen AS SELECT topic, string_agg(word, ',' ORDER BY id) FILTER (WHERE n > 1) AS words FROM words GROUP BY topic;
CREATE VIEW computed AS SELECT topic, upper(string_agg(word || n, ' ' ORDER BY n * 2, id)) || '!' AS words FROM words GROUP BY topic HAVING count(word) > 0;
-- then
UPDATE words SET n = 10 - n, word = word || 's' WHERE id <> 5;
-- then
UPDATE words SET topic = 'b' WHERE topic IS NULL;
DELETE FROM words WHERE topic = 'a';
-- then
INSERT INTO words (id, topic, word, n) VALUES (1, 'a', 'new', 1), (9, 'a', 'new', 1), (10, 'b', NULL, 4);
UPDATE words SET mark = '+' WHERE id > 5;
-- then
UPDATE words SET word = NULL;
-- then
DELETE FROM words;
