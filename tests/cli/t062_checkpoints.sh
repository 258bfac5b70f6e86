#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checkpoints as people keep them: what is made up is refused, what lies deeper is found, what does
# not fit is told so that it helps.
. "$(dirname "$0")/lib.sh"
image=$here/../data/images/chelsea.png
lite0=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors
checkpoint() { "$(dirname "$TIMMC")/tests/weights/checkpoint" "$@" || exit 1; }
err_lines() { [ "$(wc -l <"$tmp/err")" -eq "$1" ]; }
short() { awk 'length > 540 { long = 1 } END { exit long }' "$tmp/err"; }
same() { cmp -s "$tmp/out" "$tmp/$1"; }
embed() { timmc features test_vit --kind pooled "$@" "$image"; }
cd "$tmp" || exit 1
timmc classify test_vit --no-pretrained "$image"
cp out answer
embed --no-pretrained
cp out embedding
embed --weights formula:1
cp out embedding1
checkpoint test_vit flat.safetensors

# ---- made-up answers ----

timmc classify resnet18.a1_in1k -w flat.safetensors --allow-missing "$image"
ok "no tensor fits: exit 3" exit_is 3
ok "no tensor fits: no record" no_out
ok "no tensor fits: how much" err_has 'only 0.0 % of the parameters come from the weights'
timmc features resnet18.a1_in1k -w flat.safetensors --allow-missing "$image"
ok "no tensor fits: features neither" exit_is 3
checkpoint test_vit less.safetensors ::blocks
timmc features test_vit -w less.safetensors --allow-missing "$image"
ok "less than half" exit_is 3
checkpoint test_vit more.safetensors ::blocks.0.mlp
timmc features test_vit -w more.safetensors --allow-missing "$image"
ok "more than half: exit 0" exit_is 0
ok "more than half: told" err_has '4 missing: blocks.0.mlp.fc1.bias [192]'
checkpoint test_vit headless.safetensors ::head.
timmc classify test_vit -w headless.safetensors --allow-missing "$image"
ok "a classifier that is missing: exit 3" exit_is 3
ok "a classifier that is missing: why" err_has 'its classifier would be made up: head.'
ok "a classifier that is missing: no record" no_out
embed -w headless.safetensors --allow-missing
ok "its features are the weights'" same embedding
checkpoint test_vit bias.safetensors ::head.bias
timmc classify test_vit -w bias.safetensors --allow-missing "$image"
ok "a classifier without its bias: exit 3" exit_is 3
timmc classify test_vit -w flat.safetensors --drop-head "$image"
ok "--drop-head: exit 3" exit_is 3
ok "--drop-head: no record" no_out
timmc classify test_vit -w flat.safetensors --drop-head --num-classes 7 "$image"
ok "--drop-head of another size: exit 3" exit_is 3
embed -w flat.safetensors --drop-head
ok "--drop-head: features" same embedding
timmc forward-intermediates test_vit -w flat.safetensors --drop-head "$image"
ok "--drop-head: intermediates" exit_is 0
timmc classify test_vit --no-pretrained --drop-head "$image"
ok "the formula was asked for" exit_is 0
timmc bench test_vit -w flat.safetensors --drop-head --format json
ok "a bench tells no class" exit_is 0

# ---- what does not fit ----

timmc classify resnet18.a1_in1k -w flat.safetensors "$image"
ok "both sides: missing" err_has '102 missing: bn1.bias [64], bn1.running_mean [64], bn1.running_var [64], ...;'
ok "both sides: unexpected" err_has '80 unexpected: blocks.0.attn.proj.bias [64], '
ok "on one line" err_lines 1
checkpoint --num-classes 10 test_vit ten.pth state_dict:module.
timmc classify test_vit -w ten.pth "$image"
ok "another number of classes: shapes" err_has 'head.bias [10] for [1000], head.weight [10,64] for [1000,64]'
ok "another number of classes: help" err_has '--num-classes 10'
timmc classify test_vit -w ten.pth --num-classes 10 "$image"
ok "which works" exit_is 0
deep=$tmp/$(printf 'deep%.0s' $(seq 40))
mkdir "$deep"
cp flat.safetensors "$deep/w.safetensors"
timmc classify resnet18.a1_in1k -w "$deep/w.safetensors" "$image"
ok "a long path does not push it out" err_has 'unexpected: blocks.0.attn.proj.bias'
ok "nor make it long" short
timmc classify -w ten.pth "$image"
ok "no model named: the checkpoint's own" err_has 'it says that it is of test_vit: --model test_vit'

# ---- where the weights lie ----

