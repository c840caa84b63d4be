/*
 * type.c
 *		What a column's type says: its names for the description, and the plan by
 *		which its values are written.  Catalog access like relation.c's, which
 *		calls it once for each column of a relation version.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "relation.h"

/* What pg_type says of a type, but for its variable fields. */
static FormData_pg_type
type_get(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	FormData_pg_type type;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", oid);
	type = *(Form_pg_type) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	return type;
}

static struct type_name
type_name_get(struct relation *rel, Oid oid)
{
	struct type_name name = {oid};
	FormData_pg_type type;
	char	   *schema;
	int			i;

	/* Most columns are of a type that an earlier one has, too. */
	for (i = 0; i < rel->ncolumns; i++)
	{
		if (rel->columns[i].type.oid == oid)
			return rel->columns[i].type;
	}
	type = type_get(oid);
	schema = get_namespace_name(type.typnamespace);
	name.schema = schema != NULL ? keep_string(rel, schema) : "";
	name.name = keep_string(rel, NameStr(type.typname));
	depend_on_type(rel, oid);
	return name;
}

static int
label_compare_order(const void *a, const void *b)
{
	Form_pg_enum first = (Form_pg_enum) GETSTRUCT(*(const HeapTuple *) a);
	Form_pg_enum second = (Form_pg_enum) GETSTRUCT(*(const HeapTuple *) b);

	return (first->enumsortorder > second->enumsortorder) -
		(first->enumsortorder < second->enumsortorder);
}

static int
place_compare_oid(const void *a, const void *b)
{
	const struct enum_place *first = a;
	const struct enum_place *second = b;

	return (first->oid > second->oid) - (first->oid < second->oid);
}

/*
 * Labels of an enum, for the column's description, and the way from a label's
 * oid to its place among them, for its values or elements.
 */
static void
column_read_labels(struct relation *rel, struct column *column, struct how *how, Oid type)
{
	CatCList   *list = SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(type));
	int			count = list->n_members;
	HeapTuple  *tuples = palloc((count + 1) * sizeof(HeapTuple));
	int			i;

	for (i = 0; i < count; i++)
		tuples[i] = &list->members[i]->tuple;
	qsort(tuples, count, sizeof(HeapTuple), label_compare_order);

	column->nlabels = count;
	column->labels = MemoryContextAlloc(rel->context, (count + 1) * sizeof(char *));
	how->rest->nplaces = count;
	how->rest->places = MemoryContextAlloc(rel->context, (count + 1) * sizeof(struct enum_place));
	for (i = 0; i < count; i++)
	{
		Form_pg_enum form = (Form_pg_enum) GETSTRUCT(tuples[i]);

		column->labels[i] = keep_string(rel, NameStr(form->enumlabel));
		how->rest->places[i].oid = form->oid;
		how->rest->places[i].place = i;
	}
	qsort(how->rest->places, count, sizeof(struct enum_place), place_compare_oid);
	ReleaseSysCacheList(list);
	column->flags |= WIRE_COLUMN_ENUM;
	rel->has_enum = true;
}

/* How values of a type below all domains travel: wire.h's list of forms. */
static void
how_choose(struct how *how, Oid base_oid, char typtype)
{
	how->method = METHOD_FIXED;
	switch (base_oid)
	{
		case BOOLOID:
			how->form = WIRE_FORM_BOOL;
			return;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case DATEOID:
			how->form = WIRE_FORM_INT;
			return;
		case OIDOID:
			how->form = WIRE_FORM_OID;
			return;
		case FLOAT4OID:
			how->form = WIRE_FORM_FLOAT4;
			return;
		case FLOAT8OID:
			how->form = WIRE_FORM_FLOAT8;
			return;
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
			how->form = WIRE_FORM_INT64;
			return;
		case TIMETZOID:
			how->form = WIRE_FORM_TIMETZ;
			return;
		case INTERVALOID:
			how->form = WIRE_FORM_INTERVAL;
			return;
		case UUIDOID:
			how->form = WIRE_FORM_UUID;
			return;
		case NUMERICOID:
			how->form = WIRE_FORM_NUMERIC;
			how->method = METHOD_RAW;
			return;
		case BYTEAOID:
			how->form = WIRE_FORM_BYTES;
			how->method = METHOD_RAW;
			return;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			how->form = WIRE_FORM_TEXT;
			how->method = METHOD_RAW;
			return;
		case XMLOID:
			how->form = WIRE_FORM_TEXT;
			how->method = METHOD_XML;
			return;
		case NAMEOID:
			how->form = WIRE_FORM_TEXT;
			how->method = METHOD_NAME;
			return;
	}
	how->form = typtype == TYPTYPE_ENUM ? WIRE_FORM_ENUM : WIRE_FORM_TEXT;
	how->method = typtype == TYPTYPE_ENUM ? METHOD_ENUM : METHOD_OUTPUT;
}

