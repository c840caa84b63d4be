/*
 * pg_error.c
 *		What is wrong with a server or a slot, and what to do about it; see pg.h.
 *
 * The same trouble can be seen before it happens (pg_server_check(),
 * pg_slot_check()) or in the server's answer (pg_failed()): both say it in the
 * same words.  Messages never hold a password: libpq's own do not.
 */
#include <ctype.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "cursor.h"
#include "gap.h"
#include "pg.h"

#define OLDEST_SERVER 150000

#define STANDBY_HINT                                                                             \
	"Point source.conninfo at the primary, for example by several hosts (host=a,b), or promote " \
	"this server."

/* An identifier as SQL wants it; the caller frees it. */
static char *
identifier(const char *name)
{
	struct buf out = {0};
	bool       plain = islower((unsigned char) *name) || *name == '_';

	for (const char *c = name; *c; c++)
		if (!islower((unsigned char) *c) && !isdigit((unsigned char) *c) && *c != '_')
			plain = false;
	if (plain)
		return xstrdup(name);
	buf_put_u8(&out, '"');
	for (; *name; name++)
	{
		if (*name == '"')
			buf_put_u8(&out, '"');
		buf_put_u8(&out, (uint8_t) *name);
	}
	buf_put_u8(&out, '"');
	return buf_cstr(&out);
}

static void
size_text(int64_t bytes, char text[32])
{
	if (bytes >= INT64_C(10) << 30)
		snprintf(text, 32, "%" PRId64 " GB", bytes >> 30);
	else if (bytes >= INT64_C(10) << 20)
		snprintf(text, 32, "%" PRId64 " MB", bytes >> 20);
	else
		snprintf(text, 32, "%" PRId64 " kB", bytes >> 10);
}

/* Adds one more sentence to the detail. */
static void
detail_add(struct err *e, const char *text)
{
	size_t at = strlen(e->detail);

	snprintf(e->detail + at, sizeof(e->detail) - at, "%s%s", at ? " " : "", text);
}

/* WAL that the slot keeps, as a sentence of the detail. */
static void
detail_add_retained(struct err *e, const struct pg_facts *facts, const struct config *cfg)
{
	char  size[32];
	char *text;

	if (!facts->slot.exists || facts->slot.retained < 0)
		return;
	size_text(facts->slot.retained, size);
	text = xasprintf("Slot \"%s\" keeps %s of WAL meanwhile.", cfg->slot.name, size);
	detail_add(e, text);
	free(text);
}

/* --- the server ----------------------------------------------------------------- */

/* One element of a list setting; quotes belong to it. */
static struct str
list_next(const char **list)
{
	const char *at = *list + strspn(*list, ", ");
	size_t      len = *at == '"' ? 1 + strcspn(at + 1, "\"") + 1 : strcspn(at, ",");

	len = strnlen(at, len);
	*list = at + len;
	while (len > 0 && at[len - 1] == ' ')
		len--;
	return (struct str){at, len};
}

/* What stands between the quotes, if there are any. */
static struct str
unquoted(struct str element)
{
	if (element.len >= 2 && element.data[0] == '"')
		return (struct str){element.data + 1, element.len - 2};
	return element;
}

static bool
list_contains(const char *list, const char *name)
{
	while (*list)
	{
		struct str element = unquoted(list_next(&list));

		if (element.len == strlen(name) && memcmp(element.data, name, element.len) == 0)
			return true;
	}
	return false;
}

/*
 * The list with the plugin added, as SET wants it; the caller frees it.  An
 * element that is a list itself came from SET ... = 'a, b', a common mistake
 * that allows nothing: it is opened.  *mistaken says whether there was one.
 */
static char *
list_extended(const char *list, const char *plugin, bool *mistaken)
{
	struct buf out = {0};

	*mistaken = false;
	while (*list)
	{
		struct str element = list_next(&list);
		struct str inner = unquoted(element);
		bool       is_list = inner.len < element.len && memchr(inner.data, ',', inner.len);

		*mistaken = *mistaken || is_list;
		if (element.len == 0)
			continue;
		buf_puts(&out, out.len ? ", " : "");
		buf_put(&out, is_list ? inner.data : element.data, is_list ? inner.len : element.len);
	}
	if (!list_contains(buf_cstr(&out), plugin))
	{
		char *name = identifier(plugin);

		buf_printf(&out, "%s%s", out.len ? ", " : "", name);
		free(name);
	}
	return buf_cstr(&out);
}

