# SPDX-License-Identifier: Apache-2.0
# Helpers of the command-line tests. A test sources this, calls `timmc ...` (or `run ANY COMMAND`)
# and then checks what it left:
#   ok NAME CONDITION...    CONDITION is any command; prints "ok NAME" or "FAIL NAME" with details
#   done_testing            prints the counts; the last line of every test
# Conditions: exit_is, out_is, out_has, out_lacks, out_is_file, first_line_is, out_lines, no_out,
#   err_has, no_err.
# serve_hub [FOLDER] starts a hub that misbehaves as tests/hub/server.c says, or has FOLDER's
#   repositories, and points timmc at it: $HF_ENDPOINT, $log (a line a request), $server (its process).
#   In a build that cannot download it ends the test.
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

hub_tests=$(dirname "$TIMMC")/tests/hub

serve_hub() {
    timmc version --json
    if out_has 'built without libcurl'; then
        timmc pull hf-hub:t/good
        ok "a build without libcurl says so" err_has 'built without libcurl'
        done_testing
        exit
    fi
    for name in $(env | sed -n 's/^\(HF_[A-Z_]*\|HUGGING[A-Z_]*\|TRANSFORMERS_OFFLINE\|TORCH_HOME\)=.*/\1/p'); do
        unset "$name"
    done
    unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY
    unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE REQUESTS_CA_BUNDLE
    log=$tmp/log
    "$hub_tests/server" "$tmp/port" "$log" "$@" >/dev/null 2>&1 &
    server=$!
    trap 'kill $server; rm -rf "$tmp"' EXIT
    while [ ! -s "$tmp/port" ]; do sleep 0.05; done
    HF_ENDPOINT=http://127.0.0.1:$(cat "$tmp/port")
    HF_HOME=$tmp/hf
    export HF_ENDPOINT HF_HOME
}

requests() { wc -l <"$log"; }
logged() { grep -q -- "$1" "$log"; }
not_logged() { ! grep -q -- "$1" "$log"; }

done_testing() {
    echo "$(basename "$0"): $passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
