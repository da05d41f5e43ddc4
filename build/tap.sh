# shellcheck shell=sh
# Test Anything Protocol for the check-* scripts, which source this file.

# Absolute, so that it holds wherever a script goes.
srcdir=$(cd "${srcdir:-$(dirname "$0")/..}" && pwd)
tap_count=0
tap_failed=0

# verdict NAME COMPLAINTS: passes when there are no complaints.
verdict() {
    tap_count=$((tap_count + 1))
    if [ -z "$2" ]; then
        echo "ok $tap_count - $1"
    else
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_count - $1"
        printf '%s\n' "$2" | sed 's/^/#   /'
    fi
}

# skip NAME WHY
skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

# The plan, and the exit status.
verdicts_done() {
    echo "1..$tap_count"
    [ "$tap_failed" -eq 0 ]
    exit
}

# c_files FOLDER...: the C sources and headers below, relative to $srcdir.
c_files() {
    (
        cd "$srcdir" || exit 1
        for folder; do
            if [ -e "$folder" ]; then
                find "$folder" -name '*.[ch]' -type f
            fi
        done | LC_ALL=C sort
    )
}
