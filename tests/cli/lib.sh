# SPDX-License-Identifier: Apache-2.0
# Helpers of the command-line tests. A test sources this, calls `timmc ...` (or `run ANY COMMAND`)
# and then checks what it left:
#   ok NAME CONDITION...    CONDITION is any command; prints "ok NAME" or "FAIL NAME" with details
#   done_testing            prints the counts; the last line of every test
# Conditions: exit_is, out_is, out_has, out_lacks, out_is_file, first_line_is, out_lines, no_out,
#   err_has, no_err.
# $TIMMC names the binary, $here the test's folder, $tmp a folder that is removed at the end.

: "${TIMMC:=build/timmc}"
here=$(cd "$(dirname "$0")" && pwd)
case $TIMMC in /*) ;; *) TIMMC=$(pwd)/$TIMMC ;; esac
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
passed=0
failed=0

# Nothing of the caller's settings may change an answer.
for name in $(env | sed -n 's/^\(TIMMC_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
unset HF_HOME HF_HUB_CACHE XDG_CACHE_HOME
HOME=$tmp LC_ALL=C HF_HUB_OFFLINE=1
export HOME LC_ALL HF_HUB_OFFLINE

run() {
    "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
    ran="$*"
}

timmc() { run "$TIMMC" "$@"; }

ok() {
    title=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok $title"
    else
        failed=$((failed + 1))
        echo "FAIL $title: $*"
        echo "  ran: $ran (exit $code)"
        sed -n '1,5s/^/  stdout: /p' "$tmp/out"
        sed -n '1,5s/^/  stderr: /p' "$tmp/err"
    fi
}

exit_is() { [ "$code" -eq "$1" ]; }
out_is() { [ "$(cat "$tmp/out")" = "$1" ]; }
out_has() { grep -qF -- "$1" "$tmp/out"; }
out_lacks() { ! grep -qF -- "$1" "$tmp/out"; }
out_is_file() { cmp -s "$tmp/out" "$1"; }
first_line_is() { [ "$(head -1 "$tmp/out")" = "$1" ]; }
out_lines() { [ "$(wc -l <"$tmp/out")" -eq "$1" ]; }
no_out() { [ ! -s "$tmp/out" ]; }
err_has() { grep -qF -- "$1" "$tmp/err"; }
no_err() { [ ! -s "$tmp/err" ]; }

done_testing() {
    echo "$(basename "$0"): $passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
