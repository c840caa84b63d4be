/*
 * test_delivery.c
 *		Positions on their way from acknowledged to told: single cases by name.
 *
 * That nothing is lost in any order of them is test_simulator's.
 */
#include "unit.h"

#include "delivery.h"

#define INTERVAL 100
#define IDLE 5000
#define MAX_MS 1000

static struct delivery *
delivery_of(enum delivery_mode mode)
{
	const struct delivery_limits limits = {.mode = mode,
										   .interval_ms = INTERVAL,
										   .idle_ms = IDLE,
										   .max_messages = 100,
										   .max_bytes = 10000,
										   .max_ms = MAX_MS};

	return delivery_new(&limits);
}

/* A stream from lsn on, as the slot has it. */
static struct delivery *
delivery_from(enum delivery_mode mode, uint64_t lsn)
{
	struct delivery      *dlv = delivery_of(mode);
	const struct position from = {.lsn = lsn};

	delivery_start(dlv, &from);
	return dlv;
}

static void
take_begin(struct delivery *dlv, uint64_t commit_lsn)
{
	struct err e;

	assert_rc_ok(delivery_begin(dlv, commit_lsn, 1, &e));
}

static void
take_change(struct delivery *dlv)
{
	if (!delivery_is_done(dlv))
		delivery_sent(dlv, 1, 10, 1000);
	delivery_change(dlv);
}

static void
take_commit(struct delivery *dlv, uint64_t end_lsn)
{
	struct err e;

	assert_rc_ok(delivery_commit(dlv, end_lsn, &e));
}

static void
take_mark(struct delivery *dlv, uint64_t lsn)
{
	struct err e;

	assert_rc_ok(delivery_mark(dlv, lsn, &e));
}

/* One of so many changes with one message each; its ticket. */
static ack_ticket
take_transaction(struct delivery *dlv, uint64_t commit_lsn, uint64_t end_lsn, int changes)
{
	ack_ticket ticket;

	take_begin(dlv, commit_lsn);
	ticket = delivery_item(dlv);
	for (int i = 0; i < changes; i++)
		take_change(dlv);
	take_commit(dlv, end_lsn);
	return ticket;
}

static void
assert_position(struct position pos, uint64_t lsn, uint64_t commit_lsn, uint64_t changes)
{
	assert_int_equal(pos.lsn, lsn);
	assert_int_equal(pos.commit_lsn, commit_lsn);
	assert_int_equal(pos.changes, changes);
}

/* Writes down what is due, as this. */
static void
write_now(struct delivery *dlv, int64_t now_ms, uint64_t lsn, uint64_t commit_lsn, uint64_t changes)
{
	struct position pos;

	assert_true(delivery_due(dlv, now_ms, true, &pos));
	assert_position(pos, lsn, commit_lsn, changes);
	delivery_writing(dlv, &pos, now_ms);
	assert_false(delivery_noted(dlv).lsn == lsn && delivery_noted(dlv).changes == changes);
	delivery_written(dlv, now_ms);
	assert_position(delivery_noted(dlv), lsn, commit_lsn, changes);
}

/* --- what the server may be told ------------------------------------------------------ */

static void
server_is_told_what_is_written(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);
	ack_ticket       ticket = take_transaction(dlv, 100, 200, 2);
	struct position  pos;

	(void) state;
	assert_int_equal(delivery_durable(dlv), 100);
	assert_true(delivery_acked(dlv, ticket, 2));
	assert_int_equal(delivery_durable(dlv), 100);
	assert_true(delivery_due(dlv, 1, false, &pos));
	delivery_writing(dlv, &pos, 1);
	assert_int_equal(delivery_durable(dlv), 100);
	delivery_written(dlv, 1);
	assert_int_equal(delivery_durable(dlv), 200);
	assert_true(delivery_is_settled(dlv));
	delivery_free(dlv);
}

static void
stream_that_goes_on_tells_no_more_than_before(void **state)
{
	static const enum delivery_mode modes[] = {DELIVERY_AT_LEAST_ONCE, DELIVERY_EXACTLY_ONCE};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		struct delivery *dlv = delivery_from(modes[i], 100);
		struct position  pos;

		take_transaction(dlv, 100, 200, 1);
		delivery_stop(dlv);
		pos = delivery_position(dlv);
		assert_position(pos, 200, 0, 0);
		delivery_start(dlv, &pos);
		assert_int_equal(delivery_durable(dlv), 100);
		delivery_free(dlv);
	}
}

