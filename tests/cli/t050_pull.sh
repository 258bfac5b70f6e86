#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc pull against tests/hub/server.c, whose repositories misbehave as their names say.
. "$(dirname "$0")/lib.sh"

serve_hub
hub=$tmp/hf/hub
commit=0123456789abcdef0123456789abcdef01234567

pull() { timmc pull --format jsonl "$@"; }
repo() { echo "$hub/models--t--$1"; }
weights() { echo "$(repo "$1")/snapshots/$commit/model.safetensors"; }
# the weights' blob is named by their own digest: nothing else may have such a name
sound() { [ "$(sha256sum <"$1" | cut -c 1-64)" = "$(basename "$(readlink "$1")")" ]; }
no_blob() { ! find "$hub" -path "*/models--t--$1/*" -name '[0-9a-f]*' -size +100k ! -name '*.incomplete' | grep -q .; }
no_partial() { ! find "$(repo "$1")" -name '*.incomplete' | grep -q .; }
has_partial() { ! no_partial "$1"; }
is_link_to() { [ "$(readlink "$1")" = "$2" ]; }
says() { [ "$(cat "$1")" = "$2" ]; }

# ---- what works ----

pull hf-hub:t/good
ok "a download succeeds" exit_is 0
ok "its record" out_is '{"model":"hf-hub:t/good","ok":true,"cached":false,"bytes":3000300,"files":[{"path":"'"$(repo good)/snapshots/$commit"'/config.json","bytes":300,"cached":false},{"path":"'"$(weights good)"'","bytes":3000000,"cached":false}]}'
ok "no progress off a terminal" no_err
ok "the weights are whole" sound "$(weights good)"
ok "a snapshot is a relative link" is_link_to "$(repo good)/snapshots/$commit/config.json" \
    ../../blobs/c15f1f1456fa691eef7cfcf85ca613c15848685e
ok "the ref of main" says "$(repo good)/refs/main" $commit
ok "no partial file stays" no_partial good
before=$(requests)
pull hf-hub:t/good
ok "again: cached" out_has '"cached":true,"bytes":3000300'
pull --offline hf-hub:t/good
ok "offline: cached" exit_is 0
# every look at a file fails once; a sanitizer's own are not counted, and others have no such filter
fault=$(dirname "$TIMMC")/tests/torture/fault.so
true_sizes() {
    out_lacks '"ok":true' || { out_has '"bytes":300,' && out_has '"bytes":3000000,' && out_has '"bytes":3000300,'; }
}
call=1
while [ "$call" -le 20 ] && [ -e "$fault" ]; do
    run env LD_PRELOAD="$fault" FAULT_CALL=stat FAULT_AT=$call FAULT_ERROR=5 \
        "$TIMMC" pull --format jsonl --offline hf-hub:t/good
    true_sizes || ok "a size that cannot be found out is no number, call $call" false
    call=$((call + 1))
done
ok "a size that cannot be found out is no number" true_sizes
pull --revision $commit hf-hub:t/good
ok "by its commit: cached" out_has '"cached":true'
ok "what is cached makes no request" [ "$(requests)" -eq "$before" ]
pull --offline hf-hub:t/other
ok "offline and not cached" exit_is 3
ok "offline is told" err_has 'offline'
HF_HUB_OFFLINE=1 "$TIMMC" pull hf-hub:t/other >"$tmp/out" 2>"$tmp/err"
ok "HF_HUB_OFFLINE" err_has 'offline'
ok "offline makes no request" [ "$(requests)" -eq "$before" ]

pull resnet18.a1_in1k
ok "a model of the registry" out_has '"model":"resnet18.a1_in1k","ok":true'
ok "from its repository" logged '/timm/resnet18.a1_in1k/resolve/main/model.safetensors'
timmc list --cached --pretrained
ok "list knows it" out_is resnet18.a1_in1k
pull 'test_vit.*' --cache-dir "$tmp/elsewhere" -q
ok "a glob" out_has '"model":"test_vit.r160_in1k","ok":true'
ok "--cache-dir" [ -L "$tmp/elsewhere/models--timm--test_vit.r160_in1k/snapshots/$commit/config.json" ]
pull hf-hub:t/good@refs/pr/1
ok "a revision with slashes" exit_is 0
ok "is quoted in URLs" logged 'HEAD /t/good/resolve/refs%2Fpr%2F1/config.json'
ok "and has a ref" says "$(repo good)/refs/refs/pr/1" $commit

