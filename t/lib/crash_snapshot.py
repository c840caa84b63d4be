"""crash_snapshot.py: a relay dies while it reads the rows that were there before, at the
points of relay/crash_point.h whose column says ROWS.  Called by crash_points.py; a round has
other trials, too (crash_incremental.py).

A round: the ledger's writers (t/chaos/workload.py) fill the tables of a new database, and
go on.  Trials run side by side on it, each with a slot and topics of its own, in both modes
of delivery: the relay dies at several points one after the other, in the order in which a
snapshot comes by them, then it goes on to the end.  Then the writers end, and t/chaos's
checker says, by the history that the database has kept of itself, whether each row and
each change is what it must be at the seam.  Besides, what comes again is counted, in whole
chunks: those of rows that had come at an earlier position of the same job and have not
been written since its first snapshot, which alone a later one may read again.  At least
once a death repeats at most one of each connection, exactly once it repeats none.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import struct
import subprocess
import sys
import threading
import time
import traceback

import crash_trial
import pq
from crash_trial import LIFE_S, Unreached, lsn

CHAOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos")
sys.path.insert(0, CHAOS)

MODES = ("at-least-once", "exactly-once")
DEATHS = 6				# of a trial
JOBS = 6				# trials that die side by side
ATTEMPTS = 4			# with earlier deaths, for a trial that did not come by one of its points
THREADS, CHUNK = 2, 20	# connections of a relay; rows that it reads at once, as far as it knows how many these are
SPLIT = 500				# messages; exactly once, larger transactions are split
WHOLE = (SPLIT - 2) // 2	# events; each with a tombstone; BEGIN and END
ACCOUNTS, FILL_S, TPS = 900, 0.5, 10
READ_S = LIFE_S - 60	# a life that has not read all by then hangs
TOPIC_S = 0.1			# between looks at all of the progress topic
LATE_S = 5				# behind the end of a snapshot no point of it is reached
# One row a block: a table is read in chunks of whole blocks, at first of some hundred.
SPARSE = "".join(f"ALTER TABLE {table} SET (fillfactor = 10);" for table in ("acct", "bulk", "nokey")) + \
	"ALTER TABLE acct ADD filler text DEFAULT repeat('x', 450)"
FILLED = "ALTER TABLE acct DROP filler"


# --- what comes again, and may not ------------------------------------------------------

def chunks_repeated(options, log, _):
	"""(breaches, rows that came again, their chunks).  options.again: how many may, at a position."""
	import history
	import tables

	collections_of = {f"{log.prefix}.{table.collection}": table for table in tables.TABLES.values()}
	written, xmins = collections.defaultdict(list), {}
	for version in history.load(options.dir).versions:
		if version.new:
			written[version.table, tables.digest(version.new)].append(version.txid)
	for record in log.records(f"{log.prefix}.progress", 0):
		key = record["key"].split(b"/")
		if len(key) == 3 and record["value"]:
			note = json.loads(record["value"])
			xmins[f"{log.prefix}.{note['table']}"] = note["xmin"]
	repeated, rows = collections.defaultdict(set), 0
	for topic, table in collections_of.items():
		if (topic, 0) not in log.partitions():
			continue
		seen, place, chunk = {}, None, None
		for record in log.records(topic, 0):
			value = record["value"]
			if not value or value["op"] != "r":
				continue
			position, was = value["source"]["lsn"], place
			place = (position, *struct.unpack(">QQ", dict(record["headers"])["__walrelay.position"]))
			if not was or (place[0], place[2]) != (was[0], was[2] + 1):
				chunk = place
			row = dict(value["after"])
			if "big" in row:
				row["big"] = (tables.md5(row["big"]),)
			sign = tables.digest(row)
			txids = written[table.name, sign]
			if sign in seen and seen[sign][0] < position and len(txids) == 1 and (
					topic not in xmins or txids[0] & 0xffffffff < xmins[topic]):
				rows += 1
				repeated[seen[sign][0]].add((topic, *seen[sign]))
			seen[sign] = chunk
	breaches = [f"{len(chunks)} chunks of the snapshot at {position:x} came again: {sorted(chunks)[:5]}"
		for position, chunks in repeated.items() if len(chunks) > options.again]
	return breaches, rows, sum(map(len, repeated.values()))


def judge(options, count_repeated):
	"""In a process of its own: what the checker says, and what came again: count_repeated(options, log, report)
	gives (breaches, rows, chunks)."""
	import checker
	from kafka_log import KafkaLog

	with KafkaLog(options.bootstrap, options.registry, options.prefix) as kafka_log:
		log = checker.Remembered(kafka_log)
		report = checker.examine(options, log)
		breaches, rows, chunks = count_repeated(options, log, report)
	breaches += [f"{breach['kind']}, {breach['where']}: {breach['what']}" for breach in report["breaches"]]
	return {"breaches": breaches, "records": report["records"], "rows": report["snapshot"]["rows"],
		"positions": report["snapshot"]["places"], "repeated": rows, "chunks": chunks}


# --- trials ---------------------------------------------------------------------------------

class Trial(crash_trial.Trial):
	"""steps: (point, what has to happen, which passing)."""
	WHEN = "ROWS"			# and something more, for trouble besides
	# What that is: where the relay stops for it, and what is done then.
	TROUBLES = {"UPSET": ("snapshot_chunk_read:2", "upset"), "LOSS": ("snapshot_row_sent:30", "lose"),
		"FAIL": ("snapshot_chunk_read:1", "break_sink"), "DRAIN": ("snapshot_row_sent:30", "terminate")}
	TWICE = ("snapshot_job_noting", -1)	# that the job is done, in the last column of the deaths
	count_repeated = staticmethod(chunks_repeated)

	def __init__(self, bench, name, mode, steps):
		super().__init__(bench, name, mode)
		self.steps, self.left, self.process, self.done = list(steps), list(steps), None, 0
		self.breaches, self.trace, self.report, self.started = [], "", {}, time.monotonic()
		self.session.rows(f"SELECT pg_create_logical_replication_slot('{name}', 'walrelay')")
		self.began = lsn(self.slot("confirmed_flush_lsn"))

	def command(self):
		args = self.bench.args
		return [args.relay, "run", f"--source.conninfo={self.bench.conninfo} application_name={self.name}",
			f"--slot.name={self.name}", f"--topic.prefix={self.name}", f"--bootstrap.servers={args.bootstrap}",
			f"--registry.url={args.registry}", f"--delivery={self.mode}", *self.mode_settings(),
			f"--snapshot.max.threads={THREADS}", f"--snapshot.chunk.size={CHUNK}", "--position.header=true",
			*([f"--transaction.max.messages={SPLIT}", "--transaction.timeout.ms=900000"] if self.once else []),
			"--status.interval.ms=100", "--progress.interval.ms=20",
			"--retry.backoff.ms=50", "--retry.backoff.max.ms=1s", *self.bench.settings]

	def mode_settings(self):
		return ["--snapshot.mode=initial"]

	@classmethod
	def ordered(cls, points):
		"""What trouble leads to comes first: what it needs must be left."""
		return sorted(points, key=lambda point: point[2] == cls.WHEN)

	# ---- deaths ----

	def upset(self, _):
		"""The connection that holds the exported snapshot ends."""
		pids = "FROM pg_replication_slots s JOIN pg_stat_activity a ON a.pid = active_pid " \
			f"WHERE temporary AND a.application_name = '{self.name}'"
		if not self.session.rows(f"SELECT pg_terminate_backend(active_pid) {pids}"):
			raise ValueError("nobody holds the snapshot")
		self.wait(lambda: not self.session.rows(f"SELECT {pids}"), "the connection does not end")

	def lose(self, _):
		"""The server ends the stream; once its last word finds room, which a relay that stands still does not make."""
		self.losses += 1
		self.session.rows(f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{self.name}'")

	def break_sink(self, _):
		self.losses += 1
		if self.once:
			self.fence(_)
		else:
			self.refuse(f"{self.name}.public.acct")

	@staticmethod
	def wait(condition, what, pause_s=0.02):
		deadline = time.monotonic() + LIFE_S
		while not condition():
			if time.monotonic() > deadline:
				raise TimeoutError(what)
			time.sleep(pause_s)

	def is_read(self):
		"""Does a life say that it has read all?"""
		with open(os.path.join(self.dir, f"life{self.lives}"), "rb") as log:
			return b"snapshot is done" in log.read()

	def hurry(self, process, late):
		"""A life that has passed its last chance to die is ended, also one that found all read, and says nothing.  late
		is told what was written down if it hangs before that."""
		deadline, look = time.monotonic() + READ_S, time.monotonic() + LATE_S
		while process.returncode is None and not self.is_read():
			if time.monotonic() > look:
				with contextlib.closing(crash_trial.Reader(self.bench.args.bootstrap, self.bench.args.registry)) as reader:
					notes = self.noted(reader)
				if self.is_done(notes):
					break
				look = time.monotonic() + LATE_S
			if time.monotonic() > deadline:
				late.append(notes)
				process.kill()
				return
			time.sleep(0.1)
		deadline = time.monotonic() + LATE_S
		while process.returncode is None and time.monotonic() < deadline:
			time.sleep(0.1)
		if process.returncode is None:
			process.terminate()

	def end(self, process, **how):
		late = []
		if process is not self.process:
			threading.Thread(target=self.hurry, args=(process, late)).start()
		status = super().end(process, **how)
		if late:
			raise TimeoutError(f"life {self.lives} neither died nor read all within {READ_S} s; it says\n{self.log()}\n"
				f"and has written down\n{late[0]}")
		return status

	def die_all(self):
		for point, when, passing in self.steps:
			self.death(point, when.removeprefix(self.WHEN), passing)
			self.left.pop(0)

	def death(self, point, trouble, passing):
		stop, what = self.TROUBLES.get(trouble, (None, None))
		self.die(point, passing, stop=stop, at_stop=what and getattr(self, what))
		if trouble == "FAIL" and not self.once:
			self.admit(f"{self.name}.public.acct")

	def noted(self, reader=None):
		"""What the progress topic says last: behind the slot's name -> its bytes."""
		records = (reader or self.reader).records(self.name, self.once, only="progress").get("progress", [])
		return {record.key.decode().removeprefix(self.name): record.value for record in records}

	@staticmethod
	def is_done(notes):
		"""Does the progress topic say that all is read?"""
		return b'"done"' in notes.get("/snapshot", b"")

	def read_all(self, counts=None):
		"""The last life; it streams on."""
		self.process = self.start(counts=counts)
		self.wait(lambda: self.process.poll() is not None or self.is_done(self.noted()), f"the snapshot is not done:\n{self.log()}",
			TOPIC_S)
		if self.process.returncode is not None:
			raise ValueError(f"the last life ended with {self.process.returncode}; it says\n{self.log()}")
		self.done = self.done or lsn(self.session.value("SELECT pg_current_wal_insert_lsn()"))

	def finish(self, mark):
		"""It has streamed up to there, and ends."""
		if self.process is None:
			return
		self.wait(lambda: lsn(self.slot("confirmed_flush_lsn")) >= mark or self.process.poll() is not None,
			f"the stream does not come to the end:\n{self.log()}")
		self.stop()

	def stop(self):
		process = self.process
		if process.poll() is None:
			process.terminate()
		try:
			status = process.wait(LIFE_S)
		finally:
			process.kill()
		if status != 0:
			raise ValueError(f"the last life ended with {status}; it says\n{self.log()}")

	def options(self):
		"""Of the checker.  kills: also a table that is truncated meanwhile has rows at a position of its own,
		with marks of their own."""
		args = self.bench.args
		return argparse.Namespace(dir=self.bench.dir, bootstrap=args.bootstrap, registry=args.registry,
			prefix=self.name, mode=self.mode, runs_max=self.lives - 1 + self.losses, run_ms_max=None, whole_max=WHOLE,
			snapshot="initial", start=self.began, done=self.done, past=True, kills=True, jobs=None, begins=(),
			given_up=(), readings=None, again=0 if self.once or not self.steps else THREADS)

	def attempt(self, step, *args):
		"""What goes wrong is a breach; nothing follows it."""
		if self.breaches:
			return
		try:
			step(*args)
		except Unreached as error:
			self.breaches = [f"not reached: {error}"]
		except Exception as error:
			self.breaches, self.trace = [f"{type(error).__name__}: {error}"], traceback.format_exc()

	def save(self):
		"""For one that failed: what was written down, beside what the lives have said."""
		with open(os.path.join(self.dir, "progress"), "w", encoding="utf-8") as file:
			for record in self.reader.records(self.name, self.once, only="progress").get("progress", []):
				file.write(f"{record.offset} {record.key!r} {record.value!r}\n")

	def lines(self):
		"""For the report: of each death, or of the trial without one."""
		for place, (point, when, passing) in enumerate(self.steps or [(None, self.WHEN, 1)]):
			is_first = place == 0
			yield {"mode": self.mode, "point": point, "when": when, "passing": passing,
				"kills": int(bool(point) and place < len(self.steps) - len(self.left)),
				**{name: is_first and self.report.get(name) or 0 for name in ("records", "rows", "repeated", "chunks")},
				"positions": self.report.get("positions"), "breaches": self.breaches, "trace": self.trace,
				"slot": self.name, "seconds": round(time.monotonic() - self.started, 1)}


