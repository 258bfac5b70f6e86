/* SPDX-License-Identifier: Apache-2.0 */
#include "output/stream.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/little_endian.h"
#include "output/formats.h"

static const char name[] = "the standard output";

struct tm_stream {
    FILE *out, *rows; /* the same where rows need not wait */
    int rank;         /* 0: no row yet */
    int64_t shape[TM_WRITER_RANK_MAX];
    size_t count; /* numbers of a row */
    float *nan;   /* a row of them */
};

tm_status tm_stream_open(FILE *out, bool npy, tm_stream **opened, tm_error *error)
{
    tm_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %s", name);
    *stream = (tm_stream){.out = out, .rows = npy ? tmpfile() : out};
    if (!stream->rows) {
        tm_status status =
            tm_fail(error, tm_errno_status(TM_WRITE),
                    "cannot make a temporary file for the rows of %s: %s", name, strerror(errno));
        free(stream);
        return status;
    }
    *opened = stream;
    return TM_OK;
}

static tm_status begin(tm_stream *stream, int rank, const int64_t *shape, tm_error *error)
{
    TM_ASSERT(rank >= 1 && rank <= TM_WRITER_RANK_MAX);
    stream->rank = rank;
    memcpy(stream->shape, shape, (size_t)rank * sizeof *shape);
    stream->shape[0] = 0;
    stream->count = tm_array_row(rank, shape);
    stream->nan = malloc((stream->count + 1) * sizeof *stream->nan);
    if (!stream->nan)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a row of %zu numbers", stream->count);
    for (size_t i = 0; i < stream->count; i++)
        stream->nan[i] = NAN;
    return TM_OK;
}

tm_status tm_stream_add(tm_stream *stream, int rank, const int64_t *shape, const float *row,
                        tm_error *error)
{
    tm_status status = stream->rank ? TM_OK : begin(stream, rank, shape, error);
    if (status)
        return status;
    if (rank != stream->rank ||
        memcmp(shape + 1, stream->shape + 1, (size_t)(rank - 1) * sizeof *shape) != 0)
        return tm_fail(error, TM_SHAPE, "%s: found rows of another shape, expected all alike",
                       name);
    if (!tm_write_f32_le(stream->rows, row ? row : stream->nan, stream->count))
        return tm_writer_failed(name, error);
    stream->shape[0]++;
    return TM_OK;
}

/* Header and rows of the waiting file. */
static tm_status put_npy(tm_stream *stream, tm_error *error)
{
    char block[1 << 15];
    tm_buffer header = {0};
    tm_npy_header(TM_DTYPE_F32, stream->rank, stream->shape, &header);
    bool good = !header.failed && fseeko(stream->rows, 0, SEEK_SET) == 0 &&
                fwrite(header.data, 1, header.length, stream->out) == header.length;
    tm_buffer_free(&header);
    for (size_t n; good && (n = fread(block, 1, sizeof block, stream->rows)) > 0;)
        good = fwrite(block, 1, n, stream->out) == n;
    good = good && !ferror(stream->rows);
    return good ? TM_OK : tm_writer_failed(name, error);
}

tm_status tm_stream_close(tm_stream *stream, bool keep, tm_error *error)
{
    tm_status status = TM_OK;
    if (!stream)
        return TM_OK;
    if (stream->rows != stream->out) {
        if (keep && stream->rank)
            status = put_npy(stream, error);
        fclose(stream->rows);
    }
    if (fflush(stream->out) != 0 && !status)
        status = tm_writer_failed(name, error);
    free(stream->nan);
    free(stream);
    return status;
}
