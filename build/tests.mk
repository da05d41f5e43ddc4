# Tests without a server: one program per unit, each speaks TAP.
# A new unit test is a line in unit_tests; its source is its name with .c.

check_LTLIBRARIES = libstaple_test.la
libstaple_test_la_SOURCES = \
	t/unit/cache_stress.c t/unit/cache_stress.h \
	t/unit/make_crl.c t/unit/make_crl.h \
	t/unit/make_der.c t/unit/make_der.h \
	t/unit/make_hostile.c t/unit/make_hostile.h \
	t/unit/make_ocsp.c t/unit/make_ocsp.h \
	t/unit/must.h \
	t/unit/sim.c t/unit/sim.h \
	t/unit/tap.h \
	t/fuzz/fuzz.h \
	t/fuzz/fuzz_canonical_data.c t/fuzz/fuzz_canonical.h \
	t/fuzz/fuzz_canonical_pem.h \
	t/fuzz/fuzz_pki.c t/fuzz/fuzz_pki.h t/fuzz/fuzz_pki_pem.h

unit_tests = \
	t/unit/cache/t_cache_quiet \
	t/unit/cache/t_cache_threads \
	t/unit/ocsp/t_canonical \
	t/unit/ocsp/t_corpus \
	t/unit/refresh/t_many \
	t/unit/refresh/t_no_memory \
	t/unit/refresh/t_refresh_neighbours \
	t/unit/refresh/t_refresh_source \
	t/unit/refresh/t_refresh_time \
	t/unit/refresh/t_refresh_trouble \
	t/unit/ocsp/t_processor_time \
	t/unit/refresh/t_staple_adopt \
	t/unit/refresh/t_staple_ask \
	t/unit/cache/t_staple_list_board \
	t/unit/cache/t_staple_record \
	t/unit/cache/t_staple_scoreboard \
	t/unit/cache/t_staple_cache \
	t/unit/ocsp/t_staple_armour \
	t/unit/ocsp/t_staple_cert \
	t/unit/ocsp/t_staple_der \
	t/unit/refresh/t_staple_timers \
	t/unit/refresh/t_staple_source_crl \
	t/unit/refresh/t_staple_source_ocsp \
	t/unit/refresh/t_staple_chain_state \
	t/unit/refresh/t_responder_health \
	t/unit/refresh/t_staple_known \
	t/unit/cache/t_staple_dirty \
	t/unit/refresh/t_staple_source_shared \
	t/unit/cache/t_scoreboard_still \
	t/unit/base/t_staple_parse \
	t/unit/refresh/t_responder_queue \
	t/unit/base/t_staple_reason \
	t/unit/refresh/t_staple_problem \
	t/unit/refresh/t_staple_refresh \
	t/unit/ocsp/t_staple_request \
	t/unit/refresh/t_staple_responder \
	t/unit/ocsp/t_staple_response \
	t/unit/refresh/t_adopt_stored \
	t/unit/refresh/t_staple_schedule \
	t/unit/refresh/t_shared_value \
	t/unit/ocsp/t_staple_signature \
	t/unit/ocsp/t_staple_signer \
	t/unit/cache/t_staple_codec \
	t/unit/refresh/t_staple_state \
	t/unit/base/t_staple_text \
	t/unit/ocsp/t_staple_verify \
	t/unit/cache/t_staple_writer \
	t/unit/ocsp/t_strength \
	t/unit/crl/t_crl_corpus \
	t/unit/crl/t_crl_hostile \
	t/unit/crl/t_staple_crl \
	t/unit/crl/t_staple_crl_cert \
	t/unit/crl/t_staple_crl_check \
	t/unit/crl/t_staple_crl_der \
	t/unit/crl/t_staple_crl_verdict \
	t/unit/io/t_staple_desk \
	t/unit/io/t_staple_fetch_list \
	t/unit/httpd/t_staple_prime \
	t/unit/httpd/t_staple_register_crl \
	t/unit/httpd/t_staple_system_ca \
	t/unit/io/t_staple_files \
	t/unit/io/t_staple_http_cache \
	t/unit/io/t_staple_list_store \
	t/unit/io/t_staple_sink \
	t/unit/io/t_staple_sockets \
	t/unit/io/t_staple_spool \
	t/unit/io/t_staple_store \
	t/unit/io/t_staple_tls

# Of the module itself: units that need little of httpd, which the test brings.
t_unit_httpd_t_staple_prime_SOURCES = t/unit/httpd/t_staple_prime.c \
	modules/httpd/staple_prime.c
t_unit_httpd_t_staple_prime_CPPFLAGS = $(AM_CPPFLAGS) $(HTTPD_CFLAGS)
t_unit_httpd_t_staple_register_crl_SOURCES = \
	t/unit/httpd/t_staple_register_crl.c \
	modules/httpd/generation/staple_register_crl.c
