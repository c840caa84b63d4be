-- What a PostgreSQL server prints for values of the fixed forms, beside their
-- bytes: the truth that t/unit/test_value.c compares relay/value.c with.
--		psql -XAtq -F ' ' -v n=20 -f t/golden/values.sql > t/golden/values.txt
-- n: how many random values of each type, besides the chosen ones.
set timezone = 'UTC';
set datestyle = 'ISO';
set intervalstyle = 'postgres';
set extra_float_digits = 1;
select setseed(0.25) \g /dev/null

create temp view random_us as
	select ((random() - 0.5) * power(10, 3 + random() * 13))::int8 as us from generate_series(1, :n);

select 'float4', encode(float4send(v), 'hex'), v from (
	select unnest('{0,-0,1,-1,0.1,0.5,123456,999999,1e6,1234567,16777216,1e-4,9.9e-5,1e-45,1.1754944e-38,3.4028235e38,8388608,
		0.3,33554432,1e10,9.5367e-7,Infinity,-Infinity,NaN}'::float4[])
	union all select ((random() - 0.5) * power(10, random() * 74 - 37))::float4 from generate_series(1, :n)
	union all select (round(random() * 1000000) / 100)::float4 from generate_series(1, :n)) x(v);
select 'float8', encode(float8send(v), 'hex'), v from (
	select unnest('{0,-0,1,-1,0.1,0.5,1e14,123456789012345,999999999999999,1e15,1e-4,0.00012345,9.9e-5,5e-324,2.2250738585072014e-308,
		1.7976931348623157e308,9007199254740992,9007199254740993,1e23,1e22,0.3,4.35,2.5e-5,Infinity,-Infinity,NaN}'::float8[])
	union all select (random() - 0.5) * power(10, random() * 600 - 300) from generate_series(1, :n)
	union all select round(random() * 1000000000) / 1000 from generate_series(1, :n)) x(v);
select 'date', encode(date_send(v), 'hex'), v from (
	select unnest('{2000-01-01,1999-12-31,2000-02-29,1900-02-28,1900-03-01,2100-03-01,2024-02-29,2023-12-31,1970-01-01,0001-01-01,
		0001-12-31 BC,0001-01-01 BC,0005-02-29 BC,0005-03-01 BC,4713-01-01 BC,4714-11-24 BC,9999-12-31,10000-01-01,5874897-12-31,
		infinity,-infinity}'::date[])
	union all select date '2000-01-01' + (random() * 4400000 - 2400000)::int from generate_series(1, :n)) x(v);
select 'time', encode(time_send(v), 'hex'), v from (
	select unnest('{00:00:00,00:00:00.000001,23:59:59.999999,24:00:00,12:34:56.7,01:02:03.45}'::time[])
	union all select time '00:00' + make_interval(secs => round((random() * 86399)::numeric, (random() * 6)::int)::float8)
	from generate_series(1, :n)) x(v);
select 'timetz', encode(timetz_send(v), 'hex'), v from (
	select unnest('{00:00:00+00,23:59:59.999999-12,24:00:00+15:59:59,12:34:56.7+05:30,01:02:03-00:30,01:02:03-03:30:15}'::timetz[])) x(v);
select 'timestamp', encode(timestamp_send(v), 'hex'), v from (
	select unnest('{2000-01-01,1999-12-31 23:59:59.999999,0001-01-01,0001-12-31 23:59:59 BC,4713-01-01 BC,4714-11-24 BC,
		294276-12-31 23:59:59.999999,2024-02-29 12:00:00.5,infinity,-infinity}'::timestamp[])
	union all select timestamp '2000-01-01' + us * interval '1 microsecond' from random_us) x(v);
select 'timestamptz', encode(timestamptz_send(v), 'hex'), v from (
	select unnest('{2000-01-01,1999-12-31 23:59:59.999999+00,0044-03-15 12:00:00+00 BC,infinity,-infinity}'::timestamptz[])
	union all select timestamptz '2000-01-01' + us * interval '1 microsecond' from random_us) x(v);
select 'interval', encode(interval_send(v), 'hex'), v from (
	select unnest(array['0', '1 year', '-1 year', '1 mon', '-1 mon', '1 year 1 mon', '-1 year -1 mon', '2 years', '13 mons', '1 day', '-1 day',
		'1 mon -1 day', '-1 mon 1 day', '-1 day 01:00:00', '1 day -01:00:00', '-1 mon 1 sec', '-0.000001 sec', '0.5 sec', '-1.25 sec',
		'100:00:00', '-100:59:59.999999', '178000000 years', '-178000000 years', '1 year 2 mons -3 days 04:05:06.789',
		'-1 year 2 days -04:05:06', '2562047788:00:54.775807', '2147483647 days', '-2147483648 days']::interval[])
	union all select make_interval(months => (random() * 100 - 50)::int, days => (random() * 100 - 50)::int)
		+ us * interval '1 microsecond' from random_us) x(v);
select 'numeric', encode(numeric_send(v), 'hex'), v from (
	select unnest('{0,0.0,0.000,-0.00,1,-1,10,9999,10000,10001,100000000,0.1,0.01,0.0001,0.00010,0.00001,-0.0000000001,1.5,1.50,1.500000,
		12345678.87654321,99999999999999999999.9999999999,1e100,1e-100,123000000000000000000000,0.1000,10000.0001,20000.0,NaN,
		Infinity,-Infinity}'::numeric[])
	union all select round((random() - 0.5)::numeric * power(10::numeric, (random() * 40)::int), (random() * 30)::int)
	from generate_series(1, :n)) x(v);
select 'uuid', encode(uuid_send(v), 'hex'), v from (
	select unnest('{00000000-0000-0000-0000-000000000000,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,ffffffff-ffff-ffff-ffff-ffffffffffff}'::uuid[])) x(v);
