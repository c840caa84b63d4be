/*
 * schema_diff.c
 *		Schemas of captured tables beside the registry's; see schema_diff.h.
 */
#include "schema_diff.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "compatibility.h"
#include "difference.h"
#include "findings.h"
#include "inquiry.h"
#include "json.h"
#include "policy.h"
#include "selection.h"

#define INDENT "         "
#define SHOWN_MAX 120 /* bytes of a default or an attribute, for people */

enum subject_state
{
	SUBJECT_SAME,
	SUBJECT_NEW, /* there is none of that name */
	SUBJECT_CHANGED,
	NSUBJECT_STATES
};

static const char *const state_names[NSUBJECT_STATES] = {"same", "new", "changed"};

static const char *const difference_names[] = {
	[DIFFERENCE_ADDED] = "added",           [DIFFERENCE_REMOVED] = "removed",
	[DIFFERENCE_TYPE] = "type",             [DIFFERENCE_DEFAULT] = "default",
	[DIFFERENCE_ATTRIBUTE] = "attribute",
};

/* What was found of one side of a table. */
struct subject
{
	const struct captured *table;
	enum side              side;
	struct matter          matter;
	enum subject_state     state;
	struct version         latest;
	int                    known; /* the number of ours; 0: it is not told */
	bool                   is_known;
	char                   level[LEVEL_MAX]; /* of a change that is not known */
	bool                   accepted;
	struct buf             reasons; /* of the registry, a line each */
	struct err             why;     /* unless it is accepted */
};

struct diff
{
	struct selection sel;
	struct inquiry   inq;
	bool             json;
	unsigned         counts[NSUBJECT_STATES];
	unsigned         refused;
	unsigned         total;
	struct buf       out;
};

/* --- what there is ------------------------------------------------------------------- */

/* Members in another order, or other white space, are no other schema. */
static bool
is_same_json(const char *theirs, const char *ours)
{
	cJSON *one = cJSON_Parse(theirs);
	cJSON *other = cJSON_Parse(ours);
	bool   same = cJSON_Compare(one, other, true);

	cJSON_Delete(one);
	cJSON_Delete(other);
	return same;
}

/* What a question has ended with: about this schema, or about all of them, which is RC_ERR. */
static enum rc
subject_refused(struct subject *subject, const struct err *why, struct err *e)
{
	subject->accepted = false;
	subject->why = *why;
	if (policy_is_refusal(why))
		return RC_OK;
	*e = *why;
	return RC_ERR;
}

/* Not registered by us: it has to be there. */
static enum rc
subject_expect(struct diff *diff, struct subject *subject, struct err *e)
{
	struct buf difference = {0};
	struct err why;

	if (subject->matter.asked.use_latest && subject->state == SUBJECT_CHANGED)
	{
		subject->accepted =
			compatibility_same(subject->latest.schema, subject->matter.asked.schema, &difference);
		if (!subject->accepted)
			reply_other_latest(&subject->matter.asked, &subject->latest, buf_cstr(&difference),
							   &subject->why);
		buf_free(&difference);
		return RC_OK;
	}
	if (inquiry_lookup(&diff->inq, &subject->matter, &subject->known, &why) != RC_OK)
		return subject_refused(subject, &why, e);
	subject->accepted = subject->is_known = true;
	return RC_OK;
}

/* Registered by us: a version that is there already is no question, another one is. */
static enum rc
subject_try(struct diff *diff, struct subject *subject, struct err *e)
{
	struct err why;

	subject->is_known = subject->accepted =
		inquiry_lookup(&diff->inq, &subject->matter, &subject->known, &why) == RC_OK;
	if (subject->is_known)
		return RC_OK;
	if (why.code != E1806 || inquiry_accepts(&diff->inq, &subject->matter, &subject->accepted,
											 &subject->reasons, &why) != RC_OK)
		return subject_refused(subject, &why, e);
	inquiry_level(&diff->inq, &subject->matter, subject->accepted, subject->level);
	if (!subject->accepted)
		inquiry_explain(&subject->matter, &subject->latest, subject->level, &subject->why);
	return RC_OK;
}

static enum rc
subject_learn(struct diff *diff, struct subject *subject, struct err *e)
{
	const char *schema = subject->matter.asked.schema;

	if (inquiry_latest(&diff->inq, &subject->matter, &subject->latest, e) != RC_OK)
		return RC_ERR;
	if (subject->latest.schema == NULL)
		subject->state = SUBJECT_NEW;
	else if (is_same_json(subject->latest.schema, schema))
		subject->state = SUBJECT_SAME;
	else
		subject->state = SUBJECT_CHANGED;
	if (subject->state == SUBJECT_SAME)
	{
		subject->accepted = true;
		return RC_OK;
	}
	if (!subject->matter.asked.auto_register)
		return subject_expect(diff, subject, e);
	if (subject->state == SUBJECT_CHANGED)
		return subject_try(diff, subject, e);
	subject->accepted = true; /* a subject that is not there takes any */
	return RC_OK;
}

