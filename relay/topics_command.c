/*
 * topics_command.c
 *		The plan of topics as a table or JSON, and carrying it out; see topics_command.h.
 */
#include "topics_command.h"

#include <inttypes.h>
#include <stdlib.h>

#include "findings.h"
#include "json.h"
#include "selection.h"
#include "shown.h"
#include "topic_plan.h"

struct topics_command
{
	struct selection     sel;
	struct brokers       brokers;
	struct topic_plan    plan;
	struct topics_choice choice;
};

static const struct
{
	const char *name;  /* in lines and JSON */
	const char *shown; /* behind the sum of them */
} states[NTOPIC_STATES] = {
	[TOPIC_EXISTS] = {"exists", "as they should be"},
	[TOPIC_CREATE] = {"create", "to create"},
	[TOPIC_DIFFERS] = {"differs", "to change"},
	[TOPIC_FAILED] = {"failed", "failed"},
	[TOPIC_CREATED] = {"created", "created"},
};

/* --- what there is ----------------------------------------------------------------- */

static enum rc
command_begin(struct topics_command *cmd, const struct config *cfg, const char *const *tables,
			  unsigned ntables, struct err *e)
{
	const struct captured *table = NULL;

	if (config_check_kafka(cfg, e) != RC_OK ||
		selection_begin(&cmd->sel, cfg, tables, ntables, e) != RC_OK)
		return RC_ERR;
	while ((table = selection_next(&cmd->sel, table)) != NULL)
		topic_plan_table(&cmd->plan, table);
	if (ntables == 0 && topic_plan_own(&cmd->plan, cfg, cmd->sel.caps.routes, e) != RC_OK)
		return RC_ERR;
	if (brokers_open(&cmd->brokers, cfg, e) != RC_OK)
		return RC_ERR;
	brokers_defaults(&cmd->brokers);
	topic_plan_compare(&cmd->plan, cfg, &cmd->brokers);
	return RC_OK;
}

static void
command_end(struct topics_command *cmd)
{
	topic_plan_free(&cmd->plan);
	brokers_close(&cmd->brokers);
	selection_end(&cmd->sel);
}

static bool
is_there(const struct planned *topic)
{
	return topic->facts.partitions > 0;
}

/* What is wrong with it, number number from 0 on; false: nothing more. */
static bool
trouble_of(const struct topics_command *cmd, const struct planned *topic, unsigned number,
		   struct err *e)
{
	if (topic->state == TOPIC_FAILED && number == 0)
		*e = *topic->why;
	else if (topic->state == TOPIC_DIFFERS && number < topic->ndifferences)
		(void) topic_difference_error(topic->use, topic->name, topic->table,
									  &topic->differences[number], &cmd->plan.sizes,
									  cmd->brokers.who.bootstrap, e);
	else
		return false;
	return true;
}

/* --- as JSON ------------------------------------------------------------------------- */

static void
put_found(struct buf *out, const struct planned *topic)
{
	bool any = false;

	json_put_number(out, "partitions", topic->facts.partitions);
	json_put_number(out, "replication_factor", topic->facts.replicas);
	buf_puts(out, ",\"settings\":{");
	for (int i = 0; i < NTOPIC_FACTS; i++)
		if (topic->facts.settings[i][0])
		{
			buf_printf(out, "%s\"%s\":", any ? "," : "", topic_fact_name((enum topic_fact) i));
			json_string(out, topic->facts.settings[i], strlen(topic->facts.settings[i]));
			any = true;
		}
	buf_puts(out, "}");
}

static void
put_wanted(const struct topics_command *cmd, struct buf *out, const struct topic_wish *wish)
{
	buf_puts(out, ",\"wanted\":{\"settings\":{");
	for (const struct topic_setting *set = wish->settings; set->name; set++)
		buf_printf(out, "%s\"%s\":\"%s\"", set == wish->settings ? "" : ",", set->name, set->value);
	buf_puts(out, "}");
	json_put_number(out, "partitions", wish->partitions ? wish->partitions : cmd->choice.partitions);
	json_put_number(out, "replication_factor", cmd->choice.replicas);
	buf_puts(out, "}");
}

static void
put_topic_json(const struct topics_command *cmd, struct buf *out, const struct planned *topic)
{
	struct topic_wish wish;
	struct err        e;

	topic_wish(topic->use, topic->bytes, &wish);
	buf_puts(out, "{\"topic\":");
	json_string(out, topic->name, strlen(topic->name));
	json_put_text(out, "for", wish.about);
	json_put_text(out, "table", topic->table ? topic->table : "");
	json_put_text(out, "state", states[topic->state].name);
	put_found(out, topic);
	put_wanted(cmd, out, &wish);
	buf_puts(out, ",\"errors\":[");
	for (unsigned i = 0; trouble_of(cmd, topic, i, &e); i++)
	{
		struct buf members = {0};

		finding_json(&e, &members);
		buf_printf(out, "%s{%s}", i ? "," : "", buf_cstr(&members) + 1);
		buf_free(&members);
	}
	buf_puts(out, "]}");
}

