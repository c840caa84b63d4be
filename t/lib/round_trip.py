"""round_trip.py COMMAND: values written to PostgreSQL come back out of Kafka the same.

They are read by a Kafka client and an Avro decoder that share no code with walrelay,
cast back in PostgreSQL, and compared there with what the tables held.  For each form
that a column may have in Avro there is a rule of its own here (round_trip_forms.py),
made from the documentation: how to cast back, and which values the form cannot say.
Those must be NULL, and counted in /metrics.

    settings   the relay runs to make: one JSON object a line
    prepare    types, tables, and in schema origin, which is not captured, all values
    stream     writes each value, replaces it by the next one, deletes it
    verify     one relay run: a line "ok ..." or "FAIL ..." for each column
    property   random values in rounds until the time is up, by SEED

Called by t/052_round_trip.pl, with the Python of t/lib/venv.
"""
import argparse
import collections
import glob
import json
import os
import random
import sys
import time
import urllib.request

import fastavro
import kafka
from kafka.structs import TopicPartition

import pq
from read_topic import fingerprint, payload_decode, schema_plain
from round_trip_forms import Forms, SETUP as CAST_BACK
from round_trip_values import EXCUSED, EXTENSIONS, SETUP, Sql, types

VALUES_MIN = 1500
STATEMENT_MAX = 8 << 20
SMALL = 1100			# characters of a value that goes into arrays
UNSAID = ('special', 'out_of_range', 'multidimensional', 'unsendable', 'unavailable', 'null_filled', 'replaced')


class Setting:
	"""A relay run.  tables: beginnings of the names of those that it captures, none: all.
	forms: those that a type's column must have here, so that no mode is without effect."""

	def __init__(self, name, args, tables=(), forms=None, unknown=False, exact_arrays=False, money_digits=2):
		self.name, self.args, self.tables, self.forms = name, args, tables, forms or {}
		self.unknown, self.exact_arrays, self.money_digits = unknown, exact_arrays, money_digits

	def captures(self, table):
		return not self.tables or any(table == name or table.startswith(name + '_') for name in self.tables)

	def leaves_out(self, kind, column):
		if self.unknown and (column == 'v' or self.exact_arrays):
			return False
		if self.unknown:
			return kind.unknown_array and not kind.unknown and not kind.name.startswith('domain')
		return kind.unknown if column == 'v' else kind.unknown_array


def time_forms(date, time_ms, time_us, stamp_ms, stamp_us):
	forms = {'date': date, 'time': time_us, 'time_0': time_ms, 'time_3': time_ms, 'time_4': time_us, 'timestamp': stamp_us,
			 'timestamp_0': stamp_ms, 'timestamp_3': stamp_ms, 'timestamp_4': stamp_us}
	return {name: form if form.startswith('org') else 'io.debezium.time.' + form for name, form in forms.items()}


def time_setting(mode, *forms):
	return Setting(mode, [f'--time.precision.mode={mode}'], ('date', 'time', 'timestamp', 'timestamptz', 'timetz', 'domain_day', 'domain_moment'),
				   time_forms(*forms))


