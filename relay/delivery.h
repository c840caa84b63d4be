/*
 * delivery.h
 *		Pure: what is in Kafka for good, when that is written down there, and what
 *		the server may be told.
 *
 * ack.h says which transactions the brokers have.  Here is what follows: a
 * position goes into the progress topic first and to the server second, so that
 * the slot is never ahead of the topic; a relay that starts begins where the
 * topic says.
 *
 *	- At least once: the position is written so often (interval_ms), and
 *	  told to the server once its record is acknowledged.  A start repeats what
 *	  came after the last record, in whole ordered runs.
 *	- Exactly once: a Kafka transaction holds whole transactions of the database
 *	  and, last, the position behind them.  One that is too large is split: the
 *	  position then says how many of its changes are there, and a start drops
 *	  so many.  Messages count as acknowledged when theirs is committed.
 *	- Without a progress topic (files, stdout) acknowledged is good enough.
 *
 * No I/O, no logging; time comes in as an argument.  Called by pipeline.c and
 * session.c; t/unit/test_simulator.c runs it against a world that fails.
 */
#ifndef RELAY_DELIVERY_H
#define RELAY_DELIVERY_H

#include "ack.h"
#include "err.h"

enum delivery_mode
{
	DELIVERY_WITHOUT_PROGRESS,
	DELIVERY_AT_LEAST_ONCE,
	DELIVERY_EXACTLY_ONCE
};

/* A place in the stream, as the progress topic keeps it. */
struct position
{
	uint64_t lsn;        /* what ends here or before is in Kafka */
	uint64_t commit_lsn; /* of the next transaction, if a part of it is there, too; else 0 */
	uint64_t changes;    /* how many of its changes */
};

struct delivery_limits
{
	enum delivery_mode mode;
	int64_t            interval_ms; /* between two records; so long a Kafka transaction is open */
	int64_t            idle_ms;     /* the same, when there was nothing for Kafka in between */
	/*
	 * Exactly once: a Kafka transaction ends at so much, and so does one that holds so
	 * much of one transaction of the database, within that.
	 */
	uint64_t max_messages;
	uint64_t max_bytes;
	int64_t  max_ms; /* after its first message */
};

struct delivery;

/* limits: copied. */
struct delivery *delivery_new(const struct delivery_limits *limits);
void             delivery_free(struct delivery *dlv);

/*
 * The progress topic has this position, where the next stream is to begin; at the start,
 * and exactly once for each new sink.
 */
void delivery_recalled(struct delivery *dlv, const struct position *pos);

/*
 * A stream begins at from: delivery_position(), or where the server's slot stands if that is
 * later.  What was received of an unfinished transaction is given up.  Messages in
 * flight still count, unless delivery_forget() came first.
 */
void delivery_start(struct delivery *dlv, const struct position *from);

/*
 * The stream is over: the open transaction will come again as another item, which exactly
 * once goes on behind the part that was sent.  delivery_position() stays what it was.
 */
void delivery_stop(struct delivery *dlv);

/*
 * Messages in flight, and a position that is being written, will never be acknowledged.
 * Exactly once delivery_recalled() follows, if the topic has a position.
 */
void delivery_forget(struct delivery *dlv);

/* --- what comes in ---------------------------------------------------------- */

/*
 * BEGIN.  commit_lsn: of its commit record; 0: not known, as for a message
 * outside any transaction, which is an item of its own.  commit_us: Unix epoch, 0
 * for none.  RC_ERR E1219: a part of another transaction is in Kafka, or, at least once,
 * may be, and it did not come again.
 */
enum rc delivery_begin(struct delivery *dlv, uint64_t commit_lsn, int64_t commit_us,
					   struct err *e) MUST_CHECK;

/* Of transactions with a commit time, also of later ones: ack_listen(). */
void delivery_listen(struct delivery *dlv, void (*done)(void *arg, const struct ack_times *times),
					 void *arg);
/* When the open transaction came, and when its last message was handed over: ack.h. */
void delivery_received(struct delivery *dlv, int64_t us);
void delivery_handed(struct delivery *dlv, int64_t us);

