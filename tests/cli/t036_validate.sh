#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How often a model is right: its own answers are the truth here, so that the counts are known.
. "$(dirname "$0")/lib.sh"

images=$here/../data/images
cd "$tmp" || exit 1
mkdir all
for name in rocket.jpg coffee.png chelsea.png astronaut.png; do
    cp "$images/$name" all/
done
timmc classify -q -k 6 -f jsonl --labels none all
cp out answers

# class_of FILE RANK: the number of the class that the model tells there
class_of() {
    grep -F "$1" answers | sed 's/"index":/\n/g' | sed -n "$(($2 + 1))s/[^0-9].*//p"
}

# the first, the first, the third, the sixth
for row in "all/rocket.jpg 1" "all/coffee.png 1" "all/chelsea.png 3" "all/astronaut.png 6"; do
    echo "${row% *},$(class_of "${row% *}" "${row#* }")"
done >truth.csv
timmc validate --truth truth.csv -f jsonl -q all
ok "counts" out_has '"count":4,"top1":50,"top5":75,'
ok "exit 0" exit_is 0
ok "what they are of" out_has '"img_size":[224,224],"crop_pct":0.875,"interpolation":"bicubic"'
timmc validate --truth truth.csv -q all -b 3 -t 1 --classes -f csv
ok "of each class: the first" out_has ",$(class_of rocket.jpg 1),"
ok "of each class: not at all" grep -q ",1,0,0,0$" out
ok "only of classes that there are pictures of" test "$(wc -l <out)" -le 5
timmc validate --truth truth.csv -q -f text all
ok "text" out_has 'tf_efficientnet_lite0.in1k: top1 50.000 %, top5 75.000 % of 4 pictures'

# other forms of a table
sed 's/,/\t/' truth.csv >truth.tsv
timmc validate --truth truth.tsv -f jsonl -q all
ok "with tabs" out_has '"top1":50,"top5":75,'
sed 's|^all/||; s/,/ /' truth.csv >truth.txt
timmc validate --truth truth.txt -f jsonl -q all
ok "with spaces, and names without their folders" out_has '"top1":50,"top5":75,'
{
    printf '\357\273\277file,class,more\r\n'
    sed 's/\(.*\),\(.*\)/"\1","\2","a, b"\r/' truth.csv
} >quoted.csv
timmc validate --truth quoted.csv -f jsonl -q all
ok "with a byte order mark, a heading, quotes, more columns and CRLF" out_has '"count":4,"top1":50,"top5":75,'

# classes by folder
mkdir -p "val/$(class_of rocket.jpg 1)" val/n02124075 val/Egyptian_cat "val/tabby cat" val/crane val/none
cp all/rocket.jpg "val/$(class_of rocket.jpg 1)/"
for class in n02124075 Egyptian_cat crane none; do
    cp all/chelsea.png "val/$class/$class.png"
done
timmc validate -f jsonl -q --classes val
ok "folders: exit 1, for two are no class" exit_is 1
ok "a number, a name and a label" out_has '"count":3,'
ok "they are counted" out_has '"failed":2,'
ok "a label of two classes" err_has 'val/crane/crane.png: "crane" is the label of 2 classes: give a number or a name'
ok "no class" err_has '"none" is no class of the model: expected the name, the number or the label of one'
ok "the name and the label are one class" out_has '"name":"n02124075","label":"Egyptian cat","count":2,'
cd val/n02124075 || exit 1
timmc validate -f jsonl -q n02124075.png
ok "a picture in no folder" err_has 'lies in no folder with the name of a class: give --truth FILE'
ok "exit 4" exit_is 4
cd ../..
timmc version
if out_has 'libarchive, opened when needed'; then
    tar cf val.tar val/n02124075
    timmc validate -f jsonl -q val.tar
    ok "folders in a tar" out_has '"count":1,'
fi

# faults
echo "all/rocket.jpg,1000" >wrong.csv
timmc validate --truth wrong.csv -q all/rocket.jpg all/coffee.png
ok "a class that there is not" err_has 'all/rocket.jpg: "1000" is no class'
ok "a picture that is not in the table" err_has 'all/coffee.png: not in wrong.csv'
ok "none is answered: exit 4" exit_is 4
printf 'all/rocket.jpg,1\nall/rocket.jpg,2\n' >two.csv
timmc validate --truth two.csv -q all
ok "two classes of one file" err_has 'two.csv: all/rocket.jpg has two classes: 1 and 2'
ok "exit 2" exit_is 2
printf 'a/rocket.jpg,1\nb/rocket.jpg,2\n' >same.csv
timmc validate --truth same.csv -q all/rocket.jpg
ok "two files of one name" err_has 'several files of that name, with several classes'
echo lonely >bad.csv
timmc validate --truth bad.csv -q all
ok "a line of one column" err_has 'bad.csv: line 1: expected FILE,CLASS'
timmc validate --truth nowhere.csv -q all
ok "no such table" err_has 'nowhere.csv: cannot read the classes: No such file'
ok "exit 4" exit_is 4
echo no >all/no.png
timmc validate --truth truth.csv -f jsonl -q all
ok "a picture that cannot be read: exit 1" exit_is 1
ok "it is counted, and not among the answers" out_has '"count":4,"top1":50,"top5":75,"failed":1,'
timmc validate --num-classes 0 resnet18 --no-pretrained all
ok "a model without classes" err_has 'has no classes'

done_testing
