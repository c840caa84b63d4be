/*
 * crash_point.h
 *		Test builds only: places where the relay can be made to die.
 *
 * With -DWALRELAY_CRASH_POINTS (make crash) the process kills itself with SIGKILL
 * at the Nth passing of the point that WALRELAY_CRASH_POINT=NAME[:N] names, and
 * stops itself with SIGSTOP, until somebody continues it, at that of
 * WALRELAY_STOP_POINT.  With WALRELAY_CRASH_COUNTS=FILE it writes at its exit how
 * often it has passed each.  In any other build nothing of this is there.
 * t/073_crash_points.pl lets it die at each of them; make lint compares the table
 * with the code: each point has one place.
 */
#ifndef RELAY_CRASH_POINT_H
#define RELAY_CRASH_POINT_H

#ifdef WALRELAY_CRASH_POINTS

#include <stdio.h>

/*
 * X(name, which delivery modes pass it, what has to happen that it is passed)
 *
 * Modes: BOTH, or ONCE, exactly once only, or LEAST, at least once only.
 * LOAD: changes come in.  LOSS: the server ends the stream meanwhile.  FAIL: the
 * sink fails.  DRAIN: SIGTERM.  PART: the relay starts again where a part of a
 * transaction is delivered.  GAP: it passes a gap (t/058).  ROWS: it reads the rows that
 * were there before; meanwhile, ROWSUPSET: the exported snapshot is lost; ROWSLOSS: the
 * stream is; ROWSFAIL: the sink fails; ROWSDRAIN: SIGTERM.  INC: it reads rows while changes
 * stream; meanwhile, INCWAIT: somebody's transaction keeps it from that; INCUPSET: a connection
 * is lost; INCAGAIN: a row is changed without all of its values; INCLOSS, INCFAIL, INCDRAIN as
 * above.  Those come here in the order in which one trial can have them.
 */
