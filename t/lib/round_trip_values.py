"""round_trip_values.py: what the round trip writes: every base type of PostgreSQL and
of the usual extensions, user-defined ones of every kind, each with the values at its
edges, and how to make random ones.  Imported by round_trip.py; talks to nobody.

A value is the text that its type's input function takes, or Sql: an expression.
"""
import json
import struct


class Sql(str):
	"""An SQL expression in place of a literal: for values too large to be spelled."""


class Type:
	"""A column to write: sql its type, column what CREATE TABLE says further of it.

	extension: skipped where that cannot be created; since: skipped on older servers.
	random(rng): one more value.  unknown: Debezium has no form for it, so that it is
	left out by default; unknown_array: of its arrays alone.
	"""

	def __init__(self, name, sql, values, random=None, column='', extension=None, since=0,
				 arrays=True, nulls=True, unknown=False, unknown_array=False):
		self.name, self.sql, self.values, self.random = name, sql, values, random
		self.column, self.extension, self.since = column, extension, since
		self.arrays, self.nulls = arrays, nulls
		self.unknown, self.unknown_array = unknown, unknown or unknown_array


# Base types that no column of a user can hold a value of.
EXCUSED = {
	'pg_node_tree': 'its input function refuses', 'pg_ndistinct': 'its input function refuses',
	'pg_dependencies': 'its input function refuses', 'pg_mcv_list': 'its input function refuses',
	'pg_brin_bloom_summary': 'its input function refuses',
	'pg_brin_minmax_multi_summary': 'its input function refuses',
	'gtsvector': 'its input function refuses',
}

EXTENSIONS = ('hstore', 'ltree', 'citext', 'isn', 'cube', 'seg', 'intarray', 'postgis', 'vector')

# User-defined types.  The enum's order is not that of creation.
SETUP = r"""
CREATE TYPE mood AS ENUM ('sad', 'a,b', 'c"d', 'e''f', ' g h ', 'ж', '🐘', '', 'NULL', 'x\y', '{z}', 'ok',
	'a label that is as long as a label can be, which is 63 bytes ..');
ALTER TYPE mood ADD VALUE 'glad' BEFORE 'ok';
CREATE TYPE pair AS (i int, t text);
CREATE TYPE bag AS (n numeric, p pair, d date, m mood, l int[], b bytea);
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN small AS posint CHECK (VALUE < 100);
CREATE DOMAIN price AS numeric(10, 2);
CREATE DOMAIN rate AS numeric;
CREATE DOMAIN word AS text CHECK (VALUE <> 'no');
CREATE DOMAIN code AS varchar(5);
CREATE DOMAIN surely AS text NOT NULL;
CREATE DOMAIN ints AS int[];
CREATE DOMAIN day AS date;
CREATE DOMAIN moment AS timestamp(3);
CREATE DOMAIN humour AS mood;
CREATE DOMAIN couple AS pair;
CREATE DOMAIN spans AS int4range;
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
"""


# ---- literals ----

def powers(bits):
	"""Integers of a width: where their variable length encodings grow, and the ends."""
	found = {0, 1, -1, 10, -10, 2 ** (bits - 1) - 1, -2 ** (bits - 1), -2 ** (bits - 1) + 1}
	for power in range(6, bits - 1):
		if power % 7 in (6, 0) or power % 8 in (7, 0):
			found |= {2 ** power - 1, 2 ** power, -2 ** power, -2 ** power - 1}
	return [str(value) for value in sorted(found)]


NUMBERS = [
	'0', '1', '-1', '0.5', '-0.05', '0.00', '1.50', '-1.50', '100', '1000000', '127', '128', '-128', '-129',
	'255', '256', '32767', '32768', '-32768', '-32769', '99.99', '9999', '10000', '0.0001', '0.00001',
	'12345.6789', '2147483648', '9223372036854775807', '9223372036854775808', '-9223372036854775808',
	'-9223372036854775809', '18446744073709551615', '18446744073709551616', '999999999999999999',
	'1000000000000000000', '340282366920938463463374607431768211456', '1e100', '-1e100', '1e-100',
	'123456789012345678901234567890.123456789012345678901234567890', '3.14159265358979323846',
	'1e-7', '5e-324', '1e-400', '-1e-400', '1.7976931348623157e308', '1.7976931348623159e308', '1e309', '-1e400',
	'10000.0000', '100000000.00000001', '0.10', '0.100000000000000000000',
]
NUMBERS_HUGE = [
	Sql("('1' || repeat('0', 131071))::numeric"), Sql("(repeat('9', 131072))::numeric"),
	Sql("('-' || repeat('9', 131072))::numeric"), Sql("('0.' || repeat('0', 16382) || '1')::numeric"),
	Sql("('-0.' || repeat('0', 16382) || '1')::numeric"),
	Sql("(repeat('12345', 4000) || '.' || repeat('67890', 3276) || '123')::numeric"),
	Sql("(repeat('9', 131072) || '.' || repeat('9', 16383))::numeric"),
]
SPECIAL = ['NaN', 'Infinity', '-Infinity']

FLOATS = ['0', '-0', '1', '-1', '0.1', '-0.1', '1.5', '1e10', '1e-10', '3.14159265', '123456.789', '16777216',
		  '16777217', 'NaN', 'Infinity', '-Infinity']
