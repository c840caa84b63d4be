/*
 * client_stats.c
 *		Of librdkafka's JSON to a few numbers; see client_stats.h.
 */
#include "client_stats.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "buf.h"

/* Where each window is, and what one of its units is in ours. */
static const struct
{
	const char *name;
	double      unit;
} window_fields[NCLIENT_WINDOWS] = {
	[CLIENT_INT_LATENCY] = {"int_latency", 1e-6}, [CLIENT_OUTBUF_LATENCY] = {"outbuf_latency", 1e-6},
	[CLIENT_RTT] = {"rtt", 1e-6},                 [CLIENT_THROTTLE] = {"throttle", 1e-3},
	[CLIENT_BATCH_BYTES] = {"batchsize", 1},      [CLIENT_BATCH_MESSAGES] = {"batchcnt", 1},
};

static const char *const counter_fields[NCLIENT_COUNTERS] = {
	[CLIENT_TX_REQUESTS] = "tx",        [CLIENT_TX_BYTES] = "txbytes",
	[CLIENT_TX_ERRORS] = "txerrs",      [CLIENT_TX_RETRIES] = "txretries",
	[CLIENT_TIMEOUTS] = "req_timeouts", [CLIENT_CONNECTS] = "connects",
	[CLIENT_DISCONNECTS] = "disconnects"};

static double
number_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? item->valuedouble : 0;
}

static uint64_t
count_of(const cJSON *object, const char *name)
{
	return (uint64_t) number_of(object, name);
}

/* One broker's or topic's window joins those before it. */
static void
window_join(struct client_window *window, const cJSON *json, double unit)
{
	uint64_t count = count_of(json, "cnt");
	double   p99 = number_of(json, "p99") * unit;
	double   max = number_of(json, "max") * unit;

	if (count == 0)
		return;
	window->avg = (window->avg * (double) window->count + number_of(json, "avg") * unit * (double) count) /
				  (double) (window->count + count);
	window->count += count;
	if (p99 > window->p99)
		window->p99 = p99;
	if (max > window->max)
		window->max = max;
}

static void
windows_join(struct client_stats *stats, const cJSON *object, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		window_join(&stats->windows[i],
					cJSON_GetObjectItemCaseSensitive(object, window_fields[i].name),
					window_fields[i].unit);
}

static void
take_brokers(struct client_stats *stats, const cJSON *brokers)
{
	uint64_t     sums[NCLIENT_COUNTERS] = {0};
	const cJSON *broker;

	cJSON_ArrayForEach(broker, brokers)
	{
		stats->requests_waiting += count_of(broker, "outbuf_cnt");
		stats->requests_in_flight += count_of(broker, "waitresp_cnt");
		windows_join(stats, broker, 0, CLIENT_BATCH_BYTES);
		for (unsigned i = 0; i < NCLIENT_COUNTERS; i++)
			sums[i] += count_of(broker, counter_fields[i]);
	}
	for (unsigned i = 0; i < NCLIENT_COUNTERS; i++)
	{
		if (sums[i] > stats->before[i]) /* less: a broker is not told of any more */
			stats->counters[i] += sums[i] - stats->before[i];
		stats->before[i] = sums[i];
	}
}

/* Where the name of the object's own member begins; len: it has none. */
static size_t
member_at(const char *json, size_t len, const char *name)
{
	size_t   name_len = strlen(name);
	unsigned depth = 0;
	bool     quoted = false;

	for (size_t i = 0; i < len; i++)
	{
		if (quoted)
		{
			if (json[i] == '\\')
				i++;
			else if (json[i] == '"')
				quoted = false;
		}
		else if (json[i] == '"')
		{
			/* No value of librdkafka's own at that depth is named like a member. */
			if (depth == 1 && len - i > name_len + 1 && json[i + 1 + name_len] == '"' &&
				memcmp(json + i + 1, name, name_len) == 0)
				return i;
			quoted = true;
		}
		else if (json[i] == '{' || json[i] == '[')
			depth++;
		else if (json[i] == '}' || json[i] == ']')
			depth--;
	}
	return len;
}

/* Without its topics, and what follows them, if it is large. */
static cJSON *
stats_parse(const char *json, size_t len)
{
	struct buf head = {0};
	cJSON     *root;
	size_t     end;

	if (len <= CLIENT_STATS_LARGE)
		return cJSON_ParseWithLength(json, len);
	end = member_at(json, len, "topics");
	while (end > 0 && json[end - 1] != ',')
		end--;
	if (end == 0)
		return NULL;
	buf_put(&head, json, end - 1);
	buf_put_u8(&head, '}');
	root = cJSON_ParseWithLength((const char *) head.data, head.len);
	buf_free(&head);
	return root;
}

void
client_stats_read(struct client_stats *stats, const char *json, size_t len)
{
	cJSON       *root = stats_parse(json, len);
	const cJSON *topic;

	if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(root, "brokers")))
	{
		cJSON_Delete(root);
		return;
	}
	memset(stats->windows, 0, sizeof(stats->windows));
	stats->known = true;
	stats->time_s = (int64_t) number_of(root, "time");
	stats->queued_messages = count_of(root, "msg_cnt");
	stats->queued_bytes = count_of(root, "msg_size");
	stats->requests_waiting = stats->requests_in_flight = 0;
	take_brokers(stats, cJSON_GetObjectItemCaseSensitive(root, "brokers"));
	cJSON_ArrayForEach(topic, cJSON_GetObjectItemCaseSensitive(root, "topics"))
		windows_join(stats, topic, CLIENT_BATCH_BYTES, NCLIENT_WINDOWS);
	cJSON_Delete(root);
}

void
client_stats_renew(struct client_stats *stats)
{
	memset(stats->before, 0, sizeof(stats->before));
}
