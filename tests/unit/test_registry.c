/* SPDX-License-Identifier: Apache-2.0 */
/* Run from the top of the repository: the tables are read as a second opinion on the C arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/model.h"
#include "hub/cache.h"
#include "models/model.h"
#include "registry/nearest.h"
#include "registry/added.h"
#include "registry/registry.h"

#define CELLS_MAX 32

/* Splits a line of a table at its tabs, in place. */
/* timm's own table, without what is added to it */
enum { ARCHITECTURES = 1371, CONFIGS = 2052 };

static size_t split_cells(char *line, char *cells[CELLS_MAX])
{
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *p = line; p && count < CELLS_MAX;) {
        cells[count++] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = '\0';
    }
    return count;
}

static FILE *open_table(const char *path, bool skip_header)
{
    char line[4096];
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("cannot open %s", path);
    if (skip_header)
        assert_non_null(fgets(line, sizeof line, file));
    return file;
}

static void test_order(void **state)
{
    (void)state;
    assert_int_equal(tm_arch_count(), ARCHITECTURES + tm_added_count());
    assert_int_equal(tm_pretrained_count(), CONFIGS + tm_added_count());
    tm_arch before, arch;
    for (size_t i = 0; i < ARCHITECTURES; i++) {
        tm_arch_at(i, &arch);
        if (i > 0)
            assert_true(tm_natural_compare(before.name, arch.name) < 0);
        before = arch;
    }
    tm_pretrained last, config;
    for (size_t i = 0; i < CONFIGS; i++) {
        tm_pretrained_at(i, &config);
        if (i > 0)
            assert_true(tm_natural_compare(last.name, config.name) < 0);
        last = config;
    }
    const char *current, *old = NULL;
    for (size_t i = 0; i < tm_deprecated_count(); i++) {
        const char *name = tm_deprecated_at(i, &current);
        if (old)
            assert_true(tm_natural_compare(old, name) < 0);
        old = name;
    }
}

static void test_architectures(void **state)
{
    (void)state;
    FILE *file = open_table("src/registry/tables/architectures.tsv", true);
    char line[4096], *cells[CELLS_MAX];
    size_t tags = 0;
    while (fgets(line, sizeof line, file)) {
        assert_int_equal(split_cells(line, cells), 3);
        tm_arch arch;
        assert_true(tm_arch_find(cells[0], &arch));
        assert_string_equal(arch.name, cells[0]);
        assert_string_equal(arch.module, cells[1]);
        char *tag = cells[2];
        for (size_t i = 0; i < arch.tag_count; i++) {
            tm_pretrained config, found;
            size_t length = strcspn(tag, ",");
            tm_arch_config(&arch, i, &config);
            assert_int_equal(strlen(config.tag), length);
            assert_memory_equal(config.tag, tag, length);
            assert_string_equal(config.arch, arch.name);
            assert_true(tm_pretrained_find(&arch, config.tag, &found));
            assert_int_equal(found.index, config.index);
            tag += length + (tag[length] == ',');
            tags++;
        }
        assert_string_equal(tag, "");
    }
    fclose(file);
    assert_int_equal(tags, CONFIGS);
}

/* "3,224,224" against numbers; an empty cell means the fallback. */
static void check_numbers(const char *cell, const double *got, const double *fallback, int count)
{
    for (int i = 0; i < count; i++) {
        char *end;
        double want = *cell ? strtod(cell, &end) : fallback ? fallback[i] : 0;
        assert_true(got[i] == want);
        if (*cell)
            cell = *end == ',' ? end + 1 : end;
    }
    assert_string_equal(cell, "");
}

static void check_sizes(const char *cell, const int *got, const int *fallback, int count)
{
    double values[3], others[3];
    for (int i = 0; i < count; i++) {
        values[i] = got[i];
        others[i] = fallback ? fallback[i] : 0;
    }
    check_numbers(cell, values, others, count);
}

