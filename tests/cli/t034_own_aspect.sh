#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures of their own aspect ratio: NaFlex models with --max-seq-len.
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
want=$here/data/own_aspect.txt
cp "$images/chelsea.png" "$images/astronaut.png" "$tmp"
cp "$images/rocket.jpg" "$tmp/rocket.png"
drawn() { timmc preprocess "$images/$1" --img-size "$2" --crop-mode squash --crop-pct 1 -o "$tmp/$3.png"; }
drawn chelsea.png 400,37 tall
drawn coffee.png 30,500 wide
drawn rocket.jpg 2,5 tiny

small='--no-pretrained --model-arg depth=2 --model-arg embed_dim=64 --model-arg num_heads=4'
gap="-m naflexvit_base_patch16_gap $small --num-classes 5"
# shellcheck disable=SC2086
naflex() { verb=$1; shift; timmc "$verb" $gap "$@"; }

# ---- timm's numbers, for each kind of position embedding ----

# Every logit within 5e-5 of its picture's rms.
logits_agree() {
    awk -F, -v model="$1" -v most="$2" '
        NR == FNR {
            split($0, f, " ")
            if (f[1] == model && f[2] == most)
                for (i = 0; i < 5; i++) {
                    logit[f[3], i] = f[6 + i]
                    square[f[3]] += f[6 + i] ^ 2 / 5
                    expected++
                }
            next
        }
        FNR > 1 {
            name = $1
            sub(".*/", "", name)
            sub("[.].*", "", name)
            error = $9 - logit[name, $6]
            if (($6 == "") || error ^ 2 > 25e-10 * square[name]) exit(bad = 1)
            seen++
        }
        END { exit(bad || !seen || seen != expected) }' "$want" "$tmp/out"
}
sizes_agree() {
    sed -n 's/.*"size":\[\([0-9]*\),\([0-9]*\)\].*/\1 \2/p' "$tmp/out" >"$tmp/sizes"
    awk -v model="$1" -v most="$2" '$1 == model && $2 == most { print $4, $5 }' "$want" |
        cmp -s - "$tmp/sizes"
}
pictures() {
    for name in chelsea astronaut rocket tall wide tiny; do echo "$tmp/$name.png"; done
}
pictures >"$tmp/list"
for model in $(sed -n 's/^\(naflex[^ ]*\) .*/\1/p' "$want" | uniq); do
    for most in 576 60; do
        # shellcheck disable=SC2086
        timmc classify "$model" $small --num-classes 5 --max-seq-len $most --files-from "$tmp/list" \
            --output logit -f csv
        ok "$model at most $most patches: timm's logits" logits_agree "$model" $most
    done
    # shellcheck disable=SC2086
    timmc classify "$model" $small --num-classes 5 --max-seq-len 60 --files-from "$tmp/list" -f jsonl
    ok "$model: timm's sizes" sizes_agree "$model" 60
done

# ---- what a model sees ----

for name in chelsea tall wide tiny; do
    size=$(awk -v name=$name '$1 ~ /_gap$/ && $2 == 60 && $3 == name { print $4 "," $5; exit }' "$want")
    naflex preprocess "$tmp/$name.png" --max-seq-len 60 -o "$tmp/own.npy" --force
    ok "preprocess $name" exit_is 0
    naflex preprocess "$tmp/$name.png" --img-size "$size" --crop-mode squash --crop-pct 1 -o "$tmp/same.npy" --force
    ok "$name: the whole picture at $size" cmp -s "$tmp/own.npy" "$tmp/same.npy"
done
naflex features --max-seq-len 60 --kind pooled --data list "$tmp/tall.png"
sed 's/.*"data"/"data"/' "$tmp/out" >"$tmp/of_picture"
naflex preprocess "$tmp/tall.png" --max-seq-len 60 -o "$tmp/own.npy" --force
naflex features --img-size 352,32 --kind pooled --data list "$tmp/own.npy"
sed 's/.*"data"/"data"/' "$tmp/out" >"$tmp/of_tensor"
ok "the tensor gives what the picture gives" cmp -s "$tmp/of_picture" "$tmp/of_tensor"
naflex preprocess "$tmp/tall.png" --max-seq-len 60 -o "$tmp/own.png"
naflex preprocess "$tmp/tall.png" --img-size 352,32 --crop-mode squash --crop-pct 1 -o "$tmp/same.png"
ok "and as a picture" cmp -s "$tmp/own.png" "$tmp/same.png"

# ---- many sizes: more than stay loaded, and again ----

mkdir "$tmp/many"
for i in 1 2 3 4 5 6 7 8 9 10 11; do
    drawn chelsea.png "$((20 * i)),$((260 - 20 * i))" "many/$i"
    cp "$tmp/many/$i.png" "$tmp/many/again$i.png"
done
cp "$images/README" "$tmp/many/4faulty.png"
for file in "$tmp"/many/1.png "$tmp"/many/2.png "$tmp"/many/4faulty.png "$tmp"/many/9.png "$tmp"/many/11.png; do
    naflex features --max-seq-len 40 "$file"
    cat "$tmp/out"
done >"$tmp/alone"
naflex features --max-seq-len 40 "$tmp/many" -t 2
ok "a folder of many sizes: exit 1 for the faulty one" exit_is 1
ok "a record for every picture" out_lines 23
ok "nine sizes and more" test "$(grep -o '"size":[^]]*' "$tmp/out" | sort -u | wc -l)" -ge 9
cp "$tmp/out" "$tmp/together"
grep -e '/many/\(1\|2\|4faulty\|9\|11\)\.png' "$tmp/together" >"$tmp/picked"
ran='features of each alone'
ok "each with the bits that it has alone" cmp -s "$tmp/alone" "$tmp/picked"
for run in '-b 1' '-b 3 -t 1' '-b 30'; do
    # shellcheck disable=SC2086
    naflex features --max-seq-len 40 "$tmp/many" $run
    ok "$run: the same records" out_is_file "$tmp/together"
