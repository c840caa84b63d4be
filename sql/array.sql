-- Arrays: in text as array_out() prints them, in the binary format element by element.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SET timezone = 'UTC';
SELECT 'init' FROM pg_create_logical_replication_slot('array', 'walrelay');
CREATE SCHEMA array_s;
CREATE TYPE array_s.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN array_s.feeling AS array_s.mood;
CREATE DOMAIN array_s.small AS int CHECK (VALUE < 100);
CREATE DOMAIN array_s.ints AS int[];
CREATE DOMAIN array_s.more_ints AS array_s.ints;
CREATE TYPE array_s.pair AS (x int, y text);
CREATE TABLE array_t (id int, i int[], t text[], o array_s.more_ints);
-- no element, one, three, NULLs, none but NULLs, bounds, dimensions, both
INSERT INTO array_t (id, i) VALUES (1, '{}'), (2, '{1}'), (3, '{1,-1,300}'), (4, '{1,NULL,3}'), (5, '{NULL,NULL}'),
	(6, '[0:1]={1,2}'), (7, '{{1,2},{3,4}}'), (8, '[-1:0][5:6]={{1,NULL},{NULL,4}}'), (9, '{{{{{{7}}}}}}'),
	(10, '{1,2,3,4,5,6,7,NULL}'), (11, '{1,2,3,4,5,6,7,8,NULL}'), (12, '[2147483646:2147483646]={0}');
-- as the functions of arrays leave them: a map of NULLs without a NULL, no dimension
INSERT INTO array_t (id, i) VALUES (13, array_remove('{1,NULL}'::int[], NULL)), (14, array_replace('{1,NULL}'::int[], NULL, 2)),
	(15, array_remove('{1}'::int[], 1)), (16, ('{1,2,3}'::int[])[2:3]), (17, ('{1,2}'::int[])[5:6]);
-- text that has to be quoted
INSERT INTO array_t (id, t) VALUES (18, '{"",NULL,"NULL","null",nul,"a b",a_b,"a,b","{","}","\"","\\",";"}'), (19, ARRAY[E'tab\t', E'\n', 'ä']);
INSERT INTO array_t (id, o) VALUES (20, '{1,2}');
CREATE FUNCTION rows_of(data bytea) RETURNS SETOF bytea LANGUAGE plpgsql AS $$
DECLARE at int := 8; start int; shift int; length int; kind int;
BEGIN
	WHILE at < length(data) LOOP
		kind := get_byte(data, at);
		length := 0; shift := 0;
		LOOP
			at := at + 1;
			length := length | ((get_byte(data, at) & 127) << shift);
			shift := shift + 7;
			EXIT WHEN get_byte(data, at) < 128;
		END LOOP;
		-- behind the index and the delta, which takes a byte or more
		start := at + 3;
		WHILE kind = ascii('I') AND get_byte(data, start - 1) > 127 LOOP start := start + 1; END LOOP;
		IF kind = ascii('I') THEN RETURN NEXT substring(data from start + 1 for at + 1 + length - start); END IF;
		at := at + 1 + length;
	END LOOP;
END $$;
SELECT row FROM pg_logical_slot_peek_binary_changes('array', NULL, NULL) f, rows_of(f.data) row;
SELECT data FROM pg_logical_slot_get_changes('array', NULL, NULL, :shown) WHERE data LIKE 'RELATION%' OR data LIKE 'INSERT%';
-- every form of element
CREATE TABLE array_forms (
	bools bool[], int2s int2[], int8s int8[], dates date[], oids oid[], float4s float4[], float8s float8[],
	times time[], timestamps timestamp[], timestamptzs timestamptz[], moneys money[], timetzs timetz[], intervals interval[],
	uuids uuid[], numerics numeric(8,2)[], moods array_s.mood[], byteas bytea[], texts text[], varchars varchar(5)[], chars char(3)[],
	names name[], jsons json[]);
