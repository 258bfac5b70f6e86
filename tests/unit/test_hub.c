/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hub/http.h"
#include "hub/hub.h"
#include "hub/names.h"
#include "hub/partial.h"
#include "hub/settings.h"
#include "hub/store.h"

static char folder[] = "/tmp/test_hub_XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void repositories(void **state)
{
    static const char *const good[] = {"timm/resnet50.a1_in1k", "gpt2", "A-b_c.d/e", "a/b-c.d"};
    static const char *const bad[] = {
        "",   "/",  "a/", "/a",   "a/b/c", "a//b", "..",   "a/..", "../a", "a--b",    "a/b..c",
        "-a", ".a", "a.", "a/b-", "a b",   "a\n",  "a\\b", "a@b",  "a:b",  "a/b.git", "a%2Fb"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!tm_hub_repo_valid(good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tm_hub_repo_valid(bad[i]))
            fail_msg("%s is accepted", bad[i]);
    char longest[98];
    memset(longest, 'a', 97);
    longest[97] = '\0';
    assert_false(tm_hub_repo_valid(longest));
    assert_true(tm_hub_repo_valid(longest + 1));
}

static void paths(void **state)
{
    static const char *const good[] = {"main", "refs/pr/1", "model.safetensors", "a/b/c.bin", "...",
                                       "..a",  "v1.0",      "\xC3\xA9"};
    static const char *const bad[] = {"",    "/a",   "a/",   "a//b",   ".",    "..",   "./a",
                                      "a/.", "../a", "a/..", "a/../b", "a\\b", "a\tb", "\x7F"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!tm_hub_path_valid(good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tm_hub_path_valid(bad[i]))
            fail_msg("%s is accepted", bad[i]);
    assert_false(tm_hub_part_valid("a/b"));
    assert_true(tm_hub_commit_valid("0123456789abcdef0123456789abcdef01234567"));
    assert_false(tm_hub_commit_valid("0123456789abcdef0123456789abcdef0123456"));
    assert_false(tm_hub_commit_valid("0123456789ABCDEF0123456789abcdef01234567"));
    assert_false(tm_hub_commit_valid("../../../../../../../../../../../../../.."));
}

static void etags(void **state)
{
    char etag[TM_ETAG_MAX], header[TM_ETAG_MAX + 8];
    (void)state;
    tm_etag_normalize("\"abc\"", etag);
    assert_string_equal(etag, "abc");
    tm_etag_normalize("W/\"abc\"", etag);
    assert_string_equal(etag, "abc");
    tm_etag_normalize("abc", etag);
    assert_string_equal(etag, "abc");
    static const char *const bad[] = {"",
                                      "\"\"",
                                      "\"..\"",
                                      "\"a/b\"",
                                      "\"../x\"",
                                      "\"a\\b\"",
                                      "\"abc.incomplete\"",
                                      "\"abc.00000000-0-0000000000000001.incomplete\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tm_etag_normalize(bad[i], etag);
        assert_string_equal(etag, "");
    }
    memset(header, 'a', sizeof header);
    header[sizeof header - 1] = '\0';
    tm_etag_normalize(header, etag);
    assert_string_equal(etag, "");
    header[64] = '\0';
    assert_int_equal(tm_etag_digest(header), TM_DIGEST_SHA256);
    header[40] = '\0';
    assert_int_equal(tm_etag_digest(header), TM_DIGEST_GIT_SHA1);
    header[39] = '\0';
    assert_int_equal(tm_etag_digest(header), TM_DIGEST_NONE);
    memset(header, 'g', 40);
    assert_int_equal(tm_etag_digest(header), TM_DIGEST_NONE);
    assert_int_equal(tm_etag_digest(""), TM_DIGEST_NONE);
}

static void content_ranges(void **state)
{
    static const char *const bad[] = {"",
                                      "bytes",
                                      "bytes */100",
                                      "bytes 0-9/*",
                                      "bytes 0-9",
                                      "bytes 9-0/100",
                                      "bytes 0-100/100",
                                      "bytes -1-9/100",
                                      "bytes 0-9/100x",
                                      "bytes 0-9/ 100",
                                      "bytes 0-9/99999999999999999999",
                                      "items 0-9/100"};
    uint64_t first, last, total;
    (void)state;
    assert_true(tm_content_range_parse("bytes 10-99/100", &first, &last, &total));
    assert_true(first == 10 && last == 99 && total == 100);
    assert_true(
        tm_content_range_parse("bytes 5000000000-5999999999/6000000000", &first, &last, &total));
    assert_true(first == 5000000000U && total == 6000000000U);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tm_content_range_parse(bad[i], &first, &last, &total))
            fail_msg("%s is accepted", bad[i]);
}

static void urls(void **state)
{
    char name[TM_FILE_NAME_MAX], digits[65];
    (void)state;
    assert_true(tm_url_file_name("https://a.b/c/resnet34-43635321.pth?x=/y#z", name));
    assert_string_equal(name, "resnet34-43635321.pth");
    assert_false(tm_url_file_name("https://a.b", name));
    assert_false(tm_url_file_name("https://a.b/", name));
    assert_false(tm_url_file_name("https://a.b/c/..", name));
    assert_false(tm_url_file_name("https://a.b/c/?d.pth", name));
    assert_false(tm_url_file_name("a.pth", name));
    tm_name_digest("resnet34-43635321.pth", digits);
    assert_string_equal(digits, "43635321");
    tm_name_digest("a-b-0123abcd-cd.x-89abcdef01.pth", digits);
    assert_string_equal(digits, "89abcdef01");
    tm_name_digest("B_8-i21k-300ep-lr_0.001-aug_medium1-wd_0.1.npz", digits);
    assert_string_equal(digits, "");
    tm_name_digest("a-0123abc.pth", digits);
    assert_string_equal(digits, "");
    tm_buffer url = {0};
    tm_url_add(&url, "refs/pr 1%?~", false);
    tm_url_add(&url, "/a/b", true);
    assert_string_equal(url.data, "refs%2Fpr%201%25%3F~/a/b");
    tm_buffer_free(&url);
}

static void clear_environment(void)
{
    static const char *const names[] = {"HF_HUB_CACHE",   "HUGGINGFACE_HUB_CACHE",
                                        "HF_HOME",        "XDG_CACHE_HOME",
                                        "HF_TOKEN",       "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",  "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                        "TORCH_HOME",     "HF_ENDPOINT",
                                        "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
                                        "SSL_CERT_FILE",  "SSL_CERT_DIR",
                                        "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void tokens(void **state)
{
    char token[TM_TOKEN_MAX], path[600];
    (void)state;
    clear_environment();
    setenv("HOME", folder, 1);
    tm_hub_token(token);
    assert_string_equal(token, "");
    snprintf(path, sizeof path, "%s/.cache/huggingface/token", folder);
    assert_int_equal(tm_make_folders(path, NULL), TM_OK);
    write_text(path, " from\n home \r\n");
    tm_hub_token(token);
    assert_string_equal(token, "from home");
    setenv("HF_HOME", "~/hf", 1);
    tm_hub_token(token);
    assert_string_equal(token, "");
    snprintf(path, sizeof path, "%s/elsewhere", folder);
    write_text(path, "other");
    setenv("PLACE", folder, 1);
    setenv("HF_TOKEN_PATH", "${PLACE}/elsewhere", 1);
    tm_hub_token(token);
    assert_string_equal(token, "other");
    setenv("HUGGING_FACE_HUB_TOKEN", "old", 1);
    tm_hub_token(token);
    assert_string_equal(token, "old");
    setenv("HF_TOKEN", "", 1);
    tm_hub_token(token);
    assert_string_equal(token, "old");
    setenv("HF_TOKEN", " new\n", 1);
    tm_hub_token(token);
    assert_string_equal(token, "new");
    setenv("HF_TOKEN", " \n", 1); /* set, and nothing in it: the file's */
    tm_hub_token(token);
    assert_string_equal(token, "other");
    setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "TRUE", 1);
    tm_hub_token(token);
    assert_string_equal(token, "");
    char *huge = malloc(2 * TM_TOKEN_MAX);
    memset(huge, 'a', 2 * TM_TOKEN_MAX);
    huge[2 * TM_TOKEN_MAX - 1] = '\0';
    clear_environment();
    setenv("HF_HOME", folder, 1);
    setenv("HF_TOKEN", huge, 1);
    tm_hub_token(token);
    assert_string_equal(token, "");
    free(huge);
}

static void places(void **state)
{
    char path[TM_PATH_MAX], want[TM_PATH_MAX];
    (void)state;
    clear_environment();
    setenv("HOME", "/h", 1);
    assert_true(tm_hub_cache_root(NULL, path));
    assert_string_equal(path, "/h/.cache/huggingface/hub");
    assert_true(tm_url_cache_root("", path));
    assert_string_equal(path, "/h/.cache/torch/hub/checkpoints");
    setenv("XDG_CACHE_HOME", "/x", 1);
    assert_true(tm_hub_cache_root(NULL, path));
    assert_string_equal(path, "/x/huggingface/hub");
    assert_true(tm_url_cache_root(NULL, path));
    assert_string_equal(path, "/x/torch/hub/checkpoints");
    setenv("HF_HOME", "~/f", 1);
    setenv("TORCH_HOME", "$NOWHERE/${PLACE_TWO}t$", 1);
    setenv("PLACE_TWO", "two", 1);
    assert_true(tm_hub_cache_root(NULL, path));
    assert_string_equal(path, "/h/f/hub");
    assert_true(tm_url_cache_root(NULL, path));
    assert_string_equal(path, "$NOWHERE/twot$/hub/checkpoints");
    setenv("HUGGINGFACE_HUB_CACHE", "/old", 1);
    assert_true(tm_hub_cache_root(NULL, path));
    assert_string_equal(path, "/old");
    setenv("HF_HUB_CACHE", "/new", 1);
    assert_true(tm_hub_cache_root(NULL, path));
    assert_string_equal(path, "/new");
    assert_true(tm_hub_cache_root("given", path));
    assert_string_equal(path, "given");
    assert_false(tm_url_cache_find("/c", "https://a.b/m.pth", path));
    assert_string_equal(path, "/c/m.pth");
    memset(want, 'a', sizeof want);
    want[sizeof want - 1] = '\0';
    setenv("HF_HUB_CACHE", want, 1);
    assert_true(tm_hub_cache_root(NULL, path));
    setenv("HF_HOME", want, 1);
    unsetenv("HF_HUB_CACHE");
    unsetenv("HUGGINGFACE_HUB_CACHE");
    assert_false(tm_hub_cache_root(NULL, path));

    char endpoint[TM_ENDPOINT_MAX];
    assert_true(tm_hub_endpoint(endpoint));
    assert_string_equal(endpoint, "https://huggingface.co");
    setenv("HF_ENDPOINT", "https://mirror/hub//", 1);
    assert_true(tm_hub_endpoint(endpoint));
    assert_string_equal(endpoint, "https://mirror/hub");
    assert_false(tm_hub_offline());
    setenv("TRANSFORMERS_OFFLINE", "yes", 1);
    assert_true(tm_hub_offline());
    setenv("HF_HUB_OFFLINE", "0", 1);
    assert_false(tm_hub_offline());
    setenv("SECONDS_TEST", "7", 1);
    assert_int_equal(tm_hub_seconds("SECONDS_TEST", 3), 7);
    setenv("SECONDS_TEST", "-7", 1);
    assert_int_equal(tm_hub_seconds("SECONDS_TEST", 3), 3);
    setenv("SECONDS_TEST", "7x", 1);
    assert_int_equal(tm_hub_seconds("SECONDS_TEST", 3), 3);
    clear_environment();
}

static void digests(void **state)
{
    char text[TM_DIGEST_TEXT_MAX], path[600];
    tm_error error = {0};
    (void)state;
    tm_digest_of_text("abc", text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    snprintf(path, sizeof path, "%s/digest", folder);
    write_text(path, "hello\n");
    FILE *f = fopen(path, "r");
    assert_int_equal(tm_digest_git_file(fileno(f), 6, text, &error), TM_OK);
    assert_string_equal(text, "ce013625030ba8dba906f756967f9e9ca394464a"); /* git hash-object */
    assert_int_equal(tm_digest_git_file(fileno(f), 7, text, &error), TM_READ);
    fclose(f);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int count_files(const char *begin)
{
    int count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        count += strncmp(entry->d_name, begin, strlen(begin)) == 0;
    closedir(dir);
    return count;
}

/* What others left of another file goes when it is old; the young, the foreign and those that are
 * no file of their own stay. */
static void stale_files(void **state)
{
    static const struct {
        const char *name;
        bool stays;
    } files[] = {
        {"old.a.00000000-0-0000000000000001.incomplete", false},
        {"old.b.12345678-1-00000001.incomplete", false},
        {"old.c.incomplete", true},
        {"old.d.00000000-0-0000000000000001.incomplete.x", true},
        {".00000000-0-0000000000000001.incomplete", true},
    };
    const struct timespec then[2] = {{.tv_sec = time(NULL) - TM_PARTIAL_STALE - 10},
                                     {.tv_sec = time(NULL) - TM_PARTIAL_STALE - 10}};
    char path[TM_PATH_MAX], other[TM_PATH_MAX];
    tm_partial partial;
    tm_error error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        write_text(path, "part");
        assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
    }
    snprintf(path, sizeof path, "%s/old.young.00000000-0-0000000000000001.incomplete", folder);
    write_text(path, "part");
    snprintf(other, sizeof other, "%s/new", folder);
    assert_int_equal(tm_partial_open(other, true, &partial, &error), TM_OK);
    assert_int_equal(tm_partial_commit(&partial, other, &error), TM_OK);
    assert_true(exists(path));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        if (exists(path) != files[i].stays)
            fail_msg("%s %s", files[i].name, files[i].stays ? "is gone" : "stays");
    }
}

/* A file that somebody knows by another name too is not written to. */
static void linked_partial(void **state)
{
    char victim[TM_PATH_MAX], left[TM_PATH_MAX + 64], stem[TM_PATH_MAX];
    tm_partial partial;
    tm_error error = {0};
    (void)state;
    snprintf(victim, sizeof victim, "%s/victim", folder);
    snprintf(stem, sizeof stem, "%s/linked", folder);
    snprintf(left, sizeof left, "%s.00000000-0-0000000000000001.incomplete", stem);
    write_text(victim, "precious");
    assert_int_equal(link(victim, left), 0);
    assert_int_equal(tm_partial_open(stem, true, &partial, &error), TM_OK);
    assert_true(partial.size == 0);
    tm_partial_discard(&partial);
    assert_true(exists(victim));
}

/* Two handles of this process stand for two that live: neither takes the other's file. */
static void partial_files(void **state)
{
    char stem[TM_PATH_MAX], path[TM_PATH_MAX + 8];
    tm_partial one, two;
    tm_error error = {0};
    (void)state;
    snprintf(stem, sizeof stem, "%s/blob", folder);
    snprintf(path, sizeof path, "%s.final", stem);
    assert_int_equal(tm_partial_open(stem, true, &one, &error), TM_OK);
    assert_int_equal(write(one.fd, "abc", 3), 3);
    assert_int_equal(tm_partial_open(stem, true, &two, &error), TM_OK);
    assert_true(one.size == 0 && two.size == 0);
    assert_string_not_equal(one.path, two.path);
    tm_partial_leave(&one);
    assert_false(exists(one.path));
    tm_partial_leave(&two); /* empty: removed */
    assert_false(exists(two.path));

    assert_int_equal(tm_partial_open(stem, true, &one, &error), TM_OK);
    assert_true(one.size == 3);
    assert_int_equal(tm_partial_open(stem, true, &two, &error), TM_OK);
    assert_true(two.size == 0);
    assert_int_equal(write(one.fd, "def", 3), 3);
    assert_int_equal(tm_partial_commit(&one, path, &error), TM_OK);
    assert_true(exists(path));
    assert_false(exists(one.path));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 6);

    assert_int_equal(write(two.fd, "xy", 2), 2);
    assert_int_equal(tm_partial_commit(&two, path, &error), TM_OK); /* what is there stays */
    assert_false(exists(two.path));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 6);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(tm_partial_open(stem, true, &one, &error), TM_OK);
    assert_int_equal(write(one.fd, "abc", 3), 3);
    tm_partial_leave(&one);
    assert_int_equal(tm_partial_open(stem, false, &two, &error), TM_OK);
    assert_true(two.size == 0);
    assert_int_equal(count_files("blob."), 1); /* nobody can use what was left */
    tm_partial_discard(&two);
    assert_int_equal(count_files("blob."), 0);

    assert_int_equal(tm_partial_open(stem, true, &one, &error), TM_OK);
    assert_int_equal(unlink(one.path), 0); /* as one that took it over does */
    assert_int_equal(tm_partial_commit(&one, path, &error), TM_NETWORK);
    assert_false(exists(path));
}

