/*
 * decoder.h
 *		Keys and values of messages as JSON, by the schemas that they name: for commands.
 *
 * A schema is asked for once: of the registry by its id, of registry.schemas.dir by its
 * fingerprint.  Waits for the answer.  Everything runs in the thread that calls.  Called by cat.c and dlq.c.
 */
#ifndef RELAY_DECODER_H
#define RELAY_DECODER_H

#include "buf.h"
#include "config.h"
#include "cursor.h"
#include "err.h"

struct decoder;

/* The schema with a fingerprint; NULL: not known.  The caller of the function frees it. */
typedef char *decoder_fingerprint_fn(void *arg, uint64_t fingerprint);

/*
 * cfg is borrowed.  find: who knows schemas by fingerprint; NULL: registry.schemas.dir.  RC_ERR as
 * http_new().
 */
enum rc decoder_new(const struct config *cfg, decoder_fingerprint_fn *find, void *arg,
					struct decoder **dec, struct err *e) MUST_CHECK;
void    decoder_free(struct decoder *dec);

/*
 * Appends what a key or value says, as avro_print() has it; *id: of its schema, -1 if that has
 * none.  RC_AGAIN: the bytes name no Avro schema; nothing is appended.  RC_ERR: E1801, E1804,
 * E1805 of the registry; E1806: the schema is not to be had; E1601, E1603: it does not explain the
 * bytes.
 */
enum rc decoder_print(struct decoder *dec, struct str bytes, int64_t *id, struct buf *out,
					  struct err *e) MUST_CHECK;

#endif /* RELAY_DECODER_H */
