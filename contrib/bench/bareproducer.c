/*
 * bareproducer.c
 *		A bare librdkafka producer: what Kafka alone costs for the same messages.
 *
 *		bareproducer capture FILE ROWS BROKERS TOPIC
 *		bareproducer replay FILE BROKERS TOPIC [PROPERTY=VALUE ...]
 *		bareproducer spread TOPICS MESSAGES BYTES BROKERS PREFIX [PROPERTY=VALUE ...]
 *		bareproducer count BROKERS TOPIC
 *		bareproducer tally ROWS BROKERS TOPIC
 *
 * capture saves the keys and values of a topic that the relay filled, ROWS of
 * them, and tallies the rows in them; replay produces what was saved, with the
 * relay's own properties, and prints what that cost; spread produces MESSAGES of
 * BYTES each to the topics PREFIX0, PREFIX1 and so on in turn, and prints what
 * the thread that produces took; count prints how many messages a topic holds; tally
 * tallies the rows in what a topic has for readers of committed messages, to its end.
 * replay and spread must never do anything per message but produce and count its
 * delivery.  Called by e2e and tables.
 */
#include "tally.h"

#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 60000
#define POLL_EVERY 512 /* messages between looks for delivery reports */

/* In the file before the bytes of key and value; NO_BYTES where there are none. */
struct lengths
{
	uint32_t key;
	uint32_t value;
};
#define NO_BYTES UINT32_MAX

struct deliveries
{
	long good;
	long bad;
};

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "bareproducer: %s: %s\n", what, why);
	exit(1);
}

static void
property_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[512];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		die("property refused", why);
}

static rd_kafka_t *
client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers)
{
	char        why[512];
	rd_kafka_t *client;

	property_set(conf, "bootstrap.servers", brokers);
	client = rd_kafka_new(type, conf, why, sizeof(why));
	if (client == NULL)
		die("no client", why);
	return client;
}

/* Number of partitions of a topic; dies when there is no such topic. */
static int
topic_partitions(rd_kafka_t *client, const char *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t               *handle = rd_kafka_topic_new(client, topic, NULL);
	rd_kafka_resp_err_t             error;
	int                             partitions;

	error = rd_kafka_metadata(client, 0, handle, &metadata, TIMEOUT_MS);
	if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
		error = metadata->topics[0].err;
	if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
		die(topic, rd_kafka_err2str(error));
	partitions = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	return partitions;
}

static void
count_run(const char *brokers, const char *topic)
{
	rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, rd_kafka_conf_new(), brokers);
	int         partitions = topic_partitions(client, topic);
	int64_t     low, high, count = 0;

	for (int i = 0; i < partitions; i++)
	{
		rd_kafka_resp_err_t error =
			rd_kafka_query_watermark_offsets(client, topic, i, &low, &high, TIMEOUT_MS);

		if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
			die(topic, rd_kafka_err2str(error));
		count += high - low;
	}
	printf("%lld\n", (long long) count);
	rd_kafka_destroy(client);
}

static void
message_save(const rd_kafka_message_t *message, FILE *file)
{
	struct lengths lengths = {message->key ? (uint32_t) message->key_len : NO_BYTES,
							  message->payload ? (uint32_t) message->len : NO_BYTES};

	if (fwrite(&lengths, sizeof(lengths), 1, file) != 1 ||
		fwrite(message->key, 1, message->key_len, file) != message->key_len ||
		fwrite(message->payload, 1, message->len, file) != message->len)
		die("cannot write the file", "short write");
}

