/*
 * slot_metrics.c
 *		The slot in /metrics and /status; see slot_metrics.h.
 */
#include "slot_metrics.h"

#include <inttypes.h>
#include <stddef.h>

#include "pg.h"

#define SLOT PREFIX "slot_"
#define AT(field) offsetof(struct slot_stats, field)

/* int64_t each; negative: not known, no sample and null. */
struct slot_metric
{
	const char *name; /* without _total */
	size_t      offset;
	bool        counts; /* on the server: it may begin anew */
	const char *help;
};

static const struct slot_metric table[] = {
	{"retained_wal_bytes", AT(retained), false, "WAL that the slot keeps."},
	{"safe_wal_bytes", AT(safe), false,
	 "WAL that the server may still write before the slot can be lost; not there without a limit."},
	{"wal_limit_bytes", AT(limit), false,
	 "WAL that it may keep: the server's limit or slot.guard.bytes, whichever is less."},
	{"wal_growth_bytes_per_second", AT(growth), false,
	 "How fast what it keeps grows, over the last minute at most."},
	{"seconds_left", AT(seconds_left), false,
	 "Until the limit is reached at this rate; not there if it does not grow."},
	{"guard_level", AT(level), false,
	 "0: well; 1: half of the limit, 2: three quarters, 3: nine tenths, or little time is left."},
	{"xmin_age_transactions", AT(xmin_age), false,
	 "Transactions since the one that VACUUM of all tables cannot go beyond because of the slot."},
	{"catalog_xmin_age_transactions", AT(catalog_xmin_age), false,
	 "The same for VACUUM of system catalogs."},
	{"spill_bytes", AT(spill_bytes), true,
	 "Bytes of transactions that the server has written to disk while it decoded for the slot."},
	{"stream_bytes", AT(stream_bytes), true,
	 "Bytes of transactions that it has sent before their commit; walrelay asks for none."},
	{"decoded_bytes", AT(total_bytes), true, "Bytes of transactions that it has decoded for the slot."},
	{"failover", AT(failover), false, "Whether standbys keep a copy of the slot."},
	{"synced", AT(synced), false, "Whether it is, or was, such a copy."},
};

#define NTABLE (sizeof(table) / sizeof(table[0]))

static const char *const statuses[] = {"reserved", "extended", "unreserved", "lost"};

#define NSTATUSES (sizeof(statuses) / sizeof(statuses[0]))

static int64_t
slot_number(const struct slot_stats *slot, const struct slot_metric *metric)
{
	return *(const int64_t *) ((const char *) slot + metric->offset);
}

/* --- text ------------------------------------------------------------------------- */

static void
text_number(const struct page *page, const char *name, bool counts, const char *help,
			uint64_t number)
{
	char full[80];

	snprintf(full, sizeof(full), SLOT "%s%s", name, counts ? "_total" : "");
	text_head(page, full, counts ? "counter" : "gauge", help);
	buf_printf(page->out, "%s %" PRIu64 "\n", full, number);
}

static void
text_seen(const struct slot_stats *slot, const struct page *page)
{
	text_number(page, "active", false, "Whether somebody streams from the slot.", slot->active);
	if (slot->inactive_us > 0)
	{
		text_head(page, SLOT "inactive_since_timestamp_seconds", "gauge",
				  "Since when nobody does, since the Unix epoch.");
		buf_printf(page->out, SLOT "inactive_since_timestamp_seconds %" PRId64 ".%06" PRId64 "\n",
				   slot->inactive_us / 1000000, slot->inactive_us % 1000000);
	}
	text_head(page, SLOT "wal_status", "gauge", "1 for the slot's wal_status, 0 for the others.");
	for (unsigned i = 0; i < NSTATUSES; i++)
		buf_printf(page->out, SLOT "wal_status{status=\"%s\"} %d\n", statuses[i],
				   strcmp(slot->wal_status, statuses[i]) == 0);
	for (unsigned i = 0; i < NTABLE; i++)
		if (slot_number(slot, &table[i]) >= 0)
			text_number(page, table[i].name, table[i].counts, table[i].help,
						(uint64_t) slot_number(slot, &table[i]));
}

void
slot_metrics_text(const struct slot_stats *slot, const struct page *page)
{
	if (!slot->watched)
		return;
	text_number(page, "watch_up", false, "Whether the slot could be looked at a few seconds ago.",
				slot->up);
	text_number(page, "watch_failures", true, "Looks at the slot that brought no answer.",
				slot->failures);
	text_number(page, "heartbeats", true,
				"Logical messages that were written because the slot stood still.", slot->heartbeats);
	if (slot->up)
		text_seen(slot, page);
}

/* --- JSON ------------------------------------------------------------------------- */

static cJSON *
json_number(int64_t number)
{
	char text[32];

	if (number < 0)
		return cJSON_CreateNull();
	snprintf(text, sizeof(text), "%" PRId64, number);
	return cJSON_CreateRaw(text);
}

static cJSON *
json_lsn(uint64_t lsn)
{
	char text[32];

	snprintf(text, sizeof(text), "%X/%X", LSN_PARTS(lsn));
	return lsn ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static cJSON *
json_why(const struct err *why)
{
	cJSON *object;

	if (why == NULL)
		return cJSON_CreateNull();
	object = need(cJSON_CreateObject());
	add(object, "code", json_text(err_code_name(why->code)));
	add(object, "message", json_text(why->msg));
	add(object, "detail", json_text(why->detail));
	add(object, "hint", json_text(why->hint));
	return object;
}

cJSON *
slot_metrics_json(const struct slot_stats *slot)
{
	cJSON *object = need(cJSON_CreateObject());
	char   since[40];

	snprintf(since, sizeof(since), "%" PRId64 ".%06" PRId64, slot->inactive_us / 1000000,
			 slot->inactive_us % 1000000);
	add(object, "name", json_text(slot->name));
	add(object, "watched", cJSON_CreateBool(slot->watched));
	add(object, "watch_up", cJSON_CreateBool(slot->up));
	add(object, "error", json_why(slot->why));
	add(object, "watch_failures", json_number((int64_t) slot->failures));
	add(object, "heartbeats", json_number((int64_t) slot->heartbeats));
	add(object, "heartbeat", json_text(slot->heartbeat));
	add(object, "active", slot->up ? cJSON_CreateBool(slot->active) : cJSON_CreateNull());
	add(object, "inactive_since_timestamp_seconds",
		slot->inactive_us > 0 ? cJSON_CreateRaw(since) : cJSON_CreateNull());
	add(object, "wal_status", json_text(slot->wal_status));
	add(object, "invalidation_reason",
		json_text(slot->invalidation && *slot->invalidation ? slot->invalidation : NULL));
	add(object, "restart_lsn", json_lsn(slot->restart_lsn));
	add(object, "confirmed_flush_lsn", json_lsn(slot->confirmed_lsn));
	for (unsigned i = 0; i < NTABLE; i++)
		add(object, table[i].name, json_number(slot_number(slot, &table[i])));
	add(object, "max_slot_wal_keep_size_bytes", json_number(slot->max_keep));
	add(object, "idle_replication_slot_timeout_seconds", json_number(slot->idle_timeout_s));
	return object;
}
