-- Values stored out of line that an update leaves alone: the server does not send them.
create extension hstore; create extension ltree; create extension citext;
create type mood as enum ('sad','ok','happy');
create type pair as (x int, y text);
create domain longword as text;
-- A row past 2 kB is toasted down to toast_tuple_target, so that short values go out of line, too.
create table tst(id int primary key, v int, t text, vc varchar(900), c char(300), ct citext, j json, jb jsonb, x xml, by bytea, n numeric, np numeric(300,2), hs hstore, lt ltree, tv tsvector, b bit(2400), vb varbit, dm longword, pr pair, pa path) with (toast_tuple_target = 128);
create table tst_arr(id int primary key, v int, t text[], vc varchar(900)[], c char(300)[], i2 smallint[], i4 int[], i8 bigint[], f8 float8[], bo boolean[], u uuid[], by bytea[], d date[], tm time[], ts timestamp[], tz timestamptz[], j json[], jb jsonb[], n numeric[], np numeric(300,2)[], e mood[], i inet[], hs hstore[], ct citext[], r4 int4range[]) with (toast_tuple_target = 128);
create table tst_nn(id int primary key, v int, t text not null, j json not null, jb jsonb not null default '{"d":1}', x xml not null, by bytea not null, hs hstore not null, t1 text[] not null, i4 int[] not null, i8 bigint[] not null, u uuid[] not null, ba bytea[] not null, d date[] not null, jba jsonb[] not null) with (toast_tuple_target = 128);
create table tst_full(id int primary key, v int, t text, n numeric, i4 int[], pad text) with (toast_tuple_target = 128); alter table tst_full replica identity full;
do $$
declare col record;
begin
	for col in select attrelid::regclass as tab, attname from pg_attribute join pg_class on attrelid = pg_class.oid
		where relname like 'tst%' and relkind = 'r' and attnum > 0 and attlen = -1
	loop
		execute format('alter table %s alter %I set storage external', col.tab, col.attname);
	end loop;
end $$;
create table sentinel(id int primary key);
