-- Which tables: anchored regular expressions on schema.table, any case, include and exclude.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('filter', 'walrelay');
CREATE SCHEMA filter_s;
CREATE TABLE filter_a (id int);
CREATE TABLE filter_ab (id int);
CREATE TABLE "Filter,C" (id int);
CREATE TABLE filter_s.filter_a (id int);
BEGIN;
INSERT INTO filter_a VALUES (1);
INSERT INTO filter_ab VALUES (1);
INSERT INTO "Filter,C" VALUES (1);
INSERT INTO filter_s.filter_a VALUES (1);
COMMIT;
-- the whole name has to match
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.filter_a');
-- any case
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'PUBLIC.FILTER_A');
-- alternation stays inside its element
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.filter_a|filter_s.filter_a');
-- a list
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', ' public\.filter_ab , filter_s\..* ');
-- a comma inside an expression
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.filter\,c');
-- a comma in a bound is no end of the element if it is escaped
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.filter_[ab]{1\,2}');
-- exclude
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'exclude-tables', 'public.*');
-- both: included and not excluded
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.*', 'exclude-tables', '.*ab');
-- nothing matches: not even BEGIN
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'nobody.nothing');
-- an empty list is no list
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', ' , ');
-- a name alone does not match
SELECT data FROM pg_logical_slot_peek_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'filter_a');

-- a rename takes a table in, and out
INSERT INTO filter_a VALUES (2);
ALTER TABLE filter_a RENAME TO filter_z;
INSERT INTO filter_z VALUES (3);
ALTER TABLE filter_z SET SCHEMA filter_s;
INSERT INTO filter_s.filter_z VALUES (4);
SELECT data FROM pg_logical_slot_get_changes('filter', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.filter_z');
DROP TABLE filter_ab, "Filter,C";
DROP SCHEMA filter_s CASCADE;
SELECT pg_drop_replication_slot('filter');
