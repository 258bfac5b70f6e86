/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cli/progress.h"
#include "cli/records.h"
#include "hub/hub.h"
#include "registry/registry.h"

typedef struct pull_options {
    const char *cache_dir, *revision, *format;
    bool offline, quiet;
    int retries;
} pull_options;

/* clang-format off */
#define PULL(kind, member) TM_OPTION_VALUE(kind, pull_options, member)
static const tm_option options[] = {
    {0, "cache-dir", "DIR", "the cache's folder, instead of the one of HF_HUB_CACHE, HF_HOME, ...",
        PULL(TEXT, cache_dir), 0, 0},
    {0, "revision", "REV", "branch, tag or commit of the repositories; main otherwise",
        PULL(TEXT, revision), 0, 0},
    {0, "offline", NULL, "only tell what is in the cache", PULL(FLAG, offline), 0, 0},
    {0, "retries", "N", "how often to try again what a retry may help",
        PULL(INT, retries), 0, 100},
    {'f', "format", TM_RECORD_FORMATS, "default: text on a terminal, else jsonl",
        PULL(CHOICE, format), 0, 0},
    {'q', "quiet", NULL, "no progress", PULL(FLAG, quiet), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "pull",
    .operands = "MODEL...",
    .description = "Downloads config and weights of models into the cache that the Python tools "
                   "share, unless they are there. MODEL is arch, arch.tag, a GLOB that stands for "
                   "every tag it matches, or hf-hub:ORG/NAME[@REV]. A token is read from HF_TOKEN "
                   "or the file that \"hf auth login\" wrote.",
    .examples = {"pull resnet50.a1_in1k", "pull 'resnet18.*' --cache-dir models"},
};

/* One model: its repository, or its release URL where that is "". */
typedef struct source {
    const char *model;
    char repo[256], revision[256];
    const char *url;
} source;

typedef struct pulled_file {
    char path[TM_PATH_MAX];
    long long bytes;
    bool cached;
} pulled_file;

/* config, weights, and the shards of weights that are an index of such */
typedef struct pulled {
    pulled_file *files;
    size_t count, capacity;
} pulled;

typedef struct pull {
    const pull_options *set;
    tm_hub_options hub;
    tm_records records;
    size_t done, failed;
    int first_failure; /* exit code */
    tm_buffer told;    /* warnings of the hub, a line each */
} pull;

/* ---- which repository ---- */

static tm_status set_repo(source *from, const char *repo, const char *revision, tm_error *error)
{
    size_t length = strcspn(repo, "@");
    if (repo[length] == '@')
        revision = repo + length + 1;
    if (length >= sizeof from->repo || strlen(revision) >= sizeof from->revision)
        return tm_fail(error, TM_USAGE, "%.100s...: no name of a repository is so long", repo);
    memcpy(from->repo, repo, length);
    from->repo[length] = '\0';
    strcpy(from->revision, revision);
    return TM_OK;
}

static tm_status find_source(const pull *p, const char *model, source *from, tm_error *error)
{
    const char *revision = tm_or_empty(p->set->revision);
    tm_resolved resolved;
    *from = (source){.model = model, .url = ""};
    if (tm_hub_name(model))
        return set_repo(from, tm_hub_name(model), revision, error);
    tm_status status = tm_model_resolve(model, &resolved, error);
    if (status)
        return status;
    if (resolved.warning[0])
        tm_print_warning("%s", resolved.warning);
    from->model = resolved.config.name;
    from->url = resolved.config.url;
    if (resolved.config.hf_hub_id[0])
        return set_repo(from, resolved.config.hf_hub_id, revision, error);
    if (!from->url[0])
        return tm_fail(error, TM_WEIGHTS_MISSING, "%s: nobody publishes weights for it",
                       from->model);
    return TM_OK;
}

/* ---- its files ---- */

static tm_status set_size(pulled_file *file, tm_error *error)
{
    struct stat st;
    if (stat(file->path, &st) != 0)
        return tm_fail(error, tm_errno_status(TM_WEIGHTS_MISSING), "%s: %s", file->path,
                       strerror(errno));
    file->bytes = (long long)st.st_size;
    return TM_OK;
}

static pulled_file *add_file(pulled *all, tm_error *error)
{
    if (all->count == all->capacity) {
        size_t wanted = 2 * all->capacity + 2;
        pulled_file *larger = realloc(all->files, wanted * sizeof *larger);
        if (!larger) {
            tm_fail(error, TM_NO_MEMORY, "no memory for %zu files", wanted);
            return NULL;
        }
        all->files = larger;
        all->capacity = wanted;
    }
    return &all->files[all->count++];
}

/* Behind the index, beside which it lies. */
typedef struct shard_list {
    pulled *all;
    size_t index;
} shard_list;

static tm_status add_shard(void *context, const char *name, tm_error *error)
{
    const shard_list *list = context;
    pulled_file *file = add_file(list->all, error);
    if (!file)
        return TM_NO_MEMORY;
    const pulled_file *index = &list->all->files[list->index];
    int folder = (int)(strrchr(index->path, '/') - index->path);
    file->cached = index->cached;
    if (snprintf(file->path, sizeof file->path, "%.*s/%s", folder, index->path, name) >=
        (int)sizeof file->path)
        return tm_fail(error, TM_USAGE, "%.200s...: the path is too long", index->path);
    return set_size(file, error);
}

static tm_status pull_config(pull *p, const source *from, pulled_file *file, tm_error *error)
{
    static const char name[] = "config.json";
    char root[TM_PATH_MAX];
    file->cached = tm_hub_cache_root(p->hub.cache_dir, root) &&
                   tm_hub_cache_find(root, from->repo, from->revision, name, file->path);
    tm_status status = tm_hub_fetch(&p->hub, from->repo, from->revision, name, file->path, error);
    return status ? status : set_size(file, error);
}

static tm_status pull_weights(pull *p, const source *from, pulled_file *file, tm_error *error)
{
    file->cached =
        tm_hub_find_weights(p->hub.cache_dir, from->repo, from->revision, from->url, file->path);
    tm_status status =
        tm_hub_fetch_weights(&p->hub, from->repo, from->revision, from->url, file->path, error);
    return status ? status : set_size(file, error);
}

/* A repository without a config is unusual, and no reason to do without its weights. */
static tm_status pull_files(pull *p, const source *from, pulled *all, tm_error *error)
{
    tm_error no_config = {0};
    pulled_file *file = add_file(all, error);
    if (!file)
        return TM_NO_MEMORY;
    all->count = 0;
    if (from->repo[0]) {
        tm_status status = pull_config(p, from, file, &no_config);
        if (status && status != TM_NOT_FOUND)
            return tm_fail(error, status, "%s", no_config.message);
        all->count = status == TM_OK;
        if (status)
            tm_print_warning("%s", no_config.message);
    }
    shard_list shards = {all, all->count};
    file = add_file(all, error);
    tm_status status = file ? pull_weights(p, from, file, error) : TM_NO_MEMORY;
    return status ? status
                  : tm_hub_each_shard(all->files[shards.index].path, add_shard, &shards, error);
}

/* ---- records ---- */

/* text: failures are on stderr */
static const tm_record_type pull_type = {.columns = "model,status,bytes,path,error", .text = ""};
static const tm_record_type file_type = {.text = "{model}: {status} {path} ({bytes:.1f} MB)\n"};

static void tell_file(const void *context, size_t i, tm_record *record)
{
    const pulled_file *file = &((const pulled *)context)->files[i];
    TM_TELL(record, "status", tm_value_text(file->cached ? "cached" : "downloaded"),
            .only = TM_IN_TABLES | TM_IN_TEXT);
    TM_TELL(record, "path", tm_value_text(file->path));
    TM_TELL(record, "bytes", tm_value_integer(file->bytes), .unit = TM_UNIT_MEGABYTES);
    TM_TELL(record, "cached", tm_value_boolean(file->cached), .only = TM_IN_JSON);
}

static void tell_files(tm_record *record, const pulled *all)
{
    int64_t bytes = 0;
    bool cached = true;
    for (size_t i = 0; i < all->count; i++) {
        bytes += all->files[i].bytes;
        cached = cached && all->files[i].cached;
    }
    TM_TELL(record, "cached", tm_value_boolean(cached), .only = TM_IN_JSON);
    TM_TELL(record, "bytes", tm_value_integer(bytes), .only = TM_IN_JSON);
    TM_TELL(record, "files", tm_value_list(&file_type, tell_file, all, all->count));
}

static void tell_failure(tm_record *record, const tm_error *error)
{
    TM_TELL(record, "status", tm_value_text(tm_status_name(error->status)), .only = TM_IN_TABLES);
    TM_TELL(record, "error", tm_value_error(error));
}

static tm_status pull_one(pull *p, const char *model, tm_error *error)
{
    source from;
    pulled all = {0};
    tm_record record = {.type = &pull_type};
    tm_error failure = {0};
    tm_status status = find_source(p, model, &from, &failure);
    if (!status)
        status = pull_files(p, &from, &all, &failure);
    tm_progress_end();
    TM_TELL(&record, "model", tm_value_text(from.model));
    TM_TELL(&record, "ok", tm_value_boolean(!status), .only = TM_IN_JSON);
    if (status) {
        int code = tm_report(&failure);
        p->first_failure = p->failed++ ? p->first_failure : code;
        tell_failure(&record, &failure);
    } else {
        p->done++;
        tell_files(&record, &all);
    }
    status = tm_records_write(&p->records, &record, error);
    free(all.files);
    return status;
}

/* ---- which models ---- */

static tm_status pull_glob(pull *p, const char *glob, size_t *indices, tm_error *error)
{
    const tm_list_query query = {.include = &glob, .include_count = 1, .pretrained = true};
    size_t count = tm_list_models(&query, indices);
    tm_status status = TM_OK;
    if (!count)
        return tm_fail(error, TM_UNKNOWN_MODEL, "no pretrained model matches %.200s", glob);
    for (size_t i = 0; i < count && !status; i++) {
        tm_pretrained config;
        tm_pretrained_at(indices[i], &config);
        status = pull_one(p, config.name, error);
    }
    return status;
}

static tm_status pull_all(pull *p, const tm_arguments *arguments, tm_error *error)
{
    size_t *indices = calloc(tm_pretrained_count(), sizeof *indices);
    tm_status status = indices ? TM_OK : tm_fail(error, TM_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < arguments->operand_count && !status; i++) {
        const char *model = arguments->operands[i];
        status =
            strpbrk(model, "*?[") ? pull_glob(p, model, indices, error) : pull_one(p, model, error);
    }
    free(indices);
    return status;
}

/* What is true of the endpoint comes with each of its files. */
static void warn(void *context, const char *text)
{
    pull *p = context;
    if (p->told.length && tm_lists_text(p->told.data, "\n", text))
        return;
    tm_buffer_puts(&p->told, text);
    tm_buffer_putc(&p->told, '\n');
    tm_print_warning("%s", text);
}

static int run(const pull_options *set, const tm_arguments *arguments)
{
    tm_error error = {0};
    pull p = {.set = set,
              .hub = {.cache_dir = set->cache_dir,
                      .offline = set->offline,
                      .attempts = 1 + set->retries,
                      .progress = set->quiet ? NULL : tm_progress_show,
                      .warn = warn,
                      .warn_context = &p}};
    if (arguments->operand_count == 0)
        return tm_usage_error(command.name, "which MODEL?");
    tm_records_open(&p.records, set->format, &pull_type);
    tm_status status = pull_all(&p, arguments, &error);
    tm_buffer_free(&p.told);
    if (!status)
        status = tm_records_close(&p.records, &error);
    if (status)
        return tm_report(&error);
    return !p.failed ? TM_EXIT_OK : p.done ? TM_EXIT_SOME_FAILED : p.first_failure;
}

int tm_cmd_pull(int argc, char **argv)
{
    pull_options set = {.retries = TM_HUB_RETRIES};
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, pull_options, &set), {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    exit_code = run(&set, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}
