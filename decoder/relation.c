/*
 * relation.c
 *		Builds the description of one relation and the plan by which its rows
 *		are written.  All catalog access of the decoder is here and in type.c, under
 *		the historic snapshot that the reorder buffer has set up, and once per
 *		relation version.  Takes no lock on user tables; never runs for a row whose
 *		relation is known.  Called by relcache.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/relcache.h"
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

const char *
keep_string(struct relation *rel, const char *string)
{
	return MemoryContextStrdup(rel->context, string);
}

static void
depend_on_relation(struct relation *rel, Oid relid)
{
	if (rel->related == NULL)
		rel->related = MemoryContextAlloc(rel->context, sizeof(Oid));
	else
		rel->related = repalloc(rel->related, (rel->nrelated + 1) * sizeof(Oid));
	rel->related[rel->nrelated++] = relid;
}

/* The server's own objects never change. */
static void
depend_on_object(struct relation *rel, SysCacheId cache, Oid oid)
{
	if (oid < FirstNormalObjectId)
		return;
	if (rel->hashes == NULL)
		rel->hashes = MemoryContextAlloc(rel->context, sizeof(uint32));
	else
		rel->hashes = repalloc(rel->hashes, (rel->nhashes + 1) * sizeof(uint32));
	rel->hashes[rel->nhashes++] = GetSysCacheHashValue1(cache, ObjectIdGetDatum(oid));
}

void
depend_on_type(struct relation *rel, Oid type)
{
	depend_on_object(rel, TYPEOID, type);
}

/*
 * For expression_tree_walker(): what the text of an expression names and can be
 * renamed, which invalidates no table.
 */
static bool
depend_on_names(Node *node, void *rel)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
			if (((Const *) node)->consttype == REGCLASSOID && !((Const *) node)->constisnull)
				depend_on_relation(rel, DatumGetObjectId(((Const *) node)->constvalue));
			depend_on_type(rel, exprType(node));
			break;
		case T_FuncExpr:
			depend_on_object(rel, PROCOID, ((FuncExpr *) node)->funcid);
			depend_on_type(rel, exprType(node));
			break;
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
		case T_ArrayExpr:
		case T_RowExpr:
			depend_on_type(rel, exprType(node));
			break;
		default:
			break;
	}
	return expression_tree_walker(node, depend_on_names, rel);
}

/*
 * Deparse an expression that names no columns, so that no relation is needed.
 * Whose search_path is in force must not show: every name is qualified.
 */
