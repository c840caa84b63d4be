/*
 * key_range.h
 *		Pure: a table read in the order of its key: which key that can be, the conditions
 *		and the order of its pieces, and how far one has come.
 *
 * Rows between two keys are the same rows whatever was moved or updated meanwhile, which
 * ranges of ctids are not.  That holds only if condition, order and uniqueness are by one
 * and the same comparison: an index may have other operators and another collation than
 * its column ("a" COLLATE "C" lets 'x' and 'X' in where the column's collation takes them
 * for one), and the > of a type need not be the one in the search_path (citext, compared
 * as text).  So the server is asked for those of the index, and all SQL is made of these.
 * Everything is in the server's encoding.
 */
#ifndef RELAY_KEY_RANGE_H
#define RELAY_KEY_RANGE_H

#include "buf.h"
#include "catalog.h"
#include "record.h"

struct cJSON;

/*
 * A key: the texts of its columns, in the index's order, each as wire.h's str.  Texts are
 * value_text()'s.  Empty: none.
 */
typedef struct buf key_texts;

/* ["17","Z\u00fcrich"]; a text that is no UTF-8 is {"hex":"5afc72696368"}. */
void key_texts_write(const key_texts *key, struct buf *out);
/* The same back, in place of what *key has.  False: it is none, and *key is empty. */
bool key_texts_read(const struct cJSON *json, key_texts *key);

/* Why no key of the table can be ranged over, by its description: ends a sentence.  NULL: one may.
 */
const char *key_range_refusal(const struct table *tbl);

/*
 * Settings, by SET LOCAL, of a transaction that reads by key: a plan that sorts all of the
 * table for each piece is never the better one.
 */
#define KEY_RANGE_SETTINGS                                                                        \
	"SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = " \
	"off"

/*
 * The question for the comparison of the key's unique index: one row of one field.  relid:
 * of the table, or the partition, that is read; tbl has a key by key_range_refusal().  A few
 * milliseconds: ask in each transaction that reads a piece, behind its lock, and believe
 * the piece if the hash is still the same.
 */
void key_range_ask(const struct table *tbl, uint32_t relid, struct buf *sql);

struct key_range;

/*
 * From that field.  NULL, "" or not understood: there is no index whose order the key can
 * have, and NULL is returned.  tbl is borrowed, and must live as long.
 */
struct key_range *key_range_new(const struct table *tbl, const char *answer);
void              key_range_free(struct key_range *range);

/*
 * Of what decides the order: operators, collations and their versions, types.  How far one
 * has come means nothing under another hash; neither the columns nor the filenode need
 * have changed (ALTER COLUMN ... COLLATE, another index, another C library).
 */
uint64_t key_range_hash(const struct key_range *range);

/* " ORDER BY ...", from the first row on, or from the last one back. */
void key_range_order(const struct key_range *range, bool backward, struct buf *sql);

/* Conditions: rows behind this key; rows up to it, and its own. */
void key_range_after(const struct key_range *range, const key_texts *key, struct buf *sql);
void key_range_upto(const struct key_range *range, const key_texts *key, struct buf *sql);

/* Whether it has as many texts as the key has columns: only then it may be given to these. */
bool key_range_fits(const struct key_range *range, const key_texts *key);

/*
 * The key of a row that copy_row_read() gave, in place of what *key has.  RC_ERR E1242: the
 * row has none that could be written down; E1404: it is malformed.
 */
enum rc key_range_take(const struct key_range *range, const struct change *row, key_texts *key,
					   struct err *e) MUST_CHECK;

#endif /* RELAY_KEY_RANGE_H */
