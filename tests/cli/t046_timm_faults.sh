#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ten faults of timm's own inference script that are not copied, one after another.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
images=$here/../data/images
model="test_resnet --no-pretrained"
mkdir a b
cp "$images/rocket.jpg" a/1.jpg
cp "$images/coffee.png" a/3.png
cp "$images/chelsea.png" b/3.png
# shellcheck disable=SC2086
classify() { timmc classify $model -k 1 "$@"; }
line() { sed -n "$1p" "$tmp/out" | grep -qF -- "$2"; }
answer() { sed -n "$1p" "$tmp/out" | sed 's/.*"top"/"top"/'; }

# 1. a file that cannot be read gets the answer of its neighbour
echo 'no picture' >a/2.jpg
classify -q a
ok "1: an unreadable file is an error in its own row" line 2 '"file":"a/2.jpg","ok":false'
ok "1: the rows about it are their own" sh -c "test $(wc -l <"$tmp/out") -eq 3"
first=$(answer 1)
third=$(answer 3)
classify a/1.jpg a/3.png
ok "1: with the answers that they have alone" test "$first$third" = "$(answer 1)$(answer 2)"

# 2. a truncated JPEG ends the run, and all that was done is lost
head -c 30000 "$images/rocket.jpg" >a/2.jpg
classify -q -o cut.jsonl a
ok "2: a truncated JPEG ends nothing" test "$(wc -l <cut.jsonl)" -eq 3
ok "2: its row says what it is" sh -c "sed -n 2p cut.jsonl | grep -qE '\"warnings\":|\"ok\":false'"
rm a/2.jpg

# 3. no JSON Lines, and JSON that is CSV
classify a
ok "3: JSON Lines off a terminal" line 1 '{"file":"a/1.jpg","ok":true,'
classify -f json a
ok "3: JSON is JSON" sh -c "tr -d '\n' <'$tmp/out' | grep -q '^\[{.*}\]$'"

# 4. equal names in two folders crash the run
classify a/3.png b/3.png
ok "4: equal names in two folders" sh -c "cut -d, -f1 '$tmp/out' | tr '\n' ' ' | grep -qxF '{\"file\":\"a/3.png\" {\"file\":\"b/3.png\" '"

# 5. names of columns are lost in some formats
for format in jsonl csv tsv; do
    classify -f $format a/1.jpg
    ok "5: file is file in $format" out_has file
done
classify --timm-compat a/1.jpg
ok "5: timm's columns where they are asked for" first_line_is filename,index,label,prob

# 6. options that nothing reads
classify --no-such-option a/1.jpg
ok "6: what nothing reads is refused" exit_is 2
timmc classify resnet10t --no-pretrained -k 1 --size test a/1.jpg
test_size=$(answer 1)
timmc classify resnet10t --no-pretrained -k 1 --size train a/1.jpg
ok "6: --size train and test are two sizes" test "$test_size" != "$(answer 1)"
classify --output logit a/1.jpg
ok "6: --output is told" out_has '"logit":'

# 7. another picture size fails in a ViT
timmc classify test_vit --no-pretrained --img-size 96 a/1.jpg
ok "7: --img-size is the model's, too" exit_is 0

# 8. two scripts, two sizes
timmc info test_resnet -f json
ok "8: the size that is used can be asked for" out_has '"input_size":[3,160,160]'
classify -o size.jsonl a/1.jpg
ok "8: and stands beside the answers" grep -q '"input_size":\[3,160,160\]' size.jsonl.meta.json

# 9. pictures are known by their ending
cp a/1.jpg picture
cp a/3.png wrong.jpg
classify picture wrong.jpg
ok "9: a picture without an ending" line 1 '"file":"picture","ok":true'
ok "9: a PNG that is called .jpg" line 2 '"file":"wrong.jpg","ok":true'

# 10. no single file, list or stdin, and one exit code for all
classify a/1.jpg
ok "10: a single file" exit_is 0
printf 'a/1.jpg\nmissing.jpg\n' >list
classify --files-from list
ok "10: a list, with an error: exit 1" exit_is 1
run sh -c "'$TIMMC' classify $model -k 1 - <a/1.jpg"
ok "10: stdin" line 1 '"file":"-","ok":true'
classify missing.jpg
ok "10: none succeeded: exit 4" exit_is 4
done_testing
