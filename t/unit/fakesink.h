/*
 * fakesink.h
 *		A sink that writes down what it gets, in the test's own words, and is full at
 *		will.  It has one topic at a time.
 */
#ifndef T_UNIT_FAKESINK_H
#define T_UNIT_FAKESINK_H

#include "unit.h"

#include "sink.h"

struct fakesink
{
	struct sink sink; /* first: it is cast */
	unsigned    room; /* messages that it will still take */
	struct buf  log;
	char        topic[64];
	unsigned    open; /* topics */
	/* A line about a message that was taken. */
	void (*tell)(struct buf *log, const struct outgoing *out, uint64_t label);
};

static enum rc
fakesink_topic(struct sink *sink, const char *name, struct avro *key, struct avro *value,
			   struct sink_topic **topic, struct err *e)
{
	struct fakesink *fake = (struct fakesink *) sink;

	(void) key, (void) value, (void) e;
	snprintf(fake->topic, sizeof(fake->topic), "%s", name);
	*topic = (struct sink_topic *) fake;
	fake->open++;
	return RC_OK;
}

static void
fakesink_topic_free(struct sink *sink, struct sink_topic *topic)
{
	struct fakesink *fake = (struct fakesink *) sink;

	assert_ptr_equal(topic, fake);
	fake->open--;
}

static enum rc
fakesink_send(struct sink *sink, struct sink_topic *topic, const struct outgoing *out,
			  uint64_t label, struct err *e)
{
	struct fakesink *fake = (struct fakesink *) sink;

	(void) e;
	assert_ptr_equal(topic, fake);
	if (fake->room == 0)
		return RC_AGAIN;
	fake->room--;
	fake->tell(&fake->log, out, label);
	return RC_OK;
}

static void
fakesink_count(struct sink *sink, struct sink_topic *topic, struct topic_count *count)
{
	(void) sink, (void) topic, (void) count;
}

static const struct sink_ops fakesink_ops = {.topic = fakesink_topic,
											 .topic_free = fakesink_topic_free,
											 .count = fakesink_count,
											 .send = fakesink_send};

#endif /* T_UNIT_FAKESINK_H */
