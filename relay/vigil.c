/*
 * vigil.c
 *		Looks after a silent connection; see vigil.h.
 */
#include "vigil.h"

#include <stdlib.h>

#include "probe.h"
#include "silence.h"

struct vigil
{
	struct loop           *loop;
	struct vigil_events    events;
	struct probe          *probe;
	const struct pg_conn  *conn; /* NULL: no vigil */
	const struct pg_facts *facts;
	bool                   streams;
	struct silence         silence;
	struct loop_timer      look;
	int64_t                asked_ms; /* when the probe set out */
	int64_t                noted_ms; /* heard_ms of the silence that was noted */
};

static int
silent_s(const struct vigil *vigil)
{
	return (int) ((loop_now_ms() - vigil->silence.heard_ms) / 1000);
}

/* What an answer says about our connection. */
static enum silence_sign
sign_of(const struct vigil *vigil, enum probe_answer answer)
{
	switch (answer)
	{
		case PROBE_GONE:
		case PROBE_IDLE: return SIGN_DEATH;
		case PROBE_LISTENS: return vigil->streams ? SIGN_DEATH : SIGN_LIFE;
		case PROBE_UNREACHABLE:
		case PROBE_ELSEWHERE: return SIGN_VOID;
		default: return SIGN_LIFE;
	}
}

static void
vigil_note(struct vigil *vigil, enum probe_answer answer, const char *doing)
{
	char *note;

	if (vigil->noted_ms == vigil->silence.heard_ms)
		return;
	vigil->noted_ms = vigil->silence.heard_ms;
	if (answer == PROBE_BUSY || answer == PROBE_LISTENS)
		note = xasprintf("PostgreSQL has said nothing for %d s; its process %d is alive (%s) and "
						 "is waited for",
						 silent_s(vigil), vigil->facts->process, doing);
	else
		note = xasprintf("PostgreSQL has said nothing for %d s, and does not let us look at its "
						 "process %d over another connection (%s); it is waited for",
						 silent_s(vigil), vigil->facts->process, doing);
	vigil->events.noted(vigil->events.arg, note);
	free(note);
}

static void
explain(const struct vigil *vigil, enum probe_answer answer, struct err *e)
{
	const char *hint = "Look at what is between walrelay and the server and forgets connections, "
					   "or holds them up: a firewall, NAT, a load balancer, a proxy.";
	char       *sign;

	if (answer == PROBE_GONE)
		sign = xasprintf("Its process %d, which served this connection, is not there any more",
						 vigil->facts->process);
	else if (answer == PROBE_ELSEWHERE)
		sign = xasprintf("New connections lead to another server, or to one that was restarted");
	else if (answer == PROBE_UNREACHABLE)
	{
		sign = xasprintf("New connections are not answered either");
		hint = "Check the server: whether it stands still, or its machine does, and the network in "
			   "between.";
	}
	else
	{
		sign = xasprintf("Its process %d waits for walrelay to say something, and does not get "
						 "what walrelay has said, or its answers get lost",
						 vigil->facts->process);
		hint = "Look at what is between walrelay and the server and forgets connections, or holds "
			   "them up: a firewall, NAT, a load balancer, a proxy; and whether that process was "
			   "stopped.";
	}
	err_set(e, ERR_TRANSIENT, E1221, "PostgreSQL says nothing any more");
	err_detail(e, "Nothing has come for %d s.  %s.  %s.", silent_s(vigil), sign,
			   vigil->streams ? "Changes come again from the confirmed position"
							  : "The replication slot may have been created");
	err_hint(e, "%s", hint);
	free(sign);
}

static void
on_probed(void *arg, enum probe_answer answer, const char *doing)
{
	struct vigil     *vigil = arg;
	enum silence_sign sign = sign_of(vigil, answer);
	struct err        e;

	if (vigil->silence.heard_ms >= vigil->asked_ms) /* it has spoken meanwhile */
		loop_timer_set(vigil->loop, &vigil->look, silence_left(&vigil->silence, loop_now_ms()));
	else if (silence_judge(&vigil->silence, sign, loop_now_ms()))
	{
		explain(vigil, answer, &e);
		vigil_end(vigil);
		vigil->events.dead(vigil->events.arg, &e);
	}
	else
	{
		loop_timer_set(vigil->loop, &vigil->look, silence_pause(&vigil->silence));
		if (sign == SIGN_LIFE)
			vigil_note(vigil, answer, doing);
	}
}

static void
on_look(void *arg)
{
	struct vigil *vigil = arg;
	int64_t       left = silence_left(&vigil->silence, loop_now_ms());

	if (left > 0)
	{
		loop_timer_set(vigil->loop, &vigil->look, left);
		return;
	}
	if (vigil->events.ask)
		vigil->events.ask(vigil->events.arg);
	if (vigil->conn == NULL)
		return;
	vigil->asked_ms = loop_now_ms();
	probe_ask_process(vigil->probe, vigil->conn, vigil->facts);
}

void
vigil_begin(struct vigil *vigil, const struct pg_conn *conn, const struct pg_facts *facts,
			bool streams)
{
	vigil->conn = conn;
	vigil->facts = facts;
	vigil->streams = streams;
	silence_begin(&vigil->silence, facts->sender_timeout_ms, loop_now_ms());
	loop_timer_set(vigil->loop, &vigil->look, vigil->silence.limit_ms);
}

void
vigil_heard(struct vigil *vigil)
{
	silence_heard(&vigil->silence, loop_now_ms());
}

void
vigil_end(struct vigil *vigil)
{
	loop_timer_clear(vigil->loop, &vigil->look);
	probe_cancel(vigil->probe);
	vigil->conn = NULL;
}

int64_t
vigil_heard_ms(const struct vigil *vigil)
{
	return vigil->conn ? vigil->silence.heard_ms : 0;
}

struct vigil *
vigil_new(struct loop *loop, char *const *conninfo, const struct vigil_events *events)
{
	struct vigil *vigil = xcalloc(1, sizeof(*vigil));

	vigil->loop = loop;
	vigil->events = *events;
	vigil->look = (struct loop_timer){.cb = on_look, .arg = vigil};
	vigil->probe = probe_new(loop, conninfo, on_probed, vigil);
	return vigil;
}

void
vigil_free(struct vigil *vigil)
{
	if (vigil == NULL)
		return;
	vigil_end(vigil);
	probe_free(vigil->probe);
	free(vigil);
}
