#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Inputs: what a folder, a list or an operand gives, and that each loss is a record. The model is a
# small one with made-up weights, for only the records count.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png
small() { timmc classify -m test_resnet --no-pretrained -k 1 "$@"; }
files() { sed 's/.*"file":"\([^"]*\)".*/\1/' "$tmp/out" | tr '\n' ' '; }
files_are() { [ "$(files)" = "$1 " ]; }
cd "$tmp" || exit 1

# an operand that exists is an input
cp "$cat" resnet50.png
cp "$cat" zebra.png
timmc classify -k 1 resnet50.png zebra.png
ok "a picture that is called as a model" exit_is 0
ok "both pictures are answered" files_are "resnet50.png zebra.png"
ok "and nothing is said" no_err
timmc preprocess resnet50.png -o one.npy
ok "preprocess reads it too" exit_is 0
timmc preprocess resnet50.png zebra.png -o two.npy
ok "two pictures for preprocess: exit 2" exit_is 2
mkdir test_resnet
cp "$cat" test_resnet/a.png
timmc classify -k 1 test_resnet zebra.png
ok "a folder with a model's name is an input" files_are "test_resnet/a.png zebra.png"
ok "which is said" err_has '"-m test_resnet" names the model'
small test_resnet
ok "-m names the model: silent" no_err
timmc bench test_resnet --no-pretrained --repeats 1 -f json
ok "bench has no inputs: there it is the model" out_has '"model":"test_resnet.'
mkdir exported
cp "$cat" exported/a.png
echo '{}' >exported/config.json
timmc classify exported zebra.png
ok "a model's folder is not answered by another model" exit_is 2
ok "local-dir is said" err_has 'local-dir:exported'
cp "$cat" resnet50.pth
timmc classify resnet50.pth zebra.png
ok "nor are weights" exit_is 2
ok "-w is said" err_has '-w'

# numbers
timmc classify --mean 0.485 0.456 0.406 "$cat"
ok "numbers as operands: exit 2" exit_is 2
ok "commas are said" err_has '--mean 0.485,0.456,0.406'
cp "$cat" 7
small 7
ok "a file may be called as a number" exit_is 0

# folders
mkdir -p photos/sub photos/.hidden photos/closed
for name in b2.png b10.png .hidden.png sub/c.JPG .hidden/d.png; do cp "$cat" "photos/$name"; done
echo x >photos/notes.txt
echo x >photos/other.TXT
cp "$cat" photos/x.ppm
echo x >photos/README
mkfifo photos/pipe.png photos/control
ln -s . photos/again
ln -s .. photos/sub/up
ln -s nowhere photos/gone
ln -s sub photos/aaa
small photos
ok "a folder with losses: exit 1" exit_is 1
ok "every loss is a record, links in circles end" files_are \
    "photos/b2.png photos/b10.png photos/control photos/gone photos/pipe.png photos/sub/c.JPG"
ok "pipes in a folder are not waited for" out_has 'photos/pipe.png: a pipe, a socket or a device'
ok "a link that leads nowhere" out_has '"file":"photos/gone","ok":false,"error":{"code":"not_found"'
ok "what is left out is counted" err_has \
    'folder photos: 4 files are no pictures by name (.txt 2, '
ok "by ending" err_has '.ppm 1'
ok "without one" err_has 'no ending 1'
ok "links to folders that are read" err_has '3 links lead to a folder that is read already'
small -q photos
ok "-q: not a word" no_err
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 photos/closed
    small photos
    ok "a closed folder is a record" out_has '"file":"photos/closed","ok":false,"error":{"code":"read_failed"'
    chmod 700 photos/closed
fi
deep=deep
i=0
while [ $i -lt 70 ]; do
    deep=$deep/f
    i=$((i + 1))
