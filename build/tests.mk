# Tests without a server: one program per unit, each speaks TAP.
# A new unit test is a line in unit_tests; its source is its name with .c.

check_LTLIBRARIES = libstaple_test.la
libstaple_test_la_SOURCES = \
	t/unit/cache_stress.c t/unit/cache_stress.h \
	t/unit/make_ocsp.c t/unit/make_ocsp.h \
	t/unit/tap.h

unit_tests = \
	t/unit/core/t_cache_threads \
	t/unit/core/t_staple_cache \
	t/unit/core/t_staple_cert \
	t/unit/core/t_staple_due \
	t/unit/core/t_staple_parse \
	t/unit/core/t_staple_reason \
	t/unit/core/t_staple_request \
	t/unit/core/t_staple_responders \
	t/unit/core/t_staple_schedule \
	t/unit/core/t_staple_verify \
	t/unit/core/t_staple_writer

source_checks = \
	build/check-exports \
	build/check-filelist \
	build/check-layers \
	build/check-log-tags \
	build/check-size

# Tests give string literals where bytes are wanted.
t/unit/%.o t/unit/%.lo: AM_CFLAGS += -Wno-cast-qual

check_PROGRAMS = $(unit_tests)
LDADD = libstaple_test.la libstaple_io.la libstaple_core.la \
	$(CURL_LIBS) $(OPENSSL_LIBS) $(APR_LIBS)

TESTS = $(unit_tests) $(source_checks)
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build/aux/tap-driver.sh
EXTRA_DIST += $(source_checks) build/tap.sh build/layers.txt

CLEANFILES =
