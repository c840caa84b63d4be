/*
 * wire.h
 *		The protocol between walrelay.so and whoever reads its slot: the one
 *		definition, the only file that decoder and relay share.
 *
 * PROTOCOL.md says the same in prose, with an annotated dump.  This header
 * compiles alone as C99.  Writers: decoder/emit_binary.c.  Readers:
 * relay/record.c; both keep the field order written here.
 *
 * Notation used in the layouts below
 *		u8 u16 u32 u64	little-endian, unaligned
 *		uv				unsigned LEB128 varint, at most 10 bytes
 *		sv				signed: zigzag, then uv.  This is Avro's int and long, so
 *						that a reader may pass such values on without decoding
 *		str				uv length in bytes, then the bytes, no terminator, in the
 *						database's encoding, which the hello record names
 */
#ifndef WALRELAY_WIRE_H
#define WALRELAY_WIRE_H

#include <stdint.h>

/*
 * Version of everything below.  A client asks by the option proto=N; the
 * server refuses what it does not know and says in the hello record what it
 * speaks.  Adding a record kind, or a field at the end of a record's body, is
 * not a new version: readers skip kinds and trailing bytes they do not know.
 */
#define WIRE_VERSION_MIN	1
#define WIRE_VERSION_MAX	1

/*
 * Frame: what one XLogData message (or one row of
 * pg_logical_slot_get_binary_changes) carries.
 *
 *		u8  'W'
 *		u8  'R'
 *		u8  protocol version
 *		u8  0 (reserved; readers refuse anything else)
 *		u32 number of bytes that follow: whole records, never a part of one
 *
 * The length is here because pg_recvlogical keeps none and adds a newline.
 */
#define WIRE_MAGIC0			'W'
#define WIRE_MAGIC1			'R'
#define WIRE_FRAME_HEADER	8

/* No frame is larger than this; a reader may refuse what claims to be. */
#define WIRE_FRAME_MAX		(512u * 1024 * 1024)

/*
 * Record:		u8 kind, uv length of body, body.
 *
 * Kinds are printable.  Those marked "reserved" have no layout yet.
 */
enum wire_kind
{
	WIRE_HELLO = 'H',			/* first record of every stream */
	WIRE_BEGIN = 'B',
	WIRE_COMMIT = 'C',
	WIRE_RELATION = 'R',
	WIRE_INSERT = 'I',
	WIRE_UPDATE = 'U',
	WIRE_DELETE = 'D',
	WIRE_TRUNCATE = 'T',
	WIRE_MESSAGE = 'M',
	WIRE_LONG = 'L',			/* a piece of a long value */
	WIRE_MARK = 'K',			/* reading has come this far */

	WIRE_STREAM_START = 's',	/* reserved: in-progress transactions */
	WIRE_STREAM_STOP = 'e',		/* reserved */
	WIRE_STREAM_COMMIT = 'c',	/* reserved */
	WIRE_STREAM_ABORT = 'a',	/* reserved */
	WIRE_PREPARE = 'P',			/* reserved: two-phase commit */
	WIRE_COMMIT_PREPARED = 'p', /* reserved */
	WIRE_ROLLBACK_PREPARED = 'r'	/* reserved */
};

/*
 * HELLO
 *		uv  protocol version
 *		uv  server_version_num
 *		u8  WIRE_HELLO_* flags
 *		uv  frame-bytes in force
 *		u64 hash of the options that decide what is sent (FNV-1a)
 *		uv  database oid
 *		str database name
 *		str server encoding, PostgreSQL's name for it ("UTF8", "EUC_JP")
 *		str plugin version
 *		uv  number of settings, then for each: str name, str value.  The
 *			settings that decide the text form of values: DateStyle,
 *			IntervalStyle, TimeZone, extra_float_digits, bytea_output;
 *			and money_fraction_digits, how many digits of a money value
 *			stand behind the point, which lc_monetary decides
 */
#define WIRE_HELLO_FLUSH_IDLE	0x01	/* frames stay open over commits */

/*
 * BEGIN: sent before the first record of a transaction that has any.
 *		uv  xid (32 bits)
 *		u64 commit time, microseconds since 2000-01-01 UTC, two's complement
 *		u64 LSN that the deltas of this transaction start from
 *		u8  WIRE_BEGIN_* flags
 *		[WIRE_BEGIN_ORIGIN: str origin name, u64 origin LSN]
 *		uv  LSN of the commit record minus the LSN above
 */
#define WIRE_BEGIN_ORIGIN		0x01

/*
 * COMMIT
 *		u64 end_lsn: the position to confirm once everything up to here is safe
 *		uv  end_lsn minus the LSN of the commit record
 */

/*
 * MARK
 *		u64 LSN: every transaction that ended at or before it has been sent
 *			or holds nothing for this client.  May be confirmed like an end_lsn
 */

