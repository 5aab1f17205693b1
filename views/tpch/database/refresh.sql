-- One round of changes: a thousandth of the orders is new, a thousandth goes (RF1 and RF2 of the specification), and some rows of every
-- other table that changes are updated. Each round continues where the one before ended.
SELECT tpch_orders(last + 1, last + more, (SELECT count(*) FROM customer)::integer, (SELECT max(p_partkey) FROM part), (SELECT count(*) FROM supplier)::integer)
FROM (SELECT max(o_orderkey) AS last, greatest(1, count(*) / 1000)::integer AS more FROM orders) o;
WITH gone AS (DELETE FROM orders WHERE o_orderkey IN (SELECT o_orderkey FROM orders ORDER BY hashint4(o_orderkey) LIMIT (SELECT greatest(1, count(*) / 1000) FROM orders)) RETURNING o_orderkey)
DELETE FROM lineitem WHERE l_orderkey IN (SELECT o_orderkey FROM gone);
UPDATE lineitem SET l_quantity = l_quantity + 1, l_extendedprice = l_extendedprice + tpch_price(l_partkey), l_shipmode = 'MAIL'
WHERE l_orderkey IN (SELECT o_orderkey FROM orders ORDER BY o_orderkey DESC LIMIT 3);
UPDATE customer SET c_acctbal = c_acctbal + 100, c_mktsegment = 'BUILDING' WHERE c_custkey IN (SELECT o_custkey FROM orders ORDER BY o_orderkey DESC LIMIT 2);
UPDATE partsupp SET ps_availqty = ps_availqty + 7, ps_supplycost = ps_supplycost - 1 WHERE ps_partkey IN (SELECT l_partkey FROM lineitem ORDER BY l_orderkey DESC, l_linenumber LIMIT 2);
UPDATE supplier SET s_acctbal = s_acctbal + 1 WHERE s_suppkey IN (SELECT l_suppkey FROM lineitem ORDER BY l_orderkey DESC, l_linenumber LIMIT 1);
UPDATE part SET p_size = p_size % 50 + 1, p_name = 'forest ' || p_name WHERE p_partkey IN (SELECT l_partkey FROM lineitem ORDER BY l_orderkey DESC, l_linenumber LIMIT 1) AND length(p_name) < 48;
