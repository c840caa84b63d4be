/*
 * policy.c
 *		What an error means; see policy.h for the rules.
 */
#include "policy.h"

enum exit_code
policy_exit_code(const struct err *e)
{
	if (e->code == E1210)
		return EXIT_TEMPORARY;
	if (e->code == E1223)
		return EXIT_GUARD;
	switch (e->class)
	{
		case ERR_NONE: return EXIT_OK;
		case ERR_USAGE: return EXIT_USAGE;
		case ERR_TRANSIENT: return EXIT_UNAVAILABLE;
		case ERR_PERMISSION: return EXIT_PERMISSION;
		case ERR_CONFIG: return EXIT_CONFIG;
		case ERR_DATA:
		case ERR_PROTOCOL:
		case ERR_FATAL: return EXIT_RUNTIME;
	}
	return EXIT_RUNTIME;
}

static bool
policy_retries(const struct err *e, const struct policy_situation *sit)
{
	if (sit->ran && sit->temporary_slot)
		return false;
	if (sit->passes)
		return true;
	if (e->code == E1210)
		return sit->held_ms < sit->slot_wait_ms;
	if (e->code == E2005)
		return sit->ran;
	return sit->ran && e->class == ERR_TRANSIENT;
}

struct policy
policy_decide(const struct err *e, const struct policy_situation *sit)
{
	return (struct policy){.action = policy_retries(e, sit) ? POLICY_RETRY : POLICY_STOP,
						   .exit_code = policy_exit_code(e)};
}

bool
policy_is_refusal(const struct err *e)
{
	return e->code == E1802 || e->code == E1803 || e->code == E1806 || e->code == E1807 ||
		   e->code == E1808;
}

enum policy_action
policy_schema(const struct err *e, enum on_error on_refusal)
{
	if (!policy_is_refusal(e))
		return POLICY_STOP;
	switch (on_refusal)
	{
		case ON_ERROR_STOP: break;
		case ON_ERROR_DEAD_LETTER: return POLICY_DEAD_LETTER;
		case ON_ERROR_SKIP: return POLICY_SKIP;
	}
	return POLICY_WAIT;
}

/* About one record, and the same however often it is tried. */
static bool
is_of_a_record(const struct err *e)
{
	return e->code == E1602 || e->code == E1603 || e->code == E1604 || e->code == E2003 ||
		   e->code == E2006;
}

enum policy_action
policy_record(const struct err *e, enum on_error on_error)
{
	if (!is_of_a_record(e))
		return POLICY_STOP;
	switch (on_error)
	{
		case ON_ERROR_STOP: break;
		case ON_ERROR_DEAD_LETTER: return POLICY_DEAD_LETTER;
		case ON_ERROR_SKIP: return POLICY_SKIP;
	}
	return POLICY_STOP;
}
