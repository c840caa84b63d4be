/*
 * err.h
 *		How a function of the relay says that it failed.
 *
 * A function that can fail returns enum rc and fills the caller's struct err.
 * It never logs and never exits: policy.c decides what an error means, and
 * that decision is logged once.  No row value and no secret is ever put here.
 */
#ifndef RELAY_ERR_H
#define RELAY_ERR_H

#include <stdbool.h>
#include <stdarg.h>

enum rc
{
	RC_OK = 0,
	RC_AGAIN, /* not now: nothing was done, call again when something changed */
	RC_ERR	  /* *e says why */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* What kind of trouble it is; policy.c maps it to an action and exit code. */
enum err_class
{
	ERR_NONE = 0,
	ERR_TRANSIENT,	/* goes away by itself: network, peer restarting */
	ERR_CONFIG,		/* goes away when somebody changes a setting */
	ERR_PERMISSION, /* goes away when somebody grants a right */
	ERR_USAGE,		/* wrong command line */
	ERR_DATA,		/* a value or record that the target cannot take */
	ERR_PROTOCOL,	/* bytes that we do not understand */
	ERR_FATAL		/* an invariant is broken, or the producer is beyond repair */
};

/*
 * Stable codes, for logs and for people who search.
 * Never renumber.  10xx configuration, 12xx source, 14xx frames, 16xx schema
 * and values, 18xx registry, 20xx Kafka and other sinks.
 */
#define ERR_CODES(X)                                                                              \
	X(E1001, "unknown configuration key")                                                         \
	X(E1002, "invalid configuration value")                                                       \
	X(E1003, "required setting is missing")                                                       \
	X(E1004, "configuration file cannot be read")                                                 \
	X(E1005, "setting would weaken delivery")                                                     \
	X(E1006, "wrong command line")                                                                \
	X(E1007, "process runs out of descriptors")                                                   \
	X(E1008, "properties of a connector have no counterpart")                                     \
	X(E1009, "no relay can be asked how it is")                                                   \
	X(E1201, "cannot connect to PostgreSQL")                                                      \
	X(E1202, "PostgreSQL rejected the login")                                                     \
	X(E1203, "database does not exist")                                                           \
	X(E1204, "output plugin is not allowed by output_plugin_libraries")                           \
	X(E1205, "output plugin is not installed")                                                    \
	X(E1206, "wal_level is too low")                                                              \
	X(E1207, "replication slot does not exist")                                                   \
	X(E1208, "replication slot belongs to another plugin")                                        \
	X(E1209, "replication slot is in another database")                                           \
	X(E1210, "replication slot is active elsewhere")                                              \
	X(E1211, "replication slot is lost")                                                          \
	X(E1212, "role lacks a right")                                                                \
	X(E1213, "no free replication slot or walsender")                                             \
	X(E1214, "replication stream ended")                                                          \
	X(E1215, "server rejected a plugin option")                                                   \
	X(E1216, "server version is not supported")                                                   \
	X(E1217, "replication slot exists already")                                                   \
	X(E1218, "server or slot is not what was streamed before")                                    \
	X(E1219, "transaction delivered in part does not come again")                                 \
	X(E1220, "transaction delivered in part under other settings")                                \
	X(E1221, "server says nothing any more")                                                      \
	X(E1222, "slot keeps much of the WAL that it may")                                            \
	X(E1223, "slot guard has ended the relay")                                                    \
	X(E1230, "server is a standby that cannot be streamed from")                                  \
	X(E1231, "server cannot have failover slots")                                                 \
	X(E1232, "stream cannot begin where rows were loaded by hand")                                \
	X(E1240, "role may not read tables of the snapshot")                                          \
	X(E1241, "snapshot cannot be taken on a standby")                                             \
	X(E1242, "table cannot be read for the snapshot")                                             \
	X(E1243, "table has changed during the snapshot")                                             \
	X(E1244, "signal cannot be understood")                                                       \
	X(E1245, "no table is what the signal means")                                                 \
	X(E1246, "snapshot.conninfo leads to another cluster")                                        \
	X(E1250, "no table is captured")                                                              \
	X(E1251, "table does not log which row was deleted")                                          \
	X(E1252, "slot keeps nearly as much WAL as it may")                                           \
	X(E1253, "clocks are apart")                                                                  \
	X(E1254, "logical_decoding_work_mem is too small")                                            \
	X(E1255, "commits wait for walrelay as for a standby")                                        \
	X(E1256, "standbys have no copy of the slot")                                                 \
	X(E1257, "columns are left out")                                                              \
	X(E1299, "PostgreSQL reported an error")                                                      \
	X(E1401, "not a walrelay frame")                                                              \
	X(E1402, "frame is truncated")                                                                \
	X(E1403, "protocol version is not supported")                                                 \
	X(E1404, "malformed record")                                                                  \
	X(E1405, "record out of order")                                                               \
	X(E1406, "record names an unknown relation")                                                  \
	X(E1601, "schema cannot be built")                                                            \
	X(E1602, "value cannot be encoded")                                                           \
	X(E1603, "record does not verify against its schema")                                         \
	X(E1604, "long value exceeds the limit")                                                      \
	X(E1605, "two tables or columns map to one name")                                             \
	X(E1801, "schema registry is unreachable")                                                    \
	X(E1802, "schema registry refused the schema: incompatible")                                  \
	X(E1803, "schema registry refused the schema: invalid")                                       \
	X(E1804, "schema registry refused the login")                                                 \
	X(E1805, "schema registry answered what is not understood")                                   \
	X(E1806, "schema registry does not know the schema")                                          \
	X(E1807, "latest version in the schema registry is another schema")                           \
	X(E1808, "schema registry is read-only")                                                      \
	X(E1809, "schemas are others than those in the schema registry")                              \
	X(E2001, "no Kafka broker is reachable")                                                      \
	X(E2002, "topic does not exist")                                                              \
	X(E2003, "record is too large for the broker")                                                \
	X(E2004, "Kafka refused access")                                                              \
	X(E2005, "producer failed for good")                                                          \
	X(E2006, "Kafka refused a record")                                                            \
	X(E2007, "output cannot be written")                                                          \
	X(E2008, "topic cannot be read back")                                                         \
	X(E2009, "another relay produces for this slot")                                              \
	X(E2010, "progress topic cannot be used")                                                     \
	X(E2011, "topic has another number of partitions than before")                                \
	X(E2012, "topic was made anew or has lost records")                                           \
	X(E2013, "Kafka does not answer about transactions")                                          \
	X(E2014, "topics are to be made with the brokers' defaults")                                  \
	X(E2015, "topic cannot be created")                                                           \
	X(E2016, "topic is not as it should be")                                                      \
	X(E2017, "topics are to be created or changed")

#define ERR_ENUM(code, text) code,
enum err_code
{
	E0 = 0,
	ERR_CODES(ERR_ENUM)
};
#undef ERR_ENUM

#define ERR_ONE(code, text) +1
enum
{
	NERR_CODES = 1 ERR_CODES(ERR_ONE) /* with E0 */
};
#undef ERR_ONE

/* Filled by whoever fails; lives on the stack of whoever asks. */
struct err
{
	enum err_class class;
	enum err_code  code;
	char		   msg[512];	/* lower case, no period */
	char		   detail[4096]; /* facts, sentences; "" for none; has room for two schemas */
	char		   hint[2048];	/* what to do, imperative; "" for none */
	const char	  *gap;			/* gap.h's reason, if --accept-gap can pass it; else NULL */
	char		   topic[256];	/* that such a gap is about; "" for none */
};

/* Sets class, code and message, clears the rest.  Returns RC_ERR. */
enum rc		err_set(struct err *e, enum err_class class, enum err_code code, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* These return RC_ERR, so that they can end a function. */
enum rc		err_detail(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum rc		err_hint(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Somebody may decide to pass what is refused: gap.h's reason; topic: NULL for none. */
enum rc		err_gap(struct err *e, const char *reason, const char *topic);
void		err_clear(struct err *e);
const char *err_code_name(enum err_code code); /* "E1204" */
const char *err_code_text(enum err_code code); /* what the code stands for */

#endif /* RELAY_ERR_H */
