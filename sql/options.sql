-- What a client may ask for, and how wrong questions are refused.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('options', 'walrelay');
CREATE TABLE options_t (id int PRIMARY KEY);
INSERT INTO options_t VALUES (1);
-- every option by itself, with a good value
SELECT count(*) FROM (VALUES
	('proto', '1'), ('format', 'text'), ('format', 'TEXT'), ('flush', 'idle'), ('flush', 'commit'),
	('frame-bytes', '1024'), ('frame-bytes', '64kB'), ('frame-bytes', '1MB'),
	('include-tables', ''), ('include-tables', 'a.b, c\.d'), ('exclude-tables', '.*'),
	('actions', 'insert'), ('actions', 'truncate, message'), ('origin', 'any'), ('origin', 'none'),
	('include-message-prefixes', 'x'), ('exclude-message-prefixes', 'x'),
	('publish-via-root', 'on'), ('generated-columns', 'no'), ('include-lsn', 't'),
	('include-xids', '1'), ('include-timestamp', 'true'), ('include-relations', 'false')) AS o(name, value),
	LATERAL (SELECT count(*) FROM pg_logical_slot_peek_binary_changes('options', NULL, NULL, o.name, o.value)
			 WHERE o.value NOT ILIKE 'text') AS c;
-- an unknown name, near a known one and far from all
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'include-table', 'a');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'zzzzzzzzzzzz', 'a');
-- wrong values
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'proto', '0');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'proto', '2');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'proto', 'one');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'format', 'json');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'format', '');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'flush', 'never');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'frame-bytes', '1023');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'frame-bytes', '2MB');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'frame-bytes', '-1');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'include-tables', 'public\.(a');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'exclude-message-prefixes', 'a, [');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'include-tables', 'public.a)|(.*');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'actions', 'insert,upsert');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'actions', '');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'actions', 'insert,');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'origin', 'local');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'publish-via-root', 'perhaps');
-- no value, and one name twice
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'include-lsn', NULL);
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'format', 'text', 'format', 'text');
-- PostgreSQL's own refusal of binary output where text is expected
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL, 'format', 'binary');
SELECT data FROM pg_logical_slot_peek_changes('options', NULL, NULL);
-- after all these errors the stream still works in this backend
SELECT data FROM pg_logical_slot_get_changes('options', NULL, NULL, :shown);
DROP TABLE options_t;
SELECT pg_drop_replication_slot('options');
