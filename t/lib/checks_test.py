#!/usr/bin/env python3
"""checks_test.py: does checks.py see what is wrong, and nothing else?  Logs that are
right must pass, and each way to break one must be reported as what it is, over many
random logs; SEED= for others.  Called by 078_checks.pl.
"""

import os
import random
import re
import sys

import checks

LOGS = 50	# of each kind
PARTITIONS = 3
KEYS = 7
CHANGES = 60


# --- a ledger ------------------------------------------------------------------------------

class Log:
	"""Of a ledger table: what was written to each partition, without repeats and with."""

	def __init__(self, rng):
		self.rng = rng
		self.final = {}
		self.history = {partition: [] for partition in range(PARTITIONS)}
		for number in range(CHANGES):
			key = number % KEYS if number < KEYS else rng.randrange(KEYS)
			self.final[key] = self.final.get(key, 0) + 1
			self.history[key % PARTITIONS].append((key, self.final[key]))
		self.parts = {partition: list(history) for partition, history in self.history.items()}
		self.runs = 0

	def any(self):
		"""A partition, and its records, of which there are more than a few."""
		partition = self.rng.randrange(PARTITIONS)
		return partition, self.parts[partition]

	def replay(self, to_end=True):
		"""What was seen comes again from some place on, with all behind it; or not with all."""
		partition, part = self.any()
		seen = self.rng.randrange(3, len(self.history[partition]))
		begin = self.rng.randrange(seen - 2)
		at = part.index(self.history[partition][seen - 1]) + 1
		part[at:at] = self.history[partition][begin:seen if to_end else self.rng.randrange(begin + 1, seen)]
		self.runs += 1

	def judge(self, runs_max=None, change=None):
		"""The breaches.  change(partition, number, key, value): breaks a record."""
		ledger = checks.Ledger()
		for partition, part in self.parts.items():
			for number, (id_, seq) in enumerate(part):
				key = {"id": id_}
				value = {"op": "c" if seq == 1 else "u", "after": {"id": id_, "seq": seq},
					"before": {"id": id_, "seq": seq - 1} if seq > 1 else None}
				if change:
					change(partition, number, key, value)
				ledger.record(partition, number, key, value)
		ledger.end(self.final, self.runs if runs_max is None else runs_max)
		return ledger.breaches


def right(log):
	return log.judge()


def right_with_replays(log):
	for _ in range(3):
		log.replay()
	return log.judge(3)


def right_at_the_end(log):
	"""The last thing is a replay, in which another one begins; both come to the end."""
	partition, part = log.any()
	part += log.history[partition][2:5] + log.history[partition][1:]
	return log.judge(2)


def ends_within_a_replay(log):
	"""1, 2, 3, 1: the newest record of the key is a stale one."""
	partition, part = log.any()
	begin = log.rng.randrange(len(part) - 1)
	part += log.history[partition][begin:log.rng.randrange(begin + 1, len(part))]
	return log.judge(1)


def replay_is_broken_off(log):
	log.replay(to_end=False)
	return log.judge(1)


def replay_skips(log):
	partition, part = log.any()
	begin = log.rng.randrange(len(part) - 3)
	part += log.history[partition][begin:begin + 1] + log.history[partition][begin + 2:]
	return log.judge(1)


def too_many_replays(log):
	log.replay()
	return log.judge(0)


def lost_in_the_middle(log):
	_, part = log.any()
	latest = {}
	for number, (id_, _) in enumerate(part):
		latest[id_] = number
	del part[log.rng.choice([number for number, (id_, _) in enumerate(part) if number != latest[id_]])]
	return log.judge()


def lost_at_the_end(log):
	_, part = log.any()
	del part[-1]
	return log.judge()


def overtaken(log):
	_, part = log.any()
	id_ = log.rng.choice([id_ for id_, seq in part if seq == 2])
	first, second = [part.index((id_, seq)) for seq in (1, 2)]
	part[first], part[second] = part[second], part[first]
	return log.judge()


def other_partition(log):
	partition, part = log.any()
	log.parts[(partition + 1) % PARTITIONS].append(part.pop())
	return log.judge()


def repeated_in_another_partition(log):
	partition, part = log.any()
	log.parts[PARTITIONS] = [part[-1]]
	return log.judge(1)


def not_in_the_table(log):
	log.parts[0].append((1000, 1))
	return log.judge()


def broken_record(log, change):
	place = log.any()[0], log.rng.randrange(3)
	return log.judge(change=lambda partition, number, key, value:
		change(key, value) if (partition, number) == place else None)


def other_key(log):
	return broken_record(log, lambda key, value: key.update(id=key["id"] + PARTITIONS))


def other_op(log):
	return broken_record(log, lambda key, value: value.update(op="c" if value["op"] == "u" else "u", before={"seq": 0}))


def other_before(log):
	return log.judge(change=lambda partition, number, key, value:
		value["before"].update(seq=0) if value["after"]["seq"] == 3 else None)


