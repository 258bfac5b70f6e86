#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Closed streams, devices and signals: nothing lands where it does not belong, nothing is left.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png
ran='with a closed stream'

timmc classify -o "$tmp/want.npy" "$cat"
"$TIMMC" classify -o "$tmp/out.npy" "$cat" >&- 2>"$tmp/err"
code=$?
: >"$tmp/out"
ok "stdout closed: exit 6" exit_is 6
ok "and a word" err_has 'cannot write to the standard output'
ok "no file" test ! -e "$tmp/out.npy"
"$TIMMC" classify --timings --force -o "$tmp/out.npy" "$cat" >"$tmp/out" 2>&-
code=$?
ok "stderr closed: exit 0" exit_is 0
ok "the array is the array" cmp -s "$tmp/out.npy" "$tmp/want.npy"
"$TIMMC" classify - >"$tmp/out" 2>"$tmp/err" <&-
code=$?
ok "stdin closed: exit 4" exit_is 4
ok "an error, not an empty picture" out_has '"code":"read_failed"'
"$TIMMC" version >&- 2>"$tmp/err"
code=$?
ok "stdout closed, any command: exit 6" exit_is 6
timmc classify "$cat"
run sh -c "'$TIMMC' classify '$cat' >/dev/full"
ok "a full device: exit 6" exit_is 6

timmc classify -o /dev/null "$cat"
ok "-o /dev/null" exit_is 0
ok "the record is told" out_has '"row":0'
ok "the device stays" test -c /dev/null
timmc classify -o /dev/null --force "$cat"
ok "--force leaves it as well" test -c /dev/null

# a job that waits for more names when the signal comes; SIGINT is ignored by what sh runs behind "&"
for signal in TERM HUP; do
    # nohup, and whoever else, may have it ignored by all that follows
    # shellcheck disable=SC2016
    if sh -c 'kill -'$signal' $$; echo ignored' 2>/dev/null | grep -q ignored; then
        echo "SIG$signal is ignored here: not tested"
        continue
    fi
    rm -rf "$tmp/job"
    mkdir "$tmp/job"
    mkfifo "$tmp/job/names"
    env TMPDIR="$tmp/job" "$TIMMC" features --kind pooled -b 1 -o "$tmp/job/x.npz" \
        --files-from "$tmp/job/names" >"$tmp/job/rows" 2>"$tmp/err" &
    exec 3>"$tmp/job/names"
    echo "$cat" >&3
    tries=0
    until grep -q . "$tmp/job/rows" || [ $tries -gt 100 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    kill -$signal $!
    exec 3>&- # one that lives on comes to the end of its names
    wait $!
    code=$?
    ran="kill -$signal"
    ok "SIG$signal: ended by it" test $code -gt 128
    ok "SIG$signal: nothing is left" test "$(ls "$tmp/job")" = "$(printf 'names\nrows')"
done

# a file that may not grow so far
run sh -c "ulimit -f 2; '$TIMMC' features --kind pooled -f jsonl -o '$tmp/limited.npy' '$cat' >/dev/null"
ok "a file size limit: exit 6" exit_is 6
ok "nothing is left of it" test ! -e "$tmp/limited.npy"
small() {
    # shellcheck disable=SC2016
    run sh -c 'ulimit -f 2; exec "$@" >/dev/null' sh "$TIMMC" "$@"
}
yes "$cat" | head -8 >"$tmp/eight"
for name in x.npz x.safetensors x.npy folder/; do
    small classify --files-from "$tmp/eight" -q -o "$tmp/small.$name"
    ok "classify -o $name: exit 6" exit_is 6
    ok "classify -o $name: which, and why" err_has "small.$name"
    ok "classify -o $name: the reason" err_has ': cannot write: File too large'
    ok "classify -o $name: one word of it" test "$(wc -l <"$tmp/err")" -eq 1
done
small preprocess "$cat" -o "$tmp/small.png"
ok "preprocess -o .png" err_has "small.png: cannot write: File too large"
small features "$cat" --grid "$tmp/small.grid.png"
ok "features --grid" err_has "small.grid.png: cannot write: File too large"
small convert "$here/../../weights/tf_efficientnet_lite0.in1k.safetensors" "$tmp/small.c.safetensors"
ok "convert" err_has "small.c.safetensors: cannot write: File too large"
ok "of all these only what --resume goes on with is left" \
    test "$(cd "$tmp" && find . -path './small.*' ! -type d | sort | tr '\n' ' ')" = \
    "./small.folder/index.jsonl.part ./small.folder/logits.npy.part ./small.folder/meta.json.part ./small.x.index.jsonl.part ./small.x.meta.json.part ./small.x.npy.part "
run sh -c "'$TIMMC' list >/dev/full"
ok "stdout: why" err_has 'cannot write to the standard output: No space left on device'
timmc preprocess "$cat" -o "$tmp/x.csv"
ok "preprocess -o x.csv: exit 2" exit_is 2
ok "what it can write" err_has 'x.csv: no format of -o: expected a name that ends in .npy, .npz, .safetensors or .png'
done_testing
