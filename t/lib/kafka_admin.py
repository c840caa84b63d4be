"""kafka_admin.py create TOPIC PARTITIONS [K=V...] | delete TOPIC | partitions TOPIC COUNT |
truncate TOPIC | config TOPIC K=V... | produce TOPIC KEY VALUE | allow, disallow NAME USER OPERATION
[topic|prefix|transaction]: what people do to topics, and to rights on them, while no relay looks.  truncate takes all records away, as kafka-delete-records.sh does.
Comes back when the broker shows it.  Called by TAP files; run by the Python of t/lib/venv.
"""

import argparse
import time

import kafka
from kafka.admin import ACL, ACLFilter, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern
from kafka.admin import ResourceType, ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.structs import TopicPartition

DYNAMIC_TOPIC_CONFIG = 1	# a source of settings, by its number in the protocol


def wait_for(condition, what):
	deadline = time.monotonic() + 180
	while not condition():
		if time.monotonic() > deadline:
			raise TimeoutError(f"waited in vain for {what}")
		time.sleep(0.05)


def described(admin, resource):
	"""Those of a topic's own settings that are not the broker's."""
	answer = admin.describe_configs([resource])[0]
	return {entry[0]: entry[1] for entry in answer.resources[0][4] if entry[3] == DYNAMIC_TOPIC_CONFIG}


def settings(pairs):
	return dict(pair.split("=", 1) for pair in pairs)


def rights(admin, command, name, user, operation, kind="topic"):
	pattern = ResourcePattern(
		ResourceType.TRANSACTIONAL_ID if kind == "transaction" else ResourceType.TOPIC, name,
		ACLResourcePatternType.PREFIXED if kind == "prefix" else ACLResourcePatternType.LITERAL)
	what = (f"User:{user}", "*", ACLOperation[operation.upper()], ACLPermissionType.ALLOW, pattern)
	if command == "allow":
		assert admin.create_acls([ACL(*what)])["succeeded"]
	else:
		found = admin.delete_acls([ACLFilter(*what)])
		assert len(found[0][1]) == 1, f"there is no such right: {found}"


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("--bootstrap", required=True)
	parser.add_argument("command")
	parser.add_argument("topic")
	parser.add_argument("more", nargs="*")
	args = parser.parse_args()
	admin = KafkaAdminClient(bootstrap_servers=args.bootstrap)
	consumer = kafka.KafkaConsumer(bootstrap_servers=args.bootstrap, group_id=None,
		allow_auto_create_topics=False)

	def count():
		return len(consumer.partitions_for_topic(args.topic) or ()) if args.topic in consumer.topics() else 0

	if args.command == "create":
		admin.create_topics([NewTopic(args.topic, int(args.more[0]), 1, topic_configs=settings(args.more[1:]))])
		wait_for(lambda: count() == int(args.more[0]), "the topic")
	elif args.command == "delete":
		admin.delete_topics([args.topic])
		wait_for(lambda: count() == 0, "the topic to be gone")
	elif args.command == "partitions":
		admin.create_partitions({args.topic: NewPartitions(int(args.more[0]))})
		wait_for(lambda: count() == int(args.more[0]), "the partitions")
	elif args.command == "truncate":
		partitions = [TopicPartition(args.topic, p) for p in consumer.partitions_for_topic(args.topic)]
		ends = consumer.end_offsets(partitions)
		admin.delete_records(ends)
		wait_for(lambda: consumer.beginning_offsets(partitions) == ends, "the records to be gone")
	elif args.command == "config":
		resource = ConfigResource(ConfigResourceType.TOPIC, args.topic)
		wanted = {**described(admin, resource), **settings(args.more)}
		admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, args.topic, wanted)])
		wait_for(lambda: described(admin, resource) == wanted, "the settings")
	elif args.command == "produce":
		producer = kafka.KafkaProducer(bootstrap_servers=args.bootstrap)
		key, value = (text.encode() for text in args.more)
		producer.send(args.topic, key=key, value=value).get(timeout=60)
		producer.close()
	elif args.command in ("allow", "disallow"):
		rights(admin, args.command, args.topic, *args.more)
	else:
		parser.error("no such command")
	admin.close()


if __name__ == "__main__":
	main()
