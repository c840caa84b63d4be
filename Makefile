# walrelay: the output plugin (walrelay.so, by PGXS) and the relay (build/walrelay).
#
#	make, make install		build both, install both; install-module, install-relay: one of them
#	make deps				the Debian packages for building, running and testing
#	make demo				main job without Kafka: changes of a throwaway PostgreSQL on the screen
#	make check				every test; check-quick: those that need no Java
#	make help				the rest

VERSION := 0.1.0

# --- the output plugin ---------------------------------------------------------

PG_CONFIG ?= $(firstword $(wildcard /usr/lib/postgresql/*/bin/pg_config) pg_config)
MODULE = $(MAKE) -f decoder/module.mk PG_CONFIG=$(PG_CONFIG) VERSION=$(VERSION)

all: module relay
module:
	+@$(MODULE) -s all
install: install-module install-relay
uninstall: uninstall-relay
	$(MODULE) uninstall
install-module: module
	$(MODULE) install
clean-module:
	@$(MODULE) -s clean
installcheck:
	$(MODULE) installcheck

# --- the relay -----------------------------------------------------------------

prefix ?= /usr/local
bindir ?= $(prefix)/bin
# B: build folder; SANITIZE: flags of another build, as `make sanitize` sets them.
B ?= build
SANITIZE ?=
# CPPFLAGS, CFLAGS and LDFLAGS are for whoever builds: they come behind ours.
RELAY_LIBS := libpq rdkafka avro-c libcjson libcurl libmicrohttpd libpcre2-8 libcrypto
RELAY_CPPFLAGS := -D_GNU_SOURCE -DWALRELAY_VERSION='"$(VERSION)"' -D_FORTIFY_SOURCE=2 -Irelay -Idecoder \
	$(shell pkg-config --cflags $(RELAY_LIBS) 2>/dev/null)
RELAY_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Werror=format-security -fstack-protector-strong -fstack-clash-protection -fPIE \
	-ffile-prefix-map='$(CURDIR)'=. $(SANITIZE) $(CPPFLAGS) $(CFLAGS)
RELAY_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANITIZE) $(LDFLAGS)
RELAY_LDLIBS := $(shell pkg-config --libs $(RELAY_LIBS) 2>/dev/null) -linih -lm

# In the order of bytes, not of somebody's language: the order is in the program.
RELAY_SRC := $(sort $(wildcard relay/*.c))
RELAY_OBJ := $(RELAY_SRC:%.c=$B/%.o)
# Everything but main.c, for tests to link with.
RELAY_LIB := $B/librelay.a

relay: $B/walrelay

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(RELAY_CPPFLAGS) $(RELAY_CFLAGS) -MMD -MP -c -o $@ $<

$(RELAY_LIB): $(filter-out $B/relay/main.o,$(RELAY_OBJ))
	rm -f $@
	$(AR) rcs $@ $^

$B/walrelay: $B/relay/main.o $(RELAY_LIB)
	$(CC) $(RELAY_LDFLAGS) -o $@ $^ $(RELAY_LDLIBS)

# Included by its assembler, of which the compiler's list of files does not tell.
$B/relay/page.o: relay/page.html

-include $(RELAY_OBJ:.o=.d)

# --- what is installed beside the relay -------------------------------------------

datadir ?= $(prefix)/share
# DESTDIR's files are a package's; a configuration that is there already is kept.
sysconfdir ?= /etc
# Empty: no unit is installed.
unitdir ?= $(prefix)/lib/systemd/system
completiondir ?= $(datadir)/bash-completion/completions
PLACES = sed -e 's|@bindir@|$(bindir)|g' -e 's|@sysconfdir@|$(sysconfdir)|g'

# Manual pages need scdoc; a tarball has them, elsewhere there are none without it.
mandir ?= $(datadir)/man
MAN_MADE := $(if $(shell command -v scdoc),$B/walrelay.1 $B/walrelay.conf.5)
MAN := $(if $(mandir),$(or $(MAN_MADE),$(wildcard man/walrelay*)))

# What is made of the same sources is the same whenever it is made: its date is the release's.
RELEASED = $(or $(SOURCE_DATE_EPOCH),$(shell date -d "$$(sed -n '/^ -- /{s/.*>  //p;q}' debian/changelog)" +%s))

extras: $B/completion.bash $(MAN)
$(MAN_MADE): $B/%: $B/walrelay contrib/man-page
	contrib/man-page $* $B/walrelay >$@.scd
	SOURCE_DATE_EPOCH=$(RELEASED) scdoc <$@.scd >$@.new
	mv $@.new $@
$B/completion.bash: $B/walrelay
	$B/walrelay completion bash >$@.new
	mv $@.new $@
# The unit as it would be installed, on stdout.
unit:
	@$(PLACES) contrib/systemd/walrelay@.service

install-relay: relay extras
	install -D -m 755 $B/walrelay '$(DESTDIR)$(bindir)/walrelay'
	install -D -m 644 $B/completion.bash '$(DESTDIR)$(completiondir)/walrelay'
	$(foreach page,$(MAN),install -D -m 644 $(page) '$(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page))' &&) :
	[ -e '$(DESTDIR)$(sysconfdir)/walrelay/walrelay.conf' ] || \
		install -D -m 600 contrib/systemd/walrelay.conf '$(DESTDIR)$(sysconfdir)/walrelay/walrelay.conf'
ifneq ($(unitdir),)
	install -d '$(DESTDIR)$(unitdir)'
	$(PLACES) contrib/systemd/walrelay@.service >'$(DESTDIR)$(unitdir)/walrelay@.service'
	chmod 644 '$(DESTDIR)$(unitdir)/walrelay@.service'
endif
uninstall-relay:
	rm -f '$(DESTDIR)$(bindir)/walrelay' '$(DESTDIR)$(completiondir)/walrelay'
	$(if $(mandir),rm -f '$(DESTDIR)$(mandir)/man1/walrelay.1' '$(DESTDIR)$(mandir)/man5/walrelay.conf.5')
	$(if $(unitdir),rm -f '$(DESTDIR)$(unitdir)/walrelay@.service')

# --- packages: in build/deb --------------------------------------------------------

deb:
	contrib/package/deb
# They are installed, used, upgraded and purged in a bare Debian.
deb-check:
	contrib/package/deb-check
# The tarball of a release, and what the relay is linked with, as CycloneDX; both in build.
dist: $(MAN_MADE)
	contrib/package/dist $(VERSION) $B
sbom: $B/walrelay
	SOURCE_DATE_EPOCH=$(RELEASED) contrib/package/sbom $B/walrelay $(VERSION) >$B/sbom.json
# They are the same when they are made again, the tarball is enough, and all is what its readers expect.
package-check: sbom
	contrib/package/again
	contrib/package/dist-check
	contrib/package/check
# The unit is started, killed, hung, stopped, upgraded and purged under a systemd of its own.
systemd-check:
	contrib/systemd/check
# The images are built and run.
container-check:
	contrib/container/build-check

# --- dependencies, demonstrations ---------------------------------------------------

deps:
	contrib/quickstart/deps check
deps-demo:
	contrib/quickstart/deps demo

# Building is a make of its own: in `make deps check` what this one has found out
# about the machine is older than the packages.
demo:
	@$(MAKE) -s all
	contrib/quickstart/demo
demo-kafka:
	@$(MAKE) -s all
	contrib/quickstart/demo-kafka

# --- tests ----------------------------------------------------------------------

UNIT_SRC := $(wildcard t/unit/test_*.c)
UNITS := $(UNIT_SRC:%.c=$B/%)

$B/t/unit/%: t/unit/%.c $(RELAY_LIB)
	@mkdir -p $(@D)
	$(CC) $(RELAY_CPPFLAGS) -It/unit -It/sim $(RELAY_CFLAGS) -MMD -MP -MF $@.d -o $@ $< \
		$(filter %.o,$^) $(RELAY_LIB) $(RELAY_LDFLAGS) $(RELAY_LDLIBS) -lcmocka

# Programs of tests that need a server.
HELPERS := $(patsubst %.c,$B/%,$(wildcard t/lib/*.c))
$B/t/lib/%: t/lib/%.c $(RELAY_LIB)
	@mkdir -p $(@D)
	$(CC) $(RELAY_CPPFLAGS) $(RELAY_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(RELAY_LIB) $(RELAY_LDFLAGS) $(RELAY_LDLIBS)

# The simulated world: test_simulator and `make simulate` run it.
SIM_OBJ := $(patsubst %.c,$B/%.o,$(filter-out t/sim/simulate.c,$(wildcard t/sim/*.c)))
$B/t/unit/test_simulator: $(SIM_OBJ)
$B/t/sim/simulate: $B/t/sim/simulate.o $(SIM_OBJ) $(RELAY_LIB)
	$(CC) $(RELAY_LDFLAGS) -o $@ $^ $(RELAY_LDLIBS)

-include $(SIM_OBJ:.o=.d) $B/t/sim/simulate.d

-include $(UNITS:%=%.d) $(HELPERS:%=%.d)

units: $(UNITS) $(HELPERS)

check:
	@$(MAKE) -s -j$$(nproc) all units crash
	t/run
check-quick:
	@$(MAKE) -s all units
	t/run --quick

# Against the real thing: what Debezium wrote for the same statements.
golden:
	@$(MAKE) -s all units
	t/run --quick golden

FUZZ_S ?= 60
FUZZERS := $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/fuzz_*.c))
fuzz:
	@set -e; for fuzzer in $(FUZZERS); do \
		contrib/fuzz-one $$fuzzer $(FUZZ_S); done; \
	echo "$(words $(FUZZERS)) passed, 0 failed"

# Units and the tests without Java once more, relay under ASan and UBSan.
sanitize: module
	$(MAKE) B=build-san SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' \
		build-san/walrelay units
	B=build-san t/run --quick

# The relay in which tests can place a death (relay/crash_point.h), and a campaign of
# them: each point N=25 times, at random passings, SEED=n for the same ones again.
crash:
	@$(MAKE) -s B=build-crash SANITIZE=-DWALRELAY_CRASH_POINTS build-crash/walrelay
crash-points:
	@$(MAKE) -s all crash
	@export N=$(or $(N),25) SEED=$${SEED:-$$(date +%s)} TEST_TIMEOUT=36000; \
	echo "SEED=$$SEED"; t/run crash_points

# The same under valgrind; and on servers with assertions.  Every test, Java or not, on
# every PostgreSQL that Debian has, in trees of their own; MAJORS="15 18": some of them.
valgrind:
	@$(MAKE) -s all units
	contrib/valgrind
matrix:
	contrib/matrix
cassert:
	contrib/matrix --assert

# Delivery in a simulated world that fails: SEEDS=1000000 SEED=1 MODE=0, 1 or 2; and that
# it finds each of many bugs.
simulate: $B/t/sim/simulate
	t/sim/campaign
simulate-mutants:
	t/sim/mutants

# Random schema changes under load, STORM_S=600 SEED= of them.
storm:
	@$(MAKE) -s all
	contrib/storm
# Random values of all types, there and back: PROPERTY_S=600 SEED=n
property:
	@$(MAKE) -s all
	contrib/property
# Random faults of everything while a ledger is written: N=100 SEED=n MODE= FAULTS=relay-kill,kafka-*
chaos:
	@$(MAKE) -s all
	contrib/chaos
# Snapshots of every mode while a ledger is written, half of them killed: N=100 KINDS=initial,always,incremental,... KILLS= SEED= MODE=
snapshot-campaign:
	@$(MAKE) -s all
	contrib/snapshot-campaign
# One relay for hours: a load with a fault every EVERY=30 s, or without a broker; SECONDS= TPS= SEED= MODE=
soak:
	@$(MAKE) -s all
	contrib/soak
outage:
	@$(MAKE) -s all
	AWAY=1 contrib/soak

# What the README tells who has packages, timed up to the first event.
new-user: module
	contrib/documents/new-user
bare:
	contrib/bare

# What the pages of docs/ tell their readers to run: NAMES='migration consumers', all without
docs-check:
	@$(MAKE) -s all
	contrib/docs-check $(NAMES)
# The same in a bare Debian
docs-bare:
	contrib/documents/bare $(NAMES)

# The dashboard for Grafana, by its schema, and drawn of what a Prometheus has scraped; pictures in build/dashboard
dashboard-check:
	@$(MAKE) -s all
	contrib/dashboard/check

lint:
	contrib/lint

format:
	clang-format -i relay/*.[ch] t/lib/*.c t/unit/*.[ch] t/sim/*.[ch] t/fuzz/*.[ch] contrib/bench/*.[ch]

# --- benchmarks -------------------------------------------------------------------

bench-drain: all
	contrib/bench/drain
bench-latency: all
	contrib/bench/latency
bench-e2e: all
	contrib/bench/e2e
bench-delivery: all
	DELIVERY=at-least-once,exactly-once contrib/bench/e2e
bench-recovery: all
	contrib/bench/recovery
bench-startup: all
	contrib/bench/startup
bench-tables: all
	contrib/bench/tables
bench-snapshot: all
	contrib/bench/snapshot
bench-resume: all
	contrib/bench/resume
bench-incremental: all
	contrib/bench/incremental
bench-scorecard: all
	contrib/bench/scorecard

help:
	@sed -n 's/^#\tmake/make/p' Makefile
	@echo 'make deb deb-check systemd-check container-check dist sbom package-check demo-kafka bare new-user docs-check docs-bare dashboard-check golden lint format fuzz sanitize valgrind matrix cassert simulate simulate-mutants storm property chaos snapshot-campaign soak outage crash-points installcheck'
	@echo 'make bench-drain bench-latency bench-e2e bench-delivery bench-recovery bench-startup bench-tables bench-snapshot bench-resume bench-incremental bench-scorecard'

clean:
	@$(MODULE) -s clean
	rm -rf build build-san build-crash contrib/bench/build

.PHONY: all module install uninstall installcheck relay clean deps deps-demo demo demo-kafka units check check-quick \
	golden fuzz sanitize crash crash-points valgrind matrix cassert simulate simulate-mutants storm property chaos snapshot-campaign soak outage bare new-user docs-check docs-bare dashboard-check lint format \
	install-module install-relay uninstall-relay clean-module extras unit deb deb-check systemd-check container-check dist sbom package-check bench-drain bench-latency bench-e2e bench-delivery bench-recovery \
	bench-startup bench-tables bench-snapshot bench-resume bench-incremental bench-scorecard help
