/*
 * session_parts.h
 *		What the files of a session share; nobody else includes it.
 *
 * session.c has the states, session_recall.c where a stream begins, session_gap.c what
 * somebody has decided to pass, session_sink.c what sink and registry have to say,
 * session_renewal.c what happens to secrets and certificates that are renewed,
 * session_snapshot.c when rows are read that were there before, session_watch.c what
 * operators see, session_slot.c who watches the slot.
 */
#ifndef RELAY_SESSION_PARTS_H
#define RELAY_SESSION_PARTS_H

#include "backoff.h"
#include "config.h"
#include "gentle.h"
#include "gap.h"
#include "gap_writer.h"
#include "health.h"
#include "incremental.h"
#include "loop.h"
#include "metrics.h"
#include "notify.h"
#include "pipeline.h"
#include "progress_topic.h"
#include "snapshot.h"
#include "signal_topic.h"
#include "slot_watch.h"
#include "source.h"

#define REPORT_MS 60000

enum session_state
{
	SESSION_CONNECTING,
	SESSION_STREAMING,
	SESSION_BACKING_OFF,
	SESSION_DRAINING,
	SESSION_ENDED
};

/* Exactly once a sink may be sent to when no other relay produces any more. */
enum sink_stage
{
	SINK_UNFENCED,
	SINK_FENCING,
	SINK_FENCED, /* what the progress topic says is final, and is being read */
	SINK_READY
};

/* What a rate is reckoned from. */
struct moment
{
	int64_t			   at_ms; /* loop time */
	uint64_t		   sent;
	enum metrics_state state;
};

struct session
{
	struct loop			*loop;
	const struct config *cfg;
	struct config		*settings; /* the same, for who renews secrets */
	struct registry		*reg;
	struct sink			*sink;
	struct source		*src;
	struct pipeline		*pl;
	struct history		*hist;	/* NULL: no schema changes are told, or not to Kafka */
	struct topics		*topics;	 /* what they are like; NULL with progress */
	struct progress_topic *progress; /* NULL: the sink is not Kafka */
	bool				 recalled;	 /* the progress topic was read, exactly once for this sink */
	struct position		 found;		 /* there; lsn 0: nothing */
	uint64_t			 slot_lsn;	   /* where the slot stood when the stream began */
	uint64_t			 known_system; /* system_id of the server that the topic's position is of */
	struct progress		 follows;	 /* what is written of the server that streams */
	struct gap_list		 gaps;		 /* passed by --accept-gap, and not written down yet */
	struct gap_writer	*gap_writer; /* NULL with progress */
	uint64_t			 gaps_lsn;	 /* what it writes: where the stream goes on */
	uint64_t			 gaps_accepted;
	struct slot_watch	*watch;	 /* how the slot is */
	struct gentle		*gentle; /* how much may be read of the source */
	struct snapshot	 *snap;
	struct incremental	 *inc;
	struct signal_topic	 *signals; /* for inc; NULL: none come by Kafka */
	bool				 snap_streaming; /* it knows that the stream is up */
	bool				 snap_decided;	 /* whether there is one to be taken */
	bool				 had_position;	 /* the topic, when it was first read */
	bool				 tokens_told;
	enum sink_stage		 sink_stage;
	bool				 asked;		 /* the server waits to hear the position */
	struct admin		*admin; /* NULL: none */
	struct preflight	*preflight; /* NULL: none */
	struct notify		*notify; /* NULL: no supervisor wants to know */
	struct moment		 notified; /* what it was told last */
	enum session_state	 state;
	struct backoff		 backoff;
	bool				 ran;		  /* some stream has started */
	uint64_t			 stream_lsn;	  /* where the stream began */
	int64_t				 stream_since_ms; /* loop time */
	int64_t				 held_since_ms;	  /* the slot is active elsewhere; 0: it is not */
	bool				 sink_seen;	  /* it was reachable once */
	bool				 sink_up;	  /* it is reachable now */
	bool				 sink_stuck;  /* it says nothing about transactions */
	bool				 sink_broken; /* make it anew before the next stream */
	bool				 passes;	  /* what it broke of is passed over the next time */
	uint32_t			 batch_bytes; /* batches were refused; 0: none was */
	bool				 registry_down;
	struct health		 health;
	uint64_t			 acked; /* messages of all sinks */
	struct metrics_reconnects reconnects;
	struct reasons		 produce_errors;
	struct client_stats	 client;  /* of the sink, if it is Kafka */
	struct journal		*journal; /* what operators are shown */
	int64_t				 acked_us; /* when this round's acknowledgements came; 0: none has */
	struct sink_stats	 sinks_before; /* of sinks that broke */
	unsigned			 sink_secrets;	   /* renewed before the sink was made */
	uint64_t			 sink_files;	   /* config_kafka_files() at that time */
	enum err_code		 refused;		   /* a login that was good is refused: E1202, E2004; 0: none */
	int64_t				 refused_since_ms; /* loop time */
	struct loop_timer	 renewal;		   /* set: the brokers are away, and it is looked for what is new */
	struct loop_timer	 retry;
	struct loop_timer	 drain_limit;
	struct loop_timer	 report;
	struct loop_timer	 progress_due;
	struct err			*result; /* session_run's *e */
	enum rc				 rc;

