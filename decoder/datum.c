/*
 * datum.c
 *		One value: from its Datum in a heap tuple to its wire form.  Decides
 *		everything about TOAST, and is the only place where an output function
 *		runs.  Must never fetch from a TOAST table (the row may be gone or newer),
 *		never raise an ERROR that a value causes (it would come back with each
 *		restart, forever), and never swallow a cancel or a shutdown.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "storage/lwlock.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "datum.h"
#include "frame.h"

/* From this raw size on, running out of memory is blamed on the value. */
#define HUGE_VALUE ((Size) 64 * 1024 * 1024)

void
deform_init(struct deform *deform)
{
	deform->values = palloc(MaxTupleAttributeNumber * sizeof(Datum));
	deform->nulls = palloc(MaxTupleAttributeNumber * sizeof(bool));
}

void
tuple_init(struct tuple *tuple)
{
	memset(tuple, 0, sizeof(*tuple));
	tuple->values = palloc(MaxTupleAttributeNumber * sizeof(struct value));
}

/*
 * Whether an error that turned up while a value was printed is the value's
 * own doing, so that it would turn up again at every attempt.  A list of what
 * is; everything else goes on as the ERROR it is, because a later attempt may
 * succeed: cancel, shutdown, I/O, memory, a function that is missing while a
 * package is replaced.
 */
static bool
error_is_of_value(const ErrorData *error, Size size)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_DATA_EXCEPTION:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:	/* text form over 1 GB */
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_EXTERNAL_ROUTINE_EXCEPTION:
		case ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION:
		case MAKE_SQLSTATE('P', '0', '0', '0', '0'):	/* raised in PL/pgSQL */
			return true;
	}
	/* "invalid memory alloc request size", said of a value that is no small one */
	return error->sqlerrcode == ERRCODE_INTERNAL_ERROR && size >= HUGE_VALUE;
}

/*
 * Catching without a subtransaction is safe here.  What an output function
 * may leave behind when it fails, pins, catalog locks and relcache references,
 * belongs to the resource owner of the transaction that the reorder buffer
 * replays in, and that one always ends by abort.  Lightweight locks are let
 * go here, as an abort would: nobody holds one around a callback.  Memory
 * goes with scratch.  Nothing has been written: no xid, no WAL.
 */
void
error_swallow(MemoryContext context, Size size)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (!error_is_of_value(error, size))
		PG_RE_THROW();
	LWLockReleaseAll();
	FlushErrorState();
	FreeErrorData(error);
}

/*
 * Decompress a varlena if need be, and run the output function if "print".
 * A value that resists becomes UNSENDABLE.
 */
static void
value_make(struct value *value, const struct column *column, Datum datum, Size size, bool print)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		volatile plain = datum;
	char	   *volatile text = NULL;

	PG_TRY();
	{
		if (column->varlena)
			plain = PointerGetDatum(PG_DETOAST_DATUM_PACKED(datum));
		if (print)
			text = OutputFunctionCall(unconstify(FmgrInfo *, &column->output), plain);
		value->state = WIRE_STATE_VALUE;
	}
	PG_CATCH();
	{
		error_swallow(context, size);
		value->state = WIRE_STATE_UNSENDABLE;
	}
	PG_END_TRY();

	if (value->state == WIRE_STATE_UNSENDABLE)
		return;
	if (text != NULL)
	{
		value->data = text;
		value->length = strlen(text);
	}
	else
	{
		Assert(column->varlena);
		value->data = VARDATA_ANY(DatumGetPointer(plain));
		value->length = VARSIZE_ANY_EXHDR(DatumGetPointer(plain));
	}
}

/*
 * A varlena of a change is one of: plain; compressed; an indirect pointer to
 * either, which is how the reorder buffer hands over a TOASTed value that it
 * put together from the WAL; a pointer into the TOAST table, which means that
 * the update left the value alone and that it is not in the WAL.
 *
 * Plain payload is used where it lies, through an indirect pointer as well
 * (detoasting that would copy up to 1 GB).
 */
