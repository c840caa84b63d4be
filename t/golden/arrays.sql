-- Arrays of every element type.  bits and moods stand alone: what Debezium cannot write may cost a whole row.
create extension hstore; create extension ltree; create extension citext;
create type mood as enum ('sad','ok','happy');
create type pair as (x int, y text);
create domain posint as integer check (value > 0);
create domain price as numeric(8,3);
create domain word as varchar(10);
create domain ints as int[];
create table arr_num(id int primary key, b boolean[], i2 smallint[], i4 int[], i8 bigint[], o oid[], f4 real[], f8 float8[], n numeric(10,2)[], n0 numeric(5)[], nf numeric[], m money[]);
create table arr_text(id int primary key, t text[], v varchar(10)[], c char(3)[], ch "char"[], nm name[], ct citext[], u uuid[], j json[], jb jsonb[], x xml[], by bytea[], hs hstore[], lt ltree[], tv tsvector[]);
create table arr_time(id int primary key, d date[], tm time[], tm0 time(0)[], tm3 time(3)[], tz timetz[], tz3 timetz(3)[], ts timestamp[], ts0 timestamp(0)[], ts3 timestamp(3)[], tstz timestamptz[], tstz0 timestamptz(0)[], tstz3 timestamptz(3)[], iv interval[]);
create table arr_misc(id int primary key, i inet[], ci cidr[], ma macaddr[], m8 macaddr8[], r4 int4range[], r8 int8range[], rn numrange[], rt tsrange[], rz tstzrange[], rd daterange[], pt point[], bx box[], pr pair[], rm int4multirange[], ls pg_lsn[], rc regclass[], x8 xid8[]);
create table arr_dom(id int primary key, dp posint[], dpr price[], dw word[], di ints, dii ints[]);
create table arr_bit(id int primary key, b1 bit(1)[], b8 bit(8)[], vb varbit(5)[]);
create table arr_enum(id int primary key, e mood[], e2 mood[] default '{sad}');
create table arr_nn(id int primary key, b boolean[] not null, i4 int[] not null, n numeric(10,2)[] not null, nf numeric[] not null, t text[] not null, u uuid[] not null, jb jsonb[] not null, by bytea[] not null, d date[] not null, tm time[] not null, ts timestamp[] not null, tstz timestamptz[] not null, e mood[] not null, i inet[] not null, hs hstore[] not null, v int not null default 0);
create table arr_full(id int primary key, i4 int[], t text[], n numeric(10,2)[], e mood[]); alter table arr_full replica identity full;
create table sentinel(id int primary key);