/* The two vector types are arrays, but their text is not an array's. */
static bool
type_has_elements(const FormData_pg_type *type)
{
	return IsTrueArrayType(type) && type->oid != INT2VECTOROID && type->oid != OIDVECTOROID;
}

/*
 * What a column before this one has of the same type.  Not of enums and arrays,
 * whose labels and elements are read for each column.
 */
static struct how_else *
how_else_find(const struct relation *rel, Oid base_oid)
{
	int			i;

	for (i = 0; i < rel->ncolumns; i++)
	{
		struct how_else *rest = rel->hows[i].rest;

		if (rest->base_oid == base_oid && rest->element == NULL && rest->places == NULL)
			return rest;
	}
	return NULL;
}

static void
how_read(struct relation *rel, struct how *how, const FormData_pg_type *type)
{
	how->length = type->typlen;
	how_choose(how, type->oid, type->typtype);
	if (how->method != METHOD_ENUM && !type_has_elements(type))
		how->rest = how_else_find(rel, type->oid);
	if (how->rest != NULL)
		return;
	how->rest = MemoryContextAllocZero(rel->context, sizeof(struct how_else));
	how->rest->base_oid = type->oid;
	fmgr_info_cxt(type->typoutput, &how->rest->output, rel->context);
}

/*
 * Elements of an array column.  Those that are arrays themselves, by way of a
 * domain, travel as text.
 */
static void
column_read_element(struct relation *rel, struct column *column, Oid oid)
{
	FormData_pg_type base = type_get(getBaseType(oid));
	struct element *element = MemoryContextAllocZero(rel->context, sizeof(struct element));

	element->type = type_name_get(rel, oid);
	element->base_oid = base.oid != oid ? base.oid : InvalidOid;
	element->by_value = base.typbyval;	/* a domain's own are the same */
	element->alignment = base.typalign;
	element->delimiter = base.typdelim;
	how_read(rel, &element->how, &base);
	depend_on_type(rel, base.oid);
	if (base.typtype == TYPTYPE_ENUM)
		column_read_labels(rel, column, &element->how, base.oid);
	column->flags |= WIRE_COLUMN_ARRAY;
	column->how->form = WIRE_FORM_ARRAY;
	column->how->method = METHOD_ARRAY;
	column->how->rest->element = element;
}

void
column_read_type(struct relation *rel, struct column *column, Oid type, bool as_text)
{
	FormData_pg_type base;

	column->type = type_name_get(rel, type);
	column->base_typmod = column->typmod;
	base = type_get(getBaseTypeAndTypmod(type, &column->base_typmod));
	if (base.oid != type)
	{
		column->flags |= WIRE_COLUMN_DOMAIN;
		if (type_get(type).typnotnull)
			column->flags |= WIRE_COLUMN_DOMAIN_NOT_NULL;
		column->base = type_name_get(rel, base.oid);
	}
	how_read(rel, column->how, &base);
	if (base.typtype == TYPTYPE_COMPOSITE)
		column->flags |= WIRE_COLUMN_COMPOSITE;
	if (base.typtype == TYPTYPE_RANGE || base.typtype == TYPTYPE_MULTIRANGE)
		column->flags |= WIRE_COLUMN_RANGE;
	if (base.typtype == TYPTYPE_ENUM)
		column_read_labels(rel, column, column->how, base.oid);
	if (type_has_elements(&base))
		column_read_element(rel, column, base.typelem);
	if (as_text)
		column->how->method = METHOD_OUTPUT;
}
