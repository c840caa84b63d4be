/*
 * progress_bar.c
 *		Numbers for people; see progress_bar.h.
 */
#include "progress_bar.h"

#include <inttypes.h>
#include <stdio.h>

#define TITLE "snapshot "
#define BAR_LEAST 10
#define BAR_MOST 40
#define LEFT_MOST_S (INT64_C(100) * 86400) /* more is no information */

int
progress_share(const struct progress_state *state)
{
	double share;

	if (state->estimated == 0)
		return -1;
	share = 100 * ((double) state->rows / (double) state->estimated);
	return share < 99 ? (int) share : 99;
}

int64_t
progress_left_s(const struct progress_state *state)
{
	double left_s;

	if (state->estimated <= state->rows || !(state->rate > 0) || state->waits)
		return -1;
	left_s = (double) (state->estimated - state->rows) / state->rate;
	return left_s < (double) LEFT_MOST_S ? (int64_t) (left_s + 0.5) : -1;
}

/* 1234567 as 1,234,567 */
static void
put_count(struct buf *out, uint64_t count)
{
	char digits[24];
	int  len = snprintf(digits, sizeof(digits), "%" PRIu64, count);

	for (int i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0)
			buf_put_u8(out, ',');
		buf_put_u8(out, (uint8_t) digits[i]);
	}
}

/* 59 s, 4:07 min, 2:30 h, 3 d 4 h */
static void
put_time(struct buf *out, int64_t s)
{
	if (s < 60)
		buf_printf(out, "%" PRId64 " s", s);
	else if (s < 3600)
		buf_printf(out, "%" PRId64 ":%02" PRId64 " min", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(out, "%" PRId64 ":%02" PRId64 " h", s / 3600, s / 60 % 60);
	else
		buf_printf(out, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

/* The parts behind the bar, in the order in which they count. */
enum part
{
	PART_SHARE,
	PART_ROWS,
	PART_RATE, /* or what it waits for */
	PART_LEFT,
	PART_TABLES,
	NPARTS
};

static void
put_part(struct buf *out, enum part part, const struct progress_state *state)
{
	switch (part)
	{
		case PART_SHARE:
			if (progress_share(state) >= 0)
				buf_printf(out, "%2d%%", progress_share(state));
			break;
		case PART_ROWS:
			put_count(out, state->rows);
			buf_puts(out, " rows");
			break;
		case PART_RATE:
			if (state->waits)
				buf_printf(out, "waits: %s", state->waits);
			else
			{
				put_count(out, state->rate > 0 ? (uint64_t) (state->rate + 0.5) : 0);
				buf_puts(out, "/s");
			}
			break;
		case PART_LEFT:
			if (progress_left_s(state) < 0)
				break;
			put_time(out, progress_left_s(state));
			buf_puts(out, " left");
			break;
		case PART_TABLES:
			buf_printf(out, "%" PRIu64 " of %" PRIu64 " tables", state->tables_complete,
					   state->tables);
			break;
		case NPARTS: break;
	}
}

static void
put_bar(struct buf *out, size_t width, int share)
{
	size_t full = (width - 3) * (size_t) (share > 0 ? share : 0) / 100; /* without [] and a blank */

	buf_put_u8(out, '[');
	for (size_t i = 0; i < width - 3; i++)
		buf_put_u8(out, i < full ? '#' : '.');
	buf_puts(out, "] ");
}

void
progress_bar_text(const struct progress_state *state, unsigned columns, struct buf *out)
{
	struct buf parts = {0};
	size_t     room = columns > 1 ? columns - 1 : 0;

	buf_reset(out);
	for (enum part part = 0; part < NPARTS; part++)
	{
		size_t before = parts.len;

		if (before > 0)
			buf_puts(&parts, "  ");
		put_part(&parts, part, state);
		if (parts.len == before + (before > 0 ? 2 : 0))
			parts.len = before; /* there is none */
		if (parts.len <= room)
			continue;
		parts.len = before;
		break;
	}
	room -= parts.len;
	if (room >= sizeof(TITLE) - 1)
	{
		buf_puts(out, TITLE);
		room -= sizeof(TITLE) - 1;
		if (room >= BAR_LEAST && progress_share(state) >= 0)
			put_bar(out, room < BAR_MOST ? room : BAR_MOST, progress_share(state));
	}
	buf_put(out, parts.data, parts.len);
	buf_free(&parts);
}

void
progress_line_text(const struct progress_state *state, struct buf *out)
{
	buf_reset(out);
	buf_printf(out, "%" PRIu64 " of %" PRIu64 " tables, %" PRIu64 " rows", state->tables_complete,
			   state->tables, state->rows);
	if (progress_share(state) >= 0)
		buf_printf(out, ", about %d%%", progress_share(state));
	if (state->waits)
		buf_printf(out, ", waits: %s", state->waits);
	else
		buf_printf(out, ", %.0f rows/s", state->rate);
	if (progress_left_s(state) >= 0)
		buf_printf(out, ", about %" PRId64 " s left", progress_left_s(state));
}
