-- Logical messages: transactional ones in their transaction, others at once, whatever their transaction's fate.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('message', 'walrelay');
CREATE TABLE msg_t (id int);
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'transactional');
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', 'immediate');
BEGIN;
INSERT INTO msg_t VALUES (1);
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'between');
SELECT 'sent' FROM pg_logical_emit_message(false, 'other', 'ahead');
INSERT INTO msg_t VALUES (2);
COMMIT;
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(true, 'app', 'rolled back');
SELECT 'sent' FROM pg_logical_emit_message(false, 'app', 'stays');
ROLLBACK;
SELECT 'sent' FROM pg_logical_emit_message(true, '', '');
SELECT 'sent' FROM pg_logical_emit_message(true, 'it''s', E'quote \' and\nnewline');
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', '\x00ff01'::bytea);
SELECT data FROM pg_logical_slot_peek_changes('message', NULL, NULL, :shown, 'include-relations', 'false');
SELECT data FROM pg_logical_slot_peek_changes('message', NULL, NULL, :shown, 'include-relations', 'false', 'include-message-prefixes', 'APP, by.*');
SELECT data FROM pg_logical_slot_peek_changes('message', NULL, NULL, :shown, 'include-relations', 'false', 'exclude-message-prefixes', 'app|other');
SELECT data FROM pg_logical_slot_get_changes('message', NULL, NULL, :shown, 'include-relations', 'false', 'actions', 'insert');
DROP TABLE msg_t;
SELECT pg_drop_replication_slot('message');
