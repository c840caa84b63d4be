/*
 * registry.h
 *		Schema text to registry id, without blocking.
 *
 * Any registry that speaks Confluent's REST interface, by http.c; or none: then
 * schemas go to a folder (those of Kafka's messages; lines of JSON need none)
 * and the prefix is that of Avro single-object encoding.  What a registry
 * refuses it is asked for again, by itself, until its mind has changed.
 */
#ifndef RELAY_REGISTRY_H
#define RELAY_REGISTRY_H

#include "config.h"
#include "err.h"
#include "loop.h"

struct registry;

/* A schema that is refused just now. */
struct refusal
{
	const char           *subject;
	const char           *schema;     /* ours, whole */
	const char           *registered; /* the subject's latest one, whole; NULL: not known */
	int                   version;    /* of that; 0: not known */
	int64_t               since_us;   /* since the Unix epoch */
	struct err            why;
	struct refusal       *next;
};

struct registry_events
{
	/* Something that was RC_AGAIN or refused may be asked again. */
	void (*ready)(void *arg);
	/* State for operators: reachable or not; called when it changes. */
	void (*state)(void *arg, bool up, const struct err *why);
	/*
	 * For operators: a schema is refused; the first time, when the reason
	 * changes, and every ten minutes, then with again.
	 */
	void (*refused)(void *arg, const struct refusal *refusal, bool again);
	/* A refused schema was accepted. */
	void (*accepted)(void *arg, const char *subject);
	void *arg;
	/* NULL: nobody.  A login is refused: if secrets are others behind this, it is tried with them. */
	void (*login_refused)(void *arg);
};

struct registry_stats
{
	uint64_t requests;
	uint64_t failures;
	uint64_t schemas; /* ids known */
};

enum rc registry_new(struct loop *loop, const struct config *cfg,
					 const struct registry_events *events, struct registry **reg,
					 struct err *e) MUST_CHECK;
void	registry_free(struct registry *reg);

#define REGISTRY_PREFIX_MAX 10

/*
 * The bytes that go before a record of this schema: 0 and a big-endian id, or
 * C3 01 and the fingerprint.  RC_OK: prefix and *len are filled, from the cache
 * from the second time on.  RC_AGAIN: asked for; ready() is called when there
 * is an answer.  An unreachable registry stays RC_AGAIN (with backoff and
 * jitter, and state()).  RC_ERR with a code that policy_schema() knows
 * (E1802, E1803, E1806, E1807, E1808): refused, which it stays until ready()
 * says that there is news; the registry is asked again in pauses of up to 30 s.
 * RC_ERR with another code: given up; asking again asks the registry again.
 */
enum rc registry_prefix(struct registry *reg, const char *subject, const char *schema,
						uint8_t prefix[REGISTRY_PREFIX_MAX], size_t *len, struct err *e)
	MUST_CHECK;

/* Nobody waits for this schema any more: it is not asked for again, unless it is known. */
void registry_drop(struct registry *reg, const char *subject, const char *schema);

/* Asks now for what is refused, whatever the pause; how many schemas that are. */
unsigned registry_ask_again(struct registry *reg);

/* Grows with every answer: whoever was refused asks again only when it has. */
uint64_t registry_answers(const struct registry *reg);

/* The first of what is refused, newest first; NULL: nothing is.  Lives until the loop goes on. */
const struct refusal *registry_refusals(const struct registry *reg);

/* Prefix length that registry_prefix() will give: 5 or 10. */
size_t registry_prefix_len(const struct registry *reg);
void   registry_stats(const struct registry *reg, struct registry_stats *stats);

#endif /* RELAY_REGISTRY_H */