INSERT INTO array_forms VALUES ('{t,f}', '{-1,32767}', '{9223372036854775807}', '{2000-01-02,infinity}', '{4294967295}', '{1.5}', '{-0}',
	'{00:00:01}', '{2000-01-01 00:00:01}', '{-infinity}', '{0.01}', '{00:00:00+01}', '{1 mon 2 days}',
	'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{1.50,NaN,0}', '{happy,NULL,sad}', '{"\\x00ff",""}', '{a}', '{ab}', '{x}', '{nm}', '{"{}"}');
SELECT row FROM pg_logical_slot_peek_binary_changes('array', NULL, NULL) f, rows_of(f.data) row;
SELECT regexp_split_to_table(data, ', (?=[0-9]+ )')
	FROM pg_logical_slot_get_changes('array', NULL, NULL, :shown) WHERE data LIKE 'RELATION%';
-- elements of other types travel as text; arrays within, by a domain, as well
CREATE TABLE array_texts (boxes box[], pairs array_s.pair[], jsonbs jsonb[], ranges int4range[], vectors int2vector[], feelings array_s.feeling[],
	smalls array_s.small[], arrays array_s.ints[], onechars "char"[]);
INSERT INTO array_texts VALUES ('{(2,2),(1,1);(4,4),(3,3)}', '{"(1,\"a b\")"}', '{"{\"a\": 1}"}', '{"[1,3)"}', '{"1 2"}', '{ok}', '{7}', '{"{1,2}",NULL}', '{a,NULL}');
SELECT row FROM pg_logical_slot_peek_binary_changes('array', NULL, NULL) f, rows_of(f.data) row;
SELECT regexp_split_to_table(data, ', (?=[0-9]+ )')
	FROM pg_logical_slot_peek_changes('array', NULL, NULL, :shown) WHERE data LIKE 'RELATION%';
SELECT data FROM pg_logical_slot_get_changes('array', NULL, NULL, :shown) WHERE data LIKE 'INSERT%';
-- compressed, outside of the row, left alone there by an update
CREATE TABLE array_long (id int PRIMARY KEY, n int, squeezed int[], outside int[]);
ALTER TABLE array_long ALTER outside SET STORAGE EXTERNAL;
INSERT INTO array_long SELECT 1, 1, array_agg(7), array_agg(8) FROM generate_series(1, 1000);
UPDATE array_long SET n = 2;
SELECT row = '\x700202' || '\xed07'::bytea || '\x01e8070200' || decode(repeat('0e', 1000), 'hex')
		|| '\xed07'::bytea || '\x01e8070200' || decode(repeat('10', 1000), 'hex') AS whole
	FROM pg_logical_slot_peek_binary_changes('array', NULL, NULL, 'actions', 'insert') f, rows_of(f.data) row;
SELECT data LIKE '% outside=unchanged-toast' FROM pg_logical_slot_peek_changes('array', NULL, NULL, :shown, 'actions', 'update')
	WHERE data LIKE 'UPDATE%';
-- longer than a frame: ahead of the row
INSERT INTO array_long SELECT 2, 1, array_agg(7), NULL FROM generate_series(1, 1100);
SELECT row FROM pg_logical_slot_get_binary_changes('array', NULL, NULL, 'actions', 'insert', 'frame-bytes', '1024') f, rows_of(f.data) row WHERE substring(row for 1) = '\x73';
-- an array that says to hold something else than its column's type does: its text, by what it says
CREATE TABLE array_other (id int, i int[]);
INSERT INTO array_other VALUES (1, '{-1,NULL}');
UPDATE pg_attribute SET atttypid = 'oid[]'::regtype WHERE attrelid = 'array_other'::regclass AND attname = 'i';
UPDATE array_other SET id = 2;
SELECT position('\x733004097b2d312c4e554c4c7d'::bytea in data) > 0 FROM pg_logical_slot_peek_binary_changes('array', NULL, NULL)
	WHERE position('array_other'::bytea in data) > 0;
SELECT data FROM pg_logical_slot_get_changes('array', NULL, NULL, :shown, 'include-relations', 'false') WHERE data LIKE 'UPDATE public.array_other%';
DROP TABLE array_t, array_forms, array_texts, array_long, array_other;
DROP FUNCTION rows_of;
SET client_min_messages = warning;
DROP SCHEMA array_s CASCADE;
SELECT pg_drop_replication_slot('array');
