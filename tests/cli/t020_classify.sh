#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc classify with the built-in model. The expected top-5 are timm 1.0.31's for the same weights.
. "$(dirname "$0")/lib.sh"
images=$here/../data/images

# top5 IMAGE: "282:0.3918 285:0.3574 ..." of a record on stdout
indices() { sed 's/.*"top"://' "$tmp/out" | grep -o '"index":[0-9]*' | cut -d: -f2 | tr '\n' ' '; }
indices_are() { [ "$(indices)" = "$1 " ]; }
# every probability within 1e-4 of timm's
probs_are() {
    grep -o '"prob":[0-9.e-]*' "$tmp/out" | cut -d: -f2 |
        awk -v want="$1" 'BEGIN { n = split(want, w, " ") }
            { d = $1 - w[NR]; if (d < 0) d = -d; if (d > 1e-4) bad = 1 }
            END { exit bad || NR != n }'
}

while read -r image classes probs; do
    timmc classify "$images/$image"
    ok "$image exits 0" exit_is 0
    ok "$image: timm's classes" indices_are "$(echo "$classes" | tr , ' ')"
    ok "$image: timm's probabilities" probs_are "$(echo "$probs" | tr , ' ')"
done <"$here/data/builtin_top5.txt"

timmc classify "$images/chelsea.png"
ok "one JSON object a line" out_lines 1
ok "record" out_has '"ok":true,"model":"tf_efficientnet_lite0.in1k","top":[{"index":282,"name":"n02123159","label":"tiger cat","prob":0.39'
ok "silent on stderr" no_err
cp "$tmp/out" "$tmp/one"

for threads in 1 2 3 7; do
    timmc classify -t $threads "$images/chelsea.png"
    ok "the same bits with $threads threads" out_is_file "$tmp/one"
done
timmc classify -b 8 "$images/coffee.png" "$images/chelsea.png" "$images/rocket.jpg"
cp "$tmp/out" "$tmp/all"
run sed -n 2p "$tmp/all"
ok "the same bits in a batch" out_is_file "$tmp/one"
for isa in scalar avx2; do
    "$TIMMC" version | grep -q "^isa.*$isa" || continue
    timmc classify --isa $isa "$images/chelsea.png"
    ok "$isa: the same classes" indices_are "282 285 281 287 904"
done

for precision in bf16x3 bf16; do
    timmc classify --precision $precision "$images/chelsea.png"
    if [ "$code" -eq 3 ]; then
        ok "$precision: not on this CPU" err_has 'AVX512-BF16'
        continue
    fi
    for image in chelsea.png coffee.png rocket.jpg astronaut.png; do
        timmc classify "$images/$image"
        top=$(indices | cut -d' ' -f1)
        timmc classify --precision $precision "$images/$image"
        ok "$precision: the same first class of $image" test "$(indices | cut -d' ' -f1)" = "$top"
    done
    timmc classify --precision $precision --isa avx2 "$images/chelsea.png"
    ok "$precision and an older level: exit 3" exit_is 3
done
timmc classify --precision f16 "$images/chelsea.png"
ok "an unknown precision: exit 2" exit_is 2

# bad input: one record for each, in order; the others are answered
: >"$tmp/empty.jpg"
echo hello >"$tmp/text.png"
head -c 5000 "$images/rocket.jpg" >"$tmp/cut.jpg"
timmc classify "$tmp/empty.jpg" "$images/chelsea.png" "$tmp/missing.png" "$tmp/text.png" "$tmp/cut.jpg" "$tmp"/bin/..
ok "some failed: exit 1" exit_is 1
cp "$tmp/out" "$tmp/all"
codes() { sed 's/.*"ok":true.*/ok/; s/.*"code":"\([a-z_]*\)".*/\1/' "$tmp/all" | tr '\n' ' '; }
codes_are() { [ "$(codes)" = "$1 " ]; }
ok "every input is answered, in order" codes_are "empty_file ok not_found not_an_image decode_truncated not_found"
ok "the good one is what it is alone" grep -qxF "$(cat "$tmp/one")" "$tmp/all"
timmc classify "$tmp/text.png"
ok "none succeeded: exit 4" exit_is 4
timmc classify --max-pixels 1000 "$images/chelsea.png"
ok "too many pixels" out_has '"code":"too_large"'
mkdir "$tmp/none"
timmc classify "$tmp/none"
ok "an empty folder: exit 4" exit_is 4
ok "an empty folder is told" err_has 'no input found'

