#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc bench: its figures, its formats, the levels and precisions it may be asked for.
. "$(dirname "$0")/lib.sh"

# number NAME: a member of the JSON object, which must be a positive number
number() { sed -n "s/.*\"$1\":\([0-9.e+-]*\)[,}].*/\1/p" "$tmp/out" | awk '$1 > 0 { print $1 }'; }
is_positive() { [ -n "$(number "$1")" ]; }

timmc bench test_resnet --no-pretrained --repeats 3 --batch 2 --threads 2 --format json
ok "json: exit 0" exit_is 0
ok "json: one line" out_lines 1
ok "json: what was run" out_has '"batch":2,"threads":2,"precision":"f32"'
for name in median_ms p10_ms p90_ms images_per_s gflops peak_gflops share_of_peak load_ms weights_mb \
    activations_mb peak_memory_mb; do
    ok "json: $name is a positive number" is_positive $name
done
ok "json: repeats" out_has '"repeats":3'
ok "json: no steps unless asked for" out_lacks '"steps"'
ok "json: the share is of the peak" awk -v g="$(number gflops)" -v p="$(number peak_gflops)" \
    -v s="$(number share_of_peak)" 'BEGIN { d = g / p - s; exit !(d < 1e-3 * s && -d < 1e-3 * s) }'

timmc bench test_resnet --no-pretrained --repeats 1 --profile --format json
ok "profile: steps with time and work" out_has '"steps":[{"step":'
timmc bench test_resnet --no-pretrained --repeats 1 --profile --format text
ok "profile: a table" out_has 'GFLOP/s  conv2d'
ok "text: the share of the peak" out_has '% of the float32 peak'

for isa in $("$TIMMC" version | sed -n 's/^isa  *//p'); do
    timmc bench test_vit --no-pretrained --repeats 1 --isa "$isa" --format json
    ok "isa $isa" out_has "\"isa\":\"$isa\""
done
case $("$TIMMC" version) in
*amx*) ;;
*)
    echo "this CPU has no AMX: --isa amx must say so"
    timmc bench test_vit --no-pretrained --repeats 1 --isa amx
    ok "isa amx without AMX: exit 2" exit_is 2
    ok "isa amx without AMX: says what there is" err_has 'at most'
    ;;
esac
timmc bench test_vit --no-pretrained --isa sse
ok "an unknown level: exit 2" exit_is 2
timmc bench test_vit test_resnet --no-pretrained
ok "two models: exit 2" exit_is 2

timmc bench --repeats 3 --timings
ok "--timings: a line on stderr" err_has 'timmc: load '
ok "--timings: of the runs" err_has ' ms, 3 runs'
done_testing
