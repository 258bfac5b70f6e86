#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Encoders of language models: embeddings and features, no classes.
. "$(dirname "$0")/lib.sh"

photo=$here/../data/images/chelsea.png
encoder() { timmc features qwen3_vit_88m_enc "$photo" --no-pretrained --img-size 64 "$@"; }

encoder --kind pooled
ok "the embedding is what the projector makes of the patches" exit_is 0
ok "four tokens of the language model's width" out_has '"shape":[1,4,1024]'
timmc features qwen3_vit_306m_enc.qwen3_vl_4b "$photo" --no-pretrained --img-size 32 --kind pooled
ok "the width is that of the tag's language model" out_has '"shape":[1,1,2560]'
encoder --kind pooled --model-arg out_features=40
ok "or the one that was asked for" out_has '"shape":[1,4,40]'
encoder --kind pooled --global-pool avg
ok "the mean of the patches" out_has '"shape":[1,768]'
encoder --kind unpooled
ok "the last state has its channels last" out_has '"shape":[1,4,4,768]'
encoder
ok "features" out_has '"tensor":"features.11"'

encoder --kind pre-logits
ok "no input of a classifier" exit_is 2
ok "in timm's words" err_has 'Qwen3VitEncoder does not support classification use cases'
encoder --num-classes 5
ok "no classifier can be added" err_has '5 classes: Qwen3VitEncoder does not support'
timmc classify qwen3_vit_88m_enc "$photo" --no-pretrained --img-size 64
ok "no classes" exit_is 2
encoder --kind pooled --global-pool max
ok "no other pools" err_has 'this encoder has avg, merge, or none'
encoder --img-size 48 --kind pooled
ok "the projector needs even numbers of patches" err_has '3 x 3 patches'
encoder --img-size 40
ok "patches divide the picture" err_has 'Input height (40) should be divisible by patch size (16)'
timmc features qwen3_vit_88m_merge "$photo" --no-pretrained --img-size 32 --num-classes 3 --kind pooled
ok "a classifier around the projector" out_has '"shape":[1,1024]'
timmc features mobilenetv5_300m_enc "$photo" --kind pooled
ok "an encoder that pools nothing answers its map" out_has '"tensor":"pooled","channels":2048,"shape":[1,2048,16,16]'
for pool in avg ''; do
    timmc features mobilenetv5_300m_enc "$photo" --kind pooled --global-pool "$pool"
    ok "global pool '$pool', which timm passes over: exit 2" exit_is 2
    ok "global pool '$pool': told" err_has 'this family has no choice of pools'
done
done_testing
