/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "api/packfile.h"
#include "base/outfile.h"
#include "cli/records.h"
#include "cli/session.h"

typedef struct pack_options {
    const char *outputs, *output, *precision, *isa, *check, *format;
    int threads;
    bool force, quiet;
} pack_options;

/* clang-format off */
#define PACK(kind, member) TM_OPTION_VALUE(kind, pack_options, member)
static const tm_option options[] = {
    {'o', "output-file", "FILE", "the file that is written (default: MODEL-PRECISION-ISA.packed, here)",
        PACK(TEXT, output), 0, 0},
    TM_FORCE_OPTION(PACK(FLAG, force)),
    {0, "outputs", "NAME,...", "of the model, in this order, that runs will ask for (default: logits)",
        PACK(TEXT, outputs), 0, 0},
    {0, "precision", "f32|bf16x3|bf16|int8", "of the runs (default: f32)",
        PACK(CHOICE, precision), 0, 0},
    {0, "isa", TM_ISA_NAMES, "of the runs (default: the best of this machine)",
        PACK(CHOICE, isa), 0, 0},
    {'t', "threads", "N|auto", "for packing; auto, the default: what the process may use",
        PACK(AUTO, threads), 1, 1024},
    {0, "check", "FILE", "instead: whether FILE holds what was packed into it, every byte",
        PACK(TEXT, check), 0, 0},
    {'f', "format", TM_RECORD_FORMATS, "default: text on a terminal, else jsonl",
        PACK(CHOICE, format), 0, 0},
    {'q', "quiet", NULL, "no progress", PACK(FLAG, quiet), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "pack",
    .operands = "[MODEL]",
    .description =
        "Writes a model's weights as its kernels read them, for --weights: a run then packs "
        "nothing, "
        "and processes of one machine share one copy. The file is for this build of timmc, this "
        "kind of processor, the precision, the model's options and the outputs; any other run "
        "refuses it.",
    .examples = {"pack -o lite0.packed", "pack --check lite0.packed"},
};

static const tm_record_type pack_type = {
    .columns = "file,model,precision,isa,outputs,weights_sha256,bytes",
    .text = "{file}: {model}, {precision}, {isa}, {outputs} ({bytes:.1f} MB)\n"};

/* What the file says of itself. */
static tm_status tell(const char *path, bool check, const char *format, tm_error *error)
{
    static const char *const lines[] = {"model", "precision", "isa", "outputs"};
    enum { LINES = sizeof lines / sizeof *lines, LINE = 512 };
    char values[LINES][LINE], digits[TM_DIGEST_TEXT_MAX];
    tm_packfile file;
    tm_records records;
    tm_record record = {.type = &pack_type};
    tm_status status = tm_packfile_open(path, &file, error);
    if (status)
        return status;
    TM_TELL(&record, "file", tm_value_text(path));
    for (size_t i = 0; i < LINES; i++) {
        tm_packfile_line(file.key, lines[i], values[i], LINE);
        TM_TELL(&record, lines[i], tm_value_text(values[i]));
    }
    tm_packfile_line(file.facts, "weights_sha256", digits, sizeof digits);
    TM_TELL(&record, "weights_sha256", tm_value_text(digits));
    TM_TELL(&record, "bytes", tm_value_integer((int64_t)file.memory.map.size),
            .unit = TM_UNIT_MEGABYTES);
    if (check)
        status = tm_packfile_check(&file, error);
    status = tm_packfile_close(&file, status, error);
    if (status)
        return status;
    tm_records_open(&records, format, &pack_type);
    tm_records_add(&records, &record);
    return tm_records_close(&records, error);
}

static tm_status select_outputs(tm_model *model, const char *names, tm_error *error)
{
    tm_status status = names ? TM_OK : tm_model_select_answer(model, error);
    while (names && *names && !status) {
        char name[64];
        size_t length = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        status = tm_model_select(model, name, error);
        names += length + (names[length] == ',');
    }
    return status;
}

static tm_status open_model(const pack_options *chosen, const tm_model_options *m,
                            tm_arguments *arguments, tm_model **model, tm_error *error)
{
    const tm_run_options run = {.threads = chosen->threads,
                                .precision = chosen->precision,
                                .isa = chosen->isa,
                                .quiet = chosen->quiet};
    tm_open_options open = tm_open_options_of(m, &run);
    tm_status status = tm_model_open(tm_take_only_model(m, arguments), &open, model, error);
    if (!status)
        status = tm_packfile_require(*model, error);
    return status ? status : select_outputs(*model, chosen->outputs, error);
}

/* The digest is that of what was read: it is the same before and after. */
static tm_status load(tm_model *model, char digits[static TM_DIGEST_TEXT_MAX], tm_error *error)
{
    char after[TM_DIGEST_TEXT_MAX];
    tm_status status = tm_model_digest_weights(model, digits, error);
    if (!status)
        status = tm_load_model(model, error);
    tm_print_model_warning(model);
    if (!status)
        status = tm_model_digest_weights(model, after, error);
    if (!status && strcmp(digits, after) != 0)
        status = tm_fail(error, TM_WEIGHTS_INVALID,
                         "%s: was written to while it was packed, expected it to rest",
                         model->weights_name);
    return status;
}

static tm_status write_file(tm_model *model, const char *path, bool force, tm_error *error)
{
    tm_outfile out;
    char digits[TM_DIGEST_TEXT_MAX];
    tm_status status = tm_outfile_open(&out, path, force, error);
    if (status)
        return status;
    status = load(model, digits, error);
    if (!status)
        status = tm_packfile_save(model, digits, out.stream, path, error);
    if (status)
        tm_outfile_abandon(&out);
    return status ? status : tm_outfile_commit(&out, error);
}

/* "resnet50.a1_in1k-f32-avx512.packed"; of a name with folders what is behind them. */
static void default_path(const tm_model *model, char path[static TM_PATH_MAX])
{
    const tm_open_options *o = &model->options;
    const char *slash = strrchr(model->display, '/');
    snprintf(path, TM_PATH_MAX, "%s-%s-%s.packed", slash ? slash + 1 : model->display, o->precision,
             tm_isa_name(tm_isa_or_best(o->isa)));
}

static int pack(const pack_options *chosen, const tm_model_options *m, tm_arguments *arguments)
{
    tm_model *model = NULL;
    tm_error error = {0};
    char own[TM_PATH_MAX];
    tm_status status = open_model(chosen, m, arguments, &model, &error);
    if (!status && arguments->operand_count)
        status = tm_fail(&error, TM_USAGE, "%s: one MODEL is packed, and no picture",
                         arguments->operands[0]);
    if (!status) {
        default_path(model, own);
        const char *path = chosen->output ? chosen->output : own;
        status = write_file(model, path, chosen->force, &error);
        if (!status)
            status = tell(path, false, chosen->format, &error);
    }
    tm_model_close(model);
    return status ? tm_report(&error) : TM_EXIT_OK;
}

int tm_cmd_pack(int argc, char **argv)
{
    pack_options chosen = {.precision = "f32"};
    tm_model_options model = TM_MODEL_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {
        TM_OPTION_TARGET(options_group, pack_options, &chosen), TM_MODEL_TARGET(&model), {0}};
    tm_arguments arguments;
    tm_error error = {0};
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (!chosen.check)
        exit_code = pack(&chosen, &model, &arguments);
    else if (arguments.operand_count)
        exit_code = tm_usage_error(command.name, "--check FILE takes no MODEL");
    else if (tell(chosen.check, true, chosen.format, &error))
        exit_code = tm_report(&error);
    tm_arguments_free(&arguments);
    return exit_code;
}
