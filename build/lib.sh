# shellcheck shell=sh disable=SC2034
# What build/demo and build/test share: words, packages, configured builds.

# The source tree, the folder of everything made here.
top=$(cd "$(dirname "$0")/.." && pwd)
out=${STAPLE_OUT:-$top/_build}
program=${0##*/}

build_packages='build-essential autoconf automake libtool pkg-config|pkgconf
    apache2 apache2-dev libapr1-dev libaprutil1-dev libssl-dev
    libcurl4-openssl-dev libjansson-dev openssl ca-certificates'
test_packages='clang libclang-rt-14-dev|libclang-rt-dev libapache2-mod-perl2
    golang-cfssl gnutls-bin curl tshark redis-server memcached tinyproxy
    faketime prometheus valgrind shellcheck cppcheck pmccabe
    libperl-critic-perl procps iproute2'
# What takes much room, for build/test --all: Java, Go, NSS and Firefox as clients,
# and a browser that lays out the status page.
large_packages='default-jdk-headless golang-go libnss3-tools
    firefox-esr chromium'

say() {
    printf '==> %s\n' "$*"
}

note() {
    printf '    %s\n' "$*"
}

# What is being done, for the message of a failure.
doing=

# die REASON [LOG]: the reason, the end of the log, and where it is.
die() {
    {
        if [ -n "${2-}" ] && [ -s "$2" ]; then
            tail -n 30 "$2" | sed 's/^/    | /'
        fi
        printf '%s: %s%s\n' "$program" "${doing:+$doing: }" "$1"
        if [ -n "${2-}" ]; then
            printf '%s: the whole log: %s\n' "$program" "$2"
        fi
    } >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Debian keeps httpd and others where a user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# One run at a time in one clone.
lock_out() {
    mkdir -p "$out" || die "cannot make $out"
    if command -v flock >/dev/null; then
        exec 9>"$out/lock"
        flock -n 9 ||
            die "another build/demo or build/test is at work in $out"
    fi
}

# Seconds between two lines of what takes long, where no terminal looks.
watch_every=60

# watched LOG COMMAND...: both outputs go to the end of the log; a terminal sees
# how long it has taken and the last line, others every now and then.
watched() {
    watched_log=$1
    shift
    form='    %s s: %.60s\n'
    pause=$watch_every
    if [ -t 2 ]; then
        form='\r\033[K    %s s: %.60s'
        pause=1
    fi
    (
        # The group of a terminal's Ctrl-C is spared; so look for the parent.
        began=$(date +%s)
        seen=0
        while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
            taken=$(($(date +%s) - began))
            if [ $((taken - seen)) -ge "$pause" ]; then
                seen=$taken
                # shellcheck disable=SC2059
                printf "$form" "$taken" \
                    "$(tail -n 1 "$watched_log" | tr -d '\r\033')" >&2
            fi
        done
    ) 9>&- &
    ticker=$!
    "$@" >>"$watched_log" 2>&1
    watched_status=$?
    kill "$ticker" 2>/dev/null
    wait "$ticker" 2>/dev/null
    if [ -t 2 ]; then
        printf '\r\033[K' >&2
    fi
    return $watched_status
}

# ---- packages ----

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

available() {
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'
}

# missing PACKAGE...: prints those not installed; "a|b" is either.
missing() {
    for choice; do
        found=
        for package in $(echo "$choice" | tr '|' ' '); do
            if installed "$package"; then
                found=$package
            fi
        done
        if [ -z "$found" ]; then
            echo "$choice"
        fi
    done
}

# The first of each "a|b" that there is.
choose() {
    for choice; do
        pick=
        for package in $(echo "$choice" | tr '|' ' '); do
            if [ -z "$pick" ] && available "$package"; then
                pick=$package
            fi
        done
        echo "${pick:-${choice%%|*}}"
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
        --no-install-recommends "$@"
}

# Fresh packages would start their services; nothing here needs those.
services_off() {
    policy=/usr/sbin/policy-rc.d
    policy_is_ours=
    if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
        policy_is_ours=1
        trap services_back EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
}

services_back() {
    if [ -n "$policy_is_ours" ]; then
        as_root rm -f "$policy"
    fi
    trap - EXIT INT TERM HUP
}

# need_packages WHAT PACKAGE...: installs what is missing.
need_packages() {
    what=$1
    shift
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null
    then
        note 'not a Debian system: install what configure asks for yourself'
        return
    fi
    lacking=$(missing "$@")
    if [ -z "$lacking" ]; then
        return
    fi
    log=$out/packages.log
    say "installing what is missing for $what:" "$(echo "$lacking" | xargs)"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "this needs root: apt-get install $(echo "$lacking" | xargs)"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q \
        >"$log" 2>&1 || die 'apt-get update failed' "$log"
    # shellcheck disable=SC2046,SC2086
    lacking=$(choose $lacking)
    services_off
    # shellcheck disable=SC2086
    if ! watched "$log" apt_install $lacking; then
        for package in $lacking; do
            apt_install "$package" >>"$log" 2>&1 ||
                note "$package could not be installed"
        done
    fi
    services_back
    # shellcheck disable=SC2086
    lacking=$(missing $lacking)
    if [ -n "$lacking" ] && [ "$what" = 'the build' ]; then
        die "cannot install $(echo "$lacking" | xargs)" "$log"
    fi
}

# ---- builds ----

# copy_sources FOLDER: what git knows, or all but _build, without leavings of
# an in-place build.
copy_sources() {
    (
        cd "$top" || exit 1
        if [ -e .git ] && command -v git >/dev/null; then
            git ls-files -co --exclude-standard
        else
            find . -path ./_build -prune -o -type f -print
        fi | while IFS= read -r file; do
            if [ -f "$file" ] || [ -L "$file" ]; then
                printf '%s\n' "$file"
            fi
        done | tar -cf - --exclude='*.o' --exclude='*.lo' \
            --exclude='config.status' -T - | tar -C "$1" -xf -
    ) || die "cannot copy the sources to $1"
}

# Sets $source.  An in-place ./configure forbids builds elsewhere, so then
# they are made from a copy.
find_source() {
    source=$top
    if [ -f "$top/config.status" ]; then
        source=$out/src
        rm -rf "$source"
        mkdir -p "$source"
        copy_sources "$source"
    fi
    stale=
    for file in configure.ac Makefile.am build/tests.mk build/targets.mk \
        build/m4/staple.m4; do
        if [ ! -f "$source/configure" ] ||
            [ -n "$(find "$source/$file" -newer "$source/configure")" ]; then
            stale=1
        fi
    done
    if [ -n "$stale" ]; then
        (cd "$source" && autoreconf -fi) >"$out/autoreconf.log" 2>&1 ||
            die 'autoreconf failed' "$out/autoreconf.log"
        touch "$source/configure"
    fi
}

# within FOLDER COMMAND...
within() (
    cd "$1" && shift && "$@"
)

# configure_in NAME [OPTION...]: makes $out/NAME a configured build.
configure_in() {
    folder=$out/$1
    log=$out/$1-configure.log
    shift
    if [ -f "$folder/config.status" ] &&
        { ! grep -qxF "abs_top_srcdir = $source" "$folder/Makefile" ||
            [ "$*" != "$(cat "$folder/options" 2>/dev/null)" ]; }; then
        rm -rf "$folder"
    fi
    if [ ! -f "$folder/Makefile" ] || [ ! -f "$folder/config.status" ]; then
        mkdir -p "$folder"
        : >"$log"
        watched "$log" within "$folder" "$source/configure" "$@" ||
            die 'configure failed' "$log"
        echo "$*" >"$folder/options"
    fi
}

jobs() {
    nproc 2>/dev/null || echo 2
}
