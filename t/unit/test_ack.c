/*
 * test_ack.c
 *		The acknowledgement core: single cases by name, and random runs against
 *		a model that keeps everything and recomputes the answer from scratch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ack.h"

/* --- single cases ------------------------------------------------------ */

static void
nothing_received_confirms_what_was_confirmed(void **state)
{
	struct ack *ack = ack_new(500);

	(void) state;
	assert_int_equal(ack_confirmed(ack), 500);
	assert_int_equal(ack_items(ack), 0);
	ack_free(ack);
}

static void
open_transaction_holds_the_position(void **state)
{
	struct ack *ack = ack_new(100);
	ack_ticket	t = ack_open(ack, 1);

	(void) state;
	ack_sent(ack, t, 2);
	assert_true(ack_done(ack, t, 2));
	assert_int_equal(ack_confirmed(ack), 100);
	ack_close(ack, t, 200);
	assert_int_equal(ack_confirmed(ack), 200);
	assert_int_equal(ack_items(ack), 0);
	ack_free(ack);
}

static void
later_acknowledgement_waits_for_the_earlier_one(void **state)
{
	struct ack *ack = ack_new(0);
	ack_ticket	first = ack_open(ack, 11), second;

	(void) state;
	ack_sent(ack, first, 1);
	ack_close(ack, first, 200);
	second = ack_open(ack, 22);
	ack_sent(ack, second, 1);
	ack_close(ack, second, 300);
	assert_true(ack_done(ack, second, 1));
	assert_int_equal(ack_confirmed(ack), 0);
	assert_int_equal(ack_commit_us(ack), 0);
	assert_true(ack_done(ack, first, 1));
	assert_int_equal(ack_confirmed(ack), 300);
	assert_int_equal(ack_commit_us(ack), 22);
	ack_free(ack);
}

static void
mark_waits_for_what_came_before(void **state)
{
	struct ack *ack = ack_new(0);
	ack_ticket	t = ack_open(ack, 1);

	(void) state;
	ack_sent(ack, t, 1);
	ack_close(ack, t, 200);
	ack_mark(ack, 250);
	ack_mark(ack, 260);
	assert_int_equal(ack_items(ack), 2); /* marks at the tail are one */
	assert_int_equal(ack_confirmed(ack), 0);
	assert_true(ack_done(ack, t, 1));
	assert_int_equal(ack_confirmed(ack), 260);
	ack_free(ack);
}

static void
mark_alone_confirms_at_once_and_never_back(void **state)
{
	struct ack *ack = ack_new(300);

	(void) state;
	ack_mark(ack, 200);
	assert_int_equal(ack_confirmed(ack), 300);
	ack_mark(ack, 400);
	assert_int_equal(ack_confirmed(ack), 400);
	ack_free(ack);
}

static void
abandoned_transaction_stands_for_no_position(void **state)
{
	struct ack *ack = ack_new(100);
	ack_ticket	lost = ack_open(ack, 1), again;

	(void) state;
	ack_sent(ack, lost, 3);
	ack_abandon(ack, lost);
	again = ack_open(ack, 1);
	ack_sent(ack, again, 4);
	ack_close(ack, again, 200);
	assert_true(ack_done(ack, again, 4));
	assert_int_equal(ack_confirmed(ack), 100); /* three are still out */
	assert_true(ack_done(ack, lost, 3));
	assert_int_equal(ack_confirmed(ack), 200);
	ack_free(ack);
}

static void
acknowledgement_of_nothing_is_a_broken_invariant(void **state)
{
	struct ack *ack = ack_new(0);
	ack_ticket	t = ack_open(ack, 1);

	(void) state;
	ack_sent(ack, t, 1);
	assert_false(ack_done(ack, t, 2));
	assert_true(ack_done(ack, t, 1));
	assert_false(ack_done(ack, t, 1));
	assert_false(ack_done(ack, t + 1, 1));
	assert_false(ack_done(ack, 0, 1));
	ack_close(ack, t, 10);
	assert_false(ack_done(ack, t, 1));
	ack_free(ack);
}

/* --- random runs against a model ---------------------------------------- */

#define MODEL_ITEMS 4000

/* Everything that ever was received, nothing ever popped. */
struct model
{
	struct
	{
		uint64_t   end;
		uint32_t   pending;
		bool	   open;
		ack_ticket ticket; /* 0 for marks */
	} items[MODEL_ITEMS];
	int		 n;
	uint64_t confirmed;
};

/* The definition, word for word. */
static uint64_t
model_confirmed(struct model *m)
{
	for (int i = 0; i < m->n && !m->items[i].open && m->items[i].pending == 0; i++)
		if (m->items[i].end > m->confirmed)
			m->confirmed = m->items[i].end;
	return m->confirmed;
}

static uint64_t seed_state;

static uint32_t
rnd(uint32_t below)
{
	seed_state = seed_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t) (seed_state >> 33) % below;
}

static void
acknowledge_some(struct ack *ack, struct model *m)
{
	int i = (int) rnd((uint32_t) m->n);

	if (m->items[i].pending == 0)
		return;
	uint32_t count = 1 + rnd(m->items[i].pending);

	m->items[i].pending -= count;
	assert_true(ack_done(ack, m->items[i].ticket, count));
}

