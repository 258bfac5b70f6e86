#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures in tars: their names, what is left out, and archives that are cut or are none.
. "$(dirname "$0")/lib.sh"

images=$here/../data/images
small() { timmc classify -m test_resnet --no-pretrained -k 1 -f jsonl "$@"; }

mkdir -p "$tmp/a/sub"
cp "$images/rocket.jpg" "$tmp/a/0001.jpg"
cp "$images/coffee.png" "$tmp/a/sub/x y.png"
cp "$images/chelsea.png" "$tmp/a/zz.png"
echo 7 >"$tmp/a/0001.cls"
echo hidden >"$tmp/a/._0001.jpg"
cd "$tmp" || exit 1
set -- a/0001.jpg a/0001.cls a/._0001.jpg "a/sub/x y.png" a/zz.png
tar cf t.tar "$@"
small t.tar
if out_has "built without libarchive"; then
    ok "a build without libarchive says so" exit_is 4
    done_testing
    exit
fi
ok "a tar: exit 0" exit_is 0
ok "one record for each picture" out_lines 3
ok "in the archive's order, by the archive's names" sh -c "cut -d, -f1 '$tmp/out' | tr '\n' ' ' | grep -qxF \
    '{\"file\":\"t.tar:a/0001.jpg\" {\"file\":\"t.tar:a/sub/x y.png\" {\"file\":\"t.tar:a/zz.png\" '"
ok "what else is in it is counted" err_has 'archive t.tar: 1 file is no picture by name (.cls 1)'
sed 's/t\.tar://' out >want
small a/0001.jpg "a/sub/x y.png" a/zz.png
ok "the same answers as of the files" out_is_file want
small -q t.tar
ok "quiet: nothing on stderr" no_err

# compressed, as far as this machine can; a name is enough, and for what is named, the content is
for how in gz:gzip bz2:bzip2 xz:xz zst:zstd; do
    command -v "${how#*:}" >/dev/null || continue
    "${how#*:}" -c t.tar >"c.tar.${how%:*}"
    small -q "c.tar.${how%:*}"
    sed 's/c\.tar\.[a-z0-9]*://' out >got
    ok "a tar of ${how#*:}" cmp -s got want
done
cp t.tar shard
small -q shard
ok "a tar without its ending" out_has '"file":"shard:a/zz.png","ok":true'
echo t.tar >list
small -q --files-from list zz.png
ok "in a list" out_has '"file":"t.tar:a/zz.png","ok":true'
small -q t.tar a/zz.png t.tar
ok "among others" out_lines 7
small -q --shard 2/2 t.tar t.tar
ok "shards go through archives" out_lines 3
small -q --skip 1 --limit 1 t.tar
ok "so do skip and limit" out_has '"file":"t.tar:a/sub/x y.png"'
timmc features test_resnet --no-pretrained --kind pooled -q -o rows.npy t.tar
ok "features: rows by the archive's names" grep -q '"file":"t.tar:a/zz.png","row":2' rows.index.jsonl

# in a folder, and from a pipe
mkdir folder
cp t.tar folder/b.tar
cp a/zz.png folder/a.png
cp a/zz.png folder/c.png
small -q folder
ok "a tar in a folder, in its place" sh -c "cut -d, -f1 '$tmp/out' | tr '\n' ' ' | grep -qxF \
    '{\"file\":\"folder/a.png\" {\"file\":\"folder/b.tar:a/0001.jpg\" {\"file\":\"folder/b.tar:a/sub/x y.png\" {\"file\":\"folder/b.tar:a/zz.png\" {\"file\":\"folder/c.png\" '"
sed 's/t\.tar:/-:/; s/"a\//"-:a\//' want >piped
for file in t.tar c.tar.gz; do
    run sh -c "cat $file | '$TIMMC' classify -m test_resnet --no-pretrained -k 1 -q -f jsonl -"
    ok "$file from a pipe" out_is_file piped
done
mkfifo named
cat t.tar >named &
small -q named
ok "from a named pipe" out_has '"file":"named:a/zz.png","ok":true'
run sh -c "head -c 2000 t.tar | '$TIMMC' classify -m test_resnet --no-pretrained -k 1 -q -"
ok "a pipe that is cut" out_has '"file":"-:a/0001.jpg","ok":false'
run sh -c "cat a/zz.png | '$TIMMC' classify -m test_resnet --no-pretrained -k 1 -q -"
ok "a picture from a pipe stays one" out_has '"file":"-","ok":true'