static void test_pretrained(void **state)
{
    (void)state;
    FILE *file = open_table("src/registry/tables/pretrained.tsv", true);
    char line[4096], hub[256], *cells[CELLS_MAX];
    for (size_t i = 0; i < CONFIGS; i++) {
        tm_pretrained c;
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(split_cells(line, cells), 23);
        tm_pretrained_at(i, &c);
        snprintf(hub, sizeof hub, "%s%s", cells[1], strcmp(cells[1], "timm/") ? "" : cells[0]);
        assert_string_equal(c.name, cells[0]);
        assert_string_equal(c.hf_hub_id, hub);
        assert_string_equal(c.url, cells[2]);
        assert_int_equal(c.has_weights, *hub || *cells[2]);
        check_sizes(cells[3], c.input_size, NULL, 3);
        check_sizes(cells[4], c.test_input_size, c.input_size, 3);
        check_sizes(cells[5], c.min_input_size, NULL, 3);
        assert_int_equal(c.fixed_input_size, atoi(cells[6]));
        assert_int_equal(c.custom_load, atoi(cells[7]));
        assert_string_equal(c.interpolation, cells[8]);
        check_numbers(cells[9], &c.crop_pct, NULL, 1);
        check_numbers(cells[10], &c.test_crop_pct, &c.crop_pct, 1);
        assert_string_equal(c.crop_mode, cells[11]);
        check_numbers(cells[12], c.mean.values, NULL, 3);
        check_numbers(cells[13], c.std.values, NULL, 3);
        assert_int_equal(c.num_classes, atoi(cells[14]));
        check_sizes(cells[15], c.pool_size, NULL, 2);
        const char *const texts[] = {c.first_conv, c.classifier, c.license, c.origin_url,
                                     c.paper_name, c.paper_ids,  c.notes};
        for (size_t k = 0; k < 7; k++)
            assert_string_equal(texts[k], cells[16 + k]);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void test_results(void **state)
{
    (void)state;
    FILE *file = open_table("src/registry/tables/imagenet_results.tsv", true);
    char line[4096], *cells[CELLS_MAX];
    size_t rows = 0, total = 0;
    while (fgets(line, sizeof line, file)) {
        assert_int_equal(split_cells(line, cells), 11);
        tm_resolved model;
        tm_result r = {0};
        assert_int_equal(tm_model_resolve(cells[0], &model, NULL), TM_OK);
        for (size_t i = 0; i < tm_result_count(&model.config); i++) {
            tm_result_at(&model.config, i, &r);
            if (r.img_size == atoi(cells[1]))
                break;
        }
        const float got[] = {r.top1, r.top5,     r.real_top1, r.v2_top1, r.crop_pct,
                             0,      r.params_m, r.gmacs,     r.macts_m};
        assert_int_equal(r.img_size, atoi(cells[1]));
        for (int k = 0; k < 9; k++)
            assert_true(k == 5 || got[k] == strtof(cells[2 + k], NULL));
        assert_string_equal(r.interpolation, cells[7]);
        rows++;
    }
    fclose(file);
    for (size_t i = 0; i < CONFIGS; i++) {
        tm_pretrained config;
        tm_pretrained_at(i, &config);
        total += tm_result_count(&config);
    }
    assert_int_equal(rows, total);
}

static void test_default_result(void **state)
{
    (void)state;
    tm_resolved model;
    tm_result result;
    assert_int_equal(tm_model_resolve("resnet50.a1_in1k", &model, NULL), TM_OK);
    assert_int_equal(tm_result_count(&model.config), 2);
    assert_true(tm_result_default(&model.config, &result));
    assert_int_equal(result.img_size, 224);
    assert_true(result.top1 == 80.382f && result.gmacs == 4.11f);
    assert_int_equal(tm_model_resolve("resnet50_clip.openai", &model, NULL), TM_OK);
    assert_false(tm_result_default(&model.config, &result));
}

static void check_resolve(const char *name, const char *config, const char *in_warning)
{
    tm_resolved model;
    tm_error error = {0};
    if (tm_model_resolve(name, &model, &error) != TM_OK)
        fail_msg("%s: %s", name, error.message);
    assert_string_equal(model.config.name, config);
    assert_string_equal(model.config.arch, model.arch.name);
    if (*in_warning)
        assert_non_null(strstr(model.warning, in_warning));
    else
        assert_string_equal(model.warning, "");
}

static void check_unknown(const char *name, const char *in_message)
{
    tm_resolved model;
    tm_error error = {0};
    assert_int_equal(tm_model_resolve(name, &model, &error), TM_UNKNOWN_MODEL);
    assert_int_equal(error.status, TM_UNKNOWN_MODEL);
    if (!strstr(error.message, in_message))
        fail_msg("%s: \"%s\" lacks \"%s\"", name, error.message, in_message);
    assert_null(strchr(error.message, '\n'));
}

static void test_resolve(void **state)
{
    (void)state;
    check_resolve("resnet50", "resnet50.a1_in1k", "");
    check_resolve("resnet50.", "resnet50.a1_in1k", "");
    check_resolve("resnet50.tv_in1k", "resnet50.tv_in1k", "");
    check_resolve("davit_giant", "davit_giant", "");
    check_resolve("gluon_resnet50_v1b", "resnet50.gluon_in1k", "resnet50.gluon_in1k");
    check_resolve("gluon_resnet50_v1b.tv_in1k", "resnet50.tv_in1k", "gluon_resnet50_v1b");
    check_resolve("efficientnet_b2a", "efficientnet_b2.ra_in1k", "efficientnet_b2a");
    check_resolve("hf-hub:timm/resnet50.a1_in1k", "resnet50.a1_in1k", "");
    check_resolve(TM_BUILTIN_MODEL, TM_BUILTIN_MODEL, "");

    check_unknown("rsenet50", "nearest: resnet50");
    check_unknown("resnet50.a9_in1k", "nearest: resnet50.a1_in1k");
    check_unknown("davit_giant.x", "no pretrained tag x");
    check_unknown("timm/resnet50", "hf-hub:timm/resnet50");
    check_unknown("hf-hub:timm/nothing", "hf-hub:timm/nothing");
    check_unknown("hf-hub:", "");
    check_unknown("", "");
    check_unknown("Resnet50", "nearest: resnet50"); /* names are exact, as in timm */
    char longest[4096];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    check_unknown(longest, "too long");
    memcpy(longest, "resnet50.", 9);
    check_unknown(longest, "no pretrained tag xxx");
}

static void test_hub_revision(void **state)
{
    (void)state;
    tm_resolved model;
    assert_int_equal(tm_model_resolve("hf-hub:timm/resnet18.a1_in1k@v1.2", &model, NULL), TM_OK);
    assert_string_equal(model.config.name, "resnet18.a1_in1k");
    assert_string_equal(model.revision, "v1.2");
}

/* Every name of timm 0.4.12 is current, mapped with a warning, or kept as it was. */
static void test_old_names(void **state)
{
    (void)state;
    FILE *file = open_table("tests/unit/data/timm_0_4_12.tsv", false);
    char line[4096], *cells[CELLS_MAX];
    size_t rows = 0, kept = 0;
    for (; fgets(line, sizeof line, file); rows++) {
        assert_int_equal(split_cells(line, cells), 3);
        tm_resolved model;
        assert_int_equal(tm_is_model(cells[0]), true);
        if (strcmp(cells[1], "gone") == 0) {
            assert_int_equal(tm_model_resolve(cells[0], &model, NULL), TM_OK);
            assert_string_equal(model.arch.name, cells[0]);
            assert_string_equal(model.warning, "");
            assert_non_null(strstr(model.config.notes, "0.4.12"));
            kept++;
        } else if (strcmp(cells[1], "same") == 0) {
            assert_int_equal(tm_model_resolve(cells[0], &model, NULL), TM_OK);
            assert_string_equal(model.arch.name, cells[0]);
            assert_string_equal(model.warning, "");
        } else if (strstr(cells[2], ".sam") && !strstr(cells[2], ".sam_")) {
            /* timm maps these two to a tag that it has since renamed, and refuses it. */
            check_unknown(cells[0], "no pretrained tag sam");
        } else {
            assert_int_equal(tm_model_resolve(cells[0], &model, NULL), TM_OK);
            assert_true(strcmp(model.config.name, cells[2]) == 0 ||
                        strcmp(model.arch.name, cells[2]) == 0);
            assert_non_null(strstr(model.warning, cells[2]));
        }
    }
    fclose(file);
    assert_int_equal(rows, 612);
    assert_int_equal(kept, 26);
}

static void test_natural_compare(void **state)
{
    (void)state;
    /* As Python sorts them by timm's key: "a2" is before "a.t", for "a" is before "a." as text. */
    static const char *const rising[] = {
        "",    "1",    "2",           "10",           "a",           "a2",       "a2.x",
        "a2b", "a10",  "a.t",         "resnet18",     "resnet18.a1", "resnet34", "resnet101",
        "vit", "vit2", "vit2_patch8", "vit2_patch16", "vit_b"};
    size_t count = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            int order = tm_natural_compare(rising[i], rising[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    /* Equal by the key, told apart by bytes. */
    assert_true(tm_natural_compare("A1", "a1") < 0);
    assert_true(tm_natural_compare("a01", "a1") < 0);
}

static void test_glob(void **state)
{
    (void)state;
    static const struct {
        const char *glob, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "a.b/c", true},
        {"a*c", "abbc", true},
        {"a*c", "abcb", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"[abc]", "b", true},
        {"[a-c]x", "bx", true},
        {"[a-c]x", "dx", false},
        {"[!a-c]", "d", true},
        {"[!a-c]", "a", false},
        {"[]a]", "]", true},
        {"[!]a]", "b", true},
        {"[", "[", true},
        {"[a", "[a", true},
        {"[!", "[!", true},
        {"[^a]", "a", true},
        {"[^a]", "b", false},
        {"[c-a]", "b", false},
        {"[a-]", "-", true},
        {"\\*", "*", false},
        {"\\*", "\\x", true},
        {"*a*b*", "xxaxxb", true},
        {"*a*b*", "xxbxxa", false},
        {"a**b", "ab", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (tm_glob_match(cases[i].glob, cases[i].text) != cases[i].matches)
            fail_msg("glob %s on %s", cases[i].glob, cases[i].text);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_int_equal(tm_edit_distance("resnet", "resnet", 9), 0);
    assert_int_equal(tm_edit_distance("rsenet", "resnet", 9), 1); /* a swap is one edit */
    assert_int_equal(tm_edit_distance("resnt", "resnet", 9), 1);
    assert_int_equal(tm_edit_distance("kitten", "sitting", 9), 3);
    assert_int_equal(tm_edit_distance("", "abc", 9), 3);
    assert_int_equal(tm_edit_distance("abcdef", "uvwxyz", 2), 3); /* limit + 1 */

    assert_int_equal(tm_edit_distance("ResNet-50", "resnet_50", 2), 0); /* other spellings */
    tm_nearest nearest;
    char text[64];
    tm_nearest_start(&nearest, "lst");
    static const char *const offers[] = {"zzzzzz", "lost", "list", "lst2", "last", "list", "lst"};
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
        tm_nearest_offer(&nearest, offers[i]);
    tm_nearest_join(&nearest, "--", text, sizeof text);
    assert_string_equal(text, "--lst, --lost, --list");
    tm_nearest_join(&nearest, "--", text, 8); /* cut, but ended */
    assert_string_equal(text, "--lst, ");
}

static void check_label_file(const char *path, int classes)
{
    FILE *file = open_table(path, false);
    char line[256];
    const char *synset, *words;
    int index = 0;
    for (; fgets(line, sizeof line, file); index++) {
        line[strcspn(line, "\r\n")] = '\0';
        assert_true(tm_label(classes, index, &synset, &words));
        assert_string_equal(synset, line);
        assert_true(*words);
    }
    fclose(file);
    assert_int_equal(index, classes);
    assert_false(tm_label(classes, classes, &synset, &words));
    assert_false(tm_label(classes, -1, &synset, &words));
}

static void test_labels(void **state)
{
    (void)state;
    check_label_file("weights/labels/imagenet_synsets.txt", 1000);
    check_label_file("weights/labels/imagenet12k_synsets.txt", 11821);
    check_label_file("weights/labels/imagenet21k_miil_synsets.txt", 11221);
    check_label_file("weights/labels/imagenet22k_synsets.txt", 21841);
    check_label_file("weights/labels/imagenet22k_ms_synsets.txt", 21842);
    check_label_file("weights/labels/imagenet21k_goog_synsets.txt", 21843);
    const char *synset, *words;
    assert_true(tm_label(1000, 281, &synset, &words));
    assert_string_equal(synset, "n02123045");
    assert_string_equal(words, "tabby, tabby cat");
    assert_false(tm_label(1001, 0, &synset, &words));
    assert_false(tm_label(0, 0, &synset, &words));
    assert_string_equal(tm_label_set_name(21843), "imagenet-21k-goog");
    assert_null(tm_label_set_name(10));
}

static void make_folder(const char *root, const char *rest)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", root, rest);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void test_hub_cache(void **state)
{
    (void)state;
    char root[] = "/tmp/test_hub_XXXXXX", path[512], other[512], command[600], found[TM_PATH_MAX];
    assert_non_null(mkdtemp(root));
    /* what list says is cached is what classify would take */
    tm_pretrained config = {.hf_hub_id = "timm/a.b", .url = ""};
    assert_false(tm_weights_cached(&config, "", root));
    make_folder(root, "/models--timm--a.b");
    make_folder(root, "/models--timm--a.b/refs");
    make_folder(root, "/models--timm--a.b/snapshots");
    make_folder(root, "/models--timm--a.b/snapshots/0123");
    snprintf(path, sizeof path, "%s/models--timm--a.b/snapshots/0123/model.safetensors", root);
    snprintf(other, sizeof other, "%s/blob", root);
    assert_int_equal(symlink(other, path), 0);
    assert_false(tm_weights_cached(&config, "0123", root)); /* the blob is gone */
    FILE *file = fopen(other, "w");
    assert_non_null(file);
    fclose(file);
    assert_true(tm_weights_cached(&config, "0123", root));
    assert_false(tm_weights_cached(&config, "", root)); /* no branch led to it */
    snprintf(other, sizeof other, "%s/models--timm--a.b/refs/main", root);
    file = fopen(other, "w");
    assert_non_null(file);
    fputs("0123", file);
    fclose(file);
    assert_true(tm_weights_cached(&config, "", root));
    snprintf(other, sizeof other, "%s/models--timm--a.b/snapshots/0123/other.bin", root);
    assert_int_equal(rename(path, other), 0);
    assert_false(tm_weights_cached(&config, "", root)); /* a name nobody looks for */
    config.hf_hub_id = "timm/a";
    assert_false(tm_weights_cached(&config, "", root));
    config.hf_hub_id = "";
    assert_false(tm_weights_cached(&config, "", root));

    setenv("HF_HUB_CACHE", "/x", 1);
    assert_true(tm_hub_cache_root(NULL, found));
    assert_string_equal(found, "/x");
    unsetenv("HF_HUB_CACHE");
    setenv("HF_HOME", "/y", 1);
    assert_true(tm_hub_cache_root("", found));
    assert_string_equal(found, "/y/hub");
    assert_true(tm_hub_cache_root(root, found));
    assert_string_equal(found, root);
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

static void test_buildable(void **state)
{
    (void)state;
    size_t known = 0, variants = 0;
    for (size_t i = 0; i < tm_arch_count(); i++) {
        tm_arch arch;
        const tm_family *family;
        tm_error error = {0};
        tm_arch_at(i, &arch);
        bool buildable = tm_find_variant(arch.name, &family) != NULL;
        assert_int_equal(tm_arch_buildable(&arch), buildable);
        assert_int_equal(tm_arch_require(&arch, &error), buildable ? TM_OK : TM_NOT_BUILDABLE);
        known += buildable;
    }
    for (size_t i = 0; i < tm_family_count; i++)
        variants += tm_families[i]->variant_count;
    assert_int_equal(known, variants); /* each variant is an architecture of timm's, once */
}

static void test_list_query(void **state)
{
    (void)state;
    size_t *indices = malloc(CONFIGS * sizeof *indices);
    const char *const include[] = {"resnet50"}, *const exclude[] = {"*.a1*"};
    const char *const modules[] = {"resnet", "nothing"};
    tm_list_query query = {
        .include = include, .include_count = 1, .modules = modules, .module_count = 2};
    tm_arch arch;
    tm_pretrained config;
    assert_non_null(indices);
    assert_int_equal(tm_list_models(&query, indices), 1);
    tm_arch_at(indices[0], &arch);
    assert_string_equal(arch.name, "resnet50");
    query.pretrained = true; /* the glob now stands for all tags */
    assert_int_equal(tm_list_models(&query, indices), 19);
    query.exclude = exclude;
    query.exclude_count = 1;
    assert_int_equal(tm_list_models(&query, indices), 17);
    tm_pretrained_at(indices[0], &config);
    assert_string_equal(config.name, "resnet50.a2_in1k");
    free(indices);
}

static void test_own_arguments(void **state)
{
    (void)state;
    tm_arch arch;
    assert_true(tm_arch_find("swin_tiny_patch4_window7_224", &arch));
    assert_string_equal(tm_own_argument(&arch, "mlp_ratio"), "4.0");
    assert_null(tm_own_argument(&arch, "mlp"));
    assert_null(tm_own_argument(&arch, "window_size")); /* not one for all */
    assert_true(tm_arch_find("lambda_resnet50t", &arch));
    assert_null(tm_own_argument(&arch, "drop_block_size")); /* of its module, but not of timm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_architectures),
        cmocka_unit_test(test_pretrained),      cmocka_unit_test(test_results),
        cmocka_unit_test(test_default_result),  cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_hub_revision),    cmocka_unit_test(test_old_names),
        cmocka_unit_test(test_natural_compare), cmocka_unit_test(test_glob),
        cmocka_unit_test(test_nearest),         cmocka_unit_test(test_labels),
        cmocka_unit_test(test_hub_cache),       cmocka_unit_test(test_buildable),
        cmocka_unit_test(test_list_query),      cmocka_unit_test(test_own_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