/* A link that leads nowhere is made anew, one that leads somewhere is left. */
static void pointers(void **state)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    char root[TM_PATH_MAX], repo[TM_PATH_MAX], blob[TM_PATH_MAX], path[TM_PATH_MAX];
    char target[128] = "";
    tm_error error = {0};
    (void)state;
    snprintf(root, sizeof root, "%s/hub", folder);
    assert_false(tm_hub_repo_folder(root, "../x", repo));
    assert_true(tm_hub_repo_folder(root, "a/b", repo));
    assert_true(tm_store_blob_path(repo, "etag", blob));
    assert_int_equal(tm_make_folders(blob, &error), TM_OK);
    assert_int_not_equal(
        tm_store_pointer(repo, commit, "sub/dir/f.bin", "etag", false, path, &error), TM_OK);
    write_text(blob, "first");
    error = (tm_error){0};
    assert_int_equal(tm_store_pointer(repo, commit, "sub/dir/f.bin", "etag", true, path, &error),
                     TM_OK);
    assert_int_equal(readlink(path, target, sizeof target - 1), 22);
    assert_string_equal(target, "../../../../blobs/etag");
    assert_int_equal(tm_store_ref(repo, "refs/pr/2", commit, &error), TM_OK);
    assert_true(tm_hub_cache_find(root, "a/b", "refs/pr/2", "sub/dir/f.bin", path));
    assert_true(tm_hub_cache_find(root, "a/b", commit, "sub/dir/f.bin", path));
    assert_false(tm_hub_cache_find(root, "a/b", "", "sub/dir/f.bin", path));
    assert_false(tm_hub_cache_find(root, "a/b", commit, "../f.bin", path));
    assert_false(tm_hub_cache_absent(root, "a/b", commit, "g.bin"));
    tm_store_absent(repo, commit, "g.bin");
    assert_true(tm_hub_cache_absent(root, "a/b", commit, "g.bin"));
    assert_true(tm_hub_find_weights(root, "a/b", commit, "", path) == false);
}

