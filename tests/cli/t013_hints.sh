#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is told to people who come from elsewhere, and to those who name a model another way: the
# word that is right here, and never another model's answer.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png

# commands
while IFS='|' read -r word hint; do
    # shellcheck disable=SC2086 # a command line
    timmc $word
    ok "$word: exit 2" exit_is 2
    ok "$word: $hint" err_has "$hint"
    ok "$word: no data" no_out
done <<END
predict x.jpg|here it is classify
pred x.jpg|here it is classify
embed x.jpg|here it is features --kind pooled
download resnet18|here it is pull
benchmark|here it is bench
help predict|here it is classify
rocket.jpg|"timmc classify rocket.jpg"
resnet50|"timmc classify resnet50 INPUT"
lisst|nearest: list
classify --batch-size 8 x.jpg|here it is --batch N
classify --batch_size 8 x.jpg|here it is --batch N
classify --batch-s 8 x.jpg|here it is --batch N
classify -j 4 x.jpg|here it is --threads N
bench --workers 4|here it is --threads N
classify --json x.jpg|here it is --format jsonl|json|text|csv|tsv
list --json|here it is --format names|table|jsonl|csv
features --pooled x.jpg|here it is --kind pooled
classify --pooled x.jpg|"timmc features --kind pooled"
features --output x.npy x.jpg|here it is -o FILE
classify --output x.npy x.jpg|-o FILE writes the numbers
classify --size 224 x.jpg|--img-size N|H,W
classify --checkpoint x.pth x.jpg|here it is --weights FILE
classify --results-file x.csv x.jpg|the standard output: >FILE
classify --device cuda x.jpg|everything runs on the CPU
classify --pretrained x.jpg|unless --no-pretrained
classify --pretraned x.jpg|nearest: --no-pretrained
classify -o out.csv x.jpg|-f csv >out.csv
features -o out.tsv x.jpg|-f tsv >out.tsv
END

# models: nothing is answered by the built-in one
while IFS='|' read -r words hint; do
    # shellcheck disable=SC2086 # operands
    timmc classify $words "$cat"
    ok "$words: exit 3" exit_is 3
    ok "$words: $hint" err_has "$hint"
    ok "$words: no data" no_out
done <<END
timm/resnet50.a1_in1k|hf-hub:timm/resnet50.a1_in1k
google/vit-base-patch16-224|or timm's own vit_base_patch16_224
dinov2|vit_base_patch14_dinov2
dinov2|"timmc list '*dinov2*'"
vit_b_16|in timm: vit_base_patch16_224
RESNET50|nearest: resnet50
ResNet-50|nearest: resnet50
resnet|"timmc list 'resnet*'"
vit|"timmc list 'vit*'"
swin|"timmc list 'swin*'"
zzqqxx|hf-hub:ORG/NAME
/no/such/folder|no such file or folder, nor a model
./photos|no such file or folder, nor a model
END
for word in resnet50 timm/resnet50.a1_in1k hf-hub:timm/resnet50.a1_in1k dinov2 vit_b_16; do
    timmc classify "$cat" "$word"
    ok "$word behind the picture: exit 2" exit_is 2
    ok "$word behind the picture: -m" err_has 'behind -m'
    ok "$word behind the picture: no data" no_out
done
timmc classify test_resnet resnet18 --no-pretrained "$cat"
ok "two models: exit 2" exit_is 2
timmc classify -m test_resnet --no-pretrained -k 1 "$cat" resnet18 /no/such/file
ok "with a model named, what is missing is a record" out_lines 3
timmc classify "$cat" photos/missing cat.gif
ok "and so is what no model is called like" out_lines 3
timmc list 'resnet*'
ok "the list that is named" out_has resnet50

# what was asked for is told
timmc classify -v --no-pretrained -m test_resnet -b 3 -t 2 --isa scalar -k 1 "$cat"
ok "-v: the model" err_has 'timmc: model test_resnet.r160_in1k, input 3x160x160'
ok "-v: the weights" err_has 'timmc: weights formula:0'
ok "-v: the instructions" err_has 'timmc: isa scalar, precision f32'
ok "-v: threads and batch" err_has 'timmc: threads 2, batch 3'
timmc classify -v -k 1 "$cat"
ok "-v: weights of the program" err_has 'tf_efficientnet_lite0.in1k.safetensors (built in)'
timmc classify -b 65536 --img-size 1024 "$cat"
ok "a batch that does not fit: exit 2" exit_is 2
ok "what does not fit, in what unit" err_has 'a batch of 65536 takes '
ok "and what would" err_has 'at once (-b '

done_testing