t_unit_httpd_t_staple_register_crl_CPPFLAGS = $(AM_CPPFLAGS) $(HTTPD_CFLAGS)
t_unit_httpd_t_staple_system_ca_SOURCES = t/unit/httpd/t_staple_system_ca.c \
	modules/httpd/generation/staple_system_ca.c

# Fuzz targets.  Built by build/fuzz they are libFuzzer's; here they replay
# their corpora, t/fuzz/corpus/NAME, once.
fuzz_targets = \
	t/fuzz/fuzz_cache \
	t/fuzz/fuzz_canonical \
	t/fuzz/fuzz_cert \
	t/fuzz/fuzz_crl \
	t/fuzz/fuzz_crl_delta \
	t/fuzz/fuzz_fetch \
	t/fuzz/fuzz_http \
	t/fuzz/fuzz_parse \
	t/fuzz/fuzz_request \
	t/fuzz/fuzz_stored \
	t/fuzz/fuzz_verify
if !FUZZING
libstaple_test_la_SOURCES += t/fuzz/standalone.c
endif

source_checks = \
	build/check-contrast \
	build/check-directives \
	build/check-docs \
	build/check-exports \
	build/check-faults \
	build/check-filelist \
	build/check-hardening \
	build/check-kit \
	build/check-layers \
	build/check-log-tags \
	build/check-security \
	build/check-size \
	build/check-troubleshooting

# Tests give string literals where bytes are wanted.
t/unit/%.o t/unit/%.lo t/fuzz/%.o: AM_CFLAGS += -Wno-cast-qual

# Tools of the server tests: a CA, a scripted responder, many handshakes.
server_tools = t/tools/handshakes t/tools/responder t/tools/testpki

t_tools_handshakes_SOURCES = t/tools/handshakes.c \
	t/tools/hs_judge.c t/tools/hs_judge.h \
	t/tools/hs_names.c t/tools/hs_names.h
t_tools_handshakes_LDADD = $(OPENSSL_LIBS)
t_tools_testpki_SOURCES = t/tools/testpki.c \
	t/tools/pki_cert.c t/tools/pki_cert.h \
	t/tools/pki_dir.c t/tools/pki_dir.h \
	t/tools/pki_explicit.c t/tools/pki_explicit.h \
	t/tools/pki_name.c t/tools/pki_name.h \
	t/tools/tool_der.c t/tools/tool_der.h \
	t/tools/tool_util.c t/tools/tool_util.h
t_tools_testpki_LDADD = $(OPENSSL_LIBS)
t_tools_responder_SOURCES = t/tools/responder.c \
	t/tools/pki_name.c t/tools/pki_name.h \
	t/tools/resp_answer.c t/tools/resp_answer.h \
	t/tools/resp_basic.c t/tools/resp_basic.h \
	t/tools/resp_conn.c t/tools/resp_conn.h \
	t/tools/resp_gzip.c t/tools/resp_gzip.h \
	t/tools/resp_http.c t/tools/resp_http.h \
	t/tools/resp_index.c t/tools/resp_index.h \
	t/tools/resp_loop.c t/tools/resp_loop.h \
	t/tools/resp_ocsp.c t/tools/resp_ocsp.h \
	t/tools/resp_query.c \
	t/tools/resp_rule.c t/tools/resp_rule.h \
	t/tools/resp_script.c t/tools/resp_script.h \
	t/tools/resp_server.c t/tools/resp_server.h \
	t/tools/tool_der.c t/tools/tool_der.h \
	t/tools/tool_util.c t/tools/tool_util.h
t_tools_responder_LDADD = $(OPENSSL_LIBS)

# Benchmarks: built like tests, run by build/bench alone.
benchmarks = t/bench/bench_cache t/bench/bench_crl t/bench/bench_day \
	t/bench/bench_verify
bench_util = t/bench/bench_util.c t/bench/bench_util.h
t_bench_bench_cache_SOURCES = t/bench/bench_cache.c $(bench_util)
t_bench_bench_crl_SOURCES = t/bench/bench_crl.c $(bench_util)
t_bench_bench_day_SOURCES = t/bench/bench_day.c $(bench_util)
t_bench_bench_verify_SOURCES = t/bench/bench_verify.c $(bench_util)

check_PROGRAMS = $(unit_tests) $(fuzz_targets) t/fuzz/make_seeds \
	$(server_tools) $(benchmarks)
LDADD = libstaple_test.la libstaple_io.la libstaple_core.la \
	$(CURL_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS) $(APR_LIBS) $(FUZZ_ENGINE)

TESTS = $(unit_tests) $(fuzz_targets) $(source_checks)
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build/aux/tap-driver.sh

CLEANFILES =