static enum rc
plugin_not_allowed(const struct pg_facts *facts, const struct config *cfg, struct err *e)
{
	const char *known = facts->libraries ? facts->libraries : "pgoutput, test_decoding";
	char       *role = identifier(facts->role ? facts->role : "...");
	bool        mistaken;
	char       *list = list_extended(known, cfg->slot.plugin, &mistaken);

	err_set(e, ERR_CONFIG, E1204,
			"output plugin \"%s\" is not allowed by the server's output_plugin_libraries",
			cfg->slot.plugin);
	if (facts->libraries)
		err_detail(e, "output_plugin_libraries is: %s.", known);
	else
		err_detail(e, "Role %s may not read output_plugin_libraries; its default is: %s.", role,
				   known);
	if (mistaken)
		detail_add(e, "The quotes make one name of that list: it allows none of its parts.");
	detail_add_retained(e, facts, cfg);
	err_hint(e,
			 "As superuser, for this role: ALTER ROLE %s SET output_plugin_libraries = %s;\n"
			 "or for all: ALTER SYSTEM SET output_plugin_libraries = %s; "
			 "SELECT pg_reload_conf();",
			 role, list, list);
	free(role);
	free(list);
	return RC_ERR;
}

static enum rc
wal_level_too_low(const struct pg_facts *facts, struct err *e)
{
	err_set(e, ERR_CONFIG, E1206, "wal_level is too low for logical decoding");
	if (facts->wal_level)
		err_detail(e, "wal_level is \"%s\".", facts->wal_level);
	return err_hint(e, "As superuser: ALTER SYSTEM SET wal_level = logical; then restart "
					   "PostgreSQL.");
}

enum rc
pg_version_check(const struct pg_facts *facts, struct err *e)
{
	if (facts->version >= OLDEST_SERVER)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1216, "PostgreSQL %d is not supported", facts->version / 10000);
	return err_hint(e, "Use PostgreSQL %d or later.", OLDEST_SERVER / 10000);
}

enum rc
pg_wal_level_check(const struct pg_facts *facts, struct err *e)
{
	/* From 19 on, wal_level replica rises by itself when a logical slot is made. */
	const char *enough = facts->version >= 190000 ? "minimal" : "replica";

	if (strcmp(facts->wal_level, "minimal") == 0 || strcmp(facts->wal_level, enough) == 0)
		return wal_level_too_low(facts, e);
	return RC_OK;
}

enum rc
pg_plugin_check(const struct pg_facts *facts, const struct config *cfg, struct err *e)
{
	if (facts->libraries && !list_contains(facts->libraries, cfg->slot.plugin))
		return plugin_not_allowed(facts, cfg, e);
	return RC_OK;
}

enum rc
pg_server_check(const struct pg_facts *facts, const struct config *cfg, struct err *e)
{
	if (pg_version_check(facts, e) != RC_OK || pg_wal_level_check(facts, e) != RC_OK)
		return RC_ERR;
	return pg_plugin_check(facts, cfg, e);
}

enum rc
pg_no_slot(struct err *e)
{
	err_set(e, ERR_CONFIG, E1213, "the server has no free replication slot");
	return err_hint(e, "Drop a slot that nobody uses (SELECT slot_name FROM pg_replication_slots WHERE "
					   "NOT active), or raise max_replication_slots and restart PostgreSQL.");
}

/*
 * Whether the list of synchronous_standby_names means this application, as the
 * server compares: names in any case, * for all.  FIRST, ANY and the number
 * before a list are taken for names: nobody has such an application_name.
 */
static bool
sync_names_match(const char *names, const char *application)
{
	while (*(names += strspn(names, " \t\n,()")))
	{
		bool   quoted = *names == '"';
		size_t len = quoted ? strcspn(names + 1, "\"") : strcspn(names, " \t\n,()");

		names += quoted;
		if ((len == 1 && *names == '*') ||
			(len == strlen(application) && strncasecmp(names, application, len) == 0))
			return true;
		names += len;
		names += quoted && *names;
	}
	return false;
}