/* What stands under a name that a process number would give is neither followed nor in the way. */
static void guessed_names(void **state)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    char root[TM_PATH_MAX], repo[TM_PATH_MAX], path[TM_PATH_MAX], blob[TM_PATH_MAX];
    char victim[TM_PATH_MAX], guessed[TM_PATH_MAX + 64], text[16] = "";
    tm_error error = {0};
    (void)state;
    snprintf(root, sizeof root, "%s/guessed", folder);
    snprintf(victim, sizeof victim, "%s/guessed.victim", folder);
    write_text(victim, "precious");
    assert_true(tm_hub_repo_folder(root, "a/b", repo));
    assert_true(tm_store_blob_path(repo, "etag", blob));
    assert_int_equal(tm_make_folders(blob, &error), TM_OK);
    write_text(blob, "whole");
    snprintf(guessed, sizeof guessed, "%s/.ref.%ld.tmp", repo, (long)getpid());
    assert_int_equal(symlink(victim, guessed), 0);
    assert_int_equal(tm_store_ref(repo, "main", commit, &error), TM_OK);
    FILE *f = fopen(victim, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_string_equal(text, "precious");

    assert_true((size_t)snprintf(path, sizeof path, "%s/snapshots/%s/f", repo, commit) <
                sizeof path);
    assert_int_equal(tm_make_folders(path, &error), TM_OK);
    assert_int_equal(symlink("../../blobs/none", path), 0);
    snprintf(guessed, sizeof guessed, "%s.%ld.tmp", path, (long)getpid());
    assert_int_equal(mkdir(guessed, 0700), 0);
    assert_int_equal(tm_store_pointer(repo, commit, "f", "etag", true, path, &error), TM_OK);
}

