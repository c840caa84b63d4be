/*
 * test_divert.c
 *		on.error at work: caught, refused and looked up, into a sink that is full at will.
 */
#include "unit.h"

#include "divert.h"
#include "fakesink.h"

static struct err e;

/* "item/number value, and what some headers have" */
static void
tell(struct buf *log, const struct outgoing *out, uint64_t label)
{
	buf_printf(log, "%u/%u %.*s", sink_item(label), sink_number(label), (int) out->value.len,
			   out->has_value ? out->value.data : "");
	for (unsigned i = 0; i < out->nheaders; i++)
		if (strstr(out->headers[i].name, "class") || strstr(out->headers[i].name, "stage") ||
			strstr(out->headers[i].name, "form"))
			buf_printf(log, " %.*s", (int) out->headers[i].value.len, out->headers[i].value.data);
	buf_puts(log, "\n");
}

struct fixture
{
	struct config         cfg;
	struct fakesink       fake;
	struct stream_context ctx;
	struct stream         stream;
	struct divert        *dv;
	struct outgoing       out;
	struct place          at;
	uint32_t              sent;
};

static void
fixture_open(struct fixture *fix, enum on_error on_error)
{
	memset(fix, 0, sizeof(*fix));
	fix->cfg.kafka.topic_dead_letter = (char *) "dead-letter";
	fix->cfg.slot.name = (char *) "slot";
	fix->fake = (struct fakesink){.sink.ops = &fakesink_ops, .room = 100, .tell = tell};
	fix->ctx.cfg = &fix->cfg;
	fix->ctx.on_error = on_error;
	fix->ctx.sink = &fix->fake.sink;
	fix->ctx.routes = route_new("s", ".");
	fix->ctx.detours = detours_new();
	if (on_error == ON_ERROR_DEAD_LETTER)
		fix->ctx.dead = dead_letters_new(&fix->cfg);
	fix->stream.topic_name = (char *) "s.p.t";
	fix->stream.collection = (char *) "p.t";
	fix->dv = divert_new(&fix->ctx);
	fix->out = (struct outgoing){.has_value = true, .value = {"value", 5}};
	fix->at = (struct place){.lsn = 8, .commit_lsn = 16};
}

static void
fixture_close(struct fixture *fix)
{
	divert_free(fix->dv);
	dead_letters_free(fix->ctx.dead);
	assert_int_equal(fix->fake.open, 0);
	detours_free(fix->ctx.detours);
	route_free(fix->ctx.routes);
	buf_free(&fix->fake.log);
}

static struct err
refusal(enum err_code code)
{
	struct err why;

	err_set(&why, ERR_DATA, code, "no");
	return why;
}

static enum rc
send(struct fixture *fix, uint64_t number)
{
	return divert_send(fix->dv, &fix->stream, &fix->out, &fix->at, sink_label(5, number),
					   &fix->sent, &e);
}

/* --- tests -------------------------------------------------------------------- */

static void
stop_catches_nothing(void **state)
{
	struct fixture fix;
	struct err     why = refusal(E2003);

	(void) state;
	fixture_open(&fix, ON_ERROR_STOP);
	assert_false(divert_catch(fix.dv, &why));
	assert_false(divert_is_on(fix.dv));
	assert_false(divert_refused(fix.dv, 16, 0, 0, &why));
	fixture_close(&fix);
}

static void
a_letter_waits_for_room(void **state)
{
	struct fixture fix;
	struct err     why = refusal(E2003);
	struct err     other = refusal(E2001);

	(void) state;
	fixture_open(&fix, ON_ERROR_DEAD_LETTER);
	assert_false(divert_catch(fix.dv, &other));
	assert_true(divert_catch(fix.dv, &why));
	fix.fake.room = 0;
	assert_rc_again(send(&fix, 3));
	assert_int_equal(fix.sent, 0);
	assert_true(divert_is_on(fix.dv));        /* it goes the same way when it is tried again */
	assert_false(divert_catch(fix.dv, &why)); /* what fails now is the letter */
	fix.fake.room = 1;
	assert_rc_ok(send(&fix, 3));
	assert_int_equal(fix.sent, 1);
	assert_false(divert_is_on(fix.dv));
	assert_string_equal(fix.fake.topic, "s.dead-letter");
	assert_string_equal(buf_cstr(&fix.fake.log), "5/3 value KAFKA_PRODUCE walrelay.E2003\n");
	assert_int_equal(detours_list(fix.ctx.detours)->messages, 1);
	assert_false(detours_list(fix.ctx.detours)->skipped);
	fixture_close(&fix);
}