	uint64_t reported_sent; /* at the last report */
	uint64_t reported_transactions;
	uint64_t reported_skipped;
};

/* --- session.c --------------------------------------------------------------- */

/* A new stream from where it has to begin; a new sink first if the old one broke. */
void session_connect(struct session *ses);
/* Whatever failed: the stream is over; again after a while, or never. */
void session_trouble(struct session *ses, const struct err *why);
/* Somebody is needed.  What was sent before may still be acknowledged. */
void session_fail(struct session *ses, const struct err *e);
/* No more frames; it ends when nothing is in flight. */
void session_drain(struct session *ses);
/* Everything is acknowledged, or time is up: the last word to the server. */
void session_end(struct session *ses);
/* The stream is over, before state changes: the next pause begins short again if it was good. */
void session_stream_ended(struct session *ses);

static inline uint64_t
session_durable(const struct session *ses) /* LSN that the server may be told */
{
	return delivery_durable(pipeline_delivery(ses->pl));
}

static inline uint64_t
session_outstanding(const struct session *ses) /* messages that are not acknowledged */
{
	return ack_outstanding(delivery_ack(pipeline_delivery(ses->pl)));
}

/* --- session_recall.c ---------------------------------------------------------- */

/* Reads the progress topic if that is still to be done, then lets the source begin. */
void session_recall(struct session *ses);
/* The stream has started: fences others off, if that is still to be done. */
void session_fence(struct session *ses);
/* Positions that are written from now on are this server's. */
void session_follow(struct session *ses, const struct source_info *info);
/* Of the progress topic, and of the sink: it is read, they are fenced off. */
void session_on_progress_read(void *arg);
void session_on_sink_ready(void *arg);

/* --- session_renewal.c --------------------------------------------------------- */

/* Reads secrets that files hold again.  True: one is another one now. */
bool session_renew(struct session *ses);
/* The same, and a new producer if it has secrets or certificates that are not there any more. */
void session_renew_all(struct session *ses);
/* A sink is made of what there is now. */
void session_note_sink(struct session *ses);
/* What it was made of is not what there is. */
bool session_sink_is_stale(const struct session *ses);
/* A login was refused that was accepted before.  True: it may be tried again, with what was renewed. */
bool session_may_be_renewed(struct session *ses, const struct err *e);
/* PostgreSQL (E1202) or Kafka (E2004) has let us in. */
void session_login_accepted(struct session *ses, enum err_code code);
/* A timer's: the brokers are away. */
void session_on_renewal_due(void *arg);

/* --- session_gap.c ------------------------------------------------------------- */

/* The progress topic has been read: which gaps --accept-gap passes before anything is connected. */
void session_find_gaps(struct session *ses, const struct progress *found);
/* RC_ERR E2012: one of them was refused before, and --accept-gap does not pass it. */
enum rc session_check_topics(struct session *ses, struct err *e) MUST_CHECK;
/* Why the stream did not start.  True: it is passed, and the stream is tried again. */
bool session_pass_refusal(struct session *ses, const struct err *e);
/* The stream has started, where it had been refused before.  True: as above. */
bool session_pass_start(struct session *ses, const struct source_info *info);
/*
 * Writes down what is passed, once the slot is ours.  True: nothing may be read before
 * that is done; then all begins anew.
 */
bool session_write_gaps(struct session *ses);
void session_on_gaps_written(void *arg);
/* Once: which tokens fit nothing. */
void session_tell_tokens(struct session *ses);
/* Adds to an error that ends the session how it can be passed, if it can. */
void session_hint_gap(struct session *ses, struct err *e);

/* --- session_sink.c ------------------------------------------------------------ */

enum rc session_open_sink(struct session *ses, struct err *e) MUST_CHECK;
enum rc session_open_registry(struct session *ses, struct err *e) MUST_CHECK;
void    session_on_history_read(void *arg);

/* --- session_snapshot.c --------------------------------------------------------- */

void session_open_snapshot(struct session *ses);
/* What the topic says of one, and whether it has a position. */
void session_recall_snapshot(struct session *ses, const struct progress *found);
/*
 * Once, when the stream may be read: whether rows are to be read.  Before the first position
 * is written down, because what is due is written with it.
 */
void session_decide_snapshot(struct session *ses);
/* At the end of each round of the loop. */
void session_pump_snapshot(struct session *ses);
/* Messages in flight will never be acknowledged: pipeline_forget(), and what follows. */
void session_forget(struct session *ses);

/* --- session_slot.c --------------------------------------------------------------- */

void session_open_watch(struct session *ses);
/* The stream has started: the slot is watched from now on, at the server of the stream. */
void session_watch_slot(struct session *ses, const struct source_info *info);

/* --- session_watch.c ------------------------------------------------------------ */

void session_metrics(void *arg, struct metrics *m);
/* Once a round: whether the relay comes forward. */
void session_look(struct session *ses);
/* Adds what a sink has done. */
void session_add_stats(const struct sink *sink, struct sink_stats *sum);
/* A line a minute, while anything happens. */
void session_on_report(void *arg);
/* A supervisor that wants to know: whether it is up, and what it does. */
void session_open_notify(struct session *ses);
void session_notify(struct session *ses); /* at the end of each round of the loop */
/* What was passed over since the last time. */
void session_tell_detours(struct session *ses);

#endif /* RELAY_SESSION_PARTS_H */