CONNECT = 'org.apache.kafka.connect.data.'
NUMBERS = ('numeric', 'money', 'domain_price', 'domain_rate')
SETTINGS = [
	Setting('default', [], forms=time_forms('Date', 'Time', 'MicroTime', 'Timestamp', 'MicroTimestamp')),
	Setting('exact', ['--exact.types=numeric,interval,date,timestamp,timetz,array,bit', '--include.unknown.datatypes=true'],
			forms=dict.fromkeys(('numeric', 'numeric_10_2', 'interval', 'date', 'timestamp', 'timestamp_0', 'timetz'), 'text'),
			unknown=True, exact_arrays=True),
	Setting('double', ['--decimal.handling.mode=double'], NUMBERS, dict.fromkeys(('numeric', 'numeric_10_2', 'money'), 'nearest')),
	Setting('string', ['--decimal.handling.mode=string'], NUMBERS, dict.fromkeys(('numeric', 'numeric_10_2', 'money'), 'decimal text')),
	time_setting('adaptive_time_microseconds', 'Date', 'MicroTime', 'MicroTime', 'Timestamp', 'MicroTimestamp'),
	time_setting('connect', CONNECT + 'Date', CONNECT + 'Time', CONNECT + 'Time', CONNECT + 'Timestamp', CONNECT + 'Timestamp'),
	time_setting('isostring', 'IsoDate', 'IsoTime', 'IsoTime', 'IsoTimestamp', 'IsoTimestamp'),
	time_setting('microseconds', 'Date', 'MicroTime', 'MicroTime', 'MicroTimestamp', 'MicroTimestamp'),
	time_setting('nanoseconds', 'Date', 'NanoTime', 'NanoTime', 'NanoTimestamp', 'NanoTimestamp'),
	Setting('base64', ['--interval.handling.mode=string', '--binary.handling.mode=base64', '--hstore.handling.mode=map', '--money.fraction.digits=4'],
			('interval', 'bytea', 'hstore', 'money'), {'interval': 'io.debezium.time.Interval', 'bytea': 'base64', 'hstore': 'map'}, money_digits=4),
	Setting('base64-url-safe', ['--binary.handling.mode=base64-url-safe', '--include.unknown.datatypes=true', '--money.fraction.digits=0'],
			('bytea', 'money', 'composite', 'pg_lsn', 'int4multirange', 'box', 'domain'), {'bytea': 'base64-url-safe', 'composite': 'base64-url-safe text'},
			unknown=True, money_digits=0),
	Setting('hex', ['--binary.handling.mode=hex', '--include.unknown.datatypes=true'], ('bytea', 'composite', 'tsquery', 'path', 'xid8'),
			{'bytea': 'hex', 'composite': 'hex text'}, unknown=True),
	Setting('unknown', ['--include.unknown.datatypes=true'], ('composite', 'circle', 'jsonpath', 'regclass', 'nummultirange', 'domain', 'range', 'interval'),
			{'composite': 'bytes text', 'circle': 'bytes text'}, unknown=True),
]


class Report:
	"""Lines for the test: "ok" or "FAIL", what, and behind a failure its details."""

	def __init__(self):
		self.failed = 0

	def check(self, passed, what, *details):
		self.failed += not passed
		print(f"{'ok  ' if passed else 'FAIL'} {what}")
		for detail in () if passed else details[:12]:
			print('     ' + str(detail).replace('\n', '\\n')[:400])
		sys.stdout.flush()


# ---- writing ----

def session_open(conninfo):
	"""A session in which text says every value exactly and in one way."""
	session = pq.Session(conninfo + ' client_encoding=UTF8')
	session.rows("SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1;"
				 "SET bytea_output = 'hex'; SET xmloption = 'content'; SET search_path = public, cast_back;"
				 "SET client_min_messages = 'warning'; SET enable_mergejoin = off; SET jit = off")
	return session


def expression(kind, value):
	"""value as SQL of the type."""
	return f'({value})::{kind.sql}' if isinstance(value, Sql) else f'{pq.literal(value)}::{kind.sql}'


def element_text(text):
	if text is None:
		return 'NULL'
	return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def array_text(node, delimiter):
	"""Nested lists of texts and None as an array's literal."""
	if isinstance(node, list):
		return '{' + delimiter.join(array_text(item, delimiter) for item in node) + '}'
	return element_text(node)


class Column:
	"""A column as the server describes it; base: its type's name below all domains, element: that of an array's."""

	def __init__(self, row):
		self.table, self.name, self.type, self.base, modifier, array, self.element_type, element = row
		self.typmod = int(modifier)
		self.is_array = array == 't'
		self.element = element