FLOAT4S = FLOATS + ['3.4028235e38', '-3.4028235e38', '1.1754944e-38', '1.1754942e-38', '1e-45', '-1e-45', '0.3',
					'33554432', '1e15', '1e16', '1e-5']
FLOAT8S = FLOATS + ['1.7976931348623157e308', '-1.7976931348623157e308', '2.2250738585072014e-308',
					'2.225073858507201e-308', '5e-324', '-5e-324', '9007199254740993', '0.30000000000000004',
					'1e15', '1e16', '1e22', '1e23', '-1e-300']

TEXTS = [
	'', ' ', 'a', 'plain text', '  padded  ', 'NULL', 'null', '\\N', '{}', '{a,b}', '"', '""', "'", "''", '\\', '\\\\',
	'a"b\\c\'d', '\n', '\r\n', '\t', 'line\nline', 'ä', 'äöüß', 'Ω≈ç√', '日本語', '🐘', '👩‍👩‍👧‍👦', 'e\u0301', '\u00a0',
	'\u200b', '\u2028', '\ufeff', '\ufffd', '\ufffe', '\uffff', '\U00010000', '\U0001ffff', '\U0010ffff',
	'\ud7ff', '\ue000', '\u007f', '\u0080', '\u07ff', '\u0800', '__debezium_unavailable_value', 'NaN', 'a,b;c', '$1 %s',
	''.join(map(chr, range(1, 32))), ''.join(map(chr, range(127, 160))), 'x' * 63, 'x' * 64, 'x' * 127, 'x' * 128,
	'x' * 8191, 'x' * 8192, 'ж' * 3000,
]
TEXTS_HUGE = [Sql("repeat('0123456789abcdef', 65536)"), Sql("repeat('🐘', 262144)"),
			  Sql("(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 32768) i)")]

BYTES = ['', '\\x00', '\\x0000', '\\xff', '\\x00ff00', '\\x61', '\\x5c78', '\\x0a', '\\xc3', '\\xf09f9098', '\\x22',
		 '\\x' + bytes(range(256)).hex(), '\\x' + bytes(range(255, -1, -1)).hex(), '\\x' + '00' * 63, '\\x' + '00' * 64,
		 '\\x' + 'fe' * 8192, '\\x' + '3e3f' * 3, '\\xfbff', '\\xfbfffe', '__debezium_unavailable_value']
BYTES_HUGE = [Sql("decode(repeat('00', 1048576), 'hex')"),
			  Sql("(SELECT string_agg(decode(md5(i::text), 'hex'), '') FROM generate_series(1, 65536) i)")]

DATES = ['2000-01-01', '1999-12-31', '1970-01-01', '1969-12-31', '1970-01-02', '2024-02-29', '1900-02-28', '1900-03-01',
		 '0001-01-01', '0001-12-31 BC', '0001-01-01 BC', '0002-02-28 BC', '0005-02-29 BC', '4713-01-01 BC',
		 '4714-11-24 BC', '9999-12-31', '10000-01-01', '99999-06-15', '294276-12-31', '294277-01-01',
		 '5874897-12-31', '1582-10-04', '1582-10-15', '2038-01-19', '1901-12-13', '2262-04-12', 'infinity', '-infinity']
TIMES = ['00:00:00', '00:00:00.000001', '00:00:00.001', '00:00:01', '12:34:56', '12:34:56.7', '12:34:56.789',
		 '12:34:56.789012', '23:59:59', '23:59:59.9', '23:59:59.999', '23:59:59.999499', '23:59:59.9995',
		 '23:59:59.999999', '24:00:00', '01:02:03.04']
ZONES = ['+00', '+02', '-05', '+05:30', '+05:45', '-09:30', '+14', '-12', '+15:59', '-15:59', '+15:59:59', '-15:59:59',
		 '+00:00:01', '-00:00:01', '+05:30:15']
STAMPS = ['2000-01-01 00:00:00', '1970-01-01 00:00:00', '1969-12-31 23:59:59.999999', '1970-01-01 00:00:00.000001',
		  '1969-12-31 23:59:59.5', '1999-12-31 23:59:59.999999', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789',
		  '2024-02-29 12:34:56.7', '2024-02-29 12:34:56', '1900-03-01 00:00:00.1', '0001-01-01 00:00:00',
		  '0001-12-31 23:59:59.999999 BC', '0001-01-01 00:00:00 BC', '0044-03-15 12:00:00.000001 BC',
		  '4713-01-01 00:00:00 BC', '4714-11-24 00:00:00 BC', '9999-12-31 23:59:59.999999', '10000-01-01 00:00:00',
		  '99999-12-31 12:00:00.5', '2262-04-11 23:47:16.854775', '2262-04-11 23:47:16.854776',
		  '1677-09-21 00:12:43.145225', '1677-09-21 00:12:43.145224', '294247-01-10 04:00:54.775807',
		  '294247-01-10 04:00:54.775808', '294247-01-10 04:00:55', '294276-12-31 23:59:59.999', '294276-12-31 23:59:59',
		  '294276-12-31 00:00:00', '2038-01-19 03:14:08', '1901-12-13 20:45:51', 'infinity', '-infinity']

