/*
 * encode_micro.c
 *		Nanoseconds that the encoder takes for a row: a narrow insert (bigint
 *		key, integer, text, numeric(10,2), timestamptz), in transactions of N rows.
 *
 * usage: encode_micro [rows [rows a transaction]]
 *
 * Links with the relay's library and nothing else; from the project's top:
 * gcc -O2 -D_GNU_SOURCE -Irelay -Idecoder -It/unit contrib/bench/encode_micro.c
 * build/librelay.a -lavro -lcjson -lm
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "encode.h"
#include "framebuilder.h"

#define DISTINCT 1024 /* rows made beforehand */

static struct column columns[] = {
	{.name = "id",
	 .attnum = 1,
	 .form = WIRE_FORM_INT,
	 .type = {20, -1, "pg_catalog", "int8"},
	 .flags = WIRE_COLUMN_NOT_NULL | WIRE_COLUMN_IDENTITY | WIRE_COLUMN_PRIMARY},
	{.name = "customer",
	 .attnum = 2,
	 .form = WIRE_FORM_INT,
	 .type = {23, -1, "pg_catalog", "int4"},
	 .flags = WIRE_COLUMN_NOT_NULL},
	{.name = "note", .attnum = 3, .form = WIRE_FORM_TEXT, .type = {25, -1, "pg_catalog", "text"}},
	{.name = "amount",
	 .attnum = 4,
	 .form = WIRE_FORM_NUMERIC,
	 .type = {1700, (10 << 16 | 2) + 4, "pg_catalog", "numeric"}},
	{.name = "at",
	 .attnum = 5,
	 .form = WIRE_FORM_INT64,
	 .type = {1184, -1, "pg_catalog", "timestamptz"}},
};

static uint32_t key[] = {0};

static struct table table = {.identity = 'd',
							 .relkind = 'r',
							 .schema = "public",
							 .name = "narrow",
							 .ncolumns = 5,
							 .columns = columns,
							 .key_kind = WIRE_KEY_PRIMARY,
							 .nkey = 1,
							 .key = key,
							 .nidentity = 1,
							 .identity_key = key};

static void
row_make(struct buf *out, int i)
{
	static const uint8_t states[5] = {0};
	uint16_t             digits[] = {(uint16_t) (i % 9999 + 1), 5000};

	fb_tuple(out, states, 5);
	fb_sv(out, 1000000 + i);
	fb_sv(out, i % 5000);
	fb_str(out, "twenty bytes of text");
	fb_numeric(out, '+', 2, 0, 2, digits);
	fb_u64(out, UINT64_C(770000000000000) + (uint64_t) i * 1234567);
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
fail(const struct err *e)
{
	fprintf(stderr, "encode_micro: %s\n%s\n", e->msg, e->detail);
	exit(1);
}

int
main(int argc, char **argv)
{
	long                rows = argc > 1 ? atol(argv[1]) : 10000000;
	long                batch = argc > 2 ? atol(argv[2]) : 1000;
	struct format       fmt = {.prefix = "shop",
							   .version = "0.1.0",
							   .database = "shop",
							   .encoding = "UTF8",
							   .schema_names = ADJUST_AVRO,
							   .field_names = ADJUST_AVRO,
							   .tombstones = true,
							   .placeholder = "__debezium_unavailable_value"};
	struct encode_stats stats = {0};
	struct stamp        stamp = {.xid = 700, .commit_us = INT64_C(1717245296789012)};
	struct buf          tuples[DISTINCT] = {0};
	struct outgoing     out[ENCODE_MAX_OUT];
	struct plan        *plan;
	struct err          e;
	unsigned            nout;
	size_t              bytes = 0;
	double              start;
	double              taken;

	for (int i = 0; i < DISTINCT; i++)
		row_make(&tuples[i], i);
	for (int i = 0; i < 5; i++)
		columns[i].base = columns[i].type;
	if (plan_new(&table, &fmt, &stats, "shop.public.narrow", &plan, &e) != RC_OK)
		fail(&e);
	for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
		plan_set_prefix(plan, (enum side) side, (const uint8_t[]){0, 0, 0, 0, 1}, 5);
	start = seconds();
	for (long i = 0; i < rows; i++)
	{
		struct change chg = {.kind = WIRE_INSERT,
							 .old_kind = WIRE_OLD_NONE,
							 .lsn = UINT64_C(24023400) + (uint64_t) i * 120};

		if (i % batch == 0)
		{
			stamp.xid++;
			stamp.commit_us += 1000;
			stamp.last_commit_lsn = chg.lsn;
		}
		chg.new_tuple = cursor_over(tuples[i % DISTINCT].data, tuples[i % DISTINCT].len);
		if (encode_change(plan, &chg, &stamp, stamp.commit_us * 1000, out, &nout, &e) != RC_OK)
			fail(&e);
		bytes += out[0].key.len + out[0].value.len;
	}
	taken = seconds() - start;
	printf("rows=%ld rows_per_transaction=%ld ns_per_row=%.1f bytes_per_row=%.1f\n", rows, batch,
		   taken / (double) rows * 1e9, (double) bytes / (double) rows);
	plan_free(plan);
	for (int i = 0; i < DISTINCT; i++)
		buf_free(&tuples[i]);
	return 0;
}
