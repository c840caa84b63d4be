-- DDL between and inside transactions: every row is decoded with the schema that it was written under.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('ddl', 'walrelay');
CREATE TABLE ddl_t (id int PRIMARY KEY, a text, b int);
INSERT INTO ddl_t VALUES (1, 'a', 1);
-- a dropped column leaves a hole in attnum, and nothing in the row
ALTER TABLE ddl_t DROP COLUMN a;
INSERT INTO ddl_t VALUES (2, 2);
-- a column with a default that old rows do not carry
ALTER TABLE ddl_t ADD COLUMN c int NOT NULL DEFAULT 42;
UPDATE ddl_t SET b = 10 WHERE id = 1;
-- full identity: the old row, written before the column was there
ALTER TABLE ddl_t REPLICA IDENTITY FULL;
UPDATE ddl_t SET b = 20 WHERE id = 2;
ALTER TABLE ddl_t REPLICA IDENTITY DEFAULT;
-- a change of type inside a transaction
BEGIN;
INSERT INTO ddl_t VALUES (3, 3, 3);
ALTER TABLE ddl_t ALTER b TYPE text USING b || '!';
INSERT INTO ddl_t VALUES (4, 'four', 4);
COMMIT;
-- names
ALTER TABLE ddl_t RENAME COLUMN b TO bb;
INSERT INTO ddl_t VALUES (5, 'five', 5);
ALTER TABLE ddl_t RENAME TO ddl_u;
INSERT INTO ddl_u VALUES (6, 'six', 6);
CREATE SCHEMA ddl_s;
ALTER TABLE ddl_u SET SCHEMA ddl_s;
INSERT INTO ddl_s.ddl_u VALUES (7, 'seven', 7);
ALTER SCHEMA ddl_s RENAME TO ddl_r;
INSERT INTO ddl_r.ddl_u VALUES (8, 'eight', 8);
-- defaults, by name and with every name qualified
CREATE FUNCTION ddl_f() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER TABLE ddl_r.ddl_u ALTER bb SET DEFAULT 'x' || ddl_f(), ALTER c DROP DEFAULT, ALTER c DROP NOT NULL;
INSERT INTO ddl_r.ddl_u (id) VALUES (9);
-- what a default names gets another name: a sequence, a function, a type
CREATE SEQUENCE ddl_q;
CREATE DOMAIN ddl_d AS int;
CREATE TABLE ddl_n (id int PRIMARY KEY, q int DEFAULT nextval('ddl_q'), f int DEFAULT ddl_f(), d text DEFAULT 5::ddl_d);
INSERT INTO ddl_n (id) VALUES (1);
ALTER SEQUENCE ddl_q RENAME TO ddl_p;
INSERT INTO ddl_n (id) VALUES (2);
ALTER FUNCTION ddl_f RENAME TO ddl_g;
INSERT INTO ddl_n (id) VALUES (3);
ALTER DOMAIN ddl_d RENAME TO ddl_e;
INSERT INTO ddl_n (id) VALUES (4), (5);
-- created, used and dropped in one transaction
BEGIN;
CREATE TABLE ddl_gone (id int);
INSERT INTO ddl_gone VALUES (1);
DROP TABLE ddl_gone;
COMMIT;
-- rolled back
BEGIN;
ALTER TABLE ddl_r.ddl_u ADD COLUMN never int;
INSERT INTO ddl_r.ddl_u VALUES (10, 'ten', 10, 1);
ROLLBACK;
INSERT INTO ddl_r.ddl_u VALUES (10, 'ten', 10);
-- all columns go
ALTER TABLE ddl_r.ddl_u DROP COLUMN id, DROP COLUMN bb, DROP COLUMN c;
INSERT INTO ddl_r.ddl_u DEFAULT VALUES;
-- a rewrite sends no rows
CREATE TABLE ddl_w (id int PRIMARY KEY);
INSERT INTO ddl_w VALUES (1);
VACUUM FULL ddl_w;
CLUSTER ddl_w USING ddl_w_pkey;
INSERT INTO ddl_w VALUES (2);
SELECT data FROM pg_logical_slot_get_changes('ddl', NULL, NULL, :shown);
DROP SCHEMA ddl_r CASCADE;
DROP TABLE ddl_w, ddl_n;
DROP DOMAIN ddl_e;
DROP SEQUENCE ddl_p;
DROP FUNCTION ddl_g;
SELECT pg_drop_replication_slot('ddl');
