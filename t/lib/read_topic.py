"""read_topic.py TOPIC...: the tests' independent reader: a Kafka client and an
Avro decoder that share no code with walrelay (no librdkafka, no libavro).  Prints
one JSON object per record, from the first to the last there at the start.  It
fails loudly on whatever a strict consumer would choke on: an unknown schema id,
bytes left over after a value.  Called by Walrelay.pm; run by the Python of t/lib/venv.

Schemas of a dead-letter topic come out of the topic itself; a letter is printed
once its schema has been seen, in whichever partition.

In the JSON, bytes are {"$bytes": hex} and floats that JSON lacks {"$float": text}.
Logical types stay their base type: what is compared is what was written.
"""

import argparse
import glob
import hashlib
import io
import json
import math
import os
import sys
import time
import urllib.error
import urllib.request

import fastavro
import fastavro.schema
import kafka
from kafka.structs import TopicPartition


def schema_plain(node):
	"""The schema without logicalType, so that decoding stops at the base type."""
	if isinstance(node, dict):
		return {name: schema_plain(value) for name, value in node.items() if name != "logicalType"}
	if isinstance(node, list):
		return [schema_plain(value) for value in node]
	return node


class Registry:
	"""Schemas by id, over the registry's REST interface; each is asked for once."""

	def __init__(self, url):
		self.url = url
		self.schemas = {}
		# the registry is on this machine: no proxy, whatever the environment says
		self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

	def schema(self, schema_id):
		if schema_id not in self.schemas:
			if not self.url:
				raise ValueError(f"schema id {schema_id}, but no registry was given")
			url = f"{self.url.rstrip('/')}/schemas/ids/{schema_id}"
			try:
				with self.opener.open(url, timeout=60) as reply:
					text = json.load(reply)["schema"]
			except urllib.error.HTTPError as error:
				raise ValueError(f"GET {url}: {error}") from error
			self.schemas[schema_id] = fastavro.parse_schema(schema_plain(json.loads(text)))
		return self.schemas[schema_id]


def fingerprint(schema):
	"""CRC-64-AVRO of the schema's canonical form: 8 bytes as they stand in a message."""
	canonical = fastavro.schema.to_parsing_canonical_form(schema)
	return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


class SchemaMissing(ValueError):
	"""No schema with this fingerprint, so far."""


class Folder:
	"""Schemas by fingerprint, out of the files of a folder, read again for a new one, and
	out of records that hold one."""

	def __init__(self, path):
		self.path = path
		self.schemas = {}

	def schema(self, fp):
		if fp not in self.schemas and self.path:
			for name in glob.glob(os.path.join(self.path, "**", "*.av*sc"), recursive=True):
				with open(name, encoding="utf-8") as file:
					schema = json.load(file)
				self.schemas[fingerprint(schema)] = fastavro.parse_schema(schema_plain(schema))
		if fp not in self.schemas:
			raise SchemaMissing(f"no schema with fingerprint {fp.hex()} in {self.path}")
		return self.schemas[fp]

	def learn(self, key, text):
		"""A record of a dead-letter topic: its key must be what its schema says."""
		schema = json.loads(text)
		fp = fingerprint(schema)
		if fp != bytes.fromhex(key.decode())[::-1]:
			raise ValueError(f"the record of schema {key.decode()} holds {fp[::-1].hex()}")
		self.schemas[fp] = fastavro.parse_schema(schema_plain(schema))


def payload_decode(data, registry, folder):
	"""(what identifies the schema, value) of a message's key or value."""
	if data is None:
		return None, None
	if len(data) >= 5 and data[0] == 0:
		ident = int.from_bytes(data[1:5], "big")
		schema, rest = registry.schema(ident), data[5:]
	elif len(data) >= 10 and data[:2] == b"\xc3\x01":
		ident = data[2:10].hex()
		schema, rest = folder.schema(data[2:10]), data[10:]
	else:
		return None, data
	stream = io.BytesIO(rest)
	value = fastavro.schemaless_reader(stream, schema, None)
	if stream.tell() != len(rest):
		raise ValueError(f"{len(rest) - stream.tell()} bytes are left over after the value")
	return ident, value


def jsonable(value):
	"""value with what JSON lacks marked, see above."""
	if isinstance(value, bytes):
		return {"$bytes": value.hex()}
	if isinstance(value, float) and not math.isfinite(value):
		return {"$float": str(value)}
	if isinstance(value, dict):
		return {name: jsonable(item) for name, item in value.items()}
	if isinstance(value, (list, tuple)):
		return [jsonable(item) for item in value]
	return value


def header_jsonable(data):
	try:
		return data.decode() if data is not None else None
	except UnicodeDecodeError:
		return {"$bytes": data.hex()}


