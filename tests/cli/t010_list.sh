#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc list. data/list*.txt are the answers of timm 1.0.31's list_models.
. "$(dirname "$0")/lib.sh"

timmc list
ok "all names in timm's order" out_is_file "$here/data/list.txt"
ok "list exits 0" exit_is 0
ok "list is silent on stderr" no_err
timmc list --pretrained
ok "pretrained names in timm's order" out_is_file "$here/data/list_pretrained.txt"

timmc list 'resnet50*' --exclude '*d*' --exclude resnet50s --exclude 'resnet50x*'
ok "globs and exclusions" out_is "resnet50
resnet50_clip
resnet50_clip_gap
resnet50_gn
resnet50_mlp
resnet50c
resnet50t"
timmc list resnet18 resnet34 --pretrained --exclude '*.fb_*'
ok "a glob without a tag stands for all tags" out_is "resnet18.a1_in1k
resnet18.a2_in1k
resnet18.a3_in1k
resnet18.gluon_in1k
resnet18.tv_in1k
resnet34.a1_in1k
resnet34.a2_in1k
resnet34.a3_in1k
resnet34.bt_in1k
resnet34.gluon_in1k
resnet34.ra4_e3600_r224_in1k
resnet34.tv_in1k"
timmc list --module nest --module swin_transformer '*tiny*'
ok "several modules" out_is "nest_tiny
nest_tiny_jx
swin_s3_tiny_224
swin_tiny_patch4_window7_224"

timmc list 'convnext_[a-f]*' --sort params
ok "sorted by parameters" first_line_is convnext_atto
timmc list --pretrained --sort top1 --max-gmacs 5 --min-top1 84
ok "best accuracy within a budget" out_is "tf_efficientnet_b4.ns_jft_in1k
tiny_vit_21m_224.dist_in22k_ft_in1k
convnext_tiny.in12k_ft_in1k
caformer_s18.sail_in22k_ft_in1k
tf_efficientnet_b3.ns_jft_in1k
rexnetr_300.sw_in12k_ft_in1k"
timmc list resnet50 --pretrained --license 'cc-*' --sort top1
ok "by license" out_is "resnet50.fb_swsl_ig1b_ft_in1k
resnet50.fb_ssl_yfcc100m_ft_in1k"
timmc list --max-params 0.5 'test_*' --sort gmacs
ok "by parameters, fewest multiply-adds first" first_line_is test_byobnet
ok "by parameters, none larger" out_lacks test_vit3

timmc list resnet50.a1_in1k --pretrained --format jsonl
supported=$(sed -n 's/.*"supported":\([a-z]*\).*/\1/p' "$tmp/out")
ok "a record" out_is '{"model":"resnet50.a1_in1k","arch":"resnet50","tag":"a1_in1k","module":"resnet","supported":'"$supported"',"cached":false,"params_m":25.56,"gmacs":4.11,"img_size":224,"top1":80.382,"license":"apache-2.0"}'
timmc list davit_giant --format jsonl
ok "what is unknown is null" out_has '"tag":null,"module":"davit"'
ok "what was not measured is null" out_has '"params_m":null,"gmacs":null,"img_size":224,"top1":null'
timmc list 'resnet50' davit_giant --format csv
ok "csv" out_has 'model,arch,tag,module,supported,cached,params_m,gmacs,img_size,top1,license'
ok "csv row" out_has ',25.56,4.11,224,80.382,apache-2.0'
ok "csv lines" out_lines 3
timmc list resnet50 --format table
ok "table heading" out_has 'PARAMS_M'
ok "table row" out_has ' 80.382     25.56     4.11   224'

timmc list --supported --format jsonl
ok "supported models alone" out_lacks '"supported":false'
"$TIMMC" list >"$tmp/all"
timmc list --supported
ok "which are all of timm's" out_is_file "$tmp/all"

snapshot=$tmp/hub/models--timm--resnet18.a1_in1k/snapshots/0a1b
mkdir -p "$snapshot"
: >"$snapshot/model.safetensors"
HF_HUB_CACHE=$tmp/hub
export HF_HUB_CACHE
timmc list --cached --pretrained
ok "a snapshot that no branch leads to" exit_is 4
mkdir "$tmp/hub/models--timm--resnet18.a1_in1k/refs"
echo 0a1b >"$tmp/hub/models--timm--resnet18.a1_in1k/refs/main"
mkdir -p "$tmp/hub/models--timm--resnet34.a1_in1k/snapshots/0a1b" "$tmp/hub/models--timm--resnet34.a1_in1k/refs"
echo 0a1b >"$tmp/hub/models--timm--resnet34.a1_in1k/refs/main"
: >"$tmp/hub/models--timm--resnet34.a1_in1k/snapshots/0a1b/other.bin"
timmc list --cached --pretrained
ok "cached weights that classify takes" out_is resnet18.a1_in1k
timmc list 'resnet18' --format jsonl
ok "cached in the record" out_has '"cached":true'
mkdir -p "$tmp/torch/hub/checkpoints"
: >"$tmp/torch/hub/checkpoints/convnext_base_1k_224_ema.pth"
: >"$tmp/torch/hub/checkpoints/resnet50_a1_0-14fe96d1.pth"
run env TORCH_HOME="$tmp/torch" "$TIMMC" list 'convnext_base.fb_in1k' resnet50.a1_in1k --cached --pretrained
ok "torch.hub's cache stands behind the hub" exit_is 4
run env TIMM_USE_OLD_CACHE=1 TORCH_HOME="$tmp/torch" "$TIMMC" list 'convnext_base.fb_in1k' resnet50.a1_in1k --cached --pretrained
ok "TIMM_USE_OLD_CACHE: it goes first, if it is whole" out_is convnext_base.fb_in1k
unset HF_HUB_CACHE
timmc list --cached
ok "nothing is cached: exit 4" exit_is 4

timmc list no_such_thing
ok "no match exits 4" exit_is 4
ok "no match says so" err_has 'timmc: error: no model matches'
ok "no match prints nothing" no_out
timmc list resnet50.a1_in1k
ok "a tag without --pretrained is explained" err_has 'tags are listed with --pretrained'
timmc list --module resnt
ok "unknown module exits 2" exit_is 2
ok "unknown module names the nearest" err_has 'nearest: resnet'
timmc list --format xml
ok "unknown format names the valid ones" err_has 'not one of names|table|jsonl|csv'
timmc list --min-top1 high
ok "a word is no number" exit_is 2
run sh -c '"$0" list >/dev/full' "$TIMMC"
ok "a full device exits 6" exit_is 6
ok "a full device is told" err_has 'cannot write'

TIMMC_FORMAT=csv TIMMC_MAX_GMACS=4
export TIMMC_FORMAT TIMMC_MAX_GMACS
timmc list resnet34
ok "options from the environment" out_has 'resnet34,resnet34,'
timmc list resnet34 --format names
ok "the command line wins" out_is resnet34
timmc list resnet50
ok "bounds from the environment" exit_is 4

done_testing
