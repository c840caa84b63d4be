/*
 * latency.c
 *		How long after COMMIT returned did the row reach a client?
 *
 *		latency CONNINFO SLOT RATE SECONDS [OPTION=VALUE ...]
 *
 * A child process commits single rows at RATE a second, each with its number
 * in a text column; this process reads the slot and notes when each number
 * arrives.  Both use CLOCK_MONOTONIC and share one array.  The first second is
 * not counted.  Prints one JSON object, times in milliseconds: a negative one
 * means that the row was there before COMMIT returned.  Called by the script
 * of the same name, which made table and slot.
 */
#include "stream.h"
#include "tally.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL
#define GRACE_S 30 /* for the last row to arrive */

struct sample
{
	long long committed; /* ns; 0 until COMMIT returned */
	long long arrived;   /* ns; 0 until seen in the stream */
};

static long long
now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void
sleep_until(long long ns)
{
	struct timespec time = {ns / NS_PER_S, ns % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

/* Commits count rows, number 1 first; each waits for its turn or is late. */
static void
writer_run(const char *conninfo, struct sample *samples, long count, long rate)
{
	PGconn   *conn = stream_connect(conninfo, false);
	PGresult *result;
	long long start;

	result = PQprepare(conn, "row",
					   "INSERT INTO latency (id, a, b, t, at) VALUES "
					   "($1::bigint, 1, 2, '#' || lpad($1::text, 9, '0') || '#', now())",
					   1, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		stream_die(conn, "could not prepare the insert");
	PQclear(result);

	start = now_ns();
	for (long i = 1; i <= count; i++)
	{
		char        number[24];
		const char *values[1] = {number};

		snprintf(number, sizeof(number), "%ld", i);
		sleep_until(start + i * NS_PER_S / rate);
		result = PQexecPrepared(conn, "row", 1, values, NULL, NULL, 0);
		samples[i].committed = now_ns();
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			stream_die(conn, "could not insert");
		PQclear(result);
	}
	PQfinish(conn);
}

static int
compare_ns(const void *a, const void *b)
{
	long long left = *(const long long *) a;
	long long right = *(const long long *) b;

	return (left > right) - (left < right);
}

/* Nearest rank: the smallest value that percent of all values do not exceed. */
static double
percentile_ms(const long long *sorted, long n, double percent)
{
	long rank = (long) (percent / 100.0 * (double) n + 0.999999);

	if (rank < 1)
		rank = 1;
	return (double) sorted[(rank > n ? n : rank) - 1] / 1e6;
}

static void
samples_print(const struct sample *samples, long count, long rate)
{
	long       n = count - rate;
	long long *delays = malloc((size_t) n * sizeof(*delays));
	double     seconds = (double) (samples[count].committed - samples[rate].committed) / 1e9;

	if (delays == NULL)
		abort();
	for (long i = 0; i < n; i++)
		delays[i] = samples[rate + 1 + i].arrived - samples[rate + 1 + i].committed;
	qsort(delays, (size_t) n, sizeof(*delays), compare_ns);
	printf("{\"rows\": %ld, \"achieved\": %.1f, \"p50_ms\": %.4f, "
		   "\"p99_ms\": %.4f, \"max_ms\": %.4f}\n",
		   n, (double) n / seconds, percentile_ms(delays, n, 50), percentile_ms(delays, n, 99),
		   percentile_ms(delays, n, 100));
	free(delays);
}

static void
reader_run(struct stream *stream, struct sample *samples, long count)
{
	struct stream_message message;
	long                  missing = count;

	while (missing > 0)
	{
		size_t    pos = 0;
		long long arrived;
		long      number;

		stream_next(stream, &message);
		arrived = now_ns();
		if (message.keepalive)
			continue;
		while ((number = tally_marker(message.body, message.len, &pos)) >= 0)
		{
			if (number < 1 || number > count || samples[number].arrived != 0)
			{
				fprintf(stderr, "row %ld is unknown or came twice\n", number);
				exit(1);
			}
			samples[number].arrived = arrived;
			missing--;
		}
	}
}

int
main(int argc, char **argv)
{
	struct stream  stream;
	struct sample *samples;
	long           rate, seconds, count;
	size_t         size;
	pid_t          writer;
	int            status;

	if (argc < 5 || (rate = atol(argv[3])) < 1 || (seconds = atol(argv[4])) < 1)
	{
		fprintf(stderr, "usage: latency CONNINFO SLOT RATE SECONDS [OPTION=VALUE ...]\n");
		return 2;
	}
	count = rate * (seconds + 1);
	size = (size_t) (count + 1) * sizeof(*samples);
	samples = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (samples == MAP_FAILED)
	{
		perror("mmap");
		return 1;
	}
	memset(samples, 0, size); /* no page faults in what is measured */

	stream_open(&stream, argv[1], argv[2], argv + 5, argc - 5);
	writer = fork();
	if (writer < 0)
	{
		perror("fork");
		return 1;
	}
	if (writer == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGTERM); /* the reader may die before us */
		writer_run(argv[1], samples, count, rate);
		_exit(0);
	}
	/* A row that never arrives must not hang the run: SIGALRM ends it. */
	alarm((unsigned int) seconds * 2 + GRACE_S);
	reader_run(&stream, samples, count);
	if (waitpid(writer, &status, 0) != writer || status != 0)
	{
		fprintf(stderr, "the writer failed\n");
		return 1;
	}
	stream_close(&stream);
	samples_print(samples, count, rate);
	return 0;
}
