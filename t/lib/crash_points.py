"""crash_points.py: a relay dies at each of its crash points, is started again, and what
is in Kafka then is checked.  Called by t/073_crash_points.pl; run by the Python of
t/lib/venv.  Prints one JSON line for each trial.

A workload is written once; each trial streams it again from a slot of its own (copied
from one that stands before it) to topics of its own.  A trial is a series of lives of a
relay: the first dies (SIGKILL by itself, see relay/crash_point.h), the last streams to
the workload's end.  What must be in Kafka is known from the database: triggers have
noted each change.  Every topic has one partition and must hold exactly that, in order;
at least once it may begin again further back, once for each life and each lost stream,
and then has to repeat everything from there on.  Exactly once it may not, for a reader
of what is committed, and each transaction of the database is in one Kafka transaction, but
for those too large for one.  And the slot must never be ahead of the progress topic.
"""

import argparse
import concurrent.futures
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import traceback

import kafka
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.structs import TopicPartition

import checks
import pq
import read_topic

LIFE_S = 300			# a life that takes longer hangs
ATTEMPTS = 6			# with other passings, for a point that was not reached
SMALL = 100				# bytes; no batch is as small
SPLIT = 50				# messages; exactly once, transactions of more are split
MARGIN = 10				# and of so many less are not: schemas and boundaries count, too

# Keys are never used again, so that no two messages of a topic are alike.
WORKLOAD = [
	# several tables, a transaction each
	*(f"INSERT INTO account SELECT {i}, 1, 'first'" for i in range(1, 6)),
	"INSERT INTO item SELECT i, 1, 'first' FROM generate_series(1, 60) i",
	"UPDATE item SET id = 101, seq = 2 WHERE id = 1; UPDATE item SET seq = 2 WHERE id = 2; "
	"DELETE FROM item WHERE id = 3",
	"INSERT INTO letter VALUES (1, 1, 'a'), (2, 1, 'b')",
	"INSERT INTO scrap VALUES (1, 1, 'a'), (2, 1, 'b')",
	# larger than transaction.max.messages and max.in.flight.messages; changes of several messages
	"INSERT INTO account SELECT i, 1, repeat('large ', 80) FROM generate_series(1001, 1060) i; "
	"UPDATE item SET id = id + 1000, seq = seq + 1 WHERE id < 1000",
	"SELECT pg_logical_emit_message(true, 'crash', 'one'); "
	"INSERT INTO log(tab, op, new) VALUES ('message', 'm', '\"one\"')",
	# a schema changes in the middle of a transaction
	"UPDATE account SET seq = 2 WHERE id <= 5; ALTER TABLE account ADD COLUMN w int; "
	"UPDATE account SET seq = 3, w = id WHERE id <= 5",
	"TRUNCATE scrap",
	# the registry refuses this one
	"ALTER TABLE letter ADD COLUMN must int NOT NULL DEFAULT 1",
	"ALTER TABLE letter ALTER COLUMN must DROP DEFAULT; "
	"INSERT INTO log(tab, op) VALUES ('letter', '!')",
	"INSERT INTO letter VALUES (3, 1, 'c', 3); UPDATE letter SET seq = 2 WHERE id = 1; "
	"INSERT INTO account VALUES (2000, 1, 'between', 0); "
	"UPDATE letter SET id = 12, seq = 2 WHERE id = 2; DELETE FROM letter WHERE id = 1",
	"SELECT pg_logical_emit_message(false, 'crash', 'two')",
	"INSERT INTO log(tab, op, new) VALUES ('message', 'm', '\"two\"')",
	*(f"UPDATE account SET seq = seq + 1, v = '{i}' WHERE id % 20 = {i}; "
	  f"INSERT INTO letter VALUES ({100 + i}, 1, 'late', {i})" for i in range(20)),
	"UPDATE account SET seq = seq + 1; DELETE FROM item WHERE id % 2 = 0",
]
TABLES = ("account", "item", "letter", "scrap")
TOLD = [*((table, "table_first_seen") for table in TABLES), ("account", "column_added"), ("letter", "column_added")]

