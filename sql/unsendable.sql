-- A value whose output function fails is marked, and ends neither the transaction nor the stream.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('unsendable', 'walrelay');
SET client_min_messages = warning;
-- a type of oids that are taken for labels of an enum, which they are not
CREATE TYPE broken;
CREATE FUNCTION broken_in(cstring) RETURNS broken LANGUAGE internal IMMUTABLE STRICT AS 'oidin';
CREATE FUNCTION broken_out(broken) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
CREATE TYPE broken (INPUT = broken_in, OUTPUT = broken_out, LIKE = oid);
CREATE TABLE unsendable_t (id int PRIMARY KEY, b broken, c text);
ALTER TABLE unsendable_t REPLICA IDENTITY FULL;
INSERT INTO unsendable_t VALUES (1, '1', 'x'), (2, NULL, 'y');
UPDATE unsendable_t SET c = 'z';
SELECT data FROM pg_logical_slot_peek_changes('unsendable', NULL, NULL, :shown, 'include-relations', 'false');
-- in binary: a map of states, the value's is 5; then 1 and 'x'
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('unsendable', NULL, NULL)
	WHERE position('\x735000020178'::bytea in data) > 0;
-- one among an array's elements: the array is, and others are not
CREATE TABLE unsendable_a (id int, a broken[], b broken[], c int[]);
INSERT INTO unsendable_a VALUES (1, '{NULL,1}', '{NULL,NULL}', '{2,3}');
SELECT position('\x7350000205010202010306010202000406'::bytea in data) > 0 FROM pg_logical_slot_peek_binary_changes('unsendable', NULL, NULL)
	WHERE position('unsendable_a'::bytea in data) > 0;
SELECT data FROM pg_logical_slot_peek_changes('unsendable', NULL, NULL, :shown, 'include-relations', 'false') WHERE data LIKE '%unsendable_a%';
DROP TABLE unsendable_a;
-- a thousand of them, in one transaction
INSERT INTO unsendable_t SELECT i, '1', 'x' FROM generate_series(10, 1009) i;
SELECT count(*) FROM pg_logical_slot_get_changes('unsendable', NULL, NULL, :shown) WHERE data LIKE '%b=unsendable c=''x''';
-- a default that cannot be printed is left out
CREATE TABLE unsendable_d (id int PRIMARY KEY, b broken DEFAULT '1', c text DEFAULT 'fine');
INSERT INTO unsendable_d VALUES (1, NULL, 'x');
SELECT data FROM pg_logical_slot_get_changes('unsendable', NULL, NULL, :shown) WHERE data ~ '^(RELATION|INSERT)';
DROP TABLE unsendable_d;
-- a small value whose text would be more than 1 GB
CREATE TYPE unsendable_c AS (v numeric[]);
CREATE TABLE unsendable_l (id int PRIMARY KEY, v unsendable_c);
INSERT INTO unsendable_l SELECT 1, ROW(array_fill(1e131071::numeric, ARRAY[8300]))::unsendable_c;
SELECT data FROM pg_logical_slot_get_changes('unsendable', NULL, NULL, :shown) WHERE data ~ '^INSERT';
DROP TABLE unsendable_l;
DROP TYPE unsendable_c;
DROP TABLE unsendable_t;
DROP TYPE broken CASCADE;
SELECT pg_drop_replication_slot('unsendable');
