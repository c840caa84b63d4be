/*
 * pg.h
 *		What the streaming connection and the slot commands share: connecting,
 *		looking at server and slot, and saying what PostgreSQL's errors mean.
 *
 * Nothing here waits but for the resolver.  pg.c, pg_error.c, dial.c, query.c,
 * handshake.c, source.c, probe.c, visit.c, slot.c and the files of check.h are those that know
 * libpq; its types are only named here.
 */
#ifndef RELAY_PG_H
#define RELAY_PG_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "config.h"

struct pg_conn;   /* libpq's PGconn */
struct pg_result; /* libpq's PGresult */

/* What was asked of the server when it failed: the same SQLSTATE means different things. */
enum pg_stage
{
	PG_LOOK,   /* queries before anything else */
	PG_CREATE, /* CREATE_REPLICATION_SLOT */
	PG_START,  /* START_REPLICATION */
	PG_STREAM, /* the stream itself */
	PG_ALTER,  /* ALTER_REPLICATION_SLOT */
	PG_DROP    /* DROP_REPLICATION_SLOT */
};

/* The slot as pg_replication_slots shows it. */
struct pg_slot
{
	bool     exists;
	bool     temporary;
	char    *plugin; /* "" for a physical slot */
	char    *database;
	char    *wal_status;     /* reserved, extended, unreserved, lost */
	char    *invalidation;   /* 16 and later: reason, or "" */
	char    *inactive_since; /* 17 and later: time, or "" */
	bool     failover;       /* 17 and later: standbys keep a copy of it */
	bool     synced;         /* it is such a copy; on a primary: it was one */
	int      active_pid;     /* 0: nobody holds it */
	char    *holder;         /* client address and application name, "" if not visible */
	uint64_t restart_lsn;    /* 0: none */
	uint64_t confirmed_lsn;  /* 0: none */
	int64_t  retained;       /* bytes of WAL behind restart_lsn, -1 unknown */
	int64_t  safe;           /* bytes that may still be written, -1: no limit */
};

/* What the server told about itself.  Strings are owned; NULL before they are known. */
struct pg_facts
{
	int            version; /* server_version_num */
	char          *server;  /* which of several hosts: "Server ..., port ..."; NULL: there is one */
	char          *database;
	char          *encoding;
	char          *role;
	char          *wal_level;
	char          *libraries;         /* output_plugin_libraries; NULL: not there or not readable */
	uint32_t       sender_timeout_ms; /* wal_sender_timeout; 0: none */
	bool           in_recovery;       /* a standby */
	char          *sync_names;        /* synchronous_standby_names */
	char          *application;       /* our application_name */
	int            process;           /* pid of the one that serves this connection */
	char          *postmaster;        /* when the server was started */
	uint64_t       system_id;
	uint32_t       timeline;
	uint64_t       insert_lsn; /* where WAL is written next, or on a standby was replayed up to */
	uint64_t       wal_end;    /* up to where it is flushed, as IDENTIFY_SYSTEM says it */
	char          *history; /* of the timeline, as TIMELINE_HISTORY says it; NULL: not asked for */
	struct pg_slot slot;
};

void pg_facts_free(struct pg_facts *facts);

/* libpq's, as PostgreSQL numbers it (150020). */
int pg_library_version(void);

/* Whether libpq can read the connection string.  RC_ERR E1002. */
enum rc pg_conninfo_check(const char *conninfo, struct err *e) MUST_CHECK;
/* The connection string without its secrets; the caller frees it. */
char *pg_conninfo_masked(const char *conninfo);
/* connect_timeout that the connection string sets, in ms, or otherwise. */
int64_t pg_conninfo_timeout_ms(const char *conninfo, int64_t otherwise);

#define PG_CONNECT_MS 15000 /* for each host, unless connect_timeout says otherwise */

/* Lists of hosts as libpq takes them.  NULL: what the connection string says.  Owned. */
struct pg_hosts
{
	char *host;
	char *hostaddr;
	char *port;
};

/* The one that conn is connected to. */
struct pg_hosts pg_hosts_of(const struct pg_conn *conn);
/* Leaves the one out that conn is busy with, of those conn was started with.  False: it is the
 * last. */
bool pg_hosts_drop(struct pg_hosts *hosts, struct pg_conn *conn);
void pg_hosts_free(struct pg_hosts *hosts);

enum pg_kind
{
	PG_REPLICATION, /* which takes SQL, too */
	PG_SQL
};

/*
 * Begins to connect to one of the hosts; never NULL.
 * May wait for the resolver.  Of several hosts that the connection string names
 * the primary, unless target_session_attrs is chosen.
 */
struct pg_conn *pg_connect_start(const char *conninfo, enum pg_kind kind,
								 const struct pg_hosts *hosts);
