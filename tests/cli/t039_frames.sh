#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Raw frames on stdin: each is an answer, the same as of a picture with its pixels.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
small() { "$TIMMC" classify test_resnet --no-pretrained -k 1 -f jsonl "$@" >"$tmp/out" 2>"$tmp/err"; code=$?; ran="$*"; }

frame() { # SEED: 24 x 16 pixels
    awk -v s="$1" 'BEGIN {for (i = 0; i < 1152; i++) {s = (s * 75 + 74) % 65537; printf "\\0%03o", s % 256}}' >escaped
    printf '%b' "$(cat escaped)"
}
for i in 1 2 3; do frame $i >"f$i"; done
ok "frames of the size that is meant" test "$(cat f1 f2 f3 | wc -c)" -eq 3456
cat f1 f2 f3 | { small --stdin-format rgb24:24x16 - a.png; echo $code >code; }
code=$(cat code)
ok "what comes behind them is read, too: exit 1" exit_is 1
ok "a record for each, with its number" sh -c "cut -d, -f1-3 '$tmp/out' | tr '\n' ' ' | grep -qF \
    '{\"file\":\"-\",\"index\":0,\"ok\":true {\"file\":\"-\",\"index\":1,\"ok\":true {\"file\":\"-\",\"index\":2,\"ok\":true {\"file\":\"a.png\",\"ok\":false'"
sed -n 2p out | sed 's/"index":1/"index":0/' >second
cat f2 | { small --stdin-format rgb24:24x16 -; }
ok "the same bits alone" cmp -s second out
cat f1 f2 f3 | { small --stdin-format rgb24:24x16 -b 1 -t 1 -; }
sed -n 2p out | sed 's/"index":1/"index":0/' >got
ok "and for any batch" cmp -s second got
head -c 2000 f1 >torn
cat f1 torn | head -c 2000 | { small --stdin-format rgb24:24x16 -; echo $code >code; }
code=$(cat code)
ok "a frame that is cut: exit 1" exit_is 1
ok "is an error, in its place" sh -c "tail -1 '$tmp/out' | grep -qF '\"index\":1,\"ok\":false,\"error\":{\"code\":\"decode_truncated\",\"message\":\"-: frame 1 ends after 848 of 1152 bytes\"'"
small --stdin-format rgb24:24x16 - </dev/null
ok "none: exit 4" exit_is 4
cat f1 | { small --stdin-format rgb24:24x16 --max-memory 1 -; echo $code >code; }
code=$(cat code)
ok "a small one fits into a small memory" exit_is 0
for format in rgb24 rgb24:0x4 rgb24:24x16x3 bgr24:4x4 rgb24:99999x9999 rgb24:20000x20000; do
    timmc classify --stdin-format $format -
    ok "--stdin-format $format: exit 2" exit_is 2
done
timmc classify test_resnet --no-pretrained --from-features --stdin-format rgb24:24x16 -
ok "frames are no hidden states: exit 2" exit_is 2
ok "--from-features with frames: why" err_has '--stdin-format says pictures: not with --from-features'
cat f1 f2 f3 f1 | "$TIMMC" features test_resnet --no-pretrained --kind pooled -q --stdin-format rgb24:24x16 -o e.npy - >/dev/null
ok "rows of frames" grep -q '{"file":"-","index":3,"row":3}' e.index.jsonl
# a picture with the same pixels
echo iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAIAAAA7ljmRAAAAMElEQVR4nGNwUWiy+fvs46Fsg598DMfvMj7pKDVZxM/Ny8J4OO+GNzPHe7YLlT+tAVTiELQ4rI7WAAAAAElFTkSuQmCC | base64 -d >same.png
echo RCCCPP3m8cJrMPkOx90B5Ih1NKIPCw0Ew27YDnHg/XewdnDr | base64 -d >same.raw
ok "a picture of 4 x 3 pixels" test "$(wc -c <same.raw)" -eq 36
"$TIMMC" features test_resnet --no-pretrained --kind pooled -f raw same.png >want
"$TIMMC" features test_resnet --no-pretrained --kind pooled -f raw --stdin-format rgb24:4x3 - <same.raw >got
ok "the same numbers as of a PNG with its pixels" cmp -s want got
done_testing