class Source:
	"""The database: the types that it has, what is in its tables."""

	def __init__(self, session):
		self.session = session
		self.refused = 0	# random values that their type did not take
		self.version = int(session.value('SHOW server_version_num'))
		extensions = {name for name, in session.rows('SELECT extname FROM pg_extension')}
		self.types = [kind for kind in types()
					  if kind.since <= self.version and (kind.extension is None or kind.extension in extensions)]

	def columns(self, table):
		return [Column(row) for row in self.session.rows(f"SELECT * FROM cast_back.columns('origin.{table}')")]

	def delimiter(self, kind):
		return self.session.value(f"SELECT typdelim FROM pg_type WHERE oid = {pq.literal(kind.sql)}::regtype")

	def table_create(self, kind):
		arrays = f', a {kind.sql}[]' if kind.arrays else ''
		self.session.rows(f"""CREATE UNLOGGED TABLE origin.{kind.name} (id int PRIMARY KEY, v {kind.sql}{arrays});
			CREATE TABLE trip.{kind.name} (id int PRIMARY KEY, v {kind.sql} {kind.column}{arrays});
			ALTER TABLE trip.{kind.name} REPLICA IDENTITY FULL""")

	def rows_add(self, kind, first, values, forgiving=False):
		"""Rows first, first + 1 ... with values; forgiving: without those that the type refuses.  The next id."""
		try:
			if values:
				self.session.rows(f'INSERT INTO origin.{kind.name} (id, v) VALUES ' + ', '.join(
					f'({first + i}, {expression(kind, value)})' for i, value in enumerate(values)))
			return first + len(values)
		except pq.Error as error:
			if len(values) == 1 and forgiving:
				self.refused += 1
				return first
			if len(values) == 1:
				raise SystemExit(f'{kind.name}: {values[0][:100]!r}: {error}') from error
			for value in values:
				first = self.rows_add(kind, first, [value], forgiving)
			return first

	def arrays_add(self, kind, first, shapes):
		delimiter = self.delimiter(kind)
		for i, (bounds, nodes) in enumerate(shapes):
			text = bounds + array_text(nodes, delimiter)
			try:
				self.session.rows(f'INSERT INTO origin.{kind.name} (id, a) VALUES ({first + i}, {pq.literal(text)}::{kind.sql}[])')
			except pq.Error as error:
				raise SystemExit(f'{kind.name}[]: {text[:100]!r}: {error}') from error
		return first + len(shapes)

	def texts(self, kind, first):
		"""Of the small values from row first on."""
		return [text for text, in self.session.rows(
			f"SELECT text_of FROM (SELECT id, format('%s', v) AS text_of FROM origin.{kind.name} WHERE id >= {first} AND v IS NOT NULL) t"
			f" WHERE length(text_of) <= {SMALL} ORDER BY id")]


def shapes_fixed(texts):
	"""(bounds, nested lists) of arrays that must be tried with every type."""
	one, two, three = (texts * 3)[:3]
	yield '', []
	yield '', [None]
	yield '', texts[:40]
	yield '', [text for pair in zip(texts[:12], [None] * 12) for text in pair]
	for i in range(0, min(len(texts), 30), 3):
		yield '', [texts[i], None, texts[-1 - i]]
	yield '[5:6]=', [one, two]
	yield '[-2:0]=', [one, None, three]
	yield '[2147483645:2147483646]=', [two, three]
	yield '', [[one, two], [three, one]]
	yield '', [[one, None], [None, two]]
	yield '[0:0][-3:-2]=', [[one, two]]
	yield '', [[[one], [two]], [[three], [None]]]
	yield '[7:7][8:8][9:9][1:1][1:1][1:1]=', [[[[[[one]]]]]]


def shape_random(rng, texts):
	lengths = [rng.randrange(1, 5) for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3, 6)))]
	if rng.random() < 0.1:
		return '', []
	def fill(depth):
		if depth < len(lengths):
			return [fill(depth + 1) for _ in range(lengths[depth])]
		return None if rng.random() < 0.2 else rng.choice(texts)
	bounds = ''
	if rng.random() < 0.3:
		lower = [rng.randrange(-1000, 1000) for _ in lengths]
		bounds = ''.join(f'[{low}:{low + length - 1}]' for low, length in zip(lower, lengths)) + '='
	return bounds, fill(0)


