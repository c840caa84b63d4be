/*
 * dump.c
 *		Records as readable lines; see dump.h.
 *
 * Every record is put together in one buffer and leaves in one write.
 */
#include "dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "catalog.h"
#include "quote.h"
#include "value.h"

struct dump
{
	FILE           *out;
	unsigned        flags;
	struct catalog *cat;
	bool            utf8; /* what the server sends is UTF-8 */
	uint32_t        xid;  /* of the transaction under way */
	struct buf      line;
	struct buf      text; /* one value, before it is quoted */
};

struct dump *
dump_new(FILE *out, unsigned flags)
{
	struct dump *dump = xcalloc(1, sizeof(*dump));

	dump->out = out;
	dump->flags = flags;
	dump->cat = catalog_new(NULL, NULL);
	buf_reserve(&dump->text, 1); /* an empty value is a pointer too */
	return dump;
}

void
dump_free(struct dump *dump)
{
	if (dump == NULL)
		return;
	catalog_free(dump->cat);
	buf_free(&dump->line);
	buf_free(&dump->text);
	free(dump);
}

static void
put_str(struct buf *line, struct str str)
{
	quote_literal(line, str.data, str.len);
}

static void
put_lsn(struct dump *dump, uint64_t lsn)
{
	if (!(dump->flags & DUMP_NO_LSN))
		buf_printf(&dump->line, " @%" PRIX32 "/%" PRIX32, (uint32_t) (lsn >> 32), (uint32_t) lsn);
}

/* The text format has no such line: there a person made the settings. */
static void
dump_hello(struct dump *dump, const struct hello *hello)
{
	struct buf   *line = &dump->line;
	struct cursor settings = hello->settings;

	catalog_free(dump->cat);
	dump->cat = catalog_new(NULL, NULL);
	dump->utf8 = hello->encoding.len == 4 && memcmp(hello->encoding.data, "UTF8", 4) == 0;
	if (dump->flags & DUMP_NO_HELLO)
		return;
	buf_printf(line,
			   "HELLO proto(%" PRIu32 ") server(%" PRIu32 ") flush(%s) frame-bytes(%" PRIu32
			   ") options(%016" PRIx64 ") database(%" PRIu32 " ",
			   hello->protocol, hello->server_version, hello->flush_idle ? "idle" : "commit",
			   hello->frame_bytes, hello->options_hash, hello->database_oid);
	put_str(line, hello->database);
	buf_puts(line, ") encoding(");
	put_str(line, hello->encoding);
	buf_puts(line, ") plugin(");
	put_str(line, hello->plugin_version);
	buf_puts(line, "):");
	for (uint32_t i = 0; i < hello->nsettings; i++)
	{
		struct str name = cursor_str(&settings);

		buf_puts(line, i > 0 ? ", " : " ");
		buf_put(line, name.data, name.len);
		buf_put_u8(line, '=');
		put_str(line, cursor_str(&settings));
	}
}

static void
dump_begin(struct dump *dump, const struct begin *begin)
{
	struct buf *line = &dump->line;

	dump->xid = begin->xid;
	buf_puts(line, "BEGIN");
	if (!(dump->flags & DUMP_NO_XIDS))
		buf_printf(line, " %" PRIu32, begin->xid);
	if (!(dump->flags & DUMP_NO_TIMESTAMP))
	{
		buf_puts(line, " at '");
		timestamp_text((int64_t) ((uint64_t) begin->commit_us - (uint64_t) WIRE_EPOCH_US), "+00",
					   line);
		buf_put_u8(line, '\'');
	}
	if (begin->has_origin)
	{
		buf_puts(line, " origin ");
		put_str(line, begin->origin);
		put_lsn(dump, begin->origin_lsn);
	}
}

static void
dump_commit(struct dump *dump, const struct commit *commit)
{
	buf_puts(&dump->line, "COMMIT");
	if (!(dump->flags & DUMP_NO_XIDS))
		buf_printf(&dump->line, " %" PRIu32, dump->xid);
	put_lsn(dump, commit->end_lsn);
}

static void
dump_type(struct buf *line, const struct type_name *type)
{
	if (strcmp(type->schema, "pg_catalog") == 0)
		buf_puts(line, type->name);
	else
		quote_qualified(line, type->schema, type->name);
	if (type->typmod >= 0)
		buf_printf(line, "(%" PRId32 ")", type->typmod);
}