pull hf-hub:t/bin
ok "pytorch_model.bin where there is no model.safetensors" out_has 'pytorch_model.bin'
before=$(requests)
pull hf-hub:t/bin
ok "and the second time from the cache" out_has '"cached":true'
ok "without a request" [ "$(requests)" -eq "$before" ]
pull hf-hub:t/empty
ok "no weights" err_has 't/empty has neither model.safetensors nor pytorch_model.bin'
ok "no weights: exit" exit_is 3
ok "a missing file is noted" [ -f "$(repo empty)/.no_exist/$commit/model.safetensors" ]

# ---- names ----

for name in ../../x a/b/c t/.. t/a--b -t/a 't/a b' t/good@../x t/good@/x t/good@a//b; do
    before=$(requests)
    pull "hf-hub:$name"
    ok "refused name $name" exit_is 2
    ok "before any request: $name" [ "$(requests)" -eq "$before" ]
done
pull hf-hub:t/escape
ok "an ETag that leaves the folder is refused" exit_is 5
ok "and wrote nothing" [ -z "$(find "$tmp" -name 'escaped*')" ]
pull resnet19
ok "an unknown model" exit_is 3
pull 'nomodel*'
ok "a glob without a match" exit_is 3
pull
ok "no model" exit_is 2

# ---- refusals ----

for fault in norepo gone norev; do
    pull hf-hub:t/$fault
    ok "$fault" exit_is 3
done
pull hf-hub:t/gated
ok "gated" err_has 't/gated is gated'
ok "gated: exit" exit_is 5
pull hf-hub:t/badtoken
ok "401" err_has 'HTTP 401; is the token right'
pull hf-hub:t/forbidden
ok "403 to the file" err_has 'HTTP 403'
begin=$(date +%s)
pull hf-hub:t/busy
ok "429, Retry-After, then success" exit_is 0
ok "Retry-After is honoured" [ $(($(date +%s) - begin)) -ge 2 ]
pull hf-hub:t/busylong
ok "429 with a long Retry-After" err_has 'HTTP 429 and asks to wait 3600 seconds'
pull hf-hub:t/flaky
ok "500, then success" exit_is 0
pull --retries 2 hf-hub:t/broken
ok "503 for ever" exit_is 5
ok "three attempts" [ "$(grep -c '/t/broken/' "$log")" -eq 3 ]
pull hf-hub:t/good hf-hub:t/norepo
ok "one of two" exit_is 1
ok "both have a record" out_lines 2
ok "the failed one too" out_has '{"model":"hf-hub:t/norepo","ok":false,"error":{"code":"weights_missing",'
HF_ENDPOINT=http://127.0.0.1:1 "$TIMMC" pull hf-hub:t/none --retries 0 >"$tmp/out" 2>"$tmp/err"
ok "nobody listens" err_has "connect"
HF_ENDPOINT=http://192.0.2.1 "$TIMMC" pull hf-hub:t/good >"$tmp/out" 2>"$tmp/err"
ok "cached in spite of a dead endpoint" out_has '"cached":true'

# ---- the token ----

pull hf-hub:t/private
ok "a private repository" exit_is 3
HF_TOKEN=" secret " "$TIMMC" pull hf-hub:t/private --format text >"$tmp/out" 2>"$tmp/err"
ok "with HF_TOKEN" out_has 'downloaded'
rm -r "$(repo private)"
echo secret >"$HF_HOME/token"
HF_HUB_DISABLE_IMPLICIT_TOKEN=1 "$TIMMC" pull hf-hub:t/private >"$tmp/out" 2>"$tmp/err"
ok "HF_HUB_DISABLE_IMPLICIT_TOKEN" err_has 'no such repository'
pull hf-hub:t/private
ok "with the token's file" exit_is 0
pull hf-hub:t/other
ok "a redirect to another host" sound "$(weights other)"
ok "the hub saw the token" logged '^GET /t/other/.*host=127.0.0.1 .*token=yes'
ok "the other host did not" not_logged 'host=localhost .*token=yes'
ok "but was asked" logged '^GET /cdn/t/other/.*host=localhost .*token=no'
ok "nor by HEAD" not_logged '^HEAD /cdn/'
ok "and resumed" logged '^GET /cdn/t/other/.*range=bytes=[1-9][0-9]*- if-range="cdn-'
rm "$HF_HOME/token"

# ---- redirects ----

