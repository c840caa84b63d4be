-- XML: stored text goes out as it is, but for what xml_out() would print otherwise.
-- Needs a server with libxml.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('xml', 'walrelay');
CREATE TABLE xml_t (x xml);
INSERT INTO xml_t VALUES ('<a>b</a>'), ('<?xml version="1.0" encoding="UTF-8"?><a/>'), (E'\n<b/>'), (NULL);
SELECT data FROM pg_logical_slot_peek_changes('xml', NULL, NULL, :shown);
-- the binary format says the same
SELECT count(*) FROM pg_logical_slot_get_binary_changes('xml', NULL, NULL)
	WHERE position('\x083c613e623c2f613e'::bytea in data) > 0 AND position('\x043c612f3e'::bytea in data) > 0;
DROP TABLE xml_t;
SELECT pg_drop_replication_slot('xml');
