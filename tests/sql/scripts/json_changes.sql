-- given
CREATE TABLE documents (id int PRIMARY KEY, doc jsonb, path text);
INSERT INTO documents VALUES
  (1, '{"name": "chair", "tags": ["wood", "red"], "price": {"amount": 10, "currency": "EUR"}}', 'x'),
  (2, '{"name": "table", "tags": [], "price": null}', 'y'),
  (3, '[1, 2, {"a": "b"}]', 'z'),
  (4, NULL, NULL);

-- views
CREATE VIEW priced AS SELECT id, jsonb_set(doc, '{price,amount}', '12') AS doc FROM documents WHERE doc ? 'price';
CREATE VIEW slim AS SELECT id, jsonb_strip_nulls(doc) #- '{price,currency}' AS doc FROM documents WHERE jsonb_typeof(doc) <> 'array';
CREATE VIEW tagged AS SELECT id, doc['tags'][0] AS first, doc['price']['amount'] AS amount, jsonb_pretty(doc) AS shown FROM documents;
CREATE VIEW cheap AS SELECT id FROM documents WHERE doc @? '$.price ? (@.amount < 20)';
CREATE VIEW red AS SELECT id, jsonb_path_query_array(doc, '$.tags[*] ? (@ like_regex "^r" || @ starts with "w")') AS found
  FROM documents WHERE jsonb_path_exists(doc, '$.tags[*] ? (@ == $colour)', '{"colour": "red"}');
CREATE VIEW amounts AS SELECT sum((jsonb_path_query_first(doc, '$.price.amount'))::numeric) AS total, count(*) FILTER (WHERE doc @@ '$.tags.size() > 1') AS many FROM documents;
CREATE VIEW summary AS SELECT jsonb_object(array_agg(path ORDER BY id), array_agg(id::text ORDER BY id)) AS ids FROM documents WHERE path IS NOT NULL;

-- then
UPDATE documents SET doc = jsonb_set(doc, '{tags,0}', '"red"', true) WHERE id = 2;
UPDATE documents SET doc = doc || '{"price": {"amount": 5}}' WHERE id = 2;

-- then
INSERT INTO documents VALUES (5, '{"tags": ["red", "white", "rosy"], "price": {"amount": 20.5}}', 'v');
DELETE FROM documents WHERE id = 1;

-- then
UPDATE documents SET doc = NULL WHERE id IN (2, 5);
UPDATE documents SET doc = '{}' WHERE id = 3;

-- then
DELETE FROM documents;
