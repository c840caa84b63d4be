/*
 * kafka_tls.h
 *		Why a broker's certificate was not accepted.
 *
 * librdkafka's error says only that it was not; OpenSSL's reason is heard in its
 * verification.  Called by kafka_conf.c for each client; producer_error.c asks.
 */
#ifndef RELAY_KAFKA_TLS_H
#define RELAY_KAFKA_TLS_H

#include <stddef.h>

#include "kafka_conf.h"

/* From now on clients of conf tell why they refuse a certificate; what they refuse stays the same. */
void kafka_tls_listen(rd_kafka_conf_t *conf);

/* The last reason that any client of this process had, "certificate has expired"; "": none. */
void kafka_tls_reason(char *reason, size_t size);

#endif /* RELAY_KAFKA_TLS_H */
