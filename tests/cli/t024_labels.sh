#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whose names the classes have: the config's, a file's, ImageNet's; and configs that timm loads.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png

# model NAME CONFIG: a folder with that config
model() {
    mkdir -p "$tmp/$1"
    printf '%s\n' "$2" >"$tmp/$1/config.json"
}
label_of() { timmc classify "local-dir:$tmp/$1" --no-pretrained -k 1 "$cat"; }
config='"architecture":"test_resnet","num_classes":1000'
timmc classify test_resnet --no-pretrained -k 1 "$cat"
top=$(sed 's/.*"top":\[{"index":\([0-9]*\).*/\1/' "$tmp/out")
words=$(sed 's/.*"label":"\([^"]*\)".*/\1/' "$tmp/out")
ok "without a config's names: ImageNet's" out_has '"name":"n'

model none "{$config}"
label_of none
ok "a config without names: ImageNet's" out_has "\"label\":\"$words\""
model dict "{$config,\"label_names\":{\"$top\":\"mine\",\"0\":\"other\"}}"
label_of dict
ok "an object by class number" out_has "{\"index\":$top,\"name\":\"mine\",\"label\":\"mine\""
ok "it leaves classes out: told" err_has 'warning: labels of test_resnet: 2 labels, the model has 1000 classes'
model gap "{$config,\"label_names\":{\"$(((top + 1) % 1000))\":\"other\"}}"
label_of gap
ok "a class that the object leaves out has no name" out_has "{\"index\":$top,\"prob\""
names=$(seq 0 998 | sed 's/.*/"class &"/' | paste -sd, -)
model few "{$config,\"label_names\":[$names]}"
label_of few
ok "one name too few: the others' are used" out_has "\"label\":\"class $top\""
ok "and it is told" err_has 'warning: labels of test_resnet: 999 labels, the model has 1000 classes'
model many "{$config,\"label_names\":[$names,null,7,8]}"
label_of many
ok "too many: told, none is ImageNet's" err_has '1002 labels, the model has 1000 classes'
ok "too many: its own" out_has "\"label\":\"class $top\""
model wrong "{$config,\"label_names\":\"classes.txt\"}"
label_of wrong
ok "no list: told" err_has 'neither a list nor an object'
ok "no list: no names" out_lacks label
model ids "{$config,\"id2label\":{\"$top\":\"by id\"}}"
label_of ids
ok "transformers' id2label" out_has '"label":"by id"'
timmc info "local-dir:$tmp/dict" -f json
ok "info: they are its own" out_has '"labels":"own"'
ok "info warns of classes without a name" err_has '2 labels'
model all "{$config,\"label_names\":{$(seq 0 999 | sed 's/.*/"&":"class &"/' | paste -sd, -)}}"
label_of all
ok "an object that names all classes" out_has "\"label\":\"class $top\""
ok "an object that names all classes: nothing to tell" no_err
timmc info "local-dir:$tmp/few" -f json
ok "info warns too" err_has '999 labels'
timmc classify "local-dir:$tmp/dict" --no-pretrained --num-classes 1001 -k 1 "$cat"
ok "names of other classes than these are nobody's" out_lacks label

# --labels FILE
with() { timmc classify test_resnet --no-pretrained --num-classes 2 -k 2 --labels "$1" "$cat"; }
printf '["a","b"]' >"$tmp/list.json"
with "$tmp/list.json"
ok "a JSON list" out_has '"index":1,"label":"b"'
printf '{"1":"b","0":3}' >"$tmp/map"
with "$tmp/map"
ok "a JSON object, by its content" out_has '"index":0,"label":"3"'
ok "a JSON object: nothing to tell" no_err
printf '{"1":"b"}' >"$tmp/map"
with "$tmp/map"
ok "an object that leaves a class out" out_has '"index":1,"label":"b"'
ok "an object that leaves a class out: told" err_has "warning: $tmp/map: 1 labels, the model has 2 classes"
printf '{"id2label":{"0":"a","1":"b"},"label2id":{"a":0,"b":1}}' >"$tmp/hf.json"
with "$tmp/hf.json"
ok "a config of transformers" out_has '"index":0,"label":"a"'
printf '{"label_names":["n1","n2"],"label_descriptions":{"n1":"first","n2":"second"}}' >"$tmp/timm.json"
with "$tmp/timm.json"
ok "a config of timm: name and description" out_has '"index":1,"name":"n2","label":"second"'
printf '\357\273\277a\r\nb\r\n' >"$tmp/bom"
with "$tmp/bom"
ok "a byte order mark is no part of a name" out_has '"index":0,"label":"a"'
printf '["a"]' >"$tmp/short.json"
with "$tmp/short.json"
ok "too short a list: exit 3" exit_is 3
ok "too short a list: told" err_has "$tmp/short.json: 1 labels, the model has 2 classes"
printf '{"a":0,"b":1}' >"$tmp/reverse"
with "$tmp/reverse"
ok "numbers by name: exit 3" exit_is 3
ok "numbers by name: told" err_has "found the key 'a', expected the number of a class"
with "$tmp/no such file"
ok "a missing file: exit 3" exit_is 3
ok "a missing file: told" err_has 'cannot read the labels'
with "$tmp"
ok "a folder: exit 3" exit_is 3
printf 'a\000b\n' >"$tmp/nul"
with "$tmp/nul"
ok "not text: exit 3" exit_is 3

# channels and fields that nobody reads
model four '{"architecture":"test_resnet","num_classes":2,"model_args":{"in_chans":4},"license":NaN,
    "pretrained_cfg":{"input_size":[4,64,64],"mean":[0.1,0.2,0.3,0.4],"std":[0.5,0.5,0.5,0.5]}}'
timmc info "local-dir:$tmp/four" -f json
ok "means of four channels" out_has '"mean":[0.1,0.2,0.3,0.4]'
timmc classify "local-dir:$tmp/four" --no-pretrained "$cat"
ok "no picture has four channels" out_has 'model takes 4 channels, a picture can give 1 or 3'
printf '\223NUMPY\001\000v\000' >"$tmp/four.npy"
printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4, 64, 64), }" >>"$tmp/four.npy"
head -c 65536 /dev/zero >>"$tmp/four.npy"
timmc classify "local-dir:$tmp/four" --no-pretrained "$tmp/four.npy"
ok "a tensor of four channels is run" out_has '"ok":true'
model scalar '{"architecture":"test_resnet","num_classes":2,"mean":0.5,"std":0.25}'
timmc preprocess "local-dir:$tmp/scalar" "$cat" -o "$tmp/scalar.npy"
timmc preprocess "local-dir:$tmp/scalar" --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25 "$cat" -o "$tmp/each.npy"
ok "one mean serves all channels" cmp -s "$tmp/scalar.npy" "$tmp/each.npy"
done_testing
