/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line. A command is one file: option tables, a tm_command, and a function
 * tm_cmd_NAME that returns the exit code; its line in commands.def makes it known. Parsing,
 * environment variables, --help and the answers to misspelt options come from the tables.
 */
#ifndef TM_CLI_CLI_H
#define TM_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "registry/nearest.h"

/* Exit codes; those of signals are 128 + their number. */
enum {
    TM_EXIT_OK = 0,
    TM_EXIT_SOME_FAILED = 1, /* the output is complete, with error records */
    TM_EXIT_USAGE = 2,
    TM_EXIT_MODEL = 3, /* model, weights or config missing, refused or mismatched */
    TM_EXIT_INPUT = 4, /* no input found, or none succeeded */
    TM_EXIT_NETWORK = 5,
    TM_EXIT_OUTPUT = 6, /* the output cannot be written */
    TM_EXIT_INTERNAL = 70,
    TM_EXIT_STOPPED = 75, /* early, on request, resumable */
};

/* The code of a run that this status ended; a failed input among others is not such an end. */
int tm_exit_code(tm_status status);

/* Each writes one line "timmc: error: ...", "timmc: warning: ..." or "timmc: ..." to stderr, by
 * tm_text_line. */
void tm_print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tm_print_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tm_print_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
int tm_report(const tm_error *error); /* prints it, returns its exit code */
int tm_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* adds where the help is, returns TM_EXIT_USAGE */

/* "; nearest: a, b, c", or "" where nothing is near. */
#define TM_NEAREST_TEXT_MAX 512
const char *tm_nearest_text(const tm_nearest *nearest, const char *prefix,
                            char text[static TM_NEAREST_TEXT_MAX]);

/* Writes a buffer of text to stdout, by tm_text_lines, and frees it. Exit code: TM_EXIT_OK, _OUTPUT
 * or _INTERNAL. */
int tm_write_stdout(tm_buffer *buffer);

/* Tells that stdout cannot be written, and why where errno says; returns TM_EXIT_OUTPUT. */
int tm_stdout_failed(void);

bool tm_stdout_is_terminal(void);

/* Values of options. Lists live in the arena of the tm_arguments; count 0: not given. */
typedef struct tm_texts {
    const char *const *values; /* NULL behind the last */
    size_t count;
} tm_texts;

typedef struct tm_ints {
    const int *values;
    size_t count;
} tm_ints;

typedef struct tm_img_size {
    int height, width; /* 0: not given */
} tm_img_size;

typedef struct tm_shard {
    size_t index, count; /* every count-th input from index on; count 0: not given */
} tm_shard;

/* kind, type of the value */
#define TM_OPTION_KINDS(X)                                                                         \
    X(FLAG, bool)     /* becomes true */                                                           \
    X(FLAG_OFF, bool) /* becomes false */                                                          \
    X(TEXT, const char *)                                                                          \
    X(CHOICE, const char *) /* one of the words of `argument`, "a|b|c" */                          \
    X(INT, int)                                                                                    \
    X(AUTO, int) /* a number, or "auto": 0 */                                                      \
    X(COUNT, size_t)                                                                               \
    X(NUMBER, double)                                                                              \
    X(TEXTS, tm_texts)       /* the option may be repeated */                                      \
    X(INTS, tm_ints)         /* "2,5,-1" */                                                        \
    X(NUMBERS, tm_numbers)   /* "0.5,0.5,0.5" */                                                   \
    X(IMG_SIZE, tm_img_size) /* "224" or "224,192", height first */                                \
    X(SHARD, tm_shard)       /* "2/8" is the second of eight, or "auto" */

typedef enum tm_option_kind {
#define TM_OPTION_ENUM(kind, type) TM_OPTION_##kind,
    TM_OPTION_KINDS(TM_OPTION_ENUM)
#undef TM_OPTION_ENUM
} tm_option_kind;

#define TM_OPTION_TYPE(kind, type) typedef type tm_option_##kind;
TM_OPTION_KINDS(TM_OPTION_TYPE)
#undef TM_OPTION_TYPE

/* kind and offset of an option whose value is a member of a struct: one of another type does not
 * compile. */