static void
dump_column(struct buf *line, const struct column *col)
{
	static const struct
	{
		uint16_t    flag;
		const char *text;
	} words[] = {
		{WIRE_COLUMN_NOT_NULL, " not-null"}, {WIRE_COLUMN_PRIMARY, " primary"},
		{WIRE_COLUMN_IDENTITY, " identity"}, {WIRE_COLUMN_GENERATED, " generated"},
		{WIRE_COLUMN_AUTO, " auto"},         {WIRE_COLUMN_COMPOSITE, " composite"},
		{WIRE_COLUMN_RANGE, " range"},       {WIRE_COLUMN_DOMAIN_NOT_NULL, " domain-not-null"}};

	buf_printf(line, "%u ", col->attnum);
	quote_name(line, col->name);
	buf_put_u8(line, ' ');
	dump_type(line, &col->type);
	buf_printf(line, " form(%c)", col->form);
	if (col->flags & WIRE_COLUMN_DOMAIN)
	{
		buf_puts(line, " domain-of(");
		dump_type(line, &col->base);
		buf_put_u8(line, ')');
	}
	if (col->flags & WIRE_COLUMN_ARRAY)
	{
		buf_puts(line, " array-of(");
		dump_type(line, &col->element);
		buf_printf(line, " form(%c))", col->element_form);
	}
	if (col->flags & WIRE_COLUMN_ENUM)
	{
		buf_puts(line, " labels(");
		for (uint32_t i = 0; i < col->nlabels; i++)
		{
			buf_puts(line, i > 0 ? ", " : "");
			quote_literal(line, col->labels[i], strlen(col->labels[i]));
		}
		buf_put_u8(line, ')');
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (col->flags & words[i].flag)
			buf_puts(line, words[i].text);
	if (col->default_text)
	{
		buf_puts(line, " default ");
		quote_literal(line, col->default_text, strlen(col->default_text));
	}
}

static void
dump_key(struct buf *line, const char *word, const struct table *tbl, const uint32_t *places,
		 uint32_t count)
{
	buf_printf(line, " %s(", word);
	for (uint32_t i = 0; i < count; i++)
	{
		buf_puts(line, i > 0 ? ", " : "");
		quote_name(line, tbl->columns[places[i]].name);
	}
	buf_put_u8(line, ')');
}

static const char *
identity_word(char identity)
{
	switch (identity)
	{
		case 'd': return "identity-default";
		case 'i': return "identity-index";
		case 'f': return "identity-full";
		default: return "identity-nothing";
	}
}

static void
dump_table(struct dump *dump, const struct table *tbl)
{
	struct buf *line = &dump->line;

	buf_puts(line, "RELATION ");
	quote_qualified(line, tbl->schema, tbl->name);
	if (tbl->relkind == 'p')
		buf_puts(line, " partitioned");
	if (tbl->key_kind == WIRE_KEY_NONE)
		buf_puts(line, " no-key");
	else
		dump_key(line, tbl->key_kind == WIRE_KEY_PRIMARY ? "primary-key" : "unique-key", tbl,
				 tbl->key, tbl->nkey);
	dump_key(line, identity_word(tbl->identity), tbl, tbl->identity_key, tbl->nidentity);
	buf_put_u8(line, ':');
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		buf_puts(line, i > 0 ? ", " : " ");
		dump_column(line, &tbl->columns[i]);
	}
}

static enum rc
dump_relation(struct dump *dump, struct cursor relation, struct err *e)
{
	struct table *tbl;

	if (catalog_learn(dump->cat, relation, &tbl, e) != RC_OK)
		return RC_ERR;
	if (!(dump->flags & DUMP_NO_RELATIONS))
		dump_table(dump, tbl);
	return RC_OK;
}

/* A tuple being printed: where the next long value is, across both tuples of a change. */
struct printing
{
	const struct table  *tbl;
	const struct change *change;
	uint32_t             longs;
};

static enum rc
bad_value(const struct printing *printing, const struct column *col, struct err *e)
{
	err_set(e, ERR_PROTOCOL, E1404, "row has a value that does not fit its column");
	return err_detail(e, "It is column \"%s\" of table \"%s.%s\".", col->name,
					  printing->tbl->schema, printing->tbl->name);
}

/* Forms whose text needs no quotes. */
static bool
is_bare(const struct column *col)
{
	switch (col->form)
	{
		case WIRE_FORM_INT: return col->base.oid != TYPE_DATE;
		case WIRE_FORM_BOOL:
		case WIRE_FORM_OID:
		case WIRE_FORM_FLOAT4:
		case WIRE_FORM_FLOAT8:
		case WIRE_FORM_NUMERIC: return true;
		default: return false;
	}
}

static void
dump_value(struct dump *dump, const struct column *col, struct cursor *values)
{
	struct buf *text = &dump->text;

	if (col->form == WIRE_FORM_TEXT)
		put_str(&dump->line, cursor_str(values));
	else if (is_bare(col))
		value_text(values, col, &dump->line);
	else
	{
		buf_reset(text);
		value_text(values, col, text);
		quote_literal(&dump->line, (const char *) text->data, text->len);
	}
}