def prepare(session, _args, report):
	for extension in EXTENSIONS:
		try:
			session.rows(f'CREATE EXTENSION {extension}')
		except pq.Error as error:
			print(f'#    without extension {extension}: {str(error).splitlines()[0]}')
	session.rows(SETUP + CAST_BACK + '; CREATE SCHEMA origin; CREATE SCHEMA trip')
	source = Source(session)
	values = 0
	for kind in source.types:
		source.table_create(kind)
		end = source.rows_add(kind, 1, kind.values)
		if kind.arrays:
			end = source.arrays_add(kind, end, list(shapes_fixed(source.texts(kind, 1))))
		values += end - 1
		if kind.nulls:
			session.rows(f'INSERT INTO origin.{kind.name} (id) VALUES ({end})')
	missing = {name for name, in session.rows("""SELECT typname FROM pg_type t
		WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
			AND (typcategory <> 'A' OR typname IN ('int2vector', 'oidvector'))
			AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
				WHERE relnamespace = 'origin'::regnamespace AND atttypid = t.oid)""")}
	report.check(not missing - set(EXCUSED), 'every base type of this server is among those written', sorted(missing - set(EXCUSED)))
	report.check(values >= VALUES_MIN, f'{values} values of {len(source.types)} types')


def rows_stream(source, kind, first, last):
	"""Rows first to last of the origin: inserted, each replaced by the next, deleted."""
	columns = 'v, a' if kind.arrays else 'v'
	source.session.rows(f'INSERT INTO trip.{kind.name} (id, {columns}) SELECT id, {columns} FROM origin.{kind.name} WHERE id BETWEEN {first} AND {last}')
	source.session.rows(f"""UPDATE trip.{kind.name} t SET ({columns}) = (SELECT {columns} FROM origin.{kind.name} o
		WHERE o.id = CASE t.id WHEN {last} THEN {first} ELSE t.id + 1 END)""")
	source.session.rows(f'DELETE FROM trip.{kind.name}')


def stream(session, _args, _report):
	source = Source(session)
	for kind in source.types:
		rows_stream(source, kind, 1, int(session.value(f'SELECT max(id) FROM origin.{kind.name}')))


# ---- reading ----

class Schemas:
	"""The folder of schemas: parsed for the decoder, and as they are written."""

	def __init__(self, folder):
		self.folder = folder
		self.seen = set()
		self.parsed = {}
		self.written = {}

	def read(self):
		for path in set(glob.glob(os.path.join(self.folder, '*.avsc'))) - self.seen:
			with open(path, encoding='utf-8') as file:
				schema = json.load(file)
			self.seen.add(path)
			fp = fingerprint(schema_plain(schema))
			self.parsed[fp] = fastavro.parse_schema(schema_plain(schema))
			self.written[fp.hex()] = schema

	def schema(self, fp):
		return self.parsed[fp]

	def fields(self, ident):
		"""Name -> schema of a row's columns, references to named records replaced by them."""
		named = {}

		def resolve(node):
			if isinstance(node, str):
				return named.get(node, node)
			if isinstance(node, list):
				return [resolve(item) for item in node]
			if node['type'] == 'record':
				full = node['name'] if '.' in node['name'] else node.get('namespace', '') + '.' + node['name']
				named[full] = named[node['name']] = node
				node['fields'] = [{**field, 'type': resolve(field['type'])} for field in node['fields']]
			elif node['type'] == 'array':
				node['items'] = resolve(node['items'])
			return node
		envelope = resolve(json.loads(json.dumps(self.written[ident])))
		before = next(field for field in envelope['fields'] if field['name'] == 'before')
		row = next(node for node in before['type'] if isinstance(node, dict))
		return {field['name']: field['type'] for field in row['fields']}


