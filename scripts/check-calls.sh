#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves who calls whom, by the symbols of a build and the rules of layers.txt: no circle of objects,
# so that a file can be read and tested with those below it alone, and no call into a room that may
# not be included. A table's object calls what the table points to. Run from the root of the
# repository.
#   scripts/check-calls.sh [BUILD]
set -eu
export LC_ALL=C
build=${1:-build}
build=${build%/}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# objects: what is built of the sources there are, also those of several ISAs and of data
objects() {
    for source in src/*.c src/*/*.c; do
        name=${source#src/}
        case $name in
        kernels/vec/*) continue ;;
        esac
        [ -f "$build/${name%.c}.o" ] || echo "$source: not built" >&2
    done
    find src -name '*.c' | sed 's|^src/||; s|\.c$||' >"$work/sources"
    printf '%s\n' gen/registry gen/labels weights/builtin >>"$work/sources"
    find "$build" -name '*.o' ! -path "$build/tests/*" | sort | awk -v build="$build/" '
        FNR == NR { source[$0]; next }
        {
            name = substr($0, length(build) + 1)
            sub(/(\.[a-z0-9]+)?\.o$/, "", name)
            if (name in source)
                print
        }' "$work/sources" -
}

# "FROM TO SYMBOL", one line for each two objects
arrows() {
    # shellcheck disable=SC2046 # no name has a space
    nm -A -P $(cat "$work/objects") | awk -v build="$build/" '
        {
            object = substr($1, length(build) + 1)
            sub(/\.o:$/, "", object)
        }
        $3 ~ /^[TDRBCVWG]$/ { home[$2] = object }
        $3 ~ /^[Uvw]$/ { use[++uses] = object " " $2 }
        END {
            for (i = 1; i <= uses; i++) {
                split(use[i], part, " ")
                to = home[part[2]]
                if (to != "" && to != part[1] && !seen[part[1], to]++)
                    print part[1], to, part[2]
            }
        }'
}

# wrong ARROWS: what layers.txt does not allow
wrong() {
    awk '
        function room(object) {
            if (object == "main")
                return "main.c"
            sub(/\/.*/, "", object)
            return object == "gen" ? "registry" : object
        }
        FNR == NR {
            if (!/^#/ && (colon = index($0, ":")))
                may[substr($0, 1, colon - 1)] = " base/" substr($0, colon + 1)
            next
        }
        {
            from = room($1)
            to = room($2)
            if (!(from in may))
                print $1 ": no rule for room \"" from "\""
            else if (from != to && !index(may[from], " " to "/"))
                print $1 ": " from " may not call " $3 " of " $2
        }' scripts/layers.txt "$1"
}

# circle ARROWS: the arrows of a circle, if there is one
circle() {
    awk '{ print $1, $2 }' "$1" | tsort >/dev/null 2>"$work/loop" && return
    awk 'FNR == NR { if (NF == 2) on[$2]; next } $1 in on && $2 in on' "$work/loop" "$1" |
        grep . || cat "$work/loop"
}

# A built object is told by its path, one that should be there by a message.
objects >"$work/objects" 2>"$work/missing"
if [ -s "$work/missing" ] || [ ! -s "$work/objects" ]; then
    cat "$work/missing"
    echo "check-calls: $build is not whole; build first"
    exit 1
fi
arrows >"$work/arrows"
[ -s "$work/arrows" ] || {
    echo "check-calls: found no call in $build, expected some"
    exit 1
}
cp "$work/arrows" "$work/rest"
sed -n 's/^circle //p' scripts/layers.txt >"$work/known"
while IFS=":" read -r members reason; do
    awk -v members=" $members " 'index(members, " " $1 " ") && index(members, " " $2 " ")' \
        "$work/arrows" >"$work/own"
    if [ -z "$(circle "$work/own")" ]; then
        echo "scripts/layers.txt: no circle of $members any more; take out \"$reason\""
        bad=1
    fi
    grep -Fvx -f "$work/own" "$work/rest" >"$work/next" || :
    mv "$work/next" "$work/rest"
done <"$work/known"
if circle "$work/rest" | sed 's/^\([^ ]*\) \([^ ]*\) /circle: \1 calls \2: /' | grep .; then
    bad=1
fi
if wrong "$work/arrows" | sort -u | grep .; then
    bad=1
fi
[ "$bad" -eq 0 ] || exit 1
echo "check-calls: ok"
