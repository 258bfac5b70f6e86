/* SPDX-License-Identifier: Apache-2.0 */
/* By what a model's weights are known. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/builtin.h"
#include "api/model.h"
#include "api/packfile.h"
#include "base/file.h"
#include "base/shards.h"
#include "base/text.h"

static tm_status add_file(tm_digest *digest, const char *path, tm_error *error)
{
    struct stat st;
    tm_error cause = {0};
    tm_status status = TM_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        status =
            tm_fail(error, TM_WEIGHTS_MISSING, "%.300s: cannot read: %s", path, strerror(errno));
    else if (tm_digest_add_file(digest, fd, (uint64_t)st.st_size, &cause))
        status = tm_fail(error, TM_WEIGHTS_MISSING, "%.300s: %s", path, cause.message);
    if (fd >= 0)
        close(fd);
    return status;
}

static tm_status add_shard(tm_digest *digest, const char *index, const char *file, tm_error *error)
{
    char path[TM_PATH_MAX];
    const char *slash = strrchr(index, '/');
    int folder = slash ? (int)(slash - index) + 1 : 0;
    if (snprintf(path, sizeof path, "%.*s%s", folder, index, file) >= (int)sizeof path)
        return tm_fail(error, TM_WEIGHTS_MISSING, "%.300s: the path is too long", file);
    return add_file(digest, path, error);
}

static tm_status add_shards(tm_digest *digest, const char *index, tm_error *error)
{
    tm_map map;
    tm_shards shards = {0};
    tm_status status = tm_map_file(index, &map, error);
    if (status)
        return status;
    status = tm_shards_parse(index, map.data, map.size, &shards, error);
    status = tm_unmap(&map, status, error);
    for (size_t i = 0; i < shards.count && !status; i++)
        if (i == 0 || strcmp(shards.entries[i].file, shards.entries[i - 1].file) != 0)
            status = add_shard(digest, index, shards.entries[i].file, error);
    tm_shards_free(&shards);
    return status;
}

tm_status tm_model_digest_weights(tm_model *model, char digits[static TM_DIGEST_TEXT_MAX],
                                  tm_error *error)
{
    char path[TM_PATH_MAX];
    tm_digest digest;
    *digits = '\0';
    tm_status status = tm_model_find_weights(model, path, error);
    if (status || (!*path && model->options.weights))
        return status;
    if (!*path) {
        strcpy(digits, tm_builtin_weights_sha256);
        return TM_OK;
    }
    bool packed;
    status = tm_packfile_probe(model, &packed, error);
    if (status || packed)
        return status ? status : tm_packfile_digest(model, digits, error);
    tm_digest_start(&digest);
    status = add_file(&digest, path, error);
    if (!status && tm_has_ending(path, ".index.json"))
        status = add_shards(&digest, path, error);
    if (!status)
        tm_digest_text(&digest, digits);
    return status;
}
