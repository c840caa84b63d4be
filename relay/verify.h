/*
 * verify.h
 *		Pure: a second opinion on encoded messages, for avro.verify.
 *
 * libavro decodes what encode.c wrote, must encode it to the same bytes again,
 * and every column is compared with the change by code that shares nothing
 * with the encoder's.  Slow; tests run it on every change.
 */
#ifndef RELAY_VERIFY_H
#define RELAY_VERIFY_H

#include "encode.h"

/*
 * out: the messages that plan's last encode_change() made of chg, nout of
 * them.  RC_ERR E1603: names the table and the column, never the value.
 */
enum rc verify_outgoing(struct plan *plan, const struct change *chg, const struct outgoing *out,
						unsigned nout, struct err *e) MUST_CHECK;

#endif /* RELAY_VERIFY_H */
