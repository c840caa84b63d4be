/*
 * selection.h
 *		The captured tables that a command is about, by the plugin's own word.
 *
 * Called by schema_show.c, schema_diff.c and topics_command.c.
 */
#ifndef RELAY_SELECTION_H
#define RELAY_SELECTION_H

#include "captured.h"
#include "patterns.h"

/* Zeros before selection_begin(). */
struct selection
{
	struct visit     visit;
	struct captures  caps;
	struct patterns *patterns; /* NULL: all tables */
	bool             failed;
	struct err       why;
};

/*
 * tables: ntables of schema.table or regular expressions for that; none: all that are captured.
 * cfg is borrowed.  selection_end() follows, whatever comes back.  RC_ERR as config_check();
 * E1230; E1245: no captured table is one of tables; E1250; or whatever keeps the plugin from
 * telling its tables, or a table from having a topic and schemas.
 */
enum rc selection_begin(struct selection *sel, const struct config *cfg, const char *const *tables,
						unsigned ntables, struct err *e) MUST_CHECK;
void    selection_end(struct selection *sel);

/* The next one in the order of their names, each with topic and plan; after NULL the first. */
const struct captured *selection_next(const struct selection *sel, const struct captured *after);

#endif /* RELAY_SELECTION_H */