SETUP = """
CREATE TABLE log (n bigserial PRIMARY KEY, xid bigint DEFAULT pg_current_xact_id()::text::bigint,
	tab text, op text, old jsonb, new jsonb);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		INSERT INTO log(tab, op) VALUES (TG_TABLE_NAME, 't');
	ELSE
		INSERT INTO log(tab, op, old, new)
		VALUES (TG_TABLE_NAME, lower(left(TG_OP, 1)), to_jsonb(OLD), to_jsonb(NEW));
	END IF;
	RETURN NULL;
END $$;
""" + "".join(f"""
CREATE TABLE {table} (id int PRIMARY KEY, seq int NOT NULL, v text);
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER note_t AFTER TRUNCATE ON {table} EXECUTE FUNCTION note();
""" for table in TABLES) + "ALTER TABLE account REPLICA IDENTITY FULL;"


# --- what must be in Kafka ----------------------------------------------------------

def change_messages(op, old, new):
	"""The messages of a change: (op, key, after); a tombstone's op is None."""
	if op == "i":
		return [("c", new["id"], new)]
	if op == "t":
		return [("t", None, None)]
	gone = [("d", old["id"], None), (None, old["id"], None)]
	if op == "d":
		return gone
	if old["id"] != new["id"]:
		return [*gone, ("c", new["id"], new)]
	return [("u", new["id"], new)]


def expectation(session):
	"""What each topic must hold, by its name without the prefix, from the triggers' notes; and
	which transactions are too large for one Kafka transaction."""
	topics = {f"public.{table}": [] for table in TABLES}
	topics.update({"dead-letter": [], "message": [], "transaction": []})
	topics["schema-changes"] = [(kind, table, None) for table, kind in TOLD]
	refused, sizes = set(), {}
	for xid, table, op, old, new in session.rows("SELECT xid, tab, op, old, new FROM log ORDER BY n"):
		old, new = (json.loads(text) if text else None for text in (old, new))
		if op == "!":
			refused.add(table)
			continue
		topic = "message" if op == "m" else "dead-letter" if table in refused else f"public.{table}"
		messages = [("m", new, None)] if op == "m" else change_messages(op, old, new)
		topics[topic] += messages
		if op != "m" or new != "two":	# which is in no transaction
			sizes[int(xid)] = sizes.get(int(xid), 0) + len(messages)
	for xid in sizes:
		topics["transaction"] += [("BEGIN", xid, None), ("END", xid, None)]
	for name, messages in topics.items():
		if len({message[:2] + (checks.text_of(message[2]),) for message in messages}) != len(messages) or not messages:
			raise ValueError(f"the workload has no message, or two that are alike, for {name}")
	large = {xid for xid, size in sizes.items() if size > SPLIT}
	if not large or any(size > SPLIT - MARGIN for xid, size in sizes.items() if xid not in large):
		raise ValueError(f"the workload has no transaction of more than {SPLIT} messages, or one of nearly as many")
	return topics, large


# --- what is there ----------------------------------------------------------------

class Reader:
	"""The topics of trials, and their records; one for each thread."""

	def __init__(self, bootstrap, registry):
		self.registry = read_topic.Registry(registry)
		self.consumers = {committed: kafka.KafkaConsumer(
			bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False,
			auto_offset_reset="earliest", allow_auto_create_topics=False, fetch_max_wait_ms=10,
			isolation_level="read_committed" if committed else "read_uncommitted")
			for committed in (False, True)}
		self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

	def end(self, topic):
		"""How many offsets it has; 0 if it does not exist."""
		consumer = self.consumers[False]
		if topic not in consumer.topics():
			return 0
		return consumer.end_offsets([TopicPartition(topic, 0)])[TopicPartition(topic, 0)]

	def delete(self, prefix):
		"""All topics of it."""
		topics = [topic for topic in self.consumers[False].topics() if topic.startswith(prefix + ".")]
		if topics:
			self.admin.delete_topics(topics, timeout_ms=LIFE_S * 1000)

	def records(self, prefix, committed):
		"""Topic, without the prefix, to its records."""
		consumer, plain = self.consumers[committed], self.consumers[False]
		found = {}
		for topic in consumer.topics() & plain.topics():
			if topic.startswith(prefix + "."):
				if consumer.partitions_for_topic(topic) != {0}:
					raise ValueError(f"{topic} has several partitions")
				found[TopicPartition(topic, 0)] = []
		consumer.assign(list(found))
		consumer.seek_to_beginning(*found)
		# Of all records: where readers of committed ones may go follows a moment behind a commit's answer.
		ends = plain.end_offsets(list(found))
		deadline = time.monotonic() + LIFE_S
		while any(consumer.position(tp) < ends[tp] for tp in found):
			if time.monotonic() > deadline:
				raise TimeoutError(f"{prefix}: topics are not read to their ends")
			for tp, batch in consumer.poll(timeout_ms=100, max_records=5000).items():
				found[tp] += batch
		return {tp.topic[len(prefix) + 1:]: records for tp, records in found.items()}

	def message(self, topic, record, folder):
		"""A record as the expectation has it; None: it is none of the workload's."""
		if ("__walrelay.schema", b"1") in record.headers:
			folder.learn(record.key, record.value)
			return None
		_, key, _, value = read_topic.record_decode(record, self.registry, folder)
		if topic == "message":
			return ("m", value["message"]["content"].decode(), None)
		if topic == "transaction":
			return (value["status"], int(value["id"].partition(":")[0]), None)
		if topic == "schema-changes":
			return (",".join(value["kinds"]), key["table"], None)
		if value is None:
			return (None, key["id"], None)
		return (value["op"], key and key["id"], value["after"])