static enum rc
dump_long(struct dump *dump, const struct column *col, struct printing *printing, struct err *e)
{
	struct buf *text = &dump->text;
	struct str  value;

	if (printing->longs == printing->change->nlongs)
	{
		err_set(e, ERR_PROTOCOL, E1405, "row lacks a long value");
		return err_detail(e, "It is column \"%s\" of table \"%s.%s\".", col->name,
						  printing->tbl->schema, printing->tbl->name);
	}
	value = printing->change->longs[printing->longs++];
	if (value.data == NULL)
	{
		buf_puts(&dump->line, "too-long");
		return RC_OK;
	}
	if (col->form == WIRE_FORM_TEXT)
	{
		put_str(&dump->line, value);
		return RC_OK;
	}
	buf_reset(text);
	if (col->form == WIRE_FORM_BYTES)
		bytes_text((const uint8_t *) value.data, value.len, text);
	else if (col->form != WIRE_FORM_ARRAY ||
			 !array_text(cursor_over(value.data, value.len), col, text))
		return bad_value(printing, col, e);
	quote_literal(&dump->line, (const char *) text->data, text->len);
	return RC_OK;
}

static enum rc
dump_cell(struct dump *dump, const struct column *col, enum wire_state state, struct cursor *values,
		  struct printing *printing, struct err *e)
{
	struct buf *line = &dump->line;

	quote_name(line, col->name);
	buf_put_u8(line, '=');
	switch (state)
	{
		case WIRE_STATE_NULL: buf_puts(line, "null"); break;
		case WIRE_STATE_UNCHANGED: buf_puts(line, "unchanged-toast"); break;
		case WIRE_STATE_UNSENDABLE: buf_puts(line, "unsendable"); break;
		case WIRE_STATE_VALUE: dump_value(dump, col, values); break;
		case WIRE_STATE_TEXT: put_str(line, cursor_str(values)); break;
		case WIRE_STATE_LONG: return dump_long(dump, col, printing, e);
	}
	return values->bad ? bad_value(printing, col, e) : RC_OK;
}

/* key_only: the tuple has the identity columns and no others. */
static enum rc
dump_tuple(struct dump *dump, struct cursor cur, bool key_only, struct printing *printing,
		   struct err *e)
{
	const struct table *tbl = printing->tbl;
	uint32_t            ncolumns = 0;
	uint32_t            place = 0;
	struct tuple        tup;

	for (uint32_t i = 0; i < tbl->ncolumns; i++)
		ncolumns += !key_only || tbl->columns[i].flags & WIRE_COLUMN_IDENTITY;
	if (tuple_open(cur, ncolumns, &tup, e) != RC_OK)
		return RC_ERR;
	for (uint32_t i = 0; i < tbl->ncolumns; i++)
	{
		const struct column *col = &tbl->columns[i];

		if (key_only && !(col->flags & WIRE_COLUMN_IDENTITY))
			continue;
		buf_puts(&dump->line, place > 0 ? " " : "");
		if (dump_cell(dump, col, tuple_state(&tup, place++), &tup.values, printing, e) != RC_OK)
			return RC_ERR;
	}
	return RC_OK;
}

static enum rc
dump_old(struct dump *dump, const struct change *change, struct printing *printing, struct err *e)
{
	bool key_only = change->old_kind == WIRE_OLD_KEY;

	if (change->old_kind == WIRE_OLD_NONE)
	{
		buf_puts(&dump->line, " old-none");
		return RC_OK;
	}
	buf_puts(&dump->line, key_only ? " old-key(" : " old-full(");
	if (dump_tuple(dump, change->old_tuple, key_only, printing, e) != RC_OK)
		return RC_ERR;
	buf_put_u8(&dump->line, ')');
	return RC_OK;
}

static enum rc
unknown_relation(uint64_t index, struct err *e)
{
	return err_set(e, ERR_PROTOCOL, E1406,
				   "record names relation %" PRIu64 ", which was not announced", index);
}

static enum rc
dump_change(struct dump *dump, const struct table *tbl, const struct change *change, struct err *e)
{
	struct buf     *line = &dump->line;
	struct printing printing = {tbl, change, 0};

	if (tbl == NULL)
		return unknown_relation(change->relation, e);
	buf_puts(line, change->kind == WIRE_INSERT   ? "INSERT "
				   : change->kind == WIRE_UPDATE ? "UPDATE "
												 : "DELETE ");
	quote_qualified(line, tbl->schema, tbl->name);
	put_lsn(dump, change->lsn);
	buf_put_u8(line, ':');
	if (change->kind != WIRE_INSERT && dump_old(dump, change, &printing, e) != RC_OK)
		return RC_ERR;
	if (change->kind != WIRE_DELETE)
	{
		buf_put_u8(line, ' ');
		if (dump_tuple(dump, change->new_tuple, false, &printing, e) != RC_OK)
			return RC_ERR;
	}
	if (printing.longs != change->nlongs)
		return err_set(e, ERR_PROTOCOL, E1405, "row follows long values that it does not use");
	return RC_OK;
}

