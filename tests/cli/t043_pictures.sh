#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures for people: what is drawn beside the records, where, and what is refused.
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
cat=$images/chelsea.png
small() { timmc features test_resnet --no-pretrained "$@"; }
vit() { timmc features test_vit --no-pretrained "$@"; }
ground='30 34 38'

# size FILE.png: width and height, which are behind the header's sixteen bytes
size() { od -An -tu1 -j16 -N8 "$1" | awk '{print $3 * 256 + $4 "x" $7 * 256 + $8}'; }
size_is() { [ "$(size "$1")" = "$2" ]; }

# pixel FILE.png X Y: its red, green and blue, as preprocess reads them where nothing is resized
pixel() {
    wh=$(size "$1")
    w=${wh%x*} h=${wh#*x}
    "$TIMMC" preprocess "$1" -m test_resnet --img-size "$h,$w" --crop-pct 1 --mean 0 --std 1 \
        -o "$tmp/pixels.npy" --force 2>/dev/null
    for c in 0 1 2; do
        od -An -tf4 -j$((128 + 4 * ((c * h + $3) * w + $2))) -N4 "$tmp/pixels.npy"
    done | awk '{printf "%s%d", sep, $1 * 255 + 0.5; sep = " "}'
}
pixel_is() { [ "$(pixel "$1" "$2" "$3")" = "$4" ]; }
pixel_is_not() {
    found=$(pixel "$1" "$2" "$3")
    [ -n "$found" ] && [ "$found" != "$4" ]
}
is_whole() { [ "$(tail -c 8 "$1" | head -c 4)" = IEND ]; }

# the maps of a picture, which is beside them
small --grid "$tmp/cat.png" "$cat" --data list
ok "features --grid" exit_is 0
cp "$tmp/out" "$tmp/numbers"
ok "is a whole picture" is_whole "$tmp/cat.png"
small "$cat" --data list
ok "and the records are as ever" cmp -s "$tmp/out" "$tmp/numbers"
small --grid "$tmp/cat.png" "$cat"
ok "another grid of that name: exit 6" exit_is 6
ok "and no record: it is known at the start" no_out
small --grid "$tmp/cat.png" --force "$cat"
ok "--force" exit_is 0
small --grid "$tmp/x.png" "$tmp/none.png"
ok "of no picture: exit 4" exit_is 4
ok "no grid" test ! -e "$tmp/x.png"
small --out-indices 0,1 --grid "$tmp/x.png" "$cat"
ok "chosen maps alone" exit_is 0
grid_width=1664
width_is() { [ "$(size "$1" | sed 's/x.*//')" = "$2" ]; }
ok "of the width of twelve tiles and the picture" width_is "$tmp/x.png" $grid_width
ok "the ground between" pixel_is "$tmp/x.png" 4 4 "$ground"
small --out-indices 1 --grid "$tmp/y.png" "$cat" -o "$tmp/y.npy" --resume
ok "--grid with --resume: exit 2" exit_is 2
ok "why" err_has 'not with --resume'
ok "and nothing is left" test -z "$(find "$tmp" -name 'y.*')"
vit --kind pooled --grid "$tmp/y.png" "$cat"
ok "--grid of a vector: exit 2" exit_is 2
ok "whose" err_has '--grid needs feature maps, and test_vit.r160_in1k has none'

# the first components
small --pca "$tmp/pca.png" "$cat" "$tmp/none.png" "$cat" -f csv
ok "features --pca, one failed: exit 1" exit_is 1
maps=$(cut -d, -f5 "$tmp/out" | grep -c features)
height=$((36 + 66 + 2 * 251))
ok "a row for each that succeeded, a column for each map" \
    size_is "$tmp/pca.png" "$((12 + 236 * (1 + maps / 2)))x$height"
same_rows() {
    first=$(pixel "$1" $((248 + $2)) $((102 + $3)))
    [ -n "$first" ] && pixel_is "$1" $((248 + $2)) $((102 + 251 + $3)) "$first"
}
ok "the same picture has the same colours" same_rows "$tmp/pca.png" 60 70
ok "and its own" same_rows "$tmp/pca.png" -200 70
vit --pca "$tmp/vit.png" --kind unpooled "$cat"
ok "of patch tokens" exit_is 0
ok "one column beside the picture" size_is "$tmp/vit.png" "484x353"
vit --pca "$tmp/again.png" --kind unpooled "$cat" --threads 1
ok "the same bytes from one thread" cmp -s "$tmp/vit.png" "$tmp/again.png"
yes "$cat" | head -17 >"$tmp/many"
vit --pca "$tmp/many.png" --files-from "$tmp/many"
ok "of seventeen pictures" exit_is 0
ok "the first sixteen are drawn" err_has 'drawn are the first 16 pictures'
ok "all are answered" out_lines 17
for kind in pooled cls; do
    vit --kind $kind --pca "$tmp/y.png" "$cat"
    ok "--pca of $kind: exit 2" exit_is 2
    ok "what it needs" err_has 'patch tokens'
done
vit --pca "$tmp/y.jpg" "$cat"
ok "--pca y.jpg: exit 2" exit_is 2
timmc features resnet18 --pca "$tmp/y.png" "$cat" --offline
ok "without weights: exit 3" exit_is 3
ok "no picture is left of these" test -z "$(find "$tmp" -name 'y.*')"

# a grid of all inputs
look() { timmc classify test_resnet --no-pretrained -k 1 "$@"; }
failed_tile='92 32 36'
echo junk >"$tmp/bad.png"
look "$cat" "$tmp/bad.png" "$cat"
cp "$tmp/out" "$tmp/records"
look --contact-sheet "$tmp/sheet.png" "$cat" "$tmp/bad.png" "$cat"
ok "classify --contact-sheet, one failed: exit 1" exit_is 1
ok "the records are as ever" out_is_file "$tmp/records"
ok "as large as three tiles" size_is "$tmp/sheet.png" "$((12 + 3 * 204))x$((12 + 285))"
ok "the one that failed is marked" pixel_is "$tmp/sheet.png" $((216 + 190)) 200 "$failed_tile"
ok "the others are not" pixel_is_not "$tmp/sheet.png" $((12 + 190)) 200 "$failed_tile"
ok "each is in its place" pixel_is "$tmp/sheet.png" $((12 + 204 * 2 + 70)) 80 \
    "$(pixel "$tmp/sheet.png" $((12 + 70)) 80)"
yes "$cat" | head -43 >"$tmp/many"
look --contact-sheet "$tmp/pages.png" --files-from "$tmp/many"
ok "forty-three pictures" exit_is 0
ok "forty-two on the first page" size_is "$tmp/pages.png" "$((12 + 7 * 204))x$((12 + 6 * 285))"
ok "one on the second" size_is "$tmp/pages-2.png" 216x297
ok "and no third" test ! -e "$tmp/pages-3.png"
look --contact-sheet "$tmp/pages-2.png" "$cat"
ok "a page that exists: exit 6" exit_is 6
look --contact-sheet "$tmp/failed.png" "$tmp/bad.png"
ok "all failed: exit 4" exit_is 4
ok "and there is no sheet" test ! -e "$tmp/failed.png"
timmc features test_resnet --no-pretrained --kind unpooled -o "$tmp/hidden.npy" "$cat"
look --from-features --contact-sheet "$tmp/y.png" "$tmp/hidden.npy"
ok "hidden states are no pictures: exit 2" exit_is 2
mkdir "$tmp/full"
run sh -c 'ulimit -f 4; exec "$0" "$@"' "$TIMMC" classify test_resnet --no-pretrained -q "$cat" \
    --contact-sheet "$tmp/full/x.png"
ok "no room for it: exit 6" exit_is 6
ok "which, and why" err_has 'x.png: cannot write: File too large'
ok "nothing is left" test -z "$(ls "$tmp/full")"
printf 'n\303\244me \033[31m\n' >"$tmp/labels"
yes '' | head -999 | sed 's/.*/x/' >>"$tmp/labels"
look --labels "$tmp/labels" --contact-sheet "$tmp/labelled.png" "$cat"
ok "labels of any bytes are drawn" exit_is 0

# what a class sees
look "$cat" "$tmp/bad.png"
cp "$tmp/out" "$tmp/records"
look --heatmap "$tmp/heat.png" "$cat" "$tmp/bad.png"
ok "classify --heatmap" exit_is 1
ok "the records are as ever" out_is_file "$tmp/records"
ok "pairs" size_is "$tmp/heat.png" "$((12 + 2 * 400))x$((12 + 285))"
ok "the picture as in the sheet" pixel_is "$tmp/heat.png" 82 80 "$(pixel "$tmp/sheet.png" 82 80)"
ok "beside it another" pixel_is_not "$tmp/heat.png" $((82 + 196)) 80 \
    "$(pixel "$tmp/heat.png" 82 80)"
ok "a failed one is marked" pixel_is "$tmp/heat.png" $((412 + 380)) 190 "$failed_tile"
small --outputs class_maps -f raw "$cat"
od -An -v -w100 -tf4 "$tmp/out" |
    awk '{ sum = 0; for (i = 1; i <= 25; i++) sum += $i; print sum / 25 }' >"$tmp/means"
small --outputs logits -f raw "$cat"
od -An -v -w4 -tf4 "$tmp/out" | paste - "$tmp/means" |
    awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 2e-5) bad++ } END { print NR, bad + 0 }' \
        >"$tmp/compared"