/* Reads a topic from its beginning on; says where each partition ends. */
static rd_kafka_t *
reader_new(const char *brokers, const char *topic, int *partitions)
{
	rd_kafka_conf_t                 *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_t                      *client;

	property_set(conf, "group.id", "bareproducer");
	property_set(conf, "enable.auto.commit", "false");
	property_set(conf, "auto.offset.reset", "earliest");
	property_set(conf, "enable.partition.eof", "true");
	client = client_new(RD_KAFKA_CONSUMER, conf, brokers);
	*partitions = topic_partitions(client, topic);
	list = rd_kafka_topic_partition_list_new(1);
	for (int i = 0; i < *partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	if (rd_kafka_assign(client, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		die(topic, "cannot be read");
	rd_kafka_topic_partition_list_destroy(list);
	return client;
}

/* The next message; NULL at the end of a partition. */
static rd_kafka_message_t *
reader_next(rd_kafka_t *client, const char *topic)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(client, TIMEOUT_MS);

	if (message == NULL)
		die(topic, "holds fewer messages than rows");
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
	{
		rd_kafka_message_destroy(message);
		return NULL;
	}
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		die(topic, rd_kafka_message_errstr(message));
	return message;
}

static void
tally_run(long rows, const char *brokers, const char *topic)
{
	int          partitions;
	rd_kafka_t  *client = reader_new(brokers, topic, &partitions);
	struct tally tally;

	tally_init(&tally, rows);
	while (partitions > 0)
	{
		rd_kafka_message_t *message = reader_next(client, topic);

		if (message == NULL)
		{
			partitions--;
			continue;
		}
		tally_add(&tally, message->payload, message->len);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(client);
	rd_kafka_destroy(client);
	tally_finish(&tally);
}

static void
capture_run(const char *path, long rows, const char *brokers, const char *topic)
{
	int          partitions;
	rd_kafka_t  *client = reader_new(brokers, topic, &partitions);
	FILE        *file = fopen(path, "w");
	struct tally tally;

	if (file == NULL)
		die("cannot create the file", path);
	tally_init(&tally, rows);
	while (tally.messages < rows)
	{
		rd_kafka_message_t *message = reader_next(client, topic);

		if (message == NULL)
			continue; /* more may be on its way */
		message_save(message, file);
		tally_add(&tally, message->payload, message->len);
		rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(client);
	rd_kafka_destroy(client);
	if (fclose(file) != 0)
		die("cannot write the file", path);
	tally_finish(&tally);
}

static void
on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
	struct deliveries *deliveries = opaque;

	(void) client;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		deliveries->good++;
	else
		deliveries->bad++;
}

static void
produce(rd_kafka_t *client, rd_kafka_topic_t *topic, const char *key, size_t key_len,
		const char *value, size_t len)
{
	while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
							(void *) (uintptr_t) value, len, key, key_len, NULL) != 0)
	{
		if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			die("cannot produce", rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(client, 100);
	}
}

static void
flush(rd_kafka_t *client)
{
	if (rd_kafka_flush(client, TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		die("cannot flush", "not everything was acknowledged in time");
}

/* Produces all of bytes[0..size), returns the number of messages. */
static long
replay_all(rd_kafka_t *client, rd_kafka_topic_t *topic, const char *bytes, size_t size)
{
	size_t pos = 0;
	long   sent = 0;

	while (pos < size)
	{
		struct lengths lengths;
		const char    *key = NULL, *value = NULL;

		memcpy(&lengths, bytes + pos, sizeof(lengths));
		pos += sizeof(lengths);
		if (lengths.key != NO_BYTES)
		{
			key = bytes + pos;
			pos += lengths.key;
		}
		if (lengths.value != NO_BYTES)
		{
			value = bytes + pos;
			pos += lengths.value;
		}
		produce(client, topic, key, key ? lengths.key : 0, value, value ? lengths.value : 0);
		if (++sent % POLL_EVERY == 0)
			rd_kafka_poll(client, 0);
	}
	flush(client);
	return sent;
}

static double
seconds_of(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

/* A producer with the properties given, whose deliveries are counted. */
static rd_kafka_t *
producer_new(const char *brokers, char **properties, int nproperties, struct deliveries *deliveries)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	for (int i = 0; i < nproperties; i++)
	{
		char *value = strchr(properties[i], '=');

		if (value == NULL)
			die("not a PROPERTY=VALUE", properties[i]);
		*value = '\0';
		property_set(conf, properties[i], value + 1);
	}
	property_set(conf, "log_level", "3"); /* errors, not advice */
	rd_kafka_conf_set_opaque(conf, deliveries);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	return client_new(RD_KAFKA_PRODUCER, conf, brokers);
}

/* The file is in memory before the clock starts: reading it is not measured. */
static void
replay_run(const char *path, const char *brokers, const char *topic_name, char **properties,
		   int nproperties)
{
	struct deliveries deliveries = {0, 0};
	rd_kafka_topic_t *topic;
	rd_kafka_t       *client;
	struct stat       stat;
	double            wall, cpu;
	char             *bytes;
	long              sent;
	int               fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &stat) != 0)
		die("cannot read the file", path);
	bytes = mmap(NULL, (size_t) stat.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (bytes == MAP_FAILED)
		die("cannot map the file", path);

	wall = seconds_of(CLOCK_MONOTONIC);
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	client = producer_new(brokers, properties, nproperties, &deliveries);
	topic = rd_kafka_topic_new(client, topic_name, NULL);
	sent = replay_all(client, topic, bytes, (size_t) stat.st_size);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(client);
	if (deliveries.good != sent)
		die("not all messages were acknowledged", topic_name);
	printf("{\"messages\": %ld, \"wall_s\": %.4f, \"cpu_s\": %.4f}\n", sent,
		   seconds_of(CLOCK_MONOTONIC) - wall, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

/* One message for each topic goes ahead and is not measured: the client asks for its leader. */
static void
spread_run(int ntopics, long messages, size_t bytes, const char *brokers, const char *prefix,
		   char **properties, int nproperties)
{
	struct deliveries  deliveries = {0, 0};
	rd_kafka_t        *client = producer_new(brokers, properties, nproperties, &deliveries);
	rd_kafka_topic_t **topics = calloc((size_t) ntopics, sizeof(*topics));
	char              *value = calloc(1, bytes);
	double             thread, all;

	if (topics == NULL || value == NULL)
		die("no memory", prefix);
	for (int i = 0; i < ntopics; i++)
	{
		char name[256];

		snprintf(name, sizeof(name), "%s%d", prefix, i);
		topics[i] = rd_kafka_topic_new(client, name, NULL);
		produce(client, topics[i], name, strlen(name), value, bytes);
	}
	flush(client);
	thread = seconds_of(CLOCK_THREAD_CPUTIME_ID);
	all = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	for (long sent = 0; sent < messages;)
	{
		char key[sizeof(sent)];

		memcpy(key, &sent, sizeof(sent));
		produce(client, topics[sent % ntopics], key, sizeof(key), value, bytes);
		if (++sent % POLL_EVERY == 0)
			rd_kafka_poll(client, 0);
	}
	flush(client);
	thread = seconds_of(CLOCK_THREAD_CPUTIME_ID) - thread;
	all = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - all;
	if (deliveries.good != messages + ntopics)
		die("not all messages were acknowledged", prefix);
	for (int i = 0; i < ntopics; i++)
		rd_kafka_topic_destroy(topics[i]);
	rd_kafka_destroy(client);
	free(topics);
	free(value);
	printf("{\"messages\": %ld, \"thread_s\": %.6f, \"cpu_s\": %.6f}\n", messages, thread, all);
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "tally") == 0)
		tally_run(atol(argv[2]), argv[3], argv[4]);
	else if (argc == 6 && strcmp(argv[1], "capture") == 0)
		capture_run(argv[2], atol(argv[3]), argv[4], argv[5]);
	else if (argc >= 5 && strcmp(argv[1], "replay") == 0)
		replay_run(argv[2], argv[3], argv[4], argv + 5, argc - 5);
	else if (argc >= 7 && strcmp(argv[1], "spread") == 0)
		spread_run(atoi(argv[2]), atol(argv[3]), (size_t) atol(argv[4]), argv[5], argv[6], argv + 7,
				   argc - 7);
	else if (argc == 4 && strcmp(argv[1], "count") == 0)
		count_run(argv[2], argv[3]);
	else
	{
		fprintf(stderr, "usage: bareproducer capture FILE ROWS BROKERS TOPIC\n"
						"       bareproducer replay FILE BROKERS TOPIC [PROPERTY=VALUE ...]\n"
						"       bareproducer spread TOPICS MESSAGES BYTES BROKERS PREFIX "
						"[PROPERTY=VALUE ...]\n"
						"       bareproducer count BROKERS TOPIC\n"
						"       bareproducer tally ROWS BROKERS TOPIC\n");
		return 2;
	}
	return 0;
}
