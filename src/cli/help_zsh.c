/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for zsh: a command's part is a call of _arguments. */
#include "cli/help.h"

/* Within '...', before the ']' of a description or the ':' that ends a message. */
static void add_quoted(tm_buffer *out, const char *text)
{
    for (; *text; text++)
        if (*text == '\'')
            tm_buffer_puts(out, "'\\''");
        else if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
            tm_buffer_printf(out, "\\%c", *text);
        else
            tm_buffer_putc(out, *text);
}

static void add_action(tm_buffer *out, const tm_help_values *values)
{
    tm_buffer_puts(out, "{_timmc_any");
    if (values->models)
        tm_buffer_puts(out, " models");
    if (values->files)
        tm_buffer_puts(out, " files");
    if (values->folders)
        tm_buffer_puts(out, " folders");
    if (values->commands)
        tm_buffer_puts(out, " commands");
    tm_buffer_printf(out, " -- %s}", values->words);
}

/* '(-k --top)'{-k+,--top=}'[what it does]:K:{...}' */
static void add_spec(tm_buffer *out, const tm_option *option)
{
    const char *argument = option->argument;
    bool repeated = option->kind == TM_OPTION_TEXTS && argument;
    tm_buffer_puts(out, " \\\n            ");
    if (option->short_name && !repeated)
        tm_buffer_printf(out, "'(-%c --%s)'", option->short_name, option->name);
    else if (repeated)
        tm_buffer_puts(out, "'*'");
    if (option->short_name)
        tm_buffer_printf(out, "{-%c%s,--%s%s}", option->short_name, argument ? "+" : "",
                         option->name, argument ? "=" : "");
    else
        tm_buffer_printf(out, "--%s%s", option->name, argument ? "=" : "");
    tm_buffer_puts(out, "'[");
    add_quoted(out, option->help);
    tm_buffer_puts(out, "]");
    if (argument) {
        const tm_help_values values = tm_help_option_values(option);
        tm_buffer_puts(out, ":");
        add_quoted(out, argument);
        tm_buffer_puts(out, ":");
        add_action(out, &values);
    }
    tm_buffer_puts(out, "'");
}

void tm_help_zsh(tm_buffer *out, const tm_command *command, const tm_option_target *targets)
{
    const tm_option *option;
    const char *title;
    const tm_help_values operands = tm_help_operand_values(command->operands);
    tm_buffer_printf(out, "    %s)\n        _arguments -s -S", command->name);
    for (size_t i = 0; (option = tm_help_row(targets, i, &title)); i++)
        add_spec(out, option);
    if (*command->operands) {
        tm_buffer_puts(out, " \\\n            '*:");
        add_quoted(out, command->operands);
        tm_buffer_puts(out, ":");
        add_action(out, &operands);
        tm_buffer_puts(out, "'");
    }
    tm_buffer_puts(out, "\n        ;;\n");
}

static void begin(tm_buffer *out)
{
    char name[TM_COMMAND_NAME_MAX];
    const char *summary;
    tm_buffer_puts(out, "#compdef timmc\n"
                        "# zsh completion for timmc, written by \"timmc completion zsh\"\n\n"
                        "_timmc_commands() {\n    local -a commands\n    commands=(\n");
    for (size_t i = 0; tm_command_at(i, name, &summary); i++) {
        tm_buffer_printf(out, "        '%s:", name);
        add_quoted(out, summary);
        tm_buffer_puts(out, "'\n");
    }
    tm_buffer_puts(out,
                   "    )\n    _describe -t commands command commands\n}\n\n"
                   "# Names with a dot have a tag.\n"
                   "_timmc_models() {\n"
                   "    local -a names tagged\n"
                   "    [[ $PREFIX != *.* ]] || tagged=(--pretrained)\n"
                   "    names=(${(f)\"$(${words_program:-timmc} list -f names $tagged \"$PREFIX*\" "
                   "2>/dev/null)\"})\n"
                   "    compadd -a names\n}\n\n"
                   "# kinds -- words\n"
                   "_timmc_any() {\n"
                   "    local kind\n"
                   "    for kind; do\n"
                   "        shift\n"
                   "        case $kind in\n"
                   "        models) _timmc_models ;;\n"
                   "        files) _files ;;\n"
                   "        folders) _files -/ ;;\n"
                   "        commands) _timmc_commands ;;\n"
                   "        --) break ;;\n"
                   "        esac\n"
                   "    done\n"
                   "    (($#)) && compadd -- $@\n}\n\n"
                   "_timmc() {\n"
                   "    local words_program=$words[1] command=$words[2]\n"
                   "    if ((CURRENT == 2)); then\n"
                   "        _timmc_commands\n"
                   "        return\n"
                   "    fi\n"
                   "    shift words\n"
                   "    ((CURRENT--))\n"
                   "    case $command in\n");
}

static const char end[] = "    esac\n}\n\n"
                          "if [[ $funcstack[1] == _timmc ]]; then\n"
                          "    _timmc \"$@\"\nelse\n"
                          "    compdef _timmc timmc\nfi\n";

const tm_completion tm_completion_zsh = {"zsh", begin, end};
