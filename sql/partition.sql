-- Partitions: by themselves, or as their root, whose columns may be in another order.
\set shown '\'format\', \'text\', \'include-xids\', \'false\', \'include-lsn\', \'false\', \'include-timestamp\', \'false\''
\pset format unaligned
\pset tuples_only on
SET synchronous_commit = on;
SELECT 'init' FROM pg_create_logical_replication_slot('partition', 'walrelay');
CREATE TABLE part_r (id int, region text, v int, big text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE part_eu PARTITION OF part_r FOR VALUES IN ('eu') PARTITION BY RANGE (id);
CREATE TABLE part_eu_1 PARTITION OF part_eu FOR VALUES FROM (0) TO (100);
-- this one has its columns in another order, and a dropped one
CREATE TABLE part_us (v int, gone int, big text, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region));
ALTER TABLE part_us DROP COLUMN gone;
ALTER TABLE part_r ATTACH PARTITION part_us FOR VALUES IN ('us');
INSERT INTO part_r VALUES (1, 'eu', 10, 'a'), (2, 'us', 20, NULL);
UPDATE part_r SET v = v + 1;
UPDATE part_r SET id = 3 WHERE id = 2;
-- a row moves
UPDATE part_r SET region = 'us' WHERE id = 1;
-- identity is the partition's own
ALTER TABLE part_us REPLICA IDENTITY FULL;
UPDATE part_r SET v = 0 WHERE id = 3;
DELETE FROM part_r;
TRUNCATE part_r;
TRUNCATE part_us;
SELECT data FROM pg_logical_slot_peek_changes('partition', NULL, NULL, :shown);
-- via the root; a TRUNCATE of one partition cannot be told
SELECT data FROM pg_logical_slot_peek_changes('partition', NULL, NULL, :shown, 'publish-via-root', 'true');
-- filters look at the name that is published
SELECT data FROM pg_logical_slot_peek_changes('partition', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.part_us');
SELECT data FROM pg_logical_slot_peek_changes('partition', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.part_us', 'publish-via-root', 'true');
SELECT data FROM pg_logical_slot_get_changes('partition', NULL, NULL, :shown, 'include-relations', 'false', 'include-tables', 'public.part_r', 'publish-via-root', 'true');

-- attached and detached: what a row is published as changes with it
INSERT INTO part_us VALUES (1, 'x', 'us', 50);
ALTER TABLE part_r DETACH PARTITION part_us;
INSERT INTO part_us VALUES (1, 'x', 'us', 51);
ALTER TABLE part_eu DETACH PARTITION part_eu_1;
INSERT INTO part_eu_1 VALUES (52, 'eu', 1, 'x');
ALTER TABLE part_eu ATTACH PARTITION part_eu_1 FOR VALUES FROM (0) TO (100);
INSERT INTO part_eu_1 VALUES (53, 'eu', 1, 'x');
-- the link in the middle goes
ALTER TABLE part_r DETACH PARTITION part_eu;
INSERT INTO part_eu_1 VALUES (54, 'eu', 1, 'x');
SELECT data FROM pg_logical_slot_get_changes('partition', NULL, NULL, :shown, 'include-relations', 'false', 'publish-via-root', 'true');
DROP TABLE part_r, part_us, part_eu;
SELECT pg_drop_replication_slot('partition');