static void
value_collect_varlena(struct value *value, const struct column *column, struct varlena *raw,
					  bool print)
{
	Size		size;

	if (VARATT_IS_EXTERNAL_ONDISK(raw))
	{
		value->state = WIRE_STATE_UNCHANGED;
		return;
	}
	if (VARATT_IS_EXTERNAL_INDIRECT(raw))
	{
		struct varatt_indirect redirect;

		VARATT_EXTERNAL_GET_POINTER(redirect, raw);
		raw = redirect.pointer;
	}
	size = VARATT_IS_COMPRESSED(raw) ? VARDATA_COMPRESSED_GET_EXTSIZE(raw) : VARSIZE_ANY(raw);
	if (print || VARATT_IS_COMPRESSED(raw))
	{
		value_make(value, column, PointerGetDatum(raw), size, print);
		return;
	}
	value->data = VARDATA_ANY(raw);
	value->length = VARSIZE_ANY_EXHDR(raw);
	value->state = WIRE_STATE_VALUE;
}

/*
 * An enum's Datum is the oid of its label.  One that the plan lacks (somebody
 * deleted it from pg_enum) is left to the output function, which may fail.
 */
static void
value_collect_enum(struct value *value, const struct column *column, Datum datum)
{
	Oid			oid = DatumGetObjectId(datum);
	int			low = 0;
	int			high = column->nlabels;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (column->places[middle].oid < oid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < column->nlabels && column->places[low].oid == oid)
	{
		value->datum = UInt32GetDatum(column->places[low].place);
		value->state = WIRE_STATE_VALUE;
		return;
	}
	value_make(value, column, datum, 0, true);
	if (value->state == WIRE_STATE_VALUE)
		value->state = WIRE_STATE_TEXT;
}

/*
 * Whether xml_out() could print something else than what is stored: it drops
 * the encoding of a declaration, or a newline in front.
 */
static bool
xml_prints_differently(const struct value *value)
{
	return (value->length >= 1 && value->data[0] == '\n') ||
		(value->length >= 5 && memcmp(value->data, "<?xml", 5) == 0);
}

/* Any value that is not METHOD_FIXED. */
static void
value_collect(struct value *value, const struct column *column, Datum datum)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(datum);

	value->length = 0;
	switch (column->method)
	{
		case METHOD_NAME:
			value->data = NameStr(*DatumGetName(datum));
			value->length = strnlen(value->data, NAMEDATALEN);
			value->state = WIRE_STATE_VALUE;
			break;
		case METHOD_ENUM:
			value_collect_enum(value, column, datum);
			break;
		case METHOD_XML:
			value_collect_varlena(value, column, raw, false);
			if (value->state == WIRE_STATE_VALUE && xml_prints_differently(value))
				value_collect_varlena(value, column, raw, true);
			break;
		default:
			if (column->varlena)
				value_collect_varlena(value, column, raw, column->method == METHOD_OUTPUT);
			else
				value_make(value, column, datum, 0, true);
	}
}

void
tuple_collect(struct tuple *tuple, struct deform *deform, const struct relation *rel,
			  TupleDesc desc, HeapTuple heap, bool key, Size threshold)
{
	int			i;

	heap_deform_tuple(heap, desc, deform->values, deform->nulls);
	tuple->count = key ? rel->nidentity : rel->ncolumns;
	tuple->columns = key ? rel->identity_columns : rel->all_columns;
	tuple->has_null = tuple->has_state = tuple->has_long = false;
	tuple->length = 0;

	for (i = 0; i < tuple->count; i++)
	{
		const struct column *column = tuple->columns[i];
		struct value *value = &tuple->values[i];

		if (deform->nulls[column->att])
		{
			value->state = WIRE_STATE_NULL;
			tuple->has_null = true;
			continue;
		}
		value->datum = deform->values[column->att];
		if (column->method == METHOD_FIXED)
		{
			value->state = WIRE_STATE_VALUE;
			continue;
		}
		value_collect(value, column, value->datum);
		if (value->state == WIRE_STATE_VALUE && value->length > threshold && threshold > 0 &&
			(column->form == WIRE_FORM_TEXT || column->form == WIRE_FORM_BYTES))
		{
			value->state = WIRE_STATE_LONG;
			tuple->has_long = true;
		}
		else
			tuple->length += value->length;
		if (value->state != WIRE_STATE_VALUE)
			tuple->has_state = true;
	}
}

