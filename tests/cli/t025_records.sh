#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What every record has in every format, numbers in records and on stdout, answers that are none.
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
cat=$images/chelsea.png
coffee=$images/coffee.png
weights=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors
tab=$(printf '\t')
escape=$(printf '\033')

# rows of arrays, and whose they are
timmc classify -o "$tmp/l.npy" "$cat" "$tmp/nothing.png" "$coffee"
ok "classify: the record tells its row" out_has '"model":"tf_efficientnet_lite0.in1k","row":1,'
rows() { sed 's/.*"row":\(.*\)}/\1/' "$1" | tr '\n' ' '; }
rows_are() { [ "$(rows "$1")" = "$2 " ]; }
ok "classify: an index beside the array" rows_are "$tmp/l.index.jsonl" "0 null 1"
timmc classify -f csv -k 1 -o "$tmp/c.npy" "$cat" "$coffee"
ok "csv: the row" out_has 'coffee.png,,1,0,1,'
timmc preprocess "$cat" -o "$tmp/one.npy"
{
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 224, 224), }"
    tail -c +129 "$tmp/one.npy"
    tail -c +129 "$tmp/one.npy"
} >"$tmp/two.npy"
timmc classify -f csv -k 1 "$tmp/two.npy"
ok "csv: which picture of a .npy file" out_has 'two.npy,1,,0,1,282'
timmc features -f csv --kind pooled "$tmp/two.npy"
ok "csv of features: which picture" out_has 'two.npy,1,,0,pooled,'
timmc features -f tsv --kind pooled "$cat"
ok "tsv header" first_line_is "$(echo file,picture,row,warnings,tensor,index,module,channels,reduction,shape,mean,std,error | tr , '\t')"

# names
first=$(printf 'a\377.png')
second=$(printf 'a\376.png')
cp "$cat" "$tmp/$first"
cp "$cat" "$tmp/$second"
timmc classify -k 1 "$tmp/$first" "$tmp/$second"
bytes() { sed -n "$1s/.*\"file_b64\":\"\([^\"]*\)\".*/\1/p" "$tmp/out" | base64 -d; }
bytes_are() { [ "$(bytes "$1")" = "$2" ]; }
ok "a name that is no UTF-8: its bytes" bytes_are 1 "$tmp/$first"
ok "another such name" bytes_are 2 "$tmp/$second"
timmc classify -k 1 -o "$tmp/b.npy" "$tmp/$first"
ok "the bytes stand in the index too" grep -q file_b64 "$tmp/b.index.jsonl"
timmc classify -k 1 "$cat"
ok "no bytes beside a plain name" out_lacks file_b64
cp "$cat" "$tmp/x${tab}${escape}[31my.png"
timmc classify -f tsv -k 1 "$tmp/x${tab}${escape}[31my.png"
ok "tsv: tabs and escapes of a name are escaped" out_has 'x\t\x1b[31my.png'
timmc classify -f text -k 1 "$tmp/x${tab}${escape}[31my.png"
ok "text: escapes of a name do not reach the terminal" out_has 'x\t\x1b[31my.png'
timmc classify -f csv -k 1 "$tmp/x${tab}${escape}[31my.png"
ok "csv off a terminal: the bytes as they are" out_has "x${tab}${escape}[31my.png"

# one row for every input
for format in csv tsv; do
    timmc classify -f $format --threshold 0.99 "$cat" "$coffee"
    ok "$format: a picture without a likely class has its row" out_lines 3
done

