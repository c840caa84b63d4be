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
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "compat.h"
#include "datum.h"
#include "frame.h"

/* What palloc() says of more than it can give; elog() does not translate it. */
#define INVALID_ALLOC "invalid memory alloc request size"

/*
 * An array is not sent if it takes more bytes than that on the wire.  Only
 * output functions can make it so long: other forms take at most half as much
 * again as the array itself, which is below MaxAllocSize.
 */
#define ARRAY_LENGTH_MAX (MaxAllocSize / 2 * 3)

/* Text instead of the column's form goes into the row, as it is no LONG: not more than that. */
#define TEXT_LENGTH_MAX (WIRE_FRAME_MAX / 8)

/* Upper bound of what stands before an array's map of NULLs. */
#define ARRAY_HEAD_BOUND (WIRE_VARINT_MAX * (1 + 2 * MAXDIM) + 1)

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
error_is_of_value(const ErrorData *error)
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
	/* A text may be 100,000 times as long as its value: the numeric 1e131071. */
	return error->sqlerrcode == ERRCODE_INTERNAL_ERROR && error->message_id != NULL &&
		strncmp(error->message_id, INVALID_ALLOC, strlen(INVALID_ALLOC)) == 0;
}

/*
 * Catching without a subtransaction is safe here.  What an output function
 * may leave behind when it fails, pins, catalog locks and relcache references,
 * belongs to the resource owner of the transaction that the reorder buffer
 * replays in, and that one always ends by abort; or to the value's own, see
 * below.  Lightweight locks are let go here, as an abort would: nobody holds
 * one around a callback.  Memory goes with scratch.  Nothing has been
 * written: no xid, no WAL.
 */
void
error_swallow(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (!error_is_of_value(error))
		PG_RE_THROW();
	LWLockReleaseAll();
	FlushErrorState();
	FreeErrorData(error);
}

/*
 * References that failed values leave behind pile up in their owner, and each
 * more is found the slower the more there are.  So once a value has failed,
 * each gets an owner of its own; before that nobody pays for one.
 */
static bool value_has_failed = false;

static ResourceOwner
owner_enter(void)
{
	ResourceOwner outer = CurrentResourceOwner;

	if (value_has_failed && outer != NULL)
		CurrentResourceOwner = ResourceOwnerCreate(outer, "walrelay value");
	return outer;
}

static void
owner_leave(ResourceOwner outer, bool failed)
{
	ResourceOwner own = CurrentResourceOwner;

	if (own == outer)
		return;
	ResourceOwnerRelease(own, RESOURCE_RELEASE_BEFORE_LOCKS, !failed, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_LOCKS, !failed, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_AFTER_LOCKS, !failed, false);
	CurrentResourceOwner = outer;
	ResourceOwnerDelete(own);
}

/*
 * Decompress a varlena if need be, and run the output function if "print".
 * A value that resists becomes UNSENDABLE.
 */
static void
value_make(struct value *value, const struct how *how, Datum datum, bool print)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner outer = owner_enter();
	Datum		volatile plain = datum;
	char	   *volatile text = NULL;

	PG_TRY();
	{
		if (how->length == -1)
			plain = PointerGetDatum(PG_DETOAST_DATUM_PACKED(datum));
		if (print)
			text = OutputFunctionCall(&how->rest->output, plain);
		value->state = WIRE_STATE_VALUE;
		owner_leave(outer, false);
	}
	PG_CATCH();
	{
		error_swallow(context);
		value->state = WIRE_STATE_UNSENDABLE;
		owner_leave(outer, true);
		value_has_failed = true;
	}
	PG_END_TRY();

	if (value->state == WIRE_STATE_UNSENDABLE)
		return;
	value->datum = plain;
	if (text != NULL)
	{
		value->data = text;
		value->length = strlen(text);
	}
	else
	{
		Assert(how->length == -1);
		value->data = VARDATA_ANY(DatumGetPointer(plain));
		value->length = VARSIZE_ANY_EXHDR(DatumGetPointer(plain));
	}
}

