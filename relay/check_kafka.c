/*
 * check_kafka.c
 *		The brokers, and the topics that records will go to; see check.h.
 *
 * Whether a user may see a topic the brokers tell; whether he may write cannot be seen without
 * writing: that is not looked at.
 */
#include "check_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "topic_plan.h"

struct look
{
	struct check     *check;
	struct brokers    brokers;
	struct topic_plan plan;
};

/* --- topics of tables --------------------------------------------------------------------- */

static void
say_missing(struct look *look, unsigned missing, const char *names, const char *commands)
{
	int        creates = look->brokers.creates;
	struct err e;

	err_set(&e, ERR_CONFIG, creates == 1 ? E2014 : E2002,
			"%u of %u topics of tables %s not there", missing, look->check->caps.ntables,
			missing == 1 ? "is" : "are");
	err_detail(&e, "%s.  %s", names,
			   creates == 1
				   ? "The brokers make them at the first record, with their defaults "
					 "(auto.create.topics.enable, num.partitions)."
			   : creates == 0
				   ? "The brokers do not make them by themselves (auto.create.topics.enable=false)."
				   : "Or this user may not see them; the brokers do not say whether they make "
					 "topics by themselves.");
	err_hint(&e, "Make them with the partitions that they are to have, by walrelay topics create "
				 "--partitions=N, or:\n%s",
			 commands);
	findings_add(look->check->findings, creates == 0 ? VERDICT_FAIL : VERDICT_WARN, "kafka.topics",
				 &e);
}

static void
check_topics(struct look *look)
{
	struct check         *check = look->check;
	struct buf            names = {0};
	struct buf            commands = {0};
	unsigned              missing = 0;
	const struct planned *hidden = NULL;
	unsigned              partitions = 0;

	for (const struct planned *at = look->plan.topics; at; at = at->by_name.next)
	{
		partitions += at->table ? (unsigned) at->facts.partitions : 0;
		if (at->table == NULL || at->facts.partitions > 0)
			continue;
		if (at->hidden && hidden == NULL)
			hidden = at; /* the first one is told: rights are given by prefix */
		check_name(&names, missing, at->name);
		if (missing++ < CHECK_NAMED_MAX)
		{
			topic_wish_command(at->use, at->name, 1, at->bytes, look->brokers.who.bootstrap, &commands);
			buf_puts(&commands, "\n");
		}
	}
	if (hidden)
		findings_add(check->findings, VERDICT_FAIL, "kafka.topics", hidden->why);
	else if (missing > 0)
		say_missing(look, missing, buf_cstr(&names), buf_cstr(&commands));
	else
		findings_ok(check->findings, "kafka.topics", "%u topics, %u partitions",
					check->caps.ntables, partitions);
	buf_free(&names);
	buf_free(&commands);
}

/* What a relay could not work with. */
static bool
say_different(struct look *look, const char *name, const struct planned *topic)
{
	struct err e;

	if (topic->ndifferences == 0 || !topic->differences[0].stops)
		return false;
	(void) topic_difference_error(topic->use, topic->name, topic->table, &topic->differences[0],
								  &look->plan.sizes, look->brokers.who.bootstrap, &e);
	findings_add(look->check->findings, VERDICT_FAIL, name, &e);
	return true;
}

/* --- where positions are kept -------------------------------------------------------------- */

static void
check_progress(struct look *look, const struct planned *topic)
{
	struct findings *findings = look->check->findings;

	if (topic->hidden)
		findings_add(findings, VERDICT_FAIL, "kafka.progress", topic->why);
	else if (topic->facts.partitions == 0)
		findings_ok(findings, "kafka.progress", "%s is not there yet; walrelay run makes it",
					topic->name);
	else if (!say_different(look, "kafka.progress", topic))
		findings_ok(findings, "kafka.progress", "%s keeps positions", topic->name);
}

/* --- message sizes ------------------------------------------------------------------------- */

/* What takes less than may be sent there. */
struct lacking
{
	unsigned   count;
	bool       batches; /* smaller batches would fit into all of them */
	uint64_t   least;   /* the lowest limit */
	struct err first;
	struct buf names;
	struct buf commands;
};