def lsn(text):
	high, low = text.split("/")
	return int(high, 16) << 32 | int(low, 16)


def positions(records):
	"""(offset, LSN, changes) of each position in the progress topic."""
	records = [record for record in records if b"/" not in record.key]  # others tell of topics
	values = [(record.offset, json.loads(record.value)) for record in records]
	return [(offset, lsn(value["lsn"]), value.get("changes", 0)) for offset, value in values]


# --- trials -------------------------------------------------------------------------

class Unreached(Exception):
	"""The relay did not come by the point so often."""


class Trial:
	"""One death, with all that surrounds it."""

	def __init__(self, bench, name, mode, point, when, passing, attempt=0):
		self.bench, self.name, self.mode, self.point, self.when = bench, name, mode, point, when
		self.passing, self.attempt = passing, attempt
		self.session, self.reader = bench.of_thread()
		self.deaths, self.lives, self.losses = [], 0, 0
		self.once = mode == "exactly-once"
		self.dir = os.path.join(bench.args.dir, name)
		os.mkdir(self.dir)

	def command(self):
		args = self.bench.args
		return [args.relay, "run", f"--source.conninfo={args.conninfo}", f"--slot.name={self.name}",
			f"--topic.prefix={self.name}", f"--bootstrap.servers={args.bootstrap}",
			f"--registry.url={args.registry}", f"--delivery={self.mode}", f"--endpos={self.bench.end}",
			"--table.exclude.list=public.log", "--skipped.operations=none",
			"--include.schema.changes=true", "--provide.transaction.metadata=true",
			"--schema.on.incompatible=dead-letter",
			f"--transaction.max.messages={SPLIT}", "--max.in.flight.messages=32",
			# a machine that stands still splits no transaction
			*(["--transaction.timeout.ms=900000"] if self.once else []),
			"--stream.frame.bytes=1kB", "--status.interval.ms=100", "--progress.interval.ms=20",
			"--retry.backoff.ms=50", "--retry.backoff.max.ms=1s"]

	def life(self, crash=None, stop=None, at_stop=None, counts=None):
		"""Its exit status, negative for a signal.  at_stop(process id): while it stands still."""
		env = dict(os.environ)
		for name, value in (("CRASH_POINT", crash), ("STOP_POINT", stop), ("CRASH_COUNTS", counts)):
			if value:
				env["WALRELAY_" + name] = value
		self.lives += 1
		with open(os.path.join(self.dir, f"life{self.lives}"), "wb") as log:
			process = subprocess.Popen(self.command(), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
		late = threading.Event()
		timer = threading.Timer(LIFE_S, lambda: (late.set(), process.kill()))
		timer.start()
		try:
			while True:
				_, status = os.waitpid(process.pid, os.WUNTRACED)
				if not os.WIFSTOPPED(status):
					break
				at_stop(process.pid)
				os.kill(process.pid, signal.SIGCONT)
			process.returncode = os.waitstatus_to_exitcode(status)
		finally:
			timer.cancel()
			if process.returncode is None:
				process.kill()
				os.waitpid(process.pid, 0)
				process.returncode = -signal.SIGKILL
		if late.is_set():
			raise TimeoutError(f"life {self.lives} did not end; it says\n{self.log()}")
		return process.returncode

	def log(self):
		with open(os.path.join(self.dir, f"life{self.lives}"), encoding="utf-8", errors="replace") as log:
			return "".join(log.readlines()[-12:])

	def slot(self, column):
		return self.session.value(f"SELECT {column} FROM pg_replication_slots WHERE slot_name = '{self.name}'")

	def die(self, point, passing, **how):
		status = self.life(f"{point}:{passing}", **how)
		if status != -signal.SIGKILL:
			if status not in (0, 1):
				raise ValueError(f"the relay ended with {status}; it says\n{self.log()}")
			raise Unreached(f"{point}:{passing}")
		confirmed = lsn(self.slot("confirmed_flush_lsn"))
		self.deaths.append((confirmed, self.began, self.reader.end(f"{self.name}.progress")))

	# What happens to a relay that has stopped itself.

	def lose(self, _):
		"""The server ends the stream."""
		self.losses += 1
		self.session.rows(f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{self.name}'")
		self.wait_idle()

	def wait_idle(self):
		deadline = time.monotonic() + LIFE_S
		while self.slot("active_pid") is not None:
			if time.monotonic() > deadline:
				raise TimeoutError("the walsender does not end")
			time.sleep(0.01)

	@staticmethod
	def terminate(pid):
		os.kill(pid, signal.SIGTERM)

	def fence(self, _):
		"""Somebody produces under its name."""
		producer = kafka.KafkaProducer(bootstrap_servers=self.bench.args.bootstrap,
			transactional_id=f"walrelay-{self.name}-{self.name}")
		producer.init_transactions()
		producer.close()

	def refuse(self, topic):
		"""The broker takes no message of this topic, until admit()."""
		self.reader.admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": str(SMALL)})])

	def admit(self, topic):
		self.reader.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic,
			{"max.message.bytes": "1048588"})])

	def run(self, counts=None):
		self.session.rows(f"SELECT pg_copy_logical_replication_slot('base', '{self.name}')")
		self.began = lsn(self.slot("confirmed_flush_lsn"))
		topic, k = f"{self.name}.public.account", self.attempt
		if self.when == "LOSS":
			self.die(self.point, self.passing, stop=f"change_waits_half:{1 + k % 2}", at_stop=self.lose)
		elif self.when == "DRAIN" and self.once:
			# between transactions: the part of one would be given up, and nothing be settled
			self.die(self.point, self.passing, stop=f"mark_counted:{1 + k}", at_stop=self.terminate)
		elif self.when == "DRAIN":
			self.die(self.point, self.passing, stop=f"change_sent:{10 + k}", at_stop=self.terminate)
		elif self.when == "FAIL" and self.once:
			self.die(self.point, self.passing, stop=f"kafka_begin_after:{2 + k}", at_stop=self.fence)
		elif self.when == "FAIL":
			self.refuse(topic)
			self.die(self.point, self.passing)
			self.admit(topic)
		elif self.when == "PART":
			self.die("part_written", 1)
			self.die(self.point, self.passing)
		elif self.point:
			self.die(self.point, self.passing)
		status = self.life(counts=counts)
		if status != 0:
			raise ValueError(f"the last life ended with {status}; it says\n{self.log()}")
		breaches = self.check()
		if not self.point and not breaches:
			breaches = self.behind()
		return breaches

	def behind(self):
		"""A relay that died before it told the slot of the end, seen from its successor: the
		topic says it, nothing is to be sent, and the slot has to be told."""
		records = self.records
		self.slot_drop()
		self.session.rows(f"SELECT pg_copy_logical_replication_slot('base', '{self.name}')")
		status = self.life()
		if status != 0:
			raise ValueError(f"behind the topic's position it ended with {status}; it says\n{self.log()}")
		breaches = self.check()
		if self.records != records:
			breaches.append(f"{self.records - records} records came behind the topic's position")
		return breaches

	def check(self):
		found, folder, breaches = self.reader.records(self.name, self.once), read_topic.Folder(None), []
		self.records, self.repeated = sum(map(len, found.values())), 0
		for topic, expected in self.bench.expected.items():
			messages = [(record.offset, self.reader.message(topic, record, folder)) for record in found.get(topic, [])]
			messages = [pair for pair in messages if pair[1]]
			breaches += checks.order_check(topic, expected, messages, 0 if self.once else self.lives - 1 + self.losses)
			self.repeated += len(messages) - len(expected)
			if self.once and topic == "transaction":
				breaches += checks.whole_check(messages, self.bench.large)
		unknown = set(found) - set(self.bench.expected) - {"progress"}
		if unknown:
			breaches.append(f"topics that nobody expects: {unknown}")
		breaches += checks.progress_check(positions(found.get("progress", [])), self.deaths)
		if lsn(self.slot("confirmed_flush_lsn")) < lsn(self.bench.end):
			breaches.append("the slot does not stand at the end")
		return breaches

	def slot_drop(self):
		self.wait_idle()
		self.session.rows(f"SELECT pg_drop_replication_slot('{self.name}')")

	def close(self):
		"""Nothing is left of it: server and broker are to bear thousands."""
		self.reader.delete(self.name)
		self.slot_drop()


