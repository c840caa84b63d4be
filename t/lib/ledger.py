"""ledger.py: checks a topic against what a ledger table must have written to it.

The table is acct(id, seq): every change of a row raises its seq by one, from 1 at
the insert.  Read with the tests' independent reader, in offset order, each key must

  - live in one partition,
  - show every seq from 1 to the last one that the database has: nothing is lost,
  - never show a seq for the first time behind a higher one: nothing is overtaken,
  - have before.seq = after.seq - 1 in every update (the table is REPLICA IDENTITY FULL).

Records may come again, but only as whole runs: within a partition, a record seen
before must be followed by the records that followed it then, until the run has
reached the end of what was seen, and the topic must not end before that.  The number
of runs is printed; more than --runs-max is a failure.  Prints one JSON line; exits 1
with the first breaches.  The judgement is checks.Ledger's.
"""

import argparse
import json
import sys
import time

import kafka
from kafka.structs import TopicPartition

import checks
import read_topic


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("topic")
	parser.add_argument("--bootstrap", required=True)
	parser.add_argument("--registry", required=True)
	parser.add_argument("--expect", required=True, help="file of lines id,seq: the table's last state")
	parser.add_argument("--runs-max", type=int, default=0)
	parser.add_argument("--committed", action="store_true", help="what Kafka transactions have committed")
	args = parser.parse_args()

	consumer = kafka.KafkaConsumer(bootstrap_servers=args.bootstrap, group_id=None,
		enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=16 << 20,
		isolation_level="read_committed" if args.committed else "read_uncommitted")
	partitions = [TopicPartition(args.topic, p) for p in sorted(consumer.partitions_for_topic(args.topic))]
	consumer.assign(partitions)
	consumer.seek_to_beginning(*partitions)
	ends = consumer.end_offsets(partitions)
	registry = read_topic.Registry(args.registry)
	ledger = checks.Ledger()
	started = time.monotonic()
	while any(consumer.position(tp) < ends[tp] for tp in partitions):
		for batch in consumer.poll(timeout_ms=500, max_records=5000).values():
			for record in batch:
				_, key = read_topic.payload_decode(record.key, registry, None)
				_, value = read_topic.payload_decode(record.value, registry, None)
				ledger.record(record.partition, record.offset, key, value)

	with open(args.expect, encoding="ascii") as file:
		expected = {int(id_): int(seq) for id_, seq in (line.split(",") for line in file)}
	ledger.end(expected, args.runs_max)
	print(json.dumps({"records": ledger.records, "repeats": ledger.repeats, "runs": ledger.runs,
		"keys": len(ledger.last), "seconds": round(time.monotonic() - started, 1),
		"breaches": ledger.breaches}))
	sys.exit(1 if ledger.breaches else 0)


if __name__ == "__main__":
	main()