/* The text of a value that its type's own form has no place for. */
static void
value_make_text(struct value *value, const struct how *how, Datum datum)
{
	value_make(value, how, datum, true);
	if (value->state != WIRE_STATE_VALUE)
		return;
	if (value->length <= TEXT_LENGTH_MAX)
		value->state = WIRE_STATE_TEXT;
	else
	{
		value->state = WIRE_STATE_UNSENDABLE;
		value->length = 0;
	}
}

/*
 * A varlena of a change is one of: plain; compressed; an indirect pointer to
 * either, which is how the reorder buffer hands over a TOASTed value that it
 * put together from the WAL; a pointer into the TOAST table, which means that
 * the update left the value alone and that it is not in the WAL.  The last
 * gives NULL, the others what is plain or compressed.
 */
static inline struct varlena *
varlena_find(struct varlena *raw)
{
	struct varatt_indirect redirect;

	if (VARATT_IS_EXTERNAL_ONDISK(raw))
		return NULL;
	if (!VARATT_IS_EXTERNAL_INDIRECT(raw))
		return raw;
	VARATT_EXTERNAL_GET_POINTER(redirect, raw);
	return redirect.pointer;
}

/*
 * Plain payload is used where it lies, through an indirect pointer as well
 * (detoasting that would copy up to 1 GB).
 */
