-- A label that somebody took out of pg_enum: its rows are marked, and end neither the stream nor the server.
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
CREATE TYPE enum_label_mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE enum_label_t (id int PRIMARY KEY, m enum_label_mood, a enum_label_mood[]);
INSERT INTO enum_label_t VALUES (1, 'ok', '{sad,ok}'), (2, 'happy', '{sad}');
SELECT 'init' FROM pg_create_logical_replication_slot('enum_label', 'walrelay');
DELETE FROM pg_enum WHERE enumtypid = 'enum_label_mood'::regtype AND enumlabel = 'ok';
UPDATE enum_label_t SET id = id + 10;
-- in text
SELECT data FROM pg_logical_slot_peek_changes('enum_label', NULL, NULL, 'format', 'text', 'include-lsn', 'false',
	'include-relations', 'false') WHERE data LIKE 'UPDATE%';
-- in binary: a map of states, the values' are 5; then 11; the other row has the places of its labels
SELECT position('\x73500516'::bytea in data) > 0, position('\x70180105010102'::bytea in data) > 0
	FROM pg_logical_slot_get_binary_changes('enum_label', NULL, NULL);
DROP TABLE enum_label_t;
DROP TYPE enum_label_mood;
SELECT pg_drop_replication_slot('enum_label');
