/*
 * emit_text.c
 *		The records of the stream as lines for people, psql and pg_regress: one
 *		line and one write each.  Positions, xids and times can be left out, as
 *		they differ between runs.  PROTOCOL.md has the grammar.  Nothing reads
 *		these lines back; programs use the binary format.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "replication/output_plugin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "emit.h"
#include "session.h"

/* A line may take as much; what is beyond does not fit a StringInfo. */
#define LINE_MAX_BYTES (MaxAllocSize - 1024 * 1024)

static StringInfo
line_open(struct session *session)
{
	OutputPluginPrepareWrite(session->ctx, true);
	return session->ctx->out;
}

static void
line_close(struct session *session)
{
	OutputPluginWrite(session->ctx, true);
}

static void
line_add_lsn(struct session *session, StringInfo line, XLogRecPtr lsn)
{
	if (session->options.include_lsn)
		appendStringInfo(line, " @%X/%X", LSN_FORMAT_ARGS(lsn));
}

static void
line_add_name(StringInfo line, const struct relation *rel)
{
	appendStringInfo(line, " %s", quote_qualified_identifier(rel->schema, rel->name));
}

static bool
has_control_character(const char *data, Size length)
{
	Size		i;

	for (i = 0; i < length; i++)
	{
		if ((unsigned char) data[i] < ' ')
			return true;
	}
	return false;
}

/*
 * As an SQL literal: '...', or E'...' if it has characters that would break
 * the line.
 */
static void
line_add_quoted(StringInfo line, const char *data, Size length)
{
	bool		escape = has_control_character(data, length);
	Size		i;

	appendStringInfoString(line, escape ? "E'" : "'");
	for (i = 0; i < length; i++)
	{
		char		c = data[i];

		if (escape && (unsigned char) c < ' ')
		{
			if (c == '\n')
				appendStringInfoString(line, "\\n");
			else if (c == '\t')
				appendStringInfoString(line, "\\t");
			else
				appendStringInfo(line, "\\x%02x", (unsigned char) c);
			continue;
		}
		if (c == '\'' || (escape && c == '\\'))
			appendStringInfoChar(line, c);
		appendStringInfoChar(line, c);
	}
	appendStringInfoChar(line, '\'');
}

/* Forms whose text needs no quotes. */
static bool
form_is_bare(uint8 form)
{
	return form == WIRE_FORM_BOOL || form == WIRE_FORM_OID || form == WIRE_FORM_FLOAT4 ||
		form == WIRE_FORM_FLOAT8 || form == WIRE_FORM_NUMERIC;
}

static void
line_add_value(StringInfo line, const struct column *column, const struct value *value)
{
	/* in the worst case every byte takes four */
	if (value->state == WIRE_STATE_VALUE && line->len + 4 * value->length > LINE_MAX_BYTES)
		appendStringInfoString(line, "unsendable");
	else if (value->state == WIRE_STATE_NULL)
		appendStringInfoString(line, "null");
	else if (value->state == WIRE_STATE_UNCHANGED)
		appendStringInfoString(line, "unchanged-toast");
	else if (value->state == WIRE_STATE_UNSENDABLE)
		appendStringInfoString(line, "unsendable");
	else if (form_is_bare(column->how->form) ||
			 (column->how->form == WIRE_FORM_INT && column->how->rest->base_oid != DATEOID))
		appendBinaryStringInfo(line, value->data, value->length);
	else
		line_add_quoted(line, value->data, value->length);
}

static void
line_add_tuple(StringInfo line, const struct relation *rel, const struct tuple *tuple)
{
	int			i;

	for (i = 0; i < tuple->count; i++)
	{
		const struct column *column = &rel->columns[tuple->hows[i].place];

		appendStringInfo(line, "%s%s=", i > 0 ? " " : "", quote_identifier(column->name));
		line_add_value(line, column, &tuple->values[i]);
	}
}

/* Programs get the settings of the stream; a person made them. */
static void
text_hello(struct session *session)
{
}

