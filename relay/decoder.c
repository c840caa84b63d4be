/*
 * decoder.c
 *		Schemas by id or fingerprint, and bytes by them; see decoder.h.
 */
#include "decoder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <uthash.h>

#include "desk.h"
#include "http.h"
#include "json_member.h"
#include "reply.h"
#include "schema.h"

#define WIRE_PREFIX 5 /* 0 and a big-endian id */
#define FILE_MAX (16 * 1024 * 1024)

struct known
{
	struct known_key
	{
		uint64_t number;
		uint64_t is_id; /* else a fingerprint */
	} key;
	struct avro   *avro; /* NULL: it is a schema of another language */
	UT_hash_handle hh;
};

struct decoder
{
	const struct config    *cfg;
	decoder_fingerprint_fn *find;
	void                   *arg;
	struct desk             desk;
	struct known           *known;
};

/* --- the registry -------------------------------------------------------------------- */

static enum rc
schema_missing(const struct decoder *dec, uint32_t id, struct err *e)
{
	err_set(e, ERR_CONFIG, E1806, "schema registry %s does not know schema id %" PRIu32,
			dec->desk.url, id);
	return err_hint(e, "Set registry.url to the registry that the records were written with.");
}

/* The text of a schema; *text NULL: it is none of Avro. */
static enum rc
schema_by_id(struct decoder *dec, uint32_t id, char **text, struct err *e)
{
	struct desk *desk = &dec->desk;
	cJSON       *json;
	const char  *type;
	const char  *schema;

	*text = NULL;
	if (!http_has_urls(desk->http))
	{
		err_set(e, ERR_CONFIG, E1003,
				"registry.url is not set, and a record has schema id %" PRIu32, id);
		return err_hint(e, "Set registry.url=http://HOST:8081.");
	}
	if (!desk_ask(desk, xasprintf("/schemas/ids/%" PRIu32, id), NULL))
	{
		*e = desk->why;
		return err_detail(e, "Asked for schema id %" PRIu32 ".  %s", id, desk->why.detail);
	}
	if (desk->status == 404)
		return schema_missing(dec, id, e);
	if (desk->status != 200)
	{
		char *subject = xasprintf("of schema id %" PRIu32, id);

		reply_refusal(&desk->body, desk->status,
					  &(struct asked){
						  .url = desk->url, .subject = subject, .escaped = "", .schema = ""},
					  e);
		free(subject);
		return RC_ERR;
	}
	json = cJSON_ParseWithLength((const char *) desk->body.data, desk->body.len);
	type = member_text(json, "schemaType");
	schema = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "schema"));
	if (schema && (*type == '\0' || strcmp(type, "AVRO") == 0))
		*text = xstrdup(schema);
	cJSON_Delete(json);
	if (schema)
		return RC_OK;
	err_set(e, ERR_PROTOCOL, E1805, "schema registry %s answered what is not understood",
			desk->url);
	err_detail(e, "The reply for schema id %" PRIu32 " has no valid \"schema\".", id);
	return err_hint(e, "Check that registry.url is the base of an interface like Confluent's, with "
					   "its path if it has one (/apis/ccompat/v7 for Apicurio).");
}

/* --- the folder ---------------------------------------------------------------------- */

/* NULL: there is no such file. */
static char *
file_text(const char *path)
{
	FILE      *in = fopen(path, "rbe");
	struct buf text = {0};
	char       piece[8192];
	size_t     len;

	if (in == NULL)
		return NULL;
	while ((len = fread(piece, 1, sizeof(piece), in)) > 0 && text.len < FILE_MAX)
		buf_put(&text, piece, len);
	fclose(in);
	(void) buf_cstr(&text); /* ends it with a zero */
	return (char *) text.data;
}

static enum rc
schema_by_fingerprint(struct decoder *dec, uint64_t fingerprint, char **text, struct err *e)
{
	char *path;

	if (dec->find)
		*text = dec->find(dec->arg, fingerprint);
	else
	{
		path = xasprintf("%s/%016" PRIx64 ".avsc", dec->cfg->registry.dir, fingerprint);
		*text = file_text(path);
		free(path);
	}
	if (*text)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1806, "there is no schema with fingerprint %016" PRIx64 " in %s",
			fingerprint, dec->find || *dec->cfg->registry.dir == '\0'
				? "registry.schemas.dir, which is not set"
				: dec->cfg->registry.dir);
	return err_hint(e, "Set registry.schemas.dir to the folder that the relay writes schemas to.");
}

/* --- messages ------------------------------------------------------------------------- */

static enum rc
known_find(struct decoder *dec, struct known_key key, struct known **known, struct err *e)
{
	char       *text;
	struct avro *avro = NULL;
	enum rc     rc;

	HASH_FIND(hh, dec->known, &key, sizeof(key), *known);
	if (*known)
		return RC_OK;
	rc = key.is_id ? schema_by_id(dec, (uint32_t) key.number, &text, e)
				   : schema_by_fingerprint(dec, key.number, &text, e);
	if (rc != RC_OK)
		return rc;
	if (text)
		rc = avro_new(text, &avro, e);
	free(text);
	if (rc != RC_OK)
		return rc;
	*known = xcalloc(1, sizeof(**known));
	(*known)->key = key;
	(*known)->avro = avro;
	HASH_ADD(hh, dec->known, key, sizeof(key), *known);
	return RC_OK;
}

enum rc
decoder_print(struct decoder *dec, struct str bytes, int64_t *id, struct buf *out, struct err *e)
{
	const uint8_t   *at = (const uint8_t *) bytes.data;
	struct known_key key = {0};
	size_t           prefix = WIRE_PREFIX;
	struct known    *known;

	*id = -1;
	if (bytes.len >= WIRE_PREFIX && at[0] == 0)
	{
		key.is_id = 1;
		key.number =
			(uint32_t) at[1] << 24 | (uint32_t) at[2] << 16 | (uint32_t) at[3] << 8 | at[4];
	}
	else if (single_object_fingerprint(bytes, &key.number))
		prefix = SINGLE_OBJECT_PREFIX;
	else
		return RC_AGAIN;
	if (known_find(dec, key, &known, e) != RC_OK)
		return RC_ERR;
	if (known->avro == NULL)
		return RC_AGAIN;
	if (key.is_id)
		*id = (int64_t) key.number;
	return avro_print(known->avro, bytes.data + prefix, bytes.len - prefix, out, e);
}

enum rc
decoder_new(const struct config *cfg, decoder_fingerprint_fn *find, void *arg,
			struct decoder **made, struct err *e)
{
	struct decoder *dec = xcalloc(1, sizeof(*dec));

	dec->cfg = cfg;
	dec->find = find;
	dec->arg = arg;
	*made = dec;
	if (desk_open(&dec->desk, cfg, e) == RC_OK)
		return RC_OK;
	decoder_free(dec);
	*made = NULL;
	return RC_ERR;
}

void
decoder_free(struct decoder *dec)
{
	struct known *known, *next;

	if (dec == NULL)
		return;
	HASH_ITER(hh, dec->known, known, next)
	{
		HASH_DEL(dec->known, known);
		avro_free(known->avro);
		free(known);
	}
	desk_close(&dec->desk);
	free(dec);
}
