-- given
CREATE TABLE t (id int PRIMARY KEY, doc jsonb, raw json);
INSERT INTO t VALUES
  (1, '{"items": [{"sku": "a", "qty": 2, "price": 1.50}, {"sku": "b", "qty": 1}], "meta": {"x": 1, "yy": null, "z": "s"}}',
      '{"items": [1, "two", null, {"b" : 1, "a":[ ]}], "m": {"k": 1.0, "k": "again", "n": null}}'),
  (2, '{"items": [], "meta": {}}', '{"items": [], "m": {}}'),
  (3, '{"other": 1}', '{}'),
  (4, NULL, NULL),
  (5, '{"items": [null, 1, "s", [1, 2], {"qty": 5}, true], "meta": {"nested": {"a": [1, {"b": "c"}]}}}', '{"items": [[1,2],[3]], "m": {"a\"b": "q\nr"}}');

-- views
CREATE VIEW elements AS SELECT id, e FROM t, jsonb_array_elements(doc->'items') e;
CREATE VIEW values_of AS SELECT id, value FROM t, jsonb_array_elements(doc->'items');
CREATE VIEW fields AS SELECT id, e->>'sku' AS sku, (e->>'qty')::int AS qty FROM t, jsonb_array_elements(doc->'items') AS e;
CREATE VIEW named AS SELECT id, x.item FROM t, jsonb_array_elements(doc->'items') WITH ORDINALITY AS x(item, n) WHERE n > 1;
CREATE VIEW texts AS SELECT id, value, ordinality FROM t, jsonb_array_elements_text(doc->'items') WITH ORDINALITY;
CREATE VIEW members AS SELECT id, key, value FROM t, jsonb_each(doc->'meta');
CREATE VIEW member_texts AS SELECT id, m.key, m.value FROM t, jsonb_each_text(doc->'meta') m;
CREATE VIEW keys AS SELECT id, k FROM t, jsonb_object_keys(doc) k;
CREATE VIEW nested AS SELECT id, m.key, i.value FROM t, jsonb_each(doc->'meta') m, jsonb_each(CASE WHEN jsonb_typeof(m.value) = 'object' THEN m.value END) i;
CREATE VIEW raw_elements AS SELECT id, e::text AS e FROM t, json_array_elements(raw->'items') e;
CREATE VIEW raw_texts AS SELECT id, e, n FROM t, json_array_elements_text(raw->'items') WITH ORDINALITY x(e, n);
CREATE VIEW raw_members AS SELECT id, key, value::text AS value FROM t, json_each(raw->'m');
CREATE VIEW raw_member_texts AS SELECT id, key, value FROM t, json_each_text(raw->'m');
CREATE VIEW raw_keys AS SELECT id, json_object_keys FROM t, json_object_keys(raw->'m');
CREATE VIEW left_elements AS SELECT id, e FROM t LEFT JOIN LATERAL jsonb_array_elements(doc->'items') e ON true;
CREATE VIEW left_objects AS SELECT id, e->'qty' AS qty FROM t LEFT JOIN LATERAL jsonb_array_elements(doc->'items') AS x(e) ON jsonb_typeof(e) = 'object';
CREATE VIEW total AS SELECT id, (SELECT sum((e->>'qty')::int) FROM jsonb_array_elements(doc->'items') e WHERE jsonb_typeof(e) = 'object') AS total FROM t;
CREATE VIEW has_sku AS SELECT id FROM t WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(t.doc->'items') e WHERE e->>'sku' = 'b');
CREATE VIEW by_sku AS SELECT e->>'sku' AS sku, sum((e->>'qty')::int) AS qty FROM t, jsonb_array_elements(doc->'items') e WHERE jsonb_typeof(e) = 'object' GROUP BY 1;
CREATE VIEW built AS SELECT id, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(doc->'meta') WHERE value <> 'null') AS meta FROM t;
CREATE VIEW whole AS SELECT id, to_jsonb(e) AS e FROM t, jsonb_array_elements(doc->'items') e;
CREATE VIEW records AS SELECT id, r.* FROM t, jsonb_to_recordset(CASE WHEN doc @> $$ {"items": [{}]} $$ AND id <> 5 THEN doc->$$items$$ END) AS r(sku text, qty int, price numeric(6,1));
CREATE VIEW record AS SELECT id, r.x, r.z, r.nested FROM t, jsonb_to_record(doc->'meta') AS r(x int, z text, yy jsonb, nested jsonb);
CREATE VIEW paths AS SELECT id, p FROM t, jsonb_path_query(doc, '$.items[*] ? (@.qty > 1).sku') p;
CREATE VIEW path_variables AS SELECT id, jsonb_path_query(doc, '$.items[*].qty ? (@ >= $least)', jsonb_build_object('least', id)) AS qty FROM t;

-- then
INSERT INTO t VALUES (6, '{"items": [{"sku": "b", "qty": 4}, {"sku": "b", "qty": 4}], "meta": {"x": 7}}', '{"items": ["two"], "m": {"k": 2}}');

-- then
UPDATE t SET doc = jsonb_set(doc, '{items,0,qty}', '9') WHERE id IN (1, 6);

-- then
UPDATE t SET doc = doc - 'meta', raw = '{"m": {"z": []}}' WHERE id > 2;

-- then
DELETE FROM t WHERE id = 1;
UPDATE t SET doc = NULL WHERE id = 5;

-- then
UPDATE t SET doc = '{"items": [{"sku": "c"}], "meta": {"x": 1}}';
