/*
 * slot.c
 *		The slot commands; see slot.h.
 */
#include "slot.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "loop.h"
#include "visit.h"

/* --- JSON ------------------------------------------------------------------------- */

static void
put_name(struct buf *out, const char *name)
{
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
}

static void
put_string(struct buf *out, const char *name, const char *value)
{
	put_name(out, name);
	json_string(out, value, strlen(value));
}

static void
put_bool(struct buf *out, const char *name, bool value)
{
	put_name(out, name);
	buf_puts(out, value ? "true" : "false");
}

/* A negative number is one that is not known. */
static void
put_number(struct buf *out, const char *name, int64_t value)
{
	put_name(out, name);
	if (value < 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "%" PRId64, value);
}

static void
put_lsn(struct buf *out, const char *name, uint64_t lsn)
{
	put_name(out, name);
	if (lsn == 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "\"%X/%X\"", LSN_PARTS(lsn));
}

/* --- create ----------------------------------------------------------------------- */

/* A snapshot that lives as long as its connection says nothing. */
struct held
{
	struct loop  *loop;
	struct visit *visit;
	struct err   *e;
	enum rc       rc;
};

static void
on_enough(void *arg)
{
	struct held *held = arg;

	loop_stop(held->loop);
}

/* Enter or the end of it; from the background a terminal cannot be read, and does not count. */
static void
on_input(void *arg, int fd, short revents)
{
	struct held *held = arg;
	char         text[256];
	ssize_t      len = read(fd, text, sizeof(text));

	(void) revents;
	if (len < 0)
		loop_forget(held->loop, fd);
	else if (len == 0 || memchr(text, '\n', (size_t) len))
		loop_stop(held->loop);
}

static void
on_connection(void *arg, int fd, short revents)
{
	struct held *held = arg;

	(void) fd;
	(void) revents;
	if (PQconsumeInput(held->visit->conn))
		return;
	held->rc = err_set(held->e, ERR_TRANSIENT, E1201,
					   "the exported snapshot is gone: PostgreSQL has ended its connection");
	err_hint(held->e,
			 "What was not read by then has to be read by a new one: \"walrelay slot drop\", "
			 "and \"walrelay slot create --export-snapshot\" again.");
	loop_stop(held->loop);
}

