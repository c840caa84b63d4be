"""storm_model.py: what a topic of the DDL storm says, replayed into tables.

A trigger sends a logical message behind every change of a row: the name, type and text
of every column at that moment.  So each event is compared with what the server itself
said of it: columns, values, key, images.  Each DDL transaction sends the content of the
table behind the change; the model must agree as far as the change could not touch it,
then goes on from there.  Events are those of one relay in stream order.  Shares no code
with decoder or relay.  Imported by contrib/storm.
"""
import base64
import datetime
import decimal
import hashlib
import json

PLACEHOLDER = '__debezium_unavailable_value'
LONG = 200              # longer text is noted as its MD5, as storm_row() in contrib/storm does
FAULTS_KEPT = 40
EPOCH = datetime.date(1970, 1, 1)
INTEGERS = ('smallint', 'integer', 'bigint', 'posint')
TEXTS = ('text', 'mood', 'uuid')


class Fault(Exception):
    """An event that is not what it must be."""


def short(text):
    """Long text as storm_row() notes it."""
    return 'md5:' + hashlib.md5(text.encode()).hexdigest() if len(text) > LONG else text


def unscaled(data):
    return int.from_bytes(base64.b64decode(data), 'big', signed=True)


def numeric(value, scale):
    if isinstance(value, dict):
        value, scale = value['value'], value['scale']
    return decimal.Decimal(unscaled(value)).scaleb(-scale)


def said(value, kind):
    """A value of an event, Avro as JSON, in the form in which expected() has its type."""
    if value is None:
        return None
    if kind in INTEGERS and type(value) is int:
        return value
    if kind.startswith('numeric'):
        return numeric(value, int(kind[:-1].split(',')[1]) if '(' in kind else None)
    if kind == 'double precision' and type(value) in (int, float):
        return float(value)
    if kind == 'boolean' and type(value) is bool:
        return value
    if kind == 'date' and type(value) is int:
        return (EPOCH + datetime.timedelta(days=value)).isoformat()
    if kind == 'timestamp with time zone' and isinstance(value, str):
        return datetime.datetime.fromisoformat(value.replace('Z', '+00:00'))
    if kind == 'bytea' and isinstance(value, str):
        return '\\x' + base64.b64decode(value).hex()
    if kind == 'jsonb' and isinstance(value, str):
        return json.loads(value)
    if kind == 'text[]' and isinstance(value, list):
        return value
    if (kind in TEXTS or kind.startswith('character varying')) and isinstance(value, str):
        return short(value)
    raise Fault(f'a {kind} cannot be {value!r}')


def expected(text, kind):
    """The text that the server noted, as a value of its type."""
    if text is None:
        return None
    if kind in INTEGERS:
        return int(text)
    if kind.startswith('numeric'):
        return decimal.Decimal(text)
    if kind == 'double precision':
        return float(text)
    if kind == 'boolean':
        return text == 'true'
    if kind == 'timestamp with time zone':
        return datetime.datetime.fromisoformat(text)
    if kind in ('jsonb', 'text[]'):
        return json.loads(text)
    return text