class Topics:
	"""What the relay of a setting wrote, in order of the topics' partitions."""

	def __init__(self, bootstrap, prefix, schemas):
		self.prefix = prefix + '.trip.'
		self.schemas = schemas
		self.consumer = kafka.KafkaConsumer(
			bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset='earliest',
			allow_auto_create_topics=False, max_partition_fetch_bytes=16 << 20, fetch_max_bytes=64 << 20, check_crcs=True)
		self.positions = {}

	def ends(self):
		parts = [TopicPartition(topic, partition) for topic in self.consumer.topics() if topic.startswith(self.prefix)
				 for partition in self.consumer.partitions_for_topic(topic)]
		return self.consumer.end_offsets(parts)

	def skip(self):
		self.positions = self.ends()

	def records(self):
		"""(table, key, id of the value's schema, value) of all that came since the last time."""
		ends = self.ends()
		self.schemas.read()
		self.consumer.assign(list(ends))
		for part in ends:
			self.consumer.seek(part, self.positions.get(part, 0))
		deadline = time.monotonic() + 300
		while any(self.consumer.position(part) < end for part, end in ends.items()):
			if time.monotonic() > deadline:
				raise SystemExit('the topics could not be read to their ends')
			for batch in self.consumer.poll(timeout_ms=500).values():
				for record in batch:
					_, key = payload_decode(record.key, self.schemas, self.schemas)
					ident, value = payload_decode(record.value, self.schemas, self.schemas)
					yield record.topic[len(self.prefix):], key['id'], ident, value
		self.positions = ends


class Rows:
	"""What came of one table: images by (id, which), its schema."""

	def __init__(self):
		self.images = {}
		self.idents = set()
		self.tombstones = 0
		self.faults = []

	def image_add(self, key, which, row):
		if row['id'] != key or (key, which) in self.images:
			self.faults.append(f'row {key}: {which} twice, or under the key of {row["id"]}')
		self.images[key, which] = row

	def event_add(self, key, ident, value):
		if value is None:
			self.tombstones += 1
			return
		self.idents.add(ident)
		parts = {'c': ('after',), 'u': ('before', 'after'), 'd': ('before',)}[value['op']]
		for part in ('before', 'after'):
			if part in parts and value[part] is not None:
				self.image_add(key, value['op'] + part, value[part])
			elif part in parts or value[part] is not None:
				self.faults.append(f'row {key}: {part} of {value["op"]} is {"missing" if part in parts else "there"}')

	def origin(self, first, last):
		"""((id, which) -> the id of the origin's row) of all images that there must be."""
		wanted = {}
		for key in range(first, last + 1):
			after = first if key == last else key + 1
			wanted.update({(key, 'cafter'): key, (key, 'ubefore'): key, (key, 'uafter'): after, (key, 'dbefore'): after})
		return wanted


def tables_read(topics):
	tables = collections.defaultdict(Rows)
	for table, key, ident, value in topics.records():
		tables[table].event_add(key, ident, value)
	return tables


# ---- comparing ----

