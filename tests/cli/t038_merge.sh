#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Parts that several processes made become what one process makes, to the byte.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
images=$here/../data/images
small="test_resnet --no-pretrained"
printf '%s\n' "$images/chelsea.png" nothing.png "$images/coffee.png" "$images/rocket.jpg" \
    "$images/coffee.png" "$images/chelsea.png" "$images/rocket.jpg" >names
for i in 1 2 3; do
    # shellcheck disable=SC2086
    {
        timmc features $small --kind pooled --shard $i/3 -o p$i.npy --files-from names
        timmc features $small --out-indices 2,4 --shard $i/3 -o f$i --files-from names
        timmc classify $small --shard $i/3 -o c$i.jsonl --files-from names
        timmc classify $small --shard $i/3 -o o$i.npy "$images/chelsea.png" nothing.png
    }
done
# shellcheck disable=SC2086
{
    timmc features $small --kind pooled -o p.npy --files-from names
    timmc features $small --out-indices 2,4 -o f --files-from names
    timmc classify $small -o c.jsonl --files-from names
    timmc classify $small -o o.npy "$images/chelsea.png" nothing.png
}
timmc merge -o mp.npy p3.npy p1.npy p2.npy
ok "merge: exit 0" exit_is 0
ok "merge says nothing" no_out
ok "rows" cmp -s p.npy mp.npy
ok "their index" cmp -s p.index.jsonl mp.index.jsonl
ok "the meta, without a shard" cmp -s p.meta.json mp.meta.json
timmc merge -o mf/ f1 f2 f3/
ok "folders" diff -r f mf
timmc merge -o mc.jsonl c1.jsonl c2.jsonl c3.jsonl
ok "records" cmp -s c.jsonl mc.jsonl
ok "their meta" cmp -s c.jsonl.meta.json mc.jsonl.meta.json
ok "a part without inputs is a part" test -s o3.npy
timmc merge -o mo.npy o1.npy o2.npy o3.npy
ok "parts without rows" sh -c 'cmp -s o.npy mo.npy && cmp -s o.index.jsonl mo.index.jsonl'

refused() { # WORDS PART...
    words=$1
    shift
    timmc merge -o x.npy "$@"
    ok "$words: exit 6" exit_is 6
    ok "$words" err_has "$words"
    ok "$words: nothing is written" test ! -e x.npy -a ! -e x.index.jsonl -a ! -e x.meta.json
}
refused 'p1.npy: one of 3 parts, and there are 2' p1.npy p2.npy
refused 'part 2/3, expected 3/3: each once' p1.npy p2.npy p2.npy
refused 'p.meta.json: made without --shard' p.npy
refused 'made by another model or in another way than' p1.npy p2.npy o3.npy
refused 'q.meta.json: cannot read' p1.npy p2.npy q.npy
sed 's/"complete":true/"complete":false/' p3.meta.json >u.meta.json
refused 'u.meta.json: an unfinished run' p1.npy p2.npy u.npy
cp p3.npy l.npy
cp p3.meta.json l.meta.json
sed 1d p3.index.jsonl >l.index.jsonl
refused "l.index.jsonl: line 1 is none of a run's" p1.npy p2.npy l.npy
head -1 p1.index.jsonl >l.index.jsonl
cp p1.npy l.npy
cp p1.meta.json l.meta.json
refused 'more inputs than the parts before it have' l.npy p2.npy p3.npy
timmc merge -o p.npy p1.npy p2.npy p3.npy
ok "an existing file: exit 6" exit_is 6
timmc merge p1.npy
ok "no -o: exit 2" exit_is 2
timmc merge -o x.npy c1.jsonl
ok "of another kind: exit 2" exit_is 2
timmc merge -o full/x.npy p1.npy p2.npy p3.npy
ok "a folder that is not there: exit 6" exit_is 6
done_testing