/* What no field tells: another order of fields, names, or a schema that is none of Avro's. */
static void
put_note(struct buf *out, const struct subject *subject)
{
	if (compatibility_same(subject->latest.schema, subject->matter.asked.schema, out))
		buf_puts(out, "It differs only in what readers pass over.");
}

/* --- for people -------------------------------------------------------------------------- */

static void
put_value(struct buf *out, const char *value)
{
	if (*value == '\0')
		buf_puts(out, "none");
	else
		compatibility_excerpt(value, 0, SHOWN_MAX, out);
}

static void
put_change(struct buf *out, const struct difference *difference)
{
	put_value(out, difference->was);
	buf_puts(out, " -> ");
	put_value(out, difference->is);
	buf_puts(out, "\n");
}

/* One difference in a line. */
static void
put_difference(void *arg, const struct difference *difference)
{
	struct buf *out = arg;
	const char *has = difference->has_default ? "with a default" : "without a default";

	buf_printf(out, INDENT "%-9s ", difference_names[difference->kind]);
	if (*difference->field)
		buf_printf(out, "field \"%s\" of record %s: ", difference->field, difference->record);
	else if (*difference->record)
		buf_printf(out, "record %s: ", difference->record);
	switch (difference->kind)
	{
		case DIFFERENCE_ADDED: buf_printf(out, "%s, %s\n", difference->is, has); break;
		case DIFFERENCE_REMOVED: buf_printf(out, "%s, %s\n", difference->was, has); break;
		case DIFFERENCE_ATTRIBUTE:
			buf_printf(out, "%s ", difference->attribute);
			put_change(out, difference);
			break;
		case DIFFERENCE_TYPE:
		case DIFFERENCE_DEFAULT: put_change(out, difference); break;
	}
}

static void
put_lines(struct buf *out, const char *text)
{
	for (; *text; text++)
	{
		buf_put(out, text, 1);
		if (*text == '\n')
			buf_puts(out, INDENT "          ");
	}
}

static void
put_head(struct buf *out, const struct subject *subject)
{
	buf_printf(out, "%-7s  %s", state_names[subject->state], subject->matter.subject);
	if (subject->latest.number > 0)
		buf_printf(out, ", version %d", subject->latest.number);
	if (subject->is_known && subject->known > 0)
		buf_printf(out, "; ours is version %d", subject->known);
	else if (subject->is_known)
		buf_puts(out, "; ours is an older one");
	else if (!subject->accepted)
		buf_printf(out, "; refused%s%s", subject->level[0] ? " by " : "", subject->level);
	else if (subject->state == SUBJECT_CHANGED)
		buf_printf(out, "; accepted%s%s", subject->level[0] ? " by " : "", subject->level);
	buf_puts(out, "\n");
}

static void
put_people(struct buf *out, struct subject *subject)
{
	size_t told;

	put_head(out, subject);
	told = out->len;
	if (subject->state == SUBJECT_CHANGED)
	{
		schema_differences(subject->latest.schema, subject->matter.asked.schema, put_difference,
						   out);
		if (out->len == told)
		{
			buf_puts(out, INDENT "no field differs.  ");
			put_note(out, subject);
			buf_puts(out, "\n");
		}
	}
	if (subject->reasons.len > 0)
	{
		buf_puts(out, INDENT "registry: ");
		put_lines(out, buf_cstr(&subject->reasons));
		buf_puts(out, "\n");
	}
	if (!subject->accepted)
		buf_printf(out, INDENT "%s: %s\n" INDENT "HINT:  %s\n", err_code_name(subject->why.code),
				   subject->why.msg, subject->why.hint);
}

/* --- as JSON --------------------------------------------------------------------------------- */

static void
put_difference_json(void *arg, const struct difference *difference)
{
	struct buf *out = arg;

	buf_printf(out, "%s{\"kind\":\"%s\"", out->data[out->len - 1] == '[' ? "" : ",",
			   difference_names[difference->kind]);
	json_put_text(out, "record", difference->record);
	json_put_text(out, "field", difference->field);
	json_put_text(out, "attribute", difference->attribute);
	json_put_text(out, "was", difference->was);
	json_put_text(out, "is", difference->is);
	if (difference->kind == DIFFERENCE_ADDED || difference->kind == DIFFERENCE_REMOVED)
		buf_printf(out, ",\"default\":%s}", difference->has_default ? "true" : "false");
	else
		buf_puts(out, ",\"default\":null}");
}

static void
put_reasons(struct buf *out, const char *reasons)
{
	buf_puts(out, ",\"reasons\":[");
	while (*reasons)
	{
		size_t len = strcspn(reasons, "\n");

		json_string(out, reasons, len);
		reasons += len + (reasons[len] == '\n');
		buf_puts(out, *reasons ? "," : "");
	}
}

