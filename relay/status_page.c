/*
 * status_page.c
 *		Lines of status and top; see status_page.h.
 */
#include "status_page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "err.h"
#include "json_member.h"

#define LABEL "%-14s "

/* --- values ----------------------------------------------------------------------------- */

/* A number, also of an object in it, "changes.insert"; NAN: it is not known. */
static double
number_of(const cJSON *json, const char *group, const char *name)
{
	const cJSON *in = group ? cJSON_GetObjectItemCaseSensitive(json, group) : json;
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);

	return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* True, false, or neither of them. */
static const char *
word_of(const cJSON *json, const char *name, const char *yes, const char *no)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsTrue(item) ? yes : cJSON_IsFalse(item) ? no : "not used, or not asked yet";
}

static bool
is_true(const cJSON *json, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name));
}

/* "1,234,567"; "?" for what is not known. */
static const char *
count_text(double count, char text[32])
{
	char     digits[32];
	unsigned len;
	unsigned at = 0;

	if (!(count >= 0 && count < 1e18))
		return "?";
	len = (unsigned) snprintf(digits, sizeof(digits), "%.0f", count);
	for (unsigned i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

/* "1.5 GB"; "?" for what is not known. */
static const char *
bytes_text(double bytes, char text[32])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	unsigned                 unit = 0;

	if (!(bytes >= 0))
		return "?";
	for (; bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		bytes /= 1024;
	snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return text;
}

/* "2.5 s", "3 min", "5.1 h"; "?" for what is not known. */
static const char *
seconds_text(double seconds, char text[32])
{
	if (!isfinite(seconds))
		return "?";
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(text, 32, "%.1f s", seconds);
	else if (seconds < 7200)
		snprintf(text, 32, "%.0f min", seconds / 60);
	else
		snprintf(text, 32, "%.1f h", seconds / 3600);
	return text;
}

/* --- lines -------------------------------------------------------------------------------- */

struct page
{
	const cJSON *now;
	const cJSON *before; /* NULL: no rates */
	double       seconds;
	double       now_s;
	struct buf  *out;
};

static void PRINTF_LIKE(3, 4)
put_line(struct page *page, const char *label, const char *fmt, ...)
{
	char    text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(page->out, LABEL "%s\n", label, text);
}

/* "  1,200/s" behind a counter, if there is something to compare with. */
static const char *
rate_text(const struct page *page, const char *group, const char *name, char text[40])
{
	double rate = page->before ? (number_of(page->now, group, name) -
								  number_of(page->before, group, name)) /
									 page->seconds
							   : NAN;
	char   count[32];

	text[0] = '\0';
	/* A relay that was started anew counts from 0. */
	if (rate >= 0)
		snprintf(text, 40, "  %s/s", count_text(rate, count));
	return text;
}

static void
put_counter(struct page *page, const char *label, const char *group, const char *name)
{
	char count[32];
	char rate[40];

	put_line(page, label, "%14s%s", count_text(number_of(page->now, group, name), count),
			 rate_text(page, group, name, rate));
}

static void
put_peers(struct page *page)
{
	const cJSON *now = page->now;
	char         text[32];

	put_line(page, "state", "%s, %s", member_text(now, "state"),
			 is_true(now, "ready") ? "ready" : "not ready");
	put_line(page, "PostgreSQL", "%s, last heard of %s ago",
			 word_of(now, "source_connected", "streams", "is not connected"),
			 seconds_text(number_of(now, NULL, "source_silence_seconds"), text));
	put_line(page, "Kafka", "%s", word_of(now, "kafka_reachable", "can be reached", "CANNOT BE REACHED"));
	put_line(page, "registry", "%s",
			 word_of(now, "registry_reachable", "can be reached", "CANNOT BE REACHED"));
}

static void
put_positions(struct page *page)
{
	const cJSON *now = page->now;
	char         text[32];

	put_line(page, "lag", "%s", bytes_text(number_of(now, NULL, "lag_bytes"), text));
	put_line(page, "confirmed", "%s; received %s, server at %s", member_text(now, "confirmed_lsn"),
			 member_text(now, "received_lsn"), member_text(now, "server_lsn"));
	put_line(page, "last commit", "%s ago",
			 seconds_text(page->now_s - number_of(now, NULL, "last_commit_timestamp_seconds"), text));
}

static void
put_flow(struct page *page)
{
	char bytes[32];

	put_counter(page, "transactions", NULL, "transactions");
	put_counter(page, "inserts", "changes", "insert");
	put_counter(page, "updates", "changes", "update");
	put_counter(page, "deletes", "changes", "delete");
	put_counter(page, "messages sent", NULL, "produced_messages");
	put_counter(page, "acknowledged", NULL, "acked_messages");
	put_counter(page, "in flight", NULL, "unacked_messages");
	put_line(page, "bytes sent", "%14s", bytes_text(number_of(page->now, NULL, "produced_bytes"), bytes));
}

static void
put_snapshots(struct page *page)
{
	const cJSON *now = page->now;
	const cJSON *waiting = cJSON_GetObjectItemCaseSensitive(now, "snapshot_waiting");
	const char  *why = is_true(waiting, "rate")       ? ", waits: rate"
					   : is_true(waiting, "window")   ? ", waits: window"
					   : is_true(waiting, "retained") ? ", waits: retained WAL"
													  : "";
	double       rows = number_of(now, NULL, "snapshot_rows");
	double       estimated = number_of(now, NULL, "snapshot_rows_estimated");
	char         count[32];
	char         rate[40];

	if (is_true(now, "snapshot_running"))
	{
		put_line(page, "snapshot", "%.0f of %.0f tables, %s rows%s%s",
				 number_of(now, NULL, "snapshot_tables_complete"),
				 number_of(now, NULL, "snapshot_tables"), count_text(rows, count),
				 rate_text(page, NULL, "snapshot_rows", rate), why);
		if (estimated > 0)
			put_line(page, "", "about %.0f %%", rows < estimated ? 100 * rows / estimated : 99);
	}
	if (number_of(now, NULL, "incremental_tables") > 0)
		put_line(page, "incremental", "%.0f tables, %s rows%s%s%s",
				 number_of(now, NULL, "incremental_tables"),
				 count_text(number_of(now, NULL, "incremental_rows"), count),
				 rate_text(page, NULL, "incremental_rows", rate), why,
				 is_true(now, "incremental_paused") ? ", paused" : "");
}

/* Only what there is: each of these wants somebody to look. */
static void
put_troubles(struct page *page)
{
	const cJSON *item;
	const cJSON *code;
	char         count[32];

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page->now, "schemas_refused"))
		put_line(page, "refused", "%s: %s", member_text(item, "code"), member_text(item, "subject"));
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page->now, "dead_letters"))
		put_line(page, "dead letters", "%s of %s", count_text(item->valuedouble, count), item->string);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(page->now, "skipped_messages"))
		cJSON_ArrayForEach(code, item)
			put_line(page, "skipped", "%s of %s, %s", count_text(code->valuedouble, count), item->string,
					 code->string);
	if (number_of(page->now, NULL, "gaps_accepted") > 0)
		put_line(page, "gaps passed", "%.0f", number_of(page->now, NULL, "gaps_accepted"));
}

static void
put_process(struct page *page)
{
	const cJSON *now = page->now;
	double       used = page->before ? (number_of(now, NULL, "process_cpu_seconds") -
                                  number_of(page->before, NULL, "process_cpu_seconds")) /
                                     page->seconds
									 : NAN;
	char         memory[32];
	char         since[32];
	char         cpu[32] = "";

	if (used >= 0)
		snprintf(cpu, sizeof(cpu), ", %.0f %% of a core", 100 * used);
	put_line(page, "process", "%s of memory%s, runs for %s; walrelay %s",
			 bytes_text(number_of(now, NULL, "process_resident_memory_bytes"), memory), cpu,
			 seconds_text(page->now_s - number_of(now, NULL, "process_start_time_seconds"), since),
			 member_text(now, "version"));
}

void
status_page(const cJSON *now, const cJSON *before, double seconds, double now_s, struct buf *out)
{
	struct page page = {
		.now = now, .before = before, .seconds = seconds, .now_s = now_s, .out = out};

	put_peers(&page);
	put_positions(&page);
	buf_puts(out, "\n");
	put_flow(&page);
	put_snapshots(&page);
	put_troubles(&page);
	buf_puts(out, "\n");
	put_process(&page);
}
