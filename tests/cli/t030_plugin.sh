#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Models of one's own: the example of tests/plugin, built against the installed headers.
. "$(dirname "$0")/lib.sh"
root=$here/../..
cat=$here/../data/images/chelsea.png
so=$tmp/two_layer.so

run cc -shared -fPIC -I "$root/include" -I "$root/src" "$root/tests/plugin/two_layer_net.c" -o "$so"
ok "the example builds" exit_is 0
timmc list 'two_layer*'
ok "unknown without the plugin: exit 4" exit_is 4
timmc list --plugin "$so" 'two_layer*'
ok "list knows its models" out_is "two_layer_small
two_layer_large"
timmc info --plugin "$so" two_layer_small
ok "info knows them" out_has '"params":'
ok "and their input" out_has '"input_size":[3,64,64]'
timmc classify two_layer_small --plugin="$so" --no-pretrained -k 10 "$cat"
ok "classify runs them" out_has '"model":"two_layer_small"'
timmc features two_layer_large --plugin "$so" --no-pretrained "$cat"
ok "features runs them" out_has '"module":"layer2","channels":128,"reduction":4,"shape":[1,128,56,56]'
timmc features two_layer_large --plugin "$so" --output-stride 8 "$cat"
ok "an option that they do not ask for: exit 2" exit_is 2
ok "and told" err_has 'two_layer_large: output stride 8: this family has no dilation'
timmc classify two_layer_small --plugin "$so" --no-pretrained --global-pool max "$cat"
ok "another one: told" err_has "global pool 'max': this family has no choice of pools"
run env TIMMC_PLUGINS="$so" "$TIMMC" info two_layer_large
ok "TIMMC_PLUGINS names them too" out_has '"arch":"two_layer_large"'
timmc list --plugin "$so" --plugin "$so"
ok "twice is refused: exit 2" exit_is 2
timmc list --plugin "$tmp/none.so"
ok "a missing plugin: exit 2" exit_is 2
echo 'int unrelated;' >"$tmp/x.c"
run cc -shared -fPIC "$tmp/x.c" -o "$tmp/x.so"
timmc list --plugin "$tmp/x.so"
ok "no plugin at all: told" err_has 'it defines no timmc_plugin'
# what `make install` lays out, made here so that the build under test is left alone
installed=$tmp/include
mkdir "$installed"
cp "$root/include/timmc.h" "$root/include/timmc_plugin.h" "$installed"
for header in $(sed -n 's/^PLUGIN_HEADERS := //p' "$root/Makefile"); do
    mkdir -p "$installed/timmc/$(dirname "$header")"
    cp "$root/src/$header" "$installed/timmc/$header"
done
run cc -shared -fPIC -I "$installed" -I "$installed/timmc" "$root/tests/plugin/two_layer_net.c" -o "$so"
ok "the installed headers are enough" exit_is 0
done_testing
