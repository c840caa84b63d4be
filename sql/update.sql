-- UPDATE and DELETE under each replica identity: what is said of the old row.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('update', 'walrelay');
CREATE TABLE upd_default (id int PRIMARY KEY, a text, b int);
CREATE TABLE upd_no_key (id int, a text);
CREATE TABLE upd_index (id int PRIMARY KEY, x int NOT NULL, y text NOT NULL, a text);
CREATE UNIQUE INDEX upd_index_yx ON upd_index (y, x);
ALTER TABLE upd_index REPLICA IDENTITY USING INDEX upd_index_yx;
CREATE TABLE upd_full (id int PRIMARY KEY, a text, b int);
ALTER TABLE upd_full REPLICA IDENTITY FULL;
CREATE TABLE upd_nothing (id int PRIMARY KEY, a text);
ALTER TABLE upd_nothing REPLICA IDENTITY NOTHING;
-- default: the old key only where it changed
INSERT INTO upd_default VALUES (1, 'a', 1), (2, 'b', NULL);
UPDATE upd_default SET a = 'c' WHERE id = 1;
UPDATE upd_default SET id = 3 WHERE id = 1;
DELETE FROM upd_default;
-- no key at all: nothing
INSERT INTO upd_no_key VALUES (1, 'a');
UPDATE upd_no_key SET a = 'b';
DELETE FROM upd_no_key;
-- index: its columns, in the table's order
INSERT INTO upd_index VALUES (1, 10, 'y', 'a');
UPDATE upd_index SET a = 'b';
UPDATE upd_index SET id = 2;
UPDATE upd_index SET x = 11;
DELETE FROM upd_index;
-- full: everything, always
INSERT INTO upd_full VALUES (1, 'a', NULL);
UPDATE upd_full SET a = 'b';
UPDATE upd_full SET b = 1, a = NULL;
DELETE FROM upd_full;
-- nothing
INSERT INTO upd_nothing VALUES (1, 'a');
UPDATE upd_nothing SET id = 2;
DELETE FROM upd_nothing;
-- changed between two changes of one transaction
BEGIN;
INSERT INTO upd_default VALUES (5, 'a', 1);
UPDATE upd_default SET b = 2;
ALTER TABLE upd_default REPLICA IDENTITY FULL;
UPDATE upd_default SET b = 3;
ALTER TABLE upd_default REPLICA IDENTITY NOTHING;
UPDATE upd_default SET b = 4;
ALTER TABLE upd_default REPLICA IDENTITY DEFAULT;
DELETE FROM upd_default;
COMMIT;
SELECT data FROM pg_logical_slot_get_changes('update', NULL, NULL, :shown);
DROP TABLE upd_default, upd_no_key, upd_index, upd_full, upd_nothing;
SELECT pg_drop_replication_slot('update');
