"""ledger.py: checks a topic against what a ledger table must have written to it.

The table is acct(id, seq): every change of a row raises its seq by one, from 1 at
the insert.  Read with the tests' independent reader, in offset order, each key must

  - live in one partition,
  - show every seq from 1 to the last one that the database has: nothing is lost,
  - never show a seq for the first time behind a higher one: nothing is overtaken,
  - have before.seq = after.seq - 1 in every update (the table is REPLICA IDENTITY FULL).

Records may come again, but only as whole runs: within a partition, a record seen
before must be followed by the records that followed it then, until the run has
reached the end of what was seen.  The number of runs is printed; more than
--runs-max is a failure.  Prints one JSON line; exits 1 with the first breaches.
"""

import argparse
import json
import sys
import time

import kafka
from kafka.structs import TopicPartition

import read_topic


class Checker:
	def __init__(self):
		self.breaches = []
		self.last = {}		# id -> highest seq seen
		self.home = {}		# id -> partition
		self.history = {}	# partition -> [(id, seq)] of first occurrences
		self.place = {}		# (id, seq) -> its place in the history
		self.replay = {}	# partition -> place that a running replay has reached
		self.runs = 0
		self.records = self.repeats = 0

	def breach(self, text):
		if len(self.breaches) < 20:
			self.breaches.append(text)

	def repeated(self, partition, key, seq, where):
		place, running = self.place[key, seq], self.replay.get(partition)
		self.repeats += 1
		if running is None or place != running:
			if running is not None and place > running:
				self.breach(f"{where}: a replay skips from {running} to {place}")
			self.runs += 1
		self.replay[partition] = place + 1

	def first(self, partition, key, seq, where):
		history = self.history.setdefault(partition, [])
		running = self.replay.get(partition)
		if running is not None and running != len(history):
			self.breach(f"{where}: new data before the replay reached the end of what was seen")
		self.replay[partition] = None
		if self.home.setdefault(key, partition) != partition:
			self.breach(f"{where}: key {key} was in partition {self.home[key]}")
		if seq != self.last.get(key, 0) + 1:
			self.breach(f"{where}: key {key} goes from seq {self.last.get(key, 0)} to {seq}")
		self.last[key] = max(seq, self.last.get(key, 0))
		self.place[key, seq] = len(history)
		history.append((key, seq))

	def record(self, partition, offset, key, value):
		where = f"[{partition}] @{offset}"
		self.records += 1
		after, before = value["after"], value["before"]
		if key["id"] != after["id"]:
			self.breach(f"{where}: key {key['id']} on row {after['id']}")
		if value["op"] == "u" and before["seq"] != after["seq"] - 1:
			self.breach(f"{where}: before is seq {before['seq']}, after {after['seq']}")
		if value["op"] != ("c" if after["seq"] == 1 else "u"):
			self.breach(f"{where}: op {value['op']} for seq {after['seq']}")
		known = (after["id"], after["seq"]) in self.place
		(self.repeated if known else self.first)(partition, after["id"], after["seq"], where)


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
	checker = Checker()
	started = time.monotonic()
	while any(consumer.position(tp) < ends[tp] for tp in partitions):
		for batch in consumer.poll(timeout_ms=500, max_records=5000).values():
			for record in batch:
				_, key = read_topic.payload_decode(record.key, registry, None)
				_, value = read_topic.payload_decode(record.value, registry, None)
				checker.record(record.partition, record.offset, key, value)

	with open(args.expect, encoding="ascii") as file:
		expected = {int(id_): int(seq) for id_, seq in (line.split(",") for line in file)}
	for id_, seq in expected.items():
		if checker.last.get(id_) != seq:
			checker.breach(f"key {id_}: the table has seq {seq}, the topic {checker.last.get(id_)}")
	for id_ in checker.last.keys() - expected.keys():
		checker.breach(f"key {id_} is not in the table")
	if checker.runs > args.runs_max:
		checker.breach(f"{checker.runs} replays, {args.runs_max} are accounted for")
	print(json.dumps({"records": checker.records, "repeats": checker.repeats, "runs": checker.runs,
		"keys": len(checker.last), "seconds": round(time.monotonic() - started, 1),
		"breaches": checker.breaches}))
	sys.exit(1 if checker.breaches else 0)


if __name__ == "__main__":
	main()
