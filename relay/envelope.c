/*
 * envelope.c
 *		Schema text, built as a cJSON tree; see envelope.h.
 *
 * Defaults are raw JSON made by literal.c: cJSON can print neither a NUL in a
 * string nor an integer past 2^53.
 */
#include "envelope.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "propagate.h"
#include "structs.h"

#define SOURCE_NAMESPACE "io.debezium.connector.postgresql"
#define COMMON_NAMESPACE "io.debezium.connector.common"
#define SNAPSHOT_ALLOWED \
	"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"
#define SNAPSHOT_ALLOWED_2_7 "true,last,false,incremental"

/* cJSON answers NULL only when memory is gone: one message and out, as xmalloc() does. */
static cJSON *
need(cJSON *node)
{
	if (node == NULL)
		xmalloc(SIZE_MAX);
	return node;
}

static void
add(cJSON *object, const char *name, cJSON *item)
{
	if (!cJSON_AddItemToObject(object, name, need(item)))
		xmalloc(SIZE_MAX);
}

static void
add_string(cJSON *object, const char *name, const char *value)
{
	add(object, name, cJSON_CreateString(value));
}

static void
add_number(cJSON *object, const char *name, int value)
{
	add(object, name, cJSON_CreateNumber(value));
}

static char *
print(cJSON *schema)
{
	char *printed = cJSON_PrintUnformatted(schema);
	char *text;

	if (printed == NULL)
		xmalloc(SIZE_MAX);
	text = xstrdup(printed);
	cJSON_free(printed);
	cJSON_Delete(schema);
	return text;
}

static cJSON *
record_new(const char *name, const char *namespace)
{
	cJSON *record = need(cJSON_CreateObject());

	add_string(record, "type", "record");
	add_string(record, "name", name);
	if (namespace)
		add_string(record, "namespace", namespace);
	add(record, "fields", cJSON_CreateArray());
	return record;
}

/* version 0: none, as of structs that have no version in Connect. */
static cJSON *
record_end(cJSON *record, int version, const char *namespace, const char *name)
{
	char *full = xasprintf("%s.%s", namespace, name);

	if (version > 0)
		add_number(record, "connect.version", version);
	add_string(record, "connect.name", full);
	free(full);
	return record;
}

static cJSON *
add_field(cJSON *record, const char *name, cJSON *type)
{
	cJSON *field = need(cJSON_CreateObject());

	add_string(field, "name", name);
	add(field, "type", type);
	cJSON_AddItemToArray(cJSON_GetObjectItem(record, "fields"), field);
	return field;
}

static void
add_plain(cJSON *record, const char *name, const char *type)
{
	add_field(record, name, cJSON_CreateString(type));
}

/* ["null",T] */
static cJSON *
optional(cJSON *type)
{
	cJSON *branches = need(cJSON_CreateArray());

	cJSON_AddItemToArray(branches, need(cJSON_CreateString("null")));
	cJSON_AddItemToArray(branches, type);
	return branches;
}

static void
add_optional(cJSON *record, const char *name, cJSON *type)
{
	add(add_field(record, name, optional(type)), "default", cJSON_CreateNull());
}

static void
add_optional_plain(cJSON *record, const char *name, const char *type)
{
	add_optional(record, name, need(cJSON_CreateString(type)));
}

static void
add_source_type(cJSON *parameters, const struct op *op)
{
	struct propagated type = propagate_type(op);
	struct buf        text = {0};
	struct str        name = text_utf8(op->text, (struct str){op->col->name, strlen(op->col->name)});

	add_string(parameters, "__debezium.source.column.type", type.type);
	buf_printf(&text, "%d", type.length);
	add_string(parameters, "__debezium.source.column.length", buf_cstr(&text));
	buf_reset(&text);
	buf_printf(&text, "%d", type.scale);
	add_string(parameters, "__debezium.source.column.scale", buf_cstr(&text));
	buf_reset(&text);
	buf_put(&text, name.data, name.len);
	add_string(parameters, "__debezium.source.column.name", buf_cstr(&text));
	buf_free(&text);
	free(type.type);
}

