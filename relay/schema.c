/*
 * schema.c
 *		libavro's side of schemas; see schema.h.
 *
 * libavro 1.11 gets the parsing canonical form, not the text: its JSON parser
 * refuses "\\u0000", which the defaults of decimals contain, and all that the
 * canonical form leaves out, libavro leaves unread.
 */
#include "schema.h"

#include <avro.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "structs.h"

/* Allocation macros of libavro that nothing here uses, in the way of our names. */
#undef avro_new
#undef avro_free

struct avro
{
	avro_schema_t       schema;
	avro_value_iface_t *iface;
	avro_value_t        value; /* reused by every datum */
	avro_reader_t       reader;
	avro_writer_t       writer;
	struct buf          again; /* what libavro made of the datum */
};

static enum rc
schema_error(struct err *e, const char *what)
{
	err_set(e, ERR_DATA, E1601, "schema cannot be built");
	err_detail(e, "%s", what);
	return err_hint(e, "If a name is the reason, set format.schema.name.adjustment.mode and "
					   "format.field.name.adjustment.mode to avro.");
}

static bool
is_primitive(const char *type)
{
	static const char *const names[] = {"null",  "boolean", "int",   "long",
										"float", "double",  "bytes", "string"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], type) == 0)
			return true;
	return false;
}

static const char *
string_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

static void
put_full_name(const char *name, const char *namespace, struct buf *out)
{
	buf_put_u8(out, '"');
	if (namespace && namespace[0] && !strchr(name, '.'))
		buf_printf(out, "%s.", namespace);
	buf_puts(out, name);
	buf_put_u8(out, '"');
}

static bool canonical(const cJSON *node, const char *namespace, struct buf *out);

static bool
canonical_list(const cJSON *list, const char *namespace, bool fields, struct buf *out)
{
	const cJSON *item;
	bool         ok = cJSON_IsArray(list);

	buf_put_u8(out, '[');
	cJSON_ArrayForEach(item, list)
	{
		if (item != list->child)
			buf_put_u8(out, ',');
		if (fields)
		{
			ok = ok && string_of(item, "name");
			buf_puts(out, "{\"name\":");
			if (ok)
				put_full_name(string_of(item, "name"), NULL, out);
			buf_puts(out, ",\"type\":");
			ok = ok && canonical(cJSON_GetObjectItemCaseSensitive(item, "type"), namespace, out);
			buf_put_u8(out, '}');
		}
		else
			ok = ok && canonical(item, namespace, out);
	}
	buf_put_u8(out, ']');
	return ok;
}

/* The symbols of an enum. */
static bool
canonical_symbols(const cJSON *symbols, struct buf *out)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, symbols)
	{
		if (!cJSON_IsString(item))
			return false;
		buf_puts(out, item == symbols->child ? "" : ",");
		put_full_name(item->valuestring, NULL, out);
	}
	return cJSON_IsArray(symbols);
}

/* Records, arrays and maps are all that our schemas are made of; others have enums and fixed. */
static bool
canonical_object(const cJSON *node, const char *namespace, struct buf *out)
{
	const char *type = string_of(node, "type");
	const char *name = string_of(node, "name");
	const char *own = string_of(node, "namespace");
	const char *of = type && strcmp(type, "array") == 0 ? "items" : "values";
	bool        ok;

	if (type == NULL || is_primitive(type))
		return canonical(cJSON_GetObjectItemCaseSensitive(node, "type"), namespace, out);
	if (strcmp(type, "array") == 0 || strcmp(type, "map") == 0)
	{
		buf_printf(out, "{\"type\":\"%s\",\"%s\":", type, of);
		ok = canonical(cJSON_GetObjectItemCaseSensitive(node, of), namespace, out);
		buf_put_u8(out, '}');
		return ok;
	}
	if (name == NULL)
		return false;
	namespace = own ? own : namespace;
	buf_puts(out, "{\"name\":");
	put_full_name(name, namespace, out);
	if (strcmp(type, "enum") == 0)
	{
		buf_puts(out, ",\"type\":\"enum\",\"symbols\":[");
		ok = canonical_symbols(cJSON_GetObjectItemCaseSensitive(node, "symbols"), out);
		buf_puts(out, "]}");
		return ok;
	}
	if (strcmp(type, "fixed") == 0)
	{
		const cJSON *size = cJSON_GetObjectItemCaseSensitive(node, "size");

		buf_printf(out, ",\"type\":\"fixed\",\"size\":%d}",
				   cJSON_IsNumber(size) ? size->valueint : -1);
		return cJSON_IsNumber(size) && size->valueint >= 0;
	}
	if (strcmp(type, "record") != 0)
		return false;
	buf_puts(out, ",\"type\":\"record\",\"fields\":");
	ok = canonical_list(cJSON_GetObjectItemCaseSensitive(node, "fields"), namespace, true, out);
	buf_put_u8(out, '}');
	return ok;
}

