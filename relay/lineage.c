/*
 * lineage.c
 *		The decision of lineage.h, and the history file that it rests on.
 *
 * A history file has a line for each timeline that came before, oldest first:
 * number, the position at which it was left, the reason.  # begins a comment.
 */
#include "lineage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gap.h"

/* What to do then to begin where the slot stands is session_gap.c's to say. */
#define LOAD_AGAIN "load the tables downstream again."

uint64_t
lineage_switch(const char *history, uint32_t timeline)
{
	while (*history)
	{
		const char *line = history + strspn(history, " \t\r\n");
		char       *end;
		uint64_t    number = strtoull(line, &end, 10);

		/* No position: a comment, or not a history at all. */
		if (end > line && number == timeline && strspn(end, " \t"))
			return pg_lsn_parse(end + strspn(end, " \t"));
		history = line + strcspn(line, "\n");
	}
	return 0;
}

/* The first timeline has no history. */
bool
lineage_needs_history(const struct lineage *past, const struct pg_facts *facts)
{
	return past->streamed && facts->system_id == past->system_id &&
		   facts->timeline > past->timeline;
}

bool
lineage_has_slot(const struct lineage *past)
{
	return past->streamed || past->start_lsn > 0;
}

enum rc
lineage_slot_gone(const struct lineage *past, const char *slot, struct err *e)
{
	err_set(e, ERR_CONFIG, E1207, "replication slot \"%s\" does not exist any more", slot);
	err_detail(e,
			   "Changes up to %X/%X came from it. Somebody has dropped it, or the server is a "
			   "standby that was promoted without a copy of it.",
			   LSN_PARTS(past->start_lsn));
	err_gap(e, GAP_SLOT_GONE, NULL);
	return err_hint(
		e,
		"If another server has the slot, point source.conninfo there. Standbys keep a copy of "
		"failover slots, from PostgreSQL 17 on. Otherwise the changes since then cannot be had: "
		"run \"walrelay slot create --slot.name=%s\", and " LOAD_AGAIN,
		slot);
}

/* A standby that has just restarted shows what it has replayed so far. */
static bool
lineage_is_behind(const struct lineage *past, const struct pg_facts *facts)
{
	return past->start_lsn > facts->wal_end && past->start_lsn > facts->insert_lsn;
}

static enum rc
lineage_check_timeline(const struct lineage *past, const struct pg_facts *facts, struct err *e)
{
	uint64_t left = lineage_switch(facts->history ? facts->history : "", past->timeline);
	uint64_t reached = past->standby ? past->began_lsn : past->start_lsn;

	if (facts->timeline == past->timeline || (left && left >= reached))
		return RC_OK;
	/* It may still have to replay the switch to our timeline. */
	if (facts->timeline < past->timeline && facts->in_recovery && lineage_is_behind(past, facts))
		return RC_OK;
	if (facts->timeline < past->timeline)
	{
		err_set(e, ERR_CONFIG, E1218, "the server is on an older timeline");
		err_detail(e, "It is on timeline %" PRIu32 "; streamed before was timeline %" PRIu32 ".",
				   facts->timeline, past->timeline);
		err_gap(e, GAP_OLDER_TIMELINE, NULL);
		return err_hint(e, "An old primary that runs again after a failover has to be stopped, or "
						   "made a standby (pg_rewind). If the server was restored to a point "
						   "before, " LOAD_AGAIN);
	}
	err_set(e, ERR_CONFIG, E1218, "the server's history has left what was streamed before");
	err_gap(e, GAP_OTHER_HISTORY, NULL);
	if (left)
		err_detail(e,
				   "It is on timeline %" PRIu32 ", which left timeline %" PRIu32 " at %X/%X; "
				   "confirmed on timeline %" PRIu32 " is %X/%X.",
				   facts->timeline, past->timeline, LSN_PARTS(left), past->timeline,
				   LSN_PARTS(reached));
	else
		err_detail(e,
				   "It is on timeline %" PRIu32 ", which does not come from timeline %" PRIu32
				   "; confirmed on timeline %" PRIu32 " is %X/%X.",
				   facts->timeline, past->timeline, past->timeline, LSN_PARTS(reached));
	return err_hint(e, "The server failed over, or was restored, to a point before the confirmed "
					   "position: changes that were delivered are not in it. If it is to stay, "
					   LOAD_AGAIN);
}