def record_decode(record, registry, folder):
	return (*payload_decode(record.key, registry, folder), *payload_decode(record.value, registry, folder))


def cut(node, limit):
	"""The value with texts longer than limit as {"$md5": of the text, "$length": its length}."""
	if isinstance(node, str) and len(node) > limit:
		return {"$md5": hashlib.md5(node.encode()).hexdigest(), "$length": len(node), "$start": node[:40]}
	if isinstance(node, dict):
		return {name: cut(item, limit) for name, item in node.items()}
	if isinstance(node, list):
		return [cut(item, limit) for item in node]
	return node


def record_line(record, registry, folder, limit=None):
	if ("__walrelay.schema", b"1") in record.headers:
		folder.learn(record.key, record.value)
		key_schema = value_schema = None
		key, value = record.key.decode(), json.loads(record.value)
	else:
		key_schema, key, value_schema, value = record_decode(record, registry, folder)
	line = {
		"topic": record.topic, "partition": record.partition, "offset": record.offset,
		"timestamp": record.timestamp,
		"key_schema": key_schema, "value_schema": value_schema,
		"key": jsonable(key), "value": jsonable(value),
		"key_hex": record.key.hex() if record.key is not None else None,
		"value_hex": record.value.hex() if record.value is not None else None,
		"headers": [[name, header_jsonable(data)] for name, data in record.headers],
	}
	return json.dumps(cut(line, limit) if limit else line)


def partitions_find(consumer, topics, deadline):
	"""Every partition of topics; waits for topics that do not exist yet until deadline."""
	while True:
		found = consumer.topics()
		missing = [topic for topic in topics if topic not in found]
		if not missing:
			return [TopicPartition(topic, partition)
				for topic in topics for partition in sorted(consumer.partitions_for_topic(topic))]
		if time.monotonic() >= deadline:
			sys.exit(f"read_topic.py: no topic {', '.join(missing)}")
		time.sleep(0.1)


def topics_read(args, consumer):
	registry, folder = Registry(args.registry), Folder(args.schemas)
	deadline = time.monotonic() + args.timeout
	wait = args.until_count is not None
	partitions = partitions_find(consumer, args.topic, deadline if wait else 0)
	consumer.assign(partitions)
	consumer.seek_to_beginning(*partitions)
	ends = consumer.end_offsets(partitions)
	count = 0
	letters = []  # whose schemas have not come yet

	def record_print(record, is_last=False):
		where = f"{record.topic} [{record.partition}] @{record.offset}"
		try:
			print(record_line(record, registry, folder, args.cut))
		except SchemaMissing as error:
			if is_last:
				sys.exit(f"read_topic.py: {where}: {error}")
			letters.append(record)
		except Exception as error:
			sys.exit(f"read_topic.py: {where}: {error}")

	while True:
		at_end = all(consumer.position(tp) >= ends[tp] for tp in partitions)
		if at_end and count >= (args.until_count or 0):
			# with a count, what came after the count was reached is read as well
			new = consumer.end_offsets(partitions) if wait else ends
			if new == ends:
				for record in letters:
					record_print(record, True)
				return
			ends = new
			continue
		if time.monotonic() >= deadline:
			sys.exit(f"read_topic.py: {count} records of {args.until_count or 'all'} after {args.timeout:g} s")
		for batch in consumer.poll(timeout_ms=200).values():
			for record in batch:
				record_print(record)
				count += 1


def main():
	parser = argparse.ArgumentParser(description="Print a topic's records as JSON lines.")
	parser.add_argument("topic", nargs="+")
	parser.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP"))
	parser.add_argument("--registry", default=os.environ.get("REGISTRY_URL"))
	parser.add_argument("--schemas", help="folder of .avsc files, for single-object encoding")
	parser.add_argument("--until-count", type=int, help="wait until there are so many records")
	parser.add_argument("--timeout", type=float, default=180, help="seconds, then fail")
	parser.add_argument("--cut", type=int, help="longer texts are printed as their MD5 and length")
	parser.add_argument("--committed", action="store_true", help="leave out aborted transactions")
	args = parser.parse_args()
	if not args.bootstrap:
		parser.error("no --bootstrap, and KAFKA_BOOTSTRAP is not set")
	sys.stdout.reconfigure(encoding="utf-8")
	consumer = kafka.KafkaConsumer(
		bootstrap_servers=args.bootstrap, group_id=None, enable_auto_commit=False,
		auto_offset_reset="earliest", allow_auto_create_topics=False,
		max_partition_fetch_bytes=16 << 20, check_crcs=True,
		isolation_level="read_committed" if args.committed else "read_uncommitted")
	try:
		topics_read(args, consumer)
	finally:
		consumer.close()


if __name__ == "__main__":
	main()