class Bench:
	def __init__(self, args):
		self.args = args
		self.random = random.Random(args.seed)
		self.local = threading.local()
		self.lock = threading.Lock()
		self.names = 0
		with pq.Session(args.conninfo) as session:
			session.rows(SETUP)
			session.rows("SELECT pg_create_logical_replication_slot('base', 'walrelay')")
			for statement in WORKLOAD:
				session.rows(statement)
			self.expected, self.large = expectation(session)
			self.end = session.value("SELECT pg_current_wal_insert_lsn()")
			session.rows("CHECKPOINT")	# something behind it, so that a mark says that this was all

	def of_thread(self):
		if not hasattr(self.local, "pair"):
			self.local.pair = pq.Session(self.args.conninfo), Reader(self.args.bootstrap, self.args.registry)
		return self.local.pair

	def name(self):
		with self.lock:
			self.names += 1
			return f"crash{os.getpid()}_{self.names}"

	def trial(self, mode, point, when, passing, counts=None):
		"""A line for the report; a passing that is not reached is tried earlier."""
		started, first = time.monotonic(), passing
		line = {"mode": mode, "point": point, "when": when, "kills": 0}
		trial = None
		for attempt in range(ATTEMPTS):
			try:
				if trial:
					trial.close()
					trial = None
				trial = Trial(self, self.name(), mode, point, when, passing, attempt)
				breaches = trial.run(counts)
				line.update(passing=passing, attempts=attempt + 1, records=trial.records,
					repeated=trial.repeated, breaches=breaches)
				if not breaches:
					trial.close()
				break
			except Unreached as error:
				line.update(passing=first, attempts=attempt + 1, breaches=[f"not reached: {error}"])
				passing = max(1, passing // 2)
			except Exception as error:
				line.update(passing=passing, breaches=[f"{type(error).__name__}: {error}"],
					trace=traceback.format_exc())
				break
			finally:
				line["kills"] += len(trial.deaths) if trial else 0
		line.update(slot=trial and trial.name, seconds=round(time.monotonic() - started, 1))
		return line


def counts_read(path):
	with open(path, encoding="ascii") as file:
		return {name: int(count) for name, count in (line.split() for line in file)}


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("--relay", required=True)
	parser.add_argument("--conninfo", required=True)
	parser.add_argument("--bootstrap", required=True)
	parser.add_argument("--registry", required=True)
	parser.add_argument("--dir", required=True, help="for logs")
	parser.add_argument("--runs", type=int, default=1, help="deaths at each point")
	parser.add_argument("--seed", type=int, required=True)
	parser.add_argument("--jobs", type=int, default=6)
	parser.add_argument("--only", default="", help="points whose name has this")
	args = parser.parse_args()

	modes = {"at-least-once": ("BOTH", "LEAST"), "exactly-once": ("BOTH", "ONCE")}
	points = [line.split() for line in subprocess.check_output([args.relay, "crash-points"], text=True).splitlines()]
	bench = Bench(args)

	def report(line):
		print(json.dumps(line), flush=True)

	jobs = []
	for mode, kinds in modes.items():
		path = os.path.join(args.dir, f"counts-{mode}")
		line = bench.trial(mode, None, "LOAD", 1, counts=path)
		report(line)
		if line["breaches"]:
			sys.exit(1)
		counts = counts_read(path)
		for run in range(args.runs):
			for point, kind, when in points:
				if kind not in kinds or when == "GAP" or not re.search(args.only, point):
					continue
				passings = max(1, counts[point]) if when == "LOAD" else 1
				# once: in the middle; else anywhere
				jobs.append((mode, point, when, (passings + 1) // 2 if args.runs == 1
					else bench.random.randint(1, passings)))
	with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
		for done in concurrent.futures.as_completed([pool.submit(bench.trial, *job) for job in jobs]):
			report(done.result())


if __name__ == "__main__":
	main()
