/*
 * record.h
 *		Pure: wire.h bytes to structs that borrow from the frame.
 *
 * A reader follows one stream from its hello record on: it turns LSN deltas
 * into LSNs, collects long values, and refuses records that come out of order.
 * No I/O, no clock, no logging.
 */
#ifndef RELAY_RECORD_H
#define RELAY_RECORD_H

#include "buf.h"
#include "cursor.h"
#include "err.h"

struct hello
{
	uint32_t   protocol;
	uint32_t   server_version; /* as PostgreSQL's server_version_num */
	bool	   flush_idle;
	uint32_t   frame_bytes;
	uint64_t   options_hash;
	uint32_t   database_oid;
	struct str database;
	struct str encoding;
	struct str plugin_version;
	struct cursor settings; /* pairs of str: name, value */
	uint32_t   nsettings;
};

struct begin
{
	uint32_t   xid;
	int64_t	   commit_us; /* microseconds since the Unix epoch */
	uint64_t   lsn;
	bool	   has_origin;
	struct str origin;
	uint64_t   origin_lsn;
	uint64_t   commit_lsn; /* of the commit record; 0: the plugin does not say */
};

struct commit
{
	uint64_t end_lsn; /* the position to confirm */
	uint64_t commit_lsn;
};

/* A tuple as sent: state map and values, not yet taken apart. */
struct tuple
{
	enum wire_tuple form;
	const uint8_t  *map; /* NULL for WIRE_TUPLE_PLAIN */
	struct cursor	values;
};

struct change
{
	enum wire_kind kind;	 /* INSERT, UPDATE, DELETE */
	uint32_t	   relation; /* index */
	uint64_t	   lsn;
	enum wire_old  old_kind;
	struct cursor  old_tuple; /* empty for WIRE_OLD_NONE; open with tuple_open() */
	struct cursor  new_tuple; /* empty for DELETE */
	/*
	 * Values of WIRE_STATE_LONG, in order, old tuple before new.  They belong
	 * to the reader and live until its next record_next().
	 */
	const struct str *longs;
	uint32_t		  nlongs;
	uint64_t		  too_long; /* bytes of a value that was left out, data NULL in longs; 0: none */
};

struct truncate
{
	uint64_t	  lsn;
	bool		  cascade;
	bool		  restart_identity;
	uint32_t	  nrelations;
	struct cursor relations; /* uv index each */
};

struct message
{
	bool	   transactional;
	uint64_t   lsn; /* of its end; a position if not transactional */
	struct str prefix;
	struct str content;
	uint64_t   too_long; /* bytes of content, which was left out; 0: it is there */
};

struct record
{
	enum wire_kind kind;
	union
	{
		struct hello	hello;
		struct begin	begin;
		struct commit	commit;
		struct cursor	relation; /* body, for table_read() */
		struct change	change;
		struct truncate truncate;
		struct message	message;
		uint64_t		mark;
	};
};

/* The value of one of the settings in hello; false: it is not there. */
bool hello_setting(const struct hello *hello, const char *name, struct str *value);

/* RC_ERR E1604. */
enum rc record_too_long(uint64_t bytes, uint64_t max_long, struct err *e);

struct reader; /* follows one stream; forget it when the stream ends */

/* max_long: a long value larger than this is refused with E1604. */
struct reader *reader_new(uint64_t max_long);

/* Such a value is left out instead, and its record says so in too_long. */
void reader_leave_out_long(struct reader *rdr);
void		   reader_free(struct reader *rdr);
bool		   reader_in_transaction(const struct reader *rdr);

/*
 * The next record of a frame.  RC_OK; RC_AGAIN at the end of the frame; RC_ERR
 * with class ERR_PROTOCOL.  Unknown kinds and pieces of long values are taken
 * in without being shown.  Every index, count and length inside *rec that is
 * not a cursor of its own has been checked against the frame.
 */
enum rc record_next(struct reader *rdr, struct cursor *records, struct record *rec, struct err *e)
	MUST_CHECK;

/* Opens a tuple of ncolumns columns.  RC_ERR E1404 if the map does not fit. */
enum rc tuple_open(struct cursor cur, uint32_t ncolumns, struct tuple *tup, struct err *e)
	MUST_CHECK;

/*
 * Takes the next record off the front of a frame's, unread.  True: it is a change, and
 * *relation the index that it names, which nobody has checked.
 */
bool record_skip(struct cursor *records, uint32_t *relation);

static inline enum wire_state
tuple_state(const struct tuple *tup, uint32_t i)
{
	switch (tup->form)
	{
		case WIRE_TUPLE_PLAIN: return WIRE_STATE_VALUE;
		case WIRE_TUPLE_NULLS:
			return tup->map[i >> 3] >> (i & 7) & 1 ? WIRE_STATE_NULL : WIRE_STATE_VALUE;
		case WIRE_TUPLE_STATES: return (enum wire_state) (tup->map[i >> 1] >> (i & 1) * 4 & 15);
	}
	return WIRE_STATE_NULL;
}

#endif /* RELAY_RECORD_H */
