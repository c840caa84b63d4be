-- The roles that walrelay needs in PostgreSQL, and no more.  Run once, as a superuser, in the database
-- whose changes are captured; then give the login its password:
--
--	psql -d shop -v schema=public -f roles.sql
--	psql -d shop -c '\password walrelay'
--
-- With REPLICATION a role reads the changes of every table of each database that it may connect to:
-- rights on tables, column rights and row security do not hold for the stream.  What keeps it to one
-- database is pg_hba.conf, by one line with the database, the role, the relay's address and TLS:
--
--	hostssl  shop  walrelay  192.0.2.10/32  scram-sha-256
--
-- and no line with the keyword "replication", which would let it copy the whole cluster.
\set ON_ERROR_STOP on
\if :{?schema}
\else
	\set schema public
\endif

BEGIN;

-- Streams the slot.  Two connections stay, for the stream and for what a check or a command asks.
CREATE ROLE walrelay LOGIN REPLICATION CONNECTION LIMIT 8;
GRANT CONNECT ON DATABASE :"DBNAME" TO walrelay;

-- Reads rows, for snapshots only.  It is no login: walrelay reads rows over the connections of its own
-- role, so this one is lent to it, and taken back once rows need not be read any more:
--	REVOKE walrelay_rows FROM walrelay;
CREATE ROLE walrelay_rows NOLOGIN;
GRANT USAGE ON SCHEMA :"schema" TO walrelay_rows;
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO walrelay_rows;
GRANT walrelay_rows TO walrelay;

COMMIT;

-- Tables that are made later, by the role that runs this; others run it for theirs:
ALTER DEFAULT PRIVILEGES IN SCHEMA :"schema" GRANT SELECT ON TABLES TO walrelay_rows;

-- Row security hides rows from a snapshot (E1240 says so), unless:
--	ALTER ROLE walrelay BYPASSRLS;
-- PostgreSQL from August 2026 on loads only output plugins that are named:
--	ALTER ROLE walrelay SET output_plugin_libraries = walrelay;
