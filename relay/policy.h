/*
 * policy.h
 *		Pure: what an error means: try again, or stop with an exit code.
 *
 * The one place that decides it.  session.c asks while it runs, main.c for the
 * exit code of whatever comes out at the end.  No I/O, no clock.
 *
 * The rules
 *	- Transient trouble (a peer that cannot be reached) ends the relay at its
 *	  start, so that a wrong address is seen at once.  Once the stream has
 *	  run, it is tried again for ever: the slot keeps what is committed.
 *	- A slot that is active elsewhere may be held by our own dead predecessor,
 *	  until wal_sender_timeout: it is tried again for slot.wait.ms, at the
 *	  start as later.
 *	- A producer that failed for good (E2005) is made anew and the stream begins
 *	  again at the confirmed position.
 *	- Settings, rights, data and protocol do not get better by trying: stop.
 *	- A temporary slot dies with its connection, and with it what it kept: stop.
 *	- A record that cannot be encoded (E1602, E1603, E1604), or that the brokers
 *	  will never take (E2003, E2006), stops the relay; or, by on.error, it goes to the
 *	  topic of dead letters or is skipped, and the others go on.  A dead letter that is
 *	  refused in its turn stops.
 *	- A refusal by the brokers ends the producer.  The stream begins again, also when
 *	  it had only just begun, as long as each time something was learnt: which message
 *	  it was, or that batches have to be smaller.
 *	- A schema that the registry refuses is no error of the relay's: the changes
 *	  that need it wait in PostgreSQL, and with them all behind them, until the
 *	  registry accepts it; or, by schema.on.incompatible or else on.error, they go to
 *	  the topic of dead letters or are skipped, and the others go on.
 */
#ifndef RELAY_POLICY_H
#define RELAY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "err.h"

/* Exit codes: sysexits.h's where they fit. */
enum exit_code
{
	EXIT_OK = 0,
	EXIT_RUNTIME = 1,      /* data, protocol, broken invariants */
	EXIT_USAGE = 2,        /* wrong command line */
	EXIT_UNAVAILABLE = 69, /* PostgreSQL, Kafka or the registry cannot be reached */
	EXIT_TEMPORARY = 75,   /* somebody else holds the slot */
	EXIT_PERMISSION = 77,  /* login refused or right missing */
	EXIT_CONFIG = 78,      /* a setting, here or on a server, has to change first */
	EXIT_GUARD = 79        /* slot.guard=stop: the slot is about to be lost */
};

enum policy_action
{
	POLICY_RETRY, /* with backoff */
	POLICY_STOP,
	POLICY_WAIT,        /* connected, until whoever refused accepts */
	POLICY_DEAD_LETTER, /* to the topic of dead letters, as long as it is refused */
	POLICY_SKIP         /* counted and told */
};

struct policy
{
	enum policy_action action;
	enum exit_code     exit_code; /* for when it stops */
};

struct policy_situation
{
	bool    ran; /* some stream has started */
	bool    temporary_slot;
	bool    passes;       /* what failed is passed over by on.error when it comes again */
	int64_t held_ms;      /* E1210: since the slot was first found active elsewhere */
	int64_t slot_wait_ms; /* slot.wait.ms */
};

struct policy  policy_decide(const struct err *e, const struct policy_situation *sit);
enum exit_code policy_exit_code(const struct err *e);

/* Whether a registry's no may become a yes without us: E1802, E1803, E1806, E1807, E1808. */
bool policy_is_refusal(const struct err *e);

/* What becomes of changes for whose schema the registry has no id. */
enum policy_action policy_schema(const struct err *e, enum on_error on_refusal);

/* What becomes of the one record that e is about: POLICY_STOP, _DEAD_LETTER or _SKIP. */
enum policy_action policy_record(const struct err *e, enum on_error on_error);

#endif /* RELAY_POLICY_H */
