/* test_slot_metrics.c: the slot in /metrics, in /status and in walrelay status. */
#include "unit.h"

#include "slot_metrics.h"
#include "status_page.h"

static struct slot_stats
seen(void)
{
	return (struct slot_stats){
		.watched = true,
		.up = true,
		.failures = 1,
		.heartbeats = 2,
		.heartbeat = "needed",
		.name = "shop",
		.wal_status = "extended",
		.invalidation = "",
		.active = true,
		.restart_lsn = UINT64_C(0x1600000100),
		.confirmed_lsn = UINT64_C(0x1600000200),
		.retained = 3 << 20,
		.safe = 1 << 20,
		.limit = 4 << 20,
		.growth = 1024,
		.seconds_left = 1024,
		.level = 2,
		.xmin_age = -1,
		.catalog_xmin_age = 6,
		.spill_bytes = 7,
		.stream_bytes = 0,
		.total_bytes = INT64_MAX,
		.failover = -1,
		.synced = -1,
		.max_keep = 4 << 20,
		.idle_timeout_s = -1,
	};
}

/* Its samples, without comments. */
static char *
samples(const struct slot_stats *slot, enum metrics_format format)
{
	struct buf         text = {0};
	struct buf         out = {0};
	const struct page page = {.out = &text, .format = format};
	char             *line, *rest;

	slot_metrics_text(slot, &page);
	rest = buf_cstr(&text);
	while ((line = strsep(&rest, "\n")) && rest)
		if (*line != '#')
			buf_printf(&out, "%s\n", line);
	buf_free(&text);
	return buf_cstr(&out);
}

static void
what_is_known_is_a_sample(void **state)
{
	struct slot_stats slot = seen();
	char             *text = samples(&slot, METRICS_PROMETHEUS);

	(void) state;
	assert_string_equal(text, "walrelay_slot_watch_up 1\n"
							  "walrelay_slot_watch_failures_total 1\n"
							  "walrelay_slot_heartbeats_total 2\n"
							  "walrelay_slot_active 1\n"
							  "walrelay_slot_wal_status{status=\"reserved\"} 0\n"
							  "walrelay_slot_wal_status{status=\"extended\"} 1\n"
							  "walrelay_slot_wal_status{status=\"unreserved\"} 0\n"
							  "walrelay_slot_wal_status{status=\"lost\"} 0\n"
							  "walrelay_slot_retained_wal_bytes 3145728\n"
							  "walrelay_slot_safe_wal_bytes 1048576\n"
							  "walrelay_slot_wal_limit_bytes 4194304\n"
							  "walrelay_slot_wal_growth_bytes_per_second 1024\n"
							  "walrelay_slot_seconds_left 1024\n"
							  "walrelay_slot_guard_level 2\n"
							  "walrelay_slot_catalog_xmin_age_transactions 6\n"
							  "walrelay_slot_spill_bytes_total 7\n"
							  "walrelay_slot_stream_bytes_total 0\n"
							  "walrelay_slot_decoded_bytes_total 9223372036854775807\n");
	free(text);
	slot.active = false;
	slot.inactive_us = INT64_C(1600000000250000);
	text = samples(&slot, METRICS_OPENMETRICS);
	assert_non_null(strstr(text, "walrelay_slot_inactive_since_timestamp_seconds 1600000000.250000\n"));
	assert_non_null(strstr(text, "walrelay_slot_active 0\n"));
	free(text);
}

static void
a_look_that_failed_shows_as_such(void **state)
{
	struct slot_stats slot = seen();
	struct err        why;
	cJSON            *object, *error;
	char             *text;

	(void) state;
	err_set(&why, ERR_TRANSIENT, E1201, "nobody there");
	slot.up = false;
	slot.why = &why;
	slot.wal_status = NULL;
	text = samples(&slot, METRICS_PROMETHEUS);
	assert_string_equal(text, "walrelay_slot_watch_up 0\n"
							  "walrelay_slot_watch_failures_total 1\n"
							  "walrelay_slot_heartbeats_total 2\n");
	free(text);
	object = slot_metrics_json(&slot);
	error = cJSON_GetObjectItemCaseSensitive(object, "error");
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(error, "code")->valuestring, "E1201");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(object, "watch_up")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(object, "active")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(object, "wal_status")));
	cJSON_Delete(object);
	/* slot.guard=off: not even that. */
	slot.watched = false;
	text = samples(&slot, METRICS_PROMETHEUS);
	assert_string_equal(text ? text : "", "");
	free(text);
}

/* Of one whole /status, as it comes to walrelay status. */
static char *
page_line(const struct slot_stats *slot)
{
	cJSON     *root = cJSON_CreateObject();
	cJSON     *parsed;
	char      *printed, *line, *end;
	struct buf out = {0};

	cJSON_AddItemToObject(root, "slot", slot_metrics_json(slot));
	printed = cJSON_PrintUnformatted(root);
	parsed = cJSON_Parse(printed);
	assert_non_null(parsed);
	status_page(parsed, NULL, 1, 1700000000, &out);
	line = strstr(buf_cstr(&out), "\nslot ");
	line = line ? xstrdup(line + 1) : NULL;
	if (line && (end = strchr(line, '\n')))
		*end = '\0';
	cJSON_free(printed);
	cJSON_Delete(root);
	cJSON_Delete(parsed);
	buf_free(&out);
	return line;
}

static void
people_get_a_line(void **state)
{
	struct slot_stats slot = seen();
	struct err        why;
	char             *line = page_line(&slot);

	(void) state;
	assert_string_equal(line, "slot           keeps 3.0 MB of 4.0 MB of WAL, extended; 17 min LEFT at this rate");
	free(line);
	slot.limit = slot.seconds_left = -1;
	slot.active = false;
	line = page_line(&slot);
	assert_string_equal(line, "slot           keeps 3.0 MB of WAL, extended, not active");
	free(line);
	err_set(&why, ERR_TRANSIENT, E1201, "nobody there");
	slot.up = false;
	slot.why = &why;
	line = page_line(&slot);
	assert_string_equal(line, "slot           CANNOT BE LOOKED AT: E1201: nobody there");
	free(line);
	slot.watched = false;
	assert_null(page_line(&slot));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_a_sample),
		cmocka_unit_test(a_look_that_failed_shows_as_such),
		cmocka_unit_test(people_get_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
