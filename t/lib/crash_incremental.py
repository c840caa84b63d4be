"""crash_incremental.py: a relay dies while it reads rows that it was asked for, and streams: at the
points of relay/crash_point.h whose column says INC.  Trials beside those of crash_snapshot.py,
on the same database, with the same writers.

Each is asked once, by the key that it has written down, for all tables, one of them with a
condition, and has to read all of that, whenever it dies: what the checker says of that is
in t/chaos/reading.py.  Each row is what the table had at its position, none that was there
is missing, and exactly once none is there twice.  Behind a death no row comes again that
the progress topic had by then; what it had not is however much was in flight.
"""

import argparse
import collections
import contextlib
import json
import os

import crash_snapshot
import pq
from crash_snapshot import CHUNK, TOPIC_S
from crash_trial import lsn

import writer			# of t/chaos, as crash_snapshot finds it

KEYED = ("acct", "txlog", "item", "wide", "wide_full", "side", "bulk", "part_eu", "part_us")
WORKER = 100			# of a ledger's writers, and more; the row that is its own comes before all others
ALL = float("inf")


def rows_repeated(options, log, report):
	"""As crash_snapshot.chunks_repeated(), of rows that had not changed.  options.deaths: of each, for topics that
	have one, the offset at which the next life begins, and up to which id its rows were written down by then."""
	breaches = []
	for number, ends in enumerate(options.deaths):
		for topic, (offset, last) in ends.items():
			if (topic, 0) not in log.partitions():	# no row was ever sent to it
				continue
			rows = [record["value"]["after"] for record in log.records(topic, 0)
				if record["offset"] >= offset and record["value"] and record["value"]["op"] == "r"]
			again = sorted(id for id in (row.get("id", row.get("txid8")) for row in rows) if id <= last)
			if again:
				breaches.append(f"behind death {number + 1}, {len(again)} rows of {topic} came again that were written "
					f"down: {again[:5]}, up to {last}")
	rows = report["snapshot"]["repeats"]
	return breaches, rows, -(-rows // CHUNK)


def is_alive(process):
	"""Its end is left to whoever waits for it."""
	return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


class Toucher(writer.Writer):
	"""One that writes when it is told, and what."""

	def __init__(self, bench, worker):
		options = argparse.Namespace(dir=bench.dir, conninfo=bench.conninfo, seed=bench.args.seed, noise=0, big_every=0)
		super().__init__(options, worker, collections.Counter(), lambda: False)
		self.connect()

	def close(self):
		self.disconnect()
		self.log.close()

	def write(self, statement):
		"""A transaction of one statement on wide."""
		plan = writer.Plan(self.options, self.worker, self.n)
		self.n += 1
		self.sql.rows("BEGIN")
		self.end(plan, {"public.wide": self.did(statement.format(id=self.worker, n=plan.n, mark=plan.mark)), "public.txlog": 0})

	def insert(self):
		self.write("INSERT INTO wide (id, seq, big, note) SELECT {id}, {n}, '{mark}' || string_agg(md5(g || '{mark}'), ''), "
			"'{mark}' FROM generate_series(1, 100) g RETURNING 1")

	def change(self):
		"""The stream does not have its large value."""
		self.write("UPDATE wide SET seq = {n}, note = '{mark}' WHERE id = {id} RETURNING 1")


class Trial(crash_snapshot.Trial):
	"""lock: a number; who reads wide waits for it.  first: where it was asked; 0: it was not."""
	WHEN = "INC"
	TROUBLES = {"UPSET": ("incremental_chunk_asked:2", "upset"), "LOSS": ("incremental_row_sent:30", "lose"),
		"FAIL": ("incremental_chunk_read:1", "break_sink"), "DRAIN": ("incremental_row_sent:30", "terminate")}
	TWICE = ("incremental_job_noting", 0)	# the signal, behind the key
	count_repeated = staticmethod(rows_repeated)

	def __init__(self, bench, name, mode, steps):
		super().__init__(bench, name, mode, steps)
		self.lock = int(name.rpartition("_")[2]) + 1
		self.first = self.asked = 0
		self.written = []

	@staticmethod
	def ordered(points):
		return points

	def mode_settings(self):
		return ["--snapshot.mode=never"]

	def ask(self, process):
		"""For all rows, unless it dies before it has a key."""
		def note():
			return json.loads(self.noted().get("/incremental") or "{}")

		self.wait(lambda: note() or not is_alive(process), "there is no key", TOPIC_S)
		key = note().get("key")
		if not key:
			return
		signal = {"id": self.name, "type": "execute-snapshot", "data": {"data-collections": ["public[.].*"],
			"type": "incremental", "additional-conditions": [{"data-collection": "public.wide",
				"filter": f"(SELECT true FROM pg_advisory_xact_lock_shared({self.lock}))"}]}}
		text = pq.literal(f"signal {key} {json.dumps(signal)}")
		self.first = lsn(self.session.value(f"SELECT pg_logical_emit_message(true, 'walrelay', {text})"))
		self.asked = lsn(self.session.value("SELECT pg_current_wal_insert_lsn()"))

	def start(self, *args, **how):
		process = super().start(*args, **how)
		if not self.first:
			self.ask(process)
		return process

	# ---- deaths ----

	def upset(self, _):
		"""Connections that read rows end."""
		pids = f"FROM pg_stat_activity WHERE application_name = '{self.name}' AND query LIKE '%LOCK TABLE ONLY%'"
		if not self.session.rows(f"SELECT pg_terminate_backend(pid) {pids}"):
			raise ValueError("nobody reads")
		self.wait(lambda: not self.session.rows(f"SELECT {pids}"), "the connection does not end")

	def death(self, point, trouble, passing):
		if trouble == "WAIT":
			# A transaction that is under way when the relay begins is not over before it dies.
			with pq.Session(self.bench.conninfo) as other:
				other.rows("BEGIN; SELECT pg_current_xact_id()")
				self.die(point, passing)
		elif trouble == "AGAIN":
			with contextlib.closing(Toucher(self.bench, WORKER + self.lock)) as toucher, pq.Session(self.bench.conninfo) as other:
				toucher.insert()
				other.rows(f"SELECT pg_advisory_lock({self.lock})")
				self.die(point, passing, meanwhile=lambda: self.touch(toucher, other))
		else:
			super().death(point, trouble, passing)

	def die(self, *args, **how):
		super().die(*args, **how)
		if self.once:	# no row may come again then
			return
		# A table that was read, or found empty, before it was first noted has the tombstone alone: only the key says which.
		tables = dict(self.session.rows("SELECT c.oid, n.nspname || '.' || c.relname FROM pg_class c "
			"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"))
		notes = self.noted()
		# As long as the signal is there, it is looked up again, and means tables that were read, too.
		over = 0 if json.loads(notes.get("/incremental") or '{"signals": []}')["signals"] else ALL
		ends = {}
		for key, note in notes.items():
			_, _, relid = key.partition("/incremental/")
			if relid:
				after = json.loads(note).get("after", ()) if note else ()
				last = max((int(text) for text in after if text.isdigit()), default=0) if note else over
				ends[f"{self.name}.{tables[relid]}"] = last
		# Written down first, and then where the topic ends: what comes in between is of neither.
		self.written.append({topic: (self.reader.end(topic), last) for topic, last in ends.items()})

	def touch(self, toucher, other):
		"""Between a chunk's snapshot and its watermark a row of it is changed."""
		self.wait(lambda: self.session.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND "
			f"objid = {self.lock}"), f"nobody reads wide:\n{self.log()}")
		toucher.change()
		other.rows(f"SELECT pg_advisory_unlock({self.lock})")

	# ---- what is there ----

	def is_done(self, notes):
		"""Is nothing asked for any more, or being read, behind the signal?"""
		if not self.first or "" not in notes or lsn(json.loads(notes[""])["lsn"]) < self.asked:
			return False
		is_read = not any(value for name, value in notes.items() if name.startswith("/incremental/"))
		return is_read and not json.loads(notes["/incremental"])["signals"]

	def options(self):
		import reading

		name = os.path.join(self.dir, "readings.json")
		with open(name, "w", encoding="utf-8") as file:
			json.dump([reading.Reading(self.first, self.done, dict.fromkeys(KEYED)).plain()], file)
		options = super().options()
		options.snapshot, options.readings = None, name
		options.deaths = self.written
		return options

	def lines(self):
		"""written: how often a death had to leave rows of a table alone, or would have been found out."""
		written = sum(last > 0 for ends in self.written for _, last in ends.values())
		for place, line in enumerate(super().lines()):
			yield {**line, "written": written if place == 0 else 0}
