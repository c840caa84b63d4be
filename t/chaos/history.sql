-- history.sql: triggers that note every version of every row of the ledger's tables, for
-- checks of snapshots (history.py).  Loaded by "workload.py setup --history" behind schema.sql.
-- Triggers run with the row locked: of one row the numbers n rise as its versions do.

CREATE TABLE history (n bigserial, txid8 bigint NOT NULL, lsn pg_lsn NOT NULL, name text NOT NULL, old jsonb, new jsonb);

CREATE FUNCTION history_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	before jsonb;
	after jsonb;
BEGIN
	-- a large value is known by sum
	IF TG_OP IN ('UPDATE', 'DELETE') THEN before := to_jsonb(OLD) - 'big'; END IF;
	IF TG_OP IN ('UPDATE', 'INSERT') THEN after := to_jsonb(NEW) - 'big'; END IF;
	INSERT INTO history (txid8, lsn, name, old, new)
		VALUES (pg_current_xact_id()::text::bigint, pg_current_wal_insert_lsn(), TG_TABLE_NAME, before, after);
	RETURN NULL;
END $$;

DO $$
DECLARE
	captured text;
BEGIN
	FOREACH captured IN ARRAY '{acct,txlog,item,wide,wide_full,side,bulk,part,nokey}'::text[] LOOP
		EXECUTE format('CREATE TRIGGER zz_history AFTER INSERT OR UPDATE OR DELETE ON %I '
			'FOR EACH ROW EXECUTE FUNCTION history_note()', captured);
	END LOOP;
END $$;
CREATE TRIGGER zz_history_truncate AFTER TRUNCATE ON side FOR EACH STATEMENT EXECUTE FUNCTION history_note();