static char *
expression_deparse(Node *expression)
{
	MemoryContext context = CurrentMemoryContext;
	int			level = NewGUCNestLevel();
	char	   *volatile text = NULL;

	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	/* A constant is printed by its type's output function, which may fail. */
	PG_TRY();
	{
		text = deparse_expression(expression, NIL, false, false);
	}
	PG_CATCH();
	{
		error_swallow(context);
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
		Node	   *expression;
		char	   *text;

		if (def->adnum != att->attnum)
			continue;
		expression = stringToNode(def->adbin);
		depend_on_names(expression, rel);
		text = expression_deparse(expression);
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

/* Key columns of an index; false if one is an expression. */
static bool
index_columns_read(Form_pg_index form, struct index_columns *columns)
{
	int			i;

	columns->count = 0;
	for (i = 0; i < form->indnkeyatts; i++)
	{
		AttrNumber	attnum = form->indkey.values[i];

		if (attnum <= 0)
			return false;
		if (!index_columns_have(columns, attnum))	/* one with two operator classes */
			columns->attnums[columns->count++] = attnum;
	}
	return true;
}

/*
 * Columns that identify a row to a consumer: those of the primary key, else
 * of the first unique index by name that covers every row as it is written.
 * Indexes are looked up in pg_index and not opened: each one would stay in the
 * server's cache with several kB.
 */
static enum wire_key
key_find(struct relation *rel, Relation relation, struct index_columns *key)
{
	List	   *indexes = RelationGetIndexList(relation);
	enum wire_key kind = WIRE_KEY_NONE;
	char	   *best = NULL;
	ListCell   *cell;

	key->count = 0;
	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		struct index_columns columns;
		Form_pg_index form;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_index) GETSTRUCT(tuple);
		/* Its name or kind may decide on the key, and ALTER INDEX tells of it alone. */
		if (form->indisunique)
			depend_on_relation(rel, form->indexrelid);
		if (form->indisprimary && index_columns_read(form, &columns))
		{
			*key = columns;
			ReleaseSysCache(tuple);
			kind = WIRE_KEY_PRIMARY;
			break;
		}
		if (form->indisunique && form->indimmediate && form->indisvalid &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
			index_columns_read(form, &columns))
		{
			char	   *name = get_rel_name(form->indexrelid);

			if (name != NULL && (best == NULL || strcmp(name, best) < 0))
			{
				*key = columns;
				best = name;
				kind = WIRE_KEY_UNIQUE;
			}
		}
		ReleaseSysCache(tuple);
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
	HeapTuple	tuple;

	identity->count = 0;
	list_free(RelationGetIndexList(relation));
	if (!OidIsValid(relation->rd_replidindex))
		return;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(relation->rd_replidindex));
	if (!HeapTupleIsValid(tuple))
		return;
	if (!index_columns_read((Form_pg_index) GETSTRUCT(tuple), identity))
		identity->count = 0;
	ReleaseSysCache(tuple);
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

/* Room for all that rows need, side by side. */
static void
relation_make_room(struct relation *rel, int ncolumns, int nattributes)
{
	rel->hows = MemoryContextAllocZero(rel->context, ncolumns * sizeof(struct how) +
									   nattributes * sizeof(struct attribute) + 1);
	rel->attributes = (struct attribute *) (rel->hows + ncolumns);
}

/* How the tuples of a relation lie in memory. */
static void
relation_read_attributes(struct relation *rel, TupleDesc desc)
{
	int			i;

	rel->nattributes = desc->natts;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		rel->attributes[i].length = att->attlen;
		rel->attributes[i].alignment = att_align_nominal(1, att->attalign);
		rel->attributes[i].by_value = att->attbyval;
	}
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
		/* In the middle of ALTER TABLE the root may have a column that this has not yet. */
		if (here == InvalidAttrNumber)
			continue;
		if (att->attgenerated != '\0' && !options->generated_columns &&
			!index_columns_have(key, att->attnum) && !index_columns_have(identity, here))
			continue;
		column->how = &rel->hows[rel->ncolumns];
		column->how->att = here - 1;
		column->how->place = rel->ncolumns;
		column_read(rel, column, desc, att, options->format == FORMAT_TEXT);
		if (index_columns_have(identity, here))
			column->flags |= WIRE_COLUMN_IDENTITY;
		if (rel->key_kind == WIRE_KEY_PRIMARY && index_columns_have(key, att->attnum))
			column->flags |= WIRE_COLUMN_PRIMARY;
		rel->ncolumns++;
	}
}

/* Turn key and identity into places among the columns, and list the identity's. */
static void
relation_place_keys(struct relation *rel, const struct index_columns *key,
					const struct index_columns *identity)
{
	int			listed = 0;
	int			i;
	int			j;

	rel->identity_hows = MemoryContextAlloc(rel->context,
											(identity->count + 1) * sizeof(struct how));
	rel->key = MemoryContextAlloc(rel->context, (key->count + 1) * sizeof(int));
	rel->identity_key = MemoryContextAlloc(rel->context, (identity->count + 1) * sizeof(int));
	for (j = 0; j < rel->ncolumns; j++)
	{
		if (rel->columns[j].flags & WIRE_COLUMN_IDENTITY)
			rel->identity_hows[listed++] = rel->hows[j];
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
			if (rel->hows[j].att == identity->attnums[i] - 1)
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
	rel->key_kind = key_find(rel, described, &key);
	identity_find(physical, &identity);
	relation_make_room(rel, RelationGetDescr(described)->natts, RelationGetDescr(physical)->natts);
	relation_read_attributes(rel, RelationGetDescr(physical));
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

/*
 * Not temporary or unlogged, and no table that stands in for one while it is
 * rewritten.  Not asked of the syscache, which remembers each oid that it was
 * asked for in vain; nor by opening it, which reads more than what is needed,
 * and not of all kinds of relations without fail.
 */
bool
relation_is_streamed(Oid relid)
{
	Relation	catalog;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		streamed = false;

	if (relid < FirstNormalObjectId)
		return false;
	catalog = table_open(RelationRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, ClassOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		streamed = form->relpersistence == RELPERSISTENCE_PERMANENT &&
			!OidIsValid(form->relrewrite) &&
			(form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return streamed;
}

void
relation_forget(Oid relid)
{
	Relation	relation = RelationIdGetRelation(relid);
	bool		used;

	if (relation == NULL)
		return;
	used = relation->rd_refcnt > 1;
	RelationClose(relation);
	if (!used)
		RelationCacheInvalidateEntry(relid);
}
