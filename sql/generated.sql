-- Stored generated columns are columns like others, or left out by option; identity columns.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('generated', 'walrelay');
CREATE TABLE gen_t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int DEFAULT 5, b int GENERATED ALWAYS AS (a * 2) STORED, c text);
INSERT INTO gen_t (a, c) VALUES (1, 'x');
UPDATE gen_t SET a = 2;
CREATE TABLE gen_key (a int, b int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY, c int GENERATED ALWAYS AS (a + 1) STORED);
INSERT INTO gen_key VALUES (1);
UPDATE gen_key SET a = 3;
DELETE FROM gen_key;
SELECT data FROM pg_logical_slot_peek_changes('generated', NULL, NULL, :shown);
-- left out, but for those that are in the key
SELECT data FROM pg_logical_slot_get_changes('generated', NULL, NULL, :shown, 'generated-columns', 'false');
DROP TABLE gen_t, gen_key;
SELECT pg_drop_replication_slot('generated');