char *
pg_sync_warning(const struct pg_facts *facts)
{
	/* A standby commits nothing. */
	if (facts->in_recovery || facts->sync_names == NULL || facts->application == NULL ||
		!sync_names_match(facts->sync_names, facts->application))
		return NULL;
	return xasprintf(
		"synchronous_standby_names = '%s' includes walrelay (application_name \"%s\"): "
		"commits may wait until Kafka has their changes, and for as long as Kafka is "
		"away; list only standbys there, or give walrelay another application_name "
		"in source.conninfo if it is listed by name",
		facts->sync_names, facts->application);
}

/* --- the slot --------------------------------------------------------------------- */

enum rc
pg_failover_check(const struct pg_facts *facts, const struct config *cfg, struct err *e)
{
	if (cfg->slot.failover != FAILOVER_YES || cfg->slot.temporary)
		return RC_OK;
	if (facts->version < FAILOVER_SERVER)
	{
		err_set(e, ERR_CONFIG, E1231, "PostgreSQL %d has no failover slots",
				facts->version / 10000);
		return err_hint(e, "Set slot.failover = auto: then the slot is one where the server can, "
						"from PostgreSQL %d on.",
						FAILOVER_SERVER / 10000);
	}
	if (!facts->in_recovery)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1231, "a standby cannot make failover slots");
	return err_hint(e, "Point source.conninfo at the primary, or set slot.failover = auto.");
}

char *
pg_failover_warning(const struct pg_facts *facts, const struct config *cfg)
{
	if (cfg->slot.failover != FAILOVER_YES || facts->version < FAILOVER_SERVER ||
		facts->in_recovery || facts->slot.temporary || cfg->slot.temporary || facts->slot.failover)
		return NULL;
	return xasprintf("replication slot \"%s\" is not copied to standbys although slot.failover = "
					 "true; stop walrelay, run \"walrelay slot alter\" with the same settings, and "
					 "start it again",
					 cfg->slot.name);
}

static enum rc
slot_missing(const struct config *cfg, struct err *e)
{
	err_set(e, ERR_CONFIG, E1207, "replication slot \"%s\" does not exist", cfg->slot.name);
	return err_hint(e,
					"Create it with \"walrelay slot create --slot.name=%s\" and the same settings, "
					"or set slot.create = true. Changes committed before that are not seen.",
					cfg->slot.name);
}

static enum rc
slot_exists(const struct config *cfg, struct err *e)
{
	err_set(e, ERR_CONFIG, E1217, "replication slot \"%s\" exists already", cfg->slot.name);
	return err_hint(e, "Use it with \"walrelay run\", or choose another slot.name.");
}

static enum rc
slot_lost(const struct pg_facts *facts, const struct config *cfg, const char *why, struct err *e)
{
	err_set(e, ERR_CONFIG, E1211, "replication slot \"%s\" is lost", cfg->slot.name);
	if (why && *why)
		err_detail(e, "The server says: %s.", why);
	else if (facts->slot.invalidation && *facts->slot.invalidation)
		err_detail(e, "The server invalidated it: %s.", facts->slot.invalidation);
	else
		err_detail(e, "The server has removed WAL that the slot needs, as max_slot_wal_keep_size "
					  "told it to.");
	detail_add(e, "Changes committed since its last position cannot be had from it any more.");
	err_gap(e, GAP_SLOT_LOST, NULL);
	return err_hint(e,
					"Drop it with \"walrelay slot drop --slot.name=%s\", create it anew with \"walrelay "
					"slot create --slot.name=%s\", and load the tables downstream again.",
					cfg->slot.name, cfg->slot.name);
}

/* It can be once the standby is promoted: somebody is at it if the primary is gone. */
static enum rc
slot_is_copy(const struct config *cfg, struct err *e)
{
	err_set(e, ERR_TRANSIENT, E1230, "the server is a standby and replication slot \"%s\" a copy",
			cfg->slot.name);
	err_detail(e, "It is synchronized from the primary and can be used after a promotion only.");
	return err_hint(e, STANDBY_HINT);
}