static void
add_parameters(cJSON *type, const struct op *op)
{
	cJSON     *parameters = need(cJSON_CreateObject());
	struct buf text = {0};

	switch (op->shape->parameters)
	{
		case PARAMETERS_NONE: break;
		case PARAMETERS_LENGTH:
			buf_printf(&text, "%d", op->length);
			add_string(parameters, "length", buf_cstr(&text));
			break;
		case PARAMETERS_ALLOWED:
			op_labels(op, &text);
			add_string(parameters, "allowed", buf_cstr(&text));
			break;
		case PARAMETERS_DECIMAL:
		case PARAMETERS_MONEY:
			buf_printf(&text, "%d", op->scale);
			add_string(parameters, "scale", buf_cstr(&text));
			buf_reset(&text);
			buf_printf(&text, "%d", op->precision);
			if (op->shape->parameters == PARAMETERS_DECIMAL)
				add_string(parameters, "connect.decimal.precision", buf_cstr(&text));
			break;
	}
	if (op->propagated)
		add_source_type(parameters, op);
	add(type, "connect.parameters", parameters);
	buf_free(&text);
}

static cJSON *
connect_type(const char *avro, const char *connect)
{
	cJSON *type;

	if (connect == NULL)
		return need(cJSON_CreateString(avro));
	type = need(cJSON_CreateObject());
	add_string(type, "type", avro);
	add_string(type, "connect.type", connect);
	return type;
}

/* Connect's map of int16 to double. */
static cJSON *
map_entries(void)
{
	cJSON *array = need(cJSON_CreateObject());
	cJSON *entry = record_new(MAP_ENTRY_NAME, MAP_ENTRY_NAMESPACE);

	add_field(entry, "key", connect_type("int", "int16"));
	add_plain(entry, "value", "double");
	add_string(array, "type", "array");
	add(array, "items", entry);
	return array;
}

/*
 * A named type is written out where it comes first, and by its name after
 * that.  written: a bit for each enum record_type.
 */
static cJSON *
struct_of(const struct op *op, unsigned *written)
{
	const struct shape       *shape = op->shape;
	const struct struct_type *type = struct_type(shape->record);
	cJSON                    *record;

	if (*written & 1u << shape->record)
		return need(cJSON_CreateString(shape->name));
	*written |= 1u << shape->record;
	record = record_new(type->name, type->namespace);
	for (const struct struct_field *field = type->fields; field->name; field++)
		if (strcmp(field->avro, "array") == 0)
			add_field(record, field->name, map_entries());
		else if (field->optional)
			add_optional_plain(record, field->name, field->avro);
		else
			add_field(record, field->name, connect_type(field->avro, field->connect_type));
	add_string(record, "connect.doc", type->doc);
	add_number(record, "connect.version", 1);
	if (op->propagated)
		add_parameters(record, op);
	add_string(record, "connect.name", shape->name);
	return record;
}

static cJSON *type_of(const struct op *op, unsigned *written);

/* Items of arrays, values of maps: what NULL can be among says so. */
static void
add_items(cJSON *type, const struct op *op, unsigned *written)
{
	bool   map = strcmp(op->shape->avro, "map") == 0;
	cJSON *items;
	bool   nullable = map;

	if (op->element)
	{
		items = type_of(op->element, written);
		nullable = op->element->nullable;
	}
	else
		items = need(cJSON_CreateString(op->shape->items));
	add(type, map ? "values" : "items", nullable ? optional(items) : items);
}

static bool
is_plain(const struct op *op)
{
	const struct shape *shape = op->shape;

	return !shape->name && !shape->connect_type && !shape->logical && !shape->items &&
		   !op->element && !op->propagated && !op->default_json.data;
}

