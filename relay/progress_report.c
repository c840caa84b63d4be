/*
 * progress_report.c
 *		A bar, or a line now and then; see progress_report.h.
 */
#include "progress_report.h"

#include <unistd.h>

#include "log.h"

#define BAR_MS 1000
#define LINE_MS 10000
#define NEWEST 0.15 /* of the bar's rate: a step a second is too lively to tell what is left by */

/* Where it does not stand in the way of what is printed; 0: nowhere. */
static unsigned
bar_columns(const struct progress_report *report)
{
	bool prints = report->cfg->format.sink == SINK_STDOUT && isatty(STDOUT_FILENO);

	return prints ? 0 : log_footer_columns();
}

static void
report_draw(struct progress_report *report, struct progress_state *state, unsigned columns)
{
	struct buf text = {0};

	report->rate =
		report->rate > 0 ? (1 - NEWEST) * report->rate + NEWEST * state->rate : state->rate;
	state->rate = report->rate;
	progress_bar_text(state, columns, &text);
	log_footer(buf_cstr(&text));
	buf_free(&text);
}

static void
report_say(const struct progress_report *report, const struct progress_state *state)
{
	struct buf text = {0};

	progress_line_text(state, &text);
	log_info("%s: %s", report->title, buf_cstr(&text));
	buf_free(&text);
}

static void
on_timer(void *arg)
{
	struct progress_report *report = arg;
	unsigned                columns = bar_columns(report);
	int64_t                 now_ms = loop_now_ms();
	struct progress_look    look = {0};

	loop_timer_set(report->loop, &report->timer, columns > 0 ? BAR_MS : LINE_MS);
	if (report->look(report->arg, &look))
	{
		if (look.sent > report->sent) /* else another job may have begun */
			look.state.rate = (double) (look.sent - report->sent) * 1000 /
							  (double) (now_ms - report->looked_ms + 1);
		if (columns > 0)
			report_draw(report, &look.state, columns);
		else if (!look.told)
			report_say(report, &look.state);
	}
	report->sent = look.sent;
	report->looked_ms = now_ms;
}

void
progress_report_begin(struct progress_report *report, struct loop *loop, const struct config *cfg)
{
	struct progress_look look = {0};

	if (report->timer.due_ms > 0)
		return;
	report->loop = loop;
	report->cfg = cfg;
	report->timer = (struct loop_timer){.cb = on_timer, .arg = report};
	(void) report->look(report->arg, &look);
	report->sent = look.sent;
	report->looked_ms = loop_now_ms();
	report->rate = 0;
	loop_timer_set(loop, &report->timer, bar_columns(report) > 0 ? BAR_MS : LINE_MS);
}

void
progress_report_end(struct progress_report *report)
{
	if (report->timer.due_ms == 0)
		return;
	loop_timer_clear(report->loop, &report->timer);
	log_footer("");
}