LEDGER = [	# a log, and the breach it has
	(right, None), (right_with_replays, None), (right_at_the_end, None),
	(ends_within_a_replay, "ends within a replay"),
	(replay_is_broken_off, "before the replay reached the end|ends within a replay"),
	(replay_skips, "a replay skips"), (too_many_replays, "1 replays, 0 are accounted for"),
	(lost_in_the_middle, "goes from seq"), (lost_at_the_end, "the table has seq"),
	(overtaken, "goes from seq"), (other_partition, "was in partition"),
	(repeated_in_another_partition, "was in partition"), (not_in_the_table, "is not in the table"),
	(other_key, "on row"), (other_op, "op [cu] for seq"), (other_before, "before is seq"),
]


# --- messages in their order -----------------------------------------------------------------

EXPECTED = [("c", number, None) for number in range(10)]


def ordered(*numbers, jumps_max=0):
	return checks.order_check("t", EXPECTED, [(offset, EXPECTED[number]) for offset, number in enumerate(numbers)],
		jumps_max)


ORDER = [
	("all, once", ordered(*range(10)), None),
	("a run comes again", ordered(*range(5), *range(2, 10), jumps_max=1), None),
	("the end comes again", ordered(*range(10), 8, 9, jumps_max=1), None),
	("it ends within a repeat", ordered(*range(10), *range(3, 6), jumps_max=1), "ends with number 5, has come to 9"),
	("the last is missing", ordered(*range(9)), "ends with number 8"),
	("one is missing", ordered(*range(4), *range(5, 10)), "comes after number 3, and is number 5"),
	("a repeat is broken off", ordered(*range(6), 2, 3, *range(6, 10), jumps_max=1), "comes after number 3"),
	("two are swapped", ordered(0, 2, 1, *range(3, 10), jumps_max=1), "comes after number 0, and is number 2"),
	("exactly once, one comes again", ordered(*range(5), *range(4, 10)), "1 repeats, 0 are accounted for"),
	("nothing is there", ordered(), "should to 9"),
	("a message of nobody's", checks.order_check("t", EXPECTED, [(0, ("c", 77, None))], 0), "none of the workload's"),
]


# --- Kafka transactions and positions -----------------------------------------------------------

def boundaries(*offsets):
	"""Transactions 1, 2, ...: of each the offsets of its begin and its end."""
	return [(offset, (status, number + 1, None)) for number, pair in enumerate(offsets)
		for offset, status in zip(pair, ("BEGIN", "END"))]


def positioned(*positions, deaths=()):
	return checks.progress_check(positions, deaths)


OTHERS = [
	("whole, a Kafka transaction each, and several in one",
		checks.whole_check(boundaries((0, 1), (3, 4), (5, 6), (10, 11)), set()), None),
	("the large one is in parts", checks.whole_check(boundaries((0, 1), (3, 6)), {2}), None),
	("half of one is committed", checks.whole_check(boundaries((0, 1), (3, 5), (7, 9)), {2}),
		"transaction 3 begins at 7 and ends at 9"),
	("half of each is", checks.whole_check(boundaries((0, 2), (3, 5)), set()), "transaction 1 begins at 0"),
	("the large one is in one", checks.whole_check(boundaries((0, 1), (3, 4)), {2}), "no transaction is in several"),
	("a begin is missing", checks.whole_check(boundaries((0, 1), (3, 4))[:2] + boundaries((0, 1), (3, 4))[3:], set()),
		"the end of 2 without its begin"),
	("positions rise, the slot behind them", positioned((0, 10, 0), (1, 10, 2), (2, 20, 0), deaths=[(10, 5, 1), (20, 5, 3)]), None),
	("the slot where it began", positioned(deaths=[(5, 5, 0)]), None),
	("a position goes back", positioned((0, 20, 0), (1, 10, 0)), "progress@1"),
	("a position goes back within a transaction", positioned((0, 20, 5), (1, 20, 2)), "progress@1"),
	("the slot ahead", positioned((0, 10, 0), (1, 20, 0), deaths=[(20, 5, 1)]), "the slot was at 14, ahead"),
	("the slot ahead, no position", positioned((0, 10, 0), deaths=[(10, 5, 0)]), "the slot was at A, ahead"),
]


# --- the report --------------------------------------------------------------------------------

def verdict(wanted, breaches):
	"""What is wrong with this judgement; '' if nothing is."""
	if wanted is None:
		return f"reported, but is right: {breaches[:3]}" if breaches else ""
	return "" if any(re.search(wanted, breach) for breach in breaches) else f"not reported as '{wanted}': {breaches[:3]}"


def main():
	seed = int(os.environ.get("SEED", "1"))
	results = []
	for function, wanted in LEDGER:
		verdicts = (verdict(wanted, function(Log(random.Random(f"{seed + number}/{function.__name__}"))))
			for number in range(LOGS))
		results.append((f"ledger: {function.__name__.replace('_', ' ')}", next(filter(None, verdicts), "")))
	results += [(f"order: {what}", verdict(wanted, breaches)) for what, breaches, wanted in ORDER]
	results += [(what, verdict(wanted, breaches)) for what, breaches, wanted in OTHERS]
	for what, wrong in results:
		print(f"FAIL {what}\n     {wrong}" if wrong else f"ok   {what}")
	failed = sum(bool(wrong) for _, wrong in results)
	print(f"{len(results) - failed} passed, {failed} failed")
	sys.exit(1 if failed else 0)


if __name__ == "__main__":
	main()
