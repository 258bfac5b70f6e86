#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs that end early, by a signal that asks or by one that does not, and what --resume makes of it.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
images=$here/../data/images
small="test_resnet --no-pretrained"
i=0
while [ $i -lt 60 ]; do
    echo "$images/chelsea.png"
    [ $i -ne 17 ] || echo nothing.png
    i=$((i + 1))
done >names
same() { # NAME NAME SUFFIX...
    one=$1 other=$2
    shift 2
    for suffix in "$@"; do cmp -s "$one$suffix" "$other$suffix" || return 1; done
}
no_part() { [ -z "$(find . -name '*.part')" ]; }
random() { od -An -N2 -tu2 /dev/urandom | tr -d ' '; }

# what the runs below come to
# shellcheck disable=SC2086
{
    timmc features $small --kind pooled -o whole.npy --files-from names
    ok "a failed input: exit 1" exit_is 1
    timmc features $small --out-indices 3,4 -o whole --files-from names
    timmc classify $small -o whole.jsonl --files-from names
}
ok "records in a file: none on stdout" no_out
ok "a record for every input" test "$(wc -l <whole.jsonl)" -eq 61
ok "an index in a folder" test "$(wc -l <whole/index.jsonl)" -eq 61
ok "the meta counts" grep -q '"complete":true,"inputs":61,"rows":60,"failed":1,' whole/meta.json
ok "the meta knows the model" grep -q '"command":"classify","model":"test_resnet' whole.jsonl.meta.json
ok "and the weights" grep -q '"weights":"formula:0"' whole.jsonl.meta.json
timmc classify -o builtin.jsonl "$images/chelsea.png"
sum=$(sha256sum "$here/../../weights/tf_efficientnet_lite0.in1k.safetensors" | cut -d ' ' -f 1)
ok "weights by their file's SHA-256" grep -qF "\"weights_sha256\":\"$sum\"" builtin.jsonl.meta.json

# killed at random instants, and gone on with until it is done
killed() { # OUTPUT ARGUMENT...
    output=$1
    shift
    rounds=0
    code=1
    rm -rf "$output"
    while [ $rounds -lt 40 ]; do
        rounds=$((rounds + 1))
        "$TIMMC" "$@" -o "$output" --resume --files-from names -q >/dev/null 2>"$tmp/err" &
        pid=$!
        sleep "0.$(printf %03d $(($(random) % 250)))"
        kill -9 $pid 2>/dev/null || break
        wait $pid 2>/dev/null
    done
    wait $pid 2>/dev/null
    "$TIMMC" "$@" -o "$output" --resume --files-from names -q >"$tmp/out" 2>"$tmp/err"
    code=$?
    ran="killed $rounds times: $* -o $output"
}
# shellcheck disable=SC2086
{
    killed k.npy features $small --kind pooled -b 1 2>/dev/null
    ok "kill -9: the bytes of an uninterrupted run" same k whole .npy .index.jsonl .meta.json
    ok "kill -9: the exit code of the whole" exit_is 1
    killed kf features $small --out-indices 3,4 -b 1 2>/dev/null
    ok "kill -9: of a folder" same kf whole /features.3.npy /features.4.npy /index.jsonl /meta.json
    killed k.jsonl classify $small -b 1 2>/dev/null
    ok "kill -9: of records" same k whole .jsonl .jsonl.meta.json
}
ok "no unfinished file is left" no_part

# done is done
# shellcheck disable=SC2086
{
    ls -l --time-style=full-iso k.jsonl >before
    timmc classify $small -o k.jsonl --resume --files-from names
    ok "resumed when done: nothing to do" no_out
    ok "its exit code" exit_is 1
    ok "it says so" err_has 'k.jsonl: goes on after 61 inputs'
    ls -l --time-style=full-iso k.jsonl >after
    ok "it is not written again" cmp -s before after
    echo "$images/coffee.png" >>names
    timmc classify $small -o k.jsonl --resume --files-from names
    ok "more inputs than before" test "$(wc -l <k.jsonl)" -eq 62
    ok "the meta counts them" grep -q '"inputs":62,' k.jsonl.meta.json
    timmc features $small --kind pooled -o k.npy --resume --files-from names
    ok "rows of more inputs" out_has '"row":60'
    ok "and no other" out_lines 1
    ok "all has its name" no_part
    ok "resume of nothing begins" sh -c "'$TIMMC' classify $small -o new.jsonl --resume '$images/chelsea.png' && test -s new.jsonl"
}

