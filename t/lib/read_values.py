"""read_values.py TOPIC: the values of a topic's records as they are, a line each, as far as Kafka
transactions have committed them; tombstones are empty lines.  For topics that hold text.
With --ends only how many offsets its partitions have given out, committed or not; with
--open how many of them lie behind the first transaction that is still open.
"""

import argparse
import sys

import kafka
from kafka.structs import TopicPartition


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("topic")
	parser.add_argument("--bootstrap", required=True)
	parser.add_argument("--ends", action="store_true")
	parser.add_argument("--open", action="store_true")
	args = parser.parse_args()

	def consumer_new(isolation):
		return kafka.KafkaConsumer(bootstrap_servers=args.bootstrap, group_id=None,
			enable_auto_commit=False, auto_offset_reset="earliest", allow_auto_create_topics=False,
			isolation_level=isolation)

	consumer = consumer_new("read_uncommitted" if args.ends else "read_committed")
	partitions = [TopicPartition(args.topic, p) for p in consumer.partitions_for_topic(args.topic) or ()]
	consumer.assign(partitions)
	consumer.seek_to_beginning(*partitions)
	ends = consumer.end_offsets(partitions)
	if args.ends:
		print(sum(ends.values()))
		return
	if args.open:
		plain = consumer_new("read_uncommitted")
		plain.topics()
		print(sum(plain.end_offsets(partitions).values()) - sum(ends.values()))
		return
	while any(consumer.position(tp) < ends[tp] for tp in partitions):
		for batch in consumer.poll(timeout_ms=500).values():
			for record in batch:
				sys.stdout.buffer.write((record.value or b"") + b"\n")


if __name__ == "__main__":
	main()