# --- a round ----------------------------------------------------------------------------------

class Bench:
	def __init__(self, args, name):
		self.args, self.name = args, name
		self.dir = os.path.join(args.dir, name)
		self.conninfo = f"{args.conninfo} dbname={name}"
		self.local = threading.local()
		with pq.Session(args.conninfo) as session:
			session.rows(f"CREATE DATABASE {name}")
		self.workload("setup", "--history")
		with pq.Session(self.conninfo) as session:
			session.rows(SPARSE)
		self.workload("run", "--tps=0", f"--seconds={FILL_S}", f"--accounts={ACCOUNTS}", "--big-every=20", "--big-rows=100",
			"--big-values=640")
		with pq.Session(self.conninfo) as session:
			session.rows(FILLED)
			session.rows("VACUUM ANALYZE")
		with open(os.path.join(self.dir, "relay.args"), encoding="utf-8") as file:
			self.settings = file.read().splitlines()
		self.writers = self.process("run", f"--tps={TPS}", "--noise=1.5", "--big-every=40", "--big-rows=100", "--big-values=640")

	def process(self, *what):
		with open(os.path.join(self.args.dir, f"{self.name}.{what[0]}"), "ab") as log:
			return subprocess.Popen([sys.executable, os.path.join(CHAOS, "workload.py"), what[0],
				f"--conninfo={self.conninfo}", f"--dir={self.dir}", f"--seed={self.args.seed}", *what[1:]],
				stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if what[0] == "finish" else log, stderr=log)

	def workload(self, *what):
		process = self.process(*what)
		out, _ = process.communicate(timeout=LIFE_S)
		if process.returncode != 0:
			raise ValueError(f"workload.py {what[0]} ended with {process.returncode}")
		return out

	def of_thread(self):
		if not hasattr(self.local, "pair"):
			self.local.pair = pq.Session(self.conninfo), crash_trial.Reader(self.args.bootstrap, self.args.registry)
		return self.local.pair

	def end(self):
		"""The writers end; where WAL was written then."""
		self.writers.terminate()
		if self.writers.wait(LIFE_S) != 0:
			raise ValueError("the writers did not end well")
		mark = lsn(json.loads(self.workload("finish"))["lsn"])
		with pq.Session(self.conninfo) as session:
			session.rows("CHECKPOINT")	# something behind it
		return mark


