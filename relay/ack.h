/*
 * ack.h
 *		Pure: transactions in flight to the one LSN that may be confirmed.
 *
 * Invariant: the LSN we confirm is the end of the newest transaction (or mark)
 * such that it and everything received before it has no message without an
 * acknowledgement.  It never moves back.
 *
 * Why that is safe, and why end_lsn and not one byte more: PostgreSQL skips
 * exactly the transactions whose commit record starts before the confirmed
 * position, commit records do not overlap, and every position that comes in
 * here is the end of a WAL record behind every commit received before it.
 * With end_lsn + 1 the next commit record would start before it.
 *
 * No I/O, no clock, no logging.  pipeline.c is the only caller; the unit test
 * compares it with a brute-force model.
 */
#ifndef RELAY_ACK_H
#define RELAY_ACK_H

#include <stdbool.h>
#include <stdint.h>

struct ack;

/* A ticket names one item; tickets are never used again. */
typedef uint64_t ack_ticket;

/* confirmed: what was confirmed before this process, or 0. */
struct ack *ack_new(uint64_t confirmed);
void		ack_free(struct ack *ack);

/* BEGIN.  One item may be open at a time. */
ack_ticket ack_open(struct ack *ack, int64_t commit_us);

/* When what happened to a transaction: microseconds since the Unix epoch; 0: not known. */
struct ack_times
{
	int64_t commit_us;
	int64_t received_us; /* its first bytes */
	int64_t handed_us;	 /* its last message to the sink */
};

/*
 * done is called for each closed transaction when the last of its messages is acknowledged, whatever
 * is before it; not for one without a message, without a commit time, or that was abandoned.
 */
void ack_listen(struct ack *ack, void (*done)(void *arg, const struct ack_times *times), void *arg);
void ack_received(struct ack *ack, ack_ticket ticket, int64_t us);
void ack_handed(struct ack *ack, ack_ticket ticket, int64_t us); /* before ack_close() */

/* count messages of the item were handed to the sink. */
void ack_sent(struct ack *ack, ack_ticket ticket, uint32_t count);

/* What the caller calls the item, told back while it is held. */
void     ack_set_tag(struct ack *ack, ack_ticket ticket, uint64_t tag);
uint64_t ack_tag(const struct ack *ack, ack_ticket ticket); /* 0: none, or the item is gone */

/* The ticket of an item held, of which only the low half is known; that is never 0. */
ack_ticket ack_ticket_of(const struct ack *ack, uint32_t low);

/* COMMIT of the open item: end_lsn is the position to confirm. */
void ack_close(struct ack *ack, ack_ticket ticket, uint64_t end_lsn);

/* Whether the item is closed and has no message without an acknowledgement, whatever is before it. */
bool ack_is_done(const struct ack *ack, ack_ticket ticket);

/*
 * The connection broke in the middle of the open item: it will come again as
 * another item, and this one stands for no position any more.
 */
void ack_abandon(struct ack *ack, ack_ticket ticket);

/*
 * Nothing that is in flight will be acknowledged, and all of it comes again: no item is
 * held any more.  What is confirmed stays so.
 */
void ack_forget(struct ack *ack);

/* A position behind everything received so far, with no messages of its own. */
void ack_mark(struct ack *ack, uint64_t lsn);

/*
 * count messages of the item were acknowledged; advances.  False: the item is
 * not known or had fewer outstanding, which is a broken invariant.
 */
bool ack_done(struct ack *ack, ack_ticket ticket, uint32_t count);

uint64_t ack_confirmed(const struct ack *ack);	  /* LSN */
uint64_t ack_outstanding(const struct ack *ack);  /* messages not acknowledged */
uint64_t ack_items(const struct ack *ack);		  /* transactions and marks held */
int64_t	 ack_commit_us(const struct ack *ack);	  /* commit time of the newest confirmed
													 transaction, Unix epoch; 0: none */
int64_t	 ack_oldest_us(const struct ack *ack);	  /* the same of the oldest one held */

#endif /* RELAY_ACK_H */
