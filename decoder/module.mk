# The output plugin by PGXS, run from the top folder by the Makefile there, which
# keeps PGXS's own targets (check, for one) out of its way.
MODULE_big = walrelay
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard decoder/*.c)))
PGFILEDESC = "walrelay - logical decoding output plugin"
PG_CPPFLAGS = -DWALRELAY_VERSION='"$(VERSION)"'
PG_CFLAGS = -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifeq ($(shell uname -s),Linux)
# Before PostgreSQL 16 every symbol of a module is exported unless the linker is told otherwise.
SHLIB_LINK += -Wl,--version-script=$(CURDIR)/decoder/exports.map
endif
REGRESS = $(patsubst sql/%.sql,%,$(wildcard sql/*.sql))
# Bitcode for JIT inlining is of no use to an output plugin, and needs clang.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS knows no header dependencies without --enable-depend.
$(OBJS): $(wildcard decoder/*.h)
