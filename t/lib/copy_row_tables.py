"""copy_row_tables.py CONNINFO SLOT: tables of every type, and rows that a slot has seen.

Makes the types and tables, then the slot, then a row for each value of
round_trip_values.py, for arrays of them in all shapes, and for NULL.  Values that the
database's encoding lacks are left out.  Prints how many rows there are.  Called by
t/013_copy_row.pl.
"""
import sys

import pq
from round_trip_values import EXTENSIONS, SETUP, Sql, types

SMALL = 300			# characters of a value that goes into arrays

# What the types alone do not show.
MORE = r"""
CREATE TYPE odd;
CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text, DELIMITER = '/');
CREATE DOMAIN inets AS inet[];
CREATE DOMAIN odds AS odd[];
CREATE DOMAIN host AS inet;
CREATE DOMAIN moods AS mood[];
CREATE TABLE tables.shapes (id int PRIMARY KEY, a ints[], b odd[], c odds, d odds[], e inets, f inets[], g host[], h moods, i moods[], j humour[], k pair[], l mood[], m xml[], n oidvector[]);
CREATE TABLE tables.maps (id int PRIMARY KEY, i int[], n inet[]);
CREATE TABLE tables.names ("id" int PRIMARY KEY, "a""b" text, "A b" inet, "select" mood, "%s" inet[], "$1" "char", "'" xml, "\" int, names inet, "x.y" cidr);
CREATE TABLE tables.shape_of_rows (id int PRIMARY KEY, gone int, i int, t text);
ALTER TABLE tables.shape_of_rows ADD made int GENERATED ALWAYS AS (i * 2) STORED, ADD added inet DEFAULT '10.0.0.1', DROP gone;
"""

# Arrays in the columns of tables.shapes; each is tried in those that take it.
SHAPES = ['{}', '{NULL}', '{"{}",NULL,"{1,2}"}', '{"{NULL}","[0:1]={1,2}"}', '[3:4]={"{1}","{{1,2},{3,4}}"}', '{a/"/"/b,c/NULL/"NULL"/"\\"\\\\"/""/null1}',
		  '{{a/b}/{NULL/" "}}', '{"{a/b}",NULL,"{\\"/\\",NULL}"}', '[-1:0][2:2]={{10.1.2.3/8},{::1}}', '{10.0.0.1,NULL,"10.0.0.0/8"}', '{"{10.0.0.1}","{::1,NULL}"}',
		  '{ok,"a,b",NULL,"","NULL","{z}"}', '{"{ok,\\"a,b\\"}",NULL}', '{"(1,a)","(,)",NULL,"(2,\\"a,\\"\\"b\\"\\"\\")"}', '{"<a b=\\"c\\"/>","<?xml version=\\"1.0\\"?><a/>","\n<b/>"}',
		  '{"1 2",""}', '{{{{{{ok}}}}}}', '[2147483646:2147483646]={ok}']

ROWS = [
	"INSERT INTO tables.maps VALUES (1, ('{1,2,NULL}'::int[])[1:2], NULL), (2, NULL, ('{10.0.0.1,::1,NULL}'::inet[])[1:2])",
	"INSERT INTO tables.names VALUES (1, 'a', '10.0.0.1/8', 'ok', '{::1}', '\\377', '<?xml version=\"1.0\"?><a/>', -7, '::', '10.0.0.0/8'), (2, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
	"INSERT INTO tables.shape_of_rows (id, i, t, added) VALUES (1, 1, 'a', DEFAULT), (2, NULL, NULL, '::'), (3, -5, '', NULL)",
	"INSERT INTO tables.wide (id) VALUES (1)",
	"INSERT INTO tables.wide SELECT i, {values} FROM generate_series(2, 4) i",
]
WIDE = 900


class Tables:
	def __init__(self, session):
		self.session = session
		self.refused = 0

	def try_rows(self, sql):
		"""Whether the server takes the rows."""
		try:
			self.session.rows(sql)
			return True
		except (pq.Error, UnicodeEncodeError):
			return False

	def insert(self, table, column, first, expressions):
		"""A row for each; without those that the server refuses.  The next id."""
		rows = ', '.join(f'({first + i}, {expression})' for i, expression in enumerate(expressions))
		if not expressions or self.try_rows(f'INSERT INTO {table} (id, {column}) VALUES {rows}'):
			return first + len(expressions)
		if len(expressions) == 1:
			self.refused += 1
			return first
		half = len(expressions) // 2
		first = self.insert(table, column, first, expressions[:half])
		return self.insert(table, column, first, expressions[half:])


