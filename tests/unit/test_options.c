/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/shard.h"
#include "registry/registry.h"

typedef struct probe {
    bool flag, other;
    const char *text, *choice;
    int whole;
    size_t count;
    double number;
    tm_texts texts;
    tm_ints ints;
    tm_numbers numbers;
    tm_img_size img_size;
    tm_shard shard;
} probe;

/* clang-format off */
#define PROBE(kind, member) TM_OPTION_VALUE(kind, probe, member)
static const tm_option options[] = {
    {'f', "flag", NULL, "", PROBE(FLAG, flag), 0, 0},
    {0, "no-flag", NULL, "", PROBE(FLAG_OFF, flag), 0, 0},
    {'0', "other", NULL, "", PROBE(FLAG, other), 0, 0},
    {'t', "text", "T", "", PROBE(TEXT, text), 0, 0},
    {0, "choice", "one|two|three", "", PROBE(CHOICE, choice), 0, 0},
    {'n', "whole", "N", "", PROBE(INT, whole), 1, 64},
    {0, "count", "N", "", PROBE(COUNT, count), 0, 0},
    {0, "number", "X", "", PROBE(NUMBER, number), -1, 1},
    {0, "texts", "T", "", PROBE(TEXTS, texts), 0, 0},
    {0, "ints", "N,N", "", PROBE(INTS, ints), 0, 0},
    {0, "numbers", "X,X", "", PROBE(NUMBERS, numbers), 0, 0},
    {0, "img-size", "N|H,W", "", PROBE(IMG_SIZE, img_size), 1, 4096},
    {0, "shard", "I/N|auto", "", PROBE(SHARD, shard), 0, 0},
};
/* clang-format on */

static const tm_option_group group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "probe", .operands = "[X...]", .description = "Tests.", .examples = {"probe", "probe"}};

#define ARGC_MAX 16

/* Parses words that end with NULL; returns the exit code, 0 when all went well. What it tells
 * on stderr is dropped. The operands stay readable, for they point at the caller's words. */
static int parse(probe *values, tm_arguments *arguments, char **words)
{
    static char *argv[ARGC_MAX];
    static char name[] = "probe";
    const tm_option_target targets[] = {TM_OPTION_TARGET(group, probe, values), {0}};
    int argc = 0, exit_code;
    argv[argc++] = name;
    for (; *words && argc < ARGC_MAX - 1; words++)
        argv[argc++] = *words;
    argv[argc] = NULL;
    *values = (probe){.choice = "one"};
    int kept = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr));
    bool go_on = tm_parse_arguments(&command, targets, argc, argv, arguments, &exit_code);
    fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    return go_on ? 0 : exit_code;
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static void test_values(void **state)
{
    (void)state;
    probe v;
    tm_arguments a;
    assert_int_equal(
        parse(&v, &a,
              WORDS("-f", "--text=a=b", "--choice", "two", "-n64", "--count", "7", "--number",
                    "-2.5e-1", "--ints", "2,5,-1", "--img-size", "224", "--shard")),
        TM_EXIT_USAGE);
    assert_int_equal(parse(&v, &a,
                           WORDS("-f", "--text=a=b", "--choice", "two", "-n64", "--count", "7",
                                 "--number", "-2.5e-1", "--ints", "2,5,-1", "--img-size", "224")),
                     0);
    assert_true(v.flag);
    assert_string_equal(v.text, "a=b");
    assert_string_equal(v.choice, "two");
    assert_int_equal(v.whole, 64);
    assert_int_equal(v.count, 7);
    assert_true(v.number == -0.25);
    assert_int_equal(v.ints.count, 3);
    assert_int_equal(v.ints.values[1], 5);
    assert_int_equal(v.ints.values[2], -1);
    assert_int_equal(v.img_size.height, 224);
    assert_int_equal(v.img_size.width, 224);
    tm_arguments_free(&a);
}

static void test_lists(void **state)
{
    (void)state;
    probe v;
    tm_arguments a;
    assert_int_equal(parse(&v, &a,
                           WORDS("--texts", "a", "--texts", "b,c", "--numbers", "0.5,1e3,-2",
                                 "--img-size", "224,192", "--shard", "2/8", "--ints=-2")),
                     0);
    assert_int_equal(v.texts.count, 2);
    assert_string_equal(v.texts.values[0], "a");
    assert_string_equal(v.texts.values[1], "b,c");
    assert_int_equal(v.numbers.count, 3);
    assert_true(v.numbers.values[1] == 1000 && v.numbers.values[2] == -2);
    assert_int_equal(v.img_size.height, 224);
    assert_int_equal(v.img_size.width, 192);
    assert_int_equal(v.shard.index, 1);
    assert_int_equal(v.shard.count, 8);
    assert_int_equal(v.ints.values[0], -2);
    tm_arguments_free(&a);
}