/* mkdir's reason, not that of a look at what is there. */
static void reasons(void **state)
{
    char path[TM_PATH_MAX];
    tm_error error = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/nowhere", folder);
    assert_int_equal(symlink("there/is/none", path), 0);
    strcat(path, "/file");
    assert_int_equal(tm_make_folders(path, &error), TM_WRITE);
    assert_non_null(strstr(error.message, "/nowhere: cannot create this folder: File exists"));
}

static bool shown(const char *endpoint, const char *url)
{
    tm_http *http;
    tm_error error = {0};
    tm_status status = tm_http_open(endpoint, "secret", &http, &error);
    if (status == TM_UNSUPPORTED)
        skip();
    assert_int_equal(status, TM_OK);
    bool is_shown = tm_http_shows_token(http, url);
    assert_true(!tm_http_token_withheld(http) || !is_shown);
    tm_http_close(http);
    return is_shown;
}

static void who_sees_the_token(void **state)
{
    static const char mirror[] = "https://hub.example";
    (void)state;
    assert_true(shown(mirror, "https://hub.example/a/b/resolve/main/f"));
    assert_true(shown(mirror, "https://HUB.example:443/f"));
    assert_false(shown(mirror, "http://hub.example/f"));
    assert_false(shown(mirror, "https://hub.example:444/f"));
    assert_false(shown(mirror, "https://cdn.hub.example/f"));
    assert_false(shown(mirror, "https://huggingface.co/f"));
    assert_false(shown(mirror, "https://hf.co/f"));
    assert_true(shown("https://huggingface.co", "https://huggingface.co/f"));
    assert_false(shown("https://huggingface.co", "https://hf.co/f"));
    assert_true(shown("http://127.0.0.1:8000", "http://127.0.0.1:8000/f"));
    assert_false(shown("http://127.0.0.1:8000", "http://127.0.0.1:8001/f"));
    assert_false(shown("http://hub.example", "http://hub.example/f"));
    assert_false(shown("http://127.evil.example", "http://127.evil.example/f"));
}

