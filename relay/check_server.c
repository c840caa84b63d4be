/*
 * check_server.c
 *		The source: can it be reached, can it decode, is there room; see check.h.
 */
#include "check_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sql_quote.h"

#define MB (INT64_C(1) << 20)
#define LONG_TRANSACTION "5 minutes"
#define CLOCK_APART_S 5
#define ROOM_MORE 5 /* what is told to raise is raised by so many */

/* --- connection ----------------------------------------------------------------------- */

static void
say_connected(struct check *check)
{
	const struct pg_facts *facts = &check->visit.facts;
	PGconn                *conn = check->visit.conn;
	const char            *tls = PQsslInUse(conn) ? PQsslAttribute(conn, "protocol") : NULL;

	findings_ok(check->findings, "server.connection",
				"PostgreSQL %d.%d, %s, database \"%s\", role \"%s\", %s", facts->version / 10000,
				facts->version % 10000, facts->in_recovery ? "a standby" : "primary",
				facts->database, facts->role, tls ? tls : "without TLS");
}

/*
 * Without the right to replicate no such connection is made; what can be seen without it
 * is looked at over an ordinary one.
 */
static bool
check_connection(struct check *check)
{
	struct visit *visit = &check->visit;
	struct err    e;

	if (visit_begin(visit, PG_REPLICATION, &e) == RC_OK)
	{
		say_connected(check);
		return true;
	}
	findings_add(check->findings, VERDICT_FAIL, "server.connection", &e);
	if (e.code != E1212)
		return false;
	visit_end(visit);
	*visit = (struct visit){.cfg = check->cfg};
	return visit_begin(visit, PG_SQL, &e) == RC_OK;
}

/* --- settings --------------------------------------------------------------------------- */

static bool
check_settings(struct check *check)
{
	const struct pg_facts *facts = &check->visit.facts;
	struct err             e;
	bool                   decodes;

	decodes = check_take(check, "server.wal_level", pg_wal_level_check(facts, &e), &e);
	if (decodes)
		findings_ok(check->findings, "server.wal_level", "%s", facts->wal_level);
	if (!check_take(check, "server.plugin_allowed", pg_plugin_check(facts, check->cfg, &e), &e))
		return false;
	if (facts->libraries)
		findings_ok(check->findings, "server.plugin_allowed", "output_plugin_libraries = %s",
					facts->libraries);
	else
		findings_skip(check->findings, "server.plugin_allowed",
					  "output_plugin_libraries is not there, or the role may not read it; "
					  "server.plugin tells");
	return decodes;
}

/* Slots and connections that are left; the visit has one of the latter. */
static void
check_room(struct check *check)
{
	static const char sql[] =
		"SELECT pg_catalog.current_setting('max_replication_slots'), "
		"(SELECT count(*) FROM pg_catalog.pg_replication_slots), "
		"pg_catalog.current_setting('max_wal_senders'), "
		"(SELECT count(*) FROM pg_catalog.pg_stat_replication)";
	PGresult  *res;
	struct err e;
	int        slots, used, senders, busy;

	if (check_ask(check, "server.room", sql, &res) != RC_OK)
		return;
	slots = atoi(PQgetvalue(res, 0, 0));
	used = atoi(PQgetvalue(res, 0, 1));
	senders = atoi(PQgetvalue(res, 0, 2));
	busy = atoi(PQgetvalue(res, 0, 3));
	PQclear(res);
	/* A relay that runs may want the last one for a snapshot, now. */
	check->room = used + (check->beside ? 1 : 0) < slots;
	if (used >= slots)
	{
		pg_no_slot(&e);
		err_detail(&e, "max_replication_slots is %d, and so many there are.  A first snapshot needs "
					   "one besides that of the stream.",
				   slots);
		err_hint(&e, "Drop a slot that nobody uses (SELECT slot_name FROM pg_replication_slots WHERE "
					 "NOT active), or, as superuser: ALTER SYSTEM SET max_replication_slots = %d; then "
					 "restart PostgreSQL.",
				 slots + ROOM_MORE);
		/* one that exists can be streamed */
		findings_add(check->findings,
					 check->visit.facts.slot.exists ? VERDICT_WARN : VERDICT_FAIL, "server.room", &e);
	}
	else if (busy >= senders)
	{
		err_set(&e, ERR_CONFIG, E1213, "the server has no other free connection for replication");
		err_detail(&e, "max_wal_senders is %d, and all are in use.", senders);
		err_hint(&e, "As superuser: ALTER SYSTEM SET max_wal_senders = %d; then restart PostgreSQL: a "
					 "standby or a backup would take the place of walrelay's.",
				 senders + ROOM_MORE);
		check_warn(check, "server.room", &e);
	}
	else
		findings_ok(check->findings, "server.room", "%d of %d slots, %d of %d walsenders in use", used,
					slots, busy, senders);
}