pull hf-hub:t/oldname
ok "a renamed repository" sound "$(weights oldname)"
pull hf-hub:t/loop
ok "a redirect loop" err_has 'more than 5 redirects'
pull hf-hub:t/plain
ok "a redirect to http elsewhere" err_has 'only https is spoken, not http'
pull hf-hub:t/local
ok "a redirect to a file" err_has 'not a URL of https'
pull hf-hub:t/portal
ok "a captive portal" err_has 'is no hub: HTTP 302 to http://localhost'
for fault in loop plain local portal; do
    ok "no file: $fault" no_blob $fault
done

# ---- wrong or cut bytes ----

odd=$tmp/odd/models--t--good/blobs/c15f1f1456fa691eef7cfcf85ca613c15848685e
mkdir -p "$odd"
pull --cache-dir "$tmp/odd" hf-hub:t/good
ok "a folder in a blob's place" err_has "$odd is no file, the hub's t/good/config.json is"
# a reset takes with it what the client had not read yet: where it goes on is not always the same
pull hf-hub:t/cut
ok "a reset in the middle" sound "$(weights cut)"
ok "resumed, not begun again" logged '^GET /t/cut/.*safetensors .*range=bytes=[1-9][0-9]*- if-range="[0-9a-f]\{64\}"'
pull hf-hub:t/norange
ok "200 to a Range" sound "$(weights norange)"
pull hf-hub:t/badrange
ok "a wrong Content-Range" sound "$(weights badrange)"
ok "begun again" [ "$(grep -c '^GET /t/badrange/.*safetensors .*range= ' "$log")" -eq 2 ]
pull hf-hub:t/changed
ok "another file after the cut" exit_is 0
ok "the new one is taken" sound "$(repo changed)/snapshots/89abcdef0123456789abcdef0123456789abcdef/model.safetensors"
pull hf-hub:t/short
ok "a wrong length" err_has 'the server sends 2999900 bytes, 3000000 were announced'
ok "a wrong length: exit" exit_is 5
ok "a wrong length: code" out_has '"code":"integrity"'
pull hf-hub:t/hash
ok "a wrong hash" err_has 't/hash/model.safetensors: wrong bytes: sha256 '
ok "a wrong hash: code" out_has '"code":"integrity"'
ok "wrong bytes are not kept" no_partial hash
pull hf-hub:t/html
ok "a page instead of weights" err_has 'got a web page (text/html'
pull hf-hub:t/allhtml
ok "a page instead of metadata" err_has 'is no hub: HTTP 200, text/html'
for fault in nohub noetag; do
    pull hf-hub:t/$fault
    ok "metadata: $fault" exit_is 5
done
for fault in short hash html allhtml nohub noetag; do
    ok "no file: $fault" no_blob $fault
done
HF_HUB_DOWNLOAD_TIMEOUT=1 "$TIMMC" pull --retries 0 hf-hub:t/hang >"$tmp/out" 2>"$tmp/err"
ok "a server that falls silent" err_has 'model.safetensors: no byte came for 1 seconds'
ok "no file: hang" no_blob hang
ok "what came stays" has_partial hang

# ---- several processes, killed ones, a full disk ----

"$TIMMC" pull hf-hub:t/race >"$tmp/one" 2>&1 &
one=$!
"$TIMMC" pull hf-hub:t/race >"$tmp/two" 2>&1 &
two=$!
wait $one
ok "two at once: the first" [ $? -eq 0 ]
wait $two
ok "two at once: the second" [ $? -eq 0 ]
ok "two at once: whole" sound "$(weights race)"
ok "two at once: no partial file stays" no_partial race

"$TIMMC" pull hf-hub:t/slow >"$tmp/out" 2>&1 &
victim=$!
while ! find "$hub" -path '*slow*' -name '*.incomplete' -size +500k 2>/dev/null | grep -q .; do sleep 0.02; done
kill -9 $victim
wait $victim 2>/dev/null
ok "killed: no file" no_blob slow
ok "killed: a partial one" has_partial slow
pull hf-hub:t/slow
ok "killed and resumed" sound "$(weights slow)"
ok "from where it was" logged '^GET /t/slow/.*range=bytes=[1-9]'
ok "nothing is left" no_partial slow

