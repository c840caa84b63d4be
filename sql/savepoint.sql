-- Subtransactions: what is rolled back is not there, what stays is in order.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('savepoint', 'walrelay');
CREATE TABLE sp_t (id int PRIMARY KEY, a text);
BEGIN;
INSERT INTO sp_t VALUES (1, 'top');
SAVEPOINT a;
INSERT INTO sp_t VALUES (2, 'kept');
SAVEPOINT b;
INSERT INTO sp_t VALUES (3, 'lost');
ROLLBACK TO b;
INSERT INTO sp_t VALUES (3, 'kept');
RELEASE a;
SAVEPOINT c;
DELETE FROM sp_t WHERE id = 1;
ROLLBACK TO c;
UPDATE sp_t SET a = 'end' WHERE id = 1;
COMMIT;
-- DDL in a subtransaction that is rolled back
BEGIN;
SAVEPOINT a;
ALTER TABLE sp_t ADD COLUMN b int;
INSERT INTO sp_t VALUES (4, 'lost', 4);
ROLLBACK TO a;
INSERT INTO sp_t VALUES (5, 'kept');
COMMIT;
-- everything rolled back: not a word
BEGIN;
SAVEPOINT a;
INSERT INTO sp_t VALUES (6, 'lost');
ROLLBACK TO a;
COMMIT;
BEGIN;
INSERT INTO sp_t VALUES (7, 'lost');
ROLLBACK;
-- many, which spill
DO $$ BEGIN
	FOR i IN 100 .. 299 LOOP
		BEGIN
			INSERT INTO sp_t VALUES (i, 'sub');
			IF i % 2 = 0 THEN RAISE EXCEPTION 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT data) FROM pg_logical_slot_peek_changes('savepoint', NULL, NULL, :shown) WHERE data LIKE '%''sub''%';
SELECT data FROM pg_logical_slot_get_changes('savepoint', NULL, NULL, :shown, 'include-relations', 'false') WHERE data NOT LIKE '%''sub''%';
DROP TABLE sp_t;
SELECT pg_drop_replication_slot('savepoint');