# inputs
run sh -c "'$TIMMC' classify - <'$images/chelsea.png'"
ok "a picture on stdin" out_has '"file":"-","ok":true'
mkdir "$tmp/photos" "$tmp/photos/sub"
cp "$images/chelsea.png" "$tmp/photos/img10.png"
cp "$images/rocket.jpg" "$tmp/photos/img9.JPG"
cp "$images/coffee.png" "$tmp/photos/sub/a.png"
echo x >"$tmp/photos/notes.txt"
timmc classify -k 1 "$tmp/photos"
ok "a folder's pictures" out_lines 3
cp "$tmp/out" "$tmp/all"
run sed -n 1p "$tmp/all"
ok "in natural order: img9 before img10" out_has img9.JPG
printf '%s\n' "$images/rocket.jpg" "$images/chelsea.png" >"$tmp/list"
timmc classify -k 1 --files-from "$tmp/list"
ok "names from a list" out_lines 2
run sh -c "printf '%s\\0' '$images/rocket.jpg' '$images/coffee.png' | '$TIMMC' classify -k 1 --files-from - -0"
ok "names with NUL from stdin" out_lines 2
timmc classify -k 1 --shard 2/2 "$images/rocket.jpg" "$images/coffee.png" "$images/chelsea.png"
ok "a shard" out_lines 1
ok "the second of two" out_has coffee.png
timmc classify -k 1 --skip 1 --limit 1 "$images/rocket.jpg" "$images/coffee.png" "$images/chelsea.png"
ok "skip and limit" out_has coffee.png
timmc classify --files-from "$tmp/nothing"
ok "a missing list: exit 4" exit_is 4
timmc classify
ok "no input: exit 2" exit_is 2

# options
timmc classify -k 2 --output logit "$images/chelsea.png"
ok "logits" out_has '"logit":9.23'
timmc classify --all "$images/chelsea.png"
all_classes() { [ "$(grep -o '"index"' "$tmp/out" | wc -l)" -eq 1000 ]; }
ok "all classes" all_classes
timmc classify --threshold 0.2 "$images/chelsea.png"
ok "threshold" indices_are "282 285"
timmc classify --labels none -k 1 "$images/chelsea.png"
ok "no labels" out_lacks label
seq 1 1000 | sed 's/^/class /' >"$tmp/labels"
timmc classify --labels "$tmp/labels" -k 1 "$images/chelsea.png"
ok "labels of one's own" out_has '"label":"class 283"'
seq 1 10 >"$tmp/labels"
timmc classify --labels "$tmp/labels" -k 1 "$images/chelsea.png"
ok "too few labels: exit 3" exit_is 3
ok "too few labels are told" err_has '10 labels, the model has 1000 classes'
timmc classify -f csv -k 2 "$images/chelsea.png" "$tmp/text.png"
ok "csv header" first_line_is 'file,picture,row,warnings,rank,index,name,label,value,error'
ok "csv rows" out_lines 4
timmc classify -f json -k 1 "$images/chelsea.png" "$images/coffee.png"
ok "json is an array" first_line_is '['
timmc classify -f text -k 1 "$images/chelsea.png"
ok "text" out_has '39.18 %  tiger cat (282)'
timmc classify --crop-pct 1 --interpolation bilinear -k 1 "$images/chelsea.png"
ok "another crop gives other numbers" out_lacks '"prob":0.391'

# files
timmc classify -o "$tmp/x.npz" "$images/chelsea.png" "$images/coffee.png"
ok "npz written" test -s "$tmp/x.npz"
timmc classify -o "$tmp/x.npz" "$images/chelsea.png"
ok "nothing is overwritten: exit 6" exit_is 6
timmc classify --force -o "$tmp/x.npz" "$images/chelsea.png"
ok "unless forced" exit_is 0
timmc classify -o "$tmp/x.doc" "$images/chelsea.png"
ok "an unknown ending: exit 2" exit_is 2
timmc classify -o "$tmp/y.npy" "$tmp/text.png"
ok "no file without an answer" test ! -e "$tmp/y.npy"

# the last hidden state fed back into the head
timmc features --kind unpooled -o "$tmp/h.npy" "$images/chelsea.png" "$images/coffee.png"
timmc classify --from-features "$tmp/h.npy"
ok "from features: as many as there are" out_lines 2
without_file() { sed 's/"file":"[^"]*",\("index":[0-9]*,\)\?"ok"/"ok"/' "$1"; }
without_file "$tmp/out" | head -1 >"$tmp/of_features"
without_file "$tmp/one" >"$tmp/of_picture"
ok "from features: the same bits" cmp -s "$tmp/of_features" "$tmp/of_picture"
timmc classify test_vit --no-pretrained "$images/chelsea.png"
without_file "$tmp/out" >"$tmp/of_picture"
timmc features test_vit --no-pretrained --kind unpooled -o "$tmp/t.npy" "$images/chelsea.png"
timmc classify test_vit --no-pretrained --from-features "$tmp/t.npy"
without_file "$tmp/out" >"$tmp/of_features"
ok "from tokens: the same bits" cmp -s "$tmp/of_features" "$tmp/of_picture"
timmc classify --from-features "$images/chelsea.png"
ok "a picture is no hidden state" out_has '"code":"unsupported"'
timmc classify test_vit --no-pretrained --from-features "$tmp/h.npy"
ok "another model's state" out_has 'expected [N,101,64]'

