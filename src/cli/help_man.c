/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of the manual, in man(7). */
#include <string.h>

#include "cli/help.h"
#include "timmc.h"

/* Of this version, told in the pages. */
static const char released[] = "2026-11-27";

enum { MAN_WIDTH = 76 };

/* What a terminal shows is what stands here: roff's own signs become characters. */
static size_t add_character(tm_buffer *out, char c)
{
    size_t start = out->length;
    switch (c) {
    case '\\':
        tm_buffer_puts(out, "\\e");
        break;
    case '-':
        tm_buffer_puts(out, "\\-");
        break;
    case '\'':
        tm_buffer_puts(out, "\\(aq");
        break;
    case '"':
        tm_buffer_puts(out, "\\(dq");
        break;
    case '^':
        tm_buffer_puts(out, "\\(ha");
        break;
    case '~':
        tm_buffer_puts(out, "\\(ti");
        break;
    case '`':
        tm_buffer_puts(out, "\\(ga");
        break;
    default:
        tm_buffer_putc(out, c);
    }
    return out->length - start;
}

static size_t add_word(tm_buffer *out, const char *word, size_t length)
{
    size_t added = 0;
    for (size_t i = 0; i < length; i++)
        added += add_character(out, word[i]);
    return added;
}

static void add_escaped(tm_buffer *out, const char *text)
{
    add_word(out, text, strlen(text));
}

/* Lines of text; none begins as a request does. */
static void add_text(tm_buffer *out, const char *text)
{
    size_t at = 0;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        if (at && at + 1 + length > MAN_WIDTH) {
            tm_buffer_putc(out, '\n');
            at = 0;
        }
        if (at)
            tm_buffer_putc(out, ' ');
        else if (*text == '.')
            tm_buffer_puts(out, "\\&");
        at += 1 + add_word(out, text, length);
        text += length;
    }
    tm_buffer_puts(out, at ? "\n" : "");
}