/* --- streams that end ------------------------------------------------------------------- */

/*
 * Repeating what is in flight would let the first acknowledgements move the position past
 * what is sent for the second time, and the next start would leave a hole in that.
 */
static void
at_least_once_goes_on_behind_what_is_in_flight(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);
	ack_ticket       first = take_transaction(dlv, 100, 200, 1);
	ack_ticket       open;
	struct position  pos;

	(void) state;
	take_begin(dlv, 200);
	open = delivery_item(dlv);
	take_change(dlv);
	delivery_stop(dlv);
	pos = delivery_position(dlv);
	assert_position(pos, 200, 0, 0); /* the open one comes again as a whole */
	delivery_start(dlv, &pos);
	take_begin(dlv, 200);
	assert_false(delivery_is_done(dlv));
	assert_true(delivery_acked(dlv, open, 1));
	assert_int_equal(ack_confirmed(delivery_ack(dlv)), 100);
	assert_true(delivery_acked(dlv, first, 1));
	assert_int_equal(ack_confirmed(delivery_ack(dlv)), 200);
	delivery_free(dlv);
}

static void
at_least_once_repeats_what_a_sink_forgot(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);
	ack_ticket       first = take_transaction(dlv, 100, 200, 1);

	(void) state;
	take_transaction(dlv, 200, 300, 1);
	assert_true(delivery_acked(dlv, first, 1));
	delivery_forget(dlv);
	assert_position(delivery_position(dlv), 200, 0, 0);
	assert_int_equal(ack_outstanding(delivery_ack(dlv)), 0);
	delivery_free(dlv);
}

static void
late_acknowledgement_is_of_no_new_item(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);
	ack_ticket       late = take_transaction(dlv, 100, 200, 1);
	struct position  pos;

	(void) state;
	delivery_forget(dlv);
	pos = delivery_position(dlv);
	delivery_start(dlv, &pos);
	take_transaction(dlv, 100, 200, 1);
	assert_false(delivery_acked(dlv, late, 1));
	assert_int_equal(ack_confirmed(delivery_ack(dlv)), 100);
	delivery_free(dlv);
}

/* --- parts -------------------------------------------------------------------------------- */

static void
known_part_is_dropped(void **state)
{
	struct delivery *dlv = delivery_of(DELIVERY_EXACTLY_ONCE);
	struct position  part = {.lsn = 100, .commit_lsn = 150, .changes = 2};

	(void) state;
	delivery_recalled(dlv, &part);
	assert_position(delivery_position(dlv), 100, 150, 2);
	delivery_start(dlv, &part);
	take_begin(dlv, 150);
	for (int i = 0; i < 2; i++)
	{
		assert_true(delivery_is_done(dlv));
		take_change(dlv);
		assert_position(delivery_position(dlv), 100, 150, 2);
	}
	assert_false(delivery_is_done(dlv));
	take_change(dlv);
	write_now(dlv, 1000 + MAX_MS, 100, 150, 3);
	take_commit(dlv, 200);
	write_now(dlv, 1001 + MAX_MS, 200, 0, 0);
	assert_int_equal(delivery_durable(dlv), 200);
	delivery_free(dlv);
}

/* A server that does not have it any more, as after a failover, says so by what comes behind it. */
static void
a_transaction_that_was_left_has_to_come_again(void **state)
{
	struct position  from = {.lsn = 100};
	struct err       e;

	(void) state;
	for (int what = 0; what < 3; what++)
	{
		struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);

		take_begin(dlv, 150);
		take_change(dlv);
		delivery_stop(dlv);
		delivery_start(dlv, &from);
		take_mark(dlv, 140);
		take_begin(dlv, 120); /* of another history, or again */
		take_change(dlv);
		take_commit(dlv, 145);
		if (what == 0)
			assert_rc_err(delivery_mark(dlv, 151, &e), ERR_CONFIG, E1219);
		if (what == 1)
			assert_rc_err(delivery_begin(dlv, 160, 1, &e), ERR_CONFIG, E1219);
		if (what == 2)
		{
			take_begin(dlv, 0);
			take_change(dlv);
			assert_rc_err(delivery_commit(dlv, 151, &e), ERR_CONFIG, E1219);
		}
		delivery_free(dlv);
	}
}

