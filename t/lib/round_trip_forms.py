"""round_trip_forms.py: the forms that a column can have in Avro: how each is cast back in
PostgreSQL, and which values it cannot say.  Written from the documentation of the
forms and from PostgreSQL's, not from the relay's code.  Imported by round_trip.py.

In SQL, {x} is the text that the reader made of a value, {g} that cast back, {o} the value
that was in the table.  What a form cannot say must have come as NULL.
"""
import base64
import json
import struct

import pq

# Casting back what PostgreSQL has no input for.
SETUP = r"""
CREATE SCHEMA cast_back;

-- A column's table, name, type, type below all domains, modifier, whether that is an array, and of what.
CREATE FUNCTION cast_back.columns(relation regclass,
		OUT tab name, OUT col name, OUT type text, OUT base name, OUT typmod int, OUT is_array bool, OUT element text, OUT element_base name)
RETURNS SETOF record LANGUAGE sql AS $$
	WITH RECURSIVE below(num, oid, typmod) AS (
		SELECT attnum, atttypid, atttypmod FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND attname <> 'id'
		UNION ALL
		SELECT num, typbasetype, typtypmod FROM below JOIN pg_type t USING (oid) WHERE typtype = 'd'
	), bases AS (
		SELECT num, t.oid, t.typname, b.typmod, typsubscript = 'array_subscript_handler'::regproc AS is_array, typelem
		FROM below b JOIN pg_type t USING (oid) WHERE typtype <> 'd'
	)
	SELECT relname, attname, format_type(atttypid, atttypmod), b.typname, b.typmod, b.is_array,
		CASE WHEN b.is_array THEN format_type(b.typelem, b.typmod) END, e.typname
	FROM bases b JOIN pg_attribute ON attrelid = relation AND attnum = num JOIN pg_class ON pg_class.oid = relation
		LEFT JOIN pg_type e ON e.oid = b.typelem
	ORDER BY attnum
$$;

CREATE FUNCTION cast_back.day(x text) RETURNS date LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE x WHEN '2147483647' THEN 'infinity' WHEN '-2147483648' THEN '-infinity' ELSE date '1970-01-01' + x::int END
$$;

-- Microseconds since midnight; an addition would make 00:00 of 24:00.
CREATE FUNCTION cast_back.clock(us numeric) RETURNS time LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE us WHEN 86400000000 THEN '24:00' ELSE time '00:00' + us::float8 * interval '1 microsecond' END
$$;

-- Microseconds since 1970.  By days, because an interval times a number goes through a double.
CREATE FUNCTION cast_back.stamp(us numeric) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
	SELECT (date '1970-01-01' + floor(us / 86400000000)::int)::timestamp
		+ (us - floor(us / 86400000000) * 86400000000)::float8 * interval '1 microsecond'
$$;
CREATE FUNCTION cast_back.stamp(x text, plus text, minus text, per_us numeric) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE x WHEN plus THEN 'infinity' WHEN minus THEN '-infinity' ELSE cast_back.stamp(x::numeric / per_us) END
$$;

CREATE FUNCTION cast_back.span(us numeric) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
	SELECT make_interval(days => div(us, 86400000000)::int) + mod(us, 86400000000)::float8 * interval '1 microsecond'
$$;
-- The microseconds of an interval, its months of 30.4375 days.
CREATE FUNCTION cast_back.microseconds(o interval) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT (extract(year FROM o) * 12 + extract(month FROM o)) * 2629800000000 + extract(day FROM o) * 86400000000
		+ extract(hour FROM o) * 3600000000 + extract(minute FROM o) * 60000000 + extract(microseconds FROM o)
$$;

-- ISO 8601 in UTC (a year 0, signs, no BC) as PostgreSQL reads it.
CREATE FUNCTION cast_back.iso(x text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN x IN ('infinity', '-infinity') THEN x ELSE (
		SELECT lpad((CASE WHEN y > 0 THEN y ELSE 1 - y END)::text, greatest(4, length(part[2])), '0')
			|| part[3] || coalesce(' ' || part[4], '') || CASE WHEN y > 0 THEN '' ELSE ' BC' END
		FROM regexp_match(x, '^([+-]?)(\d{4,})(-\d\d-\d\d)(?:T([0-9:.]+))?Z$') part, LATERAL (SELECT (part[1] || part[2])::int) years(y)) END
$$;

-- The nearest double, as IEEE has it; PostgreSQL's own cast refuses what is too near to zero.
CREATE FUNCTION cast_back.nearest(o numeric) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN o::float8;
EXCEPTION WHEN numeric_value_out_of_range THEN
	IF abs(o) < 1 THEN RETURN 0; END IF;
	RAISE;
END $$
"""