static void
lacking_add(struct lacking *lacking, const struct look *look, const struct planned *topic,
			const struct topic_difference *size)
{
	const char *bootstrap = look->brokers.who.bootstrap;
	uint64_t    found = strtoull(size->found, NULL, 10);

	if (lacking->count == 0)
		(void) topic_difference_error(topic->use, topic->name, topic->table, size,
									  &look->plan.sizes, bootstrap, &lacking->first);
	lacking->batches = (lacking->count == 0 || lacking->batches) &&
					   topic->bytes == look->plan.sizes.batch;
	if (lacking->count == 0 || found < lacking->least)
		lacking->least = found;
	check_name(&lacking->names, lacking->count, topic->name);
	if (lacking->count++ >= CHECK_NAMED_MAX)
		return;
	buf_puts(&lacking->commands, lacking->count > 1 ? "\n" : "");
	if (topic->facts.partitions > 0)
		topic_difference_command(topic->name, size, bootstrap, &lacking->commands);
	else
		topic_wish_command(topic->use, topic->name, 1, topic->bytes, bootstrap, &lacking->commands);
}

static void
say_lacking(struct look *look, struct lacking *lacking)
{
	struct err e = lacking->first;

	if (lacking->count > 1)
	{
		err_set(&e, ERR_CONFIG, E2016, "%u topics take less than may be sent to them",
				lacking->count);
		err_detail(&e, "%s.  The first: %s", buf_cstr(&lacking->names), lacking->first.detail);
	}
	if (lacking->batches)
		err_hint(&e, "Set batch.size=%" PRIu64 " in [kafka], or:\n%s", lacking->least,
				 buf_cstr(&lacking->commands));
	else
		err_hint(&e, "%s", buf_cstr(&lacking->commands));
	check_warn(look->check, "kafka.sizes", &e);
}

/* Of tables' topics that are not there check_topics() tells, with the command for each. */
static void
check_sizes(struct look *look)
{
	struct lacking lacking = {0};
	uint64_t       least = 0; /* limit of those that take all; 0: none is known */

	for (const struct planned *at = look->plan.topics; at; at = at->by_name.next)
	{
		const char *setting = topic_fact_name(FACT_MESSAGE_BYTES);
		const struct topic_difference *size = topic_plan_difference(at, setting);
		uint64_t limit = strtoull(topic_fact(&at->facts, setting), NULL, 10);

		if (at->hidden || (at->table && at->facts.partitions == 0))
			continue;
		if (size)
			lacking_add(&lacking, look, at, size);
		else if (limit > 0 && topic_bytes(at->use, &look->plan.sizes) > 0 &&
				 (least == 0 || limit < least))
			least = limit;
	}
	if (lacking.count > 0)
		say_lacking(look, &lacking);
	else if (least > 0)
		findings_ok(look->check->findings, "kafka.sizes",
					"batches of up to %" PRIu64 " bytes fit into each topic; a record that has more than "
					"%" PRIu64 ", compressed, does not fit into all, see on.error",
					look->plan.sizes.batch, least);
	else
		findings_skip(look->check->findings, "kafka.sizes",
					  "no topic is there, or the brokers do not tell max.message.bytes");
	buf_free(&lacking.names);
	buf_free(&lacking.commands);
}

/* --- all of it ------------------------------------------------------------------------------ */

static void
check_plan(struct look *look)
{
	struct check    *check = look->check;
	bool             tables = check->knows_tables && check->caps.ntables > 0;
	struct captured *at;
	struct err       e;

	if (tables)
		LL_FOREACH(check->caps.tables, at)
			topic_plan_table(&look->plan, at);
	(void) check_take(check, "kafka.progress",
					  topic_plan_own(&look->plan, check->cfg, check->routes, &e), &e);
	topic_plan_compare(&look->plan, check->cfg, &look->brokers);
	if (tables)
		check_topics(look);
	else
		findings_skip(check->findings, "kafka.topics", "no table is known");
	for (const struct planned *topic = look->plan.topics; topic; topic = topic->by_name.next)
		if (topic->use == USE_PROGRESS)
			check_progress(look, topic);
		else
			(void) say_different(look, "kafka.compaction", topic);
	check_sizes(look);
}

void
check_kafka(struct check *check)
{
	struct look look = {.check = check};
	struct err  e;

	if (check->cfg->format.sink != SINK_KAFKA)
		findings_skip(check->findings, "kafka.brokers", "format.sink is another one");
	else if (config_check_kafka(check->cfg, &e) != RC_OK)
		findings_skip(check->findings, "kafka.brokers", "settings are missing");
	else if (check_take(check, "kafka.brokers", brokers_open(&look.brokers, check->cfg, &e), &e))
	{
		findings_ok(check->findings, "kafka.brokers", "%d, reached %s", look.brokers.count,
					look.brokers.reached);
		brokers_defaults(&look.brokers);
		check_plan(&look);
	}
	topic_plan_free(&look.plan);
	brokers_close(&look.brokers);
}