enum rc
pg_slot_held(const struct pg_facts *facts, const struct config *cfg, struct err *e)
{
	const struct pg_slot *slot = &facts->slot;

	err_set(e, ERR_TRANSIENT, E1210, "replication slot \"%s\" is active elsewhere", cfg->slot.name);
	if (slot->active_pid)
		err_detail(e, "It is held by server process %d%s%s%s.", slot->active_pid,
				   slot->holder && *slot->holder ? " (" : "", slot->holder ? slot->holder : "",
				   slot->holder && *slot->holder ? ")" : "");
	if (slot->active_pid)
		return err_hint(e,
						"Stop the other client, or, if it is gone, wait until wal_sender_timeout "
						"(%u s) ends it or run SELECT pg_terminate_backend(%d);",
						facts->sender_timeout_ms / 1000, slot->active_pid);
	return err_hint(e, "Stop the other client.");
}

enum rc
pg_slot_check(const struct pg_facts *facts, const struct config *cfg, struct err *e)
{
	const struct pg_slot *slot = &facts->slot;

	if (!slot->exists)
		return slot_missing(cfg, e);
	if (strcmp(slot->plugin, cfg->slot.plugin) != 0)
	{
		err_set(e, ERR_CONFIG, E1208, "replication slot \"%s\" belongs to another plugin",
				cfg->slot.name);
		if (*slot->plugin)
			err_detail(e, "Its plugin is \"%s\", not \"%s\".", slot->plugin, cfg->slot.plugin);
		else
			err_detail(e, "It is a physical slot.");
		return err_hint(e, "Choose another slot.name, such as slot.name=%.50s_walrelay, and create it with "
						   "\"walrelay slot create\" and the same settings.",
						cfg->slot.name);
	}
	if (strcmp(slot->database, facts->database) != 0)
	{
		err_set(e, ERR_CONFIG, E1209, "replication slot \"%s\" is in another database",
				cfg->slot.name);
		err_detail(e, "It is in \"%s\"; the connection is to \"%s\".", slot->database,
				   facts->database);
		return err_hint(e, "Set dbname=%s in source.conninfo, or choose another slot.name.",
						slot->database);
	}
	if (strcmp(slot->wal_status, "lost") == 0 || *slot->invalidation)
		return slot_lost(facts, cfg, NULL, e);
	if (slot->synced && facts->in_recovery)
		return slot_is_copy(cfg, e);
	if (slot->active_pid)
		return pg_slot_held(facts, cfg, e);
	return RC_OK;
}

/* --- errors of the server ------------------------------------------------------------ */

/* The server's message, and what it adds to it, on one line. */
static void
detail_from(struct err *e, const PGresult *res)
{
	static const int fields[] = {PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_MESSAGE_DETAIL,
								 PG_DIAG_MESSAGE_HINT};
	struct buf       out = {0};

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
	{
		const char *text = PQresultErrorField(res, fields[i]);

		if (text)
			buf_printf(&out, i ? " %s" : "The server says: %s.", text);
	}
	detail_add(e, buf_cstr(&out));
	buf_free(&out);
}

/*
 * A message of libpq's on one line, with a full stop where one of its lines
 * ended without; the caller frees it.
 */
static char *
text_joined(const char *text)
{
	struct buf out = {0};

	while (*(text += strspn(text, " \t\n")))
	{
		size_t len = strcspn(text, "\n");

		if (out.len)
			buf_put_u8(&out, ' ');
		buf_put(&out, text, len);
		if (isalnum(out.data[out.len - 1]) || strchr("\"')", out.data[out.len - 1]))
			buf_put_u8(&out, '.');
		text += len;
	}
	return buf_cstr(&out);
}

static bool
state_is(const char *state, const char *prefix)
{
	return strncmp(state, prefix, strlen(prefix)) == 0;
}

/*
 * Whether the server says that the slot cannot be read any more; 15 says so in
 * the third way.  Other texts (other languages too) do not count, because the
 * remedy is to drop the slot: a slot that is really lost is seen by
 * pg_slot_check() the next time.
 */
static bool
says_lost(const char *text)
{
	return text &&
		   (strstr(text, "can no longer") || strstr(text, "invalidated") ||
			strstr(text, "cannot read from logical replication slot") ||
			(strstr(text, "requested WAL segment") && strstr(text, "already been removed")));
}

