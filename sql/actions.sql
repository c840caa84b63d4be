-- Which actions.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('actions', 'walrelay');
CREATE TABLE act_t (id int PRIMARY KEY);
INSERT INTO act_t VALUES (1);
UPDATE act_t SET id = 2;
DELETE FROM act_t;
TRUNCATE act_t;
SELECT 'sent' FROM pg_logical_emit_message(true, 'p', 'c');
SELECT data FROM pg_logical_slot_peek_changes('actions', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'insert');
SELECT data FROM pg_logical_slot_peek_changes('actions', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'update');
SELECT data FROM pg_logical_slot_peek_changes('actions', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'delete');
SELECT data FROM pg_logical_slot_peek_changes('actions', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'truncate');
SELECT data FROM pg_logical_slot_peek_changes('actions', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'message');
SELECT data FROM pg_logical_slot_peek_changes('actions', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'insert, Delete');
SELECT data FROM pg_logical_slot_peek_changes('actions', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'insert,update,delete,truncate,message');
DROP TABLE act_t;
SELECT pg_drop_replication_slot('actions');