# partial files of others: alive elsewhere, long silent, abandoned with wrong bytes
blob=$(readlink -f "$(weights good)")
rm "$(weights good)"
mv "$blob" "$tmp/whole"
head -c 2000000 "$tmp/whole" >"$blob.12345678-1-00000001.incomplete"
: >"$log"
pull hf-hub:t/good
ok "a partial file of another machine" sound "$(weights good)"
ok "is not touched" [ -s "$blob.12345678-1-00000001.incomplete" ]
ok "nor used" not_logged 'range=bytes=[1-9]'
rm "$blob"
touch -d '2 hours ago' "$blob.12345678-1-00000001.incomplete"
pull hf-hub:t/good
ok "one that is long silent" sound "$(weights good)"
ok "is used" logged 'range=bytes=2000000-'
ok "and gone" no_partial good
rm "$blob"
head -c 2000000 /dev/zero >"$blob.00000000-0-00000001.incomplete"
pull hf-hub:t/good
ok "an abandoned one with wrong bytes" sound "$(weights good)"
ok "is gone too" no_partial good
head -c 5 "$tmp/whole" >"$blob"
rm "$(weights good)"
pull hf-hub:t/good
ok "another's broken blob is told" err_has 'has 5 bytes'
ok "and kept" [ "$(wc -c <"$blob")" -eq 5 ]
rm "$blob"

(
    trap '' XFSZ
    ulimit -f 2000
    exec "$TIMMC" pull hf-hub:t/good >"$tmp/out" 2>"$tmp/err"
)
code=$?
ok "a write that fails" exit_is 6
ok "a write that fails is told" err_has 'cannot write to'
ok "a write that fails: no file" no_blob good
: >"$log"
pull hf-hub:t/good
ok "with room again" sound "$(weights good)"
ok "resumed" logged 'range=bytes=[1-9]'

disk=$tmp/disk
mkdir "$disk"
if mount -t tmpfs -o size=1m none "$disk" 2>/dev/null; then
    pull --cache-dir "$disk" hf-hub:t/good
    ok "a small disk is told before" err_has 'needs 3.0 MB more'
    ok "a small disk: exit" exit_is 6
    run env TORCH_HOME="$disk" "$hub_tests/fetch_url" "$HF_ENDPOINT/files/nolength/model.pth"
    ok "a full disk" err_has 'No space left on device'
    ok "a full disk: no file" [ ! -e "$disk/hub/checkpoints/model.pth" ]
    umount "$disk"
else
    echo "skip: no small disk can be mounted here"
fi

HF_HUB_DISABLE_SYMLINKS=1 "$TIMMC" pull hf-hub:t/copied >"$tmp/out" 2>"$tmp/err"
ok "without links" [ ! -L "$(weights copied)" ]
ok "the file itself is there" [ "$(wc -c <"$(weights copied)")" -eq 3000000 ]

# ---- release URLs ----

TORCH_HOME=$tmp/torch
export TORCH_HOME
checkpoints=$TORCH_HOME/hub/checkpoints
fetch() { run "$hub_tests/fetch_url" "$HF_ENDPOINT/files/$1" 3; }
fetch good/model.pth
ok "a release file" out_is "$checkpoints/model.pth"
digest=$(sha256sum <"$checkpoints/model.pth" | cut -c 1-8)
before=$(requests)
fetch good/model.pth
ok "from the cache" [ "$(requests)" -eq "$before" ]
fetch "good/model-$digest.pth"
ok "with its digest in the name" [ -s "$checkpoints/model-$digest.pth" ]
fetch good/model-0123abcd.pth
ok "with another digest" err_has 'integrity: model-0123abcd.pth: wrong bytes'
fetch cut/model.pth
ok "cut, without a digest" out_is "$checkpoints/model.pth"
rm "$checkpoints/model.pth"
fetch cut/model.pth
ok "cut" out_is "$checkpoints/model.pth"
ok "resumed by its ETag" logged '^GET /files/cut/model.pth .*range=bytes=[1-9][0-9]*- if-range="'
fetch norange/other.pth
ok "200 to a Range" [ "$(wc -c <"$checkpoints/other.pth")" -eq 3000000 ]
fetch html/page.pth
ok "a page" err_has 'network: page.pth: got a web page'
fetch good/absent.pth
ok "404" err_has 'not_found: absent.pth'
run "$hub_tests/fetch_url" ftp://127.0.0.1/model2.pth
ok "not https" err_has 'only https is spoken'
run "$hub_tests/fetch_url" https://example.invalid/..
ok "no file name" err_has 'not the URL of a file'
ok "no file but the good ones" [ "$(ls "$checkpoints" | wc -l)" -eq 3 ]

done_testing
