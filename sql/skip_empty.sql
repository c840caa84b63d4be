-- Transactions with nothing wanted leave no trace; RELATION is announced once.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('skip_empty', 'walrelay');
CREATE TABLE skip_t (id int PRIMARY KEY);
CREATE TABLE skip_other (id int);
BEGIN; COMMIT;
INSERT INTO skip_other SELECT generate_series(1, 1000);
BEGIN;
INSERT INTO skip_other VALUES (1);
INSERT INTO skip_t VALUES (1);
INSERT INTO skip_other VALUES (2);
COMMIT;
INSERT INTO skip_t VALUES (2);
CREATE TABLE skip_new (id int);
INSERT INTO skip_t VALUES (3);
ALTER TABLE skip_other ADD COLUMN a int;
INSERT INTO skip_t VALUES (4);
ANALYZE skip_other;
INSERT INTO skip_t VALUES (5);
SELECT data FROM pg_logical_slot_get_changes('skip_empty', NULL, NULL, :shown, 'include-tables', 'public.skip_t');
DROP TABLE skip_t, skip_other, skip_new;
SELECT pg_drop_replication_slot('skip_empty');
