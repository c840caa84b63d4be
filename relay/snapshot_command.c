/*
 * snapshot_command.c
 *		Sends a signal; see snapshot_command.h.
 */
#include "snapshot_command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "incremental_sql.h"
#include "loop.h"
#include "nonce.h"
#include "notes.h"
#include "query.h"

/* A condition is looked into for so many tables, and so many are told. */
#define TABLES_MAX 50

enum command_step
{
	STEP_MATCHING, /* which tables each expression means */
	STEP_CHECKING, /* the condition, table by table */
	STEP_SENDING
};

struct match
{
	char *oid;
	char *schema;
	char *name;
};

struct command
{
	const struct config         *cfg;
	const struct snapshot_order *order;
	FILE                        *out;
	struct loop                 *loop;
	struct query                *q;
	enum command_step            step;
	uint32_t                     number;  /* of the expression, or the table, at hand */
	uint32_t                     matched; /* tables of the expression */
	struct match                *matches; /* each table once */
	uint32_t                     nmatches;
	char                         id[NONCE_LEN + 1];
	const char                  *conninfo; /* the configuration's */
	const char                  *key;
	char                        *lsn;
	struct buf                   sql;
	enum rc                      rc;
	struct err                  *e;
};

static void
command_fail(struct command *cmd)
{
	cmd->rc = RC_ERR;
	loop_stop(cmd->loop);
}

/* --- sending ------------------------------------------------------------------------ */

static void
command_send(struct command *cmd)
{
	struct buf json = {0};

	cmd->step = STEP_SENDING;
	snapshot_order_write(cmd->order, cmd->id, &json);
	snapshot_order_send_sql(cmd->key, &json, &cmd->sql);
	buf_free(&json);
	query_run(cmd->q, buf_cstr(&cmd->sql), PG_LOOK);
}

/* --- the condition ------------------------------------------------------------------ */

static void
command_check_next(struct command *cmd)
{
	struct piece_query query;

	cmd->step = STEP_CHECKING;
	if (cmd->order->where == NULL || cmd->number == cmd->nmatches || cmd->number == TABLES_MAX)
	{
		command_send(cmd);
		return;
	}
	query = (struct piece_query){.schema = cmd->matches[cmd->number].schema,
								 .name = cmd->matches[cmd->number].name,
								 .filter = cmd->order->where};
	incremental_sql_filter(&cmd->sql, &query);
	query_run(cmd->q, buf_cstr(&cmd->sql), PG_LOOK);
}

/* By PostgreSQL; state: its SQLSTATE. */
static void
condition_refused(struct command *cmd, const char *state, const struct err *said)
{
	const struct match *match = &cmd->matches[cmd->number];

	*cmd->e = *said;
	if (strcmp(state, "42501") == 0)
	{
		err_set(cmd->e, ERR_PERMISSION, E1240, "role may not read what the condition needs");
		err_detail(cmd->e, "Table \"%s.%s\": %s", match->schema, match->name, said->detail);
		err_hint(cmd->e, "Grant it SELECT on the table: rows are read with its rights.");
	}
	else if (strncmp(state, "42", 2) == 0 || strncmp(state, "22", 2) == 0)
	{
		err_set(cmd->e, ERR_USAGE, E1006, "condition of --where is none for table \"%s.%s\"",
				match->schema, match->name);
		err_detail(cmd->e, "%s", said->detail);
		err_hint(cmd->e, "Correct it, or name only tables that it is for.");
	}
	command_fail(cmd);
}

/* --- which tables ------------------------------------------------------------------- */

static void
command_tell(const struct command *cmd)
{
	for (uint32_t i = 0; i < cmd->nmatches && i < TABLES_MAX; i++)
		fprintf(cmd->out, "%s.%s\n", cmd->matches[i].schema, cmd->matches[i].name);
	if (cmd->nmatches > TABLES_MAX)
		fprintf(cmd->out, "and %" PRIu32 " more%s\n", cmd->nmatches - TABLES_MAX,
				cmd->order->where ? ", of which the condition is not looked into" : "");
	fflush(cmd->out);
}

static void
command_match_next(struct command *cmd)
{
	if (cmd->number < cmd->order->ntables)
	{
		cmd->matched = 0;
		snapshot_order_match_sql(cmd->order, cmd->number, &cmd->sql);
		query_run(cmd->q, buf_cstr(&cmd->sql), PG_LOOK);
		return;
	}
	if (cmd->order->kind == SIGNAL_EXECUTE)
		command_tell(cmd);
	cmd->number = 0;
	command_check_next(cmd);
}

static void
match_add(struct command *cmd, const char *oid, const char *schema, const char *name)
{
	for (uint32_t i = 0; i < cmd->nmatches; i++)
		if (strcmp(cmd->matches[i].oid, oid) == 0)
			return;
	if ((cmd->nmatches & (cmd->nmatches + 1)) == 0) /* full at 0, 1, 3, 7 ... */
		cmd->matches =
			xrealloc(cmd->matches, (2 * (size_t) cmd->nmatches + 1) * sizeof(*cmd->matches));
	cmd->matches[cmd->nmatches++] = (struct match){xstrdup(oid), xstrdup(schema), xstrdup(name)};
}

/* One expression is through.  A stop may be for tables that are gone. */
static void
command_matched(struct command *cmd)
{
	char *table;

	if (cmd->matched > 0 || cmd->order->kind != SIGNAL_EXECUTE)
	{
		cmd->number++;
		command_match_next(cmd);
		return;
	}
	table = snapshot_order_table(cmd->order, cmd->number);
	err_set(cmd->e, ERR_USAGE, E1245, "no table is what %s means", table);
	err_detail(cmd->e, "Tables are named with their schema, and all of the name must match, in any "
					   "mix of case.");
	err_hint(cmd->e, "Write schema.table, or a regular expression for that.");
	free(table);
	command_fail(cmd);
}

