/*
 * pg.c
 *		Connecting, looking at the server, and what its answers mean; see pg.h.
 *
 * Called by source.c and slot.c; config_print.c asks it to mask a connection
 * string.  Must never wait, and never let a password into a message.
 */
#include "pg.h"

#include <ctype.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cursor.h"
#include "sql_quote.h"

#define PEER_GONE_MS 60000 /* how long sent bytes may stay without an acknowledgement */

/* --- connection strings ----------------------------------------------------- */

static bool
conninfo_may_hold_secret(const char *conninfo)
{
	return strcasestr(conninfo, "pass") != NULL || strchr(conninfo, '@') != NULL;
}

/* libpq takes a string without "=" and without a scheme as a database's name. */
static bool
conninfo_is_dbname(const char *conninfo)
{
	return strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL;
}

enum rc
pg_conninfo_check(const char *conninfo, struct err *e)
{
	char             *why = NULL;
	PQconninfoOption *opts;

	if (conninfo_is_dbname(conninfo))
		return RC_OK;
	opts = PQconninfoParse(conninfo, &why);
	if (opts == NULL)
	{
		err_set(e, ERR_CONFIG, E1002, "invalid value for \"source.conninfo\"");
		/* libpq quotes the part it stumbled over: that may be a password. */
		if (why && !conninfo_may_hold_secret(conninfo))
			err_detail(e, "libpq says: %.*s.", (int) strcspn(why, "\n"), why);
		err_hint(e, "Give a libpq connection string, as in \"host=db.example.com dbname=shop "
					"user=cdc\" or postgresql://cdc@db.example.com/shop; quote values that hold "
					"blanks with '...'.");
	}
	PQconninfoFree(opts);
	PQfreemem(why);
	return opts ? RC_OK : RC_ERR;
}

static void
conninfo_put(struct buf *out, const char *keyword, const char *value)
{
	bool plain = *value && strpbrk(value, " '\\") == NULL;

	buf_printf(out, "%s%s=", out->len ? " " : "", keyword);
	if (!plain)
		buf_put_u8(out, '\'');
	for (; *value; value++)
	{
		if (*value == '\'' || *value == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t) *value);
	}
	if (!plain)
		buf_put_u8(out, '\'');
}

char *
pg_conninfo_masked(const char *conninfo)
{
	struct buf        out = {0};
	PQconninfoOption *opts;

	if (conninfo_is_dbname(conninfo))
		return xstrdup(conninfo);
	opts = PQconninfoParse(conninfo, NULL);
	if (opts == NULL)
		return xstrdup("****");
	for (PQconninfoOption *opt = opts; opt->keyword; opt++)
		if (opt->val)
			conninfo_put(&out, opt->keyword, *opt->dispchar == '*' ? "****" : opt->val);
	PQconninfoFree(opts);
	return buf_cstr(&out);
}

/* What the connection string sets, NULL if it does not; the caller frees it. */
static char *
conninfo_value(const char *conninfo, const char *keyword)
{
	PQconninfoOption *opts = conninfo_is_dbname(conninfo) ? NULL : PQconninfoParse(conninfo, NULL);
	char             *value = NULL;

	for (PQconninfoOption *opt = opts; opt && opt->keyword; opt++)
		if (strcmp(opt->keyword, keyword) == 0 && opt->val)
			value = xstrdup(opt->val);
	PQconninfoFree(opts);
	return value;
}

/* What the environment or a service file sets; the caller frees it. */
static char *
default_value(const char *keyword)
{
	PQconninfoOption *opts = PQconndefaults();
	char             *value = NULL;

	for (PQconninfoOption *opt = opts; opt && opt->keyword; opt++)
		if (strcmp(opt->keyword, keyword) == 0 && opt->val)
			value = xstrdup(opt->val);
	PQconninfoFree(opts);
	return value;
}