static void
put_json(struct buf *out, struct subject *subject)
{
	struct buf members = {0};
	struct buf note = {0};
	size_t     told;

	buf_puts(out, "{\"subject\":");
	json_string(out, subject->matter.subject, strlen(subject->matter.subject));
	json_put_text(out, "table", subject->table->name);
	json_put_text(out, "side", subject->side == SIDE_KEY ? "key" : "value");
	json_put_text(out, "state", state_names[subject->state]);
	json_put_number(out, "version", subject->latest.number);
	json_put_number(out, "registered_as", subject->known);
	json_put_text(out, "compatibility", subject->level);
	buf_printf(out, ",\"accepted\":%s,\"differences\":[", subject->accepted ? "true" : "false");
	told = out->len;
	if (subject->state == SUBJECT_CHANGED)
	{
		schema_differences(subject->latest.schema, subject->matter.asked.schema,
						   put_difference_json, out);
		if (out->len == told)
			put_note(&note, subject);
	}
	buf_puts(out, "]");
	json_put_text(out, "note", buf_cstr(&note));
	buf_free(&note);
	put_reasons(out, buf_cstr(&subject->reasons));
	if (!subject->accepted)
	{
		finding_json(&subject->why, &members);
		buf_printf(out, "],\"error\":{%s}}", buf_cstr(&members) + 1);
		buf_free(&members);
	}
	else
		buf_puts(out, "],\"error\":null}");
}

/* --- the command ----------------------------------------------------------------------------- */

static enum rc
diff_side(struct diff *diff, const struct captured *table, enum side side, struct err *e)
{
	struct subject subject = {.table = table, .side = side};
	enum rc        rc;

	if (!matter_of(&diff->inq, table, side, &subject.matter))
		return RC_OK;
	rc = subject_learn(diff, &subject, e);
	if (rc == RC_OK)
	{
		buf_puts(&diff->out, diff->json && diff->total > 0 ? "," : "");
		(diff->json ? put_json : put_people)(&diff->out, &subject);
		diff->counts[subject.state]++;
		diff->refused += !subject.accepted;
		diff->total++;
	}
	matter_free(&subject.matter);
	free(subject.latest.schema);
	buf_free(&subject.reasons);
	return rc;
}

static enum rc
diff_tables(struct diff *diff, struct err *e)
{
	const struct captured *table = NULL;

	buf_puts(&diff->out, diff->json ? "{\"subjects\":[" : "");
	while ((table = selection_next(&diff->sel, table)) != NULL)
		for (int side = SIDE_KEY; side <= SIDE_VALUE; side++)
			if (diff_side(diff, table, (enum side) side, e) != RC_OK)
				return RC_ERR;
	buf_printf(&diff->out,
			   diff->json ? "],\"same\":%u,\"new\":%u,\"changed\":%u,\"refused\":%u}\n"
						  : "\n%u same, %u new, %u changed; %u refused\n",
			   diff->counts[SUBJECT_SAME], diff->counts[SUBJECT_NEW], diff->counts[SUBJECT_CHANGED],
			   diff->refused);
	return RC_OK;
}

static enum rc
diff_result(const struct diff *diff, struct err *e)
{
	unsigned differ = diff->total - diff->counts[SUBJECT_SAME];

	if (differ == 0)
		return RC_OK;
	err_set(e, ERR_DATA, E1809, "%u of %u subjects are not as they would be registered today",
			differ, diff->total);
	if (diff->refused == 0)
		return err_hint(e, "The relay registers them with the first changes that need them.");
	err_detail(e, "%u would be refused.", diff->refused);
	return err_hint(e, "Do what is printed beside those before changes need them.");
}

static enum rc
registry_is_set(const struct config *cfg, struct err *e)
{
	if (*cfg->registry.url)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1003, "registry.url is not set");
	return err_hint(e, "Set registry.url=http://HOST:8081.");
}

enum rc
schema_diff(const struct config *cfg, const char *const *tables, unsigned ntables, bool json,
			FILE *file, struct err *e)
{
	struct diff diff = {.json = json};
	enum rc     rc = registry_is_set(cfg, e);

	if (rc == RC_OK)
		rc = selection_begin(&diff.sel, cfg, tables, ntables, e);
	if (rc == RC_OK)
		rc = inquiry_open(&diff.inq, cfg, e);
	if (rc == RC_OK)
		rc = diff_tables(&diff, e);
	if (rc == RC_OK)
	{
		fwrite(diff.out.data, 1, diff.out.len, file);
		fflush(file);
		rc = diff_result(&diff, e);
	}
	buf_free(&diff.out);
	inquiry_close(&diff.inq);
	selection_end(&diff.sel);
	return rc;
}