/* Appends the parsing canonical form of a schema (Avro specification). */
static bool
canonical(const cJSON *node, const char *namespace, struct buf *out)
{
	if (cJSON_IsString(node))
		put_full_name(node->valuestring, is_primitive(node->valuestring) ? NULL : namespace, out);
	else if (cJSON_IsArray(node))
		return canonical_list(node, namespace, false, out);
	else if (cJSON_IsObject(node))
		return canonical_object(node, namespace, out);
	return cJSON_IsString(node);
}

bool
avro_canonical(const char *text, struct buf *out)
{
	cJSON *root = cJSON_Parse(text);
	bool   ok = root && canonical(root, NULL, out);

	cJSON_Delete(root);
	return ok;
}

uint64_t
avro_fingerprint(const char *text)
{
	const uint64_t empty = UINT64_C(0xc15d213aa4d7a795);
	struct buf     form = {0};
	uint64_t       sum = empty;

	if (!avro_canonical(text, &form))
		buf_reset(&form);
	for (size_t i = 0; i < form.len; i++)
	{
		uint64_t entry = (sum ^ form.data[i]) & 0xff;

		for (int bit = 0; bit < 8; bit++)
			entry = entry >> 1 ^ (empty & -(entry & 1));
		sum = sum >> 8 ^ entry;
	}
	buf_free(&form);
	return sum;
}

uint64_t
avro_single_object(const char *text, uint8_t prefix[SINGLE_OBJECT_PREFIX])
{
	uint64_t fingerprint = avro_fingerprint(text);

	prefix[0] = 0xC3;
	prefix[1] = 0x01;
	for (int i = 0; i < 8; i++)
		prefix[2 + i] = (uint8_t) (fingerprint >> 8 * i);
	return fingerprint;
}

bool
single_object_fingerprint(struct str bytes, uint64_t *fingerprint)
{
	const uint8_t *at = (const uint8_t *) bytes.data;

	if (bytes.len < SINGLE_OBJECT_PREFIX || at[0] != 0xC3 || at[1] != 0x01)
		return false;
	*fingerprint = 0;
	for (unsigned i = 0; i < 8; i++)
		*fingerprint |= (uint64_t) at[2 + i] << (8 * i);
	return true;
}

enum rc
avro_new(const char *text, struct avro **out, struct err *e)
{
	struct avro  *avro;
	struct buf    form = {0};
	avro_schema_t schema = NULL;

	if (!avro_canonical(text, &form))
	{
		buf_free(&form);
		return schema_error(e, "Its text is no Avro schema.");
	}
	if (avro_schema_from_json_length((const char *) form.data, form.len, &schema) != 0)
	{
		buf_free(&form);
		return schema_error(e, avro_strerror());
	}
	buf_free(&form);
	avro = xcalloc(1, sizeof(*avro));
	avro->schema = schema;
	avro->iface = avro_generic_class_from_schema(schema);
	if (avro->iface == NULL || avro_generic_value_new(avro->iface, &avro->value) != 0)
	{
		avro_free(avro);
		return schema_error(e, avro_strerror());
	}
	avro->reader = avro_reader_memory("", 0);
	avro->writer = avro_writer_memory("", 0);
	*out = avro;
	return RC_OK;
}

void
avro_free(struct avro *avro)
{
	if (avro == NULL)
		return;
	if (avro->value.iface)
		avro_value_decref(&avro->value);
	if (avro->iface)
		avro_value_iface_decref(avro->iface);
	if (avro->reader)
		avro_reader_free(avro->reader);
	if (avro->writer)
		avro_writer_free(avro->writer);
	avro_schema_decref(avro->schema);
	buf_free(&avro->again);
	free(avro);
}

static enum rc
verify_error(struct err *e, const char *what)
{
	err_set(e, ERR_FATAL, E1603, "record does not verify against its schema");
	return err_detail(e, "%s", what);
}