static void
a_refused_message_is_known_when_it_comes_again(void **state)
{
	struct fixture fix;
	struct err     why = refusal(E2003);

	(void) state;
	fixture_open(&fix, ON_ERROR_DEAD_LETTER);
	divert_begin(fix.dv, 16);
	divert_look(fix.dv, 2);
	assert_false(divert_is_on(fix.dv));
	assert_true(divert_refused(fix.dv, 16, 2, 8, &why));
	divert_stop(fix.dv);

	divert_begin(fix.dv, 15); /* another transaction */
	divert_look(fix.dv, 2);
	assert_false(divert_is_on(fix.dv));
	divert_begin(fix.dv, 16);
	for (uint64_t place = 0; place < 5; place++)
	{
		divert_look(fix.dv, place);
		assert_int_equal(divert_is_on(fix.dv), place == 2);
		if (place == 2)
			assert_rc_ok(send(&fix, place));
	}
	assert_string_equal(buf_cstr(&fix.fake.log), "5/2 value KAFKA_PRODUCE walrelay.E2003\n");

	/* The letter is refused, too: nothing is learnt by that. */
	assert_false(divert_refused(fix.dv, 16, 2, 8, &why));
	/* Nobody's message, an error of another kind, one more. */
	assert_false(divert_refused(fix.dv, 0, 2, 8, &why));
	assert_true(divert_refused(fix.dv, 16, 4, 8, &why));
	why = refusal(E2004);
	assert_false(divert_refused(fix.dv, 16, 5, 8, &why));
	fixture_close(&fix);
}

static void
what_is_confirmed_is_forgotten(void **state)
{
	struct fixture fix;
	struct err     why = refusal(E2006);

	(void) state;
	fixture_open(&fix, ON_ERROR_SKIP);
	assert_true(divert_refused(fix.dv, 16, 0, 8, &why));
	assert_true(divert_refused(fix.dv, 32, 0, 24, &why));
	divert_begin(fix.dv, 16);
	divert_look(fix.dv, 0);
	assert_false(divert_is_on(fix.dv));
	divert_begin(fix.dv, 32);
	divert_look(fix.dv, 0);
	assert_true(divert_is_on(fix.dv));
	fixture_close(&fix);
}

static void
what_is_skipped_is_counted(void **state)
{
	struct fixture       fix;
	struct err           why = refusal(E2003);
	const struct detour *detour;

	(void) state;
	fixture_open(&fix, ON_ERROR_SKIP);
	fix.fake.room = 0; /* nobody asks for it */
	for (int i = 0; i < 3; i++)
	{
		assert_true(divert_catch(fix.dv, &why));
		assert_rc_ok(send(&fix, 0));
		assert_int_equal(fix.sent, 0);
		assert_false(divert_is_on(fix.dv));
	}
	detour = detours_list(fix.ctx.detours);
	assert_int_equal(detour->messages, 3);
	assert_true(detour->skipped);
	assert_string_equal(detour->table, "p.t");
	assert_int_equal(detour->last.lsn, 8);
	fixture_close(&fix);
}

static void
what_cannot_be_encoded_becomes_text(void **state)
{
	struct fixture fix;
	struct message msg = {.transactional = true,
						  .lsn = 0x20,
						  .prefix = {"p", 1},
						  .content = {"it's", 4}};

	(void) state;
	fixture_open(&fix, ON_ERROR_DEAD_LETTER);
	e = refusal(E1602);
	assert_rc_ok(divert_message(fix.dv, &msg, true, &fix.out, &e));
	assert_rc_ok(send(&fix, 0));
	assert_string_equal(buf_cstr(&fix.fake.log), "5/0 MESSAGE 'p' transactional @0/20: 'it''s'\n"
												 " VALUE_CONVERTER walrelay.E1602 text\n");
	/* The next one is none. */
	fix.fake.log.len = 0;
	fix.out = (struct outgoing){.has_value = true, .value = {"value", 5}};
	e = refusal(E2003);
	assert_true(divert_catch(fix.dv, &e));
	assert_rc_ok(send(&fix, 1));
	assert_string_equal(buf_cstr(&fix.fake.log), "5/1 value KAFKA_PRODUCE walrelay.E2003\n");

	e = refusal(E1404);
	assert_int_equal(divert_message(fix.dv, &msg, true, &fix.out, &e), RC_ERR);
	fixture_close(&fix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_catches_nothing),
		cmocka_unit_test(a_letter_waits_for_room),
		cmocka_unit_test(a_refused_message_is_known_when_it_comes_again),
		cmocka_unit_test(what_is_confirmed_is_forgotten),
		cmocka_unit_test(what_is_skipped_is_counted),
		cmocka_unit_test(what_cannot_be_encoded_becomes_text),
	};

	return cmocka_run_group_tests_name("divert", tests, NULL, NULL);
}
