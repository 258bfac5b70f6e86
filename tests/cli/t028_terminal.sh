#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Names out of folders, files and servers reach stdout and stderr, and steer no terminal there:
# ESC, BEL, line ends, DEL, C1 as UTF-8 and as a byte alone.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png
bad=$(printf 'x\033[31m\007\nz\177\302\233\233y')

# neither stream has a control character but line ends and tabs, nor a byte of C1
harmless() { [ "$(cat "$tmp/out" "$tmp/err" | tr -d '\n\t\040-\176\240-\377' | wc -c)" -eq 0 ]; }
one_line() { [ "$(wc -l <"$tmp/$1")" -eq 1 ]; }
told='x\x1b[31m\x07\nz\x7f\xc2\x9b\x9by'

# ---- errors, warnings and usage ----

timmc preprocess "$bad.png" -o "$tmp/x.npy"
ok "a file that is not there" err_has "$told.png"
ok "harmless" harmless
ok "one line" one_line err
timmc "$bad"
ok "an unknown command: harmless" harmless
ok "one line" one_line err
timmc classify "--$bad" "$cat"
ok "an unknown option: harmless" harmless
timmc classify "-$(printf '\233')" "$cat"
ok "an unknown letter: harmless" harmless
ok "one line" one_line err
timmc classify -m "$bad" "$cat"
ok "an unknown model: harmless" harmless
timmc classify --crop-mode "$bad" "$cat"
ok "a wrong value: harmless" harmless
timmc info resnet18 "$bad"
ok "one operand too many: harmless" harmless
timmc list "$bad"
ok "a glob: harmless" harmless
TIMMC_BATCH=$bad timmc classify "$cat"
ok "a variable: harmless" harmless
timmc classify --plugin "$tmp/$bad.so" "$cat"
ok "a plugin: harmless" harmless
timmc convert "$bad.pth" "$tmp/x.safetensors"
ok "weights: harmless" harmless
mkdir "$tmp/$bad"
touch "$tmp/$bad/.hidden" "$tmp/$bad/notes.txt"
timmc classify "$tmp/$bad"
ok "what a folder leaves out: harmless" harmless

# ---- records of a file with such a name ----

cp "$cat" "$tmp/$bad.png"
for format in jsonl json text tsv; do
    timmc classify -k 1 -f $format "$tmp/$bad.png" "$tmp/$bad.gone.png"
    ok "classify -f $format: harmless" harmless
    timmc features -f $format "$tmp/$bad.png" "$tmp/$bad.gone.png"
    ok "features -f $format: harmless" harmless
done
timmc classify -k 1 "$tmp/$bad.png"
ok "JSON spells them" out_has '\u001b[31m\u0007\nz\u007f\u009b'

# ---- labels ----

i=0
while [ $i -lt 1000 ]; do
    printf 'x\033[31m\007\302\233\233y\n'
    i=$((i + 1))
done >"$tmp/labels.txt"
for format in jsonl text tsv; do
    timmc classify -k 1 --labels "$tmp/labels.txt" -f $format "$cat"
    ok "labels -f $format: told" out_has '[31m'
    ok "labels -f $format: harmless" harmless
done

# ---- a config, and tensors ----

mkdir "$tmp/local"
cat >"$tmp/local/config.json" <<'END'
{"architecture": "test_vit", "num_classes": 2, "label_names": ["\u001b[2J", "b\u009b"],
 "pretrained_cfg": {"tag": "t\u001b[2J\nweights         fake", "license": "l\u001b]0;x\u0007\nfake",
 "origin_url": "o\u001b[2J\nfake", "paper_name": "p\u009b2J\nfake", "notes": ["n\u001b[2J"]}}
END
for format in text json dot svg; do
    timmc info "local-dir:$tmp/local" --format $format
    ok "info --format $format of a config: harmless" harmless
done
timmc info "local-dir:$tmp/local" --format text
ok "no line is made up" sh -c "! grep -q '^fake\|^weights  *fake' '$tmp/out'"
header='{"a\u001b[2J\u0007\u009b\nhead.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
{
    printf '%b' "$(printf '\\0%03o' $((${#header})))\\0\\0\\0\\0\\0\\0\\0"
    printf '%s\0\0\0\0' "$header"
} >"$tmp/odd.safetensors"
for format in text json; do
    timmc info test_vit -w "$tmp/odd.safetensors" --check --format $format
    ok "info --check --format $format: told" out_has 'head.bias'
    ok "info --check --format $format: harmless" harmless
done
timmc info test_vit -w "$tmp/odd.safetensors" --check --format text
ok "the name is in one line" out_has 'a\x1b[2J\x07\xc2\x9b\nhead.bias'
timmc classify test_vit -w "$tmp/odd.safetensors" "$cat"
ok "weights that do not fit: harmless" harmless
ok "one line" one_line err

# ---- what is in a cache ----

commit=0123456789abcdef0123456789abcdef01234567
repo="$tmp/$bad/models--t--x"
mkdir -p "$repo/refs" "$repo/snapshots/$commit"
printf %s $commit >"$repo/refs/main"
echo '{}' >"$repo/snapshots/$commit/config.json"
cp "$tmp/odd.safetensors" "$repo/snapshots/$commit/model.safetensors"
for format in text jsonl tsv; do
    timmc pull --offline --cache-dir "$tmp/$bad" -f $format hf-hub:t/x
    ok "pull -f $format: exit 0" exit_is 0
    ok "pull -f $format: harmless" harmless
done
timmc pull --offline --cache-dir "$tmp/$bad" -f text hf-hub:t/x
ok "two lines" out_lines 2
done_testing
