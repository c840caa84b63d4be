-- TRUNCATE: several tables, CASCADE, RESTART IDENTITY, only those that are wanted.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('truncate', 'walrelay');
CREATE TABLE trunc_a (id serial PRIMARY KEY);
CREATE TABLE trunc_b (id int REFERENCES trunc_a);
CREATE TABLE trunc_c (id int);
INSERT INTO trunc_a VALUES (1);
TRUNCATE trunc_a, trunc_b;
TRUNCATE trunc_a CASCADE;
TRUNCATE trunc_c RESTART IDENTITY;
TRUNCATE trunc_c, trunc_c;
BEGIN;
INSERT INTO trunc_c VALUES (1);
TRUNCATE trunc_c;
INSERT INTO trunc_c VALUES (2);
COMMIT;
SELECT data FROM pg_logical_slot_peek_changes('truncate', NULL, NULL, :shown, 'include-relations', 'false');
SELECT data FROM pg_logical_slot_peek_changes('truncate', NULL, NULL, :shown, 'include-relations', 'false', 'exclude-tables', 'public.trunc_a');
SELECT data FROM pg_logical_slot_get_changes('truncate', NULL, NULL, :shown, 'include-relations', 'false', 'exclude-tables', '.*trunc.*');
DROP TABLE trunc_a, trunc_b, trunc_c;
SELECT pg_drop_replication_slot('truncate');
