-- given
CREATE TABLE t (id int PRIMARY KEY, ip inet, net cidr, mac macaddr, span int4range, n int);
INSERT INTO t VALUES (1, '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '[1,3]', 1), (2, '10.0.0.1/32', '10.0.0.0/8', '08002b010203', '[1,4)', 2), (3, '10.0.0.1/8', '10.0.0.0/16', NULL, NULL, 3), (4, NULL, NULL, '08:00:2b:01:02:04', 'empty', 4), (5, '2001:db8::1', '2001:db8::/32', NULL, '[5,5)', 5), (6, '192.168.1.9/24', '192.168.0.0/16', '08:00:2b:01:02:03', '(,3)', 6);
CREATE TABLE hosts (ip inet PRIMARY KEY, name text);
INSERT INTO hosts VALUES ('10.0.0.1', 'a'), ('2001:DB8:0::1', 'b'), ('192.168.1.9', 'c');
-- views
CREATE VIEW by_ip AS SELECT ip, count(*) AS c, sum(n) AS s FROM t GROUP BY ip;
CREATE VIEW by_net AS SELECT net, mac, count(DISTINCT ip) AS c FROM t GROUP BY net, mac;
CREATE VIEW by_span AS SELECT span, count(*) AS c FROM t GROUP BY span;
CREATE VIEW each_once AS SELECT DISTINCT ip, span FROM t;
CREATE VIEW joined AS SELECT t.id, name FROM t JOIN hosts USING (ip);
CREATE VIEW left_joined AS SELECT t.id, h.name, h.ip FROM t LEFT JOIN hosts AS h ON h.ip = t.ip AND t.n > 1;
CREATE VIEW one AS SELECT id FROM t WHERE ip = '10.0.0.1/32';
CREATE VIEW known_ones AS SELECT id, ip IN ('10.0.0.1', '2001:db8:0:0::1/128') AS known, mac = '08-00-2b-01-02-03' AS same FROM t WHERE ip IS DISTINCT FROM '192.168.1.9/24';
CREATE VIEW inside AS SELECT id, host(ip) AS h, ip::text AS s, masklen(ip) AS m FROM t WHERE ip <<= '10.0.0.0/8' OR ip << net;
CREATE VIEW subnets AS SELECT network(set_masklen(ip, 24)) AS net, count(*) AS c FROM t WHERE family(ip) = 4 GROUP BY 1;
CREATE VIEW together AS SELECT ip FROM t UNION SELECT ip FROM hosts;
CREATE VIEW missing AS SELECT ip FROM hosts EXCEPT SELECT ip FROM t;
CREATE VIEW absent AS SELECT name FROM hosts WHERE NOT EXISTS (SELECT FROM t WHERE t.ip = hosts.ip);
CREATE VIEW windows AS SELECT id, sum(n) OVER (PARTITION BY ip) AS s, row_number() OVER (PARTITION BY mac ORDER BY id) AS r FROM t;
CREATE VIEW filled AS SELECT id, coalesce(ip, '::1/128') AS ip, to_jsonb(net) AS net FROM t;
CREATE VIEW of_documents AS SELECT t.id, x.ip FROM t, jsonb_to_record(jsonb_build_object('ip', host(ip) || '/32')) AS x(ip inet) WHERE family(t.ip) = 4;
CREATE VIEW named AS SELECT h.name FROM hosts AS h WHERE h.ip IN (SELECT x.a::inet FROM (VALUES ('10.0.0.1/32'), ('::1')) AS x(a));
-- then
INSERT INTO t VALUES (7, '10.0.0.1', '10.0.0.0/8', NULL, '[1,3]', 7), (8, '::ffff:10.0.0.1', '0.0.0.0/0', '08:00:2b:01:02:04', '[1,2]', 8);
-- then
UPDATE t SET ip = '10.0.0.1' WHERE id IN (3, 5);
DELETE FROM hosts WHERE name = 'c';
-- then
UPDATE t SET ip = NULL, net = '10.0.0.0/8' WHERE n > 3;
UPDATE hosts SET ip = '::1' WHERE name = 'a';
-- then
DELETE FROM t WHERE id < 4;
-- then
DELETE FROM t;
-- then
INSERT INTO t VALUES (1, '::1', '::/0', NULL, '[1,1]', 1);
