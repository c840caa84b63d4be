"""seam.py: the rules of snapshots: rows that were there before (op r), and the changes that
the stream has of them.  Pure.  Called by check.py, which replays the log: from what the
history (history.py) says the tables held when the capture began, by the events; so the
state at a row of a snapshot, in its partition, is what that row must be.

A row of a snapshot is of a position, its source.lsn: it is as all transactions left it whose
commit records begin before that, and the stream has exactly the others behind it.  A job
is one reading of all tables; it has one position, or, if the relay died meanwhile, more,
and then what was not read at the first is read at the next, behind the changes between.

What each breach is called (others are in check.py):
  seam         a row is not what was there at its position: gone by then, or older, or newer
  unread       a row that was there is not in the job, nor, if the relay died meanwhile, in an
               event between its positions;  twice: it is there twice at one position
  barrier      a change behind the position is in front of a row, or one before it behind a row
  mark         source.snapshot does not mark first and last rows as it should
"""
import bisect
import collections
import json

from history import State
from outcomes import ABORTED
from tables import PLACEHOLDER, TABLES, content_fault, digest

FIRST, LAST = ('first', 'first_in_data_collection'), ('last', 'last_in_data_collection')
MARKS = (*FIRST, 'true', *LAST)
END = 1 << 64           # behind all positions

# reads: are there rows of a snapshot?  again: at each start?  past: are there changes from before
# its position?  streams: and from behind it, up to the end?  Else, only until it is known to be done.
Kind = collections.namedtuple('Kind', 'reads again past streams')
KINDS = {'initial': Kind(True, False, False, True), 'initial_only': Kind(True, False, False, False),
         'always': Kind(True, True, True, True),
         'no_data': Kind(False, False, True, True), 'never': Kind(False, False, True, True)}


class Rules:
    """kind: snapshot.mode of the relay.  start: what is committed from this LSN on must be in the
    log; without a past it is where the snapshot is.  done: the LSN at which it was known to
    be done.  kills: may the relay have died?  jobs: how many there must be; None: any number;
    begins: LSNs behind which the second of them, the third and so on are; given_up: numbers,
    from 0, of those that the relay gave up when it started anew.
    past: what the kind says, unless told otherwise."""

    def __init__(self, kind, history, start=0, done=0, kills=False, jobs=None, begins=(), given_up=(),
                 past=None):
        self.kind, self.history, self.start, self.done = KINDS[kind], history, start, done
        self.kills, self.jobs, self.begins, self.given_up = kills, jobs, sorted(begins), set(given_up)
        self.past = self.kind.past if past is None else past

    def seam(self, *parts):
        return Seam(self, *parts)


class Job:
    """positions: rising.  is_whole: it was not given up.  begin, end: LSNs between which it was at work."""

    def __init__(self, position, is_whole, begin, end):
        self.positions, self.is_whole = [position], is_whole
        self.begin, self.end = begin, end

    @property
    def first(self):
        return self.positions[0]

    @property
    def last(self):
        return self.positions[-1]


class Bag:
    """A table without a key: what the log has told of it since the job began that counts, and
    what it holds.  Such a table has one partition."""

    def __init__(self):
        self.told = collections.Counter()       # digest -> rows of the job, and of events
        self.read = collections.Counter()       # digest -> rows at the position
        self.position = 0
        self.job = None
        self.is_judged = False


