-- given
CREATE TYPE mood AS ENUM ('sad', 'fine', 'glad');
CREATE TABLE item (sku varchar(5) NOT NULL, qty int PRIMARY KEY, price numeric(6,2), tags text[], how mood, extra jsonb, raw json, at timestamptz, ok boolean, "Odd Name" text);
CREATE TABLE one (n int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, doc jsonb, raw json);
INSERT INTO t VALUES
  (1, '{"sku": "a", "qty": 2, "price": 1.505, "tags": ["x", null, "y z"], "how": "glad", "extra": {"b": 1.0, "a": [ ]}, "ok": true, "n": 7}',
      '{"sku": "a", "qty": 2, "price": 1.505, "tags": ["x", null, "y z"], "how": "glad", "extra": {"bb": 1.0, "a": [ ]}, "raw": {"bb" : 1.0,  "a": [ ]}, "ok": true, "n": 7}'),
  (2, '{"sku": null, "qty": "12", "tags": [], "extra": null, "raw": "\u0041\"", "at": "2024-01-02 03:04:05+02", "Odd Name": "q", "odd name": "no"}',
      ' {"sku": null, "qty": "12", "tags": [], "extra": null, "raw": "\u0041\"", "at": "2024-01-02 03:04:05+02", "Odd Name": "q", "qty": 13, "extra": "s\u0041"} '),
  (3, '{}', '{}'), (4, NULL, NULL),
  (5, '{"tags": [["a", "b"], ["c", "d"]], "sku": 1.50, "raw": [1, {"x": null}], "extra": "s", "Odd Name": {"k": [1]}, "ok": "no"}',
      '{"tags": [["a", "b"], ["c", "d"]], "sku": 1.50, "raw": [1,  {"x": null}], "extra": "s", "Odd Name": {"k" :[1]}, "ok": "no"}'),
  (6, '{"tags": "{u,\"v w\"}", "raw": "text", "extra": [1, "1"], "sku": true}', '{"tags": "{u,\"v w\"}", "raw": "te\u0078t", "extra": [1, "1"], "sku": true, "n": 1e2}'),
  (7, '{"tags": ["a", ["b"]], "raw": null}', '{"tags": ["a", ["b" ]], "raw": null}');
-- views
CREATE VIEW raw_record AS SELECT id, r.* FROM t, json_to_record(raw) AS r(sku text, qty int, price numeric(6,1), tags text[], extra jsonb, raw json, "Odd Name" text);
CREATE VIEW raw_record_types AS SELECT id, r.* FROM t, json_to_record(raw) AS r(ok bool, at timestamptz, how mood, n text, missing int);
CREATE VIEW raw_set AS SELECT t.id, r.sku, r.qty, r.raw::text AS shown FROM t, json_to_recordset(CASE WHEN t.raw IS NOT NULL THEN json_build_array(t.raw, '{"sku": "second", "qty": 5}'::json) END) AS r(sku text, qty int, raw json);
CREATE VIEW raw_none AS SELECT t.id, r.a FROM t LEFT JOIN json_to_recordset(CASE WHEN id = 3 THEN '[]' WHEN id = 5 THEN '[{"a": 1}, {"a": [2]}, {}]' END::json) AS r(a text) ON true;
CREATE VIEW filled AS SELECT t.id, r.* FROM t, jsonb_populate_record(NULL::item, doc) AS r;
CREATE VIEW filled_raw AS SELECT t.id, r.sku, r.price, r.tags, r.how, r.extra, r.raw::text AS raw, r.at, r."Odd Name" FROM t, json_populate_record(NULL::public.item, raw) AS r;
CREATE VIEW renamed AS SELECT id, a, b, how FROM t, jsonb_populate_record(NULL::item, doc) AS r(a, b);
CREATE VIEW filled_set AS SELECT t.id, r.sku, r.qty, r.ordinality FROM t, jsonb_populate_recordset((NULL::item), CASE WHEN doc IS NOT NULL THEN jsonb_build_array(doc, '{"sku": "b", "qty": 3}'::jsonb) END) WITH ORDINALITY AS r;
CREATE VIEW filled_raw_set AS SELECT sku, sum(qty) AS qty FROM t, json_populate_recordset(CAST(NULL AS item), CASE WHEN raw IS NOT NULL THEN json_build_array(raw) END) GROUP BY sku;
CREATE VIEW filled_one AS SELECT id, n FROM t, jsonb_populate_record(NULL::one, doc) AS r;
CREATE VIEW literal AS SELECT * FROM json_to_record('{"a": 1, "b": [1, 2], "c": "\u00e9"}') AS x(a int, b int[], c text, d date);
CREATE VIEW literal_filled AS SELECT sku, how FROM jsonb_populate_recordset(NULL::item, '[{"sku": "x", "how": "sad"}, {"sku": null}]');
-- then
INSERT INTO t VALUES (8, '{"sku": "new", "qty": 1}', '{"sku": "new", "qty": 1}'), (9, '{"sku": "new", "qty": 1}', '{"sku" : "new", "qty" : "1"}');
-- then
UPDATE t SET doc = doc || '{"sku": "c"}', raw = '{"sku": "c", "tags": [1, 2.0, {"a": 1}]}' WHERE id > 3;
-- then
DELETE FROM t WHERE id IN (1, 8);
UPDATE t SET doc = NULL, raw = NULL WHERE id = 2;
-- then
DELETE FROM t;
-- then
INSERT INTO t VALUES (1, '{"n": "3"}', '{"n": 3, "sku": "z"}');