static void
text_begin(struct session *session, ReorderBufferTXN *txn)
{
	StringInfo	line;
	char	   *origin = NULL;

	if (txn->origin_id != InvalidReplOriginId)
		replorigin_by_oid(txn->origin_id, true, &origin);
	line = line_open(session);
	appendStringInfoString(line, "BEGIN");
	if (session->options.include_xids)
		appendStringInfo(line, " %u", txn->xid);
	if (session->options.include_timestamp)
		appendStringInfo(line, " at '%s'", timestamptz_to_str(txn_commit_time(txn)));
	if (origin != NULL)
	{
		appendStringInfoString(line, " origin ");
		line_add_quoted(line, origin, strlen(origin));
		line_add_lsn(session, line, txn->origin_lsn);
	}
	line_close(session);
}

static void
text_commit(struct session *session, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	StringInfo	line = line_open(session);

	appendStringInfoString(line, "COMMIT");
	if (session->options.include_xids)
		appendStringInfo(line, " %u", txn->xid);
	line_add_lsn(session, line, txn->end_lsn);
	line_close(session);
	OutputPluginUpdateProgress(session->ctx, false);
}

static void
line_add_type(StringInfo line, const struct type_name *type, int32 typmod)
{
	if (strcmp(type->schema, "pg_catalog") == 0)
		appendStringInfoString(line, type->name);
	else
		appendStringInfoString(line, quote_qualified_identifier(type->schema, type->name));
	if (typmod >= 0)
		appendStringInfo(line, "(%d)", typmod);
}

static void
line_add_labels(StringInfo line, const struct column *column)
{
	int			i;

	appendStringInfoString(line, " labels(");
	for (i = 0; i < column->nlabels; i++)
	{
		appendStringInfoString(line, i > 0 ? ", " : "");
		line_add_quoted(line, column->labels[i], strlen(column->labels[i]));
	}
	appendStringInfoChar(line, ')');
}

static void
line_add_column(StringInfo line, const struct column *column)
{
	static const struct
	{
		uint16		flag;
		const char *word;
	}			words[] =
	{
		{WIRE_COLUMN_NOT_NULL, "not-null"}, {WIRE_COLUMN_PRIMARY, "primary"},
		{WIRE_COLUMN_IDENTITY, "identity"}, {WIRE_COLUMN_GENERATED, "generated"},
		{WIRE_COLUMN_AUTO, "auto"}, {WIRE_COLUMN_COMPOSITE, "composite"},
		{WIRE_COLUMN_RANGE, "range"}, {WIRE_COLUMN_DOMAIN_NOT_NULL, "domain-not-null"}
	};
	int			i;

	appendStringInfo(line, "%d %s ", column->attnum, quote_identifier(column->name));
	line_add_type(line, &column->type, column->typmod);
	appendStringInfo(line, " form(%c)", column->how->form);
	if (column->flags & WIRE_COLUMN_DOMAIN)
	{
		appendStringInfoString(line, " domain-of(");
		line_add_type(line, &column->base, column->base_typmod);
		appendStringInfoChar(line, ')');
	}
	if (column->flags & WIRE_COLUMN_ARRAY)
	{
		appendStringInfoString(line, " array-of(");
		line_add_type(line, &column->how->rest->element->type, -1);
		appendStringInfo(line, " form(%c))", column->how->rest->element->how.form);
	}
	if (column->flags & WIRE_COLUMN_ENUM)
		line_add_labels(line, column);
	for (i = 0; i < lengthof(words); i++)
	{
		if (column->flags & words[i].flag)
			appendStringInfo(line, " %s", words[i].word);
	}
	if (column->flags & WIRE_COLUMN_DEFAULT)
	{
		appendStringInfoString(line, " default ");
		line_add_quoted(line, column->default_text, strlen(column->default_text));
	}
}

static void
line_add_key(StringInfo line, const char *word, const struct relation *rel, int count,
			 const int *places)
{
	int			i;

	appendStringInfo(line, " %s(", word);
	for (i = 0; i < count; i++)
		appendStringInfo(line, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(rel->columns[places[i]].name));
	appendStringInfoChar(line, ')');
}

static const char *
identity_word(char identity)
{
	switch (identity)
	{
		case 'd':
			return "identity-default";
		case 'i':
			return "identity-index";
		case 'f':
			return "identity-full";
		default:
			return "identity-nothing";
	}
}

