#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where weights come from, what is refused, and what convert makes of them.
. "$(dirname "$0")/lib.sh"
image=$here/../data/images/chelsea.png
weights=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors

top5() { grep -o '"index":[0-9]*' "$tmp/out" | head -5 | cut -d: -f2 | tr '\n' ' '; }
top5_is() { [ "$(top5)" = "$1 " ]; }
timmc classify "$image"
expected=$(top5 | sed 's/ $//')

# convert: the same tensors in another type
for dtype in keep f32 f16 bf16; do
    timmc convert "$weights" "$tmp/$dtype.safetensors" --dtype $dtype
    ok "convert to $dtype" exit_is 0
    ok "$dtype: tells the tensors" out_has '"tensors":'
    timmc classify tf_efficientnet_lite0 -w "$tmp/$dtype.safetensors" "$image"
    ok "$dtype: the same top-5" top5_is "$expected"
done
f32_size=$(wc -c <"$tmp/f32.safetensors")
ok "f16 is half of f32" test "$(wc -c <"$tmp/f16.safetensors")" -lt $((f32_size * 55 / 100))
timmc convert "$tmp/f32.safetensors" "$tmp/back.safetensors" --dtype keep
ok "convert keeps bytes" cmp -s "$tmp/f32.safetensors" "$tmp/back.safetensors"
timmc convert "$weights" "$tmp/f32.safetensors"
ok "nothing is overwritten" exit_is 6
ok "unless forced" err_has '--force'
timmc convert "$weights" "$tmp/f32.safetensors" --force
ok "--force" exit_is 0
timmc convert "$weights" "$tmp/x.safetensors" -m resnet18
ok "convert for another model: exit 3" exit_is 3
ok "nothing is left" test ! -e "$tmp/x.safetensors"
timmc convert "$tmp/none" "$tmp/x.safetensors"
ok "no such file" err_has 'none'
timmc convert "$weights"
ok "two names: exit 2" exit_is 2

# files of PyTorch, as torch.save writes them
torch_save=$(dirname "$TIMMC")/tests/weights/torch_save
timmc classify tf_efficientnet_lite0 -w "$tmp/f32.safetensors" "$image"
cp "$tmp/out" "$tmp/from_f32"
for form in zip legacy wrapped; do
    run "$torch_save" $form "$tmp/f32.safetensors" "$tmp/$form.pth"
    timmc classify tf_efficientnet_lite0 -w "$tmp/$form.pth" "$image"
    ok "$form .pth: the same bits" out_is_file "$tmp/from_f32"
    ok "$form .pth: nothing to say" no_err
done
timmc classify tf_efficientnet_lite0 -w "$tmp/wrapped.pth" --no-ema "$image"
ok "--no-ema: other values" sh -c "! cmp -s '$tmp/out' '$tmp/from_f32'"
timmc info tf_efficientnet_lite0 -w "$tmp/wrapped.pth" --check --format text
ok "a checkpoint fits" out_has 'every tensor fits'
timmc convert "$tmp/wrapped.pth" "$tmp/pth.safetensors"
timmc classify tf_efficientnet_lite0 -w "$tmp/pth.safetensors" "$image"
ok "convert a checkpoint" out_is_file "$tmp/from_f32"
head -c 1000000 "$tmp/zip.pth" >"$tmp/cut.pth"
timmc classify tf_efficientnet_lite0 -w "$tmp/cut.pth" "$image"
ok "a cut .pth: exit 3" exit_is 3
head -c 1000000 "$tmp/legacy.pth" >"$tmp/cut.pth"
timmc classify tf_efficientnet_lite0 -w "$tmp/cut.pth" "$image"
ok "a cut legacy .pth: exit 3" exit_is 3
printf '\200\002cposix\nsystem\nX\002\000\000\000idtR.' >"$tmp/evil.pth"
timmc classify tf_efficientnet_lite0 -w "$tmp/evil.pth" "$image"
ok "a pickle that wants to run something: exit 3" exit_is 3

# info --check
timmc info tf_efficientnet_lite0 -w "$weights" --check --format text
ok "check: exit 0" exit_is 0
ok "check: every tensor fits" out_has 'every tensor fits'
ok "check: format" out_has 'safetensors, '
ok "check: sha256" out_has "$(sha256sum "$weights" | cut -d' ' -f1)"
ok "check: dtypes" out_has 'F16 '
timmc info tf_efficientnet_lite0 -w "$weights" --check --format json
ok "check: JSON" out_has '"missing":0,"unexpected":0,"mismatched":0'
timmc info resnet18 -w "$weights" --check
ok "check of another model: exit 3" exit_is 3
ok "check tells what is missing" out_has 'missing: '