/*
 * NUMERIC, from what is on disk.  The struct is private to numeric.c; the
 * format has not changed since 9.1 and cannot, as pg_upgrade keeps the files.
 * A 16-bit header, then for the long form a 16-bit weight, then digits of
 * 16 bits in base 10000, most significant first, all in native byte order.
 *
 *		header	00............	long, positive: 14 bits of display scale
 *				01............	long, negative
 *				10snnnnnnwwwwwww	short: sign, 6 bits of scale, weight in
 *								7 bits two's complement
 *				1100	NaN		1101	Infinity	1111	-Infinity
 *
 * Infinities exist since 14.  numeric.c strips leading and trailing zero
 * digits from whatever it stores.
 */
#define NUMERIC_KIND(header)		((header) & 0xC000)
#define NUMERIC_KIND_NEGATIVE		0x4000
#define NUMERIC_KIND_SHORT			0x8000
#define NUMERIC_KIND_SPECIAL		0xC000
#define NUMERIC_SPECIAL(header)		((header) & 0xF000)
#define NUMERIC_SPECIAL_INFINITY	0xD000
#define NUMERIC_SPECIAL_MINUS		0xF000
#define NUMERIC_LONG_SCALE(header)	((header) & 0x3FFF)
#define NUMERIC_SHORT_SIGN			0x2000
#define NUMERIC_SHORT_SCALE(header) (((header) & 0x1F80) >> 7)
#define NUMERIC_SHORT_WEIGHT(header) ((int) ((header) & 0x3F) - (int) ((header) & 0x40))

static uint8 *
numeric_put(uint8 *p, const char *payload, Size length)
{
	const char *digits = payload + sizeof(uint16);
	uint16		header;
	int			weight;
	int			scale;
	bool		negative;
	Size		ndigits;
	Size		i;

	memcpy(&header, payload, sizeof(uint16));	/* may be unaligned */
	if (NUMERIC_KIND(header) == NUMERIC_KIND_SPECIAL)
	{
		switch (NUMERIC_SPECIAL(header))
		{
			case NUMERIC_SPECIAL_INFINITY:
				return put_u8(p, WIRE_NUMERIC_INFINITY);
			case NUMERIC_SPECIAL_MINUS:
				return put_u8(p, WIRE_NUMERIC_MINUS_INFINITY);
			default:
				return put_u8(p, WIRE_NUMERIC_NAN);
		}
	}
	if (NUMERIC_KIND(header) == NUMERIC_KIND_SHORT)
	{
		negative = (header & NUMERIC_SHORT_SIGN) != 0;
		scale = NUMERIC_SHORT_SCALE(header);
		weight = NUMERIC_SHORT_WEIGHT(header);
	}
	else
	{
		int16		long_weight;

		memcpy(&long_weight, digits, sizeof(int16));
		digits += sizeof(int16);
		negative = NUMERIC_KIND(header) == NUMERIC_KIND_NEGATIVE;
		scale = NUMERIC_LONG_SCALE(header);
		weight = long_weight;
	}
	ndigits = (payload + length - digits) / sizeof(int16);

	p = put_u8(p, negative ? WIRE_NUMERIC_NEGATIVE : WIRE_NUMERIC_POSITIVE);
	p = put_uv(p, scale);
	p = put_sv(p, weight);
	p = put_uv(p, ndigits);
	for (i = 0; i < ndigits; i++)
	{
		uint16		digit;

		memcpy(&digit, digits + i * sizeof(digit), sizeof(digit));
		p = put_u16(p, digit);
	}
	return p;
}