/* 2-4 has its end, 3:12:3 has not; only what does not count from the end has neighbours. */
static void test_ranges(void **state)
{
    static const int wanted[] = {7, 2, 3, 4, -1, 3, 6, 9, 0, 1};
    static char *const wrong[] = {
        "4-2",  "1:1",   "1:5:0",  "-3-1",         "1-",           "1:", "1--2",
        "1:2:", "1-2-3", "2:x",    "1:5:-1",       " 1",           "1 ", "",
        ",1",   "1,",    "0:5000", "0-2147483647", "0:99999999999"};
    (void)state;
    probe v;
    tm_arguments a;
    assert_int_equal(parse(&v, &a, WORDS("--ints", "7,2-4,-1,3:12:3,0:2")), 0);
    assert_int_equal(v.ints.count, sizeof wanted / sizeof *wanted);
    assert_memory_equal(v.ints.values, wanted, sizeof wanted);
    tm_arguments_free(&a);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(parse(&v, &a, WORDS("--ints", wrong[i])), TM_EXIT_USAGE);
}

static void test_operands(void **state)
{
    (void)state;
    probe v;
    tm_arguments a;
    assert_int_equal(parse(&v, &a, WORDS("cat.jpg", "-0fn", "3", "-", "--", "--text", "-x")), 0);
    assert_true(v.flag && v.other);
    assert_int_equal(v.whole, 3);
    assert_null(v.text);
    assert_int_equal(a.operand_count, 4);
    assert_string_equal(a.operands[0], "cat.jpg");
    assert_string_equal(a.operands[1], "-");
    assert_string_equal(a.operands[2], "--text");
    assert_string_equal(a.operands[3], "-x");
    tm_arguments_free(&a);
    assert_int_equal(parse(&v, &a, WORDS("--flag", "--no-flag", "--num", "1")), TM_EXIT_USAGE);
    assert_int_equal(parse(&v, &a, WORDS("--flag", "--no-flag", "--numbe", "1")), TM_EXIT_USAGE);
    assert_int_equal(parse(&v, &a, WORDS("--flag", "--no-flag", "--who", "1")), 0);
    assert_false(v.flag);
    assert_int_equal(v.whole, 1); /* a beginning that fits one option stands for it */
    tm_arguments_free(&a);
}

