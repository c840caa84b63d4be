/*
 * main.c
 *		The process: arguments in, exit code out.  The only file that ends it; preflight.c ends one that
 *		it has made.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"
#include "descriptors.h"
#include "dial.h"
#include "log.h"
#include "policy.h"
#include "privacy.h"
#include "sink.h"

int
main(int argc, char **argv)
{
	struct cli cli;
	struct err e;
	enum rc    rc;
	int        status;

	privacy_close();
	rc = cli_parse(argc, argv, environ, &cli, &e);
	privacy_cover(argc, argv);
	if (rc == RC_OK && cli.cfg && cli.cfg->admin.core_dumps)
		privacy_open();
	if (rc == RC_OK)
		rc = descriptors_prepare(&e);
	if (rc == RC_OK)
		rc = cli_execute(&cli, stdout, &e);
	cli_free(&cli);
	if (fflush(stdout) != 0 && rc == RC_OK)
		rc = err_set(&e, ERR_TRANSIENT, E2007, "standard output cannot be written");
	if (rc != RC_OK)
	{
		descriptors_blame(&e);
		log_err(LOG_ERROR, &e, NULL);
	}
	status = rc == RC_OK ? EXIT_OK : (int) policy_exit_code(&e);
	if (dial_is_left_behind() || sink_kafka_is_left_behind())
		_exit(status);
	exit(status);
}
