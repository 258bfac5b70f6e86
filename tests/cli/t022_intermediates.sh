#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc forward-intermediates.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png

count_is() { [ "$(grep -o '"tensor"' "$tmp/out" | wc -l)" -eq "$1" ]; }
timmc forward-intermediates test_vit --no-pretrained "$cat"
ok "exits 0" exit_is 0
ok "every block and the final state" count_is 7
ok "maps" out_has '"tensor":"image_intermediates.0","index":0,"channels":64,"shape":[1,64,10,10]'
ok "the final state is tokens" out_has '"tensor":"image_features","channels":64,"shape":[1,101,64]'
timmc forward-intermediates efficientvim_m1 --no-pretrained "$cat"
ok "three stages and a final state of four" count_is 7
timmc forward-intermediates test_vit --no-pretrained --indices 2,-1 --intermediates-only "$cat"
ok "chosen blocks" count_is 2
ok "negative ones are told as they are" out_has image_intermediates.5
timmc forward-intermediates test_vit --no-pretrained --last 2 --output-fmt NLC --prefix-tokens "$cat"
ok "tokens" out_has '"tensor":"image_intermediates.5","index":5,"channels":64,"shape":[1,100,64]'
ok "prefix tokens" out_has '"tensor":"image_intermediates_prefix.5","index":5,"channels":64,"shape":[1,1,64]'
timmc forward-intermediates test_vit --no-pretrained --last 1 "$cat"
cp "$tmp/out" "$tmp/plain"
timmc forward-intermediates test_vit --no-pretrained --last 1 --norm "$cat"
differs() { exit_is 0 && ! cmp -s "$tmp/out" "$tmp/plain"; }
ok "the final norm changes the numbers" differs
timmc forward-intermediates samvit_base_patch16 --no-pretrained --img-size 64 --indices 5 --norm "$cat"
# timm's forward_intermediates(x, norm=True): mean -0.01528018, std 1.00144725
ok "SAM's norm is its neck" out_has '"index":5,"channels":256,"shape":[1,256,4,4],"mean":-0.01528'
ok "on every block" out_has '"std":1.00144'
timmc forward-intermediates resnet18 --no-pretrained --norm "$cat"
ok "a model without one: exit 2" exit_is 2
ok "and why" err_has 'norm of intermediates: this model has none'
timmc forward-intermediates test_vit --no-pretrained --indices 6 "$cat"
ok "an index too far: exit 2" exit_is 2
ok "the valid ones" err_has 'expected -6 to 5'
timmc forward-intermediates test_vit --no-pretrained --last 7 "$cat"
ok "too many: exit 2" exit_is 2
timmc forward-intermediates test_vit --no-pretrained --last 1 --indices 1 "$cat"
ok "last and indices: exit 2" exit_is 2
timmc forward-intermediates resnet18 --no-pretrained --output-fmt NLC "$cat"
ok "a CNN has maps only: exit 2" exit_is 2
timmc forward-intermediates resnet18 --no-pretrained --prefix-tokens "$cat"
ok "and no prefix tokens: exit 2" exit_is 2
timmc forward-intermediates resnet18 "$cat"
ok "without weights: exit 3" exit_is 3
timmc forward-intermediates test_vit --no-pretrained --last 1 --prefix-tokens -o "$tmp/x.safetensors" "$cat"
keys() { head -c 2000 "$tmp/x.safetensors" | grep -ao 'image_[a-z_]*[.0-9]*' | sort -u | tr '\n' ' '; }
keys_are() { [ "$(keys)" = "$1 " ]; }
ok "timm's keys" keys_are "image_features image_intermediates.5 image_intermediates_prefix.5"

# timm's prune_intermediate_layers: its guide's example, and what timm counts for others
timmc info vit_medium_patch16_reg1_gap_256 --prune-intermediates=-2 --prune-head --prune-norm
ok "pruned parameters" out_has '"pruned":{"intermediates":[10],"params_before":38880232,"params_after":35212800}'
timmc info test_vit2 --prune-intermediates 1
ok "norm and head kept" out_has '"params_after":204584'
timmc info test_vit2 --prune-intermediates 1 --prune-head
ok "head pruned" out_has '"params_after":139456'
timmc info resnet34 --prune-intermediates 2
ok "a CNN cut short loses its head" out_has '"params_after":1347904'
# where the norm and the head go with the blocks that are cut, or with each other
while read -r model arguments; do
    after=${arguments##* }
    # shellcheck disable=SC2086
    timmc info "$model" --prune-intermediates ${arguments% *}
    ok "$model, $arguments" out_has "\"params_after\":$after"
done <<END
efficientformer_l1 0 68976
levit_128s 0 331696
twins_svt_small 0 366208
mvitv2_tiny 0 150528
regnetz_040_h 4 --prune-head 26587800
convmixer_768_32 0 1516264
efficientnet_b0 4 --prune-head 3595388
efficientnet_b0 4 --prune-norm 3595388
fastvit_t8 3 --prune-norm 3171936
ghostnet_050 4 --prune-norm 251492
repghostnet_050 4 --prune-head 146928
rexnet_100 4 --prune-head 3276513
samvit_base_patch16 0 11615104
samvit_base_patch16_224 0 8452456
samvit_base_patch16_224 0 --prune-head 7683456
sequencer2d_s 0 1810944
shvit_s1 0 233104
skresnet18 0 9536
END
timmc info volo_d1_224 --prune-intermediates 0
ok "a rule of the family's own: exit 2" exit_is 2
ok "why" err_has 'volo_d1_224.sail_in1k: timm prunes this family in a way of its own'
timmc info resnet34 --prune-intermediates 5
ok "a block too far: exit 2" exit_is 2
# timm gives tokens of these and maps of those, whatever their last state is
for model in pit_ti_224 twins_svt_small levit_128s hiera_tiny_224 volo_d1_224; do
    timmc forward-intermediates "$model" --no-pretrained --output-fmt NLC "$cat"
    ok "$model has maps alone: exit 2" exit_is 2
    ok "$model: told so" err_has 'timm gives its intermediates as maps'
done
timmc forward-intermediates deepseek_vit_412m --no-pretrained --output-fmt NLC --img-size 42,56 \
    --model-arg depth=1 --model-arg embed_dim=64 --model-arg num_heads=4 "$cat"
ok "tokens of a block" out_has '"shape":[1,12,64]'
ok "a last state with its channels last stays a map" out_has '"shape":[1,3,4,64]'
done_testing
