#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures share memory: the verdict of each is the same whatever stands beside it.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png
timmc preprocess "$here/../data/images/gray.jpg" --img-size 2400 --crop-pct 1 -o "$tmp/big1.png"
ok "a large picture" exit_is 0
for i in 2 3 4 5 6 7 8; do cp "$tmp/big1.png" "$tmp/big$i.png"; done

# one at a time, and the same bits
timmc classify -t 8 -b 8 "$tmp"/big?.png "$cat"
ok "without a limit: exit 0" exit_is 0
cp "$tmp/out" "$tmp/want"
timmc classify -t 8 -b 8 --max-memory 35 "$tmp"/big?.png "$cat"
ok "one at a time: exit 0" exit_is 0
ok "the same records" out_is_file "$tmp/want"

# one that needs more than all of it is refused, whether others are there or not
for run in '-t 1 -b 1' '-t 8 -b 8' '-t 2 -b 3'; do
    # shellcheck disable=SC2086
    timmc classify $run --max-memory 15 "$cat" "$tmp"/big?.png "$cat"
    ok "$run: exit 1" exit_is 1
    ok "$run: ten records" out_lines 10
    ok "$run: eight refused" test "$(grep -c '"code":"too_large"' "$tmp/out")" -eq 8
    ok "$run: by their need" \
        out_has 'big8.png: picture of 2400 x 2400 needs 18.4 MB to decode, expected at most 11.2 MB'
    cp "$tmp/out" "$tmp/out$((n = ${n:-0} + 1))"
done
ran='the three runs'
ok "the same verdicts" cmp -s "$tmp/out1" "$tmp/out2"
ok "the same verdicts again" cmp -s "$tmp/out1" "$tmp/out3"
TIMMC_MAX_MEMORY=15 timmc classify "$tmp/big1.png"
ok "by its variable: exit 4" exit_is 4

# no more of a stream than of a file
run sh -c "'$TIMMC' classify --max-memory 1 - <'$tmp/want'"
ok "no picture on stdin is no long one" out_has '"code":"not_an_image"'
run sh -c "{ head -c 100 '$tmp/big1.png'; head -c 2000000 /dev/zero; } | '$TIMMC' classify --max-memory 4 -"
ok "stdin has a limit" out_has '-: more than 1000000 bytes, which is the limit for the file of a picture'
ok "stdin: too_large" out_has '"code":"too_large"'

# nor of a list than its names
run sh -c "head -c 100000 /dev/zero | '$TIMMC' classify --files-from -"
ok "a list without line ends" out_has 'line 1 has more than 65536 bytes: expected one name a line'
run sh -c "{ echo '$cat'; tr '\\0' x </dev/zero; } | '$TIMMC' classify -k 1 --files-from -"
ok "an endless one: the names before count" out_has '"ok":true'
ok "an endless one: exit 1" exit_is 1

timmc classify --labels /dev/zero "$cat"
ok "nor of labels than there can be: exit 3" exit_is 3
ok "and why" err_has '/dev/zero: more than 67108864 bytes of labels'

# so little address space that they cannot be decoded together, though each can
few() {
    # shellcheck disable=SC2016
    run env MALLOC_ARENA_MAX=1 \
        sh -c 'ulimit -v "$1"; shift; exec "$@"' sh "$@"
}
few 120000 "$TIMMC" version
if [ "$code" -eq 0 ]; then
    room=100000
    until few $room "$TIMMC" classify -t 8 -b 8 "$tmp/big1.png" "$cat" && [ "$code" -eq 0 ]; do
        room=$((room + 10000))
        [ $room -lt 1000000 ] || break
    done
    ok "one large picture, 8 threads, $room KB" exit_is 0
    few $((room + 30000)) "$TIMMC" classify -t 8 -b 8 --max-memory 4000 "$tmp"/big?.png "$cat"
    ok "eight of them: exit 0" exit_is 0
    ok "eight of them: the same records" out_is_file "$tmp/want"
else
    echo "skip: this build does not run in little address space"
fi
done_testing