# siblings: what stands beside a picture, before it or behind it
mkdir s
for key in one two three; do
    cp "$images/coffee.png" "s/$key.png"
    echo "$key" >"s/$key.cls"
    printf '{"key": "%s",\n "n": [1, 2]}\n' $key >"s/$key.json"
done
rm s/two.cls
echo '{broken' >s/three.json
cp "$images/coffee.png" s/one.mask.png
tar cf s.tar s/one.cls s/one.png s/one.mask.png s/one.json s/two.png s/two.json s/three.cls s/three.png s/three.json
small -q --siblings cls,json s.tar
sibling() { sed -n "$1p" "$tmp/out" | grep -qF "$2"; }
ok "siblings, JSON as JSON on one line" sibling 2 '"siblings":{"cls":"one","json":{"key":"one","n":[1,2]}},"top"'
ok "those before another picture of the same name are its, too" sibling 1 '"siblings":{"cls":"one"},"top"'
ok "no other's" sibling 3 '"siblings":{"json":{"key":"two","n":[1,2]}},"top"'
ok "what is no JSON is a text" sibling 4 '"siblings":{"cls":"three","json":"{broken"},"top"'
small s.tar
ok "none without being asked for" out_lacks siblings
small -f csv --siblings cls s.tar
ok "not in other formats: exit 2" exit_is 2
head -c 1100000 /dev/zero | tr '\0' x >s/two.cls
tar cf s.tar s/two.png s/two.cls s/three.png
small -q --siblings cls s.tar
ok "one that is too large is an error" out_has '"file":"s.tar:s/two.png","ok":false,"error":{"code":"too_large"'
ok "the next is read" out_has '"file":"s.tar:s/three.png","ok":true'
timmc validate test_resnet --no-pretrained --siblings cls s.tar
ok "validate has no records: exit 2" exit_is 2

# what is no picture's data
ln -s 0001.jpg a/link.jpg
ln a/0001.jpg a/same.jpg
tar cf links.tar a/0001.jpg a/link.jpg a/same.jpg a/zz.png
small links.tar
ok "links: exit 1" exit_is 1
ok "links: one record for each" out_lines 4
ok "a link: why" out_has '"file":"links.tar:a/link.jpg","ok":false,"error":{"code":"read_failed","message":"links.tar:a/link.jpg: a link or a device in an archive, expected a file"}'
ok "a hard link too" out_has '"file":"links.tar:a/same.jpg","ok":false'
ok "those behind it are read" out_has '"file":"links.tar:a/zz.png","ok":true'
head -c $(($(wc -c <a/0001.jpg) + 3000)) t.tar >cut.tar
small cut.tar
ok "a tar that is cut: exit 1" exit_is 1
ok "what is before the cut is answered" out_has '"file":"cut.tar:a/0001.jpg","ok":true'
ok "the cut is told" out_has 'the archive breaks off'
small cut.tar a/zz.png
ok "and the next input is read" out_has '"file":"a/zz.png","ok":true'
echo hello >bad.tar
: >empty.tar
small bad.tar empty.tar missing.tar
ok "no tars: exit 4" exit_is 4
ok "one record for each of them" out_lines 3
ok "why: none" out_has '"file":"bad.tar","ok":false,"error":{"code":"read_failed"'
ok "why: not there" out_has '"file":"missing.tar","ok":false,"error":{"code":"'
small -q --max-memory 1 t.tar
ok "a member larger than there is memory" out_has '"code":"too_large"'

# how many pictures a stream or an array holds is seen before it is decided how threads share them
spread="each picture on a thread"
from() { run sh -c "'$TIMMC' $2 -v -t 2 -b 8 -f jsonl <'$1'"; }
timmc classify -v -t 2 -b 8 a/0001.jpg
ok "one picture: all threads for it" sh -c "grep -q 'threads 2, batch 8\$' '$tmp/err'"
from a/0001.jpg 'classify -'
ok "one picture on a pipe: the same" sh -c "grep -q 'threads 2, batch 8\$' '$tmp/err'"
from t.tar 'classify -'
ok "a tar on a pipe: pictures side by side" err_has "$spread"
timmc preprocess -o one.npy a/0001.jpg
timmc classify -v -t 2 -b 8 one.npy
ok "an array of one picture: all threads for it" sh -c "grep -q 'threads 2, batch 8\$' '$tmp/err'"
(
    printf '\223NUMPY\001\000\166\000%-117s\n' \
        "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3, 224, 224), }"
    for i in 1 2 3 4 5; do tail -c 602112 one.npy; done
) >five.npy
timmc classify -v -t 2 -b 8 -f jsonl five.npy
ok "an array of five: all are answered" out_lines 5
ok "an array of five: side by side" err_has "$spread"

done_testing