static enum rc
decode(struct avro *avro, const void *data, size_t len, struct err *e)
{
	avro_reader_memory_set_source(avro->reader, data, (int64_t) len);
	avro_value_reset(&avro->value);
	if (avro_value_read(avro->reader, &avro->value) != 0)
		return verify_error(e, "libavro cannot decode it.");
	/* avro_reader_is_eof() knows files only. */
	if (avro_skip(avro->reader, 1) == 0)
		return verify_error(e, "It has bytes that its schema does not explain.");
	return RC_OK;
}

enum rc
avro_verify(struct avro *avro, const void *data, size_t len, struct err *e)
{
	enum rc rc = decode(avro, data, len, e);

	if (rc != RC_OK)
		return rc;
	buf_reset(&avro->again);
	buf_reserve(&avro->again, len + 1);
	avro_writer_memory_set_dest(avro->writer, (const char *) avro->again.data, (int64_t) len + 1);
	if (avro_value_write(avro->writer, &avro->value) != 0)
		return verify_error(e, "libavro cannot encode again what it decoded.");
	if (avro_writer_tell(avro->writer) != (int64_t) len || memcmp(avro->again.data, data, len) != 0)
		return verify_error(e, "libavro encodes it differently.");
	return RC_OK;
}

/* The value inside a union, and inside unions of unions there are none. */
static avro_value_t
inner(const avro_value_t *value)
{
	avro_value_t branch = *value;

	if (avro_value_get_type(value) == AVRO_UNION)
		avro_value_get_current_branch(value, &branch);
	return branch;
}

static bool
leaf_of(const avro_value_t *value, struct leaf *leaf)
{
	const void *bytes = NULL;
	const char *string = NULL;
	int32_t     narrow = 0;
	float       single = 0;
	int         flag = 0;

	*leaf = (struct leaf){.kind = LEAF_NULL};
	switch (avro_value_get_type(value))
	{
		case AVRO_NULL: return true;
		case AVRO_BOOLEAN:
			avro_value_get_boolean(value, &flag);
			*leaf = (struct leaf){.kind = LEAF_BOOLEAN, .number = flag};
			return true;
		case AVRO_INT32:
			avro_value_get_int(value, &narrow);
			*leaf = (struct leaf){.kind = LEAF_LONG, .number = narrow};
			return true;
		case AVRO_INT64:
			leaf->kind = LEAF_LONG;
			avro_value_get_long(value, &leaf->number);
			return true;
		case AVRO_FLOAT:
			avro_value_get_float(value, &single);
			*leaf = (struct leaf){.kind = LEAF_DOUBLE, .real = (double) single};
			return true;
		case AVRO_DOUBLE:
			leaf->kind = LEAF_DOUBLE;
			avro_value_get_double(value, &leaf->real);
			return true;
		case AVRO_BYTES:
			leaf->kind = LEAF_BYTES;
			avro_value_get_bytes(value, &bytes, &leaf->str.len);
			leaf->str.data = bytes;
			return true;
		case AVRO_STRING:
			leaf->kind = LEAF_BYTES;
			avro_value_get_string(value, &string, &leaf->str.len);
			leaf->str.data = string;
			leaf->str.len--; /* libavro counts its terminator */
			return true;
		default: return false;
	}
}

static void print(const avro_value_t *value, struct buf *out);

/* Of Connect's maps whose keys are no strings; its JSON converter prints them as pairs. */
static bool
is_map_entry(const avro_value_t *value)
{
	avro_schema_t schema = avro_value_get_schema(value);
	const char *namespace = avro_schema_namespace(schema);

	return strcmp(avro_schema_name(schema), MAP_ENTRY_NAME) == 0 && namespace &&
		   strcmp(namespace, MAP_ENTRY_NAMESPACE) == 0;
}

/* Records, maps and arrays: the items are named but for those of arrays. */
static void
print_items(const avro_value_t *value, bool named, struct buf *out)
{
	size_t size = 0;

	avro_value_get_size(value, &size);
	buf_put_u8(out, named ? '{' : '[');
	for (size_t i = 0; i < size; i++)
	{
		avro_value_t item;
		const char  *name = NULL;

		avro_value_get_by_index(value, i, &item, &name);
		if (i > 0)
			buf_put_u8(out, ',');
		if (named)
		{
			json_string(out, name, strlen(name));
			buf_put_u8(out, ':');
		}
		print(&item, out);
	}
	buf_put_u8(out, named ? '}' : ']');
}

