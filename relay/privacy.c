/*
 * privacy.c
 *		Core dumps, debuggers, the command line; see privacy.h.
 */
#include "privacy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "buf.h"
#include "config.h"

static struct rlimit cores; /* as they were */

void
privacy_close(void)
{
#ifndef __SANITIZE_ADDRESS__
	struct rlimit none;

	/* A system that refuses this is no worse off than without. */
	if (getrlimit(RLIMIT_CORE, &cores) == 0)
	{
		none = (struct rlimit){.rlim_cur = 0, .rlim_max = cores.rlim_max};
		(void) setrlimit(RLIMIT_CORE, &none);
	}
	(void) prctl(PR_SET_DUMPABLE, 0);
#endif
}

void
privacy_open(void)
{
#ifndef __SANITIZE_ADDRESS__
	(void) prctl(PR_SET_DUMPABLE, 1);
	(void) setrlimit(RLIMIT_CORE, &cores);
#endif
}

void
privacy_cover(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		char *value = strchr(argv[i], '=');
		char *key;

		if (strncmp(argv[i], "--", 2) != 0 || (value == NULL && i + 1 == argc))
			continue;
		key = value ? xstrndup(argv[i] + 2, (size_t) (value - argv[i] - 2)) : xstrdup(argv[i] + 2);
		value = value ? value + 1 : argv[i + 1];
		if (config_is_secret(key, value))
			memset(value, '*', strlen(value));
		free(key);
	}
}
