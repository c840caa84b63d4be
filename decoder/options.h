/*
 * options.h
 *		What a client may ask for when it starts the stream.  Parsed once by
 *		options_parse(); afterwards nobody changes it.
 */
#ifndef WALRELAY_OPTIONS_H
#define WALRELAY_OPTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "filter.h"

enum option_format
{
	FORMAT_BINARY,
	FORMAT_TEXT
};

enum option_flush
{
	FLUSH_IDLE,
	FLUSH_COMMIT
};

enum option_origin
{
	ORIGIN_ANY,
	ORIGIN_NONE
};

/* Bits of struct options.actions, in the order of the option's words. */
enum option_action
{
	ACTION_INSERT = 0x01,
	ACTION_UPDATE = 0x02,
	ACTION_DELETE = 0x04,
	ACTION_TRUNCATE = 0x08,
	ACTION_MESSAGE = 0x10
};

struct options
{
	int			proto;			/* protocol version, within WIRE_VERSION_MIN..MAX */
	int			format;			/* enum option_format */
	int			flush;			/* enum option_flush, as asked for */
	int			frame_bytes;	/* a frame at least this long leaves */
	struct patterns *include_tables;	/* NULL: all */
	struct patterns *exclude_tables;	/* NULL: none */
	int			actions;		/* enum option_action bits */
	int			origin;			/* enum option_origin */
	struct patterns *include_prefixes;
	struct patterns *exclude_prefixes;
	bool		publish_via_root;
	bool		generated_columns;
	bool		include_lsn;	/* these four: text format only */
	bool		include_xids;
	bool		include_timestamp;
	bool		include_relations;
	uint64		hash;			/* FNV-1a over what decides which changes are
								 * sent and with which columns */
};

/*
 * Fill *options from the DefElems of START_REPLICATION or of the SQL
 * function.  Memory comes from the current context, which must live as long
 * as the options.  Raises ERROR with invalid_parameter_value for whatever the
 * client got wrong; never anything else, and never touches a catalog.
 */
extern void options_parse(struct options *options, List *elements);

#endif							/* WALRELAY_OPTIONS_H */
