-- Rows for the tables, after the distributions of the specification (4.2.3), smaller words aside. Set the scale first:
--   SET tpch.scale = '0.01';
-- A row's values follow from its key and the number of its column: every run makes the same rows.
CREATE FUNCTION tpch_random(salt integer, key bigint, low bigint, high bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
  $$ SELECT low + (hashint8extended(key, salt) & 9223372036854775807) % (high - low + 1) $$;
CREATE FUNCTION tpch_word(salt integer, key bigint, words text) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT (string_to_array(words, ','))[tpch_random(salt, key, 1, cardinality(string_to_array(words, ',')))] $$;
CREATE FUNCTION tpch_phone(salt integer, key bigint, nation integer) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT format('%s-%s-%s-%s', nation + 10, tpch_random(salt, key, 100, 999), tpch_random(salt + 1, key, 100, 999), tpch_random(salt + 2, key, 1000, 9999)) $$;
CREATE FUNCTION tpch_part_name(key bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(tpch_word(10 + i, key, 'almond,azure,beige,blush,chocolate,coral,cream,forest,green,ivory,khaki,lemon,linen,magenta,navy,olive,peru,plum,rose,salmon'), ' ' ORDER BY i)
  FROM generate_series(1, 5) i $$;
CREATE FUNCTION tpch_price(part integer) RETURNS numeric LANGUAGE sql IMMUTABLE AS
  $$ SELECT (90000 + (part / 10) % 20001 + 100 * (part % 1000))::numeric / 100 $$;
-- The supplier a part has at a place between 0 and 3 (4.2.3).
CREATE FUNCTION tpch_supplier(part integer, place integer, suppliers integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
  $$ SELECT (part + place * (suppliers / 4 + (part - 1) / suppliers)) % suppliers + 1 $$;

-- The orders with these keys and their lines, as the initial load and every refresh make them. (OFFSET 0: computed once each.)
CREATE FUNCTION tpch_orders(first integer, last integer, customers integer, parts integer, suppliers integer) RETURNS void LANGUAGE sql AS $$
  INSERT INTO lineitem
  SELECT key, part, tpch_supplier(part, tpch_random(200 + line, key, 0, 3)::integer, suppliers), line, quantity, quantity * tpch_price(part),
    tpch_random(210 + line, key, 0, 10) / 100.0, tpch_random(220 + line, key, 0, 8) / 100.0,
    CASE WHEN receipt > date '1995-06-17' THEN 'N' WHEN tpch_random(230 + line, key, 0, 1) = 0 THEN 'R' ELSE 'A' END,
    CASE WHEN ship > date '1995-06-17' THEN 'O' ELSE 'F' END,
    ship, ordered + tpch_random(240 + line, key, 30, 90)::integer, receipt,
    tpch_word(250 + line, key, 'DELIVER IN PERSON,COLLECT COD,NONE,TAKE BACK RETURN'),
    tpch_word(260 + line, key, 'REG AIR,AIR,RAIL,SHIP,TRUCK,MAIL,FOB'), tpch_word(270 + line, key, 'quick,slow,final,bold,regular')
  FROM generate_series(first, last) key, LATERAL (SELECT line::integer, date '1992-01-01' + tpch_random(100, key, 0, 2405)::integer AS ordered,
      tpch_random(300 + line, key, 1, parts)::integer AS part, tpch_random(310 + line, key, 1, 50)::numeric AS quantity
    FROM generate_series(1, tpch_random(101, key, 1, 7)::integer) line OFFSET 0) l,
    LATERAL (SELECT ordered + tpch_random(320 + line, key, 1, 121)::integer AS ship OFFSET 0) s,
    LATERAL (SELECT ship + tpch_random(330 + line, key, 1, 30)::integer AS receipt OFFSET 0) r;
  INSERT INTO orders
  SELECT key, customer - CASE WHEN customer % 3 = 0 THEN 1 ELSE 0 END, status, price, date '1992-01-01' + tpch_random(100, key, 0, 2405)::integer,
    tpch_word(102, key, '1-URGENT,2-HIGH,3-MEDIUM,4-NOT SPECIFIED,5-LOW'), 'Clerk#' || lpad(tpch_random(103, key, 1, 1000)::text, 9, '0'), 0,
    tpch_word(104, key, 'carefully final deposits,special packages and requests,quickly special theodolites requests,slyly ironic accounts,blithe pinto beans')
  FROM (SELECT l_orderkey AS key, tpch_random(105, l_orderkey, 1, customers)::integer AS customer,
      CASE WHEN bool_and(l_linestatus = 'F') THEN 'F' WHEN bool_and(l_linestatus = 'O') THEN 'O' ELSE 'P' END AS status,
      round(sum(l_extendedprice * (1 + l_tax) * (1 - l_discount)), 2) AS price
    FROM lineitem WHERE l_orderkey BETWEEN first AND last GROUP BY l_orderkey) l;
$$;

INSERT INTO region SELECT key - 1, name, 'a region' FROM unnest(ARRAY['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST']) WITH ORDINALITY r(name, key);
INSERT INTO nation SELECT key - 1, split_part(name, ':', 1), split_part(name, ':', 2)::integer, 'a nation'
FROM unnest(ARRAY['ALGERIA:0', 'ARGENTINA:1', 'BRAZIL:1', 'CANADA:1', 'EGYPT:4', 'ETHIOPIA:0', 'FRANCE:3', 'GERMANY:3', 'INDIA:2', 'INDONESIA:2', 'IRAN:4',
  'IRAQ:4', 'JAPAN:2', 'JORDAN:4', 'KENYA:0', 'MOROCCO:0', 'MOZAMBIQUE:0', 'PERU:1', 'CHINA:2', 'ROMANIA:3', 'SAUDI ARABIA:4', 'VIETNAM:2', 'RUSSIA:3',
  'UNITED KINGDOM:3', 'UNITED STATES:1']) WITH ORDINALITY n(name, key);
INSERT INTO supplier SELECT key, 'Supplier#' || lpad(key::text, 9, '0'), 'street ' || key, nation, tpch_phone(1, key, nation), tpch_random(4, key, -99999, 999999) / 100.0,
  CASE tpch_random(5, key, 1, 20) WHEN 1 THEN 'even Customer some Complaints' WHEN 2 THEN 'even Customer more Recommends' ELSE 'final deposits' END
FROM generate_series(1, greatest(1, 10000 * current_setting('tpch.scale')::numeric)::integer) key, LATERAL (SELECT tpch_random(6, key, 0, 24)::integer AS nation) n;
INSERT INTO customer SELECT key, 'Customer#' || lpad(key::text, 9, '0'), 'street ' || key, nation, tpch_phone(20, key, nation), tpch_random(23, key, -99999, 999999) / 100.0,
  tpch_word(24, key, 'AUTOMOBILE,BUILDING,FURNITURE,MACHINERY,HOUSEHOLD'), 'ironic accounts'
FROM generate_series(1, greatest(1, 150000 * current_setting('tpch.scale')::numeric)::integer) key, LATERAL (SELECT tpch_random(25, key, 0, 24)::integer AS nation) n;
INSERT INTO part SELECT key, tpch_part_name(key), 'Manufacturer#' || maker, 'Brand#' || maker || tpch_random(30, key, 1, 5),
  concat_ws(' ', tpch_word(31, key, 'STANDARD,SMALL,MEDIUM,LARGE,ECONOMY,PROMO'), tpch_word(32, key, 'ANODIZED,BURNISHED,PLATED,POLISHED,BRUSHED'),
    tpch_word(33, key, 'TIN,NICKEL,BRASS,STEEL,COPPER')), tpch_random(34, key, 1, 50),
  concat_ws(' ', tpch_word(35, key, 'SM,LG,MED,JUMBO,WRAP'), tpch_word(36, key, 'CASE,BOX,BAG,JAR,PKG,PACK,CAN,DRUM')), tpch_price(key), 'bold'
FROM generate_series(1, greatest(1, 200000 * current_setting('tpch.scale')::numeric)::integer) key, LATERAL (SELECT tpch_random(37, key, 1, 5) AS maker) m;
INSERT INTO partsupp SELECT p_partkey, tpch_supplier(p_partkey, place, (SELECT count(*) FROM supplier)::integer), tpch_random(40 + place, p_partkey, 1, 9999),
  tpch_random(50 + place, p_partkey, 100, 100000) / 100.0, 'regular' FROM part, generate_series(0, 3) place;
SELECT tpch_orders(1, greatest(1, 1500000 * current_setting('tpch.scale')::numeric)::integer, (SELECT count(*) FROM customer)::integer,
  (SELECT count(*) FROM part)::integer, (SELECT count(*) FROM supplier)::integer);