bool
pg_error_is_lost_slot(const char *state, const char *message, const char *detail,
					  const struct pg_slot *slot)
{
	if (!state_is(state, "55000") && !state_is(state, "58P01"))
		return false;
	return (slot->wal_status && strcmp(slot->wal_status, "lost") == 0) ||
		   (slot->invalidation && *slot->invalidation) || says_lost(message) || says_lost(detail);
}

/* Trouble that passes: connection, resources, operator intervention, system. */
static bool
state_passes(const char *state)
{
	return state_is(state, "08") || state_is(state, "53") || state_is(state, "57") ||
		   state_is(state, "58") || state_is(state, "40") || state_is(state, "XX");
}

static enum rc
connection_lost(PGconn *conn, struct err *e)
{
	char *text = text_joined(PQerrorMessage(conn));

	err_set(e, ERR_TRANSIENT, E1214, "connection to PostgreSQL was lost");
	err_detail(e, "%s", text);
	free(text);
	return err_hint(e, "If it happens often, check the server's log and the network in between.");
}

enum rc
pg_stream_ended(struct err *e)
{
	err_set(e, ERR_TRANSIENT, E1214, "PostgreSQL ended the stream");
	return err_hint(e, "If it happens often, look into the server's log.");
}

static enum rc
other_error(const char *state, const PGresult *res, struct err *e)
{
	bool passes = state_passes(state);

	err_set(e, passes ? ERR_TRANSIENT : ERR_CONFIG, E1299,
			"PostgreSQL reported an error (SQLSTATE %.5s)", state);
	detail_from(e, res);
	if (passes)
		return err_hint(e, "If it does not pass by itself, look into the server's log for what "
						   "came before it.");
	return err_hint(e, "Look into the server's log for what came before it, put right what the "
					   "server says, then start walrelay again.");
}

static enum rc
right_missing(const struct pg_facts *facts, const PGresult *res, struct err *e)
{
	char *role = identifier(facts->role ? facts->role : "...");

	err_set(e, ERR_PERMISSION, E1212, "role %s lacks a right", role);
	detail_from(e, res);
	err_hint(e, "As superuser: ALTER ROLE %s REPLICATION;", role);
	free(role);
	return RC_ERR;
}

static enum rc
plugin_not_installed(const struct pg_facts *facts, const struct config *cfg, const PGresult *res,
					 struct err *e)
{
	err_set(e, ERR_CONFIG, E1205, "output plugin \"%s\" is not installed on the server",
			cfg->slot.plugin);
	detail_from(e, res);
	return err_hint(e,
					"Install walrelay's plugin for PostgreSQL %d on the server's machine: the package "
					"postgresql-%d-walrelay, or \"make install-module\"; no restart is needed.",
					facts->version / 10000, facts->version / 10000);
}