# tensors that do not fit
timmc classify tf_efficientnet_lite1 -w "$weights" "$image"
ok "another model's weights: exit 3" exit_is 3
ok "missing tensors are named" err_has 'missing: blocks.'
timmc classify tf_efficientnet_lite1 -w "$weights" --allow-missing "$image"
ok "--allow-missing: exit 0" exit_is 0
ok "--allow-missing warns" err_has 'warning: '
timmc classify tf_efficientnet_lite1 -w "$weights" --allow-missing --strict "$image"
ok "--strict, said last, counts" exit_is 3

# local-dir:
mkdir "$tmp/mine"
cp "$weights" "$tmp/mine/model.safetensors"
timmc classify "local-dir:$tmp/mine" "$image"
ok "a folder without config.json: exit 3" exit_is 3
ok "and says so" err_has 'config.json: not found'
head -c 300 /dev/zero >"$tmp/mine/config.json"
timmc classify "local-dir:$tmp/mine" "$image"
ok "a broken config: exit 3" exit_is 3
cat >"$tmp/mine/config.json" <<'END'
{"architecture": "tf_efficientnet_lite0", "num_classes": 1000, "num_features": 1280,
 "pretrained_cfg": {"tag": "mine", "custom_load": false, "input_size": [3, 224, 224],
  "interpolation": "bicubic", "crop_pct": 0.875, "crop_mode": "center",
  "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "first_conv": "conv_stem", "classifier": "classifier"}}
END
timmc classify "local-dir:$tmp/mine" "$image"
ok "local-dir: exit 0" exit_is 0
ok "local-dir: the top-5" top5_is "$expected"
ok "local-dir: the model's name" out_has '"model":"tf_efficientnet_lite0.mine"'
sed 's/"mean": \[0.5, 0.5, 0.5\]/"mean": [0, 0, 0]/' "$tmp/mine/config.json" >"$tmp/c" && mv "$tmp/c" "$tmp/mine/config.json"
cp "$tmp/out" "$tmp/before"
timmc classify "local-dir:$tmp/mine" "$image"
ok "the config's mean is used" sh -c "! cmp -s '$tmp/out' '$tmp/before'"
rm "$tmp/mine/model.safetensors"
timmc classify "local-dir:$tmp/mine" "$image"
ok "a folder without weights: exit 3" exit_is 3
ok "names what it looked for" err_has 'model.safetensors'
cp "$weights" "$tmp/mine/b.safetensors"
timmc classify "local-dir:$tmp/mine" "$image"
ok "weights of any name" exit_is 0

# names of classes
cat >"$tmp/mine/config.json" <<'END'
{"architecture": "tf_efficientnet_lite0", "num_classes": 2, "label_names": ["left", "right"],
 "label_descriptions": {"right": "the right one"}, "model_args": {"in_chans": 3, "img_size": 96}}
END
timmc classify "local-dir:$tmp/mine" --weights formula:0 "$image"
ok "labels of the config" out_has '"name":"right","label":"the right one"'
ok "a label without description" out_has '"name":"left","label":"left"'
timmc info "local-dir:$tmp/mine" --format text
ok "info of a folder" exit_is 0
timmc info "local-dir:$tmp/mine" --tensors
ok "info of a folder: its classifier" out_has 'classifier.weight 2x1280'

# a classifier that was stored with one class more before the model's own
cat >"$tmp/mine/config.json" <<'END'
{"architecture": "tf_efficientnet_lite0", "num_classes": 999,
 "pretrained_cfg": {"label_offset": 1, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
END
timmc classify "local-dir:$tmp/mine" "$image"
ok "label_offset: every class moves by one" top5_is "$(for i in $expected; do echo $((i - 1)); done | tr '\n' ' ' | sed 's/ $//')"

# the authors' way of preparing pictures is not in the file
timmc classify vit_base_patch16_224 -w "$weights" "$image"
ok "a guess is told" err_has 'warning: the weights do not say how pictures are prepared'
timmc classify vit_base_patch16_224.augreg_in21k -w "$weights" "$image"
ok "a tag is no guess" test "$(grep -c warning "$tmp/err")" -eq 0

# preprocess obeys the options of pictures for tensors too
timmc preprocess "$image" -o "$tmp/t.npy" --max-pixels 1000
ok "preprocess: --max-pixels" err_has 'pixels'
ok "preprocess: exit 4" exit_is 4
done_testing