static inline int64
integer_get(Oid type, Datum datum)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT8OID:
			return DatumGetInt64(datum);
		default:				/* int4, date */
			return DatumGetInt32(datum);
	}
}

static uint8 *
timetz_put(uint8 *p, Datum datum)
{
	TimeTzADT  *time = DatumGetTimeTzADTP(datum);

	return put_u32(put_u64(p, time->time), time->zone);
}

static uint8 *
interval_put(uint8 *p, Datum datum)
{
	Interval   *interval = DatumGetIntervalP(datum);

	return put_u32(put_u32(put_u64(p, interval->time), interval->day), interval->month);
}

static inline uint32
float4_bits(Datum datum)
{
	float4		value = DatumGetFloat4(datum);
	uint32		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static inline uint64
float8_bits(Datum datum)
{
	float8		value = DatumGetFloat8(datum);
	uint64		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* One value of state VALUE. */
static inline uint8 *
value_put(uint8 *p, const struct column *column, const struct value *value)
{
	switch (column->form)
	{
		case WIRE_FORM_BOOL:
			return put_u8(p, DatumGetBool(value->datum));
		case WIRE_FORM_INT:
			return put_sv(p, integer_get(column->base_oid, value->datum));
		case WIRE_FORM_OID:
			return put_uv(p, DatumGetObjectId(value->datum));
		case WIRE_FORM_FLOAT4:
			return put_u32(p, float4_bits(value->datum));
		case WIRE_FORM_FLOAT8:
			return put_u64(p, float8_bits(value->datum));
		case WIRE_FORM_INT64:
			return put_u64(p, DatumGetInt64(value->datum));
		case WIRE_FORM_TIMETZ:
			return timetz_put(p, value->datum);
		case WIRE_FORM_INTERVAL:
			return interval_put(p, value->datum);
		case WIRE_FORM_UUID:
			memcpy(p, DatumGetUUIDP(value->datum)->data, UUID_LEN);
			return p + UUID_LEN;
		case WIRE_FORM_NUMERIC:
			return numeric_put(p, value->data, value->length);
		case WIRE_FORM_ENUM:
			return put_uv(p, DatumGetUInt32(value->datum));
		default:				/* TEXT, BYTES */
			return put_bytes(p, value->data, value->length);
	}
}

/* Map of one bit a value: 1 is NULL. */
static uint8 *
put_nulls(uint8 *p, const struct tuple *tuple)
{
	int			bytes = (tuple->count + 7) / 8;
	int			i;

	memset(p, 0, bytes);
	for (i = 0; i < tuple->count; i++)
	{
		if (tuple->values[i].state == WIRE_STATE_NULL)
			p[i / 8] |= 1 << (i % 8);
	}
	return p + bytes;
}

/* Map of four bits a value: its state. */
static uint8 *
put_states(uint8 *p, const struct tuple *tuple)
{
	int			bytes = (tuple->count + 1) / 2;
	int			i;

	memset(p, 0, bytes);
	for (i = 0; i < tuple->count; i++)
		p[i / 2] |= tuple->values[i].state << (i % 2 * 4);
	return p + bytes;
}

uint8 *
tuple_put(uint8 *p, const struct tuple *tuple)
{
	int			i;

	if (tuple->has_state)
		p = put_states(put_u8(p, WIRE_TUPLE_STATES), tuple);
	else if (tuple->has_null)
		p = put_nulls(put_u8(p, WIRE_TUPLE_NULLS), tuple);
	else
		p = put_u8(p, WIRE_TUPLE_PLAIN);

	for (i = 0; i < tuple->count; i++)
	{
		const struct value *value = &tuple->values[i];

		if (value->state == WIRE_STATE_VALUE)
			p = value_put(p, tuple->columns[i], value);
		else if (value->state == WIRE_STATE_TEXT)
			p = put_bytes(p, value->data, value->length);
	}
	return p;
}
