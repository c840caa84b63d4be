-- TOASTed values: unchanged is a state of its own, not NULL; changed ones and
-- those of REPLICA IDENTITY FULL are there.  Long values show as length and sum.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('toast', 'walrelay');
CREATE FUNCTION shorten(line text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(line, '([a-z0-9]{6})[a-z0-9]{80,}', '\1...', 'g') $$;
CREATE TABLE toast_t (id int PRIMARY KEY, n int, external text, compressed text, inline text, j jsonb);
ALTER TABLE toast_t ALTER external SET STORAGE EXTERNAL;
ALTER TABLE toast_t ALTER inline SET STORAGE MAIN;
INSERT INTO toast_t
	SELECT 1, 1, repeat('ext0123456', 1000), (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i),
		   repeat('inline0123', 300), jsonb_build_object('k', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 200) i));
-- nothing TOASTed changes
UPDATE toast_t SET n = 2;
-- one of them changes
UPDATE toast_t SET external = repeat('new0123456', 1000);
UPDATE toast_t SET compressed = NULL;
UPDATE toast_t SET id = 2;
DELETE FROM toast_t;
-- full: the server puts the old values into the WAL
ALTER TABLE toast_t REPLICA IDENTITY FULL;
INSERT INTO toast_t VALUES (1, 1, repeat('ext0123456', 1000), 'c', 'i', '{}');
UPDATE toast_t SET n = 2;
UPDATE toast_t SET external = 'short';
DELETE FROM toast_t;
-- a key that is TOASTed goes out by value
CREATE TABLE toast_key (k text, n int);
ALTER TABLE toast_key ALTER k SET STORAGE EXTERNAL;
ALTER TABLE toast_key ALTER k SET NOT NULL;
INSERT INTO toast_key VALUES (repeat('key0123456', 300), 1);
ALTER TABLE toast_key REPLICA IDENTITY FULL;
DELETE FROM toast_key;
SELECT shorten(data) FROM pg_logical_slot_get_changes('toast', NULL, NULL, :shown, 'include-relations', 'false');
DROP TABLE toast_t, toast_key;
DROP FUNCTION shorten;
SELECT pg_drop_replication_slot('toast');