static void
text_relation(struct session *session, const struct relation *rel)
{
	StringInfo	line;
	int			i;

	if (!session->options.include_relations)
		return;
	line = line_open(session);
	appendStringInfoString(line, "RELATION");
	line_add_name(line, rel);
	if (rel->relkind == 'p')
		appendStringInfoString(line, " partitioned");
	if (rel->key_kind == WIRE_KEY_NONE)
		appendStringInfoString(line, " no-key");
	else
		line_add_key(line, rel->key_kind == WIRE_KEY_PRIMARY ? "primary-key" : "unique-key",
					 rel, rel->nkey, rel->key);
	line_add_key(line, identity_word(rel->identity), rel, rel->nidentity, rel->identity_key);
	appendStringInfoChar(line, ':');
	for (i = 0; i < rel->ncolumns; i++)
	{
		appendStringInfoString(line, i > 0 ? ", " : " ");
		line_add_column(line, &rel->columns[i]);
	}
	line_close(session);
}

static void
line_add_old(StringInfo line, const struct relation *rel, enum wire_old old_kind,
			 const struct tuple *old)
{
	if (old_kind == WIRE_OLD_NONE)
	{
		appendStringInfoString(line, " old-none");
		return;
	}
	appendStringInfoString(line, old_kind == WIRE_OLD_KEY ? " old-key(" : " old-full(");
	line_add_tuple(line, rel, old);
	appendStringInfoChar(line, ')');
}

static void
text_row(struct session *session, enum wire_kind kind, const struct relation *rel,
		 XLogRecPtr lsn, enum wire_old old_kind, const struct tuple *old, const struct tuple *new)
{
	StringInfo	line = line_open(session);

	appendStringInfoString(line, kind == WIRE_INSERT ? "INSERT" :
						   kind == WIRE_UPDATE ? "UPDATE" : "DELETE");
	line_add_name(line, rel);
	line_add_lsn(session, line, lsn);
	appendStringInfoChar(line, ':');
	if (kind != WIRE_INSERT)
		line_add_old(line, rel, old_kind, old);
	if (new != NULL && new->count > 0)
	{
		appendStringInfoChar(line, ' ');
		line_add_tuple(line, rel, new);
	}
	line_close(session);
}

static void
text_truncate(struct session *session, XLogRecPtr lsn, uint8 flags, int count,
			  struct relation **rels)
{
	StringInfo	line = line_open(session);
	int			i;

	appendStringInfoString(line, "TRUNCATE");
	for (i = 0; i < count; i++)
	{
		appendStringInfoString(line, i > 0 ? "," : "");
		line_add_name(line, rels[i]);
	}
	if (flags & WIRE_TRUNCATE_CASCADE)
		appendStringInfoString(line, " cascade");
	if (flags & WIRE_TRUNCATE_RESTART_IDENTITY)
		appendStringInfoString(line, " restart-identity");
	line_add_lsn(session, line, lsn);
	line_close(session);
}

static void
text_message(struct session *session, XLogRecPtr lsn, bool transactional, const char *prefix,
			 Size length, const char *content)
{
	StringInfo	line = line_open(session);

	appendStringInfoString(line, "MESSAGE ");
	line_add_quoted(line, prefix, strlen(prefix));
	appendStringInfoString(line, transactional ? " transactional" : " immediate");
	line_add_lsn(session, line, lsn);
	appendStringInfoString(line, ": ");
	if (line->len + 4 * length > LINE_MAX_BYTES)
		appendStringInfoString(line, "unsendable");
	else if (pg_verify_mbstr(GetDatabaseEncoding(), content, length, true))
		line_add_quoted(line, content, length);
	else
	{
		Size		i;

		appendStringInfoString(line, "'\\x");
		for (i = 0; i < length; i++)
			appendStringInfo(line, "%02x", (unsigned char) content[i]);
		appendStringInfoChar(line, '\'');
	}
	line_close(session);
}

const struct emitter emit_text =
{
	.hello = text_hello,
	.begin = text_begin,
	.commit = text_commit,
	.relation = text_relation,
	.row = text_row,
	.truncate = text_truncate,
	.message = text_message,
};