/* "list" -> TIMMC\-LIST; "": the first page. */
static void add_head(tm_buffer *out, const char *command, const char *summary)
{
    tm_buffer_puts(out, ".TH TIMMC");
    if (*command)
        tm_buffer_puts(out, "\\-");
    for (const char *c = command; *c; c++)
        add_character(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    tm_buffer_printf(out, " 1 %s \"timmc %s\" \"User Commands\"\n.SH NAME\ntimmc", released,
                     TIMMC_VERSION);
    if (*command)
        tm_buffer_puts(out, "\\-");
    add_escaped(out, command);
    tm_buffer_puts(out, " \\- ");
    add_escaped(out, summary);
    tm_buffer_putc(out, '\n');
}

static void add_option(tm_buffer *out, const tm_option *option)
{
    tm_buffer_puts(out, ".TP\n");
    if (option->short_name)
        tm_buffer_printf(out, "\\fB\\-%c\\fR, ", option->short_name);
    tm_buffer_puts(out, "\\fB\\-\\-");
    add_escaped(out, option->name);
    tm_buffer_puts(out, "\\fR");
    if (option->argument) {
        tm_buffer_puts(out, " \\fI");
        add_escaped(out, option->argument);
        tm_buffer_puts(out, "\\fR");
    }
    tm_buffer_putc(out, '\n');
    add_text(out, option->help);
}

/* "timmc-list(1)", ... but for the page itself */
static void add_see_also(tm_buffer *out, const char *self)
{
    char name[TM_COMMAND_NAME_MAX];
    const char *summary;
    tm_buffer_puts(out, ".SH SEE ALSO\n");
    if (*self)
        tm_buffer_puts(out, ".BR timmc (1),\n");
    for (size_t i = 0; tm_command_at(i, name, &summary);) {
        char next[TM_COMMAND_NAME_MAX];
        bool shown = strcmp(name, self) != 0;
        if (shown) {
            tm_buffer_puts(out, ".BR timmc\\-");
            add_escaped(out, name);
        }
        bool more = tm_command_at(++i, next, &summary);
        if (more && strcmp(next, self) == 0)
            more = tm_command_at(i + 1, next, &summary);
        if (shown)
            tm_buffer_printf(out, " (1)%s\n", more ? "," : "");
    }
}

static const char *summary_of(const char *command)
{
    char name[TM_COMMAND_NAME_MAX];
    const char *summary;
    for (size_t i = 0; tm_command_at(i, name, &summary); i++)
        if (strcmp(name, command) == 0)
            return summary;
    return "";
}

static void add_examples(tm_buffer *out, const char *const *examples, size_t count)
{
    tm_buffer_puts(out, ".SH EXAMPLES\n.nf\n");
    for (size_t i = 0; i < count; i++) {
        tm_buffer_puts(out, "timmc ");
        add_escaped(out, examples[i]);
        tm_buffer_putc(out, '\n');
    }
    tm_buffer_puts(out, ".fi\n");
}

void tm_help_man(tm_buffer *out, const tm_command *command, const tm_option_target *targets)
{
    const char *last = "", *title;
    const tm_option *option;
    add_head(out, command->name, summary_of(command->name));
    tm_buffer_puts(out, ".SH SYNOPSIS\n\\fBtimmc ");
    add_escaped(out, command->name);
    tm_buffer_puts(out, "\\fR [\\fIOPTIONS\\fR]\n");
    add_text(out, command->operands);
    tm_buffer_puts(out, ".SH DESCRIPTION\n");
    add_text(out, command->description);
    tm_buffer_puts(out, ".SH OPTIONS\nAn option that is not given is taken from\n"
                        ".BI TIMMC_ OPTION\nin the environment, unless that is empty.\n");
    for (size_t i = 0; (option = tm_help_row(targets, i, &title)); i++) {
        if (strcmp(title, last) != 0)
            tm_buffer_printf(out, ".SS %s\n", *title ? title : "Every command");
        last = title;
        add_option(out, option);
    }
    tm_buffer_puts(out, ".SH EXIT STATUS\nThat of every command, see\n.BR timmc (1).\n");
    add_examples(out, command->examples, 2);
    add_see_also(out, command->name);
}

/* ---- the first page ---- */

typedef struct term {
    const char *name, *text;
} term;

static const term exit_codes[] = {
    {"0", "All inputs are done."},
    {"1", "Some inputs failed: the output is complete, with a record of the error for each."},
    {"2", "Wrong usage."},
    {"3", "The model, its weights or labels are missing, refused or mismatched, or the model is "
          "too large for the memory that there is."},
    {"4", "No input was found, or none succeeded."},
    {"5", "The network."},
    {"6", "The output cannot be written."},
    {"70", "An internal error, or no memory."},
    {"75", "Stopped early by SIGUSR1; with --resume the same command goes on."},
    {"130, 143", "Stopped early by SIGINT, SIGTERM; likewise."},
};

static const term variables[] = {
    {"TIMMC_OPTION", "An option that is not given, such as TIMMC_THREADS for --threads; for one "
                     "without a value, 0, no and false leave it out. Empty: not set."},
    {"TIMMC_PLUGINS", "Files as of --plugin, with colons between."},
    {"OMP_NUM_THREADS", "Threads where no option says otherwise."},
    {"HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME", "Where models of the hub are kept."},
    {"TORCH_HOME", "Where models of other addresses are kept."},
    {"TIMM_USE_OLD_CACHE", "With 1, what is there goes before the hub."},
    {"HF_HUB_OFFLINE", "With 1, nothing is asked of the network."},
    {"HF_TOKEN, HF_TOKEN_PATH", "For repositories that are private or gated: the token, or the "
                                "file that holds it. It goes to the endpoint alone."},
    {"HF_ENDPOINT", "Address of the hub (https://huggingface.co)."},
    {"https_proxy, http_proxy, no_proxy", "Proxies, as curl takes them."},
    {"REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR",
     "Certificates that servers are checked with."},
    {"SLURM_ARRAY_TASK_ID, SLURM_PROCID, OMPI_COMM_WORLD_RANK, PMI_RANK, ...",
     "What --shard auto reads: the task of an array, the rank of srun or MPI."},
    {"TERM", "No progress is drawn on a terminal that is dumb."},
};

static const term files[] = {
    {"~/.cache/huggingface/hub", "Models of the hub, in the form that Python's tools have."},
    {"~/.cache/torch/hub/checkpoints", "Weights of other addresses."},
    {"~/.cache/huggingface/token", "The token, where no variable has it."},
    {"NAME.part, NAME.index.jsonl, NAME.meta.json",
     "Beside -o NAME: what is not yet whole, whose the rows are, and what made them."},
};

static void add_terms(tm_buffer *out, const char *heading, const term *terms, size_t count)
{
    tm_buffer_printf(out, ".SH %s\n", heading);
    for (size_t i = 0; i < count; i++) {
        tm_buffer_puts(out, ".TP\n\\fB");
        add_escaped(out, terms[i].name);
        tm_buffer_puts(out, "\\fR\n");
        add_text(out, terms[i].text);
    }
}

#define ADD_TERMS(out, heading, terms)                                                             \
    add_terms((out), (heading), (terms), sizeof(terms) / sizeof *(terms))

static void add_commands(tm_buffer *out)
{
    char name[TM_COMMAND_NAME_MAX];
    const char *summary;
    tm_buffer_puts(out, ".SH COMMANDS\n");
    for (size_t i = 0; tm_command_at(i, name, &summary); i++) {
        tm_buffer_puts(out, ".TP\n.BR timmc\\-");
        add_escaped(out, name);
        tm_buffer_puts(out, " (1)\n");
        add_text(out, summary);
    }
}

void tm_manual_main(tm_buffer *out)
{
    static const char *const examples[] = {"classify cat.jpg",
                                           "features --kind pooled -o photos.npy --resume photos/",
                                           "list 'resnet*' --pretrained", "info resnet50.a1_in1k"};
    add_head(out, "", "runs timm's image models");
    tm_buffer_puts(out, ".SH SYNOPSIS\n\\fBtimmc\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] "
                        "[\\fIOPERANDS\\fR]\n.SH DESCRIPTION\n");
    add_text(out, "Runs the image models of timm (pytorch-image-models): classes, embeddings, "
                  "feature maps and intermediate outputs of pictures. It computes timm's numbers "
                  "and needs neither Python nor a network.");
    tm_buffer_puts(out, ".PP\n");
    add_text(out, "MODEL is a name of timm's, with or without a tag (resnet50, resnet50.a1_in1k), "
                  "hf-hub:ORG/NAME[@REV] or local-dir:FOLDER. Weights of one model are in the "
                  "program, and it answers where none is named; those of others come from the "
                  "cache of Python's tools, or are downloaded there.");
    tm_buffer_puts(out, ".PP\n");
    add_text(out, "Records go to the standard output, one for every input, in the order of the "
                  "inputs, failed ones too; all else goes to the standard error.");
    add_commands(out);
    ADD_TERMS(out, "EXIT STATUS", exit_codes);
    ADD_TERMS(out, "ENVIRONMENT", variables);
    ADD_TERMS(out, "FILES", files);
    add_examples(out, examples, sizeof examples / sizeof *examples);
    add_see_also(out, "");
}
