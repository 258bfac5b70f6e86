#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same bits for any number of threads, any batch and any neighbour in it, at every level and
# precision of this machine, of models whose layers are large enough for all of their kernels.
. "$(dirname "$0")/lib.sh"

images=$here/../data/images
pictures="$images/chelsea.png $images/coffee.png $images/rocket.jpg $images/astronaut.png"
pictures="$pictures $pictures" # eight places of a batch

# logits FILE OPTION...: of all pictures
logits() {
    out=$1
    shift
    # $pictures is a list of words
    # shellcheck disable=SC2086
    timmc classify "$model" --no-pretrained --output logit -o "$out" --force "$@" $pictures
}

# same WHAT OPTION...: against one thread, one picture at a time
same() {
    what=$1
    shift
    logits "$tmp/alone.npy" --threads 1 --batch 1 "$@"
    ok "$model, $what: runs" exit_is 0
    for threads in 1 2 3 7; do
        logits "$tmp/other.npy" --threads $threads --batch 8 "$@"
        ok "$model, $what: $threads threads, a batch of 8" cmp -s "$tmp/alone.npy" "$tmp/other.npy"
    done
}

for model in resnet18 vit_tiny_patch16_224 regnety_004; do
    for isa in $("$TIMMC" version | sed -n 's/^isa  *//p'); do
        [ "$isa" = scalar ] || same "$isa" --isa "$isa"
    done
    for precision in bf16x3 bf16; do
        if "$TIMMC" bench test_vit --no-pretrained --repeats 1 --precision $precision >/dev/null 2>&1; then
            same "$precision" --precision $precision
        else
            echo "this CPU has no instructions for $precision: not tested"
        fi
    done
done

done_testing
