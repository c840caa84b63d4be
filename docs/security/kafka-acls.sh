#!/bin/sh
# The rights that walrelay needs in Kafka, and no more.  Each line is needed: what is said behind it
# does not work without it.  Run once by whoever may alter ACLs, for each slot:
#
#	BOOTSTRAP=kafka.example:9093 KAFKA_USER=cdc PREFIX=shop SLOT=walrelay sh kafka-acls.sh \
#		--command-config admin.properties
#
# PREFIX: topic.prefix, SLOT: slot.name, KAFKA_USER: sasl.username, or the name (CN=...) in the client's
# certificate.  Arguments are passed on to each command.
set -eu
: "${BOOTSTRAP:?}" "${KAFKA_USER:?}" "${PREFIX:?}" "${SLOT:?}"
allow() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" "$@" --add --allow-principal "User:$KAFKA_USER"; }

# Changes, boundaries of transactions, schema changes, dead letters and positions are written to topics
# whose names begin so.  Describe comes with it, and so does being an idempotent producer (Kafka 2.8).
allow "$@" --topic "$PREFIX." --resource-pattern-type prefixed --operation Write

# The position is read back at each start.
allow "$@" --topic "$PREFIX.progress" --operation Read

# The relay makes that topic, compacted.  Not needed once it is there.
allow "$@" --topic "$PREFIX.progress" --operation Create

# delivery=exactly-once writes in Kafka transactions.  Not needed at least once.
allow "$@" --transactional-id "walrelay-$PREFIX-$SLOT" --operation Write

# include.schema.changes=true: what was told before is read back.  Not needed without.
allow "$@" --topic "$PREFIX.schema-changes" --operation Read

# Other topics are made by whoever runs Kafka (walrelay topics create, as a user of his); or its own ones by the
# relay, and tables' by the brokers, at the first record (auto.create.topics.enable).  Only for the latter two, and
# then instead of the third line:
#	allow "$@" --topic "$PREFIX." --resource-pattern-type prefixed --operation Create
# walrelay dlq reads dead letters, as a user of its own, or as this one:
#	allow "$@" --topic "$PREFIX.dead-letter" --operation Read
# signal.enabled.channels=kafka reads its topic:
#	allow "$@" --topic "$PREFIX-signal" --operation Read
