/*
 * registry.h
 *		Schema text to registry id, without blocking.
 *
 * Any registry that speaks Confluent's REST interface, over libcurl's multi
 * interface on the loop; or none: then schemas go to a folder (those of Kafka's
 * messages; lines of JSON need none) and the prefix is that of Avro
 * single-object encoding.  The only file that includes curl.h is registry.c.
 */
#ifndef RELAY_REGISTRY_H
#define RELAY_REGISTRY_H

#include "config.h"
#include "err.h"
#include "loop.h"

struct registry;

struct registry_events
{
	/* Something that was RC_AGAIN may be asked again. */
	void (*ready)(void *arg);
	/* State for operators: reachable or not; called when it changes. */
	void (*state)(void *arg, bool up, const struct err *why);
	void *arg;
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
 * jitter, and state()).  RC_ERR: refused for good (E1802 with both schemas'
 * difference as far as the registry tells, E1803, E1804); forgotten, so
 * that asking again asks the registry again.
 */
enum rc registry_prefix(struct registry *reg, const char *subject, const char *schema,
						uint8_t prefix[REGISTRY_PREFIX_MAX], size_t *len, struct err *e)
	MUST_CHECK;

/* Prefix length that registry_prefix() will give: 5 or 10. */
size_t registry_prefix_len(const struct registry *reg);
void   registry_stats(const struct registry *reg, struct registry_stats *stats);

#endif /* RELAY_REGISTRY_H */
