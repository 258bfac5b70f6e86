#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Arguments that change a model: of the command line and of config.json's model_args. What they
# compute is compared with timm's in tests/parity/arguments.jsonl.
. "$(dirname "$0")/lib.sh"
cat="$here/../data/images/chelsea.png"

params() { sed -n 's/.*"params":\([0-9]*\).*/\1/p' "$tmp/out"; }

timmc info test_vit -f json
own=$(params)
timmc info test_vit --model-arg depth=6 -f json
ok "an argument that is the model's own changes nothing" test "$(params)" = "$own"
timmc info test_vit --model-arg depth=3 --model-arg reg_tokens=2 -f json
ok "fewer blocks, fewer parameters" test "$(params)" -lt "$own"
timmc info deit3_small_patch16_224 -f json
own=$(params)
timmc info deit3_small_patch16_224 --model-arg init_values=null -f json
ok "null is what the model has, as create_model takes it" test "$(params)" = "$own"
timmc info test_vit -f json
own=$(params)
timmc features test_vit --no-pretrained --kind pooled --model-arg embed_dim=32 "$cat"
ok "another width" out_has '"shape":[1,32]'

# refusals
for bad in foo=1 depth=0 depth=1.5 depth=x depth=201 embed_dim=33 class_token=1 act_layer=3 \
    act_layer=nope act_layer=identity init_values=yes init_values=0 depth= =3 depth; do
    timmc features test_vit --no-pretrained --model-arg "$bad" "$cat"
    ok "$bad: exit 2" exit_is 2
done
timmc features test_vit --no-pretrained --model-arg foo=1 "$cat"
ok "what there is" err_has 'of timm'"'"'s vision_transformer there can be changed: patch_size, embed_dim'
timmc features selecsls42 --no-pretrained --model-arg growth_rate=3 "$cat"
ok "a family without any" err_has 'there can be changed: nothing'
timmc info swin_tiny_patch4_window7_224 --model-arg mlp_ratio=4 -f json
ok "what the model has itself, of an argument that is not in the table" exit_is 0
timmc info swin_tiny_patch4_window7_224 --model-arg mlp_ratio=3
ok "and no other value: exit 2" exit_is 2
timmc info resnest50d --model-arg 'channels=[64,128,256,512]' --model-arg stem_type=deep \
    --model-arg zero_init_last=false -f json
ok "lists and words, too" exit_is 0
timmc info resnest50d --model-arg 'channels=[64,128,256,513]'
ok "another list: exit 2" exit_is 2
timmc features swin_tiny_patch4_window7_224 --no-pretrained --model-arg num_heads=5 "$cat"
ok "heads that do not divide: exit 2" exit_is 2
timmc features cait_xxs24_224 --no-pretrained --model-arg num_heads=5 "$cat"
ok "what an operator finds is refused" err_has 'arguments do not go together'
timmc features vit_large_patch16_sapiens2 --no-pretrained --model-arg depth=3 "$cat"
ok "kv heads are listed block by block" err_has 'one entry per block'
timmc features coat_small --no-pretrained --model-arg 'serial_depths=[1,1,1,1]' "$cat"
ok "what timm's function says itself" err_has "timm's coat_small takes no other"
timmc info efficientnet_b0 --model-arg depth_multiplier=2
ok "what it says of this model, not of another" err_has "timm's efficientnet_b0 takes no other"
timmc info efficientnetv2_s --model-arg depth_multiplier=2
ok "but of that one" exit_is 0
timmc info mobilenetv3_small_100 --model-arg pad_type=sane
ok "what there is to choose" err_has "found sane, expected one of '' 'same' 'valid'"
timmc info mobilenetv3_small_050 --model-arg aa_layer=blur
ok "a blur of other channels" err_has 'aa_layer: the blur of a block with 16 channels in'
timmc info efficientnet_b1 --model-arg group_size=3
ok "groups that do not divide" err_has 'group_size 3 does not divide'
timmc info efficientnet_b0_gn --model-arg channel_divisor=4 --model-arg channel_multiplier=0.35
ok "nor the norm's" err_has 'norm groups of 8 do not divide 12 channels'
timmc info efficientnet_b0 --model-arg norm_layer=layernorm2d --model-arg bn_eps=0.1
ok "another norm has its own epsilon" err_has 'bn_eps: timm'"'"'s norm_layer takes no other'
timmc features swin_tiny_patch4_window7_224 --no-pretrained --model-arg depths=2 "$cat"
ok "one number where timm wants a list: exit 2" exit_is 2
timmc features resnet18 --no-pretrained --model-arg 'layers=[1,2]' "$cat"
ok "a list too short: exit 2" exit_is 2
for width in 16 100; do
    timmc info resnet50_clip --model-arg head_hidden_size=$width
    ok "an attention pool of $width channels" err_has 'do not divide into heads of 64'