static void
match_failed(struct command *cmd, const char *state, const struct err *said)
{
	*cmd->e = *said;
	if (strcmp(state, "2201B") == 0)
	{
		char *table = snapshot_order_table(cmd->order, cmd->number);

		err_set(cmd->e, ERR_USAGE, E1006, "table %s is no regular expression", table);
		err_detail(cmd->e, "%s", said->detail);
		err_hint(cmd->e, "Quote it for the shell, and write \\ before a character that means "
						 "itself.");
		free(table);
	}
	command_fail(cmd);
}

/* --- events of the connection --------------------------------------------------------- */

static void
on_ready(void *arg)
{
	struct command *cmd = arg;

	if (!query_facts(cmd->q)->in_recovery)
	{
		command_match_next(cmd);
		return;
	}
	if (cmd->conninfo == cmd->cfg->source.conninfo && *cmd->cfg->snapshot.conninfo)
	{
		cmd->conninfo = cmd->cfg->snapshot.conninfo;
		query_disconnect(cmd->q);
		query_connect(cmd->q, cmd->conninfo, PG_SQL);
		return;
	}
	err_set(cmd->e, ERR_CONFIG, E1241, "a signal cannot be sent to a standby");
	err_hint(cmd->e, "Set snapshot.conninfo to its primary: what is written there reaches the "
					 "standby.");
	command_fail(cmd);
}

static void
on_result(void *arg, const struct pg_result *res)
{
	struct command *cmd = arg;
	int             rows = query_rows(res);

	if (cmd->step == STEP_MATCHING)
	{
		cmd->matched += (uint32_t) rows;
		for (int i = 0; i < rows; i++)
			match_add(cmd, query_field(res, i, 0), query_field(res, i, 1), query_field(res, i, 2));
	}
	else if (cmd->step == STEP_SENDING && rows == 1)
	{
		free(cmd->lsn);
		cmd->lsn = xstrdup(query_field(res, 0, 0));
	}
}

static void
on_copied(void *arg, struct str message)
{
	(void) arg;
	(void) message;
}

static void
on_done(void *arg, bool failed, const char *state, const struct err *e)
{
	struct command *cmd = arg;

	switch (cmd->step)
	{
		case STEP_MATCHING:
			if (failed)
				match_failed(cmd, state, e);
			else
				command_matched(cmd);
			break;
		case STEP_CHECKING:
			if (failed)
				condition_refused(cmd, state, e);
			else
			{
				cmd->number++;
				command_check_next(cmd);
			}
			break;
		case STEP_SENDING:
			if (failed)
			{
				*cmd->e = *e;
				command_fail(cmd);
				break;
			}
			fprintf(cmd->out, "sent %s \"%s\" at %s\n", signal_kind_name(cmd->order->kind), cmd->id,
					cmd->lsn);
			loop_stop(cmd->loop);
	}
}

static void
on_lost(void *arg, const struct err *e)
{
	struct command *cmd = arg;
	size_t          len;

	*cmd->e = *e;
	len = strlen(cmd->e->detail);
	if (cmd->step == STEP_SENDING)
		snprintf(cmd->e->detail + len, sizeof(cmd->e->detail) - len,
				 "%sThe signal may have been sent.", len > 0 ? "  " : "");
	command_fail(cmd);
}

/* --- the command -------------------------------------------------------------------- */

static enum rc
command_run(struct command *cmd)
{
	const struct query_events events = {.ready = on_ready,
										.result = on_result,
										.copied = on_copied,
										.done = on_done,
										.lost = on_lost,
										.arg = cmd};

	nonce_make(cmd->id);
	cmd->loop = loop_new();
	cmd->q = query_new(cmd->loop, cmd->cfg, &events);
	cmd->conninfo = cmd->cfg->source.conninfo;
	query_connect(cmd->q, cmd->conninfo, PG_SQL);
	loop_run(cmd->loop);
	query_free(cmd->q);
	loop_free(cmd->loop);
	for (uint32_t i = 0; i < cmd->nmatches; i++)
	{
		free(cmd->matches[i].oid);
		free(cmd->matches[i].schema);
		free(cmd->matches[i].name);
	}
	free(cmd->matches);
	free(cmd->lsn);
	buf_free(&cmd->sql);
	return cmd->rc;
}

enum rc
snapshot_command(const struct config *cfg, const struct snapshot_order *order, FILE *out,
				 struct err *e)
{
	struct command cmd = {.cfg = cfg, .order = order, .out = out, .rc = RC_OK, .e = e};
	struct notes   notes;
	enum rc        rc;

	if (snapshot_order_check(order, e) != RC_OK ||
		pg_conninfo_check(cfg->source.conninfo, e) != RC_OK)
		return RC_ERR;
	rc = notes_read(cfg, &notes, e);
	cmd.key = notes.incremental.job.key;
	if (rc == RC_OK && *cmd.key)
		rc = command_run(&cmd);
	else if (rc == RC_OK)
	{
		rc = err_set(e, ERR_CONFIG, E2010, "no relay has run with slot \"%s\"", cfg->slot.name);
		err_detail(e, "Topic \"%s\" has no key for commands to it.", notes.topic);
		err_hint(e, "Start \"walrelay run\" first, and give this command the same settings.");
	}
	notes_clear(&notes);
	return rc;
}
