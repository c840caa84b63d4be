-- schema.sql: the ledger's tables; tables.py describes the same for the checker.
-- Loaded by "workload.py setup", into an empty database.  Every row carries what
-- proves its content: a hash chain in acct, chk, the MD5 of its columns, elsewhere.
-- What is written at all, and how often, is in workload.py.

-- Accounts: the sum of bal is constant; seq counts the changes of a row.  prevhash is
-- sha256 of the one before, seq, bal and the transaction's tag, which pad begins with.
CREATE TABLE acct (id int PRIMARY KEY, seq bigint NOT NULL, bal bigint NOT NULL, prevhash bytea NOT NULL, pad text);
ALTER TABLE acct REPLICA IDENTITY FULL;
ALTER TABLE acct ALTER pad SET STORAGE EXTERNAL;

-- The last row of each transaction; tables: events of each captured table, as JSON.
CREATE TABLE txlog (txid8 bigint PRIMARY KEY, worker int NOT NULL, n bigint NOT NULL,
	expected_n int NOT NULL, tag text NOT NULL, tables text NOT NULL);

-- Keys that change, rows that go and come back.
CREATE TABLE item (id bigint PRIMARY KEY, seq bigint NOT NULL, body text, chk text);
ALTER TABLE item REPLICA IDENTITY FULL;

-- Values out of line, which an update changes or leaves alone; sum is big's MD5.
CREATE TABLE wide (id bigint PRIMARY KEY, seq bigint, sum text, big text, note text, chk text);
CREATE TABLE wide_full (LIKE wide INCLUDING ALL);
ALTER TABLE wide_full REPLICA IDENTITY FULL;
ALTER TABLE wide ALTER big SET STORAGE EXTERNAL;
ALTER TABLE wide_full ALTER big SET STORAGE EXTERNAL;

-- Truncated now and then.
CREATE TABLE side (id bigint PRIMARY KEY, body text, chk text);

-- Thousands of rows in one transaction.
CREATE TABLE bulk (id bigint PRIMARY KEY, worker int, body text, chk text);
CREATE INDEX bulk_worker ON bulk (worker);

-- Rows that move between partitions.
CREATE TABLE part (id bigint, region text, seq bigint NOT NULL, body text, chk text, PRIMARY KEY (id, region))
	PARTITION BY LIST (region);
CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu');
CREATE TABLE part_us PARTITION OF part FOR VALUES IN ('us');
ALTER TABLE part_eu REPLICA IDENTITY FULL;
ALTER TABLE part_us REPLICA IDENTITY FULL;

-- No key.
CREATE TABLE nokey (worker int, n bigint, body text, chk text);
CREATE INDEX nokey_place ON nokey (worker, n);
ALTER TABLE nokey REPLICA IDENTITY FULL;

-- Not captured: the relay must leave it out.
CREATE TABLE hidden (id bigint PRIMARY KEY, body text);

CREATE FUNCTION item_chk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.chk := md5(concat_ws('|', NEW.id, NEW.seq, NEW.body)); RETURN NEW; END $$;
CREATE FUNCTION wide_chk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' OR NEW.big IS DISTINCT FROM OLD.big THEN NEW.sum := md5(NEW.big); END IF;
	NEW.chk := md5(concat_ws('|', NEW.id, NEW.seq, NEW.sum, NEW.note));
	RETURN NEW;
END $$;
CREATE FUNCTION side_chk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.chk := md5(concat_ws('|', NEW.id, NEW.body)); RETURN NEW; END $$;
CREATE FUNCTION bulk_chk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.chk := md5(concat_ws('|', NEW.id, NEW.worker, NEW.body)); RETURN NEW; END $$;
CREATE FUNCTION nokey_chk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.chk := md5(concat_ws('|', NEW.worker, NEW.n, NEW.body)); RETURN NEW; END $$;

CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION item_chk();
CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON wide FOR EACH ROW EXECUTE FUNCTION wide_chk();
CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON wide_full FOR EACH ROW EXECUTE FUNCTION wide_chk();
CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON side FOR EACH ROW EXECUTE FUNCTION side_chk();
CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON bulk FOR EACH ROW EXECUTE FUNCTION bulk_chk();
CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON part FOR EACH ROW EXECUTE FUNCTION item_chk();
CREATE TRIGGER chk BEFORE INSERT OR UPDATE ON nokey FOR EACH ROW EXECUTE FUNCTION nokey_chk();