#define TM_OPTION_VALUE(kind, values, member)                                                      \
    TM_OPTION_##kind, _Generic(((values *)NULL)->member, tm_option_##kind                          \
                               : offsetof(values, member))

typedef struct tm_option {
    char short_name;      /* 0: none */
    const char *name;     /* without the dashes; variable TIMMC_NAME */
    const char *argument; /* as the help shows it; NULL for flags */
    const char *help;
    tm_option_kind kind;
    size_t offset;   /* of the value in the group's target */
    double min, max; /* of every number in the value; both 0: any */
} tm_option;

/* A row that several tables have. */
#define TM_FORCE_OPTION(value)                                                                     \
    {                                                                                              \
        0, "force", NULL, "overwrite an existing file", value, 0, 0                                \
    }

typedef struct tm_option_group {
    const char *title; /* "Model" */
    const tm_option *options;
    size_t count;
} tm_option_group;

#define TM_OPTION_GROUP(heading, table)                                                            \
    {                                                                                              \
        .title = (heading), .options = (table), .count = sizeof(table) / sizeof *(table)           \
    }

/* A group and the values that its options fill, which the caller preset with defaults. */
typedef struct tm_option_target {
    const tm_option_group *group;
    void *values;
} tm_option_target;

/* Values of another type than the group's offsets are in do not compile. */
#define TM_OPTION_TARGET(options, type, into)                                                      \
    {                                                                                              \
        .group = &(options), .values = _Generic((into), type * : (into))                           \
    }

typedef struct tm_command {
    const char *name;              /* "list" */
    const char *operands;          /* "[GLOB...]" */
    const char *description;       /* whole sentences; lines are broken by the help */
    const char *const examples[2]; /* without the "timmc "; they must work */
} tm_command;

typedef struct tm_arguments {
    char **operands; /* what is no option, in order; points into argv */
    size_t operand_count;
    tm_arena arena;
} tm_arguments;

/* Fills the targets, which end with one without a group, from the command line, else from
 * TIMMC_<OPTION>. Returns true to go on, and the caller then frees the arguments; false: *exit_code
 * is to be returned (help was asked for, or a usage error told). */
bool tm_parse_arguments(const tm_command *command, const tm_option_target *targets, int argc,
                        char **argv, tm_arguments *arguments, int *exit_code);
void tm_arguments_free(tm_arguments *arguments);

/* Parses one value into the option's type; TM_USAGE tells what was found and expected. */
tm_status tm_option_value(const tm_option *option, const char *text, void *value, tm_arena *arena,
                          tm_error *error);

/* Writes the command's help to stdout in a layout of help.h (NULL: text); returns the exit code. */
int tm_command_help(const tm_command *command, const tm_option_target *targets, const char *layout);

/* Options shared by the commands that run a model. Start from the _DEFAULT. */
typedef struct tm_model_options {
    const char *model;   /* NULL: not given */
    const char *weights; /* a file, or "formula:SEED[:GAIN]"; NULL: the model's own */
    int num_classes;     /* -1: the model's own; 0: no head */
    int in_chans;        /* 0: the model's own */
    const char *global_pool;
    tm_img_size img_size;
    int output_stride; /* 0: the model's own */
    bool no_pretrained, offline, drop_head, no_ema, allow_missing;
    const char *cache_dir, *weights_key, *weights_prefix;
    tm_texts model_args;
} tm_model_options;
#define TM_MODEL_OPTIONS_DEFAULT                                                                   \
    {                                                                                              \
        .num_classes = -1                                                                          \
    }

typedef struct tm_picture_options {
    double crop_pct; /* 0: the model's own; so are NULL and empty lists */
    const char *crop_mode, *interpolation;
    tm_numbers mean, std; /* one value for all channels, or one for each */
    const char *size;     /* "train" or "test" */
    int max_seq_len;      /* 0: pictures are brought to the model's size */
    bool exif_orient, strict_decode, fast_decode;
    size_t max_pixels; /* 0: the decoder's own limit */
    size_t max_memory; /* MB; 0: tm_image_memory_shared */
} tm_picture_options;
#define TM_PICTURE_OPTIONS_DEFAULT                                                                 \
    {                                                                                              \
        .size = "train"                                                                            \
    }