static void
print_json(const struct topics_command *cmd, FILE *file)
{
	struct buf out = {0};

	buf_puts(&out, "{\"topics\":[");
	for (const struct planned *at = cmd->plan.topics; at; at = at->by_name.next)
	{
		buf_puts(&out, at == cmd->plan.topics ? "" : ",");
		put_topic_json(cmd, &out, at);
	}
	buf_puts(&out, "]");
	for (int i = 0; i < NTOPIC_STATES; i++)
		buf_printf(&out, ",\"%s\":%u", states[i].name,
				   topic_plan_count(&cmd->plan, (enum topic_state) i));
	buf_puts(&out, "}\n");
	fwrite(out.data, 1, out.len, file);
	buf_free(&out);
}

/* --- as a table ------------------------------------------------------------------------ */

enum cell
{
	COLUMN_STATE,
	COLUMN_TOPIC,
	COLUMN_FOR,
	COLUMN_PARTITIONS,
	COLUMN_REPLICAS,
	COLUMN_SETTINGS,
	NCOLUMNS
};

static const char *const headings[NCOLUMNS] = {
	[COLUMN_STATE] = "STATE",           [COLUMN_TOPIC] = "TOPIC",
	[COLUMN_FOR] = "FOR",               [COLUMN_PARTITIONS] = "PARTITIONS",
	[COLUMN_REPLICAS] = "REPLICATION",  [COLUMN_SETTINGS] = "SETTINGS",
};

/* A number that brokers have by default, if they let us know it. */
static void
put_default(struct buf *out, int32_t number, int32_t usual)
{
	if (number > 0)
		buf_printf(out, "%" PRId32, number);
	else if (usual > 0)
		buf_printf(out, "default (%" PRId32 ")", usual);
	else
		buf_puts(out, "default");
}

/* A setting as it is, and as it should be. */
static void
put_setting(struct buf *out, const struct planned *topic, const char *name)
{
	const struct topic_difference *difference = topic_plan_difference(topic, name);
	const char                    *found = topic_fact(&topic->facts, name);

	if (*found == '\0')
		return;
	buf_printf(out, "%s%s=%s", out->len ? " " : "", name, found);
	if (difference)
		buf_printf(out, " (wanted: %s)", difference->wanted);
}

static void
put_settings(struct buf *out, const struct planned *topic)
{
	struct topic_wish wish;

	topic_wish(topic->use, 0, &wish);
	if (is_there(topic) && wish.settings[0].name == NULL)
		put_setting(out, topic, topic_fact_name(FACT_POLICY));
	topic_wish(topic->use, topic->bytes, &wish);
	for (const struct topic_setting *set = wish.settings; set->name; set++)
		if (is_there(topic))
			put_setting(out, topic, set->name);
		else if (topic->state == TOPIC_CREATE)
			buf_printf(out, "%s%s=%s", out->len ? " " : "", set->name, set->value);
	if (is_there(topic) && out->len == 0)
		buf_puts(out, "not told");
}

static void
put_cell(const struct topics_command *cmd, const struct planned *topic, enum cell cell,
		 struct buf *out)
{
	struct topic_wish wish;

	topic_wish(topic->use, topic->bytes, &wish);
	switch (cell)
	{
		case COLUMN_STATE: buf_puts(out, states[topic->state].name); break;
		case COLUMN_TOPIC: buf_puts(out, topic->name); break;
		case COLUMN_FOR:
			buf_printf(out, "%s%s", wish.about, topic->table ? " " : "");
			shown_put(out, topic->table ? topic->table : "");
			break;
		case COLUMN_PARTITIONS:
			if (is_there(topic))
				buf_printf(out, "%" PRId32, topic->facts.partitions);
			else if (topic->state == TOPIC_CREATE)
				put_default(out, wish.partitions ? wish.partitions : cmd->choice.partitions,
							cmd->brokers.partitions);
			if (topic_plan_difference(topic, "partitions"))
				buf_printf(out, " (wanted: %" PRId32 ")", wish.partitions);
			break;
		case COLUMN_REPLICAS:
			if (is_there(topic))
				buf_printf(out, "%" PRId32, topic->facts.replicas);
			else if (topic->state == TOPIC_CREATE)
				put_default(out, cmd->choice.replicas, cmd->brokers.replicas);
			break;
		case COLUMN_SETTINGS: put_settings(out, topic); break;
		case NCOLUMNS: break;
	}
}

/* Each cell, of the headings if topic is NULL. */
static const char *
cell_text(const struct topics_command *cmd, const struct planned *topic, enum cell cell,
		  struct buf *text)
{
	buf_reset(text);
	if (topic)
		put_cell(cmd, topic, cell, text);
	else
		buf_puts(text, headings[cell]);
	return buf_cstr(text);
}