class Check:
	"""Compares what came in one setting with the origin; sums up what must have been counted."""

	def __init__(self, source, setting, schemas, report, quiet=False):
		self.source, self.setting, self.schemas, self.report, self.quiet = source, setting, schemas, report, quiet
		self.session = source.session
		self.forms = Forms(self.session, setting)
		self.unsaid = collections.Counter()
		self.values = self.images = 0
		self.session.rows('CREATE TEMP TABLE IF NOT EXISTS got (id int, which text, origin int, x text)')

	def table(self, kind, rows, first, last):
		wanted = rows.origin(first, last)
		faults = rows.faults + [f'row {key}: no image {which}' for key, which in sorted(wanted.keys() - rows.images.keys())]
		faults += [f'row {key}: image {which} is too many' for key, which in sorted(rows.images.keys() - wanted.keys())]
		if rows.tombstones != last - first + 1:
			faults.append(f'{rows.tombstones} tombstones')
		if len(rows.idents) > 1:
			faults.append(f'{len(rows.idents)} schemas')
		fields = self.fields(rows)
		for column in self.source.columns(kind.name):
			self.column(kind, column, fields.get(column.name), rows, wanted, faults)
		what = f'{self.setting.name}: {kind.name}: {last - first + 1} rows'
		if faults or not self.quiet:
			self.report.check(not faults, what, *faults)

	def fields(self, rows):
		return self.schemas.fields(next(iter(rows.idents))) if rows.idents else {}

	def column(self, kind, column, node, rows, wanted, faults):
		if node is None or self.setting.leaves_out(kind, column.name):
			if (node is None) != self.setting.leaves_out(kind, column.name):
				faults.append(f'{column.name}: is {"not " if node is None else ""}in the schema')
			return
		try:
			form = self.forms.find(node, column)
			got = [(key, which, origin, form.text(rows.images[key, which][column.name]))
				   for (key, which), origin in wanted.items() if (key, which) in rows.images]
		except ValueError as error:
			faults.append(f'{column.name}: {error}')
			return
		due = self.setting.forms.get(kind.name)
		if due and column.name == 'v' and form.name != due:
			faults.append(f'{column.name}: has form {form.name}, not {due}')
		self.got_fill(got)
		self.compare(kind, column, form, faults)
		self.count(kind, column, form)

	def got_fill(self, got):
		self.session.rows('TRUNCATE got')
		batch, size = [], 0
		for i, (key, which, origin, text) in enumerate(got):
			batch.append(f"({key}, '{which}', {origin}, {pq.literal(text)})")
			size += len(batch[-1])
			if size > STATEMENT_MAX or i + 1 == len(got):
				self.session.rows('INSERT INTO got VALUES ' + ', '.join(batch))
				batch, size = [], 0

	def compare(self, kind, column, form, faults, only=''):
		"""Adds the rows that are not the same.  A value that cannot even be cast back is looked for row by row."""
		sql = (f"SELECT g.id, which, left(format('%s', o.{column.name}), 100), left(g.x, 100) FROM got g JOIN origin.{kind.name} o ON o.id = g.origin"
			   f" WHERE NOT coalesce({form.check('g.x', 'o.' + column.name)}, false) {only} ORDER BY 1, 2")
		try:
			failures = self.session.rows(sql)
		except pq.Error as error:
			if only:
				failures = self.session.rows(f"SELECT g.id, which, left(format('%s', o.{column.name}), 100), {pq.literal(str(error))}"
											 f" FROM got g JOIN origin.{kind.name} o ON o.id = g.origin WHERE true {only}")
			else:
				failures = []
				for key, which in self.session.rows('SELECT id, which FROM got ORDER BY 1, 2'):
					self.compare(kind, column, form, faults, f"AND g.id = {key} AND which = '{which}'")
		faults.extend(f'{column.name} {column.type} as {form.name}: {which} of row {key}: {was!r} came as {came!r}' for key, which, was, came in failures)

	def count(self, kind, column, form):
		values, images, *unsaid = self.session.rows(
			f"SELECT count(DISTINCT o.id), count(*){''.join(f', coalesce(sum({loss}), 0)' for _, loss in form.counts('o.' + column.name))}"
			f" FROM got g JOIN origin.{kind.name} o ON o.id = g.origin WHERE o.{column.name} IS NOT NULL")[0]
		self.values += int(values)
		self.images += int(images)
		for (reason, _), number in zip(form.counts(''), unsaid):
			self.unsaid[reason] += int(number)

	def counters(self, admin):
		"""Whether /metrics counted just what could not be said."""
		opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
		with opener.open(f'http://{admin}/metrics', timeout=30) as reply:
			lines = reply.read().decode().splitlines()
		shown = {reason: next((int(line.split()[1]) for line in lines
							   if line.startswith(f'walrelay_values_unrepresentable_total{{reason="{reason}"}}')), None) for reason in UNSAID}
		due = {reason: self.unsaid[reason] for reason in UNSAID}
		self.report.check(shown == due, f'{self.setting.name}: what could not be said is counted: '
						  + ', '.join(f'{reason} {due[reason]}' for reason in UNSAID if due[reason]), f'/metrics: {shown}')


def setting_named(name):
	return next(setting for setting in SETTINGS if setting.name == name)


def verify(session, args, report):
	source = Source(session)
	check = Check(source, setting_named(args.setting[0]), Schemas(args.schemas[0]), report)
	tables = tables_read(Topics(args.bootstrap, args.prefix[0], check.schemas))
	kinds = [kind for kind in source.types if check.setting.captures(kind.name)]
	report.check(set(tables) == {kind.name for kind in kinds}, f'{check.setting.name}: {len(kinds)} tables are there',
				 *(set(tables) ^ {kind.name for kind in kinds}))
	for kind in kinds:
		if kind.name in tables:
			check.table(kind, tables[kind.name], 1, int(session.value(f'SELECT max(id) FROM origin.{kind.name}')))
	check.counters(args.admin[0])
	least = 100 if check.setting.tables else VALUES_MIN
	report.check(check.values >= least, f'{check.setting.name}: {check.values} values compared in {check.images} images')


