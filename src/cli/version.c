/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <cjson/cJSON.h>
#include <jpeglib.h>
#include <png.h>

#include "base/cpu.h"
#include "cli/archive.h"
#include "cli/cli.h"
#include "image/image.h"
#include "output/json.h"
#include "registry/registry.h"

#define QUOTE_(x) #x
#define QUOTE(x) QUOTE_(x)

#ifdef LIBJPEG_TURBO_VERSION
#define JPEG_VERSION "turbo " QUOTE(LIBJPEG_TURBO_VERSION)
#else
#define JPEG_VERSION QUOTE(JPEG_LIB_VERSION)
#endif

#ifdef TM_HAVE_CURL
#define DOWNLOADS "libcurl, opened when needed"
#else
#define DOWNLOADS "no, built without libcurl"
#endif

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#elif defined __GNUC__
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

typedef struct version_options {
    bool json;
} version_options;

static const tm_option options[] = {
    {0, "json", NULL, "write one JSON object", TM_OPTION_VALUE(FLAG, version_options, json), 0, 0},
};
static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "version",
    .operands = "",
    .description = "Tells the version of timmc and of its libraries, how it was built, and what "
                   "it may use on this machine.",
    .examples = {"version", "version --json"},
};

typedef struct fact {
    const char *name, *value;
} fact;

static size_t supported_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < tm_arch_count(); i++) {
        tm_arch arch;
        tm_arch_at(i, &arch);
        count += tm_arch_buildable(&arch);
    }
    return count;
}

/* "scalar avx2 avx512": what --isa accepts on this machine, the best last */
static void isa_levels(char text[static 64])
{
    size_t used = 0;
    for (int isa = TM_ISA_SCALAR; isa < TM_ISA_COUNT; isa++)
        if (tm_isa_within((tm_isa)isa, tm_cpu_flags_here()))
            used += (size_t)snprintf(text + used, 64 - used, "%s%s", isa ? " " : "",
                                     tm_isa_name((tm_isa)isa));
}

enum { FORMATS_MOST = 16, TEXT_BYTES = 64 };

/* "libtiff.so.6, opened when needed", "no, built without libtiff-dev", or "yes" */
static size_t add_formats(fact facts[static FORMATS_MOST],
                          char texts[static FORMATS_MOST][TEXT_BYTES])
{
    tm_image_format format;
    size_t count = 0;
    for (; count < FORMATS_MOST && tm_image_format_at(count, &format); count++) {
        char *text = texts[count];
        if (!format.built)
            snprintf(text, TEXT_BYTES, "no, built without %s", format.package);
        else if (format.library)
            snprintf(text, TEXT_BYTES, "%s, opened when needed", format.library);
        else
            snprintf(text, TEXT_BYTES, "yes");
        facts[count] = (fact){format.title, text};
    }
    return count;
}

static void write_facts(tm_buffer *out, const fact *facts, size_t count, bool json)
{
    for (size_t i = 0; i < count; i++) {
        if (!json) {
            tm_buffer_printf(out, "%-10s  %s\n", facts[i].name, facts[i].value);
            continue;
        }
        tm_buffer_puts(out, i ? "," : "{");
        tm_json_string(out, facts[i].name);
        tm_buffer_puts(out, ":");
        tm_json_string(out, facts[i].value);
    }
    if (json)
        tm_buffer_puts(out, "}\n");
}

int tm_cmd_version(int argc, char **argv)
{
    version_options chosen = {0};
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, version_options, &chosen),
                                        {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    tm_arguments_free(&arguments);

    char threads[16], models[64];
    snprintf(threads, sizeof threads, "%d", tm_cpu_threads());
    snprintf(models, sizeof models, "%zu of %zu architectures", supported_count(), tm_arch_count());
    char levels[64];
    isa_levels(levels);
    char flags[TM_CPU_FLAGS_BYTES];
    tm_cpu_flags_text(tm_cpu_flags_here(), flags);
    enum { OTHER_FACTS = 11 };
    char texts[FORMATS_MOST][TEXT_BYTES];
    fact facts[OTHER_FACTS + FORMATS_MOST] = {
        {"timmc", TIMMC_VERSION},
        {"compiler", COMPILER},
        {"isa", levels},
        {"cpu", flags},
        {"threads", threads},
        {"models", models},
        {"libpng", png_get_libpng_ver(NULL)},
        {"libjpeg", JPEG_VERSION},
        {"cjson", cJSON_Version()},
        {"downloads", DOWNLOADS},
        {"archives", tm_archive_support},
    };
    size_t count = OTHER_FACTS + add_formats(facts + OTHER_FACTS, texts);
    tm_buffer out = {0};
    write_facts(&out, facts, count, chosen.json);
    return tm_write_stdout(&out);
}
