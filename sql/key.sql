-- What identifies a row to a consumer: the primary key, else the first fit unique index by name.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('key', 'walrelay');
CREATE TABLE key_pk (a int, b int, c int, PRIMARY KEY (c, a));
CREATE TABLE key_pk_include (a int, b int, PRIMARY KEY (a) INCLUDE (b));
CREATE TABLE key_pk_deferred (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE key_unique (a int, b int, c int);
CREATE UNIQUE INDEX key_unique_a_expression ON key_unique ((a + 1));
CREATE UNIQUE INDEX key_unique_b_partial ON key_unique (a) WHERE a > 0;
ALTER TABLE key_unique ADD CONSTRAINT key_unique_c_deferred UNIQUE (a) DEFERRABLE;
CREATE INDEX key_unique_d_plain ON key_unique (a);
CREATE UNIQUE INDEX key_unique_f ON key_unique (c);
CREATE UNIQUE INDEX key_unique_e ON key_unique (c, b);
CREATE TABLE key_none (a int);
CREATE TABLE key_moves (a int NOT NULL, b int NOT NULL);
INSERT INTO key_pk VALUES (1, 2, 3);
INSERT INTO key_pk_include VALUES (1, 2);
INSERT INTO key_pk_deferred VALUES (1);
INSERT INTO key_unique VALUES (1, 2, 3);
INSERT INTO key_none VALUES (1);
INSERT INTO key_moves VALUES (1, 2);
CREATE UNIQUE INDEX key_moves_b ON key_moves (b);
INSERT INTO key_moves VALUES (2, 3);
ALTER TABLE key_moves ADD PRIMARY KEY (a);
INSERT INTO key_moves VALUES (3, 4);
ALTER TABLE key_moves REPLICA IDENTITY USING INDEX key_moves_b;
DELETE FROM key_moves WHERE a = 1;
DROP INDEX key_moves_b;
DELETE FROM key_moves;
SELECT data FROM pg_logical_slot_get_changes('key', NULL, NULL, :shown);
DROP TABLE key_pk, key_pk_include, key_pk_deferred, key_unique, key_none, key_moves;
-- an index may name a column twice, with two operator classes
CREATE TABLE key_twice (a text NOT NULL, b int);
CREATE UNIQUE INDEX key_twice_index ON key_twice (a, a text_pattern_ops);
ALTER TABLE key_twice REPLICA IDENTITY USING INDEX key_twice_index;
INSERT INTO key_twice VALUES ('x', 1);
UPDATE key_twice SET a = 'y';
DELETE FROM key_twice;
-- the name of an index decides, and may change
CREATE TABLE key_named (a int, b int);
CREATE UNIQUE INDEX key_named_a ON key_named (a);
CREATE UNIQUE INDEX key_named_b ON key_named (b);
INSERT INTO key_named VALUES (1, 10);
ALTER INDEX key_named_a RENAME TO key_named_z;
INSERT INTO key_named VALUES (2, 20);
SELECT data FROM pg_logical_slot_get_changes('key', NULL, NULL, :shown);
DROP TABLE key_twice, key_named;
SELECT pg_drop_replication_slot('key');