def expression(kind, value):
	return f'({value})::{kind.sql}' if isinstance(value, Sql) else f'{pq.literal(value)}::{kind.sql}'


def quoted(text):
	return 'NULL' if text is None else '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def arrays(texts, delimiter):
	"""Texts of arrays, in shapes that must be tried with every type."""
	def row(*items):
		return '{' + delimiter.join(items) + '}'
	elements = [quoted(text) for text in texts]
	one, two, three = (elements * 3)[:3]
	yield from ('{}', '{NULL}', row(*elements[:60]), row(*elements[-60:], 'NULL'), row('NULL', one, 'NULL', two))
	yield f'[-2:0]={row(one, "NULL", three)}'
	yield f'[2147483645:2147483646]={row(two, three)}'
	yield row(row(one, two), row(three, one))
	yield f'[0:0][-3:-2]={row(row(one, "NULL"))}'
	yield row(row(row(one), row(two)), row(row(three), row('NULL')))


def main(conninfo, slot):
	session = pq.Session(conninfo + ' client_encoding=UTF8')
	tables = Tables(session)
	session.rows("SET xmloption = content; SET client_min_messages = warning; CREATE SCHEMA tables")
	for extension in EXTENSIONS:
		tables.try_rows(f'CREATE EXTENSION {extension}')
	unicode = session.value('SHOW server_encoding') == 'UTF8'
	session.rows((SETUP if unicode else SETUP.replace("'ж', '🐘', ", "")) + MORE)
	version = int(session.value('SHOW server_version_num'))
	extensions = {name for name, in session.rows('SELECT extname FROM pg_extension')}
	kinds = [kind for kind in types() if kind.since <= version and kind.extension in {None, *extensions}]
	for kind in kinds:
		more = f', a {kind.sql}[]' if kind.arrays else ''
		session.rows(f'CREATE TABLE tables.{kind.name} (id int PRIMARY KEY, v {kind.sql} {kind.column}{more})')
	of = ['int', 'text', 'inet', 'bool', 'mood', 'numeric', 'inet[]', 'int[]', 'uuid']
	session.rows('CREATE TABLE tables.wide (id int, ' + ', '.join(f'c{i} {of[i % len(of)]}' for i in range(WIDE)) + ')')
	session.rows(f"SELECT pg_create_logical_replication_slot('{slot}', 'walrelay')")

	for kind in kinds:
		table = f'tables.{kind.name}'
		end = tables.insert(table, 'v', 1, [expression(kind, value) for value in kind.values])
		if kind.nulls:
			end = tables.insert(table, 'v', end, ['NULL'])
		if not kind.arrays:
			continue
		texts = [text for text, in session.rows(
			f"SELECT t FROM (SELECT id, format('%s', v) AS t FROM {table} WHERE v IS DISTINCT FROM NULL) r WHERE length(t) <= {SMALL} ORDER BY id")]
		delimiter = session.value(f"SELECT typdelim FROM pg_type WHERE oid = {pq.literal(kind.sql)}::regtype")
		tables.insert(table, 'a', end, [pq.literal(text) for text in arrays(texts, delimiter)])
	end = 1
	for column in 'abcdefghijklmn':
		end = tables.insert('tables.shapes', column, end, [pq.literal(text) for text in SHAPES])
	constants = ["i", "'t' || i", "'10.0.0.1/8'", 'i % 2 = 0', "'ok'", 'i / 7.0', "ARRAY['::1', NULL]::inet[]", 'ARRAY[i, NULL]', 'md5(i::text)::uuid']
	values = ', '.join(f"CASE WHEN (i + {i}) % 3 > 0 THEN ({constants[i % len(constants)]})::{of[i % len(of)]} END" for i in range(WIDE))
	for sql in ROWS:
		session.rows(sql.replace('{values}', values))
	rows = sum(int(session.value(f'SELECT count(*) FROM tables.{quoted(name)}'))
			   for name, in session.rows("SELECT relname FROM pg_class WHERE relnamespace = 'tables'::regnamespace AND relkind = 'r'"))
	print(rows)
	session.close()


main(*sys.argv[1:])