int64_t
pg_conninfo_timeout_ms(const char *conninfo, int64_t otherwise)
{
	char   *value = conninfo_value(conninfo, "connect_timeout");
	int64_t seconds;

	if (value == NULL)
		value = default_value("connect_timeout");
	seconds = value ? atoi(value) : 0;

	free(value);
	return seconds > 0 ? seconds * 1000 : otherwise;
}

/* --- hosts ------------------------------------------------------------------ */

static unsigned
list_count(const char *list)
{
	unsigned count = 1;

	while ((list = strchr(list, ',')) != NULL)
	{
		list++;
		count++;
	}
	return count;
}

static bool
conninfo_has_hosts(const char *conninfo)
{
	char *host = conninfo_value(conninfo, "host");
	char *hostaddr = conninfo_value(conninfo, "hostaddr");
	bool  several;

	if (host == NULL && hostaddr == NULL)
	{
		host = default_value("host");
		hostaddr = default_value("hostaddr");
	}
	several = (host && strchr(host, ',')) || (hostaddr && strchr(hostaddr, ','));
	free(host);
	free(hostaddr);
	return several;
}

/*
 * Of several hosts one is the primary and the others may become it: the slot
 * is where it is.  Not read-write: a role that may only read is a good idea.
 */
static const char *
session_attrs(const char *conninfo)
{
	char *chosen = conninfo_value(conninfo, "target_session_attrs");
	char *otherwise = default_value("target_session_attrs");
	bool  free_choice = chosen == NULL && getenv("PGTARGETSESSIONATTRS") == NULL &&
					   (otherwise == NULL || strcmp(otherwise, "any") == 0);

	free(chosen);
	free(otherwise);
	return free_choice && conninfo_has_hosts(conninfo) ? "primary" : NULL;
}

struct pg_hosts
pg_hosts_of(const PGconn *conn)
{
	return (struct pg_hosts){.host = xstrdup(PQhost(conn)),
							 .hostaddr = xstrdup(PQhostaddr(conn)),
							 .port = xstrdup(PQport(conn))};
}

void
pg_hosts_free(struct pg_hosts *hosts)
{
	free(hosts->host);
	free(hosts->hostaddr);
	free(hosts->port);
	*hosts = (struct pg_hosts){0};
}

/* Element number at of a list; a port that is there once is everybody's. */
static struct str
list_at(const char *list, unsigned at)
{
	while (at-- > 0 && strchr(list, ','))
		list = strchr(list, ',') + 1;
	return (struct str){list, strcspn(list, ",")};
}

/* The list without that element; the caller frees it. */
static char *
list_without(const char *list, unsigned at)
{
	struct buf out = {0};
	unsigned   count;

	if (list == NULL)
		return NULL;
	count = list_count(list);
	if (count == 1)
		return xstrdup(list);
	for (unsigned i = 0; i < count; i++)
	{
		struct str element = list_at(list, i);

		if (i == at)
			continue;
		if (i > (at == 0))
			buf_put_u8(&out, ',');
		buf_put(&out, element.data, element.len);
	}
	return buf_cstr(&out);
}

/* An empty element stands for the default, which is not compared. */
static bool
element_is(struct str element, const char *text)
{
	return element.len == 0 ||
		   (text && strlen(text) == element.len && memcmp(text, element.data, element.len) == 0);
}