/* What the caller calls the open transaction: 0 is no name. */
void delivery_set_tag(struct delivery *dlv, uint64_t tag);

/* Of the item, by the low half of its ticket; 0: nobody sent it. */
uint64_t delivery_tag(const struct delivery *dlv, uint32_t item);

/* Whether the change at hand is in Kafka already: its messages are not to be sent. */
bool delivery_is_done(const struct delivery *dlv);

/* count messages of the open transaction, of bytes together, were handed to the sink. */
void delivery_sent(struct delivery *dlv, uint32_t count, uint64_t bytes, int64_t now_ms);

/* All messages of a change of the open transaction were handed over, or dropped. */
void delivery_change(struct delivery *dlv);

/* COMMIT: end_lsn is the position to confirm.  RC_ERR E1219 as above. */
enum rc delivery_commit(struct delivery *dlv, uint64_t end_lsn, struct err *e) MUST_CHECK;

/*
 * Rows that were read at a position, sent as an item between delivery_begin(0) and
 * delivery_commit(that position): they go whole into one Kafka transaction.  Whether they are
 * in Kafka for good once the next position is: exactly once by being sent before it.
 */
bool delivery_is_safe(const struct delivery *dlv, ack_ticket item);

/* There is something to be written down with the position, also if that is not a new one. */
void delivery_touch(struct delivery *dlv);

/* A position behind everything received so far, between transactions.  RC_ERR E1219 as above. */
enum rc delivery_mark(struct delivery *dlv, uint64_t lsn, struct err *e) MUST_CHECK;

/* The ticket of the open transaction, for the sink; 0: none is open. */
ack_ticket delivery_item(const struct delivery *dlv);

/* count messages of the item, by the low half of its ticket, are safe.  False: a broken invariant. */
bool delivery_acked(struct delivery *dlv, uint32_t item, uint32_t count);

/* --- what is to be done ----------------------------------------------------- */

/*
 * Whether a position is to be written now, and which: at least once by itself,
 * exactly once as the end of the Kafka transaction, in which nothing may be sent
 * until delivery_written().  urgent: somebody waits for it.  The caller, once it has
 * handed the record to the sink, says delivery_writing().
 */
bool delivery_due(const struct delivery *dlv, int64_t now_ms, bool urgent, struct position *pos);
void delivery_writing(struct delivery *dlv, const struct position *pos, int64_t now_ms);

/*
 * It is there for good, and with it, exactly once, what was sent before it.  now_ms: the
 * clock of delivery_writing(); the next Kafka transaction is open for as long as this took.
 */
void delivery_written(struct delivery *dlv, int64_t now_ms);

/* Milliseconds until delivery_due() may say yes by itself; -1: something has to come first. */
int64_t delivery_due_in(const struct delivery *dlv, int64_t now_ms);

/* Whether a position is being written; exactly once nothing may be sent meanwhile. */
bool delivery_is_writing(const struct delivery *dlv);

/* Whether all that was received is acknowledged, and the position behind it written down. */
bool delivery_is_settled(const struct delivery *dlv);

/*
 * Whether a stream may go on into the same sink at delivery_position().  Exactly once it
 * may not if a transaction was left in part in the open Kafka transaction: that
 * has to be given up, or readers would see the part.
 */
bool delivery_can_go_on(const struct delivery *dlv);

/* --- what is known ----------------------------------------------------------- */

/* What the progress topic has; lsn 0: nothing. */
struct position delivery_noted(const struct delivery *dlv);

/* LSN that the server may be told; never moves back. */
uint64_t delivery_durable(const struct delivery *dlv);

/*
 * Where all that was sent ends; after delivery_forget(), where what is safe does.  The next
 * stream begins here, also into a sink that still has messages in flight: if these came
 * again, their first acknowledgements would move the position past what is sent for the
 * second time, and a start there would leave older values behind newer ones.  At
 * least once the open transaction comes again as a whole.
 */
struct position delivery_position(const struct delivery *dlv);

const struct ack *delivery_ack(const struct delivery *dlv);

#endif /* RELAY_DELIVERY_H */