taken() {
    ok "$1: exit 0" exit_is 0
    ok "$1: the weights'" same "$2"
    ok "$1: told" err_has "were taken as with $3"
}
checkpoint test_vit lightning.ckpt state_dict:model. optimizer:x.:blocks
timmc classify test_vit -w lightning.ckpt "$image"
taken Lightning answer '--weights-key state_dict --weights-prefix model.'
checkpoint test_vit compiled.ckpt state_dict:net._orig_mod.
timmc classify test_vit -w compiled.ckpt "$image"
taken "Lightning, compiled" answer '--weights-key state_dict --weights-prefix net.'
checkpoint test_vit msd.pth model_state_dict:
timmc classify test_vit -w msd.pth "$image"
taken model_state_dict answer '--weights-key model_state_dict'
checkpoint test_vit fastai.pth model:0.model.:head
embed -w fastai.pth --num-classes 0
taken fastai embedding '--weights-key model --weights-prefix 0.model.'
checkpoint test_vit moco.pth state_dict:module.encoder_q.:head state_dict2:x.:cls
embed -w moco.pth --num-classes 0
taken MoCo embedding '--weights-key state_dict --weights-prefix encoder_q.'
checkpoint test_vit spark.pth module:sparse_encoder.sp_cnn.:head
embed -w spark.pth --num-classes 0
taken SparK embedding '--weights-key module --weights-prefix sparse_encoder.sp_cnn.'
checkpoint test_vit mm.pth state_dict:backbone.:head
embed -w mm.pth --num-classes 0
taken mmpretrain embedding '--weights-key state_dict --weights-prefix backbone.'
checkpoint test_vit dino.pth student:module.backbone. teacher:backbone.
embed -w dino.pth --num-classes 0
taken "DINO's teacher" embedding1 '--weights-key teacher --weights-prefix backbone.'
ok "DINO's student is told" err_has 'others fit too: --weights-key student'
embed -w dino.pth --num-classes 0 --no-ema
ok "DINO's student" same embedding
timmc classify test_vit -w flat.safetensors "$image"
ok "what fits as it is: nothing to tell" no_err
checkpoint test_vit clip.safetensors :visual.trunk.
embed -w clip.safetensors
ok "open_clip" same embedding

checkpoint test_vit two.pth a: b:
embed -w two.pth
ok "two of them: exit 3" exit_is 3
ok "two of them: both told" err_has 'choose one: --weights-key a, --weights-key b'
embed -w two.pth --weights-key b
ok "--weights-key" same embedding1
ok "--weights-key: nothing to tell" no_err
embed -w two.pth --weights-key c
ok "no such key: exit 3" exit_is 3
ok "no such key: those there are" err_has "nothing lies under the key 'c'; found a, b"
embed -w lightning.ckpt --weights-prefix model
ok "--weights-prefix, without its dot" same embedding
ok "--weights-prefix: nothing to tell" no_err
embed -w lightning.ckpt --weights-prefix net.
ok "no such prefix: those there are" err_has "nothing lies under the prefix 'net.'; found model."
ok "no such prefix: exit 3" exit_is 3
embed -w dino.pth --weights-key student --weights-prefix backbone
ok "both" same embedding
timmc info test_vit -w lightning.ckpt --check --format text
ok "info --check finds it" out_has 'every tensor fits'
ok "info --check tells" err_has 'were taken as with'
checkpoint --damage 3 test_vit damaged.pth
timmc classify test_vit -w damaged.pth "$image"
ok "a packed tensor with another checksum" err_has 'with checksum'
timmc info test_vit -w damaged.pth --check
ok "info --check sees it: exit 3" exit_is 3
ok "info --check sees it" err_has 'found entry a/data/3'
ok "and vouches for nothing" no_out

timmc classify test_vit -w lightning.ckpt --num-classes 7 "$image"
ok "what was found does not fit: exit 3" exit_is 3
ok "what was found does not fit: where it was" err_has 'were taken as with --weights-key state_dict'
timmc classify test_vit --no-pretrained --weights-key model "$image"
ok "a part of the formula: exit 2" exit_is 2
ok "a part of the formula" err_has '--weights-key is for files'
timmc classify test_vit --weights formula:1 --weights-prefix x. "$image"
ok "a prefix of the formula: exit 2" exit_is 2
for option in num-classes=7 in-chans=1 img-size=96 global-pool=max output-stride=16; do
    timmc convert flat.safetensors lone.safetensors "--$option"
    ok "convert --$option without a model: exit 2" exit_is 2
    ok "convert --$option without a model" err_has "--${option%=*} is of a model"
    ok "convert --$option: nothing was written" test ! -e lone.safetensors
done

# ---- several files ----

