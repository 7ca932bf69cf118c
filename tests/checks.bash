# Sourced by the test scripts: named checks, each answered with one line `ok NAME` or `not ok NAME`.
# A script prints its lines, then calls `finish`, which ends it with the number of failed checks as its verdict.

failed_checks=0

# check NAME COMMAND...: passes when the command does; its output is shown when it does not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name"
        tail -n 60 <<<"$output" | sed 's/^/    /'
        failed_checks=$((failed_checks + 1))
        return 1
    fi
}

# same EXPECTED ACTUAL: for a check that compares.
same() {
    [[ "$1" == "$2" ]] || { printf 'expected:\n%s\nactual:\n%s\n' "$1" "$2"; return 1; }
}

# contains TEXT PART...: every part is in the text.
contains() {
    local text=$1 part
    shift
    for part in "$@"; do
        grep -qF -- "$part" <<<"$text" || { printf 'not found: %s\nin:\n%s\n' "$part" "$text"; return 1; }
    done
}

finish() {
    ((failed_checks == 0)) || exit 1
    exit 0
}

# need COMMAND PACKAGE: installs a Debian package whose command is missing.
need() {
    command -v "$1" >/dev/null 2>&1 && return
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "$1 is missing: install the package $2" >&2
        return 1
    fi
    local sudo=()
    [[ $(id -u) == 0 ]] || sudo=(sudo)
    { "${sudo[@]}" apt-get update && "${sudo[@]}" apt-get install -y --no-install-recommends "$2"; } >&2
}
