/*
 * divert.h
 *		on.error: where messages go that their topic will never have.
 *
 * To the topic of dead letters, or nowhere, counted; policy.c decides.  Of what the
 * brokers refuse only the next stream can know, because a refusal ends the producer: it is
 * remembered until it is behind us.  Called by pipeline.c.
 */
#ifndef RELAY_DIVERT_H
#define RELAY_DIVERT_H

#include "poison.h"
#include "stream.h"

struct divert;

/* ctx is borrowed. */
struct divert *divert_new(const struct stream_context *ctx);
void           divert_free(struct divert *dv);

/* A transaction begins, or a message outside any: by a tag that it will have again. */
void divert_begin(struct divert *dv, uint64_t tag);

/* The stream is over. */
void divert_stop(struct divert *dv);

/* --- one message at a time ----------------------------------------------------- */

/* Looks whether the brokers refused the message at this place of the transaction before. */
void divert_look(struct divert *dv, uint64_t place);

/* Whether e, about the message at hand, is passed over: divert_send() is to be called. */
bool divert_catch(struct divert *dv, const struct err *e);

/* The message at hand is done with in another way. */
void divert_off(struct divert *dv);

/* Whether the message at hand was looked up, or caught. */
bool divert_is_on(const struct divert *dv);

/*
 * The same for a change or a message that cannot be encoded.  Gives *out, one message with
 * its text; RC_ERR: it is not passed over, or not even the text can be made.  utf8: the
 * server's encoding is.
 */
enum rc divert_change(struct divert *dv, const struct table *tbl, const struct change *chg,
					  struct outgoing *out, struct err *e) MUST_CHECK;
enum rc divert_message(struct divert *dv, const struct message *msg, bool utf8,
					   struct outgoing *out, struct err *e) MUST_CHECK;

/* In the place of stream_send(); with RC_OK the message is done with. */
enum rc divert_send(struct divert *dv, const struct stream *stream, const struct outgoing *out,
					const struct place *at, uint64_t label, uint32_t *sent,
					struct err *e) MUST_CHECK;

/* --- refusals ------------------------------------------------------------------- */

/*
 * The brokers have refused one message.  False: nothing would be better next time: it is not
 * to be passed over, was passed over already, or there are too many.  durable: what is
 * confirmed, so will not come again.
 */
bool divert_refused(struct divert *dv, uint64_t tag, uint64_t place, uint64_t durable,
					const struct err *e);

#endif /* RELAY_DIVERT_H */