# models and weights
timmc classify resnet18 "$images/chelsea.png"
ok "weights that are not here: exit 3" exit_is 3
ok "and how to get them" err_has '--weights FILE,'
timmc classify resnet81 "$images/chelsea.png"
ok "a misspelt model: exit 3" exit_is 3
ok "nearest model" err_has 'resnet18'
timmc classify convnext_tiny "$images/chelsea.png"
ok "a model that cannot be built: exit 3" exit_is 3
timmc classify resnet18 --no-pretrained --num-classes 10 -k 10 "$images/chelsea.png"
ok "another number of classes" out_has '"index":9'
timmc classify resnet18 --no-pretrained --num-classes 0 "$images/chelsea.png"
ok "no classes: exit 2" exit_is 2
weights=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors
timmc classify tf_efficientnet_lite0 -w "$weights" "$images/chelsea.png"
ok "weights from a file" out_is_file "$tmp/one"
timmc classify resnet18 -w "$weights" "$images/chelsea.png"
ok "weights of another model: exit 3" exit_is 3
ok "the first mismatches and their count" err_has 'missing'
ok "before any picture is read" no_out
head -c 100000 "$weights" >"$tmp/cut.safetensors"
timmc classify tf_efficientnet_lite0 -w "$tmp/cut.safetensors" "$images/chelsea.png"
ok "cut weights: exit 3" exit_is 3
timmc classify tf_efficientnet_lite0 -w "$tmp/none.safetensors" "$images/chelsea.png"
ok "no weights file: not 0" test "$code" -ne 0
timmc classify resnet18 --weights formula:x "$images/chelsea.png"
ok "a bad formula: exit 2" exit_is 2
mkdir -p "$tmp/hub/models--timm--tf_efficientnet_lite0.in1k/refs" "$tmp/hub/models--timm--tf_efficientnet_lite0.in1k/snapshots/abc"
printf abc >"$tmp/hub/models--timm--tf_efficientnet_lite0.in1k/refs/main"
timmc classify -m tf_efficientnet_lite0.in1k --cache-dir "$tmp/hub" "$images/chelsea.png"
ok "-m names the model too" out_is_file "$tmp/one"
mkdir -p "$tmp/hub/models--timm--resnet18.a1_in1k/refs" "$tmp/hub/models--timm--resnet18.a1_in1k/snapshots/def"
printf def >"$tmp/hub/models--timm--resnet18.a1_in1k/refs/main"
cp "$tmp/cut.safetensors" "$tmp/hub/models--timm--resnet18.a1_in1k/snapshots/def/model.safetensors"
timmc classify resnet18 --cache-dir "$tmp/hub" "$images/chelsea.png"
ok "weights are found in the hub cache" err_has 'snapshots/def/model.safetensors'
# tables of one row a picture
three="$images/chelsea.png nothing.jpg $images/coffee.png"
row() { sed -n "$1p" "$tmp/out"; }
# shellcheck disable=SC2086
timmc classify --wide -k 2 $three
ok "--wide: a row for each picture" out_lines 4
ok "--wide: its columns" first_line_is 'file,picture,row,warnings,top1,label1,prob1,top2,label2,prob2,error'
ok "--wide: the classes" sh -c "sed -n 2p '$tmp/out' | grep -q 'chelsea.png,,,0,282,tiger cat,0.39[0-9]*,285,Egyptian cat,0.35[0-9]*,$'"
ok "--wide: an error" sh -c "sed -n 3p '$tmp/out' | grep -qx 'nothing.jpg,,,0,,,,,,,nothing.jpg: No such file or directory'"
# shellcheck disable=SC2086
timmc classify --wide -k 2 -f tsv --threshold 0.3 --output logit $three
ok "--wide: tsv, logits, and what is below the threshold left empty" sh -c "sed -n 4p '$tmp/out' | tr '\t' ';' | grep -q 'coffee.png;;;0;967;espresso;11.40[0-9]*;;;;$'"
# shellcheck disable=SC2086
timmc classify --timm-compat -k 2 $three
ok "--timm-compat: timm's columns" first_line_is 'filename,index_0,index_1,label_0,label_1,prob_0,prob_1'
ok "--timm-compat: rows" test "$(row 2 | cut -d, -f2-5)" = '282,285,tiger cat,Egyptian cat'
ok "--timm-compat: what failed has a row, and a word" sh -c "sed -n 3p '$tmp/out' | grep -qx 'nothing.jpg,,,,,,'"
ok "--timm-compat: the word" err_has 'nothing.jpg: No such file or directory'
# shellcheck disable=SC2086
timmc classify --timm-compat -k 1 $three
ok "--timm-compat -k 1: without numbers" first_line_is 'filename,index,label,prob'
timmc classify --wide -f json "$images/chelsea.png"
ok "--wide -f json: exit 2" exit_is 2
timmc classify --wide --timm-compat "$images/chelsea.png"
ok "--wide --timm-compat: exit 2" exit_is 2
done_testing