/*
 * RELATION: before the first record that uses the index, again after the
 * server invalidated the relation, and when a request asks for it.  It
 * replaces what the index meant before.  One index may come to mean another
 * relation, and several may mean one: with root partitions on, each partition
 * has its own, with the root's relid and columns and its own replica identity.
 *		uv  index
 *		uv  relid, oid of the table (of the root with root partitions on)
 *		u8  replica identity: 'd' default, 'i' index, 'f' full, 'n' nothing
 *		u8  relkind: 'r', 'p'
 *		str schema
 *		str name
 *		uv  number of columns; dropped and virtual generated ones are not
 *			there.  For each, in attribute order:
 *				uv  attnum
 *				u16 WIRE_COLUMN_* flags
 *				u8  form in which values are sent, enum wire_form
 *				str name
 *				uv  type oid
 *				sv  type modifier, -1 for none
 *				str type's schema
 *				str type's name
 *				[DOMAIN:  uv base oid, sv base typmod, str schema, str name
 *						  of the type at the bottom of the domain chain]
 *				[ARRAY:   uv element oid, str schema, str name, uv base oid
 *						  of the element if that is a domain, else 0, u8 form
 *						  of the elements, enum wire_form, u8 delimiter
 *						  between them in the array's text.  Set for a domain
 *						  over an array, too; not for int2vector and
 *						  oidvector, whose text is not an array's]
 *				[ENUM:    uv number of labels, then str each, in sort order;
 *						  of the element type where ARRAY is set too]
 *				[DEFAULT: str expression as the server would print it]
 *		u8  what the key below is: enum wire_key
 *		uv  number of key columns, then for each uv its place (0-based) in
 *			the column list above, in the index's own order
 *		uv  number of replica identity columns, then for each uv its place,
 *			in the index's own order; for FULL none
 *		[a partition described as its root: uv its own oid]
 */
#define WIRE_COLUMN_NOT_NULL	0x0001
#define WIRE_COLUMN_IDENTITY	0x0002	/* in the replica identity's key */
#define WIRE_COLUMN_PRIMARY		0x0004	/* in the primary key */
#define WIRE_COLUMN_GENERATED	0x0008	/* stored generated column */
#define WIRE_COLUMN_DOMAIN		0x0010
#define WIRE_COLUMN_ARRAY		0x0020
#define WIRE_COLUMN_ENUM		0x0040
#define WIRE_COLUMN_DEFAULT		0x0080
#define WIRE_COLUMN_COMPOSITE	0x0100	/* type is a row type */
#define WIRE_COLUMN_RANGE		0x0200	/* type is a range or multirange */
#define WIRE_COLUMN_AUTO		0x0400	/* identity column (GENERATED AS IDENTITY) */
#define WIRE_COLUMN_DOMAIN_NOT_NULL 0x0800	/* the domain that it is of is NOT NULL */

enum wire_key
{
	WIRE_KEY_NONE = '-',
	WIRE_KEY_PRIMARY = 'p',
	WIRE_KEY_UNIQUE = 'u'		/* no primary key: first unique index by name */
};

/*
 * The form of a value is decided per column and said in RELATION, so that
 * rows carry no type.  A domain has the form of its base type.
 */
enum wire_form
{
	WIRE_FORM_BOOL = 'b',		/* u8: 0, 1 */
	WIRE_FORM_INT = 'i',		/* sv: int2, int4, int8; date as days since
								 * 2000-01-01 with INT32_MAX/MIN as infinities */
	WIRE_FORM_OID = 'o',		/* uv */
	WIRE_FORM_FLOAT4 = 'f',		/* u32: IEEE bits */
	WIRE_FORM_FLOAT8 = 'd',		/* u64: IEEE bits */
	WIRE_FORM_INT64 = '8',		/* u64: time, timestamp and timestamptz in
								 * microseconds (since midnight; since
								 * 2000-01-01, INT64_MAX/MIN as infinities);
								 * money in the currency's smallest unit */
	WIRE_FORM_TIMETZ = 'z',		/* u64 microseconds, u32 seconds west of UTC */
	WIRE_FORM_INTERVAL = 'v',	/* u64 microseconds, u32 days, u32 months */
	WIRE_FORM_UUID = 'g',		/* 16 bytes */
	WIRE_FORM_NUMERIC = 'n',	/* see below */
	WIRE_FORM_ENUM = 'e',		/* uv: place in the column's labels */
	WIRE_FORM_ARRAY = 'a',		/* see below */
	WIRE_FORM_BYTES = 'y',		/* uv length, bytes: bytea as stored */
	WIRE_FORM_TEXT = 't'		/* uv length, bytes: the type's text form */
};

/*
 * NUMERIC value
 *		u8  sign: enum wire_numeric.  The special values have nothing more
 *		uv  display scale
 *		sv  weight of the first digit: value is the sum of
 *			digit[i] * 10000 ^ (weight - i)
 *		uv  number of digits, then u16 each, base 10000, no leading or
 *			trailing zero digit; zero has none
 */
enum wire_numeric
{
	WIRE_NUMERIC_POSITIVE = '+',
	WIRE_NUMERIC_NEGATIVE = '-',
	WIRE_NUMERIC_NAN = 'n',
	WIRE_NUMERIC_INFINITY = 'i',
	WIRE_NUMERIC_MINUS_INFINITY = 'm'
};

