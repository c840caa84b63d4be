/*
 * frame.c
 *		Takes messages and frames apart; see frame.h.
 *
 * The replication protocol is big-endian (PostgreSQL documentation, "Streaming
 * Replication Protocol"), our frames are little-endian (wire.h).
 */
#include "frame.h"

#define XLOGDATA_HEADER 24 /* start, end of WAL, clock: 8 bytes each */
#define KEEPALIVE_BODY 17  /* end of WAL, clock, reply asked */

static uint64_t
get_be64(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

static uint8_t *
put_be64(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t) (value >> (56 - 8 * i));
	return at + 8;
}

enum rc
copy_message_read(const void *data, size_t len, struct copy_message *msg, struct err *e)
{
	const uint8_t *at = data;

	if (len == 0)
		return err_set(e, ERR_PROTOCOL, E1404, "replication message is empty");
	msg->kind = (char) at[0];
	msg->reply_asked = false;
	msg->payload = cursor_over(at + len, 0);
	if (at[0] == 'w' && len >= 1 + XLOGDATA_HEADER)
	{
		msg->server_lsn = get_be64(at + 9);
		msg->payload = cursor_over(at + 1 + XLOGDATA_HEADER, len - 1 - XLOGDATA_HEADER);
		return RC_OK;
	}
	if (at[0] == 'k' && len >= 1 + KEEPALIVE_BODY)
	{
		msg->server_lsn = get_be64(at + 1);
		msg->reply_asked = at[17] != 0;
		return RC_OK;
	}
	err_set(e, ERR_PROTOCOL, E1404, "replication message is not understood");
	return err_detail(e, "It is of kind 0x%02x and has %zu bytes.", at[0], len);
}

/*
 * What is flushed is also called applied: nothing reads the difference, and
 * pg_stat_replication then shows a lag that means something.
 */
void
status_message_write(uint8_t out[STATUS_MESSAGE_LEN], uint64_t written, uint64_t flushed,
					 int64_t now_us, bool want_reply)
{
	uint8_t *at = out;

	*at++ = 'r';
	at = put_be64(at, written);
	at = put_be64(at, flushed);
	at = put_be64(at, flushed);
	at = put_be64(at, (uint64_t) now_us);
	*at = want_reply;
}

static enum rc
frame_foreign(const struct cursor *cur, struct err *e)
{
	char   hex[3 * WIRE_FRAME_HEADER + 1] = "";
	size_t n = cursor_left(cur) < WIRE_FRAME_HEADER ? cursor_left(cur) : WIRE_FRAME_HEADER;

	for (size_t i = 0; i < n; i++)
	{
		static const char digits[] = "0123456789abcdef";

		hex[3 * i] = digits[cur->p[i] >> 4];
		hex[3 * i + 1] = digits[cur->p[i] & 15];
		hex[3 * i + 2] = i + 1 < n ? ' ' : '\0';
	}
	err_set(e, ERR_PROTOCOL, E1401, "bytes are not a walrelay frame");
	err_detail(e, "They begin with %s.", hex);
	return err_hint(e, "Check that the slot's plugin is walrelay and that it was started without "
					   "format=text.");
}

enum rc
frame_next(struct cursor *cur, struct cursor *records, size_t *need, struct err *e)
{
	const uint8_t *at = cur->p;
	size_t         left = cursor_left(cur);
	uint32_t       len;

	*need = WIRE_FRAME_HEADER;
	if ((left > 0 && at[0] != WIRE_MAGIC0) || (left > 1 && at[1] != WIRE_MAGIC1))
		return frame_foreign(cur, e);
	if (left > 2 && (at[2] < WIRE_VERSION_MIN || at[2] > WIRE_VERSION_MAX))
	{
		err_set(e, ERR_PROTOCOL, E1403, "frame has protocol version %u", at[2]);
		err_detail(e, "This walrelay reads versions %d to %d.", WIRE_VERSION_MIN, WIRE_VERSION_MAX);
		return err_hint(e, "Install the walrelay program and the walrelay plugin of one release.");
	}
	if (left > 3 && at[3] != 0)
		return frame_foreign(cur, e);
	if (left < WIRE_FRAME_HEADER)
		return RC_AGAIN;
	len =
		(uint32_t) at[4] | (uint32_t) at[5] << 8 | (uint32_t) at[6] << 16 | (uint32_t) at[7] << 24;
	if (len > WIRE_FRAME_MAX)
		return frame_foreign(cur, e);
	*need = WIRE_FRAME_HEADER + (size_t) len;
	if (left < *need)
		return RC_AGAIN;
	*records = cursor_over(at + WIRE_FRAME_HEADER, len);
	cur->p += *need;
	return RC_OK;
}
