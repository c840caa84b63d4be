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
policy_schema(const struct err *e, bool dead_letter)
{
	if (!policy_is_refusal(e))
		return POLICY_STOP;
	return dead_letter ? POLICY_DEAD_LETTER : POLICY_WAIT;
}