static enum rc
lineage_check_end(const struct lineage *past, const struct pg_facts *facts, struct err *e)
{
	if (!lineage_is_behind(past, facts))
		return RC_OK;
	if (facts->in_recovery)
	{
		err_set(e, ERR_TRANSIENT, E1218,
				"the standby has not replayed up to the confirmed position");
		err_detail(e, "It has come to %X/%X; confirmed is %X/%X.", LSN_PARTS(facts->wal_end),
				   LSN_PARTS(past->start_lsn));
		return err_hint(e, "Wait until it has. If it does not get on, check primary_conninfo and "
						   "restore_command of the standby.");
	}
	err_set(e, ERR_CONFIG, E1218, "the server's WAL ends before the confirmed position");
	err_detail(e, "It ends at %X/%X; confirmed is %X/%X.", LSN_PARTS(facts->wal_end),
			   LSN_PARTS(past->start_lsn));
	err_gap(e, GAP_WAL_END, NULL);
	return err_hint(e, "The server was restored from a backup or failed over: if it is to stay, "
					   LOAD_AGAIN);
}

enum rc
lineage_check(const struct lineage *past, const struct pg_facts *facts, const char *slot,
			  struct err *e)
{
	if (past->streamed && facts->system_id != past->system_id)
	{
		err_set(e, ERR_CONFIG, E1218, "this is not the server that was streamed before");
		err_detail(e, "Its system identifier is %" PRIu64 "; it was %" PRIu64 ".", facts->system_id,
				   past->system_id);
		err_gap(e, GAP_OTHER_SERVER, NULL);
		return err_hint(e, "Check what source.conninfo leads to.  If it is right, " LOAD_AGAIN);
	}
	if (past->streamed && lineage_check_timeline(past, facts, e) != RC_OK)
		return RC_ERR;
	if (lineage_check_end(past, facts, e) != RC_OK)
		return RC_ERR;
	if (past->streamed && !past->provisional && facts->slot.confirmed_lsn > past->reported)
	{
		err_set(e, ERR_CONFIG, E1218, "somebody else has moved replication slot \"%s\"", slot);
		err_detail(e, "It stands at %X/%X; walrelay's last report was %X/%X.",
				   LSN_PARTS(facts->slot.confirmed_lsn), LSN_PARTS(past->reported));
		err_gap(e, GAP_SLOT_MOVED, NULL);
		return err_hint(e, "Changes between the two were not seen here: give each walrelay a slot "
						   "of its own, and " LOAD_AGAIN);
	}
	return RC_OK;
}

enum rc
lineage_check_from(const struct lineage *past, const struct pg_facts *facts, const char *slot,
				   struct err *e)
{
	uint64_t end_lsn = facts->insert_lsn > facts->wal_end ? facts->insert_lsn : facts->wal_end;

	if (!facts->slot.exists)
	{
		err_set(e, ERR_CONFIG, E1207, "replication slot \"%s\" does not exist", slot);
		err_detail(e, "One that is made now sends nothing of what commits from --from-lsn %X/%X on "
					  "until then.",
				   LSN_PARTS(past->from_lsn));
		return err_hint(e, "Check slot.name.  Otherwise run \"walrelay slot create "
						   "--export-snapshot\", and load the rows again by its snapshot.");
	}
	if (past->from_lsn < facts->slot.confirmed_lsn)
	{
		err_set(e, ERR_CONFIG, E1232, "replication slot \"%s\" does not go back to --from-lsn",
				slot);
		err_detail(e, "It sends what commits from %X/%X on; --from-lsn is %X/%X.",
				   LSN_PARTS(facts->slot.confirmed_lsn), LSN_PARTS(past->from_lsn));
		return err_hint(e, "Load the rows again, as of a position of the slot: \"walrelay slot "
						   "drop\", then \"walrelay slot create --export-snapshot\".  If they are "
						   "as of %X/%X or later, give that.",
						LSN_PARTS(facts->slot.confirmed_lsn));
	}
	if (past->from_lsn <= end_lsn)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1232, "--from-lsn is ahead of the server");
	err_detail(e, "Its WAL ends at %X/%X; --from-lsn is %X/%X.  What commits in between would be "
				  "missing.",
			   LSN_PARTS(end_lsn), LSN_PARTS(past->from_lsn));
	return err_hint(e, "Check what source.conninfo leads to, and give the position that \"walrelay "
					   "slot create --export-snapshot\" printed, or that "
					   "pg_current_wal_insert_lsn() had before the rows were read.");
}

uint64_t
lineage_begins(const struct lineage *past, const struct pg_facts *facts)
{
	uint64_t lsn = past->start_lsn;

	if (past->from_lsn > lsn)
		lsn = past->from_lsn;
	return facts->slot.confirmed_lsn > lsn ? facts->slot.confirmed_lsn : lsn;
}
