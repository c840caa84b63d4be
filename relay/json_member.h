/*
 * json_member.h
 *		Pure: reads members of JSON objects that others may have written: what is missing,
 *		or of another type, is no error here.
 */
#ifndef RELAY_JSON_MEMBER_H
#define RELAY_JSON_MEMBER_H

#include <cjson/cJSON.h>
#include <stdint.h>

/* A whole number that a double holds; -1: it is none, or not there. */
static inline int64_t
member_number(const cJSON *object, const char *name)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);
	double       value = cJSON_IsNumber(number) ? number->valuedouble : -1;

	if (!(value >= 0 && value <= 9007199254740992.0) || (double) (int64_t) value != value)
		return -1;
	return (int64_t) value;
}

/* A string, which lives as long as the object; "": it is none, or not there. */
static inline const char *
member_text(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text ? text : "";
}

#endif /* RELAY_JSON_MEMBER_H */