typedef struct tm_input_options {
    const char *files_from; /* "-": stdin */
    bool null_separated;
    const char *siblings;     /* see tm_archive_open */
    const char *stdin_format; /* of the frames that are there; NULL: a picture or a tar */
    tm_shard shard;
    size_t skip, limit; /* limit 0: none */
} tm_input_options;
#define TM_INPUT_OPTIONS_DEFAULT                                                                   \
    {                                                                                              \
        0                                                                                          \
    }

typedef struct tm_run_options {
    int threads, batch;          /* 0: chosen by the program */
    const char *precision, *isa; /* isa NULL: the best of this machine */
    bool timings, quiet, verbose;
} tm_run_options;
#define TM_RUN_OPTIONS_DEFAULT                                                                     \
    {                                                                                              \
        .precision = "f32"                                                                         \
    }

typedef struct tm_output_options {
    const char *output; /* NULL: none */
    bool force, resume;
    const char *dtype; /* of its arrays; NULL: f32 */
} tm_output_options;
#define TM_OUTPUT_OPTIONS_DEFAULT                                                                  \
    {                                                                                              \
        0                                                                                          \
    }

/* tm_tensor_group: of a model's options those that a file of weights depends on. */
extern const tm_option_group tm_model_group, tm_tensor_group, tm_picture_group, tm_input_group,
    tm_run_group, tm_output_group, tm_job_group;
#define TM_TENSOR_TARGET(into) TM_OPTION_TARGET(tm_tensor_group, tm_model_options, into)
#define TM_MODEL_TARGET(into)                                                                      \
    TM_OPTION_TARGET(tm_model_group, tm_model_options, into), TM_TENSOR_TARGET(into)
#define TM_PICTURE_TARGET(into) TM_OPTION_TARGET(tm_picture_group, tm_picture_options, into)
#define TM_INPUT_TARGET(into) TM_OPTION_TARGET(tm_input_group, tm_input_options, into)
#define TM_RUN_TARGET(into) TM_OPTION_TARGET(tm_run_group, tm_run_options, into)
#define TM_OUTPUT_TARGET(into) TM_OPTION_TARGET(tm_output_group, tm_output_options, into)
#define TM_JOB_TARGET(into) TM_OPTION_TARGET(tm_job_group, tm_output_options, into)

/* How the options ask for a model to be opened; run may be NULL. OMP_NUM_THREADS counts where no
 * option says otherwise. */
tm_open_options tm_open_options_of(const tm_model_options *model, const tm_run_options *run);

/* The model among "[MODEL] INPUT...": the -m option, else the first operand if it is no file, which
 * is then taken from the operands, else TM_BUILTIN_MODEL. A file that bears a model's name is an
 * input, which is told. TM_UNKNOWN_MODEL: the first operand is neither a file nor a model, nor
 * ends as a picture; TM_USAGE: an operand is a number, or looks like a model that another would
 * answer for. */
tm_status tm_take_model(const tm_model_options *options, tm_arguments *arguments,
                        const char **model, tm_error *error);

/* The model of a command that reads no inputs: -m, else the first operand, which is taken. */
const char *tm_take_only_model(const tm_model_options *options, tm_arguments *arguments);

/* TM_USAGE where -o names a file for records, which go to the standard output; jsonl: a .jsonl file
 * takes them. */
tm_status tm_check_output(const tm_output_options *output, bool jsonl, tm_error *error);

/* The most indices that an option may list. */
enum { TM_INDICES_MAX = 1024 };

/* Resolves indices that may be negative against `count` things; TM_USAGE names the valid ones, or
 * tells that there are more than TM_INDICES_MAX, for which resolved has room. */
tm_status tm_resolve_indices(const tm_ints *given, int count, const char *what, const char *model,
                             int *resolved, tm_error *error);

/* The table of commands. */
typedef struct tm_command_entry {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} tm_command_entry;

extern const tm_command_entry tm_commands[];
extern const size_t tm_command_count;

/* NULL: there is none of that name ('_' counts as '-'). */
const tm_command_entry *tm_find_command(const char *name);
int tm_unknown_command(const char *name); /* tells the nearest; returns TM_EXIT_USAGE */
int tm_main_help(void);

#define COMMAND(name, summary) int tm_cmd_##name(int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND

#endif
