-- INSERT in its many shapes: plain, several rows, COPY, ON CONFLICT, CTE.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('insert', 'walrelay');
CREATE TABLE insert_t (id int PRIMARY KEY, a text DEFAULT 'none', b int);
INSERT INTO insert_t VALUES (1, 'one', 1);
INSERT INTO insert_t (id) VALUES (2), (3);
INSERT INTO insert_t VALUES (4, '', NULL);
INSERT INTO insert_t VALUES (5, 'it''s "quoted" \ here', 5), (6, E'two\nlines\tand a tab\\', 6);
COPY insert_t FROM stdin;
7	seven	7
8	\N	\N
\.
INSERT INTO insert_t VALUES (7, 'again', 7), (9, 'nine', 9) ON CONFLICT DO NOTHING;
INSERT INTO insert_t VALUES (7, 'again', 7) ON CONFLICT (id) DO UPDATE SET a = excluded.a;
WITH moved AS (DELETE FROM insert_t WHERE id = 9 RETURNING *) INSERT INTO insert_t SELECT 10, a, b FROM moved;
CREATE TABLE "Odd Schema.T" ("Col Umn" int, "select" int);
INSERT INTO "Odd Schema.T" VALUES (1, 2);
CREATE TABLE insert_nothing ();
INSERT INTO insert_nothing DEFAULT VALUES;
CREATE UNLOGGED TABLE insert_unlogged (id int);
INSERT INTO insert_unlogged VALUES (1);
CREATE TEMP TABLE insert_temp (id int);
INSERT INTO insert_temp VALUES (1);
CREATE MATERIALIZED VIEW insert_mv AS SELECT id FROM insert_t;
CREATE UNIQUE INDEX ON insert_mv (id);
INSERT INTO insert_t VALUES (11);
REFRESH MATERIALIZED VIEW CONCURRENTLY insert_mv;
SELECT data FROM pg_logical_slot_get_changes('insert', NULL, NULL, :shown, 'include-relations', 'false');
DROP TABLE insert_t, "Odd Schema.T", insert_nothing, insert_unlogged CASCADE;
SELECT pg_drop_replication_slot('insert');
