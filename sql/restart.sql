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
-- errors in startup, inside a block that catches them, and streams between them
DO $$ DECLARE n int; BEGIN
	FOR i IN 1 .. 200 LOOP
		BEGIN
			PERFORM count(*) FROM pg_logical_slot_peek_changes('restart', NULL, NULL, 'format', 'wrong');
			RAISE EXCEPTION 'not refused';
		EXCEPTION WHEN invalid_parameter_value THEN NULL;
		END;
		SELECT count(*) INTO n FROM pg_logical_slot_peek_changes('restart', NULL, NULL, 'format', 'text');
		IF n <> 4 THEN RAISE EXCEPTION '% lines', n; END IF;
	END LOOP;
END $$;
-- an error in the middle of decoding leaves a cache behind that DDL then invalidates
SET statement_timeout = '1ms';
DO $$ BEGIN
	FOR i IN 1 .. 20 LOOP
		BEGIN
			PERFORM count(*) FROM generate_series(1, 1000), LATERAL pg_logical_slot_peek_changes('restart', NULL, NULL, 'format', 'text');
		EXCEPTION WHEN query_canceled THEN NULL;
		END;
	END LOOP;
EXCEPTION WHEN query_canceled THEN NULL;
END $$;
RESET statement_timeout;
ALTER TABLE restart_t ADD COLUMN a int;
INSERT INTO restart_t VALUES (2, 2);
SELECT data FROM pg_logical_slot_get_changes('restart', NULL, NULL, :shown);
DROP TABLE restart_t;
SELECT pg_drop_replication_slot('restart');