static void
run_seed(uint64_t seed)
{
	static struct model m;
	struct ack		   *ack;
	uint64_t			lsn = 1000, before = 0, outstanding = 0;
	int					open = -1;
	int					steps = 1500;

	seed_state = seed;
	memset(&m, 0, sizeof(m));
	m.confirmed = rnd(2) ? 0 : 900;
	ack = ack_new(m.confirmed);
	for (int step = 0; step < steps; step++)
	{
		uint32_t what = rnd(100);

		lsn += rnd(50); /* two items may end at one place */
		if (what < 20 && open < 0)
		{
			open = m.n++;
			m.items[open].open = true;
			m.items[open].ticket = ack_open(ack, (int64_t) lsn);
		}
		else if (what < 45 && open >= 0)
		{
			uint32_t count = 1 + rnd(4);

			m.items[open].pending += count;
			ack_sent(ack, m.items[open].ticket, count);
		}
		else if (what < 55 && open >= 0)
		{
			bool lost = rnd(10) == 0;

			m.items[open].open = false;
			m.items[open].end = lost ? 0 : lsn;
			if (lost)
				ack_abandon(ack, m.items[open].ticket);
			else
				ack_close(ack, m.items[open].ticket, lsn);
			open = -1;
		}
		else if (what < 60 && open < 0)
		{
			m.items[m.n++].end = lsn;
			ack_mark(ack, lsn);
		}
		else if (m.n > 0)
			acknowledge_some(ack, &m);

		assert_int_equal(ack_confirmed(ack), model_confirmed(&m));
		assert_true(ack_confirmed(ack) >= before);
		before = ack_confirmed(ack);
	}
	for (int i = 0; i < m.n; i++)
		outstanding += m.items[i].pending;
	assert_int_equal(ack_outstanding(ack), outstanding);
	ack_free(ack);
}

struct told
{
	unsigned		 count;
	struct ack_times last;
};

static void
on_done(void *arg, const struct ack_times *times)
{
	struct told *told = arg;

	told->count++;
	told->last = *times;
}

/* Once for each transaction, whatever is before it and whether the commit or the last answer came first. */
static void
a_transaction_is_told_when_it_is_acknowledged(void **state)
{
	struct ack *ack = ack_new(0);
	struct told told = {0};
	ack_ticket	first = ack_open(ack, 11), second, third;

	(void) state;
	ack_listen(ack, on_done, &told);
	ack_received(ack, first, 21);
	ack_sent(ack, first, 2);
	ack_handed(ack, first, 31);
	ack_close(ack, first, 200);
	second = ack_open(ack, 12);
	ack_received(ack, second, 22);
	ack_sent(ack, second, 1);
	assert_true(ack_done(ack, second, 1));
	assert_int_equal(told.count, 0); /* more of it may come */
	ack_handed(ack, second, 32);
	ack_close(ack, second, 300);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.last.commit_us, 12);
	assert_int_equal(told.last.received_us, 22);
	assert_int_equal(told.last.handed_us, 32);
	assert_int_equal(ack_oldest_us(ack), 11);
	assert_true(ack_done(ack, first, 1));
	assert_int_equal(told.count, 1);
	assert_true(ack_done(ack, first, 1));
	assert_int_equal(told.count, 2);
	assert_int_equal(told.last.commit_us, 11);
	assert_int_equal(ack_oldest_us(ack), 0);

	third = ack_open(ack, 0); /* rows, or a message outside of transactions */
	ack_sent(ack, third, 1);
	ack_close(ack, third, 400);
	assert_true(ack_done(ack, third, 1));
	ack_close(ack, ack_open(ack, 14), 500); /* nothing was sent of it */
	third = ack_open(ack, 15);
	ack_sent(ack, third, 1);
	ack_abandon(ack, third);
	assert_int_equal(ack_oldest_us(ack), 15);
	assert_true(ack_done(ack, third, 1));
	third = ack_open(ack, 16);
	ack_sent(ack, third, 1);
	ack_close(ack, third, 600);
	ack_forget(ack);
	assert_int_equal(told.count, 2);
	ack_free(ack);
}

static void
random_orders_agree_with_the_model(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 2000; seed++)
		run_seed(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_received_confirms_what_was_confirmed),
		cmocka_unit_test(open_transaction_holds_the_position),
		cmocka_unit_test(later_acknowledgement_waits_for_the_earlier_one),
		cmocka_unit_test(mark_waits_for_what_came_before),
		cmocka_unit_test(mark_alone_confirms_at_once_and_never_back),
		cmocka_unit_test(abandoned_transaction_stands_for_no_position),
		cmocka_unit_test(acknowledgement_of_nothing_is_a_broken_invariant),
		cmocka_unit_test(a_transaction_is_told_when_it_is_acknowledged),
		cmocka_unit_test(random_orders_agree_with_the_model),
	};

	return cmocka_run_group_tests_name("ack", tests, NULL, NULL);
}