/* --- what holds things up ------------------------------------------------------------------ */

/* A slot that is made, and a snapshot that begins, wait for all of them. */
static void
check_transactions(struct check *check)
{
	static const char sql[] =
		"SELECT count(*), pg_catalog.max(pg_catalog.extract('epoch', pg_catalog.now() - since)), "
		"pg_catalog.string_agg(what, ', '), pg_catalog.string_agg(remedy, ' ') FROM ("
		"SELECT xact_start AS since, 'process ' || pid AS what, "
		"'SELECT pg_terminate_backend(' || pid || ');' AS remedy "
		"FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL UNION ALL "
		"SELECT prepared, 'prepared transaction ' || pg_catalog.quote_literal(gid), "
		"'ROLLBACK PREPARED ' || pg_catalog.quote_literal(gid) || ';' "
		"FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()) x "
		"WHERE since < pg_catalog.now() - interval '" LONG_TRANSACTION "'";
	PGresult  *res;
	struct err e;

	if (check_ask(check, "server.long_transactions", sql, &res) != RC_OK)
		return;
	if (strcmp(PQgetvalue(res, 0, 0), "0") == 0)
		findings_ok(check->findings, "server.long_transactions",
					"none that the role can see is older than " LONG_TRANSACTION);
	else
	{
		err_set(&e, ERR_CONFIG, E1299, "%s transactions have been open for more than " LONG_TRANSACTION,
				PQgetvalue(res, 0, 0));
		err_detail(&e, "The oldest for %.0f s: %.1000s.  A slot cannot be made, and a snapshot does "
					   "not begin, before they end; and the slot keeps their WAL.",
				   strtod(PQgetvalue(res, 0, 1), NULL), PQgetvalue(res, 0, 2));
		err_hint(&e, "Have whoever began them commit, or end them, as superuser: %.1000s",
				 PQgetvalue(res, 0, 3));
		check_warn(check, "server.long_transactions", &e);
	}
	PQclear(res);
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
check_clock(struct check *check)
{
	static const char sql[] = "SELECT pg_catalog.extract('epoch', pg_catalog.clock_timestamp())";
	double            before = now_s();
	double            apart;
	PGresult         *res;
	struct err        e;

	if (check_ask(check, "server.clock", sql, &res) != RC_OK)
		return;
	apart = strtod(PQgetvalue(res, 0, 0), NULL) - (before + now_s()) / 2;
	PQclear(res);
	if (fabs(apart) < CLOCK_APART_S)
	{
		findings_ok(check->findings, "server.clock", "%.1f s apart from this machine's", fabs(apart));
		return;
	}
	err_set(&e, ERR_CONFIG, E1253, "the server's clock is %.0f s %s this machine's", fabs(apart),
			apart > 0 ? "ahead of" : "behind");
	err_detail(&e, "Lag in seconds is off by that much, and Kafka may refuse timestamps.");
	err_hint(&e, "Have both set by NTP: timedatectl set-ntp true.");
	check_warn(check, "server.clock", &e);
}

static void
check_sync(struct check *check)
{
	char      *warning = pg_sync_warning(&check->visit.facts);
	struct err e;

	if (warning == NULL)
		return;
	err_set(&e, ERR_CONFIG, E1255, "%.500s", warning);
	err_hint(&e, "If it is listed by name, add application_name=walrelay_cdc to source.conninfo; else, as "
				 "superuser, name the standbys alone: ALTER SYSTEM SET synchronous_standby_names = "
				 "'...'; SELECT pg_reload_conf();");
	check_warn(check, "server.synchronous_standby", &e);
	free(warning);
}

void
check_server(struct check *check)
{
	check->visits = check_connection(check);
	if (!check->visits)
		return;
	check->decodes = check_settings(check);
	check_room(check);
	check_transactions(check);
	check_clock(check);
	check_sync(check);
}

/* --- the slot ---------------------------------------------------------------------------------- */

static void
say_slot(struct check *check)
{
	const struct pg_slot *slot = &check->visit.facts.slot;

	if (slot->active_pid)
		findings_ok(check->findings, "slot.state", "\"%s\" is streamed by process %d%s%s%s",
					check->cfg->slot.name, slot->active_pid, *slot->holder ? " (" : "", slot->holder,
					*slot->holder ? ")" : "");
	else
		findings_ok(check->findings, "slot.state", "\"%s\" is there, confirmed %X/%X",
					check->cfg->slot.name, LSN_PARTS(slot->confirmed_lsn));
}

/* That somebody streams it may be the relay, which has the name that we have. */
static bool
is_relay(const struct pg_facts *facts)
{
	return *facts->slot.holder == '\0' || facts->application == NULL ||
		   strstr(facts->slot.holder, facts->application) != NULL;
}

static bool
check_state(struct check *check)
{
	const struct config *cfg = check->cfg;
	struct pg_facts     *facts = &check->visit.facts;
	struct err           e;
	enum rc              rc;

	if (!facts->slot.exists && (cfg->slot.create || cfg->slot.temporary))
	{
		rc = pg_failover_check(facts, cfg, &e);
		if (check_take(check, "slot.state", rc, &e))
			findings_ok(check->findings, "slot.state", "\"%s\" is not there; walrelay run makes it",
						cfg->slot.name);
		return false;
	}
	rc = pg_slot_check(facts, cfg, &e);
	if (rc != RC_OK && e.code == E1210 && !is_relay(facts))
		check_warn(check, "slot.state", &e);
	else if (rc == RC_OK || e.code == E1210)
		say_slot(check);
	else
		findings_add(check->findings, VERDICT_FAIL, "slot.state", &e);
	return facts->slot.exists;
}

static void
check_retained(struct check *check)
{
	const struct pg_slot *slot = &check->visit.facts.slot;
	int64_t               limit = slot->safe < 0 ? -1 : slot->retained + slot->safe;
	struct err            e;

	if (slot->retained < 0)
		findings_skip(check->findings, "slot.retained_wal", "not known");
	else if (limit < 0)
		findings_ok(check->findings, "slot.retained_wal",
					"%" PRId64 " MB; without a limit: the disk fills while walrelay is away, see "
					"max_slot_wal_keep_size",
					slot->retained / MB);
	else if (strcmp(slot->wal_status, "unreserved") != 0 && slot->retained < slot->safe)
		findings_ok(check->findings, "slot.retained_wal", "%" PRId64 " MB of %" PRId64 " MB",
					slot->retained / MB, limit / MB);
	else
	{
		err_set(&e, ERR_CONFIG, E1252, "the slot keeps %" PRId64 " MB of %" PRId64 " MB of WAL, then it is lost",
				slot->retained / MB, limit / MB);
		err_detail(&e, "wal_status is \"%s\".", slot->wal_status);
		err_hint(&e, "Start walrelay, or find out what holds it up; or allow more at once, as "
					 "superuser: ALTER SYSTEM SET max_slot_wal_keep_size = '%" PRId64 "MB'; SELECT "
					 "pg_reload_conf();",
				 2 * limit / MB);
		check_warn(check, "slot.retained_wal", &e);
	}
}

static void
check_failover(struct check *check)
{
	char      *warning = pg_failover_warning(&check->visit.facts, check->cfg);
	struct err e;

	if (warning == NULL)
		return;
	err_set(&e, ERR_CONFIG, E1256, "%.500s", warning);
	check_warn(check, "slot.failover", &e);
	free(warning);
}

/* Transactions that did not fit into logical_decoding_work_mem went to disk and back. */
static void
check_spill(struct check *check)
{
	PGresult  *res;
	struct err e;
	double     spilled, total;
	struct buf sql = {0};

	buf_puts(&sql, "SELECT spill_txns, spill_bytes, total_bytes, "
				   "pg_catalog.current_setting('logical_decoding_work_mem') "
				   "FROM pg_catalog.pg_stat_replication_slots WHERE slot_name = ");
	sql_literal_put((struct str){check->cfg->slot.name, strlen(check->cfg->slot.name)}, &sql);
	if (check_ask(check, "slot.spill", buf_cstr(&sql), &res) == RC_OK)
	{
		bool known = PQntuples(res) == 1;

		spilled = known ? strtod(PQgetvalue(res, 0, 1), NULL) : 0;
		total = known ? strtod(PQgetvalue(res, 0, 2), NULL) : 0;
		/* now and then a large one has to */
		if (spilled * 10 <= total)
			findings_ok(check->findings, "slot.spill", "%.0f MB of %.0f MB went over the disk",
						spilled / MB, total / MB);
		else
		{
			err_set(&e, ERR_CONFIG, E1254, "transactions are larger than logical_decoding_work_mem");
			err_detail(&e, "It is %s; %s transactions, %.0f MB of %.0f MB, were written to disk and "
						   "read back.",
					   PQgetvalue(res, 0, 3), PQgetvalue(res, 0, 0), spilled / MB, total / MB);
			err_hint(&e, "As superuser, for this role: ALTER ROLE %s SET logical_decoding_work_mem = "
						 "'256MB'; walrelay has it from its next connection on.  To count anew: SELECT "
						 "pg_stat_reset_replication_slot('%s');",
					 check->visit.facts.role, check->cfg->slot.name);
			check_warn(check, "slot.spill", &e);
		}
		PQclear(res);
	}
	buf_free(&sql);
}

void
check_slot(struct check *check)
{
	if (!check->visits)
	{
		findings_skip(check->findings, "slot.state", "the server was not reached");
		return;
	}
	if (!check_state(check))
		return;
	check_retained(check);
	check_failover(check);
	check_spill(check);
}
