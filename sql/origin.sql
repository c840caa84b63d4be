-- Replication origins: named in BEGIN, and left out by origin=none.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('origin', 'walrelay');
SELECT 'origin' FROM pg_replication_origin_create('walrelay''s origin');
CREATE TABLE origin_t (id int);
INSERT INTO origin_t VALUES (1);
SELECT pg_replication_origin_session_setup('walrelay''s origin');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/AB', '2024-01-01');
INSERT INTO origin_t VALUES (2);
COMMIT;
SELECT pg_replication_origin_session_reset();
INSERT INTO origin_t VALUES (3);
SELECT data FROM pg_logical_slot_peek_changes('origin', NULL, NULL, :shown, 'include-relations', 'false');
SELECT data FROM pg_logical_slot_peek_changes('origin', NULL, NULL, :shown, 'include-relations', 'false', 'origin', 'any');
SELECT data FROM pg_logical_slot_peek_changes('origin', NULL, NULL, :shown, 'include-relations', 'false', 'origin', 'none');
-- an origin that was dropped since has no name any more, or still one: never an error
SELECT pg_replication_origin_drop('walrelay''s origin');
SELECT count(*) FROM pg_logical_slot_get_changes('origin', NULL, NULL, :shown) WHERE data LIKE 'INSERT%';
DROP TABLE origin_t;
SELECT pg_drop_replication_slot('origin');
