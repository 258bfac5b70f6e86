#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Help, version, and the answers to misspelt commands and options.
. "$(dirname "$0")/lib.sh"

timmc
ok "no command exits 2" exit_is 2
ok "no command points to the help" err_has 'timmc help'
timmc --help
ok "help exits 0" exit_is 0
ok "help is on stdout" out_has 'Usage: timmc COMMAND'
ok "help is silent on stderr" no_err
cp "$tmp/out" "$tmp/help"
timmc -h
ok "-h is --help" out_is_file "$tmp/help"
timmc help
ok "help as a command" out_is_file "$tmp/help"

two_examples() {
    first_line_is Examples: && [ "$(grep -c "^  timmc $1" "$tmp/out")" -eq 2 ]
}

commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' "$tmp/help")
for command in $commands; do
    timmc "$command" --help
    cp "$tmp/out" "$tmp/out.help"
    ok "$command --help exits 0" exit_is 0
    ok "$command --help is silent on stderr" no_err
    ok "$command --help starts with the usage" out_has "Usage: timmc $command"
    run tail -3 "$tmp/out.help"
    ok "$command --help ends in two examples" two_examples "$command"
    timmc help "$command"
    cp "$tmp/out" "$tmp/of_help"
    timmc "$command" -h
    ok "help $command is $command -h" out_is_file "$tmp/of_help"
done

# What a model's options say is written once.
model_rows() { sed -n '/^Model:/,/^$/p' "$1" | sed -n '/--weights-key/,/^$/p'; }
timmc info --help
model_rows "$tmp/out" >"$tmp/info"
timmc convert --help
model_rows "$tmp/out" >"$tmp/convert"
ok "convert has the options of a model that info has" cmp -s "$tmp/info" "$tmp/convert"
ok "all of these" grep -q -- --img-size "$tmp/convert"

# The examples must work; PATH gives them the binary under its name.
mkdir "$tmp/bin"
ln -s "$TIMMC" "$tmp/bin/timmc"
for command in list info version help; do
    "$TIMMC" "$command" --help | tail -2 >"$tmp/examples"
    while read -r example; do
        run env PATH="$tmp/bin:$PATH" sh -c "$example"
        ok "example: $example" exit_is 0
    done <"$tmp/examples"
done

timmc --version
ok "--version" out_has 'timmc '
ok "--version is one line" out_lines 1
timmc version --json
ok "version --json" out_has '{"timmc":"'
ok "version --json is one line" out_lines 1
flags=$(sed 's/.*"cpu":"//; s/".*//' "$tmp/out")
case $flags in *avx2* | *neon*) vectors=true ;; *) vectors=false ;; esac
case $(cat "$tmp/out") in *'"isa":"scalar"'*) levels=false ;; *) levels=true ;; esac
ok "version: the CPU's flags beside the levels that need them" test "$vectors" = "$levels"

timmc lisst
ok "a misspelt command exits 2" exit_is 2
ok "a misspelt command names the nearest" err_has 'unknown command lisst; nearest: list'
ok "a misspelt command prints nothing" no_out
timmc help lisst
ok "help of a misspelt command" err_has 'nearest: list'
timmc list --pretraned
ok "a misspelt option exits 2" exit_is 2
ok "a misspelt option names the nearest" err_has 'unknown option --pretraned; nearest: --pretrained'
timmc list -z
ok "an unknown short option" err_has 'unknown option -z'
timmc list --format
ok "a missing value" err_has 'option --format needs a value: names|table|jsonl|csv'
timmc list --pretrained=yes
ok "a value too many" err_has 'option --pretrained takes no value'
timmc list --ex '*' --m nest --min 1
ok "an ambiguous option" err_has 'ambiguous option --m'
timmc --verbose list
ok "an option before the command" exit_is 2


# numbers that may be left to the program
cat=$here/../data/images/chelsea.png
timmc classify -b auto -t auto "$cat"
ok "-b auto -t auto" exit_is 0
timmc bench test_vit --no-pretrained -b auto --repeats 1 -f json
ok "bench -b auto: what it came to" out_has '"batch":1,'
timmc classify -b automatic "$cat"
ok "-b automatic: exit 2" exit_is 2
ok "what is expected" err_has '"automatic" is not a whole number from 1 to 65536, nor "auto"'
done_testing