TIME, CONNECT = 'io.debezium.time.', 'org.apache.kafka.connect.data.'
SPECIAL = ('special', "{o} IN ('NaN', 'Infinity', '-Infinity')")
# as text of the server, where it must be that to the letter
VERBATIM = "{same} AND {x} = format('%s', {o})"
STAMP_US = "cast_back.stamp({x}, '9223372036825200000', '-9223372036832400000', 1)"
STAMP_MS = "cast_back.stamp({x}, '9223372036825200', '-9223372036832400', 0.001)"
STAMP_NS = "cast_back.stamp({x}, '9223372036854775807', '-9223372036854775808', 1000)"
LAST_US = ('out_of_range', "{o} > '294247-01-10 04:00:54.775807' AND {o} < 'infinity'")
BEYOND_NS = ('out_of_range', "{o} > '2262-04-11 23:47:16.854775' AND {o} < 'infinity' OR {o} < '1677-09-21 00:12:43.145225' AND {o} > '-infinity'")
# of the value without the rest: extract() itself rounds in the last years
MILLISECONDS = "extract(epoch FROM date_trunc('milliseconds', {o})) * 1000 = {x}::numeric"
# The largest number whose nearest double is finite lies half a step beyond the largest double.
TOO_LARGE = ('out_of_range', "abs({o}) <> 'Infinity' AND abs({o}) <> 'NaN' AND abs({o}) >= (2::numeric ^ 1024 - 2::numeric ^ 970)")
DURATION = ('out_of_range', "isfinite({o}) AND cast_back.microseconds({o}) NOT BETWEEN -9223372036854775808 AND 9223372036854775807")