static void
a_transaction_that_comes_again_is_no_longer_missed(void **state)
{
	struct position  from = {.lsn = 100};
	struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);

	(void) state;
	for (int times = 0; times < 3; times++)
	{
		take_begin(dlv, 150);
		take_change(dlv);
		if (times == 1)
			delivery_forget(dlv);
		else
			delivery_stop(dlv);
		delivery_start(dlv, &from);
	}
	take_begin(dlv, 150);
	delivery_stop(dlv); /* nothing of it was sent this time */
	delivery_start(dlv, &from);
	take_begin(dlv, 150);
	take_change(dlv);
	take_commit(dlv, 160);
	take_mark(dlv, 170);
	take_begin(dlv, 180);
	delivery_stop(dlv); /* nothing was sent: nobody misses it */
	from.lsn = 170;
	delivery_start(dlv, &from);
	take_mark(dlv, 190);
	take_begin(dlv, 200);
	take_change(dlv);
	delivery_stop(dlv);
	from.lsn = 210; /* another relay had the slot meanwhile */
	delivery_recalled(dlv, &from);
	delivery_start(dlv, &from);
	take_mark(dlv, 220);
	delivery_free(dlv);
}

/* Marks behind what is committed are acknowledged at once, and know nothing of the part. */
static void
part_survives_a_new_sink(void **state)
{
	struct delivery *dlv = delivery_of(DELIVERY_EXACTLY_ONCE);
	struct position  part = {.lsn = 100, .commit_lsn = 150, .changes = 2};
	struct position  pos;

	(void) state;
	delivery_recalled(dlv, &part);
	delivery_start(dlv, &part);
	take_mark(dlv, 120);
	delivery_forget(dlv);
	assert_position(delivery_position(dlv), 100, 150, 2);
	assert_false(delivery_due(dlv, 1, true, &pos));
	delivery_free(dlv);
}

static struct delivery *
delivery_with_part(void)
{
	struct delivery *dlv = delivery_of(DELIVERY_EXACTLY_ONCE);
	struct position  part = {.lsn = 100, .commit_lsn = 150, .changes = 2};

	delivery_recalled(dlv, &part);
	delivery_start(dlv, &part);
	return dlv;
}

static void
part_that_does_not_come_again_is_an_error(void **state)
{
	static const uint64_t others[] = {120, 200};
	struct delivery      *dlv;
	struct err            e;

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		dlv = delivery_with_part();
		assert_rc_err(delivery_begin(dlv, others[i], 1, &e), ERR_CONFIG, E1219);
		delivery_free(dlv);
	}
	dlv = delivery_with_part();
	take_begin(dlv, 150);
	take_change(dlv);
	assert_rc_err(delivery_commit(dlv, 200, &e), ERR_CONFIG, E1219);
	delivery_free(dlv);
}

/* The slot must not move past it, or what is left of it is gone. */
static void
nothing_is_confirmed_behind_a_missing_part(void **state)
{
	struct delivery *dlv = delivery_with_part();
	struct position  pos;
	struct err       e;

	(void) state;
	assert_rc_err(delivery_mark(dlv, 300, &e), ERR_CONFIG, E1219);
	assert_position(delivery_position(dlv), 100, 150, 2);
	assert_false(delivery_due(dlv, 1, true, &pos));
	assert_rc_ok(delivery_begin(dlv, 0, 0, &e)); /* a message outside any transaction */
	take_change(dlv);
	assert_rc_err(delivery_commit(dlv, 310, &e), ERR_CONFIG, E1219);
	assert_false(delivery_due(dlv, 1, true, &pos));
	delivery_free(dlv);
}

