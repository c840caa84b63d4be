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
import subprocess
import sys
import threading
import time
import traceback

import checks
import crash_incremental
import crash_snapshot
import crash_trial
import pq
import read_topic
from crash_trial import Reader, Unreached, lsn

ATTEMPTS = 6			# with other passings, for a point that was not reached
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

def message_of(topic, record, registry, folder):
	"""A record as the expectation has it; None: it is none of the workload's."""
	if ("__walrelay.schema", b"1") in record.headers:
		folder.learn(record.key, record.value)
		return None
	_, key, _, value = read_topic.record_decode(record, registry, folder)
	if topic == "message":
		return ("m", value["message"]["content"].decode(), None)
	if topic == "transaction":
		return (value["status"], int(value["id"].partition(":")[0]), None)
	if topic == "schema-changes":
		return (",".join(value["kinds"]), key["table"], None)
	if value is None:
		return (None, key["id"], None)
	return (value["op"], key and key["id"], value["after"])


def positions(records):
	"""(offset, LSN, changes) of each position in the progress topic."""
	records = [record for record in records if b"/" not in record.key]  # others tell of topics
	values = [(record.offset, json.loads(record.value)) for record in records]
	return [(offset, lsn(value["lsn"]), value.get("changes", 0)) for offset, value in values]


# --- trials -------------------------------------------------------------------------

class Trial(crash_trial.Trial):
	"""One death, with all that surrounds it."""

	def __init__(self, bench, name, mode, point, when, passing, attempt=0):
		super().__init__(bench, name, mode)
		self.point, self.when = point, when
		self.passing, self.attempt = passing, attempt

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
			messages = [(record.offset, message_of(topic, record, self.reader.registry, folder))
				for record in found.get(topic, [])]
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


class Bench:
	def __init__(self, args):
		self.args = args
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


def stream(args, rng, points, report):
	"""Those of a relay that streams."""
	modes = {"at-least-once": ("BOTH", "LEAST"), "exactly-once": ("BOTH", "ONCE")}
	bench, jobs = Bench(args), []
	# Once in a run: what both modes come by in the same way, in one of them.
	either = {point: rng.choice(tuple(modes)) for point, kind, when in points
		if args.runs == 1 and (kind, when) == ("BOTH", "LOAD")}
	for mode, kinds in modes.items():
		path = os.path.join(args.dir, f"counts-{mode}")
		line = bench.trial(mode, None, "LOAD", 1, counts=path)
		report(line)
		if line["breaches"]:
			sys.exit(1)
		counts = counts_read(path)
		for _ in range(args.runs):
			for point, kind, when in points:
				if kind not in kinds or either.get(point, mode) != mode:
					continue
				passings = max(1, counts[point]) if when == "LOAD" else 1
				# once: in the middle; else anywhere
				jobs.append((mode, point, when, (passings + 1) // 2 if args.runs == 1 else rng.randint(1, passings)))
	with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
		for done in concurrent.futures.as_completed([pool.submit(bench.trial, *job) for job in jobs]):
			report(done.result())


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

	points = [line.split() for line in subprocess.check_output([args.relay, "crash-points"], text=True).splitlines()]
	points = [point for point in points if point[2] != "GAP" and re.search(args.only, point[0])]
	kinds = {kind: [point for point in points if point[2].startswith(kind.WHEN)]
		for kind in (crash_snapshot.Trial, crash_incremental.Trial)}
	kinds = {kind: of for kind, of in kinds.items() if of}
	rows = sum(kinds.values(), [])
	rng = random.Random(args.seed)

	def report(line):
		print(json.dumps(line), flush=True)

	if len(rows) < len(points):
		stream(args, rng, [point for point in points if point not in rows], report)
	for _ in range(args.runs if rows else 0):
		for line in crash_snapshot.run(args, rng, kinds):
			report(line)


if __name__ == "__main__":
	main()