done

# ---- outputs ----

naflex features --max-seq-len 40 --out-indices=-1 "$tmp/tall.png" "$tmp/wide.png"
ok "maps of each picture's grid" out_has '"size":[320,32],"features":[{"tensor":"features.1","index":1,"module":"blocks.1","channels":64,"reduction":16,"shape":[1,64,20,2]'
ok "and of the next" out_has '"shape":[1,64,2,20]'
naflex features --max-seq-len 40 --out-indices=-1 "$tmp/tall.png" -o "$tmp/map.npy"
ok "the map of one picture in a file" exit_is 0
naflex features --max-seq-len 40 --out-indices=-1 "$tmp/tall.png" "$tmp/wide.png" -o "$tmp/maps.npy" -b 1
ok "of two: exit 2" exit_is 2
ok "and why" err_has "with --max-seq-len each input's features.1 has a shape of its own"
naflex features --max-seq-len 40 --kind unpooled "$tmp/tall.png" "$tmp/wide.png" -f npy
ok "nor in a stream" exit_is 2
naflex features --max-seq-len 40 --kind pooled "$tmp/tall.png" "$tmp/wide.png" -o "$tmp/rows.npy"
ok "vectors of all in one file" exit_is 0
naflex classify --max-seq-len 40 "$tmp/tall.png" "$tmp/wide.png" -o "$tmp/logits.npy"
ok "and logits" exit_is 0
naflex forward-intermediates --max-seq-len 40 --last 1 --prefix-tokens --output-fmt NLC "$tmp/wide.png" "$tmp/tall.png"
ok "intermediates as tokens" out_has '"shape":[1,40,64]'
ok "prefix tokens" out_has '"shape":[1,4,64]'
timmc features naflexvit_base_patch16_gap --max-seq-len 40 "$tmp/tall.png" "$tmp/missing.png"
ok "shapes without weights" out_has '"size":[320,32],"features":[{"tensor":"features.9"'
ok "a missing picture has no size" out_has 'missing.png","ok":false,"error"'
naflex classify --max-seq-len 40 -f text "$tmp/tall.png"
ok "the size as text" out_has 'tall.png at 320x32'
naflex classify -v --max-seq-len 40 "$tmp/tall.png"
ok "what runs" err_has 'input 3x320x32'

# ---- weights that are replaced between two sizes ----

weights=$tmp/weights.safetensors
"$(dirname "$TIMMC")/tests/weights/checkpoint" test_vit "$weights" || exit 1
vit="test_vit -w $weights --model-arg use_naflex=true --max-seq-len 20 --kind pooled"
# Answers the first picture, calls $1, and answers the second, of another size.
in_between() {
    rm -f "$tmp/names" && mkfifo "$tmp/names" || exit 1
    # shellcheck disable=SC2086
    "$TIMMC" features $vit -b 1 -q --files-from "$tmp/names" >"$tmp/out" 2>"$tmp/err" &
    exec 3>"$tmp/names"
    echo "$tmp/tall.png" >&3
    while kill -0 $! && [ ! -s "$tmp/out" ]; do sleep 0.1; done 2>/dev/null
    "$1"
    echo "$tmp/wide.png" >&3
    exec 3>&-
    wait $!
    code=$?
    ran="features $vit"
}
replace() { cp "$weights" "$weights.new" && mv "$weights.new" "$weights"; }
in_between true
ok "a ViT's own weights as NaFlexVit: exit 0" exit_is 0
ok "two records" out_lines 2
in_between replace
ok "replaced weights: exit 3" exit_is 3
ok "the first record alone" out_lines 1
ok "and why" err_has 'weights.safetensors: written to since the first picture'

# ---- refusals ----

naflex classify "$tmp/tall.png"
ok "without the option: one size for all, and no size told" out_lacks '"size"'
timmc classify --max-seq-len 576 "$tmp/tall.png"
ok "another model: exit 2" exit_is 2
ok "and which have it" err_has 'naflexvit_* models'
for other in '--img-size 64' '--size test' '--crop-pct 0.9' '--crop-mode center'; do
    # shellcheck disable=SC2086
    naflex classify --max-seq-len 40 $other "$tmp/tall.png"
    ok "$other: exit 2" exit_is 2
    ok "$other: told" err_has "not with ${other%% [0-9c]*}"
done
naflex classify --max-seq-len 40 --from-features "$tmp/own.npy"
ok "--from-features: exit 2" exit_is 2
naflex classify --max-seq-len 0 "$tmp/tall.png"
ok "no patch: exit 2" exit_is 2
naflex features --max-seq-len 40 "$tmp/own.npy" "$tmp/tall.png"
ok "a tensor has its own size: exit 1" exit_is 1
ok "and what to give" out_has '"code":"shape_mismatch","message":"'"$tmp"'/own.npy: a tensor has its size already'
drawn chelsea.png 2,1000 thin
naflex features --max-seq-len 65536 "$tmp/thin.png"
ok "a side too long: exit 4" exit_is 4
ok "a side too long: why" out_has '"code":"too_large","message":"'"$tmp"'/thin.png: picture of 1000 x 2 would be'
done_testing
