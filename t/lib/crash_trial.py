"""crash_trial.py: lives and deaths of a relay with crash points (relay/crash_point.h), what
happens to it while it stands still, and what is in its topics.  Used by crash_points.py and
crash_snapshot.py; knows nothing of what a relay streams.
"""

import os
import signal
import subprocess
import threading
import time

import kafka
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import TopicPartition

import read_topic

LIFE_S = 300			# a life that takes longer hangs
SMALL = 100				# bytes; no batch is as small


def lsn(text):
	high, low = text.split("/")
	return int(high, 16) << 32 | int(low, 16)


class Reader:
	"""The topics of trials, and their records; one for each thread."""

	def __init__(self, bootstrap, registry):
		self.registry = read_topic.Registry(registry)
		# by default a broker that takes two seconds to answer is none
		broker = {"bootstrap_servers": bootstrap, "api_version_auto_timeout_ms": LIFE_S * 1000}
		self.consumers = {committed: kafka.KafkaConsumer(
			**broker, group_id=None, enable_auto_commit=False,
			auto_offset_reset="earliest", allow_auto_create_topics=False, fetch_max_wait_ms=10,
			isolation_level="read_committed" if committed else "read_uncommitted")
			for committed in (False, True)}
		self.admin = KafkaAdminClient(**broker)

	def close(self):
		for consumer in self.consumers.values():
			consumer.close(autocommit=False)
		self.admin.close()

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

	def records(self, prefix, committed, only=None):
		"""Topic, without the prefix, to its records; of all topics, or of one."""
		consumer, plain = self.consumers[committed], self.consumers[False]
		found = {}
		for topic in consumer.topics() & plain.topics():
			if topic.startswith(prefix + ".") and only in (None, topic[len(prefix) + 1:]):
				if consumer.partitions_for_topic(topic) != {0}:
					raise ValueError(f"{topic} has several partitions")
				found[TopicPartition(topic, 0)] = []
		if not found:
			return {}
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


class Unreached(Exception):
	"""The relay did not come by the point so often."""


class Trial:
	"""A slot, the relay's lives on it, and its topics, all of one name.  Whose it is says what
	command() is, and began, the position at which the first life begins."""

	def __init__(self, bench, name, mode):
		self.bench, self.name, self.mode = bench, name, mode
		self.session, self.reader = bench.of_thread()
		self.deaths, self.lives, self.losses = [], 0, 0
		self.once = mode == "exactly-once"
		self.dir = os.path.join(bench.args.dir, name)
		os.mkdir(self.dir)

	def start(self, crash=None, stop=None, counts=None):
		"""A process, which stops and dies where it is to; end() it."""
		env = dict(os.environ)
		for name, value in (("CRASH_POINT", crash), ("STOP_POINT", stop), ("CRASH_COUNTS", counts)):
			if value:
				env["WALRELAY_" + name] = value
		self.lives += 1
		with open(os.path.join(self.dir, f"life{self.lives}"), "wb") as log:
			return subprocess.Popen(self.command(), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

	def end(self, process, at_stop=None, meanwhile=None):
		"""Its exit status, negative for a signal.  at_stop(process id): while it stands still; meanwhile(): once
		it runs."""
		late = threading.Event()
		timer = threading.Timer(LIFE_S, lambda: (late.set(), process.kill()))
		timer.start()
		try:
			if meanwhile:
				meanwhile()
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

	def life(self, crash=None, stop=None, counts=None, **how):
		return self.end(self.start(crash, stop, counts), **how)

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
		try:
			self.reader.admin.create_topics([NewTopic(topic, 1, 1)])
		except TopicAlreadyExistsError:
			pass
		self.limit(topic, SMALL)

	def admit(self, topic):
		self.limit(topic, 1048588)

	def limit(self, topic, size):
		"""Also in force, which it is a moment behind the answer."""
		admin, wanted = self.reader.admin, {"max.message.bytes": str(size)}
		admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])
		deadline = time.monotonic() + LIFE_S
		while True:
			answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])[0]
			if {entry[0]: entry[1] for entry in answer.resources[0][4]} == wanted:
				return
			if time.monotonic() > deadline:
				raise TimeoutError(f"{topic}: max.message.bytes is not {size}")
			time.sleep(0.05)

	def slot_drop(self):
		self.wait_idle()
		self.session.rows(f"SELECT pg_drop_replication_slot('{self.name}')")

	def close(self):
		"""Nothing is left of it: server and broker are to bear thousands."""
		self.reader.delete(self.name)
		self.slot_drop()