# connect.name, or a name of ours -> (cast back, comparison, what cannot be said).  {same}: IS NOT
# DISTINCT FROM, and the same text; {equal}: IS NOT DISTINCT FROM alone, where the form does not keep
# how a value is written.
FORMS = {
	'text': ('{x}::{t}', VERBATIM, []),
	'bytes': ('{x}::{t}', VERBATIM, []),
	'number': ('{x}::{t}', '{same}', []),
	'float': ('{x}::{t}', '{same}', []),
	'boolean': ('{x}::{t}', '{same}', []),
	'bit text': ('{x}::varbit', '{x} = {o}::text', []),	# a cast to bit alone would cut it to one
	'bit': ('{x}::varbit', '{x} = {o}::text', [('out_of_range', 'length({o}) <> 1')]),
	'nearest': ('{x}::float8', "{g} IS NOT DISTINCT FROM cast_back.nearest({o}::numeric)", [TOO_LARGE]),
	'decimal text': ('{x}::numeric', '{same}', []),
	'map': ('{x}::{t}', '{same}', []),
	'hstore': ('{x}::{t}', '{same}', []),
	'money': ('{x}::numeric', '{g} = round({o}::numeric, {digits})', []),
	'money text': ('{x}::numeric', '{g} = {o}::numeric', []),
	'money nearest': ('{x}::float8', '{g} = {o}::numeric::float8', []),
	'varbit': ('{x}::varbit', "{g} = ltrim({o}::text, '0')::varbit", []),	# its form has no length
	'geometry': ('{x}::{t}', '{same}', []),
	'vector': ('{x}::{t}', '{same}', []),
	CONNECT + 'Decimal': ('{x}::numeric', '{same}', [SPECIAL]),
	'io.debezium.data.VariableScaleDecimal': ('{x}::numeric', '{equal} AND scale({g}) = min_scale({o})', [SPECIAL]),
	'io.debezium.data.Bits': ('{x}::varbit', '{x} = {o}::text', []),
	'io.debezium.data.geometry.Point': ('{x}::point', '{same}', []),
	TIME + 'Date': ('cast_back.day({x})', '{same}', []),
	TIME + 'Time': ('cast_back.clock({x}::numeric * 1000)', '{same}', []),
	TIME + 'MicroTime': ('cast_back.clock({x}::numeric)', '{same}', []),
	TIME + 'NanoTime': ('cast_back.clock({x}::numeric / 1000)', '{same} AND {x} LIKE \'%0\'', []),
	TIME + 'ZonedTime': ('{x}::timetz', "{g} IS NOT DISTINCT FROM {o} AT TIME ZONE 'UTC' AND {x} LIKE '%Z'", []),
	TIME + 'Timestamp': (STAMP_MS, '{same}', []),
	TIME + 'MicroTimestamp': (STAMP_US, '{same}', [LAST_US]),
	TIME + 'NanoTimestamp': (STAMP_NS, '{same}', [BEYOND_NS]),
	TIME + 'ZonedTimestamp': ('cast_back.iso({x})::timestamptz', '{same}', []),
	TIME + 'IsoDate': ('cast_back.iso({x})::date', '{same}', []),
	TIME + 'IsoTime': ("rtrim({x}, 'Z')::time", "{same} AND {x} LIKE '%Z'", []),
	TIME + 'IsoTimestamp': ('cast_back.iso({x})::timestamp', '{same}', []),
	TIME + 'MicroDuration': ('cast_back.span({x}::numeric)', '{x}::numeric = cast_back.microseconds({o})'
							 " AND (extract(year FROM {o}) * 12 + extract(month FROM {o}) <> 0 OR {equal})",
							 [('special', 'NOT isfinite({o})'), DURATION]),
	TIME + 'Interval': ('{x}::interval', '{same}', [('special', 'NOT isfinite({o})')]),
	CONNECT + 'Date': ('cast_back.day({x})', '{same}', []),
	# the rest below milliseconds is cut off
	CONNECT + 'Time': ('cast_back.clock({x}::numeric * 1000)', MILLISECONDS, []),
	CONNECT + 'Timestamp': (STAMP_MS, f'CASE WHEN isfinite({{o}}) THEN {MILLISECONDS} ELSE {{same}} END', []),
}
PLAIN = {'io.debezium.data.' + name for name in ('Json', 'Uuid', 'Xml', 'Enum', 'Ltree', 'Tsvector')}


# ---- what the reader makes of a decoded value ----

def decimal_text(unscaled, scale):
	number = int.from_bytes(unscaled, 'big', signed=True)
	digits = str(abs(number)).rjust(scale + 1, '0')
	return ('-' if number < 0 else '') + (digits[:-scale] + '.' + digits[-scale:] if scale else digits)


def hstore_text(pairs):
	def quote(text):
		return 'NULL' if text is None else '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'
	return ', '.join(f'{quote(name)}=>{quote(value)}' for name, value in pairs.items())


def point_text(value):
	if value['wkb'] != b'\x01\x01\x00\x00\x00' + struct.pack('<dd', value['x'], value['y']) or value['srid'] is not None:
		raise ValueError('x and y of a point are not those of its wkb')
	return f"({value['x']!r},{value['y']!r})"


def geometry_text(value):
	order = '<' if value['wkb'][0] == 1 else '>'
	flagged = struct.unpack(order + 'I', value['wkb'][1:5])[0] & 0x20000000
	srid = struct.unpack(order + 'i', value['wkb'][5:9])[0] if flagged else None
	if value['srid'] != srid:
		raise ValueError('srid of a geometry is not that of its wkb')
	return value['wkb'].hex()


def bits_text(value, length):
	text = f"{int.from_bytes(value, 'little'):b}" if value else ''
	return text.rjust(length, '0') if length else text


def sparse_text(value):
	pairs = ','.join(f"{pair['key']}:{pair['value']!r}" for pair in value['vector'])
	return f"{{{pairs}}}/{value['dimensions']}"


def base64_octets(text, alphabet):
	if len(text) % 4 or any(c not in alphabet for c in text.rstrip('=')):
		raise ValueError('no padded base64 of its alphabet')
	return base64.b64decode(text, altchars=alphabet[-2:])


LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
OCTETS = {
	'bytes': lambda value: value,
	'base64': lambda value: base64_octets(value, LETTERS + '+/'),
	'base64-url-safe': lambda value: base64_octets(value, LETTERS + '-_'),
	'hex': bytes.fromhex,
}
DECIMAL_WORDS = {'NAN': 'NaN', 'POSITIVE_INFINITY': 'Infinity', 'NEGATIVE_INFINITY': '-Infinity'}


class Form:
	"""A form of a column or of an array's elements.  rule: its row of FORMS; read: decoded value -> {x}."""

	def __init__(self, name, rule, read, cast_type, has_equality, digits=2):
		self.name, self.read = name, read
		cast, same, self.losses = FORMS[rule]
		self.cast = cast.replace('{t}', cast_type)
		self.same = (same.replace('{same}', "({equal} AND format('%s', {g}) = format('%s', {o}))")
					 .replace('{equal}', '({g} IS NOT DISTINCT FROM {o})' if has_equality else 'true')
					 .replace('{digits}', str(digits)))

	def text(self, value):
		return None if value is None else self.read(value)

	def lost(self, o):
		"""SQL: whether the form cannot say o."""
		return 'coalesce(' + (' OR '.join(f'({loss})' for _, loss in self.losses) or 'false').replace('{o}', o) + ', false)'

	def check(self, x, o):
		"""SQL: whether x is what must have come of o."""
		same = self.same.replace('{g}', self.cast).replace('{x}', x).replace('{o}', o)
		return f'CASE WHEN ({o})::text IS NULL OR {self.lost(o)} THEN {x} IS NULL ELSE {x} IS NOT NULL AND {same} END'

	def counts(self, o):
		"""(reason, SQL: how many values of o are counted for it)."""
		return [(reason, '(' + loss.replace('{o}', o) + ')::int') for reason, loss in self.losses]


class ArrayForm:
	"""An array of one dimension, which is all that its form can say; bounds are lost.
	nullable: whether an element may be NULL."""

	def __init__(self, element, nullable):
		self.name = 'array of ' + element.name
		self.element, self.nullable = element, nullable

	def text(self, value):
		if value is None:
			return None
		texts = (self.element.text(item) for item in value)
		return '{' + ','.join('NULL' if text is None else '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"' for text in texts) + '}'

	def lost(self, o):
		holes = '' if self.nullable else f" OR EXISTS (SELECT FROM {self.elements('NULL::text[]', o)} WHERE e.o IS NULL)"
		return f'coalesce(array_ndims({o}) > 1{holes}, false)'

	@staticmethod
	def elements(x, o):
		return (f'generate_series(1, cardinality({o})) n,'
				f' LATERAL (SELECT ({x})[n] AS x, ({o})[array_lower({o}, 1) + n - 1] AS o OFFSET 0) e')

	def check(self, x, o):
		return (f"CASE WHEN {o} IS NULL OR {self.lost(o)} THEN {x} IS NULL ELSE {x} IS NOT NULL AND cardinality({x}::text[]) = cardinality({o})"
				f" AND NOT EXISTS (SELECT FROM {self.elements(x + '::text[]', o)} WHERE NOT coalesce({self.element.check('e.x', 'e.o')}, false)) END")

	def counts(self, o):
		sums = [('multidimensional', f'{self.lost(o)}::int')]
		for reason, loss in self.element.losses:
			loss = loss.replace('{o}', 'e.o')
			sums.append((reason, f'CASE WHEN {self.lost(o)} THEN 0 ELSE (SELECT count(*) FROM {self.elements("NULL::text[]", o)} WHERE {loss}) END'))
		return sums


