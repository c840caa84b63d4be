/*
 * transactor.h
 *		librdkafka's transaction calls that block, in a thread of their own.
 *
 * One at a time: the caller starts it and is woken when it has an answer.  It is
 * asked again for as long as nobody knows how it ended, so that an answer is
 * final: done, or this producer has to be given up.  Called by
 * producer_transaction.c, for delivery=exactly-once.
 */
#ifndef RELAY_TRANSACTOR_H
#define RELAY_TRANSACTOR_H

#include <stdbool.h>
#include <stddef.h>

typedef struct rd_kafka_s rd_kafka_t; /* as in rdkafka.h */

enum transactor_call
{
	TRANSACTOR_NONE,
	TRANSACTOR_FENCE, /* ends what others under our transactional.id have open, and them */
	TRANSACTOR_COMMIT
};

struct transactor;

/* wake_fd: an eventfd that is written to when there is an answer.  Both are borrowed. */
struct transactor *transactor_new(rd_kafka_t *rk, int wake_fd);

/*
 * What is under way is given up; nobody knows how it ends.  May take as long as
 * librdkafka's call takes to notice (half a second).
 */
void transactor_free(struct transactor *trx);

/* Not while another is under way. */
void transactor_start(struct transactor *trx, enum transactor_call call);

/*
 * The call that has ended since the last time; TRANSACTOR_NONE: none.  *code: 0, or
 * librdkafka's code of why it failed, text then says it in its words.
 */
enum transactor_call transactor_ended(struct transactor *trx, int *code, const char **text);

/*
 * True every ten seconds in which a call gets no answer, which also wakes the caller; text: what
 * librdkafka said last.
 */
bool transactor_is_slow(struct transactor *trx, char *text, size_t size);

#endif /* RELAY_TRANSACTOR_H */
