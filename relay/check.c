/*
 * check.c
 *		The order of the checks, and this machine's; see check.h.
 */
#include "check.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "admin.h"
#include "check_parts.h"
#include "loop.h"

#define DESCRIPTORS_FEW 1024

void
check_warn(struct check *check, const char *name, const struct err *e)
{
	findings_add(check->findings, VERDICT_WARN, name, e);
}

bool
check_take(struct check *check, const char *name, enum rc rc, const struct err *e)
{
	if (rc != RC_OK)
		findings_add(check->findings, VERDICT_FAIL, name, e);
	return rc == RC_OK;
}

void
check_name(struct buf *names, unsigned count, const char *name)
{
	if (count < CHECK_NAMED_MAX)
		buf_printf(names, "%s%s", count ? ", " : "", name);
	else if (count == CHECK_NAMED_MAX)
		buf_puts(names, ", ...");
}

enum rc
check_ask(struct check *check, const char *name, const char *sql, PGresult **res)
{
	struct err e;

	if (visit_ask(&check->visit, sql, PG_LOOK, res, &e) == RC_OK)
		return RC_OK;
	check_warn(check, name, &e);
	return RC_ERR;
}

/* --- this machine ----------------------------------------------------------------- */

static void
check_listen(struct check *check)
{
	struct loop  *loop;
	struct admin *admin = NULL;
	struct err    e;
	enum rc       rc;

	if (check->beside)
		return;
	if (*check->cfg->admin.listen == '\0')
	{
		findings_skip(check->findings, "machine.admin_listen",
					  "admin.listen is empty: no /metrics, no /readyz");
		return;
	}
	loop = loop_new();
	rc = admin_new(loop, check->cfg, NULL, NULL, &admin, &e);
	admin_free(admin);
	loop_free(loop);
	if (rc == RC_OK)
		findings_ok(check->findings, "machine.admin_listen", "%s is free", check->cfg->admin.listen);
	else if (check->visits && check->visit.facts.slot.active_pid)
		/* by the relay that streams the slot, for all that can be seen */
		check_warn(check, "machine.admin_listen", &e);
	else
		findings_add(check->findings, VERDICT_FAIL, "machine.admin_listen", &e);
}

static void
check_descriptors(struct check *check)
{
	struct rlimit limit;
	struct err    e;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max >= DESCRIPTORS_FEW)
	{
		findings_ok(check->findings, "machine.descriptors", "%ju files and connections at most",
					(uintmax_t) limit.rlim_max);
		return;
	}
	err_set(&e, ERR_CONFIG, E1007, "the process may have %ju files and connections only",
			(uintmax_t) limit.rlim_max);
	err_hint(&e, "Raise the limit: LimitNOFILE=%d in its systemd unit, ulimit -n %d in a shell, --ulimit "
				 "nofile=%d for a container; every broker and every connection of a snapshot takes some.",
			 DESCRIPTORS_FEW, DESCRIPTORS_FEW, DESCRIPTORS_FEW);
	check_warn(check, "machine.descriptors", &e);
}

void
check_machine(struct check *check)
{
	check_listen(check);
	check_descriptors(check);
}

/* --- all of it -------------------------------------------------------------------- */

static void
check_end(struct check *check)
{
	captures_free(&check->caps);
	route_free(check->routes);
	visit_end(&check->visit);
}

static enum rc
check_result(const struct findings *findings, struct err *e)
{
	const struct err *first = findings_failure(findings);
	unsigned          failed = findings_count(findings, VERDICT_FAIL);

	if (first == NULL)
		return RC_OK;
	err_set(e, first->class, first->code,
			"%u of the checks failed%s%s", failed, failed > 1 ? ", first: " : ": ", first->msg);
	return err_hint(e, "Put right what is marked FAIL above, from top to bottom, and check again.");
}

static void
check_all(struct check *check)
{
	struct err e;

	check->routes = route_new(check->cfg->kafka.topic_prefix, check->cfg->kafka.topic_delimiter);
	if (check_take(check, "settings", config_check(check->cfg, &e), &e))
		findings_ok(check->findings, "settings", "complete, without contradictions");
	check_server(check);
	check_slot(check);
	check_tables(check);
	check_kafka(check);
	check_registry(check);
	check_machine(check);
	check_end(check);
}

void
check_beside(const struct config *cfg, struct findings *findings)
{
	check_all(&(struct check){
		.cfg = cfg, .findings = findings, .beside = true, .visit = {.cfg = cfg}});
}

enum rc
check(const struct config *cfg, bool json, FILE *out, struct err *e)
{
	struct findings *findings = findings_new();
	enum rc          rc;

	check_all(&(struct check){.cfg = cfg, .findings = findings, .visit = {.cfg = cfg}});
	if (json)
		findings_json(findings, out);
	else
		findings_print(findings, out);
	fflush(out);
	rc = check_result(findings, e);
	findings_free(findings);
	return rc;
}
