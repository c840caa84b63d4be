/*
 * relation.c
 *		Builds the description of one relation and the plan by which its rows
 *		are written.  All catalog access of the decoder is here, under the
 *		historic snapshot that the reorder buffer has set up, and once per relation
 *		version.  Takes no lock on user tables; never runs for a row whose
 *		relation is known.  Called by relcache.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "nodes/nodes.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "datum.h"
#include "filter.h"
#include "options.h"
#include "relation.h"

/* A default expression longer than this is not worth describing. */
#define DEFAULT_TEXT_MAX 65536

/* Columns of an index, in its order. */
struct index_columns
{
	int			count;
	AttrNumber	attnums[INDEX_MAX_KEYS];
};

static const char *
keep_string(struct relation *rel, const char *string)
{
	return MemoryContextStrdup(rel->context, string);
}

/* Remember that the entry depends on a type, if a user can change it. */
static void
depend_on_type(struct relation *rel, Oid type)
{
	if (type < FirstNormalObjectId)
		return;
	if (rel->type_hashes == NULL)
		rel->type_hashes = MemoryContextAlloc(rel->context, sizeof(uint32));
	else
		rel->type_hashes = repalloc(rel->type_hashes,
									(rel->ntype_hashes + 1) * sizeof(uint32));
	rel->type_hashes[rel->ntype_hashes++] = GetSysCacheHashValue1(TYPEOID,
																  ObjectIdGetDatum(type));
}

static struct type_name
type_name_get(struct relation *rel, Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	struct type_name name;
	Form_pg_type form;
	char	   *schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	schema = get_namespace_name(form->typnamespace);
	name.oid = type;
	name.schema = schema != NULL ? keep_string(rel, schema) : "";
	name.name = keep_string(rel, NameStr(form->typname));
	ReleaseSysCache(tuple);
	depend_on_type(rel, type);
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

/* Labels of an enum, and the way from a label's oid to its place among them. */
static void
column_read_labels(struct relation *rel, struct column *column, Oid type)
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
	column->places = MemoryContextAlloc(rel->context, (count + 1) * sizeof(struct enum_place));
	for (i = 0; i < count; i++)
	{
		Form_pg_enum form = (Form_pg_enum) GETSTRUCT(tuples[i]);

		column->labels[i] = keep_string(rel, NameStr(form->enumlabel));
		column->places[i].oid = form->oid;
		column->places[i].place = i;
	}
	qsort(column->places, count, sizeof(struct enum_place), place_compare_oid);
	ReleaseSysCacheList(list);
	column->flags |= WIRE_COLUMN_ENUM;
	rel->has_enum = true;
}

/* Element of an array type, with the labels if it is an enum. */
static void
column_read_element(struct relation *rel, struct column *column, Oid element)
{
	Oid			base = getBaseType(element);

	column->flags |= WIRE_COLUMN_ARRAY;
	column->element = type_name_get(rel, element);
	column->element_base_oid = base != element ? base : InvalidOid;
	depend_on_type(rel, base);
	if (get_typtype(base) == TYPTYPE_ENUM)
		column_read_labels(rel, column, base);
}

/* How values of a base type travel: wire.h's list of forms. */
static void
column_choose_form(struct column *column, char typtype)
{
	column->method = METHOD_FIXED;
	switch (column->base_oid)
	{
		case BOOLOID:
			column->form = WIRE_FORM_BOOL;
			return;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case DATEOID:
			column->form = WIRE_FORM_INT;
			return;
		case OIDOID:
			column->form = WIRE_FORM_OID;
			return;
		case FLOAT4OID:
			column->form = WIRE_FORM_FLOAT4;
			return;
		case FLOAT8OID:
			column->form = WIRE_FORM_FLOAT8;
			return;
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
			column->form = WIRE_FORM_INT64;
			return;
		case TIMETZOID:
			column->form = WIRE_FORM_TIMETZ;
			return;
		case INTERVALOID:
			column->form = WIRE_FORM_INTERVAL;
			return;
		case UUIDOID:
			column->form = WIRE_FORM_UUID;
			return;
		case NUMERICOID:
			column->form = WIRE_FORM_NUMERIC;
			column->method = METHOD_RAW;
			return;
		case BYTEAOID:
			column->form = WIRE_FORM_BYTES;
			column->method = METHOD_RAW;
			return;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			column->form = WIRE_FORM_TEXT;
			column->method = METHOD_RAW;
			return;
		case XMLOID:
			column->form = WIRE_FORM_TEXT;
			column->method = METHOD_XML;
			return;
		case NAMEOID:
			column->form = WIRE_FORM_TEXT;
			column->method = METHOD_NAME;
			return;
	}
	column->form = typtype == TYPTYPE_ENUM ? WIRE_FORM_ENUM : WIRE_FORM_TEXT;
	column->method = typtype == TYPTYPE_ENUM ? METHOD_ENUM : METHOD_OUTPUT;
}

