/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for bash: a command's part is an arm of a case, which says what may stand behind the
 * word before the cursor. */
#include "cli/help.h"

static void add_kinds(tm_buffer *out, const char *name, const tm_help_values *values)
{
    tm_buffer_printf(out, "%s='%s%s%s%s%s'", name, *values->words ? "words " : "",
                     values->models ? "models " : "", values->files ? "files " : "",
                     values->folders ? "folders " : "", values->commands ? "commands " : "");
}

static void add_arm(tm_buffer *out, const tm_option *option)
{
    const tm_help_values values = tm_help_option_values(option);
    tm_buffer_puts(out, "        ");
    if (option->short_name)
        tm_buffer_printf(out, "-%c | ", option->short_name);
    tm_buffer_printf(out, "--%s) known=1 ", option->name);
    add_kinds(out, "kinds", &values);
    tm_buffer_printf(out, " words='%s' ;;\n", values.words);
}

void tm_help_bash(tm_buffer *out, const tm_command *command, const tm_option_target *targets)
{
    const tm_option *option;
    const char *title;
    const tm_help_values operands = tm_help_operand_values(command->operands);
    tm_buffer_printf(out, "    %s)\n        options='", command->name);
    for (size_t i = 0; (option = tm_help_row(targets, i, &title)); i++) {
        if (option->short_name)
            tm_buffer_printf(out, "-%c ", option->short_name);
        tm_buffer_printf(out, "--%s ", option->name);
    }
    tm_buffer_puts(out, "'\n        ");
    add_kinds(out, "operands", &operands);
    tm_buffer_printf(out, " words='%s'\n        case $before in\n", operands.words);
    for (size_t i = 0; (option = tm_help_row(targets, i, &title)); i++)
        if (option->argument)
            add_arm(out, option);
    tm_buffer_puts(out, "        esac\n        ;;\n");
}

static void begin(tm_buffer *out)
{
    char name[TM_COMMAND_NAME_MAX];
    const char *summary;
    tm_buffer_puts(out, "# bash completion for timmc, written by \"timmc completion bash\"\n"
                        "_timmc_commands='");
    for (size_t i = 0; tm_command_at(i, name, &summary); i++)
        tm_buffer_printf(out, "%s%s", i ? " " : "", name);
    tm_buffer_puts(
        out, "'\n\n"
             "# Names with a dot have a tag.\n"
             "_timmc_models()\n{\n"
             "    local tagged=\n"
             "    [[ $1 != *.* ]] || tagged=--pretrained\n"
             "    \"${COMP_WORDS[0]/#\\~/$HOME}\" list -f names $tagged \"$1*\" 2>/dev/null\n}\n\n"
             "_timmc_files()\n{\n"
             "    local found\n"
             "    mapfile -t found < <(compgen \"$1\" -- \"$2\")\n"
             "    COMPREPLY+=(\"${found[@]}\")\n"
             "    compopt -o filenames 2>/dev/null\n}\n\n"
             "_timmc()\n{\n"
             "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
             "    local options='' operands='' kinds='' words='' known=0\n"
             "    COMPREPLY=()\n"
             "    # --option=value is three words\n"
             "    if [[ $word == '=' ]]; then\n"
             "        word=\n"
             "    elif [[ $before == '=' ]]; then\n"
             "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
             "    fi\n"
             "    if ((COMP_CWORD == 1)); then\n"
             "        mapfile -t COMPREPLY < <(compgen -W \"$_timmc_commands --help --version "
             "--plugin\" "
             "-- \"$word\")\n"
             "        return\n"
             "    fi\n"
             "    case ${COMP_WORDS[1]} in\n");
}

static const char end[] =
    "    esac\n"
    "    if ((!known)) && [[ $word == -* ]]; then\n"
    "        kinds=words words=$options\n"
    "    elif ((!known)); then\n"
    "        kinds=$operands\n"
    "    fi\n"
    "    case \" $kinds \" in *' commands '*) words=\"$words $_timmc_commands\" kinds=\"$kinds "
    "words\" ;; esac\n"
    "    # all names are too many to offer as operands\n"
    "    case \" $kinds \" in *' models '*)\n"
    "        if ((known)) || [[ $word ]]; then\n"
    "            words=\"$words $(_timmc_models \"$word\")\" kinds=\"$kinds words\"\n"
    "        fi ;;\n"
    "    esac\n"
    "    case \" $kinds \" in *' words '*)\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
    "    esac\n"
    "    case \" $kinds \" in *' files '*) _timmc_files -f \"$word\" ;; esac\n"
    "    case \" $kinds \" in *' folders '*) _timmc_files -d \"$word\" ;; esac\n"
    "}\n"
    "complete -F _timmc timmc\n";

const tm_completion tm_completion_bash = {"bash", begin, end};