# Without the one that is a microsecond less: PostgreSQL cannot read what it prints for it.
INTERVALS = ['0', '1 day', '-1 day', '1 month', '-1 month', '1 year', '-1 year 2 mons', '1 mon -1 day', '-1 mon 1 day',
			 '1 mon -1 day 00:00:00.000001', '-1 mon +1 day -00:00:00.000001', '1 day -1 hour', '-1 day 1 hour',
			 '1 hour', '-1 hour', '00:00:00.000001', '-00:00:00.000001', '1.000001 seconds', '-1.000001 seconds',
			 '1 year 2 mons 3 days 04:05:06.789', '-1 year -2 mons +3 days -04:05:06.789', '24 hours', '30 days',
			 '100000 hours', '2562047788 hours', '-2562047788 hours', '2562047788:00:54.775807',
			 '-2562047788:00:54.775807', '2147483647 days', '-2147483648 days', '2147483647 mons', '-2147483648 mons',
			 '178956970 years 7 mons 2147483647 days 2562047788:00:54.775807',
			 '-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807',
			 '292271 years', '292277 years', '-292271 years', '-292278 years', '106751991 days', '106751991 days 04:00:54.775807',
			 '106751991 days 04:00:54.775808', '-106751991 days -04:00:54.775808', '106751992 days', '59.999999 seconds',
			 '-59.999999 seconds', '0.5 seconds', '-0.5 seconds', '-00:01:00.5', '1 min -0.5 seconds', '23:59:59.999999']

JSONS = ['null', 'true', '0', '-0', '1.0', '1e2', '1E400', '""', '"a"', '"\\u00e4\\ud83d\\udc18"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '[]',
		 '{}', '[1, 2 ,3]', ' { "a" :1 , "a": 2 } ', '{"b": {"c": [null, true, {"d": "e"}]}}', '"🐘"', '"\\u0001"',
		 '12345678901234567890.12345678901234567890', '[' * 500 + ']' * 500, '{"k":' * 200 + '1' + '}' * 200,
		 '{"": ""}', '"' + 'x' * 9000 + '"', '"__debezium_unavailable_value"', '{"\\u00e9": "\ufffd"}', '[[[]],{"a":[]}]', '1.10']
XMLS = ['<a/>', '<a>text</a>', 'just text', '', '<a b="c"/>', '<?xml version="1.0"?><a/>',
		'<?xml version="1.0" encoding="UTF-8"?><a>ä</a>', '<?xml version="1.1" standalone="yes"?><a/>',
		'<a><!-- c --><b><![CDATA[<x>&]]></b></a>', '<a>&lt;&amp;&#228;</a>', '<a/><b/>', ' <a/> ', '<x xmlns="urn:y"><z/></x>',
		'<?pi data?><a/>', '<a>\n\t</a>', '<e>🐘</e>']
UUIDS = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
		 '01234567-89ab-cdef-fedc-ba9876543210', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '80000000-0000-0000-0000-000000000001']

