# Targets for developers: help, formatting, compile_commands.json, server tests.

help:
	@echo 'make                  the module, .libs/mod_ocspstaple.so, and the tool'
	@echo 'make install          to where apxs says (DESTDIR is honoured)'
	@echo 'make uninstall        takes that away again'
	@echo 'make check            tests without a server, and the checks of build/'
	@echo 'make check-package    the part of it that packages run'
	@echo 'make check-server     tests with httpd (t/run-server-tests, t/README);'
	@echo "                      SERVER_TESTS='100-serve.t' names some of them"
	@echo 'make dist             the tarball'
	@echo 'make distcheck        the tarball builds, passes and installs'
	@echo 'make deb              the Debian package, below deb/'
	@echo 'make rpm              the RPM package, below rpm/ (RPMFLAGS=--nodeps)'
	@echo 'make format           clang-format over all C files'
	@echo 'make format-check     the same, only looking'
	@echo 'make compile_commands.json'
	@echo '                      for clangd and clang-tidy'
	@echo ''
	@echo 'From the clone; most say more with --help:'
	@echo 'build/demo            watch it staple'
	@echo 'build/test            every test, from a fresh clone; --quick: without httpd;'
	@echo '                      --all: with Java, Go, NSS and Firefox, too'
	@echo 'build/bench           benchmarks, next to others where they are installed;'
	@echo '                      --peers: in a Debian that has them all'
	@echo 'build/lint            static analysis'
	@echo 'build/sanitize        tests under sanitizers and valgrind'
	@echo 'build/fuzz            fuzzing with libFuzzer'
	@echo 'build/fault-table     docs/faults.md from a run of the fault tests'
	@echo 'build/pictures        docs/pictures anew, from build/demo'
	@echo 'build/test-unstable   build/test in another Debian'
	@echo 'build/check-reproducible'
	@echo '                      the same source twice makes the same module'

# What packages run: no fuzz targets, no benchmarks, no checks of the sources.
check-package: all
	$(MAKE) $(AM_MAKEFLAGS) check check_PROGRAMS='$(unit_tests)' \
	    TESTS='$(unit_tests) build/check-hardening'

check-server: all
	$(MAKE) $(AM_MAKEFLAGS) $(check_PROGRAMS) $(check_SCRIPTS)
	HTTPD_SBINDIR='$(HTTPD_SBINDIR)' HTTPD_PROGNAME='$(HTTPD_PROGNAME)' \
	    srcdir='$(srcdir)' builddir='$(builddir)' \
	    $(srcdir)/t/run-server-tests $(SERVER_TESTS)

# What Staple::Clients compiles.
clean-local:
	rm -rf t/clients/made

# What formatting and tooling look at.
c_files = cd $(srcdir) && find mod_ocspstaple.c modules t -name '*.[ch]'

format:
	$(c_files) -exec clang-format -i '{}' +

format-check:
	$(c_files) -exec clang-format --dry-run -Werror '{}' +

# Every file with the flags of all, which is near enough for tools.
tool_flags = $(DEFS) $(DEFAULT_INCLUDES) $(mod_ocspstaple_la_CPPFLAGS) \
	$(CPPFLAGS) $(CURL_CFLAGS) $(AM_CFLAGS) $(CFLAGS)

compile_commands.json: Makefile
	@src=`cd $(srcdir) && pwd`; bld=`pwd`; comma=; \
	flags=`printf '%s' '$(subst ','\'',$(tool_flags))' | \
	    sed 's/[\\"]/\\\\&/g'`; \
	{ echo '['; \
	  for file in `cd $$src && find mod_ocspstaple.c modules t -name '*.c'`; do \
	    printf '%s{"directory": "%s", "file": "%s", "command": "%s"}\n' \
	        "$$comma" "$$bld" "$$src/$$file" \
	        "$(CC) $$flags -c $$src/$$file"; \
	    comma=,; \
	  done; \
	  echo ']'; } >$@.tmp && mv $@.tmp $@

CLEANFILES += compile_commands.json compile_commands.json.tmp

.PHONY: help check-package check-server clean-local format format-check

# ---- packages ----

deb: dist
	$(srcdir)/build/deb '$(distdir).tar.xz' '$(VERSION)'

rpm: dist
	$(srcdir)/build/rpm '$(distdir).tar.xz' '$(VERSION)' $(RPMFLAGS)

.PHONY: deb rpm