# numbers
timmc features --kind pooled --data list "$cat"
numbers() { sed 's/.*"data":\[\([^]]*\)\].*/\1/' "$tmp/out" | tr ',' '\n' | grep -c .; }
ok "--data list: the numbers" test "$(numbers)" -eq 1280
timmc features --kind pooled -f raw "$cat"
cp "$tmp/out" "$tmp/raw"
ok "-f raw: float32" test "$(wc -c <"$tmp/raw")" -eq 5120
timmc features --kind pooled --data base64 "$cat"
sed 's/.*"data_b64":"\([^"]*\)".*/\1/' "$tmp/out" | base64 -d >"$tmp/decoded"
ok "--data base64: the same bytes" cmp -s "$tmp/raw" "$tmp/decoded"
ok "the pooled embedding is called so" out_has '"tensor":"pooled"'
timmc features --kind pooled -o "$tmp/pooled.safetensors" "$cat"
ok "in files as well" sh -c "head -c 2000 '$tmp/pooled.safetensors' | grep -q '\"pooled\":'"
timmc forward-intermediates --last 1 --data list "$cat"
ok "forward-intermediates --data" out_has '"data":['
timmc features --kind pooled --data list -f csv "$cat"
ok "--data in csv: exit 2" exit_is 2
timmc features resnet18 --kind pooled --data list "$cat"
ok "numbers without weights: exit 3" exit_is 3
timmc features resnet18 --kind pooled -f raw "$cat"
ok "a stream without weights: exit 3" exit_is 3

# streams
timmc features --kind pooled -o - "$cat" "$tmp/nothing.png" "$coffee"
cp "$tmp/out" "$tmp/stream.npy"
ok "a failed input of a stream: exit 1" exit_is 1
ok "and a word on stderr" err_has 'nothing.png'
ok "-o -: a .npy file of a row for every input" sh -c "head -c 128 '$tmp/stream.npy' | grep -aq \"'shape': (3, 1280)\""
ok "its size" test "$(wc -c <"$tmp/stream.npy")" -eq $((128 + 3 * 5120))
tail -c +129 "$tmp/stream.npy" | head -c 5120 >"$tmp/row"
ok "the first row" cmp -s "$tmp/row" "$tmp/raw"
tail -c +$((129 + 5120)) "$tmp/stream.npy" | head -c 4 | od -An -tx1 >"$tmp/row"
ok "NaN in the row that failed" grep -Eq '00 00 c0 (7f|ff)' "$tmp/row"
timmc features --kind pooled -f npy "$cat" "$tmp/nothing.png" "$coffee"
ok "-f npy: the same" out_is_file "$tmp/stream.npy"
timmc preprocess "$cat" -o -
ok "preprocess -o -" out_is_file "$tmp/one.npy"
timmc features -f raw "$cat"
ok "several tensors in a stream: exit 2" exit_is 2
timmc classify -f csv -o - "$cat"
ok "records and a stream: exit 2" exit_is 2
timmc classify -f npy -o "$tmp/y.npy" "$cat"
ok "-f npy and a file: exit 2" exit_is 2
ok "nothing is called -" test ! -e -

# what is no number is no answer
size=$(od -An -tu8 -N8 "$weights" | tr -d ' ')
begin=$(head -c $((size + 8)) "$weights" | tail -c +9 |
    sed 's/.*"bn1.bias":{[^}]*"data_offsets":\[\([0-9]*\),.*/\1/')
cp "$weights" "$tmp/nan.safetensors"
printf '\000\000\300\177' | dd of="$tmp/nan.safetensors" bs=1 seek=$((size + 8 + begin)) conv=notrunc 2>"$tmp/err"
timmc classify tf_efficientnet_lite0 -w "$tmp/nan.safetensors" "$cat"
ok "NaN in the weights: exit 4" exit_is 4
ok "no class of it" out_lacks '"top"'
ok "not_finite, how many and where" out_has '"code":"not_finite","message":"'
ok "where" out_has 'logits: 1000 of 1000 numbers are not finite, the first at [0,0]'
timmc features -w "$tmp/nan.safetensors" -m tf_efficientnet_lite0 --kind pooled "$cat"
ok "features likewise" out_has '"code":"not_finite"'
cp "$tmp/two.npy" "$tmp/nan.npy"
printf '\000\000\300\177' | dd of="$tmp/nan.npy" bs=1 seek=$((128 + 4 * 224 * 112)) conv=notrunc 2>"$tmp/err"
timmc classify "$tmp/nan.npy"
ok "NaN in one of two inputs: exit 1" exit_is 1
cp "$tmp/out" "$tmp/all"
run sed -n 1p "$tmp/all"
ok "the one that has it" out_has '"index":0,"ok":false,"error":{"code":"not_finite"'
timmc features resnet18 --no-pretrained --kind pooled "$tmp/nan.npy"
ok "maxima keep it" out_has 'pre_logits: 512 of 512'