/*
 * ARRAY value: uv length of what follows, in bytes, then
 *		uv  number of dimensions, 0 for an empty array
 *		for each dimension: uv number of elements, sv lower bound
 *		u8  1 if a map of NULLs follows, else 0
 *		[map of 1 bit an element, lowest bit first: 1 = NULL, 0 = value]
 *		the elements that are not NULL, in storage order (the last subscript
 *			varies fastest), each in the column's element form
 *
 * Every array column has this form.  An enum element whose label is missing
 * makes the whole value WIRE_STATE_TEXT, one that cannot be printed makes it
 * WIRE_STATE_UNSENDABLE.
 */

/*
 * INSERT:	uv relation index, sv LSN delta, tuple (new)
 * DELETE:	uv relation index, sv LSN delta, u8 enum wire_old,
 *			[not NONE: tuple (old)]
 * UPDATE:	uv relation index, sv LSN delta, u8 enum wire_old,
 *			[not NONE: uv length of the old tuple, tuple (old)], tuple (new)
 *
 * The LSN delta is against the previous record of the transaction that has
 * one (BEGIN's LSN for the first).  Rows of one COPY share their LSN.
 */
enum wire_old
{
	WIRE_OLD_NONE = '-',		/* server logged no old values */
	WIRE_OLD_KEY = 'k',			/* identity columns only, in column order */
	WIRE_OLD_FULL = 'f'			/* every column */
};

/*
 * Tuple:	u8 enum wire_tuple, [state map], values
 *
 * Columns are those of RELATION in its order; for WIRE_OLD_KEY only those
 * with WIRE_COLUMN_IDENTITY.  Only WIRE_STATE_VALUE and WIRE_STATE_TEXT have
 * bytes among the values.
 */
enum wire_tuple
{
	WIRE_TUPLE_PLAIN = 'p',		/* every column has a value; no map */
	WIRE_TUPLE_NULLS = 'n',		/* map of 1 bit a column, lowest bit first:
								 * 1 = NULL, 0 = value */
	WIRE_TUPLE_STATES = 's'		/* map of 4 bits a column, low nibble first:
								 * enum wire_state */
};

enum wire_state
{
	WIRE_STATE_VALUE = 0,		/* in the column's form */
	WIRE_STATE_NULL = 1,
	WIRE_STATE_UNCHANGED = 2,	/* TOASTed, not touched by this update, not in
								 * the WAL: unknown, not NULL */
	WIRE_STATE_TEXT = 3,		/* str: text form instead of the column's own
								 * (an enum value that the labels lack) */
	WIRE_STATE_LONG = 4,		/* the value was sent before, in LONG records */
	WIRE_STATE_UNSENDABLE = 5	/* exists, but the server could not print it
								 * (over 1 GB, output function failed) */
};

/*
 * LONG: a piece of one long value.  A value longer than the long threshold
 * goes ahead of its row; the row's columns of WIRE_STATE_LONG take the
 * finished values in the order in which they were sent, old tuple before new.
 * Only forms TEXT, BYTES and ARRAY become long; of an array what follows its
 * length.
 *		u8  1 for the last piece of the value, else 0
 *		uv  total length of the value
 *		bytes up to the end of the record
 */
#define WIRE_LONG_THRESHOLD		65536	/* at most; frame-bytes if that is less */

/*
 * TRUNCATE
 *		sv  LSN delta
 *		u8  WIRE_TRUNCATE_* flags
 *		uv  number of relations, then uv index each
 */
#define WIRE_TRUNCATE_CASCADE			0x01
#define WIRE_TRUNCATE_RESTART_IDENTITY	0x02

/*
 * MESSAGE
 *		u8  WIRE_MESSAGE_* flags
 *		u64 LSN of the message record's end.  For one that is not
 *			transactional it is a position like MARK's
 *		str prefix
 *		[not LONG: str content]
 *
 * A message without WIRE_MESSAGE_TRANSACTIONAL stands outside any
 * transaction; its own transaction may have aborted.  It takes no part in the
 * LSN deltas.
 */
#define WIRE_MESSAGE_TRANSACTIONAL	0x01
#define WIRE_MESSAGE_LONG			0x02	/* content went ahead, in LONG records */

/*
 * Request: a transactional message with exactly this prefix, by which a client
 * asks the plugin for something at a position of the stream.  It passes the lists
 * of prefixes; an ordinary message if it is not transactional.  Its content
 *		describe NONCE OID OID ..
 * in words with blanks between them, asks for a RELATION of each of these
 * relations that the stream has, ahead of the MESSAGE itself.  Oids that the stream
 * has no relation for are passed over.  The list ends at its first word that is no
 * decimal oid, and after so many.
 */
#define WIRE_REQUEST_PREFIX			"walrelay"
#define WIRE_REQUEST_DESCRIBE		"describe "
#define WIRE_REQUEST_OIDS_MAX		100000

/* Largest varint, in bytes. */
#define WIRE_VARINT_MAX		10

/* Microseconds from the Unix epoch to PostgreSQL's (2000-01-01). */
#define WIRE_EPOCH_US		INT64_C(946684800000000)
#define WIRE_EPOCH_DAYS		10957

#endif							/* WALRELAY_WIRE_H */
