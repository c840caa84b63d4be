# SchemaChanges.pm: DDL, step by step, and what the schema-change topic must say of
# it, for the tests of include.schema.changes.  Each step ends with rows that have the
# new description, because a change shows with them; one with a TRUNCATE, so the relay
# needs skipped.operations=none.
package SchemaChanges;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(setup_sql steps change_lines);

sub setup_sql
{
	return <<'SQL';
CREATE SCHEMA shop;
CREATE SCHEMA attic;
CREATE TYPE shop.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN shop.price AS numeric(10,2);
CREATE TABLE shop.orders (id int PRIMARY KEY, note varchar(20), total shop.price, feel shop.mood,
	feels shop.mood[], at timestamptz(3), span interval day to second);
CREATE TABLE shop.plain (a int, b text);
CREATE TABLE shop.swap_a (id int PRIMARY KEY);
CREATE TABLE shop.swap_b (id int PRIMARY KEY, extra text);
SQL
}

# [ what, SQL, expected lines of change_lines()... ]
sub steps
{
	return (
		[ 'first rows', q{INSERT INTO shop.orders (id) VALUES (1); INSERT INTO shop.plain VALUES (1);
			INSERT INTO shop.swap_a VALUES (1); INSERT INTO shop.swap_b VALUES (1)},
			'shop.orders table_first_seen', 'shop.plain table_first_seen',
			'shop.swap_a table_first_seen', 'shop.swap_b table_first_seen' ],
		[ 'more rows, nothing new', q{INSERT INTO shop.orders (id) VALUES (2); ANALYZE shop.orders;
			INSERT INTO shop.orders (id) VALUES (3)} ],
		[ 'add a column', q{ALTER TABLE shop.orders ADD COLUMN rank int NOT NULL DEFAULT 7;
			INSERT INTO shop.orders (id) VALUES (4)},
			'shop.orders column_added rank/8:  -> integer' ],
		[ 'rename it', q{ALTER TABLE shop.orders RENAME COLUMN rank TO place; INSERT INTO shop.orders (id) VALUES (5)},
			'shop.orders column_renamed place/8: rank -> place' ],
		[ 'another type', q{ALTER TABLE shop.orders ALTER COLUMN place TYPE bigint; INSERT INTO shop.orders (id) VALUES (6)},
			'shop.orders column_type_changed place/8: integer -> bigint' ],
		[ 'rename and another type at once', q{BEGIN; ALTER TABLE shop.orders ALTER COLUMN place TYPE numeric(8,3);
			ALTER TABLE shop.orders RENAME COLUMN place TO score; COMMIT; INSERT INTO shop.orders (id) VALUES (7)},
			'shop.orders column_renamed score/8: place -> score; column_type_changed score/8: bigint -> numeric(8,3)' ],
		[ 'type modifier', q{ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(30); INSERT INTO shop.orders (id) VALUES (8)},
			'shop.orders column_type_changed note/2: character varying(20) -> character varying(30)' ],
		[ 'default', q{ALTER TABLE shop.orders ALTER COLUMN score SET DEFAULT 1.5; INSERT INTO shop.orders (id) VALUES (9)},
			'shop.orders column_default_changed score/8: 7 -> 1.5' ],
		[ 'no default', q{ALTER TABLE shop.orders ALTER COLUMN score DROP DEFAULT;
			INSERT INTO shop.orders (id, score) VALUES (10, 1)},
			'shop.orders column_default_changed score/8: 1.5 -> ' ],
		[ 'nullable', q{ALTER TABLE shop.orders ALTER COLUMN score DROP NOT NULL; INSERT INTO shop.orders (id) VALUES (11)},
			'shop.orders column_nullability_changed score/8: not null -> nullable' ],
		[ 'enum value', q{ALTER TYPE shop.mood ADD VALUE 'so so' BEFORE 'ok'; INSERT INTO shop.orders (id, feel) VALUES (12, 'so so')},
			q{shop.orders enum_labels_changed feel/4: 'sad', 'ok' -> 'sad', 'so so', 'ok'; }
			  . q{enum_labels_changed feels/5: 'sad', 'ok' -> 'sad', 'so so', 'ok'} ],
		[ 'enum value renamed', q{ALTER TYPE shop.mood RENAME VALUE 'so so' TO 'it''s'; INSERT INTO shop.orders (id) VALUES (13)},
			q{shop.orders enum_labels_changed feel/4: 'sad', 'so so', 'ok' -> 'sad', 'it''s', 'ok'; }
			  . q{enum_labels_changed feels/5: 'sad', 'so so', 'ok' -> 'sad', 'it''s', 'ok'} ],
		[ 'domain renamed', q{ALTER DOMAIN shop.price RENAME TO amount; INSERT INTO shop.orders (id) VALUES (14)},
			'shop.orders column_type_changed total/3: shop.price (numeric(10,2)) -> shop.amount (numeric(10,2))' ],
		[ 'another domain', q{CREATE DOMAIN shop.wide AS numeric(12,4); ALTER TABLE shop.orders ALTER COLUMN total TYPE shop.wide;
			INSERT INTO shop.orders (id) VALUES (15)},
			'shop.orders column_type_changed total/3: shop.amount (numeric(10,2)) -> shop.wide (numeric(12,4))' ],
		[ 'drop a column', q{ALTER TABLE shop.orders DROP COLUMN at; INSERT INTO shop.orders (id) VALUES (16)},
			'shop.orders column_dropped at/6: timestamp(3) with time zone -> ' ],
		[ 'identity full', q{ALTER TABLE shop.orders REPLICA IDENTITY FULL; UPDATE shop.orders SET note = 'x' WHERE id = 1},
			'shop.orders replica_identity_changed : default -> full' ],
		[ 'identity by an index', q{CREATE UNIQUE INDEX orders_two ON shop.orders (id); ALTER TABLE shop.orders REPLICA IDENTITY USING INDEX orders_two;
			UPDATE shop.orders SET note = 'y' WHERE id = 1},
			'shop.orders replica_identity_changed : full -> index (id)' ],
		[ 'identity default again', q{ALTER TABLE shop.orders REPLICA IDENTITY DEFAULT; DROP INDEX shop.orders_two;
			INSERT INTO shop.orders (id) VALUES (17)},
			'shop.orders replica_identity_changed : index (id) -> default' ],
		[ 'another primary key', q{BEGIN; UPDATE shop.orders SET note = id; ALTER TABLE shop.orders DROP CONSTRAINT orders_pkey;
			ALTER TABLE shop.orders ADD PRIMARY KEY (note, id); COMMIT; INSERT INTO shop.orders (id, note) VALUES (18, 'k')},
			'shop.orders column_nullability_changed note/2: nullable -> not null; key_changed : PRIMARY KEY (id) -> PRIMARY KEY (note, id)' ],
		[ 'a key column renamed', q{ALTER TABLE shop.orders RENAME COLUMN id TO nr; INSERT INTO shop.orders (nr, note) VALUES (19, 'k')},
			'shop.orders column_renamed nr/1: id -> nr' ],
		[ 'generated and identity columns', q{ALTER TABLE shop.plain ADD COLUMN n int GENERATED ALWAYS AS IDENTITY; INSERT INTO shop.plain VALUES (2);
			ALTER TABLE shop.plain ALTER COLUMN n DROP IDENTITY; INSERT INTO shop.plain VALUES (3, 'x', 9)},
			'shop.plain column_added n/3:  -> integer',
			'shop.plain column_identity_changed n/3: identity -> ' ],
		[ 'a unique index is a key', q{ALTER TABLE shop.plain ALTER COLUMN a SET NOT NULL; CREATE UNIQUE INDEX ON shop.plain (a);
			INSERT INTO shop.plain VALUES (4, 'x', 9)},
			'shop.plain column_nullability_changed a/1: nullable -> not null; key_changed :  -> UNIQUE (a)' ],
		[ 'table renamed', q{ALTER TABLE shop.orders RENAME TO bills; INSERT INTO shop.bills (nr, note) VALUES (20, 'k')},
			'shop.bills table_renamed : orders -> bills', 'shop.orders TOMBSTONE' ],
		[ 'table moved', q{ALTER TABLE shop.bills SET SCHEMA attic; INSERT INTO attic.bills (nr, note) VALUES (21, 'k')},
			'attic.bills table_moved : shop -> attic', 'shop.bills TOMBSTONE' ],
		[ 'schema renamed', q{ALTER SCHEMA attic RENAME TO cellar; INSERT INTO cellar.bills (nr, note) VALUES (22, 'k')},
			'cellar.bills table_moved : attic -> cellar', 'attic.bills TOMBSTONE' ],
		[ 'dropped and created again', q{BEGIN; DROP TABLE shop.plain; CREATE TABLE shop.plain (a bigint, c int); COMMIT;
			INSERT INTO shop.plain VALUES (1)},
			'shop.plain table_recreated; column_dropped b/2: text -> ; column_dropped n/3: integer -> ; column_type_changed a/1: integer -> bigint; '
			  . 'column_nullability_changed a/1: not null -> nullable; column_added c/2:  -> integer; key_changed : UNIQUE (a) -> ' ],
		[ 'names exchanged', q{BEGIN; ALTER TABLE shop.swap_a RENAME TO swap_c; ALTER TABLE shop.swap_b RENAME TO swap_a;
			ALTER TABLE shop.swap_c RENAME TO swap_b; COMMIT; INSERT INTO shop.swap_a VALUES (5); INSERT INTO shop.swap_b VALUES (6)},
			'shop.swap_a table_renamed : swap_b -> swap_a', 'shop.swap_b TOMBSTONE',
			'shop.swap_b table_renamed : swap_a -> swap_b' ],
		[ 'seen by a TRUNCATE first', q{ALTER TABLE shop.plain ADD COLUMN d date; TRUNCATE shop.plain, shop.swap_a},
			'shop.plain column_added d/3:  -> date' ],
		[ 'all in one transaction', q{BEGIN; INSERT INTO shop.plain VALUES (2); ALTER TABLE shop.plain ADD COLUMN e text;
			INSERT INTO shop.plain VALUES (3); ALTER TABLE shop.plain DROP COLUMN c; INSERT INTO shop.plain VALUES (4);
			ALTER TABLE shop.plain RENAME TO simple; INSERT INTO shop.simple VALUES (5); COMMIT},
			'shop.plain column_added e/4:  -> text', 'shop.plain column_dropped c/2: integer -> ',
			'shop.simple table_renamed : plain -> simple', 'shop.plain TOMBSTONE' ],
		[ 'rolled back', q{BEGIN; ALTER TABLE shop.simple ADD COLUMN f text; INSERT INTO shop.simple VALUES (6); ROLLBACK;
			INSERT INTO shop.simple VALUES (7)} ],
		[ 'to and fro, unseen', q{ALTER TABLE shop.simple ADD COLUMN f text; ALTER TABLE shop.simple DROP COLUMN f;
			INSERT INTO shop.simple VALUES (8)} ],
	);
}

# change_lines RECORDS: one line a record, for comparing: {key, value} as readers give them
sub change_lines
{
	return map {
		my ($key, $value) = @$_{qw(key value)};
		my $name = "$key->{schema}.$key->{table}";
		$value
		  ? "$name " . join('; ', map { change_text($_) } @{ $value->{changes} })
		  : "$name TOMBSTONE";
	} @_;
}

sub change_text
{
	my ($change) = @_;
	my ($column, $before, $after) = map { $_ // '' } @$change{qw(column before after)};
	return $change->{kind} if !defined $change->{before} && !defined $change->{after};
	$column .= "/$change->{attnum}" if defined $change->{attnum};
	return "$change->{kind} $column: $before -> $after";
}

1;
