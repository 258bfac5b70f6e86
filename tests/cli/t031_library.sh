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
sed '/^#ifdef __cplusplus/,/^#e/d' "$root/include/timmc.h" | sed -n 's/.*[ *]\(tm_[a-z_]*\)(.*/\1/p' | grep -v '^tm_progress$' | sort -u >"$tmp/declared"
run nm -D --defined-only "$lib/libtimmc.so"
awk '$2 != "A" { print $3 }' "$tmp/out" | sort >"$tmp/versioned"
sed 's/@@.*//' "$tmp/versioned" >"$tmp/exported"
ok "it exports timmc.h's functions and nothing else" cmp "$tmp/declared" "$tmp/exported"
ok "each has a version" [ "$(grep -c '@@TIMMC_0\.1$' "$tmp/versioned")" -eq "$(wc -l <"$tmp/declared")" ]

PKG_CONFIG_PATH=$lib/pkgconfig
export PKG_CONFIG_PATH
# the flags of pkg-config are words
# shellcheck disable=SC2046
run cc $(pkg-config --cflags timmc) "$root/tests/library/logits.c" $(pkg-config --libs timmc) -o "$tmp/shared"
ok "a program builds with pkg-config alone" exit_is 0
run env LD_LIBRARY_PATH="$lib" "$tmp/shared" "$cat"
ok "and runs" out_is '282 tiger cat'
sed -n '/^```c$/,/^```$/p' "$root/docs/library.md" | sed '1d;$d' >"$tmp/guide.c"
# shellcheck disable=SC2046
run cc -Wall -Wextra -Werror $(pkg-config --cflags timmc) "$tmp/guide.c" $(pkg-config --libs timmc) -o "$tmp/guide"
ok "the guide's program builds" exit_is 0
run env LD_LIBRARY_PATH="$lib" "$tmp/guide" "$tmp/none.png" "$cat"
ok "and runs" exit_is 0
ok "answering what can be read" out_has "$cat: 282 tiger cat"
ok "and telling what cannot" out_has "$tmp/none.png: "

if command -v g++ >/dev/null; then
    # shellcheck disable=SC2046
    run g++ -std=c++17 -Wall -Wextra -pedantic -Werror $(pkg-config --cflags timmc) "$root/tests/library/features.cc" $(pkg-config --libs timmc) -o "$tmp/cplusplus"
    ok "a program in C++17 builds without a warning" exit_is 0
    run env LD_LIBRARY_PATH="$lib" "$tmp/cplusplus" "$cat" "$tmp/none.png"
    ok "and runs" exit_is 0
    ok "telling every picture" out_lines 3
    ok "in order, the one that failed too" grep -qx '2 not_found' "$tmp/out"
    timmc features --kind pre-logits --crop-pct 1 --data list "$cat"
    length=$(sed 's/.*"data":\[\([^]]*\)\].*/\1/' "$tmp/out" | tr , '\n' | awk '{ sum += $1 * $1 } END { printf "%.3f", sqrt(sum) }')
    run env LD_LIBRARY_PATH="$lib" "$tmp/cplusplus" "$cat"
    ok "with the numbers of the command" grep -q "^1 $length" "$tmp/out"
else
    echo "no g++ here, skipped"
fi
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
