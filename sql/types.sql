-- Every kind of type: its form, how it is described, and its text.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('types', 'walrelay');
SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'postgres';
SET extra_float_digits = 1; SET bytea_output = 'hex';
CREATE SCHEMA types_s;
CREATE TYPE types_s.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN types_s.posint AS int CHECK (VALUE > 0);
CREATE DOMAIN types_s.small AS types_s.posint CHECK (VALUE < 100);
CREATE DOMAIN types_s.price AS numeric(10,2);
CREATE DOMAIN types_s.feeling AS types_s.mood;
CREATE DOMAIN types_s.moods AS types_s.mood[];
CREATE TYPE types_s.pair AS (x int, y text);
CREATE TYPE types_s.span AS RANGE (subtype = float8);
CREATE TABLE types_t (
	c_bool bool, c_int2 int2, c_int4 int4, c_int8 int8, c_oid oid, c_float4 float4, c_float8 float8,
	c_numeric numeric, c_numeric_ps numeric(12,3), c_money money,
	c_text text, c_varchar varchar(20), c_char char(5), c_name name, c_onechar "char", c_bytea bytea,
	c_date date, c_time time, c_timetz timetz(3), c_timestamp timestamp, c_timestamptz timestamptz(0), c_interval interval,
	c_uuid uuid, c_json json, c_jsonb jsonb, c_inet inet, c_cidr cidr, c_macaddr macaddr,
	c_bit bit(3), c_varbit varbit, c_point point, c_tsvector tsvector, c_pg_lsn pg_lsn, c_xid xid, c_regclass regclass,
	c_int4range int4range, c_multirange int4multirange, c_span types_s.span,
	c_ints int[], c_texts text[], c_vector int2vector,
	c_mood types_s.mood, c_moods types_s.mood[], c_small types_s.small, c_price types_s.price,
	c_feeling types_s.feeling, c_dom_moods types_s.moods, c_dom_array types_s.small[], c_pair types_s.pair, c_pairs types_s.pair[]);
INSERT INTO types_t VALUES (
	true, -32768, -2147483648, -9223372036854775808, 4294967295, 1.1, 1e-307,
	123.4500, 5, '-12.34',
	'text', 'varchar', 'ch', 'name', 'x', '\x00ff',
	'2024-02-29', '23:59:59.999999', '12:00:00.5+05:30', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56+00', '1 year 2 mons -3 days 04:05:06.7',
	'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : 1}', '{"b": [1, null]}', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03',
	'101', '0110', '(1,2)', 'a fat cat', '16/B374D848', '3', 'pg_class',
	'[1,5)', '{[1,3),[5,7)}', '[1.5,2.5]',
	'{1,NULL,3}', '{a,"b c",NULL}', '1 2',
	'ok', '{happy,sad}', 7, 9.5,
	'sad', '{ok}', '{1,2}', '(1,"a b")', '{"(1,a)","(2,)"}');
-- ends of ranges, and values with no ordinary number
INSERT INTO types_t (c_int2, c_int4, c_int8, c_oid, c_float4, c_float8, c_numeric, c_date, c_timestamp, c_timestamptz, c_time, c_bytea, c_text, c_ints) VALUES
	(32767, 2147483647, 9223372036854775807, 0, 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', 'infinity', '24:00', '', '', '{}'),
	(0, 0, 0, 1, '-0', 'Infinity', '-Infinity', '-infinity', 'infinity', '-infinity', '00:00', '\x', 'x', '[0:1]={1,2}'),
	(1, 1, 1, 1, 3.4e38, 1.7976931348623157e308, 'Infinity', '4713-01-01 BC', '4713-01-01 BC', '4713-01-02 BC', '00:00', NULL, NULL, '{{1,2},{3,4}}'),
	(1, 1, 1, 1, 1.4e-45, 5e-324, 0, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59', '00:00', NULL, NULL, NULL);
-- columns' descriptions one a line
SELECT regexp_split_to_table(data, ', (?=[0-9]+ c_)')
	FROM pg_logical_slot_peek_changes('types', NULL, NULL, :shown) WHERE data LIKE 'RELATION%';
-- values of the first row one a line, NULLs left out
SELECT regexp_split_to_table(data, ' (?=c_)')
	FROM pg_logical_slot_peek_changes('types', NULL, NULL, :shown) WHERE data LIKE 'INSERT%c_bool=t%';
SELECT regexp_replace(data, ' c_[a-z0-9_]+=null', '', 'g')
	FROM pg_logical_slot_get_changes('types', NULL, NULL, :shown) WHERE data LIKE 'INSERT%c_bool=null%';
-- a label added, one renamed, a type renamed: known at once, tables untouched
CREATE TABLE types_e (m types_s.mood);
INSERT INTO types_e VALUES ('ok');
ALTER TYPE types_s.mood ADD VALUE 'so-so' BEFORE 'ok';
INSERT INTO types_e VALUES ('so-so');
ALTER TYPE types_s.mood RENAME VALUE 'ok' TO 'fine';
INSERT INTO types_e VALUES ('fine');
ALTER TYPE types_s.mood RENAME TO temper;
INSERT INTO types_e VALUES ('sad');
SELECT data FROM pg_logical_slot_get_changes('types', NULL, NULL, :shown);
DROP TABLE types_t, types_e;
DROP SCHEMA types_s CASCADE;
SELECT pg_drop_replication_slot('types');