enum rc
pg_failed(PGconn *conn, const PGresult *res, enum pg_stage stage, const struct pg_facts *facts,
		  const struct config *cfg, struct err *e)
{
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *hint = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_HINT) : NULL;
	const char *detail = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL) : NULL;
	const char *said = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	if (state == NULL || said == NULL)
		return connection_lost(conn, e);
	if ((hint && strstr(hint, "output_plugin_libraries")) ||
		(detail && strstr(detail, "output_plugin_libraries")))
		return plugin_not_allowed(facts, cfg, e);
	if (state_is(state, "42501"))
		return right_missing(facts, res, e);
	if (state_is(state, "42704") && (stage == PG_START || stage == PG_ALTER || stage == PG_DROP))
		return slot_missing(cfg, e);
	if (state_is(state, "42710") && stage == PG_CREATE)
		return slot_exists(cfg, e);
	if (state_is(state, "55006"))
		return pg_slot_held(facts, cfg, e);
	if (state_is(state, "55000") && stage == PG_CREATE && strstr(said, "wal_level"))
		return wal_level_too_low(facts, e);
	if ((stage == PG_START || stage == PG_STREAM) &&
		pg_error_is_lost_slot(state, said, detail, &facts->slot))
		return slot_lost(facts, cfg, said, e);
	if (state_is(state, "58P01") && (stage == PG_CREATE || stage == PG_START))
		return plugin_not_installed(facts, cfg, res, e);
	if (state_is(state, "53400"))
	{
		pg_no_slot(e);
		detail_from(e, res);
		return RC_ERR;
	}
	if ((stage == PG_CREATE || stage == PG_START) && state_is(state, "22023") &&
		strstr(said, "protocol version"))
	{
		err_set(e, ERR_CONFIG, E1403, "the server's plugin speaks another protocol version");
		detail_from(e, res);
		return err_hint(e, "Install the plugin and walrelay from the same release: the plugin on "
						   "the database server (make install), walrelay here.");
	}
	if (stage == PG_START &&
		(state_is(state, "22") || state_is(state, "42601") || state_is(state, "2201B")))
	{
		err_set(e, ERR_CONFIG, E1215, "the server rejected an option of the stream");
		detail_from(e, res);
		return err_hint(e, "Correct the setting in [tables], [format] or [relay] that the message "
						   "is about; an unrecognized option means that the server's plugin is "
						   "older than this program.");
	}
	if (state_is(state, "0A000") && facts->in_recovery)
	{
		/* Only servers before 16: they stream once they are promoted. */
		err_set(e, ERR_TRANSIENT, E1230, "the server is a standby and does not decode");
		detail_from(e, res);
		return err_hint(e, STANDBY_HINT);
	}
	if (stage == PG_STREAM && state_is(state, "57"))
	{
		pg_stream_ended(e);
		detail_from(e, res);
		return RC_ERR;
	}
	return other_error(state, res, e);
}

/* --- errors of connecting --------------------------------------------------------------- */

/*
 * libpq gives a refused connection's SQLSTATE only inside the text that
 * PQERRORS_VERBOSE makes: "FATAL:  28P01: password authentication failed ...",
 * then a line LOCATION.  With several hosts the last one counts.  Takes both
 * out of the text.
 */
static void
connect_text_take(char *text, char state[6])
{
	char *location;

	state[0] = '\0';
	for (char *at = text; (at = strstr(at, ":  ")) != NULL; at++)
		if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[8] == ':')
		{
			memcpy(state, at + 3, 5);
			state[5] = '\0';
			memmove(at + 2, at + 9, strlen(at + 9) + 1);
			if ((location = strstr(at, "\nLOCATION:")) != NULL)
			{
				char *end = strchr(location + 1, '\n');

				memmove(location, end ? end : "", end ? strlen(end) + 1 : 1);
			}
		}
}

/* The line that pg_hba.conf lacks, for the address that the server names.  False: it names none. */
static bool
hint_hba(PGconn *conn, const char *text, struct err *e)
{
	const char *at = strstr(text, "no pg_hba.conf entry for host \"");
	const char *host = at ? strchr(at, '"') + 1 : "";
	int         len = (int) strcspn(host, "\"");
	bool        local = strncmp(host, "[local]", (size_t) len) == 0;
	const char *mask = local ? "" : memchr(host, ':', (size_t) len) ? "/128" : "/32";

	if (len > 0)
		err_hint(e, "Add this line to pg_hba.conf, before any that rejects it:\n%s  \"%s\"  \"%s\"  %.*s%s  "
					"scram-sha-256\nand then, as superuser: SELECT pg_reload_conf();",
				 local ? "local" : "host", PQdb(conn), PQuser(conn), local ? 0 : len, host, mask);
	return len > 0;
}

static enum rc
login_refused(PGconn *conn, const char *state, const char *text, struct err *e)
{
	const char *user = PQuser(conn) ? PQuser(conn) : "";
	char       *role = identifier(user);

	err_set(e, ERR_PERMISSION, E1202, "PostgreSQL rejected the login of role \"%s\"", user);
	err_detail(e, "%s", text);
	if (strstr(text, "is not permitted to log in"))
		err_hint(e, "As superuser: ALTER ROLE %s LOGIN;", role);
	else if (state_is(state, "28000") && !hint_hba(conn, text, e))
		err_hint(e, "Check the role's name and that it has LOGIN, and that pg_hba.conf has a line for "
					"this database, role and address (the keyword \"replication\" there does not "
					"match logical replication).");
	else if (!state_is(state, "28000"))
		err_hint(e, "Give the role's password in a password file (~/.pgpass), in PGPASSWORD, or in "
					"source.conninfo: password=...; or set it, as superuser: ALTER ROLE %s PASSWORD '...';",
				 role);
	free(role);
	return RC_ERR;
}

