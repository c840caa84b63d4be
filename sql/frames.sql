-- Frames, byte by byte: a reader of wire.h in PL/pgSQL takes them apart, and what differs
-- between runs (xid, time, positions, oids of tables) is left out.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;

SELECT 'init' FROM pg_create_logical_replication_slot('frames', 'walrelay');
-- unsigned varint at a byte (from 0): its value, and where the next thing is
CREATE FUNCTION get_uv(data bytea, at int, OUT value bigint, OUT next int) LANGUAGE plpgsql AS $$
DECLARE shift int := 0; byte int;
BEGIN
	value := 0; next := at;
	LOOP
		byte := get_byte(data, next);
		next := next + 1;
		value := value | ((byte & 127)::bigint << shift);
		EXIT WHEN byte < 128;
		shift := shift + 7;
	END LOOP;
END $$;
CREATE FUNCTION get_records(data bytea, OUT kind text, OUT body bytea) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE at int := 8; uv record;
BEGIN
	IF substring(data for 4) <> '\x57520100' THEN RAISE EXCEPTION 'no frame'; END IF;
	IF length(data) - 8 <> get_byte(data, 4) + 256 * get_byte(data, 5) + 65536 * get_byte(data, 6) THEN
		RAISE EXCEPTION 'wrong length';
	END IF;
	WHILE at < length(data) LOOP
		kind := chr(get_byte(data, at));
		uv := get_uv(data, at + 1);
		body := substring(data from uv.next + 1 for uv.value::int);
		IF length(body) <> uv.value THEN RAISE EXCEPTION 'record % cut off', kind; END IF;
		at := uv.next + uv.value::int;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE FUNCTION masked(kind text, body bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN kind || ' ' || CASE
		-- version, flags, frame-bytes, hash of the options
		WHEN kind = 'H' THEN encode(substring(body for 1), 'hex') || ' ' || encode(substring(body from 5 for 12), 'hex')
		WHEN kind IN ('B', 'C') THEN '-'
		WHEN kind = 'R' THEN encode(substring(body for 1), 'hex') || ' ' || encode(substring(body from (get_uv(body, 1)).next + 1), 'hex')
		WHEN kind IN ('I', 'U', 'D') THEN encode(substring(body for 1), 'hex') || ' ' || encode(substring(body from (get_uv(body, 1)).next + 1), 'hex')
		WHEN kind = 'T' THEN encode(substring(body from (get_uv(body, 0)).next + 1), 'hex')
		WHEN kind = 'M' THEN encode(substring(body for 1), 'hex') || ' ' || encode(substring(body from 10), 'hex')
		WHEN kind = 'L' THEN encode(substring(body for 3), 'hex') || ' + ' || CASE WHEN length(body) > 900 THEN 'a full frame' ELSE 'a part' END
		ELSE encode(body, 'hex') END;
END $$;
CREATE TABLE frames_t (id int PRIMARY KEY, big bigint, t text DEFAULT 'd', n numeric(8,2), b bytea, f float8, ok bool, ts timestamp);
INSERT INTO frames_t VALUES (1, -1, 'one', 12.50, '\x00ff', 1.5, true, '2000-01-01 00:00:01');
INSERT INTO frames_t VALUES (2, 300, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO frames_t VALUES (-3, NULL, '', -0.01, '', '-0', false, 'infinity');
UPDATE frames_t SET t = 'two' WHERE id = 2;
UPDATE frames_t SET id = 4 WHERE id = 2;
DELETE FROM frames_t WHERE id = 4;
ALTER TABLE frames_t REPLICA IDENTITY FULL;
UPDATE frames_t SET t = 'x', big = 5 WHERE id = 1;
DELETE FROM frames_t WHERE id = 1;
TRUNCATE frames_t RESTART IDENTITY CASCADE;
-- this one is flushed by the next commit only
SELECT 'sent' FROM pg_logical_emit_message(false, 'now', 'content');
SELECT 'sent' FROM pg_logical_emit_message(true, 'pre', 'content');
SELECT row_number() OVER () AS frame, masked(r.kind, r.body)
	FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL) f, get_records(f.data) r;
-- one frame a transaction
SELECT count(*), count(DISTINCT f.lsn)
	FROM pg_logical_slot_get_binary_changes('frames', NULL, NULL, 'actions', 'insert,update,delete,truncate') f;
-- a value longer than a frame, a TOASTed one that stays, small frames, a text that needs two bytes for its length
CREATE TABLE frames_long (id int PRIMARY KEY, n int, t text, b bytea);
ALTER TABLE frames_long ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO frames_long VALUES (1, 1, repeat('x', 3000), decode(repeat('00', 5000), 'hex')), (2, 1, repeat('y', 200), NULL);
UPDATE frames_long SET n = 2 WHERE id = 1;
SELECT 'sent' FROM pg_logical_emit_message(true, 'long', repeat('m', 2000));
WITH frames AS (SELECT row_number() OVER () AS frame, data
				FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'frame-bytes', '1024'))
SELECT frame, length(data) <= 1024 + 300 AS fits, substring(masked(r.kind, r.body) for 140) FROM frames, get_records(data) r;
-- the pieces put together are the values
WITH pieces AS (SELECT row_number() OVER () AS n, r.* FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL, 'frame-bytes', '1024') f, get_records(f.data) r)
SELECT md5(string_agg(substring(body from 4), '' ORDER BY n)) = md5(convert_to(repeat('x', 3000), 'UTF8') || decode(repeat('00', 5000), 'hex') || convert_to(repeat('m', 2000), 'UTF8'))
	FROM pieces WHERE kind = 'L';
-- both formats tell the same number of everything
SELECT count(*) FILTER (WHERE r.kind IN ('I', 'U', 'D')), count(*) FILTER (WHERE r.kind = 'C')
	FROM pg_logical_slot_peek_binary_changes('frames', NULL, NULL) f, get_records(f.data) r;
SELECT count(*) FILTER (WHERE data ~ '^(INSERT|UPDATE|DELETE)'), count(*) FILTER (WHERE data ~ '^COMMIT')
	FROM pg_logical_slot_get_changes('frames', NULL, NULL, :shown);
DROP TABLE frames_t, frames_long;
DROP FUNCTION masked;
DROP FUNCTION get_records;
DROP FUNCTION get_uv;
SELECT pg_drop_replication_slot('frames');