ok "scores are the means of the class maps" test "$(cat "$tmp/compared")" = "1000 0"

# what a class token sees: yellow where it takes most, dark blue where least
look_vit() { timmc classify test_vit --no-pretrained -k 1 "$@"; }
look_vit "$cat" "$images/coffee.png"
cp "$tmp/out" "$tmp/records"
look_vit --heatmap "$tmp/attention.png" "$cat" "$images/coffee.png"
ok "classify --heatmap of a class token" exit_is 0
ok "the records are as ever" out_is_file "$tmp/records"
ok "pairs" size_is "$tmp/attention.png" "$((12 + 2 * 400))x$((12 + 285))"
# extreme ORDER TILE: the centre of the patch of the largest (-gr) or smallest (-g) number
extreme() {
    od -An -v -w4 -tf4 "$tmp/out" | awk '{ print $1, NR - 1 }' | sort "$1" |
        awk -v tile="$2" 'NR == 1 { side = 192 / 10
            print int(208 + 400 * tile + ($2 % 10 + 0.5) * side), int(12 + (int($2 / 10) + 0.5) * side) }'
}
# warmth X Y: how much redder than blue, over gray
warmth() { pixel "$tmp/attention.png" "$1" "$2" | awk '{ print $1 - $3 }'; }
tile=0
for picture in "$cat" "$images/coffee.png"; do
    vit --outputs class_attention -f raw "$picture"
    ok "the numbers" test "$(wc -c <"$tmp/out")" = 400
    most=$(extreme -gr $tile) least=$(extreme -g $tile)
    # shellcheck disable=SC2086 # two numbers each
    ok "yellow where most is taken" test "$(warmth $most)" -gt 60
    # shellcheck disable=SC2086
    ok "blue where least is" test "$(warmth $least)" -lt 10
    tile=$((tile + 1))
done
for model in test_vit2:reduce_hw test_convnext:norm vgg11:place crossvit_tiny_240:beside; do
    timmc classify "${model%:*}" --no-pretrained --heatmap "$tmp/y.png" "$cat"
    ok "$model has no such maps: exit 2" exit_is 2
    ok "why" err_has "${model#*:}"
    ok "which one" err_has "${model%:*}."
done
ok "no picture is left of these" test -z "$(find "$tmp" -name 'y.*')"
done_testing