/* Everything about the column's type. */
static void
column_read_type(struct relation *rel, struct column *column, Oid type, bool as_text)
{
	HeapTuple	tuple;
	Form_pg_type form;
	Oid			output;
	Oid			element;
	char		typtype;

	column->type = type_name_get(rel, type);
	column->base_typmod = column->typmod;
	column->base_oid = getBaseTypeAndTypmod(type, &column->base_typmod);
	if (column->base_oid != type)
	{
		column->flags |= WIRE_COLUMN_DOMAIN;
		column->base = type_name_get(rel, column->base_oid);
	}

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(column->base_oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", column->base_oid);
	form = (Form_pg_type) GETSTRUCT(tuple);
	typtype = form->typtype;
	output = form->typoutput;
	/* the two vector types are arrays, but their text is not an array's */
	element = IsTrueArrayType(form) && column->base_oid != INT2VECTOROID &&
		column->base_oid != OIDVECTOROID ? form->typelem : InvalidOid;
	column->varlena = form->typlen == -1;
	ReleaseSysCache(tuple);

	if (typtype == TYPTYPE_COMPOSITE)
		column->flags |= WIRE_COLUMN_COMPOSITE;
	if (typtype == TYPTYPE_RANGE || typtype == TYPTYPE_MULTIRANGE)
		column->flags |= WIRE_COLUMN_RANGE;
	if (typtype == TYPTYPE_ENUM)
		column_read_labels(rel, column, column->base_oid);
	if (OidIsValid(element))
		column_read_element(rel, column, element);

	column_choose_form(column, typtype);
	if (as_text)
		column->method = METHOD_OUTPUT;
	fmgr_info_cxt(output, &column->output, rel->context);
}

/*
 * Deparse an expression that names no columns, so that no relation is needed.
 * Whose search_path is in force must not show: every name is qualified.
 */
static char *
expression_deparse(const char *source)
{
	MemoryContext context = CurrentMemoryContext;
	int			level = NewGUCNestLevel();
	char	   *volatile text = NULL;

	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	/* A constant is printed by its type's output function, which may fail. */
	PG_TRY();
	{
		text = deparse_expression(stringToNode(source), NIL, false, false);
	}
	PG_CATCH();
	{
		error_swallow(context, 0);
	}
	PG_END_TRY();
	AtEOXact_GUC(false, level);
	return text;
}

/* Text of the default expression, NULL if there is none or it cannot be printed. */
static const char *
default_text_get(struct relation *rel, TupleDesc desc, Form_pg_attribute att)
{
	int			i;

	if (!att->atthasdef || att->attgenerated != '\0' || desc->constr == NULL)
		return NULL;
	for (i = 0; i < desc->constr->num_defval; i++)
	{
		AttrDefault *def = &desc->constr->defval[i];
		char	   *text;

		if (def->adnum != att->attnum)
			continue;
		text = expression_deparse(def->adbin);
		return text != NULL && strlen(text) <= DEFAULT_TEXT_MAX ? keep_string(rel, text) : NULL;
	}
	return NULL;
}

static void
column_read(struct relation *rel, struct column *column, TupleDesc desc, Form_pg_attribute att,
			bool as_text)
{
	column->attnum = att->attnum;
	column->name = keep_string(rel, NameStr(att->attname));
	column->typmod = att->atttypmod;
	if (attribute_is_not_null(desc, att))
		column->flags |= WIRE_COLUMN_NOT_NULL;
	if (att->attgenerated != '\0')
		column->flags |= WIRE_COLUMN_GENERATED;
	if (att->attidentity != '\0')
		column->flags |= WIRE_COLUMN_AUTO;
	column->default_text = default_text_get(rel, desc, att);
	if (column->default_text != NULL)
		column->flags |= WIRE_COLUMN_DEFAULT;
	column_read_type(rel, column, att->atttypid, as_text);
}

/* Key columns of an open index; false if one is an expression. */
static bool
index_columns_read(Relation index, struct index_columns *columns)
{
	Form_pg_index form = index->rd_index;
	int			i;

	columns->count = 0;
	for (i = 0; i < form->indnkeyatts; i++)
	{
		if (form->indkey.values[i] <= 0)
			return false;
		columns->attnums[columns->count++] = form->indkey.values[i];
	}
	return true;
}

/*
 * Columns that identify a row to a consumer: those of the primary key, else
 * of the first unique index by name that covers every row as it is written.
 */
static enum wire_key
key_find(Relation relation, struct index_columns *key)
{
	List	   *indexes = RelationGetIndexList(relation);
	enum wire_key kind = WIRE_KEY_NONE;
	NameData	best;
	ListCell   *cell;

	key->count = 0;
	foreach(cell, indexes)
	{
		Relation	index = RelationIdGetRelation(lfirst_oid(cell));
		struct index_columns columns;

		if (index == NULL)
			continue;
		if (index->rd_index->indisprimary && index_columns_read(index, &columns))
		{
			*key = columns;
			RelationClose(index);
			kind = WIRE_KEY_PRIMARY;
			break;
		}
		if (index->rd_index->indisunique && index->rd_index->indimmediate &&
			index->rd_index->indisvalid &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) &&
			index_columns_read(index, &columns) &&
			(kind == WIRE_KEY_NONE ||
			 strcmp(RelationGetRelationName(index), NameStr(best)) < 0))
		{
			*key = columns;
			best = index->rd_rel->relname;
			kind = WIRE_KEY_UNIQUE;
		}
		RelationClose(index);
	}
	list_free(indexes);
	return kind;
}