# what is refused
# shellcheck disable=SC2086
{
    timmc features $small --kind pre-logits -o k.npy --resume --files-from names
    ok "another kind: exit 6" exit_is 6
    ok "which" err_has 'k.meta.json: cannot go on: kind was "pooled", and is "pre-logits"'
    timmc features test_resnet -w formula:1 --kind pooled -o k.npy --resume --files-from names
    ok "other weights" err_has 'cannot go on: weights was "formula:0", and is "formula:1"'
    timmc features $small --crop-pct 0.5 --kind pooled -o k.npy --resume --files-from names
    ok "other preprocessing" err_has 'cannot go on: crop_pct was 0.95, and is 0.5'
    timmc features test_vit --no-pretrained --kind pooled -o k.npy --resume --files-from names
    ok "another model" err_has 'cannot go on: model was "test_resnet.r160_in1k", and is "test_vit.r160_in1k"'
    sed '5s/.*/other.png/' names >others
    timmc classify $small -o k.jsonl --resume --files-from others
    ok "other inputs: exit 6" exit_is 6
    ok "which" err_has 'k.jsonl: line 5 is not of other.png'
    head -3 names >few
    timmc classify $small -o k.jsonl --resume --files-from few
    ok "fewer inputs" err_has 'it has 62 inputs, and now there are only 3'
    ok "all is as it was" test "$(wc -l <k.jsonl)" -eq 62
    echo none >>k.jsonl
    timmc classify $small -o k.jsonl --resume --files-from names
    ok "a line of something else" err_has "k.jsonl: line 63 is none of this run's"
    timmc classify $small -o k.npz --resume --files-from names
    ok "a format that does not grow" err_has 'no other format grows'
    timmc classify $small --resume --files-from names
    ok "--resume without a file: exit 2" exit_is 2
    timmc classify $small -f csv -o k2.jsonl "$images/chelsea.png"
    ok "records of another format than the ending says" err_has 'k2.jsonl: its ending says jsonl, not -f csv'
}

# half precision
# shellcheck disable=SC2086
{
    timmc features $small --kind pooled --dtype f16 -o h.npy "$images/chelsea.png"
    ok "--dtype f16: half the bytes" test "$(wc -c <h.npy)" -eq 320
    ok "--dtype f16: the meta tells it" grep -q '"dtype":"f16"' h.meta.json
    timmc features $small --kind pooled -o h.npy --resume "$images/chelsea.png"
    ok "--dtype f16: no f32 among it" err_has 'cannot go on: dtype was "f16", and is "f32"'
    timmc classify $small --dtype f16 -o h.jsonl "$images/chelsea.png"
    ok "--dtype f16: not of records: exit 2" exit_is 2
}

# asked to end
mkfifo slow
for signal in TERM INT USR1; do
    rm -f s.*
    # what sh runs behind "&" ignores SIGINT, unless something undoes it
    # shellcheck disable=SC2086
    env --default-signal=INT "$TIMMC" classify $small -b 1 -o s.jsonl --files-from slow 2>"$tmp/err" &
    pid=$!
    exec 3>slow
    head -4 names >&3
    tries=0
    until [ "$(cat s.jsonl.part 2>/dev/null | wc -l)" -eq 4 ] || [ $tries -gt 200 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    kill -$signal $pid
    wait $pid
    code=$?
    ran="kill -$signal, waiting for names"
    exec 3>&-
    case $signal in TERM) want=143 ;; INT) want=130 ;; *) want=75 ;; esac
    ok "SIG$signal: exit $want" exit_is $want
    ok "SIG$signal: what is done is told" err_has "stopped by SIG$signal after 4 inputs; --resume goes on with them"
    ok "SIG$signal: and there" test "$(wc -l <s.jsonl.part)" -eq 4
    # shellcheck disable=SC2086
    timmc classify $small -o s.jsonl --files-from names
    ok "SIG$signal: not overwritten" err_has 's.jsonl.meta.json.part: an unfinished run has left it'
    # shellcheck disable=SC2086
    timmc classify $small -o s.jsonl --resume --files-from names
    ok "SIG$signal: gone on with" test "$(wc -l <s.jsonl)" -eq 62
done

# two at once
# shellcheck disable=SC2086
{
    rm -f s.*
    "$TIMMC" classify $small -b 1 -o s.jsonl --files-from slow 2>/dev/null &
    pid=$!
    exec 3>slow
    tries=0
    until [ -e s.jsonl.meta.json.part ] || [ $tries -gt 200 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    timmc classify $small -o s.jsonl --resume --files-from names
    ok "another process goes on with it: exit 6" exit_is 6
    ok "which" err_has 's.jsonl.part: another process is writing it'
    timmc classify $small -o s.jsonl --force --files-from names
    ok "nor by force" err_has 's.jsonl.part: another process is writing it'
    exec 3>&-
    wait $pid
}
done_testing
