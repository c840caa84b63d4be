/*
 * privacy.h
 *		What others on this machine may see of the process.
 *
 * Memory holds passwords and rows: there are no core dumps of it, and no other process of the same
 * user may look into it (/proc/PID/mem, environ, fd; debuggers), unless somebody wants that.  A
 * secret on the command line is seen by everybody until it is overwritten, so it does not belong
 * there; it is overwritten all the same.  Called by main.c.
 */
#ifndef RELAY_PRIVACY_H
#define RELAY_PRIVACY_H

/* Before the first secret is read.  Builds with AddressSanitizer stay open, which looks into itself. */
void privacy_close(void);
/* Back to what the system has: admin.core.dumps. */
void privacy_open(void);

/* Overwrites values of secret settings with asterisks; they must have been copied before. */
void privacy_cover(int argc, char **argv);

#endif /* RELAY_PRIVACY_H */