/* The connection is made. */
void pg_connected(struct pg_conn *conn, const char *conninfo);
/* Why the connection could not be made.  Returns RC_ERR. */
enum rc pg_connect_failed(struct pg_conn *conn, struct err *e);
/* Adds to an error on which of several hosts it happened. */
void pg_name_server(const struct pg_facts *facts, struct err *e);
/* The connection is made: version, and which of several hosts. */
void pg_connection_take(struct pg_facts *facts, const struct pg_conn *conn);
/* Whether the connection could not be made because the server shuts down (or starts). */
bool pg_is_shutting_down(struct pg_conn *conn);
/* Whether a server has said that it could not be made, whatever the reason. */
bool pg_is_refused(struct pg_conn *conn);

/* Settings of the session that decide the text form of values. */
extern const char pg_session_sql[];
/* The queries, in this order, and what takes their results in. */
extern const char pg_server_sql[];
void              pg_server_take(struct pg_facts *facts, const struct pg_result *res);
extern const char pg_system_sql[];
void              pg_system_take(struct pg_facts *facts, const struct pg_result *res);
void              pg_history_command(struct buf *sql, uint32_t timeline);
void              pg_history_take(struct pg_facts *facts, const struct pg_result *res);
void              pg_slot_sql(struct buf *sql, int version, const char *slot);
void              pg_slot_take(struct pg_facts *facts, const struct pg_result *res);
/* For another connection: when the server was started, our process or NULL, what it waits for. */
void pg_process_sql(struct buf *sql, const struct pg_facts *facts);

/*
 * Whether logical replication with our plugin can work here.  RC_ERR E1204,
 * E1206, E1216.
 */
enum rc pg_server_check(const struct pg_facts *facts, const struct config *cfg,
						struct err *e) MUST_CHECK;
/* Each of these alone, the latter two of a supported server.  RC_ERR E1216; E1206; E1204. */
enum rc pg_version_check(const struct pg_facts *facts, struct err *e) MUST_CHECK;
enum rc pg_wal_level_check(const struct pg_facts *facts, struct err *e) MUST_CHECK;
enum rc pg_plugin_check(const struct pg_facts *facts, const struct config *cfg,
						struct err *e) MUST_CHECK;
/* Whether the slot is one that we can stream from.  RC_ERR E1207 to E1211, E1230. */
enum rc pg_slot_check(const struct pg_facts *facts, const struct config *cfg,
					  struct err *e) MUST_CHECK;
/* Every slot that the server may have is there.  Returns RC_ERR E1213. */
enum rc pg_no_slot(struct err *e);
/* The slot is held: by whom.  Returns RC_ERR E1210. */
enum rc pg_slot_held(const struct pg_facts *facts, const struct config *cfg, struct err *e);

/* The oldest server that has failover slots. */
#define FAILOVER_SERVER 170000

/*
 * What is to be said if commits on the server may wait for us, because
 * synchronous_standby_names means us; the caller frees it.  NULL: they do not.
 */
char *pg_sync_warning(const struct pg_facts *facts);

/* Whether slot.failover and the server want a slot that is made to be copied to standbys. */
bool pg_failover_wanted(const struct pg_facts *facts, const struct config *cfg);
/* Whether the server can make such a slot if slot.failover insists on it.  RC_ERR E1231. */
enum rc pg_failover_check(const struct pg_facts *facts, const struct config *cfg,
						  struct err *e) MUST_CHECK;
/* What is to be said if slot.failover insists, and the slot is none; the caller frees it. */
char *pg_failover_warning(const struct pg_facts *facts, const struct config *cfg);

/* exports: with a snapshot that lives until the connection says something else. */
void pg_create_command(struct buf *sql, const struct pg_facts *facts, const struct config *cfg,
					   bool exports);
void pg_alter_command(struct buf *sql, const struct config *cfg, bool failover);
void pg_drop_command(struct buf *sql, const struct config *cfg);
void pg_start_command(struct buf *sql, const struct config *cfg, uint64_t start_lsn);
/* What is in a slot, as frames in rows of one bytea, with the options of the stream; it stays. */
void pg_peek_sql(struct buf *sql, const struct config *cfg, const char *slot);

/*
 * What the server's error (or, with res NULL, the connection's) means.
 * Returns RC_ERR.
 */
enum rc pg_failed(struct pg_conn *conn, const struct pg_result *res, enum pg_stage stage,
				  const struct pg_facts *facts, const struct config *cfg, struct err *e);

/* Whether an error with this SQLSTATE, message and detail (or NULL) means that the slot is lost. */
bool pg_error_is_lost_slot(const char *state, const char *message, const char *detail,
						   const struct pg_slot *slot);
/* The stream has ended, and the server has not said why.  Returns RC_ERR. */
enum rc pg_stream_ended(struct err *e);

/* "16/B374D848"; 0 for what is none. */
uint64_t pg_lsn_parse(const char *text);
/* For "%X/%X" */
#define LSN_PARTS(lsn) (unsigned) ((lsn) >> 32), (unsigned) ((lsn) &0xffffffff)

#endif /* RELAY_PG_H */