/* What nobody can write to says nothing: /dev/null in a script's background is not the end. */
static bool
input_is_somebody(void)
{
	struct stat st;

	return isatty(STDIN_FILENO) ||
		   (fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

static enum rc
slot_hold_snapshot(struct visit *visit, const char *snapshot, const char *lsn, struct err *e)
{
	struct held held = {.loop = loop_new(), .visit = visit, .e = e, .rc = RC_OK};
	bool        input = input_is_somebody();

	signal(SIGTTIN, SIG_IGN);
	loop_on_signal(held.loop, SIGTERM, on_enough, &held);
	loop_on_signal(held.loop, SIGINT, on_enough, &held);
	loop_watch(held.loop, PQsocket(visit->conn), POLLIN, on_connection, &held);
	if (input)
		loop_watch(held.loop, STDIN_FILENO, POLLIN, on_input, &held);
	log_info(
		"the snapshot lives until this ends: %sCtrl-C or SIGTERM.  Read the rows meanwhile: "
		"pg_dump --snapshot=%s, or SET TRANSACTION SNAPSHOT '%s' and COPY.  Then: walrelay run "
		"--from-lsn=%s",
		input ? "Enter, " : "", snapshot, snapshot, lsn);
	loop_run(held.loop);
	loop_forget(held.loop, PQsocket(visit->conn));
	loop_free(held.loop);
	return held.rc;
}

static void
created_json(const struct visit *visit, const char *lsn, const char *snapshot, FILE *file)
{
	struct buf out = {0};

	buf_puts(&out, "{");
	put_string(&out, "slot", visit->cfg->slot.name);
	put_string(&out, "database", visit->facts.database);
	put_bool(&out, "failover", pg_failover_wanted(&visit->facts, visit->cfg));
	put_string(&out, "consistent_point", lsn);
	if (snapshot)
		put_string(&out, "snapshot", snapshot);
	buf_puts(&out, "}\n");
	fwrite(out.data, 1, out.len, file);
	buf_free(&out);
}

enum rc
slot_create(const struct config *cfg, bool exports, bool json, FILE *out, struct err *e)
{
	struct visit visit = {.cfg = cfg};
	PGresult    *res = NULL;
	enum rc      rc = visit_begin(&visit, PG_REPLICATION, e);

	if (rc == RC_OK)
		rc = pg_server_check(&visit.facts, cfg, e);
	if (rc == RC_OK && visit.facts.slot.exists)
	{
		err_set(e, ERR_CONFIG, E1217, "replication slot \"%s\" exists already", cfg->slot.name);
		rc = err_hint(e, "Look at it with \"walrelay slot status\", or choose another slot.name.");
	}
	if (rc == RC_OK)
		rc = pg_failover_check(&visit.facts, cfg, e);
	if (rc == RC_OK)
	{
		pg_create_command(&visit.sql, &visit.facts, cfg, exports);
		rc = visit_ask(&visit, buf_cstr(&visit.sql), PG_CREATE, &res, e);
	}
	if (rc == RC_OK)
	{
		uint64_t    point = pg_lsn_parse(PQgetvalue(res, 0, 1));
		const char *snapshot = exports ? PQgetvalue(res, 0, 2) : NULL;
		char        lsn[sizeof("FFFFFFFF/FFFFFFFF")];

		/* As in all that we say: 19 fills it up with zeros. */
		snprintf(lsn, sizeof(lsn), "%X/%X", LSN_PARTS(point));
		if (json)
			created_json(&visit, lsn, snapshot, out);
		else
			fprintf(out, "created %s slot \"%s\" in database \"%s\" at %s\n%s%s%s",
					pg_failover_wanted(&visit.facts, cfg) ? "failover" : "replication",
					cfg->slot.name, visit.facts.database, lsn, snapshot ? "exported snapshot " : "",
					snapshot ? snapshot : "", snapshot ? "\n" : "");
		fflush(out); /* whoever reads the rows waits for it */
		if (snapshot)
			rc = slot_hold_snapshot(&visit, snapshot, lsn, e);
	}
	PQclear(res);
	visit_end(&visit);
	return rc;
}

/* --- alter, drop ------------------------------------------------------------------ */

enum rc
slot_alter(const struct config *cfg, FILE *out, struct err *e)
{
	struct visit visit = {.cfg = cfg};
	enum rc      rc = visit_begin(&visit, PG_REPLICATION, e);
	bool         failover = cfg->slot.failover != FAILOVER_NO;

	if (rc == RC_OK && visit.facts.version < FAILOVER_SERVER)
	{
		err_set(e, ERR_CONFIG, E1231, "PostgreSQL %d has no failover slots",
				visit.facts.version / 10000);
		rc =
			err_hint(e, "There is nothing to alter before PostgreSQL %d.", FAILOVER_SERVER / 10000);
	}
	if (rc == RC_OK)
		rc = pg_slot_check(&visit.facts, cfg, e);
	if (rc == RC_OK && failover && visit.facts.in_recovery)
	{
		err_set(e, ERR_CONFIG, E1231, "a standby cannot make failover slots");
		rc = err_hint(e, "Point source.conninfo at the primary.");
	}
	if (rc == RC_OK)
	{
		pg_alter_command(&visit.sql, cfg, failover);
		rc = visit_ask(&visit, buf_cstr(&visit.sql), PG_ALTER, NULL, e);
	}
	if (rc == RC_OK)
		fprintf(out, "replication slot \"%s\": failover is %s%s\n", cfg->slot.name,
				failover ? "on" : "off",
				failover == visit.facts.slot.failover ? ", as before" : "");
	visit_end(&visit);
	return rc;
}

enum rc
slot_drop(const struct config *cfg, FILE *out, struct err *e)
{
	struct visit visit = {.cfg = cfg};
	enum rc      rc = visit_begin(&visit, PG_REPLICATION, e);

	/* A lost slot is to be dropped: that is no reason to refuse. */
	if (rc == RC_OK && pg_slot_check(&visit.facts, cfg, e) != RC_OK && e->code != E1211)
		rc = RC_ERR;
	if (rc == RC_OK && visit.facts.slot.active_pid)
		rc = pg_slot_held(&visit.facts, cfg, e);
	if (rc == RC_OK)
	{
		pg_drop_command(&visit.sql, cfg);
		rc = visit_ask(&visit, buf_cstr(&visit.sql), PG_DROP, NULL, e);
	}
	if (rc == RC_OK)
		fprintf(out, "dropped replication slot \"%s\"\n", cfg->slot.name);
	visit_end(&visit);
	return rc;
}

/* --- status ---------------------------------------------------------------------- */

static void
status_table(const struct visit *visit, FILE *out)
{
	const struct pg_slot *slot = &visit->facts.slot;

	fprintf(out, "slot            %s\n", visit->cfg->slot.name);
	fprintf(out, "plugin          %s\n", *slot->plugin ? slot->plugin : "none (physical)");
	fprintf(out, "database        %s\n", slot->database);
	fprintf(out, "server          PostgreSQL %d.%d%s%s\n", visit->facts.version / 10000,
			visit->facts.version % 10000, visit->facts.server ? ", " : "",
			visit->facts.server ? visit->facts.server : "");
	if (slot->active_pid)
		fprintf(out, "active          yes, process %d%s%s%s\n", slot->active_pid,
				*slot->holder ? " (" : "", slot->holder, *slot->holder ? ")" : "");
	else
		fprintf(out, "active          no\n");
	if (*slot->inactive_since && !slot->active_pid)
		fprintf(out, "inactive since  %s\n", slot->inactive_since);
	if (visit->facts.version >= FAILOVER_SERVER)
		fprintf(out, "failover        %s%s\n", slot->failover ? "yes" : "no",
				slot->synced && visit->facts.in_recovery ? ", a copy of the primary's" : "");
	fprintf(out, "WAL status      %s%s%s\n", slot->wal_status, *slot->invalidation ? ", " : "",
			slot->invalidation);
	if (slot->confirmed_lsn)
		fprintf(out, "confirmed       %X/%X\n", LSN_PARTS(slot->confirmed_lsn));
	if (slot->restart_lsn)
		fprintf(out, "restart         %X/%X\n", LSN_PARTS(slot->restart_lsn));
	if (slot->retained >= 0)
		fprintf(out, "retained WAL    %" PRId64 " bytes\n", slot->retained);
	if (slot->safe >= 0)
		fprintf(out, "safe WAL        %" PRId64 " bytes until the server may drop it\n",
				slot->safe);
}

static void
status_json(const struct visit *visit, FILE *file)
{
	const struct pg_slot *slot = &visit->facts.slot;
	struct buf            out = {0};

	buf_puts(&out, "{");
	put_string(&out, "slot", visit->cfg->slot.name);
	put_string(&out, "plugin", slot->plugin);
	put_string(&out, "database", slot->database);
	put_number(&out, "server_version_num", visit->facts.version);
	put_bool(&out, "active", slot->active_pid != 0);
	put_number(&out, "active_pid", slot->active_pid ? slot->active_pid : -1);
	put_string(&out, "wal_status", slot->wal_status);
	put_string(&out, "invalidation_reason", slot->invalidation);
	if (visit->facts.version >= FAILOVER_SERVER)
	{
		put_bool(&out, "failover", slot->failover);
		put_bool(&out, "synced", slot->synced);
		put_string(&out, "inactive_since", slot->inactive_since);
	}
	put_lsn(&out, "confirmed_flush_lsn", slot->confirmed_lsn);
	put_lsn(&out, "restart_lsn", slot->restart_lsn);
	put_number(&out, "retained_wal_bytes", slot->retained);
	put_number(&out, "safe_wal_bytes", slot->safe);
	buf_puts(&out, "}\n");
	fwrite(out.data, 1, out.len, file);
	buf_free(&out);
}

enum rc
slot_status(const struct config *cfg, bool json, FILE *out, struct err *e)
{
	struct visit visit = {.cfg = cfg};
	enum rc      rc = visit_begin(&visit, PG_REPLICATION, e);

	if (rc == RC_OK && !visit.facts.slot.exists)
		rc = pg_slot_check(&visit.facts, cfg, e);
	if (rc == RC_OK && json)
		status_json(&visit, out);
	else if (rc == RC_OK)
		status_table(&visit, out);
	visit_end(&visit);
	return rc;
}