bool
pg_hosts_drop(struct pg_hosts *hosts, PGconn *conn)
{
	PQconninfoOption *opts = PQconninfo(conn);
	struct pg_hosts   all = {0};
	const char       *names;
	unsigned          count;
	unsigned          at = 0;

	for (PQconninfoOption *opt = opts; opt && opt->keyword; opt++)
		if (opt->val && strcmp(opt->keyword, "host") == 0)
			all.host = opt->val;
		else if (opt->val && strcmp(opt->keyword, "hostaddr") == 0)
			all.hostaddr = opt->val;
		else if (opt->val && strcmp(opt->keyword, "port") == 0)
			all.port = opt->val;
	names = all.host ? all.host : all.hostaddr;
	count = names ? list_count(names) : 0;
	while (at < count && !(element_is(list_at(names, at), PQhost(conn)) &&
						   (all.port == NULL || element_is(list_at(all.port, at), PQport(conn)))))
		at++;
	if (count > 1 && at < count)
	{
		struct pg_hosts left = {.host = list_without(all.host, at),
								.hostaddr = list_without(all.hostaddr, at),
								.port = list_without(all.port, at)};

		/* libpq takes an empty value for none, and begins with all of them again. */
		if (*(all.host ? left.host : left.hostaddr) == '\0')
			count = 1;
		pg_hosts_free(hosts);
		*hosts = left;
	}
	PQconninfoFree(opts);
	return count > 1 && at < count;
}

/*
 * What stands before dbname is a default of ours, what stands behind it is
 * not for the user to change.
 *
 * libpq knows connect_timeout only where it waits itself.  So that it goes on
 * to the next address of a host when one swallows packets, the kernel has to
 * give up in time: tcp_user_timeout, shorter than what the caller waits for.
 */
PGconn *
pg_connect_start(const char *conninfo, enum pg_kind kind, const struct pg_hosts *hosts)
{
	int64_t           give_up_ms = pg_conninfo_timeout_ms(conninfo, PG_CONNECT_MS) * 2 / 3;
	char              give_up[24];
	const char *const keywords[] = {"keepalives_idle",
									"keepalives_interval",
									"keepalives_count",
									"tcp_user_timeout",
									"fallback_application_name",
									"target_session_attrs",
									"dbname",
									"replication",
									"host",
									"hostaddr",
									"port",
									NULL};
	const char *const values[] = {
		"30",
		"10",
		"3",
		give_up,
		kind == PG_SQL ? "walrelay snapshot" : "walrelay",
		session_attrs(conninfo),
		conninfo,
		kind == PG_SQL ? "false" : "database",
		hosts->host,
		hosts->hostaddr,
		hosts->port,
		NULL};
	PGconn *conn;

	snprintf(give_up, sizeof(give_up), "%d",
			 (int) (give_up_ms < PEER_GONE_MS ? give_up_ms : PEER_GONE_MS));
	conn = PQconnectStartParams(keywords, values, true);
	if (conn == NULL)
	{
		fprintf(stderr, "walrelay: out of memory\n");
		abort();
	}
	/* The one way to learn the SQLSTATE of a refused connection. */
	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	return conn;
}

void
pg_connection_take(struct pg_facts *facts, const PGconn *conn)
{
	PQconninfoOption *opts = PQconninfo((PGconn *) conn);

	facts->version = PQserverVersion(conn);
	free(facts->server);
	facts->server = NULL;
	for (PQconninfoOption *opt = opts; opt && opt->keyword; opt++)
		if ((strcmp(opt->keyword, "host") == 0 || strcmp(opt->keyword, "hostaddr") == 0) &&
			opt->val && strchr(opt->val, ',') && facts->server == NULL)
			facts->server = xasprintf("server \"%s\", port %s", PQhost(conn), PQport(conn));
	PQconninfoFree(opts);
}

void
pg_name_server(const struct pg_facts *facts, struct err *e)
{
	size_t at = strlen(e->detail);

	if (facts->server)
		snprintf(e->detail + at, sizeof(e->detail) - at, "%sIt was %s.", at ? " " : "",
				 facts->server);
}

/*
 * A connection that is made gets more patience than one in the making, unless
 * the user has said how much.  A socket without TCP refuses, and needs none.
 */