static enum rc
dump_truncate(struct dump *dump, const struct truncate *truncate, struct err *e)
{
	struct buf   *line = &dump->line;
	struct cursor relations = truncate->relations;

	buf_puts(line, "TRUNCATE");
	for (uint32_t i = 0; i < truncate->nrelations; i++)
	{
		uint64_t            index = cursor_uv(&relations);
		const struct table *tbl = catalog_table(dump->cat, (uint32_t) index);

		if (tbl == NULL)
			return unknown_relation(index, e);
		buf_puts(line, i > 0 ? ", " : " ");
		quote_qualified(line, tbl->schema, tbl->name);
	}
	if (truncate->cascade)
		buf_puts(line, " cascade");
	if (truncate->restart_identity)
		buf_puts(line, " restart-identity");
	put_lsn(dump, truncate->lsn);
	return RC_OK;
}

/* A message may hold any bytes.  Of encodings other than UTF-8 only zero bytes are known wrong. */
static bool
is_text(const struct dump *dump, struct str content)
{
	if (!dump->utf8)
		return memchr(content.data, '\0', content.len) == NULL;
	return utf8_valid((const uint8_t *) content.data, content.len);
}

static void
dump_message(struct dump *dump, const struct message *message)
{
	struct buf *line = &dump->line;

	buf_puts(line, "MESSAGE ");
	put_str(line, message->prefix);
	buf_puts(line, message->transactional ? " transactional" : " immediate");
	put_lsn(dump, message->lsn);
	buf_puts(line, ": ");
	if (message->too_long > 0)
		buf_puts(line, "too-long");
	else if (is_text(dump, message->content))
		put_str(line, message->content);
	else
	{
		buf_put_u8(line, '\'');
		bytes_text((const uint8_t *) message->content.data, message->content.len, line);
		buf_put_u8(line, '\'');
	}
}

static enum rc
unwritten(struct err *e)
{
	return err_set(e, ERR_TRANSIENT, E2007, "output cannot be written: %s", strerror(errno));
}

enum rc
dump_record(struct dump *dump, const struct record *rec, struct err *e)
{
	struct buf *line = &dump->line;
	enum rc     rc = RC_OK;

	buf_reset(line);
	switch (rec->kind)
	{
		case WIRE_HELLO: dump_hello(dump, &rec->hello); break;
		case WIRE_BEGIN: dump_begin(dump, &rec->begin); break;
		case WIRE_COMMIT: dump_commit(dump, &rec->commit); break;
		case WIRE_RELATION: rc = dump_relation(dump, rec->relation, e); break;
		case WIRE_INSERT:
		case WIRE_UPDATE:
		case WIRE_DELETE:
			rc = dump_change(dump, catalog_table(dump->cat, rec->change.relation), &rec->change, e);
			break;
		case WIRE_TRUNCATE: rc = dump_truncate(dump, &rec->truncate, e); break;
		case WIRE_MESSAGE: dump_message(dump, &rec->message); break;
		case WIRE_MARK:
			if (dump->flags & DUMP_NO_MARKS)
				break;
			buf_puts(line, "MARK");
			put_lsn(dump, rec->mark);
			break;
		default: break;
	}
	if (rc != RC_OK || line->len == 0)
		return rc;
	buf_put_u8(line, '\n');
	return fwrite(line->data, 1, line->len, dump->out) == line->len ? RC_OK : unwritten(e);
}

enum rc
dump_change_text(struct dump *dump, const struct table *tbl, const struct change *change,
				 struct str *text, struct err *e)
{
	buf_reset(&dump->line);
	dump_table(dump, tbl);
	buf_put_u8(&dump->line, '\n');
	if (dump_change(dump, tbl, change, e) != RC_OK)
		return RC_ERR;
	buf_put_u8(&dump->line, '\n');
	*text = (struct str){(const char *) dump->line.data, dump->line.len};
	return RC_OK;
}

void
dump_message_text(struct dump *dump, const struct message *message, bool utf8, struct str *text)
{
	dump->utf8 = utf8;
	buf_reset(&dump->line);
	dump_message(dump, message);
	buf_put_u8(&dump->line, '\n');
	*text = (struct str){(const char *) dump->line.data, dump->line.len};
}

enum rc
dump_flush(struct dump *dump, struct err *e)
{
	return fflush(dump->out) == 0 && !ferror(dump->out) ? RC_OK : unwritten(e);
}