/*
 * Columns by which the server logs old rows, if by an index.  rd_replidindex
 * is what it goes by itself; RelationGetIndexList() has it computed.
 */
static void
identity_find(Relation relation, struct index_columns *identity)
{
	Relation	index;

	identity->count = 0;
	list_free(RelationGetIndexList(relation));
	if (!OidIsValid(relation->rd_replidindex))
		return;
	index = RelationIdGetRelation(relation->rd_replidindex);
	if (index == NULL)
		return;
	if (!index_columns_read(index, identity))
		identity->count = 0;
	RelationClose(index);
}

static bool
index_columns_have(const struct index_columns *columns, AttrNumber attnum)
{
	int			i;

	for (i = 0; i < columns->count; i++)
	{
		if (columns->attnums[i] == attnum)
			return true;
	}
	return false;
}

/* Attribute of that name, 0 if there is none.  Partitions may order columns as they like. */
static AttrNumber
attribute_by_name(TupleDesc desc, const char *name)
{
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att->attnum;
	}
	return InvalidAttrNumber;
}

/*
 * Columns of "described", each with its place in tuples of "physical", which
 * is the same relation or a partition of it.
 */
static void
relation_read_columns(struct relation *rel, Relation described, Relation physical,
					  const struct index_columns *key, const struct index_columns *identity,
					  const struct options *options)
{
	TupleDesc	desc = RelationGetDescr(described);
	int			i;

	rel->columns = MemoryContextAllocZero(rel->context,
										  (desc->natts + 1) * sizeof(struct column));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		struct column *column = &rel->columns[rel->ncolumns];
		AttrNumber	here = att->attnum;

		if (att->attisdropped || attribute_is_virtual(att))
			continue;
		if (physical != described)
			here = attribute_by_name(RelationGetDescr(physical), NameStr(att->attname));
		if (here == InvalidAttrNumber)
			elog(ERROR, "column \"%s\" is missing in partition \"%s\"",
				 NameStr(att->attname), RelationGetRelationName(physical));
		if (att->attgenerated != '\0' && !options->generated_columns &&
			!index_columns_have(key, att->attnum) && !index_columns_have(identity, here))
			continue;
		column->att = here - 1;
		column_read(rel, column, desc, att, options->format == FORMAT_TEXT);
		if (index_columns_have(identity, here))
			column->flags |= WIRE_COLUMN_IDENTITY;
		if (rel->key_kind == WIRE_KEY_PRIMARY && index_columns_have(key, att->attnum))
			column->flags |= WIRE_COLUMN_PRIMARY;
		rel->ncolumns++;
	}
}