static enum rc
connect_right_missing(PGconn *conn, const char *text, struct err *e)
{
	char *role = identifier(PQuser(conn));
	char *database = identifier(PQdb(conn));

	err_set(e, ERR_PERMISSION, E1212, "role %s lacks a right", role);
	err_detail(e, "%s", text);
	if (strstr(text, "CONNECT"))
		err_hint(e, "As superuser: GRANT CONNECT ON DATABASE %s TO %s;", database, role);
	else
		err_hint(e, "As superuser: ALTER ROLE %s REPLICATION;", role);
	free(role);
	free(database);
	return RC_ERR;
}

/* The server answers, and one of both does not want to go on: libpq has no codes for that. */
static bool
is_about_tls(const char *text)
{
	return strstr(text, "certificate") || strstr(text, "SSL ") || strstr(text, "channel binding");
}

static enum rc
connect_unreachable(const char *text, struct err *e)
{
	if (is_about_tls(text))
	{
		err_set(e, ERR_TRANSIENT, E1201, "cannot connect to PostgreSQL as securely as it is asked to");
		err_detail(e, "%s", text);
		return err_hint(e, "In source.conninfo sslrootcert must name the certificates (PEM) of the "
						   "authority that signed the server's, and with sslmode=verify-full host a "
						   "name that is in the server's certificate, which must not have expired; "
						   "sslcert and sslkey are ours, if the server asks for one. "
						   "channel_binding=require needs TLS, and scram-sha-256 in pg_hba.conf.");
	}
	err_set(e, ERR_TRANSIENT, E1201, "cannot connect to PostgreSQL");
	err_detail(e, "%s", text);
	return err_hint(e, "Check that the server runs, and host and port in source.conninfo (or "
					   "PGHOST and PGPORT).");
}

enum rc
pg_connect_failed(PGconn *conn, struct err *e)
{
	char *raw = xstrdup(PQerrorMessage(conn));
	char  state[6];
	char *text;

	connect_text_take(raw, state);
	text = text_joined(raw);
	free(raw);
	if (state_is(state, "28") || PQconnectionNeedsPassword(conn))
		login_refused(conn, state, text, e);
	else if (state_is(state, "3D000"))
	{
		char *database = identifier(PQdb(conn));

		err_set(e, ERR_CONFIG, E1203, "database \"%s\" does not exist", PQdb(conn));
		err_detail(e, "%s", text);
		err_hint(e, "Correct dbname in source.conninfo (or PGDATABASE), or create it: CREATE DATABASE %s;",
				 database);
		free(database);
	}
	else if (state_is(state, "42501"))
		connect_right_missing(conn, text, e);
	else if (state_is(state, "53300"))
	{
		err_set(e, ERR_TRANSIENT, E1213, "the server has no free connection for replication");
		err_detail(e, "%s", text);
		err_hint(e, "Raise max_wal_senders (and max_connections), and restart PostgreSQL, or end "
					"connections that nobody needs.");
	}
	else if (*state && !state_passes(state))
	{
		err_set(e, ERR_CONFIG, E1299, "PostgreSQL refused the connection (SQLSTATE %s)", state);
		err_detail(e, "%s", text);
		err_hint(e, "Put right what the server says, in source.conninfo or on the server; its log "
					"may say more.");
	}
	else
		connect_unreachable(text, e);
	free(text);
	return RC_ERR;
}

/* What the server said, if it was one. */
static void
connect_state(PGconn *conn, char state[6])
{
	char *text = xstrdup(PQerrorMessage(conn));

	connect_text_take(text, state);
	free(text);
}

bool
pg_is_shutting_down(PGconn *conn)
{
	char state[6];

	connect_state(conn, state);
	return state_is(state, "57P03");
}

bool
pg_is_refused(PGconn *conn)
{
	char state[6];

	connect_state(conn, state);
	return *state != '\0';
}
