-- Requests: RELATION for the relations that a message of the relay's lists, whether anything changed or not.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SET client_min_messages = warning;
SELECT 'init' FROM pg_create_logical_replication_slot('describe', 'walrelay');
-- Ask for relations by name; the oids differ between runs.
CREATE FUNCTION describe_ask(VARIADIC names text[]) RETURNS text LANGUAGE sql AS $$
	SELECT 'asked' FROM pg_logical_emit_message(true, 'walrelay', 'describe n ' ||
		(SELECT string_agg(n::regclass::oid::text, ' ' ORDER BY o) FROM unnest(names) WITH ORDINALITY AS u(n, o)))
$$;
CREATE FUNCTION describe_told(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(data, '\m\d{5,}\M', 'OID', 'g') FROM pg_logical_slot_get_changes('describe', NULL, NULL,
		VARIADIC '{format,text,include-xids,false,include-lsn,false,include-timestamp,false}' || options)
$$;
CREATE TABLE describe_a (id int PRIMARY KEY, a text DEFAULT 'x');
CREATE TABLE describe_b (id int, b int);
-- without a row; in the order of their numbers, each once
SELECT describe_ask('describe_b', 'describe_a', 'describe_b');
SELECT describe_told();
-- announced before, and nothing changed; the row behind needs no third one
BEGIN;
INSERT INTO describe_a VALUES (1);
SELECT describe_ask('describe_a');
INSERT INTO describe_a VALUES (2);
COMMIT;
SELECT describe_told();
-- as they are at that position
BEGIN;
SELECT describe_ask('describe_b');
ALTER TABLE describe_b ADD c int;
CREATE TABLE describe_c (id int);
SELECT describe_ask('describe_b', 'describe_c');
SAVEPOINT s;
ALTER TABLE describe_b ADD d int;
SELECT describe_ask('describe_b');
ROLLBACK TO s;
SELECT oid AS dropped FROM pg_class WHERE relname = 'describe_c' \gset
DROP TABLE describe_c;
SELECT 'asked' FROM pg_logical_emit_message(true, 'walrelay', 'describe gone ' || :dropped);
COMMIT;
ALTER TABLE describe_b DROP b;
SELECT describe_told();
-- what no change would come from: passed over
CREATE VIEW describe_v AS SELECT * FROM describe_a;
CREATE MATERIALIZED VIEW describe_m AS SELECT * FROM describe_a;
CREATE SEQUENCE describe_s;
CREATE TYPE describe_t AS (x int);
CREATE UNLOGGED TABLE describe_u (id int);
CREATE TEMPORARY TABLE describe_temp (id int);
CREATE TABLE describe_p (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE INDEX describe_i ON describe_a (a);
SELECT describe_ask('describe_v', 'describe_m', 'describe_s', 'describe_t', 'describe_u', 'describe_temp', 'describe_p',
	'describe_p_pkey', 'describe_i', 'describe_a_pkey', 'pg_class', 'information_schema.sql_parts', reltoastrelid::regclass::text)
	FROM pg_class WHERE relname = 'describe_a';
SELECT 'asked' FROM pg_logical_emit_message(true, 'walrelay', 'describe n 0 1 4294967295 ' || :dropped);
SELECT describe_told();
-- what the options leave out
SELECT describe_ask('describe_a', 'describe_b');
SELECT describe_told('include-tables', '.*_b');
SELECT describe_ask('describe_a');
SELECT describe_told('actions', 'insert');
SELECT describe_ask('describe_a');
SELECT describe_told('include-relations', 'false');
-- lists of prefixes do not matter
SELECT describe_ask('describe_a');
SELECT describe_told('exclude-message-prefixes', '.*');
SELECT describe_ask('describe_a');
SELECT describe_told('include-message-prefixes', 'other');
-- but for a message that is not transactional, which is like any other, and so is every other prefix
SELECT 'sent' FROM pg_logical_emit_message(false, 'walrelay', 'describe n ' || 'describe_a'::regclass::oid);
SELECT 'sent' FROM pg_logical_emit_message(true, 'Walrelay', 'describe n ' || 'describe_a'::regclass::oid);
SELECT 'sent' FROM pg_logical_emit_message(true, 'walrelay2', 'describe n ' || 'describe_a'::regclass::oid);
SELECT data ~ 'describe n' FROM pg_logical_slot_peek_changes('describe', NULL, NULL, :shown, 'include-message-prefixes', 'walrelay');
SELECT describe_told('exclude-message-prefixes', '.*');
-- partitions: themselves, or as their root
CREATE TABLE describe_p1 (a text, id int NOT NULL);
ALTER TABLE describe_p ATTACH PARTITION describe_p1 FOR VALUES FROM (1) TO (10);
SELECT describe_ask('describe_p', 'describe_p1');
SELECT describe_told();
SELECT describe_ask('describe_p', 'describe_p1');
SELECT describe_told('publish-via-root', 'true');
SELECT describe_ask('describe_p', 'describe_p1');
SELECT describe_told('publish-via-root', 'true', 'exclude-tables', '.*_p');
-- what cannot be read ends the list
SELECT 'describe_a'::regclass::oid AS a, 'describe_b'::regclass::oid AS b \gset
SELECT count(*) FROM (VALUES (''), ('describe'), ('describe '), ('describe n'), ('describe n '), ('describe    '), ('DESCRIBE n A'),
	(' describe n A'), ('describen A'), ('describe A'), ('describe n xA'), ('describe n Ax B'), ('describe n -A'), ('describe n A,B'), ('describe n 0xA'),
	('describe n 4294967296 A'), ('describe n 99999999999999999999999999 A'), (E'describe n\tA'), (E'describe n \nA')) m(content),
	LATERAL pg_logical_emit_message(true, 'walrelay', replace(replace(content, 'A', :'a'), 'B', :'b'));
SELECT 'asked' FROM pg_logical_emit_message(true, 'walrelay', 'describe n '::bytea || '\x00' || :'a'::bytea);
SELECT count(*) FILTER (WHERE told ~ '^RELATION'), count(*) FILTER (WHERE told ~ '^MESSAGE') FROM describe_told() told;
SELECT 'asked' FROM pg_logical_emit_message(true, 'walrelay', format('describe n %s x %s', :a, :b));
SELECT 'asked' FROM pg_logical_emit_message(true, 'walrelay', format('describe  n   00000000000%s %s  4294967296', :b, :b));
SELECT describe_told();
-- so does its hundred thousandth word
SELECT 'asked' FROM pg_logical_emit_message(true, 'walrelay', format('describe n %s%s %s', repeat('1 ', 99999), :a, :b));
SELECT told FROM describe_told() told WHERE told ~ '^RELATION';
-- from within a command: a function that says to have no effect, called when not every partition has the root's new column yet
CREATE TABLE describe_p2 PARTITION OF describe_p FOR VALUES FROM (10) TO (20);
CREATE FUNCTION describe_now(names text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM pg_logical_emit_message(true, 'walrelay', 'describe within ' || string_agg(oid::text, ' '))
		FROM pg_class WHERE relname ~ names;
	RETURN 7;
END $$;
ALTER TABLE describe_p ADD COLUMN n int DEFAULT describe_now('^describe_p');
INSERT INTO describe_p VALUES (1);
SELECT describe_told('publish-via-root', 'true');
-- and while the table is rewritten, of which another stands in
ALTER FUNCTION describe_now VOLATILE;
BEGIN;
TRUNCATE describe_a;
INSERT INTO describe_a VALUES (1);
ALTER TABLE describe_a ADD COLUMN n int DEFAULT describe_now('^pg_temp_|describe_a$');
COMMIT;
SELECT describe_told();
DROP TABLE describe_a, describe_b, describe_p, describe_u, describe_temp CASCADE;
DROP SEQUENCE describe_s;
DROP TYPE describe_t;
DROP FUNCTION describe_ask, describe_told, describe_now;
SELECT pg_drop_replication_slot('describe');
