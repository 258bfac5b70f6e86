#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What pull leaves in a cache that others share, to whom it shows the token, and whom it trusts.
. "$(dirname "$0")/lib.sh"

serve_hub
here_url=$HF_ENDPOINT
commit=0123456789abcdef0123456789abcdef01234567
pull() { timmc pull --format jsonl "$@"; }

# ---- several containers, one cache: every process is number 1 of its own ----

if unshare -p -f true 2>/dev/null; then
    in_container='unshare -p -f'
elif unshare -U -r -p -f true 2>/dev/null; then
    in_container='unshare -U -r -p -f'
else
    in_container=
    echo "skip: no PID namespaces here; tests/unit/test_hub.c shows that names do not depend on them"
fi
for round in 1 2 3; do
    [ -n "$in_container" ] || break
    bad=0
    jobs=
    for i in 1 2 3 4 5 6 7 8; do
        $in_container "$TIMMC" pull -q --cache-dir "$tmp/shared$round" hf-hub:t/good \
            >"$tmp/out$i" 2>"$tmp/err$i" &
        jobs="$jobs $!"
    done
    for job in $jobs; do wait "$job" || bad=$((bad + 1)); done
    cat "$tmp"/err[1-8] >"$tmp/err"
    cat "$tmp"/out[1-8] >"$tmp/out"
    code=$bad
    ran="8 pulls"
    ok "8 pulls with the same process number, round $round" test "$bad" -eq 0
    ok "the ref is whole, round $round" \
        test "$(cat "$tmp/shared$round/models--t--good/refs/main")" = $commit
    ok "nothing else is left, round $round" \
        test "$(find "$tmp/shared$round" -type f | wc -l)" -eq 3
done

# ---- what is unfinished ----

TORCH_HOME=$tmp/torch
export TORCH_HOME
HF_HUB_DOWNLOAD_TIMEOUT=1 run "$hub_tests/fetch_url" "$HF_ENDPOINT/files/hang/model.pth" 1
ok "a download without a digest that stops" err_has 'no byte came for 1 seconds'
ok "leaves nothing, for nobody could go on with it" \
    test -z "$(find "$TORCH_HOME" -name '*.incomplete')"
run "$hub_tests/fetch_url" "$HF_ENDPOINT/files/nolength/model.pth" 1 1000000
ok "a server without a length has a limit" \
    err_has 'model.pth: the server tells no length and sends more than 1000000 bytes'
ok "and no file" test -z "$(find "$TORCH_HOME" -name 'model.pth*')"
run "$hub_tests/fetch_url" "$HF_ENDPOINT/files/nolength/model.pth" 1
ok "which is far away" exit_is 0
ok "that nothing was verified is told" err_has 'warning: model.pth: neither its name nor the server tells a digest'
pull hf-hub:t/weak
ok "of a repository too" err_has 'timmc: warning: t/weak/model.safetensors: neither its name nor the server'
ok "and is no failure" exit_is 0
pull hf-hub:t/partial
ok "an ETag that names an unfinished file" exit_is 5
ok "is none" err_has "the hub's answer has no ETag"

# ---- the token, by way of a proxy that is this machine's server ----

: >"$log"
HF_TOKEN=secret pull hf-hub:t/private --cache-dir "$tmp/own"
ok "loopback: the token is sent" logged '^HEAD /t/private/.*token=yes'
ok "loopback: without a word" no_err
: >"$log"
HF_TOKEN=secret HF_ENDPOINT=http://hub.example http_proxy=$here_url \
    run "$TIMMC" pull hf-hub:t/good --cache-dir "$tmp/clear"
ok "http elsewhere: without the token" logged 'host=hub.example .*token=no'
ok "never with it" not_logged 'token=yes'
ok "which is told" err_has 'timmc: warning: HF_ENDPOINT http://hub.example is http: the token is not sent there in clear'
ok "once, of two files" test "$(grep -c 'the token is not sent' "$tmp/err")" -eq 1
ok "and what needs none comes" exit_is 0

# ---- certificates ----

for variable in REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE; do
    run env $variable="$tmp/none.pem" HF_ENDPOINT="https://127.0.0.1:$(cat "$tmp/port")" \
        "$TIMMC" pull --retries 0 hf-hub:t/trust
    ok "$variable is honoured" err_has "(certificates by $variable)"
    ok "$variable: exit 5" exit_is 5
    run env $variable= "$TIMMC" pull hf-hub:t/good
    ok "$variable= is none" exit_is 0
done
if command -v openssl >/dev/null &&
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/key.pem" -out "$tmp/cert.pem" -days 2 \
        -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' >/dev/null 2>&1; then
    tls_port=$((20000 + $$ % 20000))
    openssl s_server -accept $tls_port -cert "$tmp/cert.pem" -key "$tmp/key.pem" -www \
        >/dev/null 2>&1 &
    tls=$!
    tries=0
    until openssl s_client -connect localhost:$tls_port -CAfile "$tmp/cert.pem" \
        -verify_return_error </dev/null >/dev/null 2>&1 || [ $tries -gt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    [ $tries -le 50 ] || echo "openssl does not serve"
    run "$hub_tests/fetch_url" https://localhost:$tls_port/trusted.pth 1
    ok "a certificate of nobody is refused" err_has 'ertificate'
    run env SSL_CERT_FILE="$tmp/cert.pem" \
        "$hub_tests/fetch_url" https://localhost:$tls_port/trusted.pth 1
    ok "with SSL_CERT_FILE it is trusted" err_has 'got a web page'
    kill $tls
else
    echo "skip: no openssl to serve https"
fi
done_testing
