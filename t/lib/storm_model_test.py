#!/usr/bin/env python3
"""storm_model_test.py: what storm_model.py says of enum labels that are renamed while rows with
them are written: each order of row, rename, note and commit that a server allows must pass, and
names that a row cannot have must not.  Prints checks, then "N passed, N failed".  Called by
078_checks.pl.
"""
import base64
import json
import sys

from storm_model import Model

UID = '00000000-0000-0000-0000-000000000001'


class Log:
    """Lines of the sink.  Positions are what the caller says."""

    def __init__(self):
        self.lines, self.last, self.txid = [], None, 1

    def event(self, topic, lsn, **value):
        source = {'table': 't', 'txId': self.txid, 'lsn': lsn,
                  'sequence': json.dumps([None if self.last is None else str(self.last), str(lsn)])}
        key = {'uid': UID} if topic == 'storm.public.t' else None
        self.lines.append(json.dumps({'topic': topic, 'key': key, 'value': {**value, 'source': source}}).encode())

    def message(self, prefix, lsn, **content):
        data = base64.b64encode(json.dumps(content).encode()).decode()
        self.event('storm.message', lsn, op='m', message={'prefix': prefix, 'content': data})

    def commit(self, lsn):
        self.last, self.txid = lsn, self.txid + 1

    def table(self):
        self.message('ddl', 1, change='create', table='t', was=None, key=['uid'], touched=[], rows=[])
        self.commit(2)

    def rename(self, old, new, committed):
        self.message('label', committed - 1, old=old, new=new)
        self.commit(committed)

    def row(self, lsn, said, noted, change='INSERT', before=None):
        """An event with one label, and what the trigger saw behind it."""
        image = {'uid': UID, 'm': said}
        self.event('storm.public.t', lsn, op='c' if change == 'INSERT' else 'u', after=image,
                   before=before and {'uid': UID, 'm': before})
        self.message('row', lsn + 1, table='t', change=change, uid=UID,
                     row={'uid': ['uuid', UID], 'm': ['mood', noted]}, identity='f', told=True)

    def faults(self):
        model = Model()
        model.replay(self.lines)
        return model.faults


def faults(renames, *rows):
    """renames: (old, new, LSN of the commit), in front of the rows in the stream."""
    log = Log()
    log.table()
    for rename in renames:
        log.rename(*rename)
    for row in rows:
        log.row(*row)
    log.commit(999)
    return log.faults()


ONCE, TWICE = [('a', 'b', 100)], [('a', 'b', 100), ('b', 'c', 200)]
RIGHT = {
    'nothing is renamed': ([], (50, 'a', 'a')),
    'renamed behind row and note': (ONCE, (50, 'a', 'a')),
    'renamed between row and note': (ONCE, (50, 'a', 'b')),
    'told by the name of the commit': (ONCE, (50, 'b', 'a')),
    'told and noted by the name of the commit': (ONCE, (50, 'b', 'b')),
    'renamed before both': (ONCE, (150, 'b', 'b')),
    'the session has not heard of it': (ONCE, (150, 'b', 'a')),
    'renamed twice between row and note': (TWICE, (50, 'a', 'c')),
    'between two renames': (TWICE, (150, 'b', 'c')),
    'between two renames, noted by the first name': (TWICE, (150, 'c', 'a')),
    'an image before, too': (ONCE, (50, 'a', 'a'), (150, 'b', 'b', 'UPDATE', 'b')),
}
WRONG = {
    'another label': (ONCE, (50, 'x', 'a')),
    'not renamed yet': ([], (50, 'b', 'a')),
    'by the old name behind the rename': (ONCE, (150, 'a', 'b')),
    'by the old name behind the rename, as noted': (ONCE, (150, 'a', 'a')),
    'by the first of three names between two renames': (TWICE, (150, 'a', 'c')),
    'an image before by the old name': (ONCE, (50, 'a', 'a'), (150, 'b', 'b', 'UPDATE', 'a')),
}


def main():
    passed = failed = 0
    for cases, is_right in ((RIGHT, True), (WRONG, False)):
        for what, (renames, *rows) in cases.items():
            found = faults(renames, *rows)
            well = bool(found) != is_right and len(found) < 2 and all('not one of' in fault for fault in found)
            passed, failed = passed + well, failed + (not well)
            print(f"{'ok  ' if well else 'FAIL'} labels: {what}: {'passes' if is_right else 'is seen'}")
            if not well:
                print(f'     {found}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
