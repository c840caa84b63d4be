-- A backend that starts the plugin over and over, and after errors, keeps working: callbacks are
-- registered once, nothing survives an error.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('restart', 'walrelay');
CREATE TABLE restart_t (id int);
INSERT INTO restart_t VALUES (1);
-- 10,000 starts
SELECT sum(c) FROM generate_series(1, 10000) i,
	LATERAL (SELECT count(*) AS c FROM pg_logical_slot_peek_binary_changes('restart', NULL, i - i + 1)) n;
-- errors in startup, and streams between them.  Statements of their own: a server forgets to
-- release the slot if the error is caught in a block, as one with assertions says.
\set VERBOSITY terse
SELECT $$SELECT count(*) FROM pg_logical_slot_peek_changes('restart', NULL, NULL, 'format', 'wrong')$$,
	$$SELECT count(*) FROM pg_logical_slot_peek_changes('restart', NULL, NULL, 'format', 'text')$$
	FROM generate_series(1, 5)
\gexec
-- an error in the middle of decoding leaves a cache behind that DDL then invalidates
SET statement_timeout = '50ms';
SELECT $$SELECT count(*) FROM generate_series(1, 1000000) i, LATERAL pg_logical_slot_peek_changes('restart', NULL, i - i + 1, 'format', 'text')$$
	FROM generate_series(1, 5)
\gexec
RESET statement_timeout;
ALTER TABLE restart_t ADD COLUMN a int;
INSERT INTO restart_t VALUES (2, 2);
SELECT data FROM pg_logical_slot_get_changes('restart', NULL, NULL, :shown);
DROP TABLE restart_t;
SELECT pg_drop_replication_slot('restart');