/* What no schema of ours has: a symbol is a string, fixed bytes are bytes. */
static void
print_foreign(const avro_value_t *value, struct buf *out)
{
	const void *bytes = NULL;
	size_t      len = 0;
	int         symbol = 0;
	const char *name;

	if (avro_value_get_type(value) == AVRO_FIXED)
	{
		avro_value_get_fixed(value, &bytes, &len);
		json_base64(out, bytes, len);
		return;
	}
	avro_value_get_enum(value, &symbol);
	name = avro_schema_enum_get(avro_value_get_schema(value), symbol);
	json_string(out, name ? name : "", name ? strlen(name) : 0);
}

static void
print(const avro_value_t *value, struct buf *out)
{
	avro_value_t branch = inner(value);
	avro_type_t  type = avro_value_get_type(&branch);
	struct leaf  leaf;

	if (type == AVRO_RECORD || type == AVRO_MAP || type == AVRO_ARRAY)
	{
		print_items(&branch, type == AVRO_MAP || (type == AVRO_RECORD && !is_map_entry(&branch)),
					out);
		return;
	}
	if (type == AVRO_ENUM || type == AVRO_FIXED)
	{
		print_foreign(&branch, out);
		return;
	}
	leaf_of(&branch, &leaf);
	switch (leaf.kind)
	{
		case LEAF_LIST:
		case LEAF_NULL: buf_puts(out, "null"); break;
		case LEAF_BOOLEAN: buf_puts(out, leaf.number ? "true" : "false"); break;
		case LEAF_LONG: buf_printf(out, "%lld", (long long) leaf.number); break;
		case LEAF_DOUBLE:
			if (type == AVRO_FLOAT)
				json_float(out, (float) leaf.real);
			else
				json_double(out, leaf.real);
			break;
		case LEAF_BYTES:
			if (type == AVRO_STRING)
				json_string(out, leaf.str.data, leaf.str.len);
			else
				json_base64(out, (const uint8_t *) leaf.str.data, leaf.str.len);
			break;
	}
}

enum rc
avro_print(struct avro *avro, const void *data, size_t len, struct buf *out, struct err *e)
{
	enum rc rc = decode(avro, data, len, e);

	if (rc == RC_OK)
		print(&avro->value, out);
	return rc;
}

struct walk
{
	leaf_fn    *fn;
	void       *arg;
	const char *path[LEAF_DEPTH_MAX];
	char        places[LEAF_DEPTH_MAX][24]; /* array items have their place for a name */
};

static enum rc
walk_value(struct walk *walk, const avro_value_t *value, unsigned depth, struct err *e)
{
	avro_value_t branch = inner(value);
	avro_type_t  type = avro_value_get_type(&branch);
	size_t       size = 0;
	struct leaf  leaf;
	enum rc      rc = RC_OK;

	if (leaf_of(&branch, &leaf))
		return walk->fn(walk->arg, walk->path, depth, &leaf, e);
	if ((type != AVRO_RECORD && type != AVRO_ARRAY && type != AVRO_MAP) || depth == LEAF_DEPTH_MAX)
		return verify_error(e, "It holds a type that no row has.");
	avro_value_get_size(&branch, &size);
	leaf = (struct leaf){.kind = LEAF_LIST, .number = (int64_t) size};
	if (type != AVRO_RECORD)
		rc = walk->fn(walk->arg, walk->path, depth, &leaf, e);
	for (size_t i = 0; i < size && rc == RC_OK; i++)
	{
		avro_value_t item;

		avro_value_get_by_index(&branch, i, &item, &walk->path[depth]);
		if (type == AVRO_ARRAY)
		{
			snprintf(walk->places[depth], sizeof(walk->places[depth]), "%zu", i);
			walk->path[depth] = walk->places[depth];
		}
		rc = walk_value(walk, &item, depth + 1, e);
	}
	return rc;
}

enum rc
avro_walk(struct avro *avro, const void *data, size_t len, leaf_fn *fn, void *arg, struct err *e)
{
	struct walk walk = {.fn = fn, .arg = arg};
	enum rc     rc = decode(avro, data, len, e);

	return rc == RC_OK ? walk_value(&walk, &avro->value, 0, e) : rc;
}