INETS = ['0.0.0.0', '255.255.255.255', '127.0.0.1', '10.1.2.3/8', '10.0.0.0/0', '192.168.1.1/31', '192.168.1.1/32', '::', '::1',
		 '2001:db8::1/64', '::ffff:1.2.3.4', '::ffff:1.2.3.4/120', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe80::/10', '::/0']
CIDRS = ['0.0.0.0/0', '10.0.0.0/8', '192.168.1.0/24', '192.168.1.1/32', '255.255.255.255', '::/0', '2001:db8::/32', '::1/128',
		 '::ffff:1.2.3.0/120', 'fe80::/10', '128.0.0.0/1']
MACS = ['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '08:00:2b:01:02:03', '01-23-45-67-89-AB']
MAC8S = ['00:00:00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff', '08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03']

BITS = ['', '0', '1', '01', '10', '00000000', '11111111', '000000001', '100000000', '1' * 63, '1' * 64, '1' + '0' * 64, '0' * 65,
		'10' * 50, '01' * 50, '0' * 99 + '1', '1' * 1000, '0' * 7 + '1', '0001000']

POINTS = ['(0,0)', '(1.5,-2)', '(-0,0)', '(1e308,-1e-308)', '(5e-324,0.1)', '(Infinity,-Infinity)', '(NaN,1)', '(0.1,0.30000000000000004)',
		  '(123456789.123456789,1e22)']
GEOMETRY = {
	'line': ['{1,2,3}', '{1,-1,0}', '{-1e10,1e-5,0.1}', '{0,1,-0}', '{1,0,5e-324}'],
	'lseg': ['[(0,0),(1,1)]', '[(-1.5,2),(1e10,1e-10)]', '[(0.1,0.2),(0.1,0.2)]', '[(1e308,0),(-1e308,0)]'],
	'box': ['(0,0),(1,1)', '(1,1),(0,0)', '(-1.5,2),(3,-4)', '(1e10,1e-5),(0,0)', '(2,2),(2,2)', '(0.1,0.2),(0.3,0.4)'],
	'path': ['[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '[(0,0)]', '((0.1,1e10),(1e-5,2))', '((1,1),(1,1))'],
	'polygon': ['((0,0),(1,1),(2,0))', '((0.1,1e10),(1e-5,2))', '((0,0))', '((1,1),(2,2),(3,3),(4,5.5))'],
	'circle': ['<(0,0),1>', '<(1.5,-2),0>', '<(1e10,1e-5),0.1>', '<(0,0),1e150>', '<(0.1,0.2),3.3333333333333335>'],
}

TSVECTORS = ['', 'a', "'a' 'b'", "'fat':1,3A 'cat':2B", "'a b' 'c''d' 'e\\\\f'", 'word:16383', "'ä' '🐘' '日本'", "'x':1A,2B,3C,4D"]
TSQUERIES = ['', 'a', 'a & b', 'a | !b', 'a <-> b', 'a <3> b', "'a b' & 'c''d'", 'fat:ab & cat:*', '!(a & (b | c)) <-> d', "'ä':A*"]
HSTORES = ['', 'a=>1', 'a=>NULL', '"a"=>"1", "b"=>NULL', '""=>""', '"k y"=>"v,w"', '"q\\"q"=>"b\\\\s"', '"ä"=>"🐘"', '"a"=>"NULL"',
		   '"=>"=>"=>"', '"n"=>"line\nline"', '"t"=>"\t\x01"', '"{"=>"}"', '"a"=>"null", "c"=>"3"', "\"'\"=>\"''\""]
LTREES = ['', 'a', 'Top.Science.Astronomy', 'a.b.c.d.e.f', '1.2.3', 'a_b.C_D', '.'.join('abcdefghij' * 20)]

JSONPATHS = ['$', '$.a', '$[*] ? (@.x > 1)', 'strict $.a[0 to last]', '$."a b".**.c', 'lax $.a.type()', '$.a ? (@ like_regex "^x" flag "i")']

RANGE_ENDS = {
	'int4range': ('-5', '10', '2147483646', '-2147483648'),
	'int8range': ('-5', '10', '9223372036854775806', '-9223372036854775808'),
	'numrange': ('-1.50', '10.001', '1e100', '-1e100'),
	'daterange': ('1999-12-31', '2024-02-29', '5874896-12-30', '4714-11-24 BC'),
	'tsrange': ('1999-12-31 23:59:59.999999', '2024-02-29 12:00:00', '294276-12-31 23:59:59', '4714-11-24 00:00:00 BC'),
	'tstzrange': ('1999-12-31 23:59:59.999999+00', '2024-02-29 12:00:00+05:30', '294276-12-31 23:59:59+00', '4714-11-24 00:00:00+00 BC'),
}
RANGE_INFINITE = {'numrange': ('-Infinity', 'Infinity', 'NaN'), 'daterange': ('-infinity', 'infinity'),
				  'tsrange': ('-infinity', 'infinity'), 'tstzrange': ('-infinity', 'infinity')}


def ranges(kind):
	low, high, top, bottom = (f'"{end}"' for end in RANGE_ENDS[kind])
	found = ['empty', '(,)', f'[{low},{high})', f'({low},{high}]', f'[{low},{high}]', f'({low},{high})', f'[{low},{low}]', f'[{low},)',
			 f'(,{high}]', f'(,{high})', f'({low},)', f'[{bottom},{top}]', f'[{bottom},)', f'(,{top}]', f'({low},{low}]']
	if kind in RANGE_INFINITE:
		minus, plus, *nan = RANGE_INFINITE[kind]
		found += [f'[{minus},{plus}]', f'({minus},{plus})', f'[{low},{plus}]', f'[{low},{plus})', f'[{minus},{high}]']
		found += [f'[{low},{value}]' for value in nan]
	return found


def multiranges(kind):
	low, high, top, bottom = (f'"{end}"' for end in RANGE_ENDS[kind])
	found = ['{}', '{(,)}', f'{{[{low},{high})}}', f'{{(,{low}),[{high},)}}', f'{{[{bottom},{low}),[{high},{top}]}}', '{empty}',
			 f'{{[{low},{high}],[{high},{top})}}', f'{{[{low},)}}']
	if kind in RANGE_INFINITE:
		found.append(f'{{[{RANGE_INFINITE[kind][0]},{RANGE_INFINITE[kind][1]}]}}')
	return found


PAIRS = ['(1,a)', '(,)', '(-1,"")', '(2147483647,"a,b")', '(0,"q""q")', '(1,"(nested)")', '(5,"b\\\\s")', '(7,"🐘 ä")', '(8," ")', '(9,NULL)']
BAGS = ['(,,,,,)', '(1.50,"(1,a)",2024-02-29,ok,"{1,2}","\\\\x00ff")', '(NaN,"(,""x,y"")",infinity,"a,b","{{1,2},{3,4}}","\\\\x")',
		'(-1e100,,-infinity,"c""d",{},"\\\\x22")']

# ---- random values ----

LETTERS = 'abcXYZ019 _-,;"\'\\{}()[]<>=%$:\n\täßжΩ日🐘\u200b\ufffd\uffff\U0010ffff'


def random_text(rng, longest=60):
	length = rng.randrange(longest) if rng.random() < 0.95 else rng.randrange(5000)
	return ''.join(chr(rng.randrange(1, 0xd800)) if rng.random() < 0.2 else rng.choice(LETTERS) for _ in range(length))


def random_int(bits):
	def make(rng):
		value = rng.getrandbits(rng.randrange(1, bits))
		return str(-value if rng.random() < 0.5 else value)
	return make


def random_numeric(rng):
	if rng.random() < 0.05:
		return rng.choice(SPECIAL)
	digits = ''.join(rng.choices('0123456789', k=rng.randrange(1, 60 if rng.random() < 0.9 else 2000)))
	at = rng.randrange(len(digits) + 1)
	return rng.choice('- ').strip() + (digits[:at] or '0') + ('.' + digits[at:] if digits[at:] else '')


def random_fixed(precision, scale):
	def make(rng):
		digits = ''.join(rng.choices('0123456789', k=rng.randrange(1, precision + 1)))
		return f"{rng.choice(['', '-'])}{int(digits)}e{-scale}"
	return make


def random_float(code, size):
	return lambda rng: repr(struct.unpack(code, rng.randbytes(size))[0])


def random_bytes(rng):
	return '\\x' + rng.randbytes(rng.randrange(60) if rng.random() < 0.95 else rng.randrange(5000)).hex()


def random_bits(length):
	def make(rng):
		return ''.join(rng.choices('01', k=length if length else rng.randrange(200)))
	return make


def random_date(rng):
	span = rng.choice(((-2451507, 2145042541), (-800000, 100000), (-40000, 40000)))
	return Sql(f"(date '2000-01-01' + {rng.randint(*span)})")


def random_clock(rng, digits=6):
	text = f'{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}'
	return text + (f'.{rng.randrange(10 ** digits):0{digits}}' if rng.random() < 0.8 else '')


def random_stamp(rng):
	# the very ends of the type are among the values that are always tried
	day = rng.choice(((-2451500, 107500000), (-800000, 100000), (-40000, 40000)))
	return Sql(f"(date '2000-01-01' + {rng.randint(*day)} + time '{random_clock(rng)}')")


def random_zoned_stamp(rng):
	return Sql(f"({random_stamp(rng)} AT TIME ZONE '{rng.choice(['UTC', '+05:30', '-11:00'])}')")


def random_interval(rng):
	def part(limit):
		return rng.choice((0, rng.randint(-limit, limit), rng.randint(-100, 100)))
	return f'{part(2000000000)} mons {part(2000000000)} days {part(2000000000)} hours {part(10 ** 9)} seconds {part(10 ** 6)} microseconds'


def random_json(rng):
	def tree(level):
		kind = rng.randrange(7 if level < 4 else 5)
		if kind < 5:
			text = random_text(rng, 12)
			return [None, True, rng.randrange(-10 ** 9, 10 ** 9), rng.random() * 10 ** rng.randrange(-9, 9), text][kind]
		if kind == 5:
			return [tree(level + 1) for _ in range(rng.randrange(4))]
		return {random_text(rng, 8): tree(level + 1) for _ in range(rng.randrange(4))}
	return json.dumps(tree(0), ensure_ascii=rng.random() < 0.5)


def random_range(kind, one):
	def make(rng):
		if rng.random() < 0.1:
			return rng.choice(['empty', '(,)'])
		low, high = one(rng), one(rng)
		bounds = rng.choice('[(') + rng.choice('])')
		return Sql(f"{kind}(least({low}, {high}), greatest({low}, {high}), '{bounds}')")
	return make


def random_pair(rng):
	text = random_text(rng, 20).replace('\\', '\\\\').replace('"', '\\"')
	return rng.choice([f'({rng.randrange(-9, 9)},"{text}")', f'(,"{text}")', '(3,)'])


def random_hstore(rng):
	def quote(text):
		return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'
	return ', '.join(f"{quote(random_text(rng, 9))}=>{'NULL' if rng.random() < 0.2 else quote(random_text(rng, 20))}"
					 for _ in range(rng.randrange(5)))


def random_inet(rng):
	if rng.random() < 0.5:
		return '.'.join(str(rng.randrange(256)) for _ in range(4)) + f'/{rng.randrange(33)}'
	return ':'.join(f'{rng.getrandbits(16):x}' for _ in range(8)) + f'/{rng.randrange(129)}'


def random_point(rng):
	return '({},{})'.format(*(random_float('<d', 8)(rng) for _ in range(2)))


def random_finite_point(rng):
	return f'({rng.uniform(-1e6, 1e6)!r},{rng.uniform(-1e-3, 1e3)!r})'


def one_of(values):
	return lambda rng: rng.choice(values)


# ---- the table ----

def builtin_types():
	yield Type('bool', 'bool', ['true', 'false'], one_of(['t', 'f']))
	yield Type('int2', 'int2', powers(16), random_int(16))
	yield Type('int4', 'int4', powers(32), random_int(32))
	yield Type('int8', 'int8', powers(64), random_int(64))
	yield Type('oid', 'oid', ['0', '1', '2147483647', '2147483648', '4294967295', '127', '128', '16384'],
			   lambda rng: str(rng.getrandbits(32)))
	yield Type('float4', 'float4', FLOAT4S, random_float('<f', 4))
	yield Type('float8', 'float8', FLOAT8S, random_float('<d', 8))
	yield Type('numeric', 'numeric', NUMBERS + SPECIAL + NUMBERS_HUGE, random_numeric)
	yield from numeric_types()
	yield Type('money', 'money', ['0', '1', '-1', '0.01', '-0.01', '1234.56', '-1234.56', '99999999.99', '0.5', '0.05', '-0.005', '1.28',
								  '92233720368547758.07', '-92233720368547758.08', '-92233720368547758.07'],
			   lambda rng: f'{int(random_int(63)(rng)) // 100}.{rng.randrange(100):02}', unknown_array=True)
	yield Type('text', 'text', TEXTS + TEXTS_HUGE, random_text)
	yield Type('varchar', 'varchar', TEXTS[:40], random_text)
	yield Type('varchar_5', 'varchar(5)', ['', 'a', 'abcde', 'äöüßж', '🐘🐘🐘🐘🐘', '     ', '"\\\'{}'], lambda rng: random_text(rng, 9)[:5])
	yield Type('bpchar', 'bpchar', ['', 'a', 'a  ', ' b ', 'äö '], lambda rng: random_text(rng, 9))
	yield Type('char_5', 'char(5)', ['', 'a', 'abcde', 'äöüßж', '🐘', ' b', '"\\\'{}'], lambda rng: random_text(rng, 9)[:5])
	yield Type('name', 'name', [text for text in TEXTS if len(text.encode()) <= 63] + ['ж' * 31 + 'x'],
			   lambda rng: random_text(rng, 9)[:15], unknown_array=True)
	yield Type('char', '"char"', [''] + [chr(code) for code in range(1, 128)] + [f'\\{code:03o}' for code in range(128, 256)],
			   lambda rng: rng.choice([chr(rng.randrange(1, 128)), f'\\{rng.randrange(128, 256):03o}']))
	yield Type('bytea', 'bytea', BYTES + BYTES_HUGE, random_bytes)
	yield Type('json', 'json', JSONS, random_json)
	yield Type('jsonb', 'jsonb', JSONS, random_json)
	yield Type('xml', 'xml', XMLS, one_of(XMLS), unknown_array=True)
	yield Type('uuid', 'uuid', UUIDS, lambda rng: rng.randbytes(16).hex())
	yield Type('jsonpath', 'jsonpath', JSONPATHS, one_of(JSONPATHS), unknown=True)
	yield from time_types()
	for length in (1, 2, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 100):
		values = {'0' * length, '1' * length, '1' + '0' * (length - 1), '0' * (length - 1) + '1', ('10' * length)[:length]}
		yield Type(f'bit_{length}', f'bit({length})', sorted(values), random_bits(length))
	yield Type('varbit', 'varbit', BITS, random_bits(0), unknown_array=True)
	yield Type('varbit_1', 'varbit(1)', ['', '0', '1'], one_of(['', '0', '1']), unknown_array=True)
	yield Type('varbit_100', 'varbit(100)', [text for text in BITS if len(text) <= 100], lambda rng: random_bits(0)(rng)[:100], unknown_array=True)
	yield Type('inet', 'inet', INETS, random_inet)
	yield Type('cidr', 'cidr', CIDRS, one_of(CIDRS))
	yield Type('macaddr', 'macaddr', MACS, lambda rng: rng.randbytes(6).hex())
	yield Type('macaddr8', 'macaddr8', MAC8S, lambda rng: rng.randbytes(8).hex())
	yield Type('tsvector', 'tsvector', TSVECTORS, one_of(TSVECTORS))
	yield Type('tsquery', 'tsquery', TSQUERIES, one_of(TSQUERIES), unknown=True)
	yield Type('point', 'point', POINTS, random_point, unknown_array=True)
	for kind, values in GEOMETRY.items():
		yield Type(kind, kind, values, one_of(values), unknown=True)
	yield from range_types()
	yield from system_types()


def numeric_types():
	small = [text for text in NUMBERS if 'e' not in text and len(text) < 12]
	for precision, scale in ((10, 2), (1, 0), (18, 0), (38, 0), (38, 38), (19, 4), (1000, 500)):
		limit = precision - scale
		fits = [text for text in small if len(text.split('.')[0].lstrip('-').lstrip('0')) <= min(limit, 11)]
		# rounding up may need one digit more than there is
		fits = [text for text in fits if limit > 5 or limit < 0 or abs(float(text)) < 10 ** limit - 0.5]
		ends = [f"{sign}{'9' * precision}e{-scale}" for sign in ('', '-')] + [f'1e{-scale}', f'-1e{-scale}', 'NaN']
		yield Type(f'numeric_{precision}_{scale}', f'numeric({precision},{scale})', fits + ends, random_fixed(precision, scale))
	for precision, scale in ((5, -2), (3, 5), (1000, -1000), (10, 1000)):
		ends = ['0', f'1e{-scale}', f'-1e{-scale}', f"{'9' * precision}e{-scale}", f"-{'9' * precision}e{-scale}", f'12e{-scale}', 'NaN']
		name = f'numeric_{precision}_{scale}'.replace('-', 'minus_')
		yield Type(name, f'numeric({precision},{scale})', ends, random_fixed(precision, scale), since=150000)


def time_types():
	zoned = [time + zone for time in TIMES for zone in ('+00', '-05', '+05:30')] + [TIMES[7] + zone for zone in ZONES] + \
		['00:00:00' + zone for zone in ZONES] + ['24:00:00' + zone for zone in ZONES]
	def stamps(digits):
		# rounding the last of them up would leave the type's range
		return [text for text in STAMPS if not (text.startswith('294276') and text.endswith('.999') and digits < 3)]
	yield Type('date', 'date', DATES, random_date)
	yield Type('time', 'time', TIMES, random_clock)
	yield Type('timetz', 'timetz', zoned, lambda rng: random_clock(rng) + rng.choice(ZONES))
	yield Type('timestamp', 'timestamp', STAMPS + ['294276-12-31 23:59:59.999999'], random_stamp)
	yield Type('timestamptz', 'timestamptz', [text if 'inf' in text else text + '+00' if not text.endswith('BC') else text[:-3] + '+00 BC' for text in STAMPS] +
			   ['294276-12-31 23:59:59.999999+00', '2024-02-29 12:34:56.789012+05:30', '1999-12-31 23:30:00-01'], random_zoned_stamp)
	for digits in (0, 1, 3, 4, 6):
		yield Type(f'time_{digits}', f'time({digits})', TIMES, random_clock)
		yield Type(f'timestamp_{digits}', f'timestamp({digits})', stamps(digits), random_stamp)
	for digits in (0, 2, 3):
		yield Type(f'timestamptz_{digits}', f'timestamptz({digits})', stamps(digits), random_zoned_stamp)
		yield Type(f'timetz_{digits}', f'timetz({digits})', zoned[::3], lambda rng: random_clock(rng) + rng.choice(ZONES))
	yield Type('interval', 'interval', INTERVALS, random_interval, unknown_array=True)
	yield Type('interval_endless', 'interval', ['infinity', '-infinity', '1 mon'], one_of(['infinity', '-infinity', '1 day']),
			   since=170000, unknown_array=True)
	yield Type('interval_3', 'interval(3)', INTERVALS[:26], random_interval, unknown_array=True)
	yield Type('interval_ym', 'interval year to month', ['0', '1 year', '-1 mon', '14 mons', '-178956970 years'], None, unknown_array=True)
	yield Type('interval_ds', 'interval day to second', ['0', '1 day', '-1 day 01:02:03.456789', '2147483647 days', '00:00:01.5'], None,
			   unknown_array=True)


def range_types():
	ones = {
		'int4range': lambda rng: rng.randrange(-2 ** 30, 2 ** 30),
		'int8range': lambda rng: rng.randrange(-2 ** 60, 2 ** 60),
		'numrange': lambda rng: f"'{random_numeric(rng)}'::numeric",
		'daterange': random_date,
		'tsrange': random_stamp,
		'tstzrange': random_zoned_stamp,
	}
	for kind, one in ones.items():
		yield Type(kind, kind, ranges(kind), random_range(kind, one))
		multi = kind.replace('range', 'multirange')
		yield Type(multi, multi, multiranges(kind), one_of(multiranges(kind)), unknown=True)


def system_types():
	yield Type('int2vector', 'int2vector', ['', '1', '1 2 3', '-32768 32767'], one_of(['', '1', '5 6']), arrays=False)
	yield Type('oidvector', 'oidvector', ['', '1', '1 2 3', '0 4294967295'], one_of(['', '1', '5 6']), arrays=False)
	tables = {
		'tid': ['(0,0)', '(0,1)', '(4294967295,65535)', '(42,7)'],
		'xid': ['0', '1', '3', '2147483648', '4294967295'],
		'cid': ['0', '1', '4294967295'],
		'xid8': ['0', '1', '4294967296', '18446744073709551615', '9223372036854775808'],
		'pg_lsn': ['0/0', '0/1', '16/B374D848', 'FFFFFFFF/FFFFFFFF', '1/0'],
		'pg_snapshot': ['10:20:10,14,15', '1:1:', '9223372036854775806:9223372036854775807:'],
		'txid_snapshot': ['10:20:10,14,15', '1:1:'],
		'refcursor': ['', 'cursor', '<unnamed portal 1>', 'a"b'],
		'aclitem': ['postgres=r/postgres', '=arw/postgres'],
		'regproc': ['now', '-', 'pg_catalog.version'],
		'regprocedure': ['abs(numeric)', '-', 'substring(text,integer,integer)'],
		'regoper': ['||/', '0', 'pg_catalog.!!'],
		'regoperator': ['+(integer,integer)', '0', '-(NONE,numeric)'],
		'regclass': ['pg_class', 'pg_catalog.pg_type', 'information_schema.tables'],
		'regcollation': ['"C"', '"POSIX"', '-'],
		'regtype': ['integer', '-', 'character varying', 'numeric[]', '"char"'],
		'regrole': ['postgres', '-', 'pg_monitor'],
		'regnamespace': ['pg_catalog', '-', 'public', 'information_schema'],
		'regconfig': ['english', '-', 'simple'],
		'regdictionary': ['simple', '-', 'english_stem'],
		'regdatabase': ['postgres', '-', 'template1'],
		'oid8': ['0', '1', '18446744073709551615'],
	}
	for kind, values in tables.items():
		yield Type(kind, kind, values, one_of(values), since=190000 if kind in ('regdatabase', 'oid8') else 0, unknown=True)


def defined_types():
	labels = ['sad', 'a,b', 'c"d', "e'f", ' g h ', 'ж', '🐘', '', 'NULL', 'x\\y', '{z}', 'ok', 'glad',
			  'a label that is as long as a label can be, which is 63 bytes ..']
	yield Type('enum', 'mood', labels, one_of(labels))
	yield Type('composite', 'pair', PAIRS, random_pair, unknown=True)
	yield Type('composite_nested', 'bag', BAGS, one_of(BAGS), unknown=True)
	yield Type('range_user', 'floatrange', ['empty', '[0.1,0.3)', '(,)', '[-Infinity,Infinity]', '[1e-300,)', '[NaN,NaN]'], None, unknown=True)
	yield Type('multirange_user', 'floatmultirange', ['{}', '{[0.1,0.3),[1,2]}'], None, unknown=True)
	domains = {
		'posint': powers(31)[-20:], 'small': ['1', '99', '64'], 'price': ['0', '-0.05', '99999999.99', '1.5', 'NaN'],
		'rate': NUMBERS[:20] + SPECIAL, 'word': TEXTS[:20], 'code': ['', 'abc', 'äöüßж'], 'day': DATES, 'moment': STAMPS[:16] + ['infinity'],
		'humour': labels, 'spans': ranges('int4range'),
	}
	for kind, values in domains.items():
		yield Type(f'domain_{kind}', kind, values, one_of(values), unknown_array=True)
	yield Type('domain_surely', 'surely', [text for text in TEXTS[:10]], random_text, arrays=False, nulls=False)
	yield Type('domain_ints', 'ints', ['{}', '{1,2}', '{NULL}', '{1,NULL,-3}', '{{1,2},{3,4}}', '[5:6]={7,8}'], one_of(['{}', '{4,5}']),
			   unknown_array=True)
	yield Type('domain_couple', 'couple', PAIRS, random_pair, unknown=True)
	# a real NULL where there is a default
	defaults = {'int4': '42', 'text': "'x'", 'numeric(10,2)': '1.5', 'date': "'2020-01-02'", 'timestamptz': 'now()', 'bool': 'true',
				'float8': "'NaN'", 'uuid': 'gen_random_uuid()', 'mood': "'ok'", 'bytea': "'\\xff'", 'int8': 'random() * 10', 'jsonb': "'{}'",
				'timestamp(3)': "'2020-01-02 03:04:05'", 'bit(8)': "B'00000101'", 'varchar(9)': "'it''s'", 'interval': "'1 day'"}
	tried = {'int4': '7', 'text': 'x', 'numeric(10,2)': '1.50', 'date': '2020-01-02', 'timestamptz': '1970-01-01 00:00:00+00', 'bool': 'true', 'float8': '1',
			 'uuid': UUIDS[0], 'mood': 'ok', 'bytea': '\\xff', 'int8': '0', 'jsonb': '{}', 'timestamp(3)': '2020-01-02 03:04:05', 'bit(8)': '00000101',
			 'varchar(9)': "it's", 'interval': '1 day'}
	for kind, default in defaults.items():
		name = 'default_' + ''.join(c if c.isalnum() else '_' for c in kind).strip('_')
		yield Type(name, kind, [tried[kind]], None, column=f'DEFAULT {default}', arrays=False)
	yield Type('default_array', 'int[]', ['{1}', '{}'], None, column="DEFAULT '{1}'", arrays=False)


def extension_types():
	yield Type('hstore', 'hstore', HSTORES, random_hstore, extension='hstore')
	yield Type('ltree', 'ltree', LTREES, one_of(LTREES), extension='ltree')
	yield Type('lquery', 'lquery', ['a', '*.b.*{1,2}', '!c.d*@', 'a|b.c'], None, extension='ltree', unknown=True)
	yield Type('ltxtquery', 'ltxtquery', ['a', 'a & !b*', 'a@ | c'], None, extension='ltree', unknown=True)
	yield Type('citext', 'citext', TEXTS[:45], random_text, extension='citext')
	yield Type('isbn', 'isbn', ['0-393-04002-X', '978-0-393-04002-9'], None, extension='isn', unknown_array=True)
	for kind, value in (('isbn13', '978-0-393-04002-9'), ('ean13', '978-0-393-04002-9'), ('issn', '1436-4522'), ('ismn', '979-0-2306-7118-7'), ('upc', '220356483481')):
		yield Type(kind, kind, [value], None, extension='isn', unknown=True)
	yield Type('cube', 'cube', ['(1)', '(1,2),(3,4)', '()', '(0.1,1e-300)', '(1,1),(1,1)'], None, extension='cube', unknown=True)
	yield Type('seg', 'seg', ['1', '1.50', '0 .. 1', '~5', '<1 .. >2', '1(+-)0.5'], None, extension='seg', unknown=True)
	yield Type('query_int', 'query_int', ['1', '1&2', '!(3|4)'], None, extension='intarray', unknown=True)
	shapes = ['POINT(1 2)', 'SRID=4326;POINT(-0.1 51.5)', 'POINT EMPTY', 'LINESTRING(0 0,1 1,1e10 -1e-10)', 'SRID=4326;POLYGON((0 0,0 1,1 1,0 0))', 'POINT Z(1 2 3)',
			  'POINTZM(1 2 3 4)', 'MULTIPOINT(0 0,1 1)', 'GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))', 'GEOMETRYCOLLECTION EMPTY']
	yield Type('geometry', 'geometry', shapes, None, extension='postgis')
	yield Type('geometry_point', 'geometry(Point,4326)', [shapes[1]], None, extension='postgis')
	yield Type('geography', 'geography', ['POINT(1 2)', 'POINT(-0.1 51.5)', 'LINESTRING(0 0,1 1)'], None, extension='postgis')
	yield Type('box2d', 'box2d', ['BOX(0 0,1 1)'], None, extension='postgis', unknown=True)
	yield Type('box3d', 'box3d', ['BOX3D(0 0 0,1 1 1)'], None, extension='postgis', unknown=True)
	yield Type('vector', 'vector', ['[1]', '[0.1,-2,1e-30]', '[3.4028235e38,-0]'], None, extension='vector', unknown_array=True)
	yield Type('halfvec', 'halfvec', ['[1]', '[0.1,-2,65504]'], None, extension='vector', unknown_array=True)
	yield Type('sparsevec', 'sparsevec', ['{1:1.5,3:2}/5', '{}/3'], None, extension='vector', unknown_array=True)


def types():
	yield from builtin_types()
	yield from defined_types()
	yield from extension_types()
