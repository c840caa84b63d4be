-- NOT NULL columns of every type: what stands in for a value that the server has not sent.
create extension hstore; create extension ltree; create extension citext; create extension isn;
create type mood as enum ('sad','ok','happy');
create domain posint as integer check (value > 0);
create domain price as numeric(8,3);
create domain must as text not null;
create table nn_num(id int primary key, b boolean not null, i2 smallint not null, i4 int not null, i8 bigint not null, o oid not null, f4 real not null, f8 float8 not null, n numeric(10,2) not null, n0 numeric(5) not null, nf numeric not null, m money not null, dp posint not null, dpr price not null, s2 smallserial, s8 bigserial, g int generated always as identity);
create table nn_text(id int primary key, t text not null, v varchar(10) not null, c char(3) not null, ch "char" not null, ct citext not null, u uuid not null, j json not null, jb jsonb not null, x xml not null, by bytea not null, hs hstore not null, lt ltree not null, tv tsvector not null, e mood not null, dm must, isb isbn13 not null);
create table nn_time(id int primary key, d date not null, tm time not null, tm0 time(0) not null, tm3 time(3) not null, tz timetz not null, tz3 timetz(3) not null, ts timestamp not null, ts0 timestamp(0) not null, ts3 timestamp(3) not null, tstz timestamptz not null, tstz0 timestamptz(0) not null, tstz3 timestamptz(3) not null, iv interval not null);
create table nn_misc(id int primary key, b1 bit(1) not null, b8 bit(8) not null, vb varbit(10) not null, vbn varbit not null, i inet not null, ci cidr not null, ma macaddr not null, m8 macaddr8 not null, r4 int4range not null, rn numrange not null, rz tstzrange not null, rd daterange not null, pt point not null);
create table nn_unknown(id int primary key, v int, bx box not null, ls pg_lsn not null, tq tsquery not null, rm int4multirange not null);
create table sentinel(id int primary key);