static void test_refusals(void **state)
{
    (void)state;
    static char *const bad[][2] = {
        {"--whole", "0"},
        {"--whole", "65"},
        {"--whole", "1x"},
        {"--whole", ""},
        {"--whole", " 1"},
        {"--whole", "1.0"},
        {"--whole", "9999999999999999999999"},
        {"--count", "-1"},
        {"--count", "x"},
        {"--number", "nan"},
        {"--number", "inf"},
        {"--number", "1.5"},
        {"--number", "0x1"},
        {"--number", "-"},
        {"--choice", "tw"},
        {"--choice", "one|two"},
        {"--choice", ""},
        {"--ints", "1,,2"},
        {"--ints", "1,2,"},
        {"--ints", ""},
        {"--ints", "1;2"},
        {"--ints", "99999999999"},
        {"--numbers", "0.5,x"},
        {"--img-size", "0"},
        {"--img-size", "1,2,3"},
        {"--img-size", "224x224"},
        {"--shard", "0/4"},
        {"--shard", "5/4"},
        {"--shard", "1"},
        {"--shard", "1/"},
        {"--shard", "/2"},
        {"--shard", "1/2/3"},
        {"--flag=yes", "x"},
        {"--nothing", "x"},
        {"-x", "x"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        probe v;
        tm_arguments a;
        if (parse(&v, &a, WORDS(bad[i][0], bad[i][1])) != TM_EXIT_USAGE)
            fail_msg("%s \"%s\" is accepted", bad[i][0], bad[i][1]);
    }
}

static void test_messages(void **state)
{
    (void)state;
    static const struct {
        size_t option;
        const char *text, *message;
    } cases[] = {
        {4, "four", "\"four\" is not one of one|two|three"},
        {5, "65", "\"65\" is not a whole number from 1 to 64"},
        {6, "-1", "\"-1\" is not a count"},
        {7, "2", "\"2\" is not a number from -1 to 1"},
        {9, "1,x", "\"1,x\" is not a whole number (several with commas between, 2-4 or 3:12:3)"},
        {11, "0", "\"0\" is not a size N or HEIGHT,WIDTH of 1 to 4096 pixels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        probe v = {0};
        tm_arena arena = {0};
        tm_error error = {0};
        const tm_option *option = &options[cases[i].option];
        void *value = (char *)&v + option->offset;
        assert_int_equal(tm_option_value(option, cases[i].text, value, &arena, &error), TM_USAGE);
        assert_string_equal(error.message, cases[i].message);
        tm_arena_free(&arena);
    }
}

static void test_environment(void **state)
{
    (void)state;
    probe v;
    tm_arguments a;
    setenv("TIMMC_WHOLE", "9", 1);
    setenv("TIMMC_IMG_SIZE", "32,16", 1);
    setenv("TIMMC_FLAG", "1", 1);
    setenv("TIMMC_OTHER", "0", 1);
    setenv("TIMMC_TEXTS", "from-outside", 1);
    assert_int_equal(parse(&v, &a, WORDS("--texts", "x")), 0);
    assert_int_equal(v.whole, 9);
    assert_int_equal(v.img_size.width, 16);
    assert_true(v.flag);
    assert_false(v.other);
    assert_int_equal(v.texts.count, 1); /* the option replaces the variable */
    assert_string_equal(v.texts.values[0], "x");
    tm_arguments_free(&a);
    assert_int_equal(parse(&v, &a, WORDS("-n", "2")), 0);
    assert_int_equal(v.whole, 2);
    tm_arguments_free(&a);
    setenv("TIMMC_WHOLE", "nine", 1);
    assert_int_equal(parse(&v, &a, WORDS("x")), TM_EXIT_USAGE);
    assert_int_equal(parse(&v, &a, WORDS("-n", "2")), 0);
    tm_arguments_free(&a);
    setenv("TIMMC_WHOLE", "", 1); /* an empty one is none */
    setenv("TIMMC_TEXTS", "", 1);
    setenv("TIMMC_FLAG", "", 1);
    assert_int_equal(parse(&v, &a, WORDS("x")), 0);
    assert_int_equal(v.texts.count, 0);
    assert_false(v.flag);
    tm_arguments_free(&a);
    static const char *const names[] = {"WHOLE", "IMG_SIZE", "FLAG", "OTHER", "TEXTS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[32];
        snprintf(name, sizeof name, "TIMMC_%s", names[i]);
        unsetenv(name);
    }
}

/* variables: "A=1 B=2"; count 0: refused with what the message holds */
static void check_auto(const char *variables, size_t index, size_t count, const char *message)
{
    static const char *const known[] = {"SLURM_ARRAY_TASK_ID",
                                        "SLURM_ARRAY_TASK_MIN",
                                        "SLURM_ARRAY_TASK_MAX",
                                        "SLURM_ARRAY_TASK_STEP",
                                        "SLURM_ARRAY_TASK_COUNT",
                                        "SLURM_PROCID",
                                        "SLURM_NTASKS",
                                        "SLURM_STEP_ID",
                                        "SLURM_STEP_NUM_TASKS",
                                        "SLURM_JOB_ID",
                                        "OMPI_COMM_WORLD_RANK",
                                        "OMPI_COMM_WORLD_SIZE",
                                        "MV2_COMM_WORLD_RANK",
                                        "MV2_COMM_WORLD_SIZE",
                                        "PMI_RANK",
                                        "PMI_SIZE",
                                        "PMIX_RANK",
                                        "PMIX_SIZE",
                                        "PARALLEL_SEQ"};
    char copy[512];
    tm_shard shard = {0};
    tm_error error = {0};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        unsetenv(known[i]);
    snprintf(copy, sizeof copy, "%s", variables);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        setenv(word, value, 1);
    }
    tm_status status = tm_shard_parse("auto", &shard, &error);
    if (!count) {
        assert_int_equal(status, TM_USAGE);
        if (!strstr(error.message, message))
            fail_msg("%s: %s", variables, error.message);
        return;
    }
    if (status)
        fail_msg("%s: %s", variables, error.message);
    if (shard.index != index || shard.count != count)
        fail_msg("%s: %zu of %zu", variables, shard.index, shard.count);
}

#define ARRAY "SLURM_ARRAY_TASK_ID=14 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_STEP=2 "

static void test_shard_auto(void **state)
{
    (void)state;
    check_auto("", 0, 0, "no rank and count");
    check_auto("SLURM_PROCID=3 SLURM_NTASKS=4", 3, 4, NULL);
    check_auto("OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=3", 1, 3, NULL);
    check_auto("MV2_COMM_WORLD_RANK=1 MV2_COMM_WORLD_SIZE=3", 1, 3, NULL);
    check_auto("PMI_RANK=2 PMI_SIZE=3", 2, 3, NULL);
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=5", 2, 5, NULL);
    /* each rank of each task has a part of its own */
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=5 SLURM_PROCID=3 SLURM_NTASKS=4", 11, 20, NULL);
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=5 PMI_RANK=3 PMI_SIZE=4", 11, 20, NULL);
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=5 OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=7", 14,
               35, NULL);
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=2", 0, 0, "SLURM_ARRAY_TASK_ID=14");
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=5 SLURM_ARRAY_TASK_MAX=18", 2, 5, NULL);
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=5 SLURM_ARRAY_TASK_MAX=30", 0, 0, "no row");
    check_auto("PMI_RANK=3 PMI_SIZE=3", 0, 0, "PMI_RANK=3");
    /* mpirun within a job, whose daemons are a step of their own */
    check_auto("SLURM_JOB_ID=1 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_NTASKS=2 "
               "OMPI_COMM_WORLD_RANK=5 OMPI_COMM_WORLD_SIZE=8",
               5, 8, NULL);
    /* the step's tasks may be fewer than the job's */
    check_auto("SLURM_JOB_ID=1 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1 "
               "SLURM_NTASKS=4",
               1, 2, NULL);
    /* one process, whatever the job may start */
    check_auto("SLURM_JOB_ID=1 SLURM_PROCID=0 SLURM_NTASKS=4", 0, 0, "srun");
    check_auto(ARRAY "SLURM_ARRAY_TASK_COUNT=5 SLURM_JOB_ID=1 SLURM_PROCID=0 SLURM_NTASKS=4", 2, 5,
               NULL);
    check_auto("PMIX_RANK=3", 0, 0, "PMIX_RANK");
    check_auto("PMIX_RANK=3 SLURM_PROCID=3 SLURM_NTASKS=4", 3, 4, NULL);
    check_auto("PARALLEL_SEQ=2", 0, 0, "--shard {#}/{##}");
    check_auto("", 0, 0, "no rank and count");
}