static void certificates(void **state)
{
    (void)state;
    clear_environment();
    tm_certificates own = tm_hub_certificates();
    assert_true(!own.file && !own.folder);
    setenv("SSL_CERT_DIR", "/certs", 1);
    setenv("SSL_CERT_FILE", "", 1);
    own = tm_hub_certificates();
    assert_true(!own.file && strcmp(own.folder, "/certs") == 0);
    setenv("SSL_CERT_FILE", "/all.pem", 1);
    own = tm_hub_certificates();
    assert_string_equal(own.file, "/all.pem");
    setenv("CURL_CA_BUNDLE", "/curl.pem", 1);
    own = tm_hub_certificates();
    assert_string_equal(own.file, "/curl.pem");
    assert_null(own.folder);
    setenv("REQUESTS_CA_BUNDLE", folder, 1);
    own = tm_hub_certificates();
    assert_string_equal(own.folder, folder);
    assert_null(own.file);
    assert_string_equal(own.variable, "REQUESTS_CA_BUNDLE");
    clear_environment();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repositories),  cmocka_unit_test(paths),
        cmocka_unit_test(etags),         cmocka_unit_test(content_ranges),
        cmocka_unit_test(urls),          cmocka_unit_test(tokens),
        cmocka_unit_test(places),        cmocka_unit_test(digests),
        cmocka_unit_test(partial_files), cmocka_unit_test(pointers),
        cmocka_unit_test(stale_files),   cmocka_unit_test(linked_partial),
        cmocka_unit_test(guessed_names), cmocka_unit_test(reasons),
        cmocka_unit_test(certificates),  cmocka_unit_test(who_sees_the_token),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