static void
print_line(const struct topics_command *cmd, const struct planned *topic,
		   const size_t widths[NCOLUMNS], FILE *out)
{
	struct buf text = {0};
	size_t     behind = 0; /* blanks that are not printed at the end of a line */

	for (int i = 0; i < NCOLUMNS; i++)
	{
		const char *shown = cell_text(cmd, topic, (enum cell) i, &text);

		if (*shown)
		{
			fprintf(out, "%*s%s", (int) behind, "", shown);
			behind = 0;
		}
		behind += widths[i] - shown_width(shown) + 2;
	}
	fputc('\n', out);
	buf_free(&text);
}

static void
print_table(const struct topics_command *cmd, FILE *out)
{
	size_t     widths[NCOLUMNS];
	struct buf text = {0};

	for (int i = 0; i < NCOLUMNS; i++)
	{
		widths[i] = shown_width(headings[i]);
		for (const struct planned *at = cmd->plan.topics; at; at = at->by_name.next)
		{
			size_t width = shown_width(cell_text(cmd, at, (enum cell) i, &text));

			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	buf_free(&text);
	print_line(cmd, NULL, widths, out);
	for (const struct planned *at = cmd->plan.topics; at; at = at->by_name.next)
		print_line(cmd, at, widths, out);
}

static void
print_people(const struct topics_command *cmd, FILE *out)
{
	const char *before = "\n";
	struct err  e;

	print_table(cmd, out);
	for (const struct planned *at = cmd->plan.topics; at; at = at->by_name.next)
		for (unsigned i = 0; trouble_of(cmd, at, i, &e); i++)
		{
			fprintf(out, "%s%-7s ", i == 0 ? "\n" : "", states[at->state].name);
			finding_print(&e, out);
		}
	for (int i = 0; i < NTOPIC_STATES; i++)
	{
		unsigned count = topic_plan_count(&cmd->plan, (enum topic_state) i);

		if (count > 0)
		{
			fprintf(out, "%s%u %s", before, count, states[i].shown);
			before = ", ";
		}
	}
	fputc('\n', out);
}

static void
print_plan(const struct topics_command *cmd, bool json, FILE *out)
{
	if (json)
		print_json(cmd, out);
	else
		print_people(cmd, out);
	fflush(out);
}

/* --- the commands ------------------------------------------------------------------------ */

/* RC_ERR if some have failed: class and code of the first. */
static enum rc
failures_tell(const struct topics_command *cmd, const char *what, struct err *e)
{
	unsigned              failed = topic_plan_count(&cmd->plan, TOPIC_FAILED);
	const struct planned *at = cmd->plan.topics;

	if (failed == 0)
		return RC_OK;
	while (at->state != TOPIC_FAILED)
		at = at->by_name.next;
	err_set(e, at->why->class, at->why->code, "%u of %u topics cannot be %s%s%s", failed,
			HASH_CNT(by_name, cmd->plan.topics), what, failed > 1 ? ", first: " : ": ",
			at->why->msg);
	return err_hint(e, "Put right what is marked failed above, and run it again.");
}

static enum rc
differences_tell(const struct topics_command *cmd, struct err *e)
{
	unsigned create = topic_plan_count(&cmd->plan, TOPIC_CREATE);
	unsigned differs = topic_plan_count(&cmd->plan, TOPIC_DIFFERS);

	if (create + differs == 0)
		return RC_OK;
	err_set(e, ERR_DATA, E2017, "%u of %u topics %s to be created, %u to be changed", create,
			HASH_CNT(by_name, cmd->plan.topics), create == 1 ? "is" : "are", differs);
	return err_hint(e, "%s%s%s",
					create ? "Run walrelay topics create with the same settings: it makes what is "
							 "not there."
						   : "",
					create && differs ? "  " : "",
					differs ? "Run what is printed above for those that differ." : "");
}

enum rc
topics_plan(const struct config *cfg, const char *const *tables, unsigned ntables, bool json,
			FILE *out, struct err *e)
{
	struct topics_command cmd = {.choice = {.partitions = 0}};
	enum rc               rc = command_begin(&cmd, cfg, tables, ntables, e);

	if (rc == RC_OK)
	{
		print_plan(&cmd, json, out);
		rc = failures_tell(&cmd, "seen", e);
	}
	if (rc == RC_OK)
		rc = differences_tell(&cmd, e);
	command_end(&cmd);
	return rc;
}

enum rc
topics_create(const struct config *cfg, const char *const *tables, unsigned ntables,
			  const struct topics_choice *choice, bool json, FILE *out, struct err *e)
{
	struct topics_command cmd = {.choice = *choice};
	enum rc               rc = command_begin(&cmd, cfg, tables, ntables, e);

	if (rc == RC_OK)
	{
		topic_plan_create(&cmd.plan, &cmd.brokers, choice->partitions, choice->replicas,
						  choice->tries);
		print_plan(&cmd, json, out);
		rc = failures_tell(&cmd, "created", e);
	}
	command_end(&cmd);
	return rc;
}