static cJSON *
type_of(const struct op *op, unsigned *written)
{
	const struct shape *shape = op->shape;
	bool decimal = shape->parameters == PARAMETERS_DECIMAL || shape->parameters == PARAMETERS_MONEY;
	cJSON *type;

	if (shape->record)
		return struct_of(op, written);
	if (is_plain(op))
		return need(cJSON_CreateString(shape->avro));
	type = need(cJSON_CreateObject());
	add_string(type, "type", shape->avro);
	if (shape->items || op->element)
		add_items(type, op, written);
	if (decimal)
	{
		add_number(type, "scale", op->scale);
		add_number(type, "precision", op->precision);
	}
	if (shape->name)
		add_number(type, "connect.version", 1);
	if (shape->parameters != PARAMETERS_NONE || op->propagated)
		add_parameters(type, op);
	if (op->default_json.data)
		add(type, "connect.default", cJSON_CreateRaw(op->default_json.data));
	if (shape->name)
		add_string(type, "connect.name", shape->name);
	if (shape->connect_type)
		add_string(type, "connect.type", shape->connect_type);
	if (decimal || shape->logical)
		add_string(type, "logicalType", decimal ? "decimal" : shape->logical);
	return type;
}

/* A union begins with the branch of its default: [T,"null"] with one. */
static void
add_column(cJSON *record, const struct op *op, unsigned *written)
{
	cJSON *type = type_of(op, written);
	cJSON *branches;

	if (!op->default_json.data)
	{
		if (op->nullable)
			add_optional(record, op->field, type);
		else
			add_field(record, op->field, type);
		return;
	}
	if (op->nullable)
	{
		branches = need(cJSON_CreateArray());
		cJSON_AddItemToArray(branches, type);
		cJSON_AddItemToArray(branches, need(cJSON_CreateString("null")));
		type = branches;
	}
	add(add_field(record, op->field, type), "default", cJSON_CreateRaw(op->default_json.data));
}

char *
envelope_key(const char *name, const struct op *const *keys, uint32_t nkeys)
{
	cJSON *key = record_new("Key", name);
	unsigned written = 0;

	for (uint32_t i = 0; i < nkeys; i++)
	{
		struct op field = *keys[i];

		field.propagated = false;
		add_column(key, &field, &written);
	}
	return print(record_end(key, 0, name, "Key"));
}

static cJSON *
snapshot_type(enum profile profile)
{
	cJSON *branches = need(cJSON_CreateArray());
	cJSON *type = need(cJSON_CreateObject());
	cJSON *parameters = need(cJSON_CreateObject());

	add_string(parameters, "allowed",
			   profile < PROFILE_3_0 ? SNAPSHOT_ALLOWED_2_7 : SNAPSHOT_ALLOWED);
	add_string(type, "type", "string");
	add_number(type, "connect.version", 1);
	add(type, "connect.parameters", parameters);
	add_string(type, "connect.default", "false");
	add_string(type, "connect.name", "io.debezium.data.Enum");
	cJSON_AddItemToArray(branches, type);
	cJSON_AddItemToArray(branches, need(cJSON_CreateString("null")));
	return branches;
}

/* namespace NULL: that of the record around it, which is then Source's own. */
static cJSON *
source_type(const char *namespace, enum profile profile)
{
	cJSON *source = record_new("Source", namespace);

	add_plain(source, "version", "string");
	add_plain(source, "connector", "string");
	add_plain(source, "name", "string");
	add_plain(source, "ts_ms", "long");
	add_string(add_field(source, "snapshot", snapshot_type(profile)), "default", "false");
	add_plain(source, "db", "string");
	add_optional_plain(source, "sequence", "string");
	add_optional_plain(source, "ts_us", "long");
	add_optional_plain(source, "ts_ns", "long");
	add_plain(source, "schema", "string");
	add_plain(source, "table", "string");
	add_optional_plain(source, "txId", "long");
	add_optional_plain(source, "lsn", "long");
	add_optional_plain(source, "xmin", "long");
	if (profile >= PROFILE_3_5)
	{
		add_optional_plain(source, "origin", "string");
		add_optional_plain(source, "origin_lsn", "long");
	}
	return record_end(source, profile >= PROFILE_3_2, SOURCE_NAMESPACE, "Source");
}