class Model:
    """rows: table -> uid -> {column: [type, text]}; keys: table -> columns of its key."""

    def __init__(self):
        self.rows, self.keys = {}, {}
        self.renamed = {}           # enum label -> (its next name, LSN at which that was committed)
        self.former = {}            # enum label -> its name before
        self.renaming, self.txid = [], None     # renames of the last transaction
        self.events = []            # that no message has explained yet
        self.faults, self.fault_count = [], 0
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, where, text):
        self.fault_count += 1
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(f'{where}: {text}')

    # ---- comparing ----

    def label_first(self, label):
        """Its oldest name."""
        while label in self.former:
            label = self.former[label]
        return label

    def label_names(self, label, lsn):
        """What an event may call it whose row was written there: as it was called then, or by any
        name that it got before the commit.  What the trigger noted may be either: ALTER TYPE
        locks no table, and may be committed between the row and the trigger, too."""
        names = [self.label_first(label)]
        while names[-1] in self.renamed:
            name, committed = self.renamed[names[-1]]
            if committed <= lsn:
                names.clear()
            names.append(name)
        return names

    def value_check(self, what, noted, have, lsn):
        """have, of an event at lsn, against [type, text]."""
        kind, text = noted
        value = said(have, kind)
        if kind == 'mood' and text is not None:
            names = self.label_names(text, lsn)
            if value not in names:
                raise Fault(f'{what} is {have!r:.200} at {lsn:x}, not one of {names}, noted as {text!r}')
            return
        if value != expected(text, kind):
            raise Fault(f'{what} is {have!r:.200}, not {text!r:.200} ({kind})')

    def image_check(self, what, event, row, only):
        """An image of an event must have the row's columns; those in only must have its values."""
        image, lsn = event['value'][what], event['value']['source']['lsn']
        if image is None:
            raise Fault(f'there is no {what}')
        if set(image) != set(row):
            raise Fault(f'{what} has columns {sorted(image)}, not {sorted(row)}')
        for name in only:
            self.value_check(f'{what}.{name}', row[name], image[name], lsn)

    def key_check(self, table, event, row):
        key, wanted = event['key'], self.keys[table]
        if sorted(key or {}) != wanted:
            raise Fault(f'the key is {key}, not of {wanted}')
        for name in wanted:
            self.value_check(f'key.{name}', row[name], key[name], event['value']['source']['lsn'])

    def after_check(self, event, row, old, identity):
        """old: the row before it, None for an insert.  A large value that the update did
        not touch is marked, unless the identity is FULL: then it is there."""
        after = event['value']['after']
        marked = [name for name in after or {} if after[name] == PLACEHOLDER]
        large = [name for name in row if name == 'body' and old and row[name] == old.get(name)
                 and (row[name][1] or '').startswith('md5:')]
        if identity == 'f' or old is None:
            large = []
            if marked:
                raise Fault(f'{marked} are marked as unavailable, identity {identity}')
        for name in marked:
            self.count('unavailable')
            if row[name] != old[name]:
                raise Fault(f'{name} is marked as unavailable although it changed')
        if not set(large) <= set(marked):
            raise Fault(f'{large} cannot be in the log')
        self.image_check('after', event, row, [name for name in row if name not in marked])

    # ---- events ----

    def event(self, event):
        """One line of the sink, in order."""
        value = event['value']
        if value is not None:
            self.commit_learn(value['source'])
        if event['topic'].endswith('.message'):
            message = value['message']
            content = json.loads(base64.b64decode(message['content']))
            self.count(message['prefix'])
            getattr(self, 'told_' + message['prefix'])(**content)
            return
        table = event['topic'].split('.', 2)[2]
        if value is not None and value['source']['table'] != table:
            raise Fault(f"an event of {value['source']['table']}")
        if value is not None and value['op'] == 't':
            self.rows[table] = {}
            self.count('t')
            return
        self.events.append((table, event))

    def take(self, table, op, header=None):
        """The oldest event, which must be of this kind; op None: a tombstone."""
        where, event = self.events.pop(0) if self.events else ('nothing', {'value': None})
        have = event['value'] and event['value']['op']
        headers = [header] if header else []
        if (where, have, list(event.get('headers', {}))) != (table, op, headers):
            raise Fault(f'{op} of {table} with headers {headers} must come, not {have} of {where} '
                        f"with {list(event.get('headers', {}))}")
        self.count(op or 'tombstones')
        return event

    def told_row(self, table, change, uid, row, identity, told):
        """The server has changed a row; told: it has logged what identifies the old one."""
        rows = self.rows[table]
        old = rows.get(uid)
        if (old is None) != (change == 'INSERT'):
            raise Fault(f'{change} of {uid}, which was {"not " if old is None else ""}there')
        if change == 'DELETE':
            del rows[uid]
            if told:
                self.delete_check(table, old, identity)
            return
        rows[uid] = row
        if change == 'INSERT':
            event = self.take(table, 'c')
        elif told and any(old[name] != row[name] for name in self.keys[table]):
            self.delete_check(table, old, identity, '__debezium.newkey')
            event = self.take(table, 'c', '__debezium.oldkey')
            self.count('key changes')
        else:
            event = self.take(table, 'u')
        if event['value']['op'] == 'u' and identity == 'f':
            self.image_check('before', event, old, old)
        elif event['value']['before'] is not None:
            raise Fault(f'there is a before, identity {identity}')
        self.key_check(table, event, row)
        self.after_check(event, row, old, identity)

    def delete_check(self, table, old, identity, header=None):
        """Delete and tombstone; before is what the identity gives."""
        event = self.take(table, 'd', header)
        self.image_check('before', event, old,
                         {'f': old, 'i': ['uid'], 'd': ['id']}[identity])
        self.key_check(table, event, old)
        if self.take(table, None, header)['key'] != event['key']:
            raise Fault('the tombstone has another key than its delete')

    def told_label(self, old, new):
        self.former[new] = old
        self.renaming.append((old, new))

    def commit_learn(self, source):
        """The first event behind a transaction says where that was committed."""
        if source['txId'] != self.txid:
            for old, new in self.renaming:
                self.renamed[old] = new, int(json.loads(source['sequence'])[0])
            self.renaming.clear()
        self.txid = source['txId']

    def told_ddl(self, change, table, was, key, touched, rows):
        """was: the table's name before, None if it is a new one."""
        noted = {row['uid'][1]: row for row in rows or []}
        have = self.rows.pop(was, None) if was else {}
        self.rows[table], self.keys[table] = noted, sorted(key)
        if self.events:
            raise Fault('there were events of rows that nobody changed')
        if have is None:
            raise Fault(f'{change} of {was}, which is not there')
        self.agree(f'{change} of {table}', have, noted, touched)

    def agree(self, what, have, want, touched=()):
        """The model's rows against the server's, but for columns that the change touched."""
        if set(have) != set(want):
            raise Fault(f'{what}: rows missing {sorted(set(want) - set(have))}, '
                        f'too many {sorted(set(have) - set(want))}')
        for uid, row in want.items():
            mine = have[uid]
            columns = set(row) - set(touched)
            if columns != set(mine) - set(touched):
                raise Fault(f'{what}: row {uid} has columns {sorted(mine)}, not {sorted(row)}')
            for name in sorted(columns):
                if not self.noted_same(mine[name], row[name]):
                    raise Fault(f'{what}: {name} of row {uid} is {mine[name]}, not {row[name]}')

    def noted_same(self, mine, want):
        if mine[0] == 'mood' == want[0] and None not in (mine[1], want[1]):
            return self.label_first(mine[1]) == self.label_first(want[1])
        return mine == want

    def replay(self, lines):
        """All of them; what is wrong is in faults.  lines: bytes, complete ones."""
        for number, line in enumerate(lines, 1):
            event = json.loads(line)
            try:
                self.event(event)
            except (Fault, KeyError, TypeError, ValueError) as error:
                self.fault(f"line {number}, {event['topic']}", f'{type(error).__name__}: {error}')
                self.events.clear()         # so that one fault is not many
        if self.events:
            self.fault('the end', f'{len(self.events)} events of rows that nobody changed')