static void check_take(const char *option, const char *first, const char *model, size_t operands)
{
    tm_model_options options_ = TM_MODEL_OPTIONS_DEFAULT;
    char word[64], second[] = "b.jpg";
    char *words[] = {word, second, NULL};
    tm_arguments arguments = {.operands = words, .operand_count = 2};
    tm_error error = {0};
    const char *taken;
    snprintf(word, sizeof word, "%s", first);
    options_.model = option;
    tm_status status = tm_take_model(&options_, &arguments, &taken, &error);
    if (!model) {
        assert_int_equal(status, TM_UNKNOWN_MODEL);
        return;
    }
    assert_int_equal(status, TM_OK);
    assert_string_equal(taken, model);
    assert_int_equal(arguments.operand_count, operands);
}

static void test_take_model(void **state)
{
    (void)state;
    check_take(NULL, "a.jpg", TM_BUILTIN_MODEL, 2);
    check_take(NULL, "resnet18", "resnet18", 1);
    check_take(NULL, "resnet18.nothing", "resnet18.nothing", 1);
    check_take(NULL, "gluon_resnet18_v1b", "gluon_resnet18_v1b", 1);
    check_take(NULL, "hf-hub:x/y", "hf-hub:x/y", 1);
    check_take(NULL, "local-dir:x", "local-dir:x", 1);
    check_take("resnet34", "a.jpg", "resnet34", 2);
    check_take(NULL, "rsenet18", NULL, 0);
    check_take(NULL, "./rsenet18", NULL, 0);
    check_take(NULL, "resnet50.png", TM_BUILTIN_MODEL, 2);
    check_take(NULL, "timm/resnet50.a1_in1k", NULL, 0);
    check_take(NULL, "-", TM_BUILTIN_MODEL, 2);
}

static void test_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(tm_exit_code(TM_OK), 0);
    assert_int_equal(tm_exit_code(TM_USAGE), 2);
    assert_int_equal(tm_exit_code(TM_UNKNOWN_MODEL), 3);
    assert_int_equal(tm_exit_code(TM_NOT_BUILDABLE), 3);
    assert_int_equal(tm_exit_code(TM_WEIGHTS_MISSING), 3);
    assert_int_equal(tm_exit_code(TM_NOT_FOUND), 4);
    assert_int_equal(tm_exit_code(TM_WRITE), 6);
    assert_int_equal(tm_exit_code(TM_INTERNAL), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),      cmocka_unit_test(test_lists),
        cmocka_unit_test(test_ranges),      cmocka_unit_test(test_operands),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_messages),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_shard_auto),
        cmocka_unit_test(test_take_model),  cmocka_unit_test(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