# arrays of integers are no tensors
{
    printf '\223NUMPY\001\000\166\000'
    printf "%-117s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 224, 224), }"
    head -c $((3 * 224 * 224)) "$tmp/one.npy"
} >"$tmp/u8.npy"
timmc classify "$tmp/u8.npy"
ok "pixels of uint8: an error" out_has '"code":"shape_mismatch"'
ok "that says what to do" out_has 'an array of U8, expected floating-point numbers'

# another process's file is not replaced
timmc classify -o "$tmp/mine.npy" "$cat"
timmc classify -o "$tmp/mine.npy" "$cat"
ok "an existing file: exit 6" exit_is 6
mkfifo "$tmp/slow"
"$TIMMC" classify -b 1 -o "$tmp/shared.npy" --files-from "$tmp/slow" >"$tmp/first" 2>"$tmp/first.err" &
exec 3>"$tmp/slow"
echo other >"$tmp/other.npy"
echo "$cat" >&3
tries=0
until grep -q . "$tmp/first" || [ $tries -gt 100 ]; do # its file is begun
    tries=$((tries + 1))
    sleep 0.05
done
mv "$tmp/other.npy" "$tmp/shared.npy"
echo "$cat" >&3
exec 3>&-
wait $!
code=$?
ran="classify -o shared.npy, made by another meanwhile"
ok "made by another meanwhile: exit 6" exit_is 6
ok "the other's stays" grep -q other "$tmp/shared.npy"
ok "and one's own is told" grep -q 'another process has written it meanwhile; what this one made is in .*shared.npy.part$' "$tmp/first.err"

# progress, where stderr is a terminal
if command -v script >/dev/null 2>&1; then
    set -- "$coffee" "$coffee" "$coffee" "$coffee" "$coffee" "$coffee"
    run script -qec "TERM=xterm '$TIMMC' classify resnet18 --no-pretrained -t 1 -b 1 $* >'$tmp/rows'" "$tmp/screen"
    ok "progress: how many of how many, and for how long still" grep -Eq '\] [2-5] of 6 pictures, [0-9.]+/s  [0-9]+:[0-9][0-9] left' "$tmp/screen"
    run script -qec "TERM=xterm '$TIMMC' classify resnet18 --no-pretrained -t 1 -b 1 -f text $*" "$tmp/screen"
    ok "progress is wiped off before a row" sh -c "! grep -Eq 'left[^[:cntrl:]]' '$tmp/screen'"
    widest() { tr '\r' '\n' <"$tmp/screen" | sed 's/.\[K//' | awk '/left/ && length > n { n = length } END { print n + 0 }'; }
    for columns in 50 120; do
        run script -qec "stty cols $columns; TERM=xterm '$TIMMC' classify resnet18 --no-pretrained -t 1 -b 1 $* >'$tmp/rows'" "$tmp/screen"
        ok "progress: there, on $columns columns" test "$(widest)" -gt 30
        ok "progress: no wider than $columns" test "$(widest)" -lt "$columns"
    done
    ok "progress: a bar of 40 where there is room" grep -Eq '\[#[#.]{39}\] [2-5] of 6' "$tmp/screen"
    run script -qec "stty cols 20; TERM=xterm '$TIMMC' classify resnet18 --no-pretrained -t 1 -b 1 $* >'$tmp/rows'" "$tmp/screen"
    ok "progress: no bar where there is none" sh -c "grep -q 'of 6' '$tmp/screen' && ! grep -q '#' '$tmp/screen'"
    run script -qec "TERM=dumb '$TIMMC' classify resnet18 --no-pretrained -t 1 -b 1 $* >'$tmp/rows'" "$tmp/screen"
    ok "a terminal that wipes nothing off: none" sh -c "! grep -q 'of 6 pictures' '$tmp/screen'"
    run script -qec "TERM=xterm '$TIMMC' classify -q resnet18 --no-pretrained -t 1 -b 1 $* >'$tmp/rows'" "$tmp/screen"
    ok "-q: none" sh -c "! grep -q 'of 6 pictures' '$tmp/screen'"
fi
done_testing