static void
half_a_change_ends_no_transaction(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_EXACTLY_ONCE, 100);
	struct position  pos;

	(void) state;
	take_transaction(dlv, 100, 110, 1);
	take_begin(dlv, 120);
	take_change(dlv);
	delivery_sent(dlv, 1, 10, 1000);
	assert_false(delivery_due(dlv, 1, true, &pos));
	assert_int_equal(delivery_due_in(dlv, 1), -1);
	delivery_stop(dlv);
	assert_false(delivery_can_go_on(dlv));
	delivery_forget(dlv);
	assert_true(delivery_can_go_on(dlv));
	assert_position(delivery_position(dlv), 0, 0, 0); /* nothing was ever written */
	delivery_free(dlv);
}

/* Whoever waits, and whatever breaks: a part of a small transaction is not for readers. */
static void
part_waits_or_is_given_up(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_EXACTLY_ONCE, 100);
	struct position  pos;

	(void) state;
	take_transaction(dlv, 100, 110, 1);
	take_begin(dlv, 120);
	assert_true(delivery_due(dlv, 1, true, &pos)); /* nothing of it is sent */
	assert_position(pos, 110, 0, 0);
	take_change(dlv);
	assert_false(delivery_due(dlv, 1, true, &pos));
	assert_false(delivery_can_go_on(dlv)); /* if this is the end */
	take_commit(dlv, 130);
	assert_true(delivery_can_go_on(dlv));
	assert_true(delivery_due(dlv, 1, true, &pos));
	assert_position(pos, 130, 0, 0);
	take_begin(dlv, 140);
	take_change(dlv);
	delivery_stop(dlv);
	assert_false(delivery_due(dlv, 1000000, true, &pos));
	assert_int_equal(delivery_due_in(dlv, 1000000), -1);
	assert_false(delivery_can_go_on(dlv));
	delivery_free(dlv);
}

/* --- when ------------------------------------------------------------------------------------ */

static void
what_was_in_flight_is_written_after_the_short_pause(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);
	ack_ticket       first = take_transaction(dlv, 100, 200, 1);
	ack_ticket       second = take_transaction(dlv, 200, 300, 1);

	(void) state;
	assert_true(delivery_acked(dlv, first, 1));
	write_now(dlv, 1000, 200, 0, 0);
	assert_int_equal(delivery_due_in(dlv, 1000), -1);
	assert_true(delivery_acked(dlv, second, 1));
	assert_int_equal(delivery_due_in(dlv, 1000), INTERVAL);
	delivery_free(dlv);
}

static void
marks_alone_wait_longer(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_AT_LEAST_ONCE, 100);

	(void) state;
	write_now(dlv, 1000, 100, 0, 0);
	take_mark(dlv, 500);
	assert_int_equal(delivery_due_in(dlv, 1000), IDLE);
	assert_int_equal(delivery_durable(dlv), 100);
	delivery_free(dlv);
}

/* A timer that is set to now and finds nothing to do would never rest. */
static void
due_in_and_due_agree(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_EXACTLY_ONCE, 100);
	struct position  pos;

	(void) state;
	write_now(dlv, 1000, 100, 0, 0);
	take_mark(dlv, 110);
	take_begin(dlv, 120); /* open, and nothing of it sent: idle_ms is longer than max_ms */
	assert_int_equal(delivery_due_in(dlv, 1000 + MAX_MS), IDLE - MAX_MS);
	assert_false(delivery_due(dlv, 1000 + IDLE - 1, false, &pos));
	assert_true(delivery_due(dlv, 1000 + IDLE, false, &pos));
	for (int i = 0; i < 100; i++)
		take_change(dlv);
	assert_int_equal(delivery_due_in(dlv, 1001), 0); /* full */
	assert_true(delivery_due(dlv, 1001, false, &pos));
	take_commit(dlv, 130);
	assert_true(delivery_due(dlv, 1001, false, &pos));
	delivery_writing(dlv, &pos, 1001);
	delivery_written(dlv, 1001);
	take_mark(dlv, 140);
	take_begin(dlv, 0); /* a message outside any transaction, before it is sent */
	assert_int_equal(delivery_due_in(dlv, 100000), -1);
	delivery_free(dlv);
}

