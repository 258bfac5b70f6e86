#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual and what completes command lines: both come from the tables that the help comes from.
# Pages are checked by the readers that are here, completions by the shells that are here.
. "$(dirname "$0")/lib.sh"

mkdir "$tmp/man" "$tmp/bin"
ln -s "$TIMMC" "$tmp/bin/timmc"
PATH=$tmp/bin:$PATH

timmc --help
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' "$tmp/out")

# ---- the manual ----

timmc help --man
ok "the first page" exit_is 0
cp "$tmp/out" "$tmp/man/timmc.1"
for heading in NAME SYNOPSIS DESCRIPTION COMMANDS "EXIT STATUS" ENVIRONMENT FILES EXAMPLES "SEE ALSO"; do
    ok "it has $heading" grep -qx ".SH $heading" "$tmp/man/timmc.1"
done

# what the program can exit with
exit_codes_are_told() {
    for number in $(sed -n 's/^    TM_EXIT_[A-Z_]* = \([0-9]*\),.*/\1/p' "$here/../../src/cli/cli.h"); do
        grep -q "^\\\\fB$number\\\\fR$" "$tmp/man/timmc.1" || return 1
    done
}
ok "it has every exit code" exit_codes_are_told

# the options of a page and those of the help
page_options() { sed -n 's/^\(\\fB\\-[a-zA-Z0-9]\\fR, \)*\\fB\\-\\-\([a-z0-9\\-]*\)\\fR.*/\2/p' "$1" | tr -d '\\' | sort -u; }
help_options() { sed -n 's/^  \(-[a-zA-Z0-9],\|   \) --\([a-z0-9-]*\).*/\2/p' "$1" | sort -u; }
for command in $commands; do
    timmc "$command" --help
    help_options "$tmp/out" >"$tmp/of_help"
    timmc help --man "$command"
    cp "$tmp/out" "$tmp/man/timmc-$command.1"
    page_options "$tmp/out" >"$tmp/of_page"
    ok "the page of $command has the options of its help" cmp -s "$tmp/of_help" "$tmp/of_page"
    ok "the first page has $command" grep -q "^.BR timmc..$(echo "$command" | sed 's/-/\\\\-/g') (1)" "$tmp/man/timmc.1"
done
page_options "$tmp/man/timmc-classify.1" >"$tmp/of_page"
ok "some options were compared" grep -qx crop-pct "$tmp/of_page"