void
pg_connected(PGconn *conn, const char *conninfo)
{
	unsigned ms = PEER_GONE_MS;
	char    *chosen = conninfo_value(conninfo, "tcp_user_timeout");

	if (chosen == NULL)
		(void) setsockopt(PQsocket(conn), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	free(chosen);
}

/* --- queries ------------------------------------------------------------------ */

const char pg_session_sql[] = "SET client_encoding = 'UTF8'; SET datestyle = 'ISO'; "
							  "SET intervalstyle = 'postgres'; SET timezone = 'UTC'; "
							  "SET extra_float_digits = 3; SET bytea_output = 'hex'; "
							  "SET statement_timeout = 0; SET lock_timeout = 0; "
							  "SET idle_in_transaction_session_timeout = 0; "
							  "SELECT pg_catalog.set_config(name, '0', false) "
							  "FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout'; "
							  "SET idle_session_timeout = 0";

/* pg_settings leaves out what the role may not read, where SHOW would fail. */
const char pg_server_sql[] =
	"SELECT pg_catalog.current_database(), pg_catalog.current_setting('server_encoding'), "
	"pg_catalog.current_setting('wal_level'), current_user, "
	"(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'), "
	"(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'output_plugin_libraries'), "
	"pg_catalog.pg_is_in_recovery(), "
	"pg_catalog.current_setting('synchronous_standby_names', true), "
	"pg_catalog.current_setting('application_name'), pg_catalog.pg_backend_pid(), "
	"EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()), "
	"CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
	"WHEN pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE') "
	"THEN pg_catalog.pg_current_wal_insert_lsn() END";

const char pg_system_sql[] = "IDENTIFY_SYSTEM";

static void
replace(char **field, const PGresult *res, int row, int column)
{
	free(*field);
	*field = xstrdup(PQgetvalue(res, row, column));
}

void
pg_server_take(struct pg_facts *facts, const PGresult *res)
{
	replace(&facts->database, res, 0, 0);
	replace(&facts->encoding, res, 0, 1);
	replace(&facts->wal_level, res, 0, 2);
	replace(&facts->role, res, 0, 3);
	facts->sender_timeout_ms = (uint32_t) strtoul(PQgetvalue(res, 0, 4), NULL, 10);
	replace(&facts->libraries, res, 0, 5);
	if (PQgetisnull(res, 0, 5))
	{
		free(facts->libraries);
		facts->libraries = NULL;
	}
	facts->in_recovery = *PQgetvalue(res, 0, 6) == 't';
	replace(&facts->sync_names, res, 0, 7);
	replace(&facts->application, res, 0, 8);
	facts->process = atoi(PQgetvalue(res, 0, 9));
	replace(&facts->postmaster, res, 0, 10);
	facts->insert_lsn = pg_lsn_parse(PQgetvalue(res, 0, 11));
}

void
pg_system_take(struct pg_facts *facts, const PGresult *res)
{
	facts->system_id = strtoull(PQgetvalue(res, 0, 0), NULL, 10);
	facts->timeline = (uint32_t) strtoul(PQgetvalue(res, 0, 1), NULL, 10);
	facts->wal_end = pg_lsn_parse(PQgetvalue(res, 0, 2));
}

void
pg_history_command(struct buf *sql, uint32_t timeline)
{
	buf_reset(sql);
	buf_printf(sql, "TIMELINE_HISTORY %" PRIu32, timeline);
}

/* The name of the file, then what it holds. */
void
pg_history_take(struct pg_facts *facts, const PGresult *res)
{
	replace(&facts->history, res, 0, 1);
}

void
pg_slot_sql(struct buf *sql, int version, const char *slot)
{
	buf_reset(sql);
	buf_printf(sql,
			   "SELECT s.plugin, s.database, s.wal_status, s.active_pid, s.restart_lsn, "
			   "s.confirmed_flush_lsn, s.temporary, "
			   "pg_catalog.concat_ws(', ', r.client_addr::pg_catalog.text, r.application_name), "
			   "pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() "
			   "THEN pg_catalog.pg_last_wal_replay_lsn() "
			   "ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn), s.safe_wal_size, %s "
			   "FROM pg_catalog.pg_replication_slots s "
			   "LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid "
			   "WHERE s.slot_name = ",
			   version >= 170000 ? "s.invalidation_reason, s.failover, s.synced, s.inactive_since"
			   : version >= 160000
				   ? "CASE WHEN s.conflicting THEN 'conflict with recovery' END, false, false, NULL"
				   : "NULL, false, false, NULL");
	sql_literal_put((struct str){slot, strlen(slot)}, sql);
}

void
pg_process_sql(struct buf *sql, const struct pg_facts *facts)
{
	buf_reset(sql);
	buf_printf(sql,
			   "SELECT EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time()), a.pid, "
			   "a.wait_event FROM (SELECT 1) one "
			   "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = %d",
			   facts->process);
}

static int64_t
int_or(const PGresult *res, int column, int64_t otherwise)
{
	return PQgetisnull(res, 0, column) ? otherwise : strtoll(PQgetvalue(res, 0, column), NULL, 10);
}

void
pg_slot_take(struct pg_facts *facts, const PGresult *res)
{
	struct pg_slot *slot = &facts->slot;

	slot->exists = PQntuples(res) == 1;
	if (!slot->exists)
		return;
	replace(&slot->plugin, res, 0, 0);
	replace(&slot->database, res, 0, 1);
	replace(&slot->wal_status, res, 0, 2);
	slot->active_pid = (int) int_or(res, 3, 0);
	slot->restart_lsn = pg_lsn_parse(PQgetvalue(res, 0, 4));
	slot->confirmed_lsn = pg_lsn_parse(PQgetvalue(res, 0, 5));
	slot->temporary = *PQgetvalue(res, 0, 6) == 't';
	replace(&slot->holder, res, 0, 7);
	slot->retained = int_or(res, 8, -1);
	slot->safe = int_or(res, 9, -1);
	if (slot->safe < 0 && !PQgetisnull(res, 0, 9))
		slot->safe = 0; /* it is lost at the next checkpoint */
	replace(&slot->invalidation, res, 0, 10);
	slot->failover = *PQgetvalue(res, 0, 11) == 't';
	slot->synced = *PQgetvalue(res, 0, 12) == 't';
	replace(&slot->inactive_since, res, 0, 13);
}

void
pg_facts_free(struct pg_facts *facts)
{
	free(facts->server);
	free(facts->database);
	free(facts->encoding);
	free(facts->role);
	free(facts->wal_level);
	free(facts->libraries);
	free(facts->sync_names);
	free(facts->application);
	free(facts->postmaster);
	free(facts->history);
	free(facts->slot.plugin);
	free(facts->slot.database);
	free(facts->slot.wal_status);
	free(facts->slot.invalidation);
	free(facts->slot.inactive_since);
	free(facts->slot.holder);
	*facts = (struct pg_facts){0};
}

int
pg_library_version(void)
{
	return PQlibVersion();
}

uint64_t
pg_lsn_parse(const char *text)
{
	unsigned high, low;

	if (sscanf(text, "%8X/%8X", &high, &low) != 2)
		return 0;
	return (uint64_t) high << 32 | low;
}

/* --- replication commands -------------------------------------------------------- */

/* PostgreSQL refuses it for temporary slots and on a standby. */
bool
pg_failover_wanted(const struct pg_facts *facts, const struct config *cfg)
{
	return cfg->slot.failover != FAILOVER_NO && facts->version >= FAILOVER_SERVER &&
		   !facts->in_recovery && !cfg->slot.temporary;
}

void
pg_create_command(struct buf *sql, const struct pg_facts *facts, const struct config *cfg,
				  bool exports)
{
	buf_reset(sql);
	buf_puts(sql, "CREATE_REPLICATION_SLOT ");
	sql_name_put(cfg->slot.name, sql);
	buf_puts(sql, cfg->slot.temporary ? " TEMPORARY LOGICAL " : " LOGICAL ");
	sql_name_put(cfg->slot.plugin, sql);
	buf_printf(sql, " (SNAPSHOT '%s'", exports ? "export" : "nothing");
	if (pg_failover_wanted(facts, cfg))
		buf_puts(sql, ", FAILOVER true");
	buf_puts(sql, ")");
}

void
pg_alter_command(struct buf *sql, const struct config *cfg, bool failover)
{
	buf_reset(sql);
	buf_puts(sql, "ALTER_REPLICATION_SLOT ");
	sql_name_put(cfg->slot.name, sql);
	buf_printf(sql, " (FAILOVER %s)", failover ? "true" : "false");
}

void
pg_drop_command(struct buf *sql, const struct config *cfg)
{
	buf_reset(sql);
	buf_puts(sql, "DROP_REPLICATION_SLOT ");
	sql_name_put(cfg->slot.name, sql);
}

/* How options are written: in a replication command, or as a function's arguments. */
typedef void put_option_fn(struct buf *sql, const char *name, const char *value);

static void
put_command_option(struct buf *sql, const char *name, const char *value)
{
	buf_puts(sql, sql->data[sql->len - 1] == '(' ? "" : ", ");
	sql_name_put(name, sql);
	buf_put_u8(sql, ' ');
	sql_command_literal_put(value, sql);
}

static void
put_argument_option(struct buf *sql, const char *name, const char *value)
{
	buf_puts(sql, ", ");
	sql_literal_put((struct str){name, strlen(name)}, sql);
	buf_puts(sql, ", ");
	sql_literal_put((struct str){value, strlen(value)}, sql);
}

/* The plugin's word for what skipped.operations leaves. */
static void
put_actions(struct buf *sql, put_option_fn *put, const char *skipped)
{
	static const struct
	{
		char        letter;
		const char *word;
	} actions[] = {{'c', "insert,"}, {'u', "update,"}, {'d', "delete,"}, {'t', "truncate,"}};
	char list[64] = "";

	/* "none" has no letter of these */
	for (unsigned i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strchr(skipped, actions[i].letter) == NULL)
			strcat(list, actions[i].word);
	strcat(list, "message");
	put(sql, "actions", list);
}

static void
put_options(struct buf *sql, put_option_fn *put, const struct config *cfg)
{
	char number[16];

	put(sql, "proto", "1");
	put(sql, "format", "binary");
	put(sql, "flush", cfg->relay.flush);
	snprintf(number, sizeof(number), "%u", cfg->relay.frame_bytes);
	put(sql, "frame-bytes", number);
	if (*cfg->tables.include)
		put(sql, "include-tables", cfg->tables.include);
	if (*cfg->tables.exclude)
		put(sql, "exclude-tables", cfg->tables.exclude);
	put_actions(sql, put, cfg->tables.skipped_operations);
	if (*cfg->tables.message_include)
		put(sql, "include-message-prefixes", cfg->tables.message_include);
	if (*cfg->tables.message_exclude)
		put(sql, "exclude-message-prefixes", cfg->tables.message_exclude);
	put(sql, "publish-via-root", cfg->tables.via_root ? "true" : "false");
	put(sql, "generated-columns", cfg->format.generated ? "true" : "false");
}

void
pg_start_command(struct buf *sql, const struct config *cfg, uint64_t start_lsn)
{
	buf_reset(sql);
	buf_puts(sql, "START_REPLICATION SLOT ");
	sql_name_put(cfg->slot.name, sql);
	buf_printf(sql, " LOGICAL %X/%X (", LSN_PARTS(start_lsn));
	put_options(sql, put_command_option, cfg);
	buf_put_u8(sql, ')');
}

void
pg_peek_sql(struct buf *sql, const struct config *cfg, const char *slot)
{
	buf_reset(sql);
	buf_puts(sql, "SELECT data FROM pg_catalog.pg_logical_slot_peek_binary_changes(");
	sql_literal_put((struct str){slot, strlen(slot)}, sql);
	buf_puts(sql, ", NULL, NULL");
	put_options(sql, put_argument_option, cfg);
	buf_put_u8(sql, ')');
}