def chains(kind, points, rng, runs, counts):
	"""Of each point one death, in trials of several: each goes along a snapshot's way."""
	trials = max(1, -(-len(points) // DEATHS))
	columns = [points[at:at + trials] for at in range(0, len(points), trials)]
	for column in columns if runs > 1 else []:
		rng.shuffle(column)
	for place in range(trials):
		steps = []
		for column in columns:
			if place < len(column):
				point, _, when = column[place]
				# what is done is not done again: so much must be left for those behind; what a round has
				# once it may have once only, but for some
				most = max(1, counts[point] // (DEATHS + 1) if when == kind.WHEN else 1)
				if column is columns[kind.TWICE[1]] and point == kind.TWICE[0]:
					most = 2
				steps.append((point, when, most // 2 + 1 if runs == 1 else rng.randint(1, most)))
		yield steps


def run(args, rng, kinds):
	"""Lines for the report, of one death at each of the points in each mode that passes it.  kinds: Trial ->
	points."""
	name = f"rows{os.getpid()}_{int(time.monotonic() * 1000)}"
	bench = Bench(args, name)
	trials = []

	def trial_of(number, kind, mode, steps):
		trial = kind(bench, f"{name}_{number}", mode, steps)
		trials.append(trial)
		return trial

	def plain(number, kind, mode):
		"""Without a death; it counts the passings."""
		path = os.path.join(args.dir, f"{name}-counts-{number}")
		trial = trial_of(number, kind, mode, [])
		trial.attempt(trial.read_all, path)
		trial.attempt(trial.stop)
		trial.attempt(trial.read_all)
		if trial.breaches:
			raise ValueError(trial.breaches[0])
		with open(path, encoding="ascii") as file:
			return {point: int(count) for point, count in (line.split() for line in file)}

	def deadly(number, kind, mode, steps):
		"""How often a point is passed was counted in another life, and how much earlier deaths leave to be read differs:
		where a point was not reached, all is tried again with earlier deaths."""
		for attempt in range(ATTEMPTS):
			trial = trial_of(number + 1000 * attempt, kind, mode, steps)
			trial.attempt(trial.die_all)
			trial.attempt(trial.read_all)
			is_unreached = any(breach.startswith("not reached") for breach in trial.breaches)
			if not is_unreached or attempt + 1 == ATTEMPTS:
				return
			trials.remove(trial)
			trial.close()
			steps = [(point, when, -(-passing // 2)) for point, when, passing in steps]

	try:
		with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
			both = [(kind, mode) for kind in kinds for mode in MODES]
			plans = []
			for (kind, mode), counted in zip(both, list(pool.map(plain, range(len(both)), *zip(*both)))):
				modes = ("BOTH", "LEAST") if mode == MODES[0] else ("BOTH", "ONCE")
				points = [point for point in kind.ordered(kinds[kind]) if point[1] in modes]
				plans += [(kind, mode, steps) for steps in chains(kind, points, rng, args.runs, counted)]
			list(pool.map(lambda plan: deadly(plan[0] + len(both), *plan[1]), enumerate(plans)))
		mark = bench.end()
		for trial in trials:
			trial.attempt(trial.finish, mark)
	finally:
		for trial in trials:
			if trial.process and trial.process.poll() is None:
				trial.process.kill()
				trial.process.wait()
		if bench.writers.poll() is None:
			bench.writers.terminate()
			bench.writers.wait(LIFE_S)
	with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
		judged = [(trial, pool.submit(judge, trial.options(), trial.count_repeated))
			for trial in trials if not trial.breaches]
		for trial, future in judged:
			trial.attempt(lambda trial=trial, future=future: trial.report.update(future.result(LIFE_S)))
			trial.breaches = trial.breaches or trial.report["breaches"]
	for trial in trials:
		if trial.breaches:
			trial.save()
		else:
			trial.close()
		yield from trial.lines()