static cJSON *
transaction_type(void)
{
	cJSON *block = record_new("block", "event");

	add_plain(block, "id", "string");
	add_plain(block, "total_order", "long");
	add_plain(block, "data_collection_order", "long");
	return record_end(block, 1, "event", "block");
}

char *
envelope_value(const char *name, const struct op *ops, uint32_t nops, enum profile profile)
{
	cJSON *envelope = record_new("Envelope", name);
	cJSON *row = record_new("Value", NULL);
	unsigned written = 0;

	for (uint32_t i = 0; i < nops; i++)
		if (ops[i].shape)
			add_column(row, &ops[i], &written);
	add_optional(envelope, "before", record_end(row, 0, name, "Value"));
	add_optional_plain(envelope, "after", "Value");
	add_field(envelope, "source", source_type(SOURCE_NAMESPACE, profile));
	add_optional(envelope, "transaction", transaction_type());
	add_plain(envelope, "op", "string");
	add_optional_plain(envelope, "ts_ms", "long");
	add_optional_plain(envelope, "ts_us", "long");
	add_optional_plain(envelope, "ts_ns", "long");
	return print(record_end(envelope, 2, name, "Envelope"));
}

char *
envelope_message_key(void)
{
	cJSON *key = record_new("MessageKey", SOURCE_NAMESPACE);

	add_optional_plain(key, "prefix", "string");
	return print(record_end(key, 1, SOURCE_NAMESPACE, "MessageKey"));
}

char *
envelope_message_value(const struct op *content, enum profile profile)
{
	cJSON *value = record_new("MessageValue", SOURCE_NAMESPACE);
	cJSON *message = record_new("Message", NULL);

	add_optional_plain(message, "prefix", "string");
	add_optional_plain(message, "content", content->shape->avro);
	add_plain(value, "op", "string");
	add_optional_plain(value, "ts_ms", "long");
	add_field(value, "source", source_type(NULL, profile));
	if (profile >= PROFILE_3_0)
		add_optional(value, "transaction", transaction_type());
	add_field(value, "message", record_end(message, 1, SOURCE_NAMESPACE, "Message"));
	return print(record_end(value, 1, SOURCE_NAMESPACE, "MessageValue"));
}

char *
envelope_transaction_key(void)
{
	cJSON *key = record_new("TransactionMetadataKey", COMMON_NAMESPACE);

	add_plain(key, "id", "string");
	return print(record_end(key, 1, COMMON_NAMESPACE, "TransactionMetadataKey"));
}

char *
envelope_transaction_value(void)
{
	cJSON *value = record_new("TransactionMetadataValue", COMMON_NAMESPACE);
	cJSON *collection = record_new("collection", "event");
	cJSON *branches = need(cJSON_CreateArray());
	cJSON *collections = need(cJSON_CreateObject());

	add_plain(collection, "data_collection", "string");
	add_plain(collection, "event_count", "long");
	cJSON_AddItemToArray(branches, need(cJSON_CreateString("null")));
	cJSON_AddItemToArray(branches, record_end(collection, 1, "event", "collection"));
	add_string(collections, "type", "array");
	add(collections, "items", branches);

	add_plain(value, "status", "string");
	add_plain(value, "id", "string");
	add_optional_plain(value, "event_count", "long");
	add_optional(value, "data_collections", collections);
	add_plain(value, "ts_ms", "long");
	return print(record_end(value, 1, COMMON_NAMESPACE, "TransactionMetadataValue"));
}
