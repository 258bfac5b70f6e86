#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The installed library: shared and static, what it exports, programs and plugins built against it
# with pkg-config alone.
. "$(dirname "$0")/lib.sh"
root=$here/../..
cat=$here/../data/images/chelsea.png
build=$(dirname "$TIMMC")
prefix=$tmp/prefix
lib=$prefix/lib

if ldd "$TIMMC" | grep -qE 'lib(asan|ubsan|tsan)'; then
    run true
    ok "a build with sanitizers is not installed" exit_is 0
    done_testing
    exit
fi
run make -s -C "$root" install B="$build" prefix="$prefix"
ok "make install" exit_is 0
ok "the soname's link" test "$(readlink "$lib/libtimmc.so")" = libtimmc.so.0
for file in man/man1/timmc.1 man/man1/timmc-forward-intermediates.1 bash-completion/completions/timmc \
    zsh/site-functions/_timmc fish/vendor_completions.d/timmc.fish; do
    ok "installed: $file" test -s "$prefix/share/$file"
done

# exactly the functions of the header
sed -n 's/.*[ *]\(tm_[a-z_]*\)(.*/\1/p' "$root/include/timmc.h" | grep -v '^tm_progress$' | sort -u >"$tmp/declared"
run nm -D --defined-only "$lib/libtimmc.so"
awk '{ print $3 }' "$tmp/out" | sort >"$tmp/exported"
ok "it exports timmc.h's functions and nothing else" cmp "$tmp/declared" "$tmp/exported"

PKG_CONFIG_PATH=$lib/pkgconfig
export PKG_CONFIG_PATH
# the flags of pkg-config are words
# shellcheck disable=SC2046
run cc $(pkg-config --cflags timmc) "$root/tests/library/logits.c" $(pkg-config --libs timmc) -o "$tmp/shared"
ok "a program builds with pkg-config alone" exit_is 0
run env LD_LIBRARY_PATH="$lib" "$tmp/shared" "$cat"
ok "and runs" out_is '282 tiger cat'
rm "$lib"/libtimmc.so*
# shellcheck disable=SC2046
run cc $(pkg-config --cflags timmc) "$root/tests/library/logits.c" $(pkg-config --static --libs timmc) -o "$tmp/static"
ok "so it does against the archive" exit_is 0
run "$tmp/static" "$cat"
ok "with the same answer" out_is '282 tiger cat'
run "$tmp/static" "$tmp/none.png"
ok "an error is told by its status" err_has 'not_found: '

cp "$root/tests/plugin/two_layer_net.c" "$tmp"
# shellcheck disable=SC2046
run cc -shared -fPIC $(pkg-config --cflags timmc) "$tmp/two_layer_net.c" -o "$tmp/two_layer.so"
ok "a plugin builds with pkg-config alone" exit_is 0
run "$prefix/bin/timmc" classify two_layer_small --plugin "$tmp/two_layer.so" --no-pretrained "$cat"
ok "and runs" out_has '"model":"two_layer_small"'
done_testing
