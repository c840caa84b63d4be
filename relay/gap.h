/*
 * gap.h
 *		Pure: gaps that somebody has decided to pass, --accept-gap: their tokens, their
 *		list and the record that tells consumers of them.
 *
 * A refusal that a person can decide to pass has a reason (struct err, gap), and a
 * token: a hash over what was known and what was found instead.  Once the gap is
 * passed and written down, something else is known, and no token of before fits: an
 * option that stays in a unit file passes no second gap.  Called by session_gap.c.
 */
#ifndef RELAY_GAP_H
#define RELAY_GAP_H

#include "buf.h"
#include "delivery.h"
#include "err.h"

/* The reasons, as struct err and the record have them. */
#define GAP_OTHER_SERVER "other_server"
#define GAP_OLDER_TIMELINE "older_timeline"
#define GAP_OTHER_HISTORY "other_history"
#define GAP_WAL_END "wal_end"
#define GAP_SLOT_MOVED "slot_moved" /* or made anew */
#define GAP_SLOT_GONE "slot_gone"
#define GAP_SLOT_LOST "slot_lost"
#define GAP_PART_MISSING "part_missing"
#define GAP_PART_SETTINGS "part_settings"
#define GAP_PARTITIONS "partitions_changed"
#define GAP_RECREATED "topic_recreated"

/* What is forgotten when it is passed. */
enum gap_kind
{
	GAP_OF_POSITION, /* all that is known of the slot: it begins where the slot stands */
	GAP_OF_PART,     /* the part of a transaction that is in Kafka */
	GAP_OF_TOPIC     /* partitions and offsets of a topic */
};

enum gap_kind gap_kind(const char *reason);

/* Of a token's text, without its end. */
#define GAP_TOKEN_LEN 8

struct gap_token
{
	char text[GAP_TOKEN_LEN + 1];
};

/* What the progress topic says of the slot. */
struct gap_known
{
	struct position pos;
	uint64_t        system_id;
};

/* found_system, found_timeline: of the server that is there now. */
struct gap_token gap_token_position(const char *slot, const struct gap_known *known,
									uint64_t found_system, uint32_t found_timeline);
struct gap_token gap_token_part(const char *slot, const struct gap_known *known);
/* kept: of struct topic.  reason: GAP_PARTITIONS or GAP_RECREATED. */
struct gap_token gap_token_topic(const char *slot, const char *reason, const char *topic,
								 uint64_t kept);

/* A list of tokens as the command line has it: 7f3a91c2,0badcafe.  Not empty. */
bool gap_tokens_are_valid(const char *tokens);
/* tokens may be NULL: none. */
bool gap_tokens_have(const char *tokens, const struct gap_token *token);
/* The next of such a list; false: there is no more. */
bool gap_tokens_next(const char **tokens, struct gap_token *token);

/* One that is passed. */
struct gap
{
	const char      *reason;
	enum err_code    code;
	struct gap_token token;
	char            *topic; /* with GAP_OF_TOPIC; else NULL: all that changes of the slot went to */
	uint64_t         from;  /* LSN up to which all was delivered; 0: not known */
};

struct gap_list
{
	struct gap *gaps;
	unsigned    count;
};

/* gap->topic is copied. */
void gap_list_add(struct gap_list *list, const struct gap *gap);
void gap_list_clear(struct gap_list *list);
/* The first of that kind; NULL: none. */
const struct gap *gap_list_find(const struct gap_list *list, enum gap_kind kind);
bool              gap_list_has(const struct gap_list *list, const struct gap_token *token);
/* Appends their tokens, as the command line takes them. */
void gap_list_tokens(const struct gap_list *list, struct buf *out);

/* The header of the record that has it; key and value are null. */
#define GAP_HEADER "__walrelay.gap"

/*
 * Appends what the header says, one JSON object.  to: LSN where the stream goes on.
 *	{"version":1,"slot":"walrelay","from":"0/16B3748","to":"0/16B9F10",
 *	 "reason":"slot_moved","code":"E1218"}
 */
void gap_record(const struct gap *gap, const char *slot, uint64_t to, struct buf *out);

#endif /* RELAY_GAP_H */