/* A commit that took longer than the interval leaves the next one the time to send what waited. */
static void
slow_commits_have_longer_transactions(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_EXACTLY_ONCE, 100);
	uint64_t         lsn = 110;
	int64_t          now_ms = 1000;

	(void) state;
	for (int64_t took_ms = INTERVAL / 4; took_ms <= INTERVAL * 32; took_ms *= 2)
	{
		int64_t         open_ms = took_ms < INTERVAL * 5 ? took_ms : INTERVAL * 5;
		int64_t         due_ms = now_ms + INTERVAL;
		struct position pos;

		take_transaction(dlv, lsn, lsn + 5, 1);
		assert_true(delivery_due(dlv, now_ms, true, &pos));
		delivery_writing(dlv, &pos, now_ms);
		now_ms += took_ms;
		delivery_written(dlv, now_ms);
		take_transaction(dlv, lsn + 10, lsn + 15, 1);
		if (due_ms < now_ms + open_ms)
			due_ms = now_ms + open_ms;
		assert_false(delivery_due(dlv, due_ms - 1, false, &pos));
		assert_true(delivery_due(dlv, due_ms, false, &pos));
		/* Nor does one that comes later than that wait for anything. */
		assert_true(delivery_due(dlv, due_ms + INTERVAL * 100, false, &pos));
		lsn += 20;
		now_ms = due_ms;
	}
	delivery_free(dlv);
}

/* However long nothing was written before it, and also if nothing ever was. */
static void
transaction_is_given_its_time(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_EXACTLY_ONCE, 100);
	struct position  pos;
	struct err       e;

	(void) state;
	assert_rc_ok(delivery_begin(dlv, 120, 1, &e));
	delivery_sent(dlv, 1, 10, 100000);
	delivery_change(dlv);
	assert_false(delivery_due(dlv, 100000, false, &pos));
	assert_int_equal(delivery_due_in(dlv, 100000), MAX_MS);
	assert_false(delivery_due(dlv, 100000 + MAX_MS - 1, false, &pos));
	assert_true(delivery_due(dlv, 100000 + MAX_MS, false, &pos));
	assert_position(pos, 100, 120, 1);
	take_commit(dlv, 130);
	assert_true(delivery_due(dlv, 100000, false, &pos));
	assert_position(pos, 130, 0, 0);
	delivery_free(dlv);
}

/* What went before it fills the Kafka transaction: it still stays whole. */
static void
small_transaction_stays_whole(void **state)
{
	struct delivery *dlv = delivery_from(DELIVERY_EXACTLY_ONCE, 100);
	struct position  pos;

	(void) state;
	take_begin(dlv, 120);
	for (int i = 0; i < 99; i++)
		take_change(dlv);
	take_commit(dlv, 130);
	take_begin(dlv, 140);
	for (int i = 0; i < 99; i++)
	{
		take_change(dlv);
		assert_false(delivery_due(dlv, 1000, false, &pos));
	}
	take_change(dlv);
	assert_true(delivery_due(dlv, 1000, false, &pos)); /* large by itself */
	assert_position(pos, 130, 140, 100);
	take_commit(dlv, 150);
	assert_true(delivery_due(dlv, 1000, false, &pos));
	delivery_free(dlv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_is_told_what_is_written),
		cmocka_unit_test(slow_commits_have_longer_transactions),
		cmocka_unit_test(transaction_is_given_its_time),
		cmocka_unit_test(small_transaction_stays_whole),
		cmocka_unit_test(stream_that_goes_on_tells_no_more_than_before),
		cmocka_unit_test(at_least_once_goes_on_behind_what_is_in_flight),
		cmocka_unit_test(at_least_once_repeats_what_a_sink_forgot),
		cmocka_unit_test(late_acknowledgement_is_of_no_new_item),
		cmocka_unit_test(known_part_is_dropped),
		cmocka_unit_test(a_transaction_that_was_left_has_to_come_again),
		cmocka_unit_test(a_transaction_that_comes_again_is_no_longer_missed),
		cmocka_unit_test(part_survives_a_new_sink),
		cmocka_unit_test(part_that_does_not_come_again_is_an_error),
		cmocka_unit_test(nothing_is_confirmed_behind_a_missing_part),
		cmocka_unit_test(half_a_change_ends_no_transaction),
		cmocka_unit_test(part_waits_or_is_given_up),
		cmocka_unit_test(what_was_in_flight_is_written_after_the_short_pause),
		cmocka_unit_test(marks_alone_wait_longer),
		cmocka_unit_test(due_in_and_due_agree),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
