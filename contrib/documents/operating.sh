# operating.sh: what docs/operating.md begins with: a table with rows.  Sourced by check.py.
# shellcheck shell=bash
lab_start
lab_database sales
psql -qX <<'SQL'
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10,2));
INSERT INTO orders SELECT i, 'early', i FROM generate_series(1, 1000) i;
SQL
ADMIN=127.0.0.1:$(ports_free 1)
