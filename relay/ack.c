/*
 * ack.c
 *		A FIFO of transactions and marks; see ack.h for the invariant.
 *
 *		head                                              tail
 *		 |  closed, 2 out | closed, 0 out | mark | open, 1 out |
 *
 * Delivery reports come in any order and only ever count down an item.  What
 * moves the position is that the item at the head is closed and has nothing
 * out: it is popped, and so is what follows it, until an item has to wait.
 */
#include "ack.h"

#include <assert.h>
#include <stdlib.h>

#include "buf.h"

struct item
{
	uint64_t end;		/* LSN to confirm; 0: abandoned, stands for none */
	uint64_t tag;
	uint64_t pending;	/* messages handed over and not acknowledged */
	struct ack_times times; /* commit_us: 0 for marks */
	bool	 open;
	bool	 mark;
	bool	 sent; /* it had a message */
};

struct ack
{
	struct item *ring;
	uint64_t	 mask; /* size of the ring - 1; a power of two */
	ack_ticket	 head; /* oldest item held */
	ack_ticket	 tail; /* next ticket */
	uint64_t	 confirmed;
	uint64_t	 outstanding;
	int64_t		 commit_us;
	void		 (*done)(void *arg, const struct ack_times *times); /* or NULL */
	void		*done_arg;
};

#define FIRST_SIZE 1024

struct ack *
ack_new(uint64_t confirmed)
{
	struct ack *ack = xcalloc(1, sizeof(*ack));

	ack->ring = xcalloc(FIRST_SIZE, sizeof(*ack->ring));
	ack->mask = FIRST_SIZE - 1;
	ack->confirmed = confirmed;
	/* Ticket 0 stays unused, so that a NULL opaque is never a ticket. */
	ack->head = ack->tail = 1;
	return ack;
}

void
ack_free(struct ack *ack)
{
	if (ack == NULL)
		return;
	free(ack->ring);
	free(ack);
}

static struct item *
item_at(const struct ack *ack, ack_ticket ticket)
{
	return &ack->ring[ticket & ack->mask];
}

static void
ring_double(struct ack *ack)
{
	uint64_t	 size = (ack->mask + 1) * 2;
	struct item *ring = xcalloc(size, sizeof(*ring));

	for (ack_ticket t = ack->head; t != ack->tail; t++)
		ring[t & (size - 1)] = *item_at(ack, t);
	free(ack->ring);
	ack->ring = ring;
	ack->mask = size - 1;
}

static ack_ticket
push(struct ack *ack, struct item item)
{
	if (ack->tail - ack->head > ack->mask)
		ring_double(ack);
	*item_at(ack, ack->tail) = item;
	return ack->tail++;
}

/* A ticket whose low half is 0 belongs to an item that stands for nothing. */
static void
skip_zero(struct ack *ack)
{
	if ((uint32_t) ack->tail == 0)
		push(ack, (struct item){0});
}

static void
advance(struct ack *ack)
{
	while (ack->head != ack->tail)
	{
		const struct item *item = item_at(ack, ack->head);

		if (item->open || item->pending > 0)
			return;
		if (item->end > ack->confirmed)
			ack->confirmed = item->end;
		if (item->end > 0 && item->times.commit_us != 0)
			ack->commit_us = item->times.commit_us;
		ack->head++;
	}
}

ack_ticket
ack_open(struct ack *ack, int64_t commit_us)
{
	skip_zero(ack);
	return push(ack, (struct item){.times.commit_us = commit_us, .open = true});
}

static bool
is_held(const struct ack *ack, ack_ticket ticket)
{
	return ticket >= ack->head && ticket < ack->tail;
}

void
ack_set_tag(struct ack *ack, ack_ticket ticket, uint64_t tag)
{
	assert(is_held(ack, ticket));
	item_at(ack, ticket)->tag = tag;
}

uint64_t
ack_tag(const struct ack *ack, ack_ticket ticket)
{
	return is_held(ack, ticket) ? item_at(ack, ticket)->tag : 0;
}

ack_ticket
ack_ticket_of(const struct ack *ack, uint32_t low)
{
	return ack->head + (uint32_t) (low - (uint32_t) ack->head);
}

void
ack_listen(struct ack *ack, void (*done)(void *arg, const struct ack_times *times), void *arg)
{
	ack->done = done;
	ack->done_arg = arg;
}

void
ack_received(struct ack *ack, ack_ticket ticket, int64_t us)
{
	assert(is_held(ack, ticket));
	item_at(ack, ticket)->times.received_us = us;
}

void
ack_handed(struct ack *ack, ack_ticket ticket, int64_t us)
{
	assert(is_held(ack, ticket));
	item_at(ack, ticket)->times.handed_us = us;
}

void
ack_sent(struct ack *ack, ack_ticket ticket, uint32_t count)
{
	struct item *item = item_at(ack, ticket);

	assert(ticket >= ack->head && ticket < ack->tail);
	item->pending += count;
	item->sent = true;
	ack->outstanding += count;
}

/* Asked when it was closed, and when messages of it were acknowledged. */
static void
tell_if_done(const struct ack *ack, const struct item *item)
{
	if (ack->done && !item->open && item->pending == 0 && item->sent && item->end > 0 &&
		item->times.commit_us != 0)
		ack->done(ack->done_arg, &item->times);
}

void
ack_close(struct ack *ack, ack_ticket ticket, uint64_t end_lsn)
{
	struct item *item = item_at(ack, ticket);

	assert(ticket >= ack->head && ticket < ack->tail && item->open);
	item->end = end_lsn;
	item->open = false;
	tell_if_done(ack, item);
	advance(ack);
}

bool
ack_is_done(const struct ack *ack, ack_ticket ticket)
{
	const struct item *item = item_at(ack, ticket);

	return !is_held(ack, ticket) || (!item->open && item->pending == 0);
}

void
ack_abandon(struct ack *ack, ack_ticket ticket)
{
	ack_close(ack, ticket, 0);
}

/* Tickets go on: one that is acknowledged late must not count for a new item. */
void
ack_forget(struct ack *ack)
{
	ack->head = ack->tail;
	ack->outstanding = 0;
}

void
ack_mark(struct ack *ack, uint64_t lsn)
{
	struct item *last = ack->head == ack->tail ? NULL : item_at(ack, ack->tail - 1);

	assert(last == NULL || !last->open);
	if (last && last->mark)
	{
		if (lsn > last->end)
			last->end = lsn;
		return;
	}
	push(ack, (struct item){.end = lsn, .mark = true});
	advance(ack);
}

bool
ack_done(struct ack *ack, ack_ticket ticket, uint32_t count)
{
	struct item *item = item_at(ack, ticket);

	if (ticket < ack->head || ticket >= ack->tail || item->pending < count)
		return false;
	item->pending -= count;
	ack->outstanding -= count;
	if (count > 0)
		tell_if_done(ack, item);
	if (ticket == ack->head)
		advance(ack);
	return true;
}

uint64_t
ack_confirmed(const struct ack *ack)
{
	return ack->confirmed;
}

uint64_t
ack_outstanding(const struct ack *ack)
{
	return ack->outstanding;
}

uint64_t
ack_items(const struct ack *ack)
{
	return ack->tail - ack->head;
}

int64_t
ack_commit_us(const struct ack *ack)
{
	return ack->commit_us;
}

int64_t
ack_oldest_us(const struct ack *ack)
{
	for (ack_ticket t = ack->head; t != ack->tail; t++)
		if (item_at(ack, t)->times.commit_us != 0)
			return item_at(ack, t)->times.commit_us;
	return 0;
}
