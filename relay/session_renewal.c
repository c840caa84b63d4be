/*
 * session_renewal.c
 *		Secrets and certificates that somebody renews while the relay runs.
 *
 * What KEY.file names is read again whenever a connection is made, when a login is refused, and
 * at SIGHUP.  libpq and libcurl read certificates at each connection.  librdkafka reads them when a
 * client is made: where the brokers cannot be reached, or refuse us, and what it has read is not
 * what is there any more, a new producer is made.  One that works is left alone, but for SIGHUP.
 */
#include "log.h"
#include "producer_error.h"
#include "session_parts.h"

/* How often it is looked for what has changed while no broker can be reached. */
#define LOOK_MS 2000
/* So long a login that was accepted before may be refused: the new secret is on its way to us. */
#define GRACE_MS 60000

bool
session_renew(struct session *ses)
{
	struct err e;
	unsigned   renewed;

	if (config_renew(ses->settings, &renewed, &e) != RC_OK)
		log_err(LOG_WARN, &e, "the secret that was there before is used");
	if (renewed > 0)
		log_info("secrets that files hold were renewed: %u", renewed);
	return renewed > 0;
}

void
session_note_sink(struct session *ses)
{
	ses->sink_secrets = ses->cfg->nretired;
	ses->sink_files = config_kafka_files(ses->cfg);
}

bool
session_sink_is_stale(const struct session *ses)
{
	return ses->cfg->format.sink == SINK_KAFKA &&
		   (ses->sink_secrets != ses->cfg->nretired || ses->sink_files != config_kafka_files(ses->cfg));
}

/* What is in flight comes again, as with a sink that broke. */
static void
session_replace_sink(struct session *ses)
{
	if (ses->sink == NULL || ses->sink_broken ||
		(ses->state != SESSION_STREAMING && ses->state != SESSION_CONNECTING &&
		 ses->state != SESSION_BACKING_OFF))
		return;
	log_info("secrets or certificates for Kafka have changed: a new producer is made");
	ses->sink_broken = true;
	session_stream_ended(ses);
	source_abort(ses->src);
	session_forget(ses);
	ses->state = SESSION_BACKING_OFF;
	loop_timer_set(ses->loop, &ses->retry, 0);
}

void
session_on_renewal_due(void *arg)
{
	struct session *ses = arg;

	if (ses->sink_up || ses->state == SESSION_DRAINING || ses->state == SESSION_ENDED)
		return;
	(void) session_renew(ses);
	if (session_sink_is_stale(ses))
		session_replace_sink(ses);
	else
		loop_timer_set(ses->loop, &ses->renewal, LOOK_MS);
}

void
session_renew_all(struct session *ses)
{
	(void) session_renew(ses);
	if (session_sink_is_stale(ses))
		session_replace_sink(ses);
}

bool
session_may_be_renewed(struct session *ses, const struct err *e)
{
	if (!ses->ran || (e->code != E1202 && !producer_error_is_login(e)))
		return false;
	if (session_renew(ses) || (e->code == E2004 && session_sink_is_stale(ses)))
	{
		ses->refused = 0;
		return true;
	}
	if (ses->refused != e->code)
		ses->refused_since_ms = loop_now_ms();
	ses->refused = e->code;
	return ses->cfg->secret_files && loop_now_ms() - ses->refused_since_ms < GRACE_MS;
}

void
session_login_accepted(struct session *ses, enum err_code code)
{
	if (ses->refused == code)
		ses->refused = 0;
}
