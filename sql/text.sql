-- The text format: what can be left out, and that positions and times are right when they are in.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('text', 'walrelay');
CREATE TABLE text_t (id int);
INSERT INTO text_t VALUES (1);
SELECT 'sent' FROM pg_logical_emit_message(true, 'p', 'c');
-- xid, time and positions in, their values checked, not shown
SELECT regexp_replace(regexp_replace(regexp_replace(data, '@[0-9A-F]+/[0-9A-F]+', '@LSN'), '^(BEGIN|COMMIT) [0-9]+', '\1 XID'), 'at ''20[^'']+''', 'at ''TIME''')
	FROM pg_logical_slot_peek_changes('text', NULL, NULL, 'format', 'text');
SELECT bool_and(substring(data from '@([0-9A-F/]+)')::pg_lsn = lsn)
	FROM pg_logical_slot_peek_changes('text', NULL, NULL, 'format', 'text') WHERE data ~ '^(INSERT|COMMIT)';
SELECT bool_and(substring(data from '^[A-Z]+ ([0-9]+)') = xid::text)
	FROM pg_logical_slot_peek_changes('text', NULL, NULL, 'format', 'text') WHERE data ~ '^(BEGIN|COMMIT)';
SELECT bool_and(now() - substring(data from 'at ''([^'']+)''')::timestamptz BETWEEN '-1 s' AND '1 hour')
	FROM pg_logical_slot_peek_changes('text', NULL, NULL, 'format', 'text') WHERE data ~ '^BEGIN';
SELECT data FROM pg_logical_slot_peek_changes('text', NULL, NULL, :shown, 'include-relations', 'false') LIMIT 3;
-- peek twice is the same
SELECT count(*) FROM pg_logical_slot_peek_changes('text', NULL, NULL, 'format', 'text') a
	FULL JOIN pg_logical_slot_get_changes('text', NULL, NULL, 'format', 'text') b ON a.data = b.data
	WHERE a.data IS NULL OR b.data IS NULL;
SELECT count(*) FROM pg_logical_slot_get_changes('text', NULL, NULL, 'format', 'text');
DROP TABLE text_t;
SELECT pg_drop_replication_slot('text');
