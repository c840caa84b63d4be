-- Needs postgis on the server (Debian: postgresql-15-postgis-3).
create extension postgis;
create table geo(id int primary key, g geometry, gp geometry(Point), gp4 geometry(Point, 4326), gz geometry(PointZ, 3857), gg geography, gg4 geography(Point, 4326), ga geometry[], gga geography[], b2 box2d, b3 box3d);
create table geo_nn(id int primary key, v int, g geometry not null, gp geometry(Point, 4326) not null, gg geography not null, ga geometry[] not null);
create table geo_tst(id int primary key, v int, g geometry, gg geography, pad text) with (toast_tuple_target = 128);
alter table geo_tst alter g set storage external; alter table geo_tst alter gg set storage external;
create table sentinel(id int primary key);