class Forms:
	"""Finds the form that a column's schema says."""

	def __init__(self, session, setting):
		self.session, self.setting = session, setting
		self.equality = {}

	def has_equality(self, sql_type):
		if sql_type not in self.equality:
			try:
				value = f"'{{NULL}}'::{sql_type}" if sql_type.endswith('[]') else f'NULL::{sql_type}'
				self.session.rows(f'SELECT {value} IS NOT DISTINCT FROM {value}')
				self.equality[sql_type] = True
			except pq.Error:
				self.equality[sql_type] = False
		return self.equality[sql_type]

	def find(self, node, column):
		"""The form of a column whose schema is node.  ValueError: it has none that is known."""
		node, _ = branch_of(node)
		if isinstance(node, dict) and node['type'] == 'array' and column.is_array:
			items, nullable = branch_of(node['items'])
			return ArrayForm(self.scalar(items, column.element, column.element_type, column.typmod), nullable)
		return self.scalar(node, column.base, column.type, column.typmod)

	def scalar(self, node, base, sql_type, typmod):
		avro = node['type'] if isinstance(node, dict) else node
		name = node.get('connect.name') if isinstance(node, dict) else None
		def form(rule, read, label=None):
			# a cast to the domain or with a modifier would round, cut or pad
			cast_type = sql_type if rule in ('boolean', 'bit') or base != 'bpchar' and '(' not in sql_type else base
			return Form(label or rule, rule, read, cast_type, self.has_equality(sql_type), self.setting.money_digits)

		if name == 'io.debezium.data.Json' and base == 'hstore':
			return form('hstore', lambda value: hstore_text(json.loads(value)), 'hstore')
		if name in PLAIN:
			return form('text', str, name)
		if name == CONNECT + 'Decimal':
			scale = int(node['connect.parameters']['scale'])
			return form('money' if base == 'money' else name, lambda value: decimal_text(value, scale), name)
		if name == 'io.debezium.data.VariableScaleDecimal':
			return form(name, lambda value: decimal_text(value['value'], value['scale']))
		if name == 'io.debezium.data.Bits':
			if base == 'varbit':
				return form('varbit', lambda value: bits_text(value, 0), name)
			return form(name, lambda value: bits_text(value, typmod))
		if name == 'io.debezium.data.geometry.Point':
			return form(name, point_text)
		if name in ('io.debezium.data.geometry.Geometry', 'io.debezium.data.geometry.Geography'):
			return form('geometry', geometry_text, name)
		if name in ('io.debezium.data.DoubleVector', 'io.debezium.data.FloatVector'):
			return form('vector', lambda value: '[' + ','.join(map(repr, value)) + ']', name)
		if name == 'io.debezium.data.SparseDoubleVector':
			return form('vector', sparse_text, name)
		if name in FORMS:
			return form(name, str)
		if name is None:
			return self.unnamed(avro, base, form)
		raise ValueError(f'connect.name {name} is not known')

	def unnamed(self, avro, base, form):
		mode = next((arg.split('=')[1] for arg in self.setting.args if arg.startswith('--binary.handling.mode=')), 'bytes')
		octets = OCTETS[mode]
		if avro == 'boolean' and base in ('bit', 'varbit'):
			return form('bit', lambda value: '1' if value else '0')
		if avro == 'boolean':
			return form('boolean', lambda value: 'true' if value else 'false')
		if avro in ('int', 'long'):
			return form('number', str)
		if avro in ('float', 'double') and base == 'money':
			return form('money nearest', repr, 'nearest')
		if avro in ('float', 'double'):
			return form('nearest' if base == 'numeric' else 'float', repr)
		if avro == 'map':
			return form('map', hstore_text)
		if base == 'bytea' and (avro == 'bytes') == (mode == 'bytes'):
			return form('bytes', lambda value: '\\x' + octets(value).hex(), mode)
		if '--decimal.handling.mode=string' in self.setting.args and base in ('numeric', 'money'):
			return form('money text' if base == 'money' else 'decimal text', lambda value: DECIMAL_WORDS.get(value, value), 'decimal text')
		if avro == 'bytes' or (avro == 'string' and mode != 'bytes' and self.setting.unknown and base not in TEXT_TYPES):
			return form('text', lambda value: octets(value).decode(), mode + ' text')
		if avro == 'string':
			kind = {'_money': 'number', 'bit': 'bit text', 'varbit': 'bit text'}.get(base, 'text')
			return form(kind, str, 'text')
		raise ValueError(f'Avro type {avro} is not known')


# Of those that are text without a connect.name in every mode.
TEXT_TYPES = {'text', 'varchar', 'bpchar', 'char', 'name', 'citext', 'inet', 'cidr', 'macaddr', 'macaddr8', 'int4range', 'int8range',
			  'numrange', 'tsrange', 'tstzrange', 'daterange', 'isbn'}


def branch_of(node):
	"""The schema of a union's value, and whether it is one with null."""
	if isinstance(node, list):
		return next(item for item in node if item != 'null'), True
	return node, False