class Seam:
    def __init__(self, rules, transactions, tables, breaches):
        self.rules, self.kind = rules, rules.kind
        self.transactions, self.tables, self.breaches = transactions, tables, breaches
        self.jobs = []
        self.truncated = {TABLES[version.table].collection for version in rules.history.versions
                          if not version.old and not version.new and version.lsn > rules.start}
        self.marks = {}         # position -> Counter of (collection, mark)
        self.logged = set()     # what rows of txlog say: transactions that are in a snapshot
        self.before = set()     # transactions that were there when the capture began
        self.said = {}          # (table, key) -> position at which the log told the whole row
        self.touched = set()    # those of which the log told last by a row of a snapshot
        self.once = set()       # (table, key, position) of rows
        self.bags = {name: Bag() for name, table in TABLES.items() if not table.key}
        self.balances = collections.Counter()   # position -> sum of the accounts' rows
        self.marked = {}        # (partition, position) -> the last mark in it
        self.rows = self.repeats = 0

    # ---- before the log is read ----

    def learn(self, log):
        """What is in the snapshot, and what the tables held when the capture began."""
        collections_of = {f'{log.prefix}.{table.collection}': table for table in TABLES.values()}
        for topic, partition in log.partitions():
            if topic not in collections_of:
                continue
            for record in log.records(topic, partition):
                value = record['value']
                if value and value['op'] == 'r' and value['after']:
                    source = value['source']
                    marks = self.marks.setdefault(source['lsn'], collections.Counter())
                    marks[collections_of[topic].collection, source['snapshot']] += 1
                    if topic == f'{log.prefix}.public.txlog':
                        self.logged.add(value['after']['txid8'])
        self.jobs_find()
        if self.jobs and not self.rules.past:
            # what died before it had read a row may have streamed since
            ends = [end[0] for end in self.transactions.ends if end] if self.rules.kills else []
            self.rules.start = min(self.jobs[0].first, *ends, END)
        self.seed()

    def jobs_find(self):
        numbers = []
        for position in sorted(self.marks):
            number = bisect.bisect_left(self.rules.begins, position)
            if number in numbers:
                self.jobs[-1].positions.append(position)
            else:
                numbers.append(number)
                edges = [self.rules.start, *self.rules.begins, self.rules.done or END]
                self.jobs.append(Job(position, number not in self.rules.given_up, *edges[number:number + 2]))
        for job in self.jobs:
            for position in job.positions[1:]:
                for collection in {collection for collection, _ in self.marks[position]}:
                    if not self.is_broken(collection):
                        self.breaches.add('seam', f'snapshot at {job.first:x}', f'rows of {collection} at '
                                          f'{position:x}, though nothing interrupted it')
        if self.kind.reads and not self.jobs:
            self.breaches.add('unread', 'snapshot', 'there is none')
        if self.rules.jobs is not None and len(self.jobs) != self.rules.jobs:
            self.breaches.add('mark', 'snapshot', f'{len(self.jobs)} snapshots begin, not {self.rules.jobs}')

    def is_broken(self, collection):
        """May a job have rows of this table at several positions?  A truncate, too, makes it begin
        anew with a table."""
        return self.rules.kills or collection in self.truncated

    def last(self, job, table):
        """Where all its rows of a table have been told."""
        return job.last if self.is_broken(table.collection) else job.first

    def seed(self):
        """Transactions of which nothing was streamed were there when the capture began, or the
        relay had ended.  The tables then held what the former left."""
        followers = self.followers()
        for i, txn in enumerate(self.transactions.made):
            if self.transactions.ends[i] or txn.outcome == ABORTED or txn.txid not in self.rules.history.last:
                continue
            if self.is_before(txn):
                self.before.add(txn.txid)
                if self.certainly_behind(txn, self.rules.start):
                    continue        # and is lost
            elif followers.get(txn.tag, END) <= (self.jobs[-1].last if self.jobs else 0):
                continue            # lost, too: it was committed before the last position
            self.transactions.excused.add(i)
        self.tables.seed(self.rules.history.state(self.before))

    def is_before(self, txn):
        return self.kind.streams or txn.txid in self.logged

    def certainly_behind(self, txn, position):
        """Its commit record begins behind it: more was written, later."""
        return self.rules.history.last.get(txn.txid, 0) >= position

    def followers(self):
        """tag -> where the same writer's next transaction began: it was committed before that."""
        found, last = {}, {}
        for txn in sorted(self.transactions.made, key=lambda txn: (txn.worker, txn.n)):
            first = self.rules.history.first.get(txn.txid)
            if first is None:
                continue
            if txn.worker in last:
                found[last[txn.worker]] = first
            last[txn.worker] = txn.tag
        return found

    def message_is_due(self, lsn):
        """One outside of transactions that ends there."""
        end = END if self.kind.streams or not self.jobs else self.jobs[-1].last
        return self.rules.start < lsn <= end

    # ---- as the log is read ----

    def row(self, table, place, record, where):
        """A row of a snapshot."""
        value, source = record['value'], record['value']['source']
        if not self.kind.reads:
            self.breaches.add('op', where, 'a row of a snapshot, and there should be none')
            return
        if value['before'] or not value['after'] or value.get('transaction'):
            self.breaches.add('op', where, f"op r with{'' if value['before'] else 'out'} before, "
                              f"with{'' if value['after'] else 'out'} after, "
                              f"with{'' if value.get('transaction') else 'out'} transaction")
            return
        position, is_new = source['lsn'], True
        self.rows += 1
        self.source_check(table, source, where)
        self.barrier_check(place, position, where)
        self.mark_check(record, position, source['snapshot'], where)
        row = value['after']
        if not table.full and PLACEHOLDER in row.values():
            self.breaches.add('seam', where, 'a value is left out')
            return
        plain = self.tables.plain(table, row)
        fault = content_fault(table, plain)
        if fault:
            self.breaches.add('content', where, fault)
        if table.key:
            is_new = self.keyed(table, table.key_of(row), digest(plain), position, where)
        else:
            self.bagged(table, digest(plain), position, where)
        if table.name == 'acct' and is_new:
            self.balances[position] += row['bal']

    def source_check(self, table, source, where):
        _, own = json.loads(source['sequence'])
        if f"{source['schema']}.{source['table']}" != table.collection:
            self.breaches.add('source', where, f"a row of {source['schema']}.{source['table']}")
        elif int(own) != source['lsn']:
            self.breaches.add('source', where, f"lsn {source['lsn']}, sequence {own}")

    def barrier_check(self, place, position, where):
        seen = place.seen()
        if place.replay not in (None, len(place.history)):
            self.breaches.add('replay', where, 'a row of a snapshot is in a run that comes again')
        if seen > position:
            self.breaches.add('barrier', where, f'a row at {position:x} behind a change of {seen:x}')
        if position < place.read:
            self.breaches.add('barrier', where, f'a row at {position:x} behind one at {place.read:x}')
        place.read = max(place.read, position)

    def mark_check(self, record, position, mark, where):
        """In its partition nothing is in front of a first row, or behind a last one."""
        where_from = record['topic'], record['partition'], position
        before = self.marked.get(where_from)
        if mark not in MARKS:
            self.breaches.add('mark', where, f'source.snapshot is {mark}')
        elif mark in FIRST and before:
            self.breaches.add('mark', where, f'{mark} behind {before}')
        elif before in LAST:
            self.breaches.add('mark', where, f'{mark} behind {before}')
        self.marked[where_from] = mark

    def keyed(self, table, key, sign, position, where):
        """False: it was there."""
        have, named = self.tables.rows[table.name].get(key), (table.name, key)
        if have is None:
            self.breaches.add('seam', where, f'no row {key} was there at {position:x}')
        elif have != sign:
            self.breaches.add('seam', where, f'row {key} was another one at {position:x}')
        if (*named, position) in self.once:
            self.breaches.add('twice', where, f'row {key} is there twice at {position:x}')
            return False
        self.once.add((*named, position))
        self.told_check(table, key, position, where)
        if named in self.touched and self.said.get(named, 0) >= self.job_at(position).first:
            self.repeats += 1
        self.said[named] = position
        self.touched.add(named)
        return True

    def job_at(self, position):
        return next(job for job in self.jobs if job.last >= position)

    def told_check(self, table, key, position, where):
        """Something happens to a row, at this position; what it was must have been told by every
        job that had ended then."""
        said = self.said.get((table.name, key), 0)
        for job in self.jobs:
            if job.is_whole and said < job.first and self.last(job, table) < position:
                self.breaches.add('unread', where, f'row {key} of {table.name} was there at {job.last:x}, '
                                  'and was not read')
                break

    def bagged(self, table, sign, position, where):
        bag = self.bags[table.name]
        self.bag_judge(table, position, where)
        if bag.position != position:
            bag.position, bag.read = position, collections.Counter()
        bag.read[sign] += 1
        bag.told[sign] += 1
        have = self.tables.bags[table.name][sign]
        if not have:
            self.breaches.add('seam', where, f'no such row was there at {position:x}')
        elif bag.read[sign] > have:
            self.breaches.add('twice', where, f'{bag.read[sign]} such rows, and {have} were there at {position:x}')

    def bag_judge(self, table, position, where):
        """Something happens in it at this position: the jobs that had ended then have told all."""
        bag = self.bags[table.name]
        for job in self.jobs:
            if job.first > position:
                break
            if bag.job is None or job.first > bag.job.first:
                if bag.job and bag.job.is_whole:
                    self.bag_compare(table, bag, where)
                bag.job, bag.is_judged = job, False
                bag.told.clear()
            if bag.job is job and job.is_whole and self.last(job, table) < position:
                self.bag_compare(table, bag, where)

    def bag_compare(self, table, bag, where):
        if not bag.is_judged:
            bag.is_judged = True
            missing = sum((+self.tables.bags[table.name] - bag.told).values())
            if missing:
                self.breaches.add('unread', where, f'{missing} rows of {table.name} were there at '
                                  f'{bag.job.last:x}, and were not read')

    def event(self, table, place, value, end, where):
        """A change that was not seen before, and is not replayed yet; end: of its transaction."""
        if end is None:
            return          # was said
        if end <= place.read:
            self.breaches.add('barrier', where, f'a change of {end:x} behind a row at {place.read:x}')
        if not self.rules.past and not self.rules.kills and self.jobs and end <= self.jobs[0].first:
            self.breaches.add('barrier', where, f'a change of {end:x}, and the snapshot is of {self.jobs[0].first:x}')
        if not self.kind.streams and self.jobs and end > max(self.rules.done, self.jobs[-1].last):
            self.breaches.add('barrier', where, f'a change of {end:x}, and there is no stream behind the snapshot')
        if not self.kind.reads:
            return
        end -= 1        # in the commit record: a position may be where that ends
        op, before, after = value['op'], value['before'], value['after']
        if not table.key:
            self.bag_event(table, op, before, after, end, where)
        elif op == 't':
            for key in self.tables.rows[table.name]:
                if end >= self.rules.done:
                    self.told_check(table, key, end, where)
                self.said.pop((table.name, key), None)
        elif after or before:
            key = table.key_of(after or before)
            if key in self.tables.rows[table.name]:
                self.told_check(table, key, end, where)
            self.touched.discard((table.name, key))
            if op == 'd':
                self.said.pop((table.name, key), None)
            elif table.full or PLACEHOLDER not in after.values():
                self.said[table.name, key] = end
            elif self.is_told(table.name, key, end):
                self.said[table.name, key] = end

    def is_told(self, name, key, end):
        """Does the log have the whole row, in the job that counts?"""
        begun = [job.first for job in self.jobs if job.first < end]
        return self.said.get((name, key), 0) >= (begun[-1] if begun else 1)

    def bag_event(self, table, op, before, after, end, where):
        bag = self.bags[table.name]
        self.bag_judge(table, end, where)
        if before and op != 't':
            sign = digest(before)
            bag.told[sign] = max(0, bag.told[sign] - 1)
        if after:
            bag.told[digest(after)] += 1

    # ---- at the end ----

    def finish(self):
        if not self.kind.reads or not self.jobs:
            return
        for name, rows in self.tables.rows.items():
            for key in rows:
                self.told_check(TABLES[name], key, END, f'{name} {key}')
        for name in self.bags:
            self.bag_judge(TABLES[name], END, name)
        for job in (job for job in self.jobs if job.is_whole):
            if not self.rules.kills and self.balances[job.first] != self.rules.history.balance:
                self.breaches.add('sum', f'snapshot at {job.first:x}', f'the balances are {self.balances[job.first]}, '
                                  f'not {self.rules.history.balance}')
            self.marks_check(job)

    def marks_check(self, job):
        where, total = f'snapshot at {job.first:x}', collections.Counter()
        for position in job.positions:
            of_all = self.marks_at(position)
            total.update(of_all)
            for mark in ('first', 'last'):
                if of_all[mark] > 1:
                    self.breaches.add('mark', where, f'{of_all[mark]} rows are {mark} at {position:x}')
                elif of_all[mark] and not self.rules.kills and position != getattr(job, mark):
                    self.breaches.add('mark', where, f'a row is {mark} at {position:x}')
        tables = {collection for position in job.positions for collection, _ in self.marks[position]}
        for collection in sorted(tables):
            self.marks_of_table(collection, job, where)
        if sum(total.values()) > 1 and not total['first']:
            self.breaches.add('mark', where, 'no row is first')
        if sum(total.values()) > 1 and not total['last'] and not self.ends_empty(job):
            self.breaches.add('mark', where, 'no row is last')

    def marks_at(self, position):
        found = collections.Counter()
        for (_, mark), count in self.marks[position].items():
            found[mark] += count
        return found

    def places_of(self, collection, job):
        """Where a job has rows of a table -> (rows, how many are marked as first, as last)."""
        found = {}
        for position in job.positions:
            marks = self.marks[position]
            rows = sum(count for (name, _), count in marks.items() if name == collection)
            if rows:
                found[position] = rows, *(sum(marks[collection, mark] for mark in what) for what in (FIRST, LAST))
        return found

    def marks_of_table(self, collection, job, where):
        places = self.places_of(collection, job)
        for position, (rows, first, last) in places.items():
            said = f'of {rows} rows of {collection} at {position:x}'
            if first > 1 or rows > 1 and not first and not self.rules.kills:
                self.breaches.add('mark', where, f'{first} {said} are marked first_in_data_collection')
            if last > 1:
                self.breaches.add('mark', where, f'{last} {said} are marked last_in_data_collection')
            elif last and position != max(places) and not self.rules.kills:
                self.breaches.add('mark', where, f'one {said} is marked last_in_data_collection, and others follow')
        rows, _, last = places[max(places)]
        if rows > 1 and not last and not self.is_cut(collection, job, max(places)):
            self.breaches.add('mark', where, f'none of {rows} rows of {collection} is marked last_in_data_collection')

    def ends_empty(self, job):
        """May the last round have no row?  Only for a table whose end no row has told."""
        for table in TABLES.values():
            places = self.places_of(table.collection, job)
            if not (places and places[max(places)][2]) and self.is_cut(table.collection, job, job.last):
                return True
        return False

    def is_cut(self, collection, job, position):
        """May a table have been read in vain behind this position: not to its end before, and nothing was
        left of it?  It was truncated while it was read, and is empty somewhere behind.  If the relay died,
        it had rows."""
        versions = [version for version in self.rules.history.versions
                    if TABLES[version.table].collection == collection]
        ends = {version.txid: self.end_of(version.txid) for version in versions}
        if self.rules.kills:
            return any(self.is_there(versions, ends, place) for place in {job.begin, *ends.values()} if place <= job.end)
        if not any(not version.old and not version.new and job.begin < ends[version.txid] <= job.end
                   for version in versions):
            return False
        return any(not self.is_there(versions, ends, place)
                   for place in {position, *ends.values()} if position <= place <= job.end)

    def end_of(self, txid):
        """Where a transaction ended; behind everything if it did not, or was rolled back."""
        i = self.transactions.find(txid & 0xffffffff)
        return self.transactions.end_lsn(i) or (0 if txid in self.before else END) if i is not None else END

    @staticmethod
    def is_there(versions, ends, place):
        """Does a table hold rows there?"""
        state = State()
        for version in versions:
            if ends[version.txid] <= place:
                state.apply(version)
        return any(state.rows.values()) or any(+bag for bag in state.bags.values())

    def report(self):
        return {'rows': self.rows, 'jobs': len(self.jobs), 'repeats': self.repeats,
                'places': sum(len(job.positions) for job in self.jobs),
                'positions': [f'{position >> 32:X}/{position & 0xffffffff:X}'
                              for job in self.jobs for position in job.positions]}