if command -v mandoc >/dev/null; then
    run mandoc -T lint "$tmp"/man/*.1
    ok "mandoc has nothing to say" exit_is 0
    ok "not a word" no_out
else
    echo "no mandoc here, skipped"
fi
if command -v groff >/dev/null; then
    run groff -man -ww -z -T utf8 -K utf8 "$tmp"/man/*.1
    ok "groff takes the pages" exit_is 0
    ok "groff warns of nothing" no_err
    run groff -man -T ascii -P -c -P -bou "$tmp/man/timmc-list.1"
    ok "a reader sees the signs themselves" out_has "list 'resnet*' --pretrained"
else
    echo "no groff here, skipped"
fi
timmc help --man nothing
ok "no page of what is no command" exit_is 2
timmc list --help=html
ok "no other layout" err_has "found 'html', expected text, man, bash, zsh or fish"
timmc list --help=text
cp "$tmp/out" "$tmp/text"
timmc list --help
ok "text is the layout that is not named" out_is_file "$tmp/text"

# ---- completion ----

timmc completion
ok "a shell must be named" exit_is 2
timmc completion csh
ok "one that is known" err_has "found 'csh', expected bash, zsh or fish"
for shell in bash zsh fish; do
    timmc completion $shell
    ok "completion $shell" exit_is 0
    cp "$tmp/out" "$tmp/$shell"
done
mkdir "$tmp/work" "$tmp/work/folder"
touch "$tmp/work/cat picture.png" "$tmp/work/weights.pth"
cd "$tmp/work" || exit 1

# bash WORD...: what would complete the last one
cat >"$tmp/bash.sh" <<'END'
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_timmc
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
END
complete_bash() { run bash "$tmp/bash.sh" "$tmp/bash" "$@"; }
has_line() { grep -qxF -- "$1" "$tmp/out"; }

# what each shell is asked, and answers
ask_all() {
    complete_"$1" timmc cla
    ok "$1: a command" has_line classify
    complete_"$1" timmc classify --crop-
    ok "$1: an option" has_line --crop-pct
    ok "$1: two of them" has_line --crop-mode
    complete_"$1" timmc classify --crop-mode ''
    ok "$1: its choices" has_line squash
    ok "$1: no other words" out_lines 3
    complete_"$1" timmc features --kind patch
    ok "$1: a choice that was begun" out_is patch-mean
    complete_"$1" timmc list --crop-
    ok "$1: no option of another command" no_out
    complete_"$1" timmc info -m resnet1
    ok "$1: a model's name" has_line resnet18
    ok "$1: not one that begins otherwise" out_lacks wide_resnet
    complete_"$1" timmc info -m resnet18.a
    ok "$1: with its tag" has_line resnet18.a1_in1k
    complete_"$1" timmc classify resnet18.a3
    ok "$1: as an operand" has_line resnet18.a3_in1k
    complete_"$1" timmc classify -w wei
    ok "$1: a file" has_line weights.pth
    complete_"$1" timmc classify --labels non
    ok "$1: words beside files" has_line none
    complete_"$1" timmc help forw
    ok "$1: a command as an operand" has_line forward-intermediates
    complete_"$1" timmc completion b
    ok "$1: a word as an operand" has_line bash
}

if command -v bash >/dev/null; then
    ask_all bash
    complete_bash timmc classify --crop-mode = sq
    ok "bash: behind an equals sign" out_is squash
    complete_bash timmc classify 'cat p'
    ok "bash: a name with a space is one" out_is 'cat picture.png'
    complete_bash timmc pull --cache-dir ''
    ok "bash: folders alone" out_is folder
    complete_bash timmc classify ''
    ok "bash: inputs, but not all models" out_lacks resnet50
    ok "bash: files among them" has_line weights.pth
    complete_bash timmc classify --top ''
    ok "bash: nothing where a number stands" no_out
else
    echo "no bash here, skipped"
fi

if command -v fish >/dev/null; then
    # what it says of an offer stands behind a tab
    complete_fish() {
        line=$(printf ' %s' "$@")
        HOME=$tmp fish --no-config -c "source $tmp/fish; complete -C '${line# }'" 2>"$tmp/err" </dev/null |
            cut -f1 >"$tmp/out"
        code=$?
        ran="fish: $line"
    }
    # its files are also what has the word within
    ask_all fish
else
    echo "no fish here, skipped"
fi

if command -v zsh >/dev/null; then
    run zsh -n "$tmp/zsh"
    ok "zsh takes the completion" exit_is 0
    # a terminal in which Tab is pressed; what is then offered goes to a file
    cat >"$tmp/capture.zsh" <<'END'
autoload -Uz compinit && compinit -u -d $OFFERS.dump
source $COMPLETION
compadd() {
    local -a offers
    [[ " ${@[1,(i)(-|--)]} " == *' -'[OAD]' '* ]] || {
        builtin compadd -A offers "$@"
        (($#offers)) && print -rl -- $offers >>$OFFERS
    }
    builtin compadd "$@"
}
answered() { : >$OFFERS.end }
comppostfuncs=(answered)
bindkey '^I' complete-word
: >$OFFERS.begin
END
    cat >"$tmp/press.zsh" <<'END'
zmodload zsh/zpty zsh/zselect
wait_for() { repeat 1000; do [[ -e $1 ]] && return; zselect -t 1; done; return 1 }
zpty tab zsh -f -i
zpty -w tab "source $1"
wait_for $OFFERS.begin && zpty -w -n tab "$2"$'\t' && wait_for $OFFERS.end
zpty -d tab
END
    complete_zsh() {
        line=$(printf ' %s' "$@")
        rm -f "$tmp"/offers "$tmp"/offers.begin "$tmp"/offers.end
        run env COMPLETION="$tmp/zsh" OFFERS="$tmp/offers" TERM=dumb zsh -f "$tmp/press.zsh" "$tmp/capture.zsh" "${line# }"
        touch "$tmp/offers"
        sed 's/ *$//' "$tmp/offers" | sort -u >"$tmp/out"
    }
    ask_all zsh
else
    echo "no zsh here, skipped"
fi
done_testing