#define CRASH_POINTS(X)                                                                    \
	/* session.c: a connection is made */                                                  \
	X(session_opened, BOTH, LOAD)  /* nothing is connected yet */                          \
	X(recall_began, BOTH, LOAD)    /* the progress topic is being read */                  \
	X(recall_ended, BOTH, LOAD)    /* it is read, its position is taken in */              \
	X(source_starting, BOTH, LOAD) /* PostgreSQL is asked for the stream */                \
	X(source_started, BOTH, LOAD)  /* it has begun; nothing knows of it */                 \
	X(stream_started, BOTH, LOAD)  /* the pipeline does */                                 \
	X(fence_asked, ONCE, LOAD)     /* others are to be fenced off */                       \
	X(fence_ended, ONCE, LOAD)     /* they are */                                          \
	X(recalled_again, ONCE, LOAD)  /* the topic's position is final */                     \
	X(sink_ready, ONCE, LOAD)      /* the first frame may come */                          \
	/* pipeline.c: a record's way */                                                       \
	X(frame_taken, BOTH, LOAD)                                                             \
	X(frame_waits, BOTH, LOAD) /* something in it cannot go on now */                      \
	X(frame_resumed, BOTH, LOAD)                                                           \
	X(frame_done, BOTH, LOAD)                                                              \
	X(begin_taken, BOTH, LOAD)                                                             \
	X(relation_learnt, BOTH, LOAD)                                                         \
	X(change_taken, BOTH, LOAD) /* its schemas are registered; it is not encoded */        \
	X(change_encoded, BOTH, LOAD)                                                          \
	X(message_sent, BOTH, LOAD)      /* one message of a change, with others to come */    \
	X(change_waits_half, BOTH, LOAD) /* no room for the rest of its messages */            \
	X(change_sent, BOTH, LOAD)       /* all of them */                                     \
	X(truncate_sent, BOTH, LOAD)     /* of one table */                                    \
	X(logical_message_sent, BOTH, LOAD)                                                    \
	X(boundary_begin_sent, BOTH, LOAD) /* provide.transaction.metadata */                  \
	X(boundary_end_sent, BOTH, LOAD)                                                       \
	X(schema_change_sent, BOTH, LOAD)                                                      \
	X(commit_taken, BOTH, LOAD) /* not counted yet */                                      \
	X(commit_counted, BOTH, LOAD)                                                          \
	X(mark_counted, BOTH, LOAD)                                                            \
	X(part_dropped, ONCE, PART) /* a change is in Kafka already */                         \
	/* pipeline.c: positions are written down */                                           \
	X(progress_due, BOTH, LOAD)                                                            \
	X(progress_sent, BOTH, LOAD)                                                           \
	X(progress_part_sent, ONCE, LOAD) /* in the middle of a transaction */                 \
	X(progress_acked, BOTH, LOAD)     /* it is in Kafka; nothing here knows of it */       \
	X(progress_written, BOTH, LOAD)   /* the server may be told */                         \
	X(part_written, ONCE, LOAD)       /* the same, in the middle of a transaction */       \
	/* producer.c */                                                                       \
	X(topic_made, BOTH, LOAD) /* the brokers say so; nothing has gone there */             \
	X(topic_opened, BOTH, LOAD)                                                            \
	X(produce_before, BOTH, LOAD)                                                          \
	X(produce_after, BOTH, LOAD)                                                           \
	X(report_taken, BOTH, LOAD) /* a delivery report, not counted yet */                   \
	X(report_counted, BOTH, LOAD)                                                          \
	X(kafka_begin_before, ONCE, LOAD)                                                      \
	X(kafka_begin_after, ONCE, LOAD)                                                       \
	X(kafka_commit_before, ONCE, LOAD) /* not handed to the thread yet */                  \
	X(kafka_commit_handed, ONCE, LOAD)                                                     \
	X(kafka_commit_answered, ONCE, LOAD) /* the loop has its answer */                     \
	X(kafka_commit_counted, ONCE, LOAD)  /* messages are acknowledged, the position not */ \
	/* transactor.c, in its thread */                                                      \
	X(fence_call_before, ONCE, LOAD)                                                       \
	X(fence_call_after, ONCE, LOAD)                                                        \
	X(commit_call_before, ONCE, LOAD)                                                      \
	X(commit_call_after, ONCE, LOAD) /* committed; the loop does not know */               \
	X(call_told, ONCE, LOAD)         /* and wakes the loop */                              \
	/* source.c: the server is told */                                                     \
	X(status_before, BOTH, LOAD)                                                           \
	X(status_put, BOTH, LOAD) /* into libpq's buffer */                                    \
	X(status_sent, BOTH, LOAD)                                                             \
	/* registry.c */                                                                       \
	X(schema_asked, BOTH, LOAD)                                                            \
	X(schema_answered, BOTH, LOAD)                                                         \
	X(schema_accepted, BOTH, LOAD)                                                         \
	X(schema_refused, BOTH, LOAD)                                                          \
	/* dead letters, and what was told of schemas */                                       \
	X(letters_begin, BOTH, LOAD) /* a table's messages become dead letters from here on */ \
	X(letter_schema_sent, BOTH, LOAD)                                                      \
	X(letter_sent, BOTH, LOAD)                                                             \
	X(history_read, BOTH, LOAD)                                                            \
	/* session.c: the server goes away */                                                  \
	X(source_lost, BOTH, LOSS)                                                             \
	X(stream_given_up, BOTH, LOSS)                                                         \
	X(change_left_half, ONCE, LOSS) /* the sink is given up with it */                     \
	X(backing_off, BOTH, LOSS)                                                             \
	X(reconnecting, BOTH, LOSS)                                                            \
	/* session.c: the sink fails */                                                        \
	X(sink_failed, BOTH, FAIL)                                                             \
	X(messages_forgotten, BOTH, FAIL)                                                      \
	X(sink_freed, ONCE, FAIL)                                                              \
	X(sink_rebuilt, ONCE, FAIL)                                                            \
	/* session_gap.c, and gap_writer.c in its thread: a gap is passed */                   \
	X(gap_passed, BOTH, GAP)     /* it is decided; nothing of it is written */             \
	X(gap_told, BOTH, GAP)       /* records of it are there, the position is not */        \
	X(gap_closed, BOTH, GAP)     /* the position is, too; the loop does not know */        \
	X(gap_begin_anew, BOTH, GAP) /* the stream begins behind it */                         \
	/* snapshot*.c, session_snapshot.c, pipeline_rows.c: rows that were there before */    \
	X(snapshot_round_begun, BOTH, ROWS) /* its first connection is being made */           \
	X(snapshot_describing, BOTH, ROWS)  /* the plugin is being asked */                    \
	X(snapshot_described, BOTH, ROWS)   /* the stream has brought them */                  \
	X(snapshot_exporting, BOTH, ROWS)   /* the slot is being made */                       \
	X(snapshot_answered, BOTH, ROWS)    /* it is made; the stream is not held there */     \
	X(snapshot_exported, BOTH, ROWS)    /* it is to be */                                  \
	X(snapshot_looked, BOTH, ROWS)      /* which tables are in it is known */              \
	X(snapshot_held, BOTH, ROWS)        /* what the stream has next waits */               \
	X(snapshot_chunk_read, BOTH, ROWS)                                                     \
	X(snapshot_batch_begun, BOTH, ROWS) /* none of a chunk's rows is sent */               \
	X(snapshot_row_sent, BOTH, ROWS)                                                       \
	X(snapshot_batch_sent, BOTH, ROWS)   /* or all but what must wait */                   \
	X(snapshot_batch_safe, BOTH, ROWS)   /* acknowledged, not noted */                     \
	X(snapshot_table_noting, BOTH, ROWS) /* of one table; others are not */                \
	X(snapshot_noted, BOTH, ROWS)        /* all of that is in Kafka */                     \
	X(snapshot_round_done, BOTH, ROWS)   /* all is sent, the stream is still held */       \
	X(snapshot_released, BOTH, ROWS)     /* it goes on */                                  \
	X(snapshot_finished, BOTH, ROWS)     /* all is noted but that */                       \
	X(snapshot_job_noting, BOTH, ROWS)   /* of the job; the position is not */             \
	X(snapshot_told, BOTH, ROWS)         /* that is, too */                                \
	X(snapshot_disturbed, BOTH, ROWSUPSET)                                                 \
	X(snapshot_stream_lost, BOTH, ROWSLOSS)                                                \
	X(snapshot_sink_lost, BOTH, ROWSFAIL) /* what is not noted comes again */              \
	X(snapshot_stopped, BOTH, ROWSDRAIN)                                                   \
	/* incremental*.c: tables are read while their changes stream */                       \
	X(incremental_asked, BOTH, INC)            /* a signal has come */                     \
	X(incremental_job_noting, BOTH, INC)       /* written; the position is not */          \
	X(incremental_looking_up, BOTH, INC)       /* what it means is being asked */          \
	X(incremental_found, BOTH, INC)            /* it is known, not written */              \
	X(incremental_begun, BOTH, INC)            /* its first connection is being made */    \
	X(incremental_dropped, BOTH, INC)          /* a table cannot be read */                \
	X(incremental_last_known, BOTH, INC)       /* the largest key is */                    \
	X(incremental_ordered, BOTH, INC)          /* the order of a key is known */           \
	X(incremental_chunk_again, BOTH, INCAGAIN) /* it cannot be sent */                     \
	X(incremental_hidden, BOTH, INCWAIT)       /* not all can be seen yet */               \
	X(incremental_reader_lost, BOTH, INCUPSET)                                             \
	X(incremental_stream_lost, BOTH, INCLOSS)                                              \
	X(incremental_sink_lost, BOTH, INCFAIL) /* what is not noted comes again */            \
	X(incremental_stopped, BOTH, INCDRAIN)                                                 \
	X(incremental_describing, BOTH, INC)  /* the plugin is being asked of a table */       \
	X(incremental_described, BOTH, INC)   /* the stream has brought it */                  \
	X(incremental_chunk_asked, BOTH, INC) /* its window is open */                         \
	X(incremental_chunk_read, BOTH, INC)                                                   \
	X(incremental_watermark, BOTH, INC)   /* the stream is held for it */                  \
	X(incremental_chunk_begun, BOTH, INC) /* none of its rows is sent */                   \
	X(incremental_row_sent, BOTH, INC)                                                     \
	X(incremental_chunk_sent, BOTH, INC)   /* all are, the stream is still held */         \
	X(incremental_chunk_safe, BOTH, INC)   /* acknowledged, not noted */                   \
	X(incremental_table_noting, BOTH, INC) /* of one table; others are not */              \
	X(incremental_noted, BOTH, INC)        /* all of that is in Kafka */                   \
	X(incremental_recalled, BOTH, INC)     /* tables that another process was at */        \
	X(incremental_table_over, BOTH, INC)   /* that nothing is left of a table is noted */  \
	X(incremental_table_done, BOTH, INC)   /* that is in Kafka */                          \
	X(incremental_finished, BOTH, INC)     /* nothing is left of any */                    \
	/* session.c: the end */                                                               \
	X(drain_asked, BOTH, DRAIN)                                                            \
	X(drain_began, BOTH, DRAIN)                                                            \
	X(drain_settled, BOTH, DRAIN) /* everything is acknowledged and written down */        \
	X(last_word_due, BOTH, DRAIN) /* the server is not told yet */                         \
	X(last_word_said, BOTH, DRAIN)                                                         \
	X(session_closed, BOTH, DRAIN)

enum crash_point
{
#define CRASH_POINT_ENUM(name, modes, when) CRASH_POINT_##name,
	CRASH_POINTS(CRASH_POINT_ENUM)
#undef CRASH_POINT_ENUM
		CRASH_POINT_COUNT
};

/* From any thread of ours. */
void crash_point_pass(enum crash_point point);

/* One line each: name, modes, when. */
void crash_points_list(FILE *out);

#define CRASH_POINT(name) crash_point_pass(CRASH_POINT_##name)

#else

#define CRASH_POINT(name) ((void) 0)

#endif

#endif /* RELAY_CRASH_POINT_H */
