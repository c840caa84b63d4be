/*
 * kafka_tls.c
 *		OpenSSL's word on a broker's certificate; see kafka_tls.h.
 */
#include "kafka_tls.h"

#include <pthread.h>
#include <stdio.h>

#include <librdkafka/rdkafka.h>
#include <openssl/x509.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over what follows */
static char            last[128];

/* In librdkafka's threads.  The verdict is OpenSSL's. */
static int
on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
			   const char *certificate, size_t len, char *text, size_t size, void *arg)
{
	(void) rk, (void) broker, (void) id, (void) depth, (void) certificate, (void) len, (void) arg;
	if (*error == X509_V_OK)
		return 1;
	snprintf(text, size, "%s", X509_verify_cert_error_string(*error));
	pthread_mutex_lock(&lock);
	snprintf(last, sizeof(last), "%s", text);
	pthread_mutex_unlock(&lock);
	return 0;
}

void
kafka_tls_listen(rd_kafka_conf_t *conf)
{
	/* A library without TLS has nothing to tell. */
	(void) rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate);
}

void
kafka_tls_reason(char *reason, size_t size)
{
	pthread_mutex_lock(&lock);
	snprintf(reason, size, "%s", last);
	pthread_mutex_unlock(&lock);
}