static void
value_collect_varlena(struct value *value, const struct how *how, struct varlena *raw, bool print)
{
	raw = varlena_find(raw);
	if (raw == NULL)
	{
		value->state = WIRE_STATE_UNCHANGED;
		return;
	}
	if (print || VARATT_IS_COMPRESSED(raw))
	{
		value_make(value, how, PointerGetDatum(raw), print);
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
value_collect_enum(struct value *value, const struct how *how, Datum datum)
{
	const struct enum_place *places = how->rest->places;
	Oid			oid = DatumGetObjectId(datum);
	int			low = 0;
	int			high = how->rest->nplaces;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (places[middle].oid < oid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < how->rest->nplaces && places[low].oid == oid)
	{
		value->datum = UInt32GetDatum(places[low].place);
		value->state = WIRE_STATE_VALUE;
		return;
	}
	value_make_text(value, how, datum);
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

static void value_collect_array(struct value *value, const struct how *how, struct varlena *raw);

/* Any value that is not METHOD_FIXED. */
static void
value_collect(struct value *value, const struct how *how, Datum datum)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(datum);

	value->length = 0;
	switch (how->method)
	{
		case METHOD_NAME:
			value->data = NameStr(*DatumGetName(datum));
			value->length = strnlen(value->data, NAMEDATALEN);
			value->state = WIRE_STATE_VALUE;
			break;
		case METHOD_ENUM:
			value_collect_enum(value, how, datum);
			break;
		case METHOD_ARRAY:
			value_collect_array(value, how, raw);
			break;
		case METHOD_XML:
			value_collect_varlena(value, how, raw, false);
			if (value->state == WIRE_STATE_VALUE && xml_prints_differently(value))
				value_collect_varlena(value, how, raw, true);
			break;
		default:
			if (how->length == -1)
				value_collect_varlena(value, how, raw, how->method == METHOD_OUTPUT);
			else
				value_make(value, how, datum, true);
	}
}

/* Forms whose values go ahead of the row when they are long. */
static bool
form_can_be_long(uint8 form)
{
	return form == WIRE_FORM_TEXT || form == WIRE_FORM_BYTES || form == WIRE_FORM_ARRAY;
}

/*
 * What heap_deform_tuple() does, by the plan's own list of attributes: before 18
 * that of the server takes 112 bytes for each, which are in no cache when each
 * change is of another table.
 */
static void
tuple_deform(struct deform *deform, const struct relation *rel, TupleDesc desc, HeapTuple heap)
{
	HeapTupleHeader header = heap->t_data;
	const uint8 *present = HeapTupleHasNulls(heap) ? header->t_bits : NULL;
	const char *data = (const char *) header + header->t_hoff;
	int			count = Min(HeapTupleHeaderGetNatts(header), rel->nattributes);
	uint32		offset = 0;
	int			i;

	Assert(rel->nattributes == desc->natts);
	for (i = 0; i < count; i++)
	{
		const struct attribute *attribute = &rel->attributes[i];

		deform->nulls[i] = present != NULL && att_isnull(i, present);
		if (deform->nulls[i])
			continue;
		/* a short varlena is not aligned, and never begins with a zero byte as padding does */
		if (attribute->length != -1 || !VARATT_NOT_PAD_BYTE(data + offset))
			offset = TYPEALIGN(attribute->alignment, offset);
		deform->values[i] = fetch_att(data + offset, attribute->by_value, attribute->length);
		offset = att_addlength_pointer(offset, attribute->length, data + offset);
	}
	/* a row from before its table got these columns */
	for (; i < rel->nattributes; i++)
		deform->values[i] = getmissingattr(desc, i + 1, &deform->nulls[i]);
}

void
tuple_collect(struct tuple *tuple, struct deform *deform, const struct relation *rel,
			  TupleDesc desc, HeapTuple heap, bool key, Size threshold)
{
	int			i;

	tuple_deform(deform, rel, desc, heap);
	tuple->count = key ? rel->nidentity : rel->ncolumns;
	tuple->hows = key ? rel->identity_hows : rel->hows;
	tuple->has_null = tuple->has_state = tuple->has_long = false;
	tuple->length = 0;

	for (i = 0; i < tuple->count; i++)
	{
		const struct how *how = &tuple->hows[i];
		struct value *value = &tuple->values[i];

		if (deform->nulls[how->att])
		{
			value->state = WIRE_STATE_NULL;
			tuple->has_null = true;
			continue;
		}
		value->datum = deform->values[how->att];
		if (how->method == METHOD_FIXED)
		{
			value->state = WIRE_STATE_VALUE;
			continue;
		}
		value_collect(value, how, value->datum);
		if (value->state == WIRE_STATE_VALUE && value->length > threshold && threshold > 0 &&
			form_can_be_long(how->form))
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

static inline int64
integer_get(int16 length, Datum datum)
{
	switch (length)
	{
		case sizeof(int16):
			return DatumGetInt16(datum);
		case sizeof(int64):
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
static pg_attribute_always_inline uint8 *
value_put(uint8 *p, const struct how *how, const struct value *value)
{
	switch (how->form)
	{
		case WIRE_FORM_BOOL:
			return put_u8(p, DatumGetBool(value->datum));
		case WIRE_FORM_INT:
			return put_sv(p, integer_get(how->length, value->datum));
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
		default:				/* TEXT, BYTES, ARRAY */
			return put_bytes(p, value->data, value->length);
	}
}

/* Bytes in scratch memory that are being made. */
struct bytes
{
	uint8	   *data;
	Size		length;
	Size		capacity;
};

/* Make room for so many more; false if that is too much. */
static bool
bytes_reserve(struct bytes *bytes, Size more)
{
	Size		needed = bytes->length + more;

	if (likely(needed <= bytes->capacity))
		return true;
	if (needed > ARRAY_LENGTH_MAX)
		return false;
	bytes->capacity = Max(needed, bytes->capacity + bytes->capacity / 2);
	bytes->data = repalloc_huge(bytes->data, bytes->capacity);
	return true;
}

/* How many elements; -1 if the dimensions are none that an array can have. */
static int
array_count(const ArrayType *array)
{
	int64		count = 1;
	int			i;

	if (ARR_NDIM(array) < 0 || ARR_NDIM(array) > MAXDIM)
		return -1;
	for (i = 0; i < ARR_NDIM(array); i++)
	{
		if (ARR_DIMS(array)[i] < 0)
			return -1;
		count *= ARR_DIMS(array)[i];
		if (count > MaxArraySize)
			return -1;
	}
	return ARR_NDIM(array) > 0 ? count : 0;
}

/* All that comes before the elements. */
static uint8 *
array_put_head(uint8 *p, const ArrayType *array, int count)
{
	const uint8 *present = ARR_NULLBITMAP(array);
	int			ndim = count > 0 ? ARR_NDIM(array) : 0;
	int			i;

	p = put_uv(p, ndim);
	for (i = 0; i < ndim; i++)
	{
		p = put_uv(p, ARR_DIMS(array)[i]);
		p = put_sv(p, ARR_LBOUND(array)[i]);
	}
	if (present == NULL || count == 0)
		return put_u8(p, 0);
	p = put_u8(p, 1);
	for (i = 0; i < count; i += 8)
	{
		/* of the last byte only what belongs to elements */
		uint8		used = count - i < 8 ? (1 << (count - i)) - 1 : 0xFF;

		p = put_u8(p, ~present[i / 8] & used);
	}
	return p;
}

/* The elements.  Gives the state of the array that this makes. */
static enum wire_state
array_put_elements(struct bytes *bytes, const struct element *element, const ArrayType *array,
				   int count)
{
	const struct how *how = &element->how;
	const uint8 *present = ARR_NULLBITMAP(array);
	const char *at = ARR_DATA_PTR(array);
	int			i;

	for (i = 0; i < count; i++)
	{
		struct value value = {0};

		if (present != NULL && !(present[i / 8] & (1 << (i % 8))))
			continue;
		CHECK_FOR_INTERRUPTS();
		value.datum = fetch_att(at, element->by_value, how->length);
		at = att_addlength_pointer(at, how->length, at);
		at = (const char *) att_align_nominal(at, element->alignment);
		if (how->method != METHOD_FIXED)
			value_collect(&value, how, value.datum);
		if (value.state != WIRE_STATE_VALUE)
			return value.state == WIRE_STATE_TEXT ? WIRE_STATE_TEXT : WIRE_STATE_UNSENDABLE;
		if (!bytes_reserve(bytes, value.length + VALUE_BOUND))
			return WIRE_STATE_UNSENDABLE;
		bytes->length = value_put(bytes->data + bytes->length, how, &value) - bytes->data;
		if (how->method == METHOD_OUTPUT)
			pfree(unconstify(char *, value.data));
	}
	return WIRE_STATE_VALUE;
}

/*
 * An array, element by element, each as a column of its type.  Nothing here
 * can raise an ERROR by what the array holds: value_collect() sees to that for
 * each element.  An array that says to be of another type than its column's
 * (no server writes one) is left to the output function, which goes by what it says.
 */
static void
value_collect_array(struct value *value, const struct how *how, struct varlena *raw)
{
	const struct element *element = how->rest->element;
	struct bytes bytes;
	ArrayType  *array;
	int			count;

	raw = varlena_find(raw);
	if (raw == NULL)
	{
		value->state = WIRE_STATE_UNCHANGED;
		return;
	}
	if (VARATT_IS_COMPRESSED(raw))
	{
		value_make(value, how, PointerGetDatum(raw), false);
		if (value->state != WIRE_STATE_VALUE)
			return;
		raw = (struct varlena *) DatumGetPointer(value->datum);
	}
	/* behind a short header the elements would not be aligned: that makes a copy */
	array = (ArrayType *) PG_DETOAST_DATUM(PointerGetDatum(raw));
	count = array_count(array);
	bytes.length = 0;
	bytes.capacity = VARSIZE(array) + ARRAY_HEAD_BOUND + VALUE_BOUND;
	bytes.data = MemoryContextAllocHuge(CurrentMemoryContext, bytes.capacity);
	if (count < 0)
		value->state = WIRE_STATE_UNSENDABLE;
	else if (ARR_ELEMTYPE(array) != element->type.oid)
		value->state = WIRE_STATE_TEXT;
	else
	{
		bytes.length = array_put_head(bytes.data, array, count) - bytes.data;
		value->state = array_put_elements(&bytes, element, array, count);
	}
	value->data = (const char *) bytes.data;
	value->length = value->state == WIRE_STATE_VALUE ? bytes.length : 0;
	if (value->state == WIRE_STATE_VALUE)
		return;
	pfree(bytes.data);
	if (value->state == WIRE_STATE_TEXT)
		value_make_text(value, how, PointerGetDatum(array));
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
			p = value_put(p, &tuple->hows[i], value);
		else if (value->state == WIRE_STATE_TEXT)
			p = put_bytes(p, value->data, value->length);
	}
	return p;
}
