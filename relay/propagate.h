/*
 * propagate.h
 *		Pure: the parameters that column.propagate.source.type and
 *		datatype.propagate.source.type put into a schema.
 *
 * They say what PostgreSQL's type was, in the words of its JDBC driver, for
 * sinks that make tables of topics.
 */
#ifndef RELAY_PROPAGATE_H
#define RELAY_PROPAGATE_H

#include "types.h"

/* Whether a setting names the column, by table and name or by table and type. */
bool propagate_wanted(const struct op_context *ctx, const struct column *col);

struct propagated
{
	char   *type;   /* name in upper case; the caller frees it */
	int32_t length; /* digits, characters or bits; INT32_MAX: no limit */
	int32_t scale;
};

struct propagated propagate_type(const struct op *op);

#endif /* RELAY_PROPAGATE_H */