done
timmc info test_byobnet --model-arg width_factor=0.75
ok "groups of a width that do not divide" err_has 'do not divide into groups'
timmc info mobileone_s0 --model-arg stem_chs=16
ok "a stem that depthwise blocks do not fit" err_has 'a stem of 16 channels before a depthwise block of 48'
for bad in downsample=max downsample=1 w0=20 depth=3 wm=1; do
    timmc info regnetx_002 --model-arg "$bad"
    ok "regnet $bad: exit 2" exit_is 2
done
timmc info regnetx_002 --model-arg downsample=max
ok "the words that there are" err_has "expected one of 'conv1x1' 'avg' ''"

# pictures that patches do not divide
for model in test_vit vit_intern300m_patch14_448 vit_tiny_patch16_dinov3_qkvb; do
    timmc info "$model" --img-size 165 --model-arg depth=3
    ok "$model takes whole patches" err_has 'Input height (165) should be divisible by patch size (1'
done
timmc info test_vit --img-size 160,165
ok "both sides" err_has 'Input width (165) should be divisible by patch size (16).'
timmc features vit_tiny_patch16_224 --no-pretrained --kind pooled --img-size 165 \
    --model-arg depth=1 "$cat"
ok "a model of one size leaves the rest away" exit_is 0
timmc info vit_tiny_patch16_224 --img-size 165 --model-arg dynamic_img_size=true
ok "dynamic_img_size does not" err_has 'Input height (165) should be divisible'
timmc features vit_tiny_patch16_224 --no-pretrained --kind pooled --img-size 165 \
    --model-arg depth=1 --model-arg dynamic_img_size=true --model-arg dynamic_img_pad=true "$cat"
ok "zeros beside it" exit_is 0
timmc info vit_tiny_patch16_224 --img-size 165 --model-arg dynamic_img_pad=true
ok "but not in a model of one size" err_has 'dynamic_img_pad: without dynamic_img_size'

# the size that a model is made for, and that of its pictures
timmc info flexivit_small --model-arg dynamic_img_size=true --img-size 320 --tensors -f text
ok "positions of the model's own size" grep -q 'pos_embed .*1x225x384' "$tmp/out"
timmc info flexivit_small --model-arg dynamic_img_size=true --model-arg img_size=160 --tensors -f text
ok "of img_size" grep -q 'pos_embed .*1x100x384' "$tmp/out"
timmc info test_vit --model-arg 'img_size=[96,128]' -f json
ok "img_size is the pictures' size, too" out_has '"shape":[1,64,6,8]'
timmc info vit_tiny_patch16_224 --model-arg img_size=96 --img-size 128
ok "and the only one of a model of one size" err_has 'img_size makes it for 96x96 alone'
ok "which is: exit 2" exit_is 2
for bad in img_size=0 img_size=x 'img_size=[1,2,3]' img_size=20000; do
    timmc info test_vit --model-arg "$bad"
    ok "$bad: exit 2" exit_is 2
done
timmc info resnet18 --model-arg img_size=96
ok "img_size of a net of any size: exit 2" exit_is 2
timmc preprocess test_vit --img-size 96,128 "$cat" -o "$tmp/small.npy"
timmc features flexivit_small --no-pretrained --kind pooled --model-arg depth=1 \
    --model-arg dynamic_img_size=true --data list "$tmp/small.npy"
ok "a tensor of another size" exit_is 0
sed 's/"file":"[^"]*"//' "$tmp/out" >"$tmp/own"
timmc features flexivit_small --no-pretrained --kind pooled --model-arg depth=1 --img-size 96,128 \
    --model-arg dynamic_img_size=true --data list "$tmp/small.npy"
sed 's/"file":"[^"]*"//' "$tmp/out" >"$tmp/sized"
ok "has the numbers of that size" cmp -s "$tmp/own" "$tmp/sized"
timmc info swin_tiny_patch4_window7_224 --model-arg strict_img_size=false --img-size 226
ok "Swin of any size takes whole patches" err_has 'Input height (226) should be divisible by patch size (4).'
timmc info resnet18 --model-arg drop_rate=0.1 -f json
ok "what is for training alone" exit_is 0