# ---- random values ----

def round_write(source, rng, first, values, arrays):
	"""Random rows of each type, in the origin and streamed: type -> (first, last)."""
	spans = {}
	for kind in source.types:
		if kind.random is None:
			continue
		source.session.rows(f'TRUNCATE origin.{kind.name}')
		end = source.rows_add(kind, first, [kind.random(rng) for _ in range(values)], forgiving=True)
		texts = source.texts(kind, first)
		if kind.arrays and texts:
			end = source.arrays_add(kind, end, [shape_random(rng, texts) for _ in range(arrays)])
		if end > first:
			rows_stream(source, kind, first, end - 1)
			spans[kind.name] = (kind, first, end - 1)
	return spans


def slots_wait(session, slots):
	lsn = session.value('SELECT pg_current_wal_insert_lsn()')
	deadline = time.monotonic() + 300
	names = ', '.join(f"'{slot}'" for slot in slots)
	while session.value(f"SELECT bool_and(confirmed_flush_lsn >= '{lsn}') FROM pg_replication_slots WHERE slot_name IN ({names})") != 't':
		if time.monotonic() > deadline:
			raise SystemExit(f'waited in vain for the slots to confirm {lsn}')
		time.sleep(0.02)


def property_run(session, args, report):
	"""Rounds until the time is up; round n of a seed is the same whatever was before."""
	source = Source(session)
	checks = []
	for name, prefix, folder in zip(args.setting, args.prefix, args.schemas):
		check = Check(source, setting_named(name), Schemas(folder), report, quiet=True)
		topics = Topics(args.bootstrap, prefix, check.schemas)
		topics.skip()
		checks.append((check, topics))
	end = time.monotonic() + args.seconds
	number = written = 0
	while number == 0 or (time.monotonic() < end and report.failed == 0):
		first = 1000000 + number * 1000
		spans = round_write(source, random.Random(f'{args.seed} {number}'), first, args.rows, args.rows)
		written += sum(last - first + 1 for _, first, last in spans.values())
		slots_wait(session, args.slot)
		for check, topics in checks:
			tables = tables_read(topics)
			for kind, first, last in spans.values():
				check.table(kind, tables[kind.name], first, last)
		report.check(report.failed == 0, f'round {number} of SEED={args.seed}: {written} random values so far')
		number += 1
	report.check(source.refused < written / 50, f'{source.refused} random values that their type refused')
	for (check, _), admin in zip(checks, args.admin):
		check.counters(admin)
		report.check(check.values >= written / 2, f'{check.setting.name}: {check.values} random values compared in {check.images} images')


def settings(_session, _args, _report):
	for setting in SETTINGS:
		tables = f"trip[.]({'|'.join(setting.tables)})(_.*)?" if setting.tables else 'trip[.].*'
		print(json.dumps({'name': setting.name, 'args': setting.args + [f'--table.include.list={tables}']}))


def main():
	commands = {'settings': settings, 'prepare': prepare, 'stream': stream, 'verify': verify, 'property': property_run}
	parser = argparse.ArgumentParser(description='Values come back out of Kafka the same.')
	parser.add_argument('command', choices=commands)
	parser.add_argument('--conninfo')
	parser.add_argument('--bootstrap')
	for name in ('setting', 'prefix', 'schemas', 'admin', 'slot'):
		parser.add_argument('--' + name, action='append')
	parser.add_argument('--seed', default='1')
	parser.add_argument('--seconds', type=float, default=20)
	parser.add_argument('--rows', type=int, default=12, help='of each type in a round: so many values, so many arrays')
	args = parser.parse_args()
	sys.stdout.reconfigure(encoding='utf-8')
	sys.set_int_max_str_digits(0)
	report = Report()
	session = session_open(args.conninfo) if args.conninfo else None
	commands[args.command](session, args, report)
	sys.exit(report.failed > 0)


if __name__ == '__main__':
	main()
