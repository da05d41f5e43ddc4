# shellcheck shell=sh disable=SC2034,SC2154
# Another Debian, made with debootstrap: what build/test-unstable and
# build/bench --peers share.  Read after build/lib.sh.

suite=sid
mirror=http://deb.debian.org/debian
root=

root_usage() {
    cat <<END
  --suite SUITE    $suite (default), testing, trixie, bookworm, ...
  --root DIR       default: /var/tmp/ocspstaple-root-SUITE
  --mirror URL     default: $mirror
END
}

# root_option OPTION VALUE
root_option() {
    case $1 in
    --suite) suite=$2 ;;
    --root) root=$2 ;;
    --mirror) mirror=$2 ;;
    esac
}

# inside COMMAND...: in a mount and process name space of its own: whatever was
# mounted or started in there is gone at the end.
inside() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child sh -c '
        set -e
        root=$1
        shift
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        exec chroot "$root" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            DEBIAN_FRONTEND=noninteractive STAPLE_SLOW="${STAPLE_SLOW-1}" "$@"
    ' sh "$root" "$@"
}

# in_root FAILURE COMMAND...: inside, its words in the log.
in_root() {
    failure=$1
    shift
    watched "$log" inside "$@" || die "$failure" "$log"
}

make_root() {
    say "making $suite in $root (several minutes)"
    watched "$log" debootstrap --variant=minbase "$suite" "$root" "$mirror" ||
        die 'debootstrap failed' "$log"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    # A mirror that stands still, a snapshot, is a mirror too.
    echo 'Acquire::Check-Valid-Until "false";' \
        >"$root/etc/apt/apt.conf.d/90snapshot"
    echo "$suite from $mirror" >"$root/made"
}

# Makes the system, or brings it up to date, and copies the sources to its /src.
# No other run can have it until this script ends.
prepare_root() {
    root=${root:-/var/tmp/ocspstaple-root-$suite}
    [ "$(id -u)" -eq 0 ] || die 'debootstrap and chroot need root'
    mkdir -p "$out" "$root" || die "cannot make $out and $root"
    need_packages 'another Debian' debootstrap util-linux
    command -v debootstrap >/dev/null || die 'debootstrap is not installed'
    exec 8<"$root"
    flock -n 8 || die "another run is at work in $root"

    log=$out/root.log
    : >"$log"
    if [ ! -f "$root/made" ]; then
        make_root
    else
        say "bringing $root up to date ($(cat "$root/made"))"
    fi
    cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null
    in_root 'the packages cannot be brought up to date' apt-get -q update
    in_root 'the packages cannot be brought up to date' \
        apt-get -q -y dist-upgrade

    say "copying the sources to $root/src"
    mkdir -p "$root/src"
    find "$root/src" -mindepth 1 -maxdepth 1 ! -name _build \
        -exec rm -rf '{}' +
    copy_sources "$root/src"
}

# root_versions PACKAGE...: of those that are installed there.
root_versions() {
    # shellcheck disable=SC2016
    inside dpkg-query -W -f '    ${Package} ${Version}\n' "$@" 2>/dev/null |
        grep -v ' $'
}