# ViTs as timm's NaFlexVit
timmc info test_vit --model-arg use_naflex=true --tensors -f json
ok "use_naflex: the names of NaFlexVit" out_has 'embeds.pos_embed'
timmc features test_vit --no-pretrained --model-arg use_naflex=true --max-seq-len 20 --kind pooled "$cat"
ok "pictures of their own aspect ratio" out_has '"size":[64,80]'
for model in naflexvit_base_patch16_gap deit_tiny_patch16_224 swin_tiny_patch4_window7_224; do
    timmc features $model --no-pretrained --model-arg use_naflex=true "$cat"
    ok "$model: no use_naflex: exit 2" exit_is 2
    ok "$model: by name" err_has 'use_naflex'
done
timmc features naflexvit_base_patch16_gap --no-pretrained --model-arg no_embed_class=true "$cat"
ok "no_embed_class is no argument of NaFlexVit" exit_is 2
timmc info naflexvit_base_patch16_gap --model-arg dynamic_img_size=true
ok "nor is dynamic_img_size" exit_is 2
timmc features eva02_tiny_patch14_224 --no-pretrained --model-arg use_naflex=true --model-arg depth=1 \
    --max-seq-len 20 --kind pooled "$cat"
ok "of EVA, too" out_has '"size":[56,70]'
timmc info eva02_enormous_patch14_clip_224 --model-arg use_naflex=true
ok "but not with norms at the end of branches" err_has 'use_post_norm is no argument of timm'
siglip="vit_so400m_patch14_siglip_384 --model-arg use_naflex=true --model-arg depth=1"
# shellcheck disable=SC2086
{
    timmc info $siglip
    ok "a model whose own pictures patches do not divide is there" exit_is 0
    timmc features $siglip --no-pretrained --kind pooled "$cat"
    ok "and does not run them" err_has 'patches of 14 pixels have to divide pictures, which are of 384x384'
    ok "as in timm: exit 2" exit_is 2
    timmc features $siglip --no-pretrained --kind pooled --max-seq-len 20 "$cat"
    ok "but others" exit_is 0
}
timmc features test_vit --no-pretrained --model-arg use_naflex=true --model-arg patch_size=1024 "$cat"
ok "a patch larger than the picture: exit 2" exit_is 2

# of a config
mkdir "$tmp/model"
printf '{"architecture":"test_vit","num_classes":10,"model_args":{"depth":2,"drop_rate":0.5,"init_values":1e-5}}' \
    >"$tmp/model/config.json"
timmc info "local-dir:$tmp/model" -f json
ok "model_args make the model" test "$(params)" -lt "$own"
timmc info "local-dir:$tmp/model" --model-arg depth=12 -f json
ok "the command line goes first" test "$(params)" -gt "$own"
printf '{"architecture":"test_vit","model_args":{"use_naflex":true,"img_size":96}}' >"$tmp/model/config.json"
timmc info "local-dir:$tmp/model" --img-size 64 --tensors -f text
ok "the positions have the config's size, not the picture's" grep -q 'embeds.pos_embed .*1x6x6x64' "$tmp/out"
printf '{"architecture":"test_vit","model_args":{"depht":2}}' >"$tmp/model/config.json"
timmc features "local-dir:$tmp/model" --no-pretrained "$cat"
ok "an unknown key of a config: exit 3" exit_is 3
ok "told by name" err_has 'model argument depht: it would make another model'
printf '{"architecture":"test_vit","model_args":{"act_layer":null}}' >"$tmp/model/config.json"
timmc info "local-dir:$tmp/model"
ok "null in a config is a value: exit 3" exit_is 3
timmc info regnetx_002 -f json
own=$(params)
printf '{"architecture":"regnetx_002","model_args":{"downsample":null}}' >"$tmp/model/config.json"
timmc info "local-dir:$tmp/model" -f json
ok "which some arguments have" test "$(params)" -lt "$own"
printf '{"architecture":"vit_tiny_patch16_224","model_args":{"dynamic_img_size":true,"depth":2}}' \
    >"$tmp/model/config.json"
timmc info "local-dir:$tmp/model" --img-size 165
ok "a config's dynamic_img_size" err_has 'Input height (165) should be divisible'
printf '{"architecture":"swin_tiny_patch4_window7_224","model_args":{"dynamic_img_size":true,"strict_img_size":false}}' \
    >"$tmp/model/config.json"
timmc info "local-dir:$tmp/model"
ok "a family that knows no difference" exit_is 0
done_testing
