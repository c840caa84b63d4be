/*
 * findings.c
 *		A list of verdicts; see findings.h.
 */
#include "findings.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "buf.h"
#include "json.h"
#include "shown.h"

#define NVERDICTS (VERDICT_FAIL + 1)

struct finding
{
	enum verdict    verdict;
	const char     *name;
	struct err     *e;
	struct finding *next;
};

struct findings
{
	struct finding *list;
	unsigned        counts[NVERDICTS];
};

static const struct
{
	const char *shown;
	const char *name;
} verdicts[NVERDICTS] = {[VERDICT_OK] = {"OK", "ok"},
						 [VERDICT_SKIP] = {"SKIP", "skip"},
						 [VERDICT_WARN] = {"WARN", "warn"},
						 [VERDICT_FAIL] = {"FAIL", "fail"}};

struct findings *
findings_new(void)
{
	return xcalloc(1, sizeof(struct findings));
}

void
findings_free(struct findings *findings)
{
	struct finding *at;
	struct finding *next;

	LL_FOREACH_SAFE(findings->list, at, next)
	{
		free(at->e);
		free(at);
	}
	free(findings);
}

void
findings_add(struct findings *findings, enum verdict verdict, const char *name,
			 const struct err *e)
{
	struct finding *found = xcalloc(1, sizeof(*found));

	found->verdict = verdict;
	found->name = name;
	found->e = xmalloc(sizeof(*e));
	*found->e = *e;
	LL_APPEND(findings->list, found);
	findings->counts[verdict]++;
}

static void
findings_say(struct findings *findings, enum verdict verdict, const char *name, const char *fmt,
			 va_list ap)
{
	struct err e = {.class = ERR_NONE, .code = E0};

	vsnprintf(e.msg, sizeof(e.msg), fmt, ap);
	findings_add(findings, verdict, name, &e);
}

void
findings_ok(struct findings *findings, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings_say(findings, VERDICT_OK, name, fmt, ap);
	va_end(ap);
}

void
findings_skip(struct findings *findings, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings_say(findings, VERDICT_SKIP, name, fmt, ap);
	va_end(ap);
}

unsigned
findings_count(const struct findings *findings, enum verdict verdict)
{
	return findings->counts[verdict];
}

const struct err *
findings_failure(const struct findings *findings)
{
	const struct finding *at;

	LL_FOREACH(findings->list, at)
		if (at->verdict == VERDICT_FAIL)
			return at->e;
	return NULL;
}

void
findings_each(const struct findings *findings, finding_fn *fn, void *arg)
{
	const struct finding *at;

	LL_FOREACH(findings->list, at)
		fn(arg, at->verdict, at->name, at->e);
}

/* --- printing -------------------------------------------------------------------- */

/* Commands of several lines stay below each other. */
static void
print_more(const char *word, const char *said, FILE *out)
{
	struct buf  lines = {0};
	const char *text;

	if (*said == '\0')
		return;
	shown_put_lines(&lines, said);
	fprintf(out, "      %s:  ", word);
	for (text = buf_cstr(&lines); *text; text++)
	{
		fputc(*text, out);
		if (*text == '\n' && text[1])
			fputs("      ", out);
	}
	fputc('\n', out);
	buf_free(&lines);
}

void
finding_print(const struct err *e, FILE *out)
{
	struct buf msg = {0};

	shown_put(&msg, e->msg);
	fprintf(out, "%s%s%s\n", e->code ? err_code_name(e->code) : "", e->code ? ": " : "",
			buf_cstr(&msg));
	buf_free(&msg);
	print_more("DETAIL", e->detail, out);
	print_more("HINT", e->hint, out);
}

void
findings_print(const struct findings *findings, FILE *out)
{
	const struct finding *at;

	LL_FOREACH(findings->list, at)
	{
		fprintf(out, "%-5s %-24s ", verdicts[at->verdict].shown, at->name);
		finding_print(at->e, out);
	}
	fprintf(out, "\n%u ok, %u skipped, %u warnings, %u failed\n", findings->counts[VERDICT_OK],
			findings->counts[VERDICT_SKIP], findings->counts[VERDICT_WARN],
			findings->counts[VERDICT_FAIL]);
}

void
finding_json(const struct err *e, struct buf *out)
{
	json_put_text(out, "code", e->code ? err_code_name(e->code) : "");
	json_put_text(out, "message", e->msg);
	json_put_text(out, "detail", e->detail);
	json_put_text(out, "hint", e->hint);
}

void
findings_json(const struct findings *findings, FILE *file)
{
	const struct finding *at;
	struct buf            out = {0};

	buf_puts(&out, "{\"checks\":[");
	LL_FOREACH(findings->list, at)
	{
		buf_printf(&out, "%s{\"name\":\"%s\",\"verdict\":\"%s\"", at == findings->list ? "" : ",",
				   at->name, verdicts[at->verdict].name);
		finding_json(at->e, &out);
		buf_puts(&out, "}");
	}
	buf_puts(&out, "]");
	for (unsigned i = 0; i < NVERDICTS; i++)
		buf_printf(&out, ",\"%s\":%u", verdicts[i].name, findings->counts[i]);
	buf_puts(&out, "}\n");
	fwrite(out.data, 1, out.len, file);
	buf_free(&out);
}
