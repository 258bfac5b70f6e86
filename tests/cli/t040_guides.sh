#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The calls of timm's guides to creating models and extracting features, with formula weights.
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
cat=$images/chelsea.png
two="$images/chelsea.png $images/coffee.png"

# shape_is SHAPE: of the array that was written
shape_is() { exit_is 0 && head -c 128 "$tmp/x.npy" | grep -aqF "'shape': $1"; }
# written ARGUMENT...: a run on two pictures into x.npy
written() {
    # $two is two words
    # shellcheck disable=SC2086
    timmc "$@" --no-pretrained --force -o "$tmp/x.npy" $two
}
shapes() { grep -o '"shape":\[[0-9,]*\]' "$tmp/out" | cut -d: -f2 | tr '\n' ' '; }
shapes_are() { [ "$(shapes)" = "$1 " ]; }
members() { grep -o "\"$1\":[0-9]*" "$tmp/out" | cut -d: -f2 | tr '\n' ' '; }
members_are() { [ "$(members "$1")" = "$2 " ]; }

written features xception41 --kind unpooled
ok "xception41 unpooled" shape_is '(2, 2048, 10, 10)'
written features resnet50 --kind unpooled
ok "resnet50 without classes and pooling" shape_is '(2, 2048, 7, 7)'
written features resnet50 --kind pooled
ok "resnet50 without classes" shape_is '(2, 2048)'
written features densenet121 --num-classes 0 --global-pool '' --kind pre-logits
ok "densenet121 reset, without pooling" shape_is '(2, 1024, 7, 7)'
written features ese_vovnet19b_dw --num-classes 0 --kind pre-logits
ok "ese_vovnet19b_dw reset" shape_is '(2, 1024)'
written features vit_medium_patch16_reg1_gap_256 --kind unpooled
ok "vit_medium unpooled" shape_is '(2, 257, 512)'
written classify vit_medium_patch16_reg1_gap_256
ok "vit_medium logits" shape_is '(2, 1000)'
timmc forward-intermediates vit_medium_patch16_reg1_gap_256 --no-pretrained "$cat"
maps=$(printf '[1,512,16,16] %.0s' 1 2 3 4 5 6 7 8 9 10 11)
ok "vit_medium's blocks and last state" shapes_are "[1,257,512] $maps[1,512,16,16]"
timmc info vit_medium_patch16_reg1_gap_256 --prune-intermediates=-2 --prune-head --prune-norm
ok "vit_medium pruned" out_has '"params_before":38880232,"params_after":35212800'
timmc info mobilenetv5_base --prune-intermediates=-1 --prune-norm
ok "mobilenetv5's fusion does not go with a norm" out_has '"params_after":82647976'
timmc info mobilenetv5_base --prune-intermediates=-1 --prune-head
ok "but with the head" out_has '"params_after":69581760'
timmc info nasnetalarge --prune-intermediates=3
ok "nasnetalarge pruned" out_has '"params_after":20101974'
timmc features resnest26d --no-pretrained "$cat"
ok "resnest26d pyramid" shapes_are '[1,64,112,112] [1,256,56,56] [1,512,28,28] [1,1024,14,14] [1,2048,7,7]'
timmc features regnety_032 --no-pretrained "$cat"
ok "regnety_032 channels" members_are channels "32 72 216 576 1512"
timmc features ecaresnet101d --no-pretrained --output-stride 8 --out-indices 2,4 --img-size 320 "$cat"
ok "ecaresnet101d at stride 8: channels" members_are channels "512 2048"
ok "reduction" members_are reduction "8 8"
ok "shapes" shapes_are '[1,512,40,40] [1,2048,40,40]'
timmc features resnet34 --no-pretrained "$cat"
ok "resnet34 pyramid" shapes_are '[1,64,112,112] [1,64,56,56] [1,128,28,28] [1,256,14,14] [1,512,7,7]'

# every name answers; --num-classes is the 21k head where the guide has it
for model in vit_large_patch16_384 vit_large_patch32_384 wide_resnet50_2 wide_resnet101_2 densenet264; do
    timmc info $model
    ok "$model is built" out_has '"gmacs":'
done
timmc info vit_large_patch32_224.orig_in21k
ok "the 21k head" out_has '"num_classes":'
timmc classify wide_resnet50_2 --no-pretrained -k 1 "$cat"
ok "wide_resnet50_2 answers" exit_is 0

# surgery
timmc classify resnet18 --no-pretrained --global-pool catavgmax -k 1 "$cat"
ok "catavgmax" exit_is 0
timmc classify resnet18 --no-pretrained --global-pool nothing -k 1 "$cat"
ok "an unknown pool: exit 2" exit_is 2
ok "the known ones" err_has 'avg, max, avgmax, catavgmax'
weights=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors
timmc classify --num-classes 10 "$cat"
ok "a classifier of another size is refused: exit 3" exit_is 3
ok "and named" err_has 'classifier.weight'
timmc classify --num-classes 10 --drop-head -k 1 "$cat"
ok "one that is made up names no class: exit 3" exit_is 3
timmc features --num-classes 10 --drop-head --kind pooled "$cat"
ok "its features are the file's" exit_is 0
timmc features --num-classes 0 --kind pooled -w "$weights" "$cat"
ok "no classifier needs none" exit_is 0
timmc features --in-chans 1 --kind pooled "$cat"
ok "one channel" exit_is 0
timmc classify --output-stride 16 -k 1 "$cat"
ok "output stride in classification" exit_is 0
timmc classify vgg11 --no-pretrained --output-stride 8 -k 1 "$cat"
ok "a family that cannot: exit 2" exit_is 2
done_testing