done
mkdir -p "$deep"
cp "$cat" "$deep/a.png"
small deep
ok "seventy folders deep" exit_is 0
long=$(printf '%0200d' 0)
mkdir far
(
    cd far || exit
    i=0
    while [ $i -lt 18 ]; do
        mkdir "$long"
        cd "$long" || exit
        i=$((i + 1))
    done
    mkdir -p "$long/$long/$long/$long"
)
small far
ok "a folder that cannot be opened is a record: exit 4" exit_is 4
ok "which says why" out_has ': cannot open the folder: File name too long'
ok "one record" out_lines 1
rm photos/sub/up
small photos/sub photos/sub
ok "a folder named twice is answered twice" out_lines 2

# pipes that a person names
mkfifo named
cat "$cat" >named &
small named
ok "a named pipe" exit_is 0
run sh -c "'$TIMMC' classify -m test_resnet --no-pretrained -k 1 /dev/stdin <'$cat'"
ok "/dev/stdin" out_has '"file":"/dev/stdin","ok":true'
run sh -c "cat '$cat' | '$TIMMC' classify -m test_resnet --no-pretrained -k 1 /dev/stdin - -"
ok "/dev/stdin as a pipe, once" out_has '"file":"/dev/stdin","ok":true'
ok "a stream is read once" out_has 'read already'
ok "one record each" out_lines 3
small /dev/null
ok "a device" out_has 'a device or a socket'
run sh -c "yes | '$TIMMC' classify -m test_resnet --no-pretrained -"
ok "an endless stream that is no picture" out_has '"code":"not_an_image"'

head -c 100 "$cat" >endless.png
truncate -s 3G endless.png
small endless.png
ok "a file that no picture is as long as" out_has '"code":"too_large"'
rm endless.png

# lists
printf '\357\273\277%s\r\n\r\n%s\n' zebra.png photos/pipe.png >list
small --files-from list
ok "a byte order mark is no part of a name" files_are "zebra.png photos/pipe.png"
ok "a pipe in a list is a record" out_has 'a pipe, a socket or a device'
printf 'zebra.png\0resnet50.png\nzebra.png\n' >list
small --files-from list
ok "a NUL in a line is a record" out_has 'line 1 holds a NUL byte'
ok "the next line is answered" out_lines 2
small --files-from photos
ok "a folder is no list: exit 4" exit_is 4
ok "which is said" err_has 'photos: a folder, expected a list'
echo - >list
small --files-from list
ok "stdin is no name in a list" exit_is 4
run sh -c "echo zebra.png | '$TIMMC' classify -m test_resnet --no-pretrained -k 1 --files-from - -"
ok "stdin is not picture and list at once" out_has 'is the list of inputs'
ok "the list is read whole" out_has '"file":"zebra.png","ok":true'

# parts without inputs
small --shard 3/3 zebra.png 7
ok "an empty shard: exit 0" exit_is 0
ok "which is said" err_has 'shard 3/3 has none of 2 inputs'
small --shard 1/2 --files-from /dev/null
ok "no inputs at all: exit 4" exit_is 4
small --skip 5 zebra.png
ok "everything skipped: exit 4" exit_is 4
ok "which is said too" err_has '--skip 5 leaves none of 1 inputs'

# a list that is written slowly: each answer is there before the next name
mkfifo "$tmp/names"
for model in "" "vgg11 --no-pretrained"; do # picture by picture, and a batch on all cores
    # $model is a list of words
    # shellcheck disable=SC2086
    "$TIMMC" classify $model -t 2 --files-from "$tmp/names" >"$tmp/rows" 2>"$tmp/err" &
    exec 3>"$tmp/names"
    for rows in 1 2 3; do
        echo "$here/../data/images/rocket.jpg" >&3
        tries=0
        until [ "$(wc -l <"$tmp/rows")" -eq $rows ] || [ $tries -gt 400 ]; do
            tries=$((tries + 1))
            sleep 0.05
        done
        ok "a slow list: row $rows before the next name" test $tries -le 400
    done
    exec 3>&-
    wait $!
    code=$?
    ok "a slow list: exit 0" exit_is 0
done

done_testing
