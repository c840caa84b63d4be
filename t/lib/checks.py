"""checks.py: what a log in Kafka must be, in one place, so that what would hide a loss is
itself checked (checks_test.py, with logs that are broken on purpose).  Pure: records in,
breaches out; no Kafka, no server.  Called by ledger.py and crash_points.py.
"""

import json

BREACHES_MAX = 20


# --- a topic of messages of which no two are alike --------------------------------------

def text_of(message):
	return json.dumps(message, sort_keys=True)


def order_check(topic, expected, found, jumps_max):
	"""Breaches of found, (offset, message) in order, against what the topic must hold."""
	place = {text_of(message): i for i, message in enumerate(expected)}
	at = high = jumps = 0
	for offset, message in found:
		i = place.get(text_of(message))
		if i is None:
			return [f"{topic}@{offset}: {message} is none of the workload's"]
		if i > at:
			return [f"{topic}@{offset}: {message} comes after number {at - 1}, and is number {i}"]
		if i < at:
			jumps += 1
		at = i + 1
		high = max(high, at)
	breaches = []
	if at != high or high != len(expected):
		breaches.append(f"{topic} ends with number {at - 1}, has come to {high - 1}, and should to {len(expected) - 1}")
	if jumps > jumps_max:
		breaches.append(f"{topic}: {jumps} repeats, {jumps_max} are accounted for")
	return breaches


def whole_check(found, large):
	"""Breaches of found, (offset, (status, xid, ...)) of the topic of transactions, in order: is
	each transaction of the database in one Kafka transaction?  The end of a Kafka transaction
	is a record of its own in every partition it has written to, which no reader is shown: it
	takes an offset.  Only those whose xid is in large may be in several; one of these has to
	be, or the offsets say nothing."""
	breaches, begun, parted = [], None, 0
	for offset, (status, xid, *_) in found:
		if status == "BEGIN":
			begun = offset, xid
			continue
		if begun is None or begun[1] != xid:
			breaches.append(f"transaction@{offset}: the end of {xid} without its begin")
		elif offset != begun[0] + 1:
			parted += 1
			if xid not in large:
				breaches.append(f"transaction {xid} begins at {begun[0]} and ends at {offset}: "
					"it is in several Kafka transactions")
		begun = None
	if large and not parted:
		breaches.append("no transaction is in several Kafka transactions, although some are too large for one")
	return breaches


def progress_check(positions, deaths):
	"""positions: (offset, LSN, changes) of the progress topic; deaths: (slot's LSN, where the slot
	began, offset at which the topic ended).  The position never goes back; the slot was never
	ahead of it when a relay died."""
	breaches, last = [], (0, 0)
	for offset, *position in positions:
		if tuple(position) < last:
			breaches.append(f"progress@{offset}: {tuple(position)} after {last}")
		last = tuple(position)
	for confirmed, began, end in deaths:
		known = [position for offset, position, _ in positions if offset < end]
		if confirmed > max(known, default=began):
			breaches.append(f"the slot was at {confirmed:X}, ahead of all of {len(known)} positions")
	return breaches


# --- a ledger ------------------------------------------------------------------------------

class Ledger:
	"""A topic of a ledger table's changes, see ledger.py: record() for each, in offset order
	within its partition; then end()."""

	def __init__(self):
		self.breaches = []
		self.last = {}		# id -> highest seq seen
		self.home = {}		# id -> partition
		self.history = {}	# partition -> [(id, seq)] of first occurrences
		self.place = {}		# (id, seq) -> its partition, and its place in the history
		self.replay = {}	# partition -> place that a running replay has reached
		self.runs = 0
		self.records = self.repeats = 0

	def breach(self, text):
		if len(self.breaches) < BREACHES_MAX:
			self.breaches.append(text)

	def repeated(self, partition, key, seq, where):
		(home, place), running = self.place[key, seq], self.replay.get(partition)
		self.repeats += 1
		if home != partition:
			self.breach(f"{where}: key {key} was in partition {home}")
			return
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
		self.place[key, seq] = partition, len(history)
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

	def end(self, expected, runs_max):
		"""expected: id -> seq, the table's last state.  A topic that ends within a replay has a
		stale value as the newest of its key."""
		for partition, running in self.replay.items():
			if running is not None and running != len(self.history[partition]):
				self.breach(f"[{partition}] ends within a replay, at {running} of {len(self.history[partition])}")
		for id_, seq in expected.items():
			if self.last.get(id_) != seq:
				self.breach(f"key {id_}: the table has seq {seq}, the topic {self.last.get(id_)}")
		for id_ in self.last.keys() - expected.keys():
			self.breach(f"key {id_} is not in the table")
		if self.runs > runs_max:
			self.breach(f"{self.runs} replays, {runs_max} are accounted for")
