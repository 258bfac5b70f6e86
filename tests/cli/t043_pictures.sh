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
done_testing
