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
ok "what else is in it is counted" err_has 'archive t.tar: 1 file is no .jpg, .jpeg or .png (.cls 1)'
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

done_testing
