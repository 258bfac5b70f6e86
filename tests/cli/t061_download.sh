#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Models that are not here: classify fetches what it needs, once, and only what it needs.
. "$(dirname "$0")/lib.sh"
image=$here/../data/images/chelsea.png
weights=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors
mkdir -p "$tmp/hub/mine" "$tmp/hub/bare" "$tmp/hub/old"
cp "$weights" "$tmp/hub/mine/model.safetensors"
cp "$weights" "$tmp/hub/bare/model.safetensors"
cp "$weights" "$tmp/hub/old/pytorch_model.bin"
cat >"$tmp/hub/mine/config.json" <<'END'
{"architecture": "tf_efficientnet_lite0", "num_classes": 1000,
 "pretrained_cfg": {"tag": "mine", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
END
cp "$tmp/hub/mine/config.json" "$tmp/hub/old"
mkdir "$tmp/hub/sharded"
"$(dirname "$TIMMC")/tests/weights/checkpoint" test_vit \
    "$tmp/hub/sharded/model.safetensors.index.json" || exit 1
echo '{"architecture": "test_vit"}' >"$tmp/hub/sharded/config.json"
mkdir "$tmp/hub/bins"
for part in 1 2; do
    "$(dirname "$TIMMC")/tests/weights/checkpoint" test_vit \
        "$tmp/hub/bins/m-0000$part-of-00002.bin" ::blocks.$part || exit 1
done
sed 's/[a-z]*-0000[12]-of-00002.safetensors/m-00001-of-00002.bin/g' \
    "$tmp/hub/sharded/model.safetensors.index.json" |
    sed 's/\("blocks.1[^:]*":"m-0000\)1/\12/g' >"$tmp/hub/bins/pytorch_model.bin.index.json"
cp "$tmp/hub/sharded/config.json" "$tmp/hub/bins"
serve_hub "$tmp/hub"
tops() { grep -o '"index":[0-9]*' "$1"; }
same_top() { [ "$(tops "$tmp/out")" = "$(tops "$tmp/built_in")" ]; }
timmc classify "$image"
cp "$tmp/out" "$tmp/built_in"
ok "the built-in model needs no request" [ ! -s "$tmp/log" ]

timmc classify hf-hub:m/mine "$image" --offline
ok "offline: exit 3" exit_is 3
ok "offline: no request" [ ! -s "$tmp/log" ]
timmc classify hf-hub:m/mine "$image"
ok "a repository is fetched" exit_is 0
ok "its classes" same_top
ok "its name" out_has '"model":"tf_efficientnet_lite0.mine"'
ok "nothing on stderr" no_err
before=$(requests)
timmc classify hf-hub:m/mine "$image"
ok "the second time" same_top
ok "makes no request" [ "$(requests)" -eq "$before" ]
timmc classify hf-hub:m/mine@main "$image" --offline
ok "a revision, offline" same_top
timmc classify hf-hub:m/old "$image"
ok "pytorch_model.bin where there is no model.safetensors" same_top
timmc classify "local-dir:$tmp/hub/sharded" --no-pretrained "$image"
cp "$tmp/out" "$tmp/formula"
timmc classify hf-hub:m/sharded "$image"
ok "a sharded repository" [ "$(tops "$tmp/out")" = "$(tops "$tmp/formula")" ]
ok "a sharded repository: exit 0" exit_is 0
before=$(requests)
timmc classify HF-Hub:m/sharded "$image" --offline
ok "and offline, in upper case" exit_is 0
timmc classify hf_hub:m/sharded "$image"
ok "and by the older name" exit_is 0
ok "without a request" [ "$(requests)" -eq "$before" ]
rm "$tmp"/hf/hub/models--m--sharded/snapshots/*/model-00002-of-00002.safetensors
timmc classify hf-hub:m/sharded "$image" --offline
ok "a shard that is missing: exit 3" exit_is 3
ok "a shard that is missing: which" err_has 'model-00002-of-00002.safetensors'
timmc classify hf-hub:m/sharded "$image"
ok "is fetched" exit_is 0
timmc pull hf_hub:m/sharded --format jsonl
ok "pull tells the shards" out_has 'model-00002-of-00002.safetensors","bytes":1020000,"cached":true}'
timmc classify hf-hub:m/bins "$image"
ok "PyTorch's files in shards" [ "$(tops "$tmp/out")" = "$(tops "$tmp/formula")" ]
timmc classify hf-hub:m/bins "$image" --offline
ok "PyTorch's files in shards, offline" exit_is 0
timmc pull hf-hub:m/bins --format jsonl
ok "pull tells these shards" out_has '/m-00002-of-00002.bin","bytes":'
here_url=$HF_ENDPOINT
HF_TOKEN=secret HF_ENDPOINT=http://hub.example http_proxy=$here_url \
    run "$TIMMC" classify hf-hub:m/old --cache-dir "$tmp/clear" "$image"
ok "a token that is not sent: told once" \
    test "$(grep -o 'the token is not sent' "$tmp/err" | wc -l)" -eq 1
timmc classify hf-hub:m/bare "$image"
ok "a repository without config.json: exit 3" exit_is 3
ok "and says so" err_has 'no config.json'
timmc info hf-hub:m/mine --format json
ok "info of a repository" out_has '"model":"tf_efficientnet_lite0.mine"'
timmc features hf-hub:m/bare -m tf_efficientnet_lite0 "$image"
ok "a model given twice is an input that is missing" exit_is 1

# a model of the registry whose repository holds something else
timmc classify resnet18.a1_in1k "$image"
ok "what is no weights file is refused" exit_is 3
ok "by its name in the cache" err_has 'model.safetensors: '
kill $server
wait $server 2>/dev/null
timmc classify resnet34.a1_in1k "$image"
ok "no server: exit 5" exit_is 5
timmc classify hf-hub:m/mine "$image"
ok "no server, but cached" same_top
trap 'rm -rf "$tmp"' EXIT
done_testing