/* Turn key and identity into places among the columns, and list the columns. */
static void
relation_place_keys(struct relation *rel, const struct index_columns *key,
					const struct index_columns *identity)
{
	int			listed = 0;
	int			i;
	int			j;

	rel->all_columns = MemoryContextAlloc(rel->context,
										  (rel->ncolumns + 1) * sizeof(struct column *));
	rel->identity_columns = MemoryContextAlloc(rel->context,
											   (rel->ncolumns + 1) * sizeof(struct column *));
	rel->key = MemoryContextAlloc(rel->context, (key->count + 1) * sizeof(int));
	rel->identity_key = MemoryContextAlloc(rel->context, (identity->count + 1) * sizeof(int));
	for (j = 0; j < rel->ncolumns; j++)
	{
		rel->all_columns[j] = &rel->columns[j];
		if (rel->columns[j].flags & WIRE_COLUMN_IDENTITY)
			rel->identity_columns[listed++] = &rel->columns[j];
	}
	for (i = 0; i < key->count; i++)
	{
		for (j = 0; j < rel->ncolumns; j++)
		{
			if (rel->columns[j].attnum == key->attnums[i])
				rel->key[rel->nkey++] = j;
		}
	}
	for (i = 0; i < identity->count; i++)
	{
		for (j = 0; j < rel->ncolumns; j++)
		{
			if (rel->columns[j].att == identity->attnums[i] - 1)
				rel->identity_key[rel->nidentity++] = j;
		}
	}
	Assert(rel->nidentity == listed);
}

/* The description and the plan, once it is known that the relation is wanted. */
static void
relation_describe(struct relation *rel, Relation described, Relation physical,
				  const struct options *options)
{
	struct index_columns key;
	struct index_columns identity;

	rel->relkind = described->rd_rel->relkind;
	rel->identity = physical->rd_rel->relreplident;
	rel->key_kind = key_find(described, &key);
	identity_find(physical, &identity);
	relation_read_columns(rel, described, physical, &key, &identity, options);
	relation_place_keys(rel, &key, &identity);
}

/*
 * Whether changes of such a relation are for clients at all.  Not those of
 * materialized views, whose rows come from queries, and not those of the
 * tables that initdb makes.  Rows of a partitioned table are in its
 * partitions; by itself it is only of interest as their root.
 */
static bool
relation_is_publishable(Relation relation, const struct options *options)
{
	char		relkind = relation->rd_rel->relkind;

	if (RelationGetRelid(relation) < FirstNormalObjectId)
		return false;
	return relkind == RELKIND_RELATION ||
		(relkind == RELKIND_PARTITIONED_TABLE && options->publish_via_root);
}

/* Partitions that are published via their root: who that is, and who is between. */
static void
relation_find_root(struct relation *rel, Relation physical, const struct options *options)
{
	List	   *ancestors;
	ListCell   *cell;

	rel->root = rel->relid;
	if (!options->publish_via_root || !physical->rd_rel->relispartition)
		return;
	ancestors = get_partition_ancestors(rel->relid);
	rel->ancestors = MemoryContextAlloc(rel->context,
										(list_length(ancestors) + 1) * sizeof(Oid));
	foreach(cell, ancestors)
		rel->root = rel->ancestors[rel->nancestors++] = lfirst_oid(cell);
	list_free(ancestors);
}

void
relation_build(struct relation *rel, Relation physical, const struct options *options)
{
	Relation	described = physical;
	Oid			relid = rel->relid;
	uint32		index = rel->index;
	MemoryContext context = rel->context;
	char	   *schema;

	MemoryContextReset(context);
	memset(rel, 0, sizeof(*rel));
	rel->relid = relid;
	rel->index = index;
	rel->context = context;
	rel->valid = true;			/* an invalidation from here on takes it back */

	if (!relation_is_publishable(physical, options))
		return;
	relation_find_root(rel, physical, options);
	if (rel->root != relid)
		described = RelationIdGetRelation(rel->root);
	if (described == NULL)
		elog(ERROR, "could not open partition root with OID %u", rel->root);
	schema = get_namespace_name(RelationGetNamespace(described));
	rel->schema = schema != NULL ? keep_string(rel, schema) : "";
	rel->name = keep_string(rel, RelationGetRelationName(described));
	if (filter_table(options, rel->schema, rel->name))
	{
		relation_describe(rel, described, physical, options);
		rel->wanted = true;
	}
	if (described != physical)
		RelationClose(described);
}