mkdir shards
checkpoint test_vit shards/model.safetensors.index.json
timmc classify test_vit -w shards/model.safetensors.index.json "$image"
ok "an index of shards" same answer
ok "an index of shards: nothing to tell" no_err
echo '{"architecture": "test_vit"}' >shards/config.json
timmc classify "local-dir:shards" "$image"
ok "in a folder" exit_is 0
timmc convert shards/model.safetensors.index.json one.safetensors
timmc classify test_vit -w one.safetensors "$image"
ok "convert makes one of them" same answer
timmc info test_vit -w shards/model.safetensors.index.json --check
for file in shards/*; do
    case $file in *config.json) continue ;; esac
    ok "info --check tells the hash of $file" out_has "$(sha256sum "$file" | cut -c 1-64)"
done
timmc info test_vit -w shards/model.safetensors.index.json --check --format text
ok "info --check in words" out_has 'shard           shards/model-00002-of-00002.safetensors, '
mkdir bins
checkpoint test_vit bins/m-00001-of-00002.bin ::blocks.1
checkpoint test_vit bins/m-00002-of-00002.bin ::blocks.2
sed 's/[a-z]*-0000[12]-of-00002.safetensors/m-00001-of-00002.bin/g' \
    shards/model.safetensors.index.json |
    sed 's/\("blocks.1[^:]*":"m-0000\)1/\12/g' >bins/pytorch_model.bin.index.json
timmc classify test_vit -w bins/pytorch_model.bin.index.json "$image"
ok "an index of PyTorch's files" same answer
cp shards/config.json bins
timmc classify local-dir:bins "$image"
ok "an index of PyTorch's files, in a folder" exit_is 0
timmc classify test_vit -w bins/m-00001-of-00002.bin "$image"
ok "one of PyTorch's files alone" err_has 'it is one shard of several: give their .bin.index.json'
timmc classify test_vit -w shards/model-00001-of-00002.safetensors "$image"
ok "one of them alone" err_has 'it is one shard of several: give their .safetensors.index.json'
sed 's/"cls_token"/"cls_tokens"/' shards/model.safetensors.index.json >shards/wrong.index.json
timmc classify test_vit -w shards/wrong.index.json "$image"
ok "an index that names what is not there: exit 3" exit_is 3
ok "an index that names what is not there" err_has 'found no tensor cls_tokens'
sed 's/model-00002/..\/model-00002/' shards/model.safetensors.index.json >shards/wrong.index.json
timmc classify test_vit -w shards/wrong.index.json "$image"
ok "an index that leaves its folder" err_has 'found a tensor that lies in no file beside it'
rm shards/model-00002-of-00002.safetensors
timmc classify test_vit -w shards/model.safetensors.index.json "$image"
ok "a shard that is missing: exit 3" exit_is 3
ok "a shard that is missing: which" err_has 'shards/model-00002-of-00002.safetensors'
timmc classify local-dir: "$image"
ok "local-dir: without a folder: exit 2" exit_is 2
ok "local-dir: without a folder" err_has 'expected local-dir:FOLDER'

# ---- shared tensors ----

checkpoint test_vit shared.safetensors blocks.1.norm1.weight=blocks.0.norm1.weight
timmc info test_vit -w shared.safetensors --check --format text
ok "a tensor of two names" out_has 'every tensor fits'
timmc convert shared.safetensors both.safetensors
ok "is written under both" out_has '"tensors":80'

# ---- convert ----

timmc convert flat.safetensors b.pth
ok "another ending: exit 2" exit_is 2
ok "another ending: why" err_has 'must end in .safetensors'
ok "another ending: no file" [ ! -e b.pth ]
timmc convert lightning.ckpt c.safetensors -m test_vit
ok "convert finds the place" exit_is 0
ok "convert tells it" err_has 'were taken as with'
timmc classify test_vit -w c.safetensors "$image"
ok "convert: what fits" same answer
timmc convert lightning.ckpt d.safetensors --weights-prefix model.
timmc classify test_vit -w d.safetensors "$image"
ok "convert --weights-prefix" same answer
timmc convert ten.pth e.safetensors -m test_vit --num-classes 10
ok "convert --num-classes" exit_is 0
timmc convert ten.pth f.safetensors -m test_vit
ok "convert without it" exit_is 3
timmc convert flat.safetensors g.safetensors -m test_vit --num-classes 0
ok "convert leaves the classifier out" out_has '"tensors":78'
checkpoint --in-chans 1 test_vit gray.pth
timmc convert gray.pth h.safetensors -m test_vit --in-chans 1
ok "convert --in-chans" exit_is 0

# ---- what is no weights file, and no picture ----

printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n' >lfs.safetensors
timmc classify test_vit -w lfs.safetensors "$image"
ok "a Git LFS pointer: exit 3" exit_is 3
ok "a Git LFS pointer" err_has 'git lfs pull'
printf '<!DOCTYPE html><html>' >page.pth
timmc classify test_vit -w page.pth "$image"
ok "a page" err_has 'found an HTML page'
timmc classify test_vit -w "$image" "$image"
ok "a picture as weights" err_has 'found a PNG picture'
timmc classify test_vit --no-pretrained flat.safetensors
ok "weights as a picture" out_has 'is a safetensors file, expected PNG, JPEG, '
printf 'qoif\1\2\3\4' >cat.qoi
timmc classify test_vit --no-pretrained cat.qoi
ok "QOI" out_has ': convert it to PNG or JPEG'
ok "QOI: exit 4" exit_is 4
timmc classify tf_efficientnet_lite0 -w "$lite0" "$image"
ok "sound weights" exit_is 0
done_testing
