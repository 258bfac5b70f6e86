/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps, and where they find their activations.
 *
 * A step and all that it points to (constants, packed weights, kernels) are the same for every run.
 * What a run writes is its own: tensors say where in a run's memory they lie, and the run says
 * where that is. Several runs may walk the same steps at once.
 *
 * A step's units are independent of one another: any thread may run any unit in any order, and
 * what a unit computes does not depend on how many threads or pictures there are.
 */
#ifndef TM_STEPS_STEP_H
#define TM_STEPS_STEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dtype.h"

enum { TM_MAX_STRIP = 3 /* steps that go through a strip together: steps/strip.h */ };

/* The kinds of a run's memory. */
typedef enum tm_space {
    TM_SPACE_ARENA, /* activations, which are overwritten once nothing reads them any more */
    TM_SPACE_KEPT,  /* the input and what was asked for: there before and after the run */
    TM_SPACES,
    /* and of a thread's scratch: what the first, second, ... step of a strip leaves for the next */
    TM_SPACE_STRIP = TM_SPACES,
    TM_ALL_SPACES = TM_SPACE_STRIP + TM_MAX_STRIP - 1
} tm_space;

/* One walk over the steps, as one thread sees it. */
typedef struct tm_run_state {
    char *memory[TM_ALL_SPACES]; /* 64-byte aligned; of a strip: where its picture would begin */
    int batch;                   /* pictures of this walk */
    int first;                   /* in the kept space: which picture this walk begins with */
    void *scratch; /* step->scratch bytes, 64-byte aligned, the calling thread's own */
} tm_run_state;

/* An activation: pixel (n, y, x) begins n * stride + (y * w + x) * ld numbers of its type behind
 * its base. A tensor of c = 0 is none. */
typedef struct tm_tensor {
    const void *constant; /* a constant's values; NULL: `offset` bytes into a run's memory */
    tm_space space;
    size_t offset;
    tm_dtype type;
    int h, w, c;
    size_t ld;     /* numbers from pixel to pixel; c when dense */
    size_t stride; /* numbers from picture to picture; 0: the same for every picture */
} tm_tensor;

/* `count` numbers behind p. */
static inline void *tm_numbers_behind(const void *p, tm_dtype type, size_t count)
{
    return (char *)p + count * tm_dtype_size(type);
}

/* Where picture n begins. Pointers into a tensor are to numbers of its type. */
static inline void *tm_tensor_picture(const tm_run_state *run, const tm_tensor *t, int n)
{
    if (t->constant)
        return tm_numbers_behind(t->constant, t->type, (size_t)n * t->stride);
    size_t picture = (size_t)n + (t->space == TM_SPACE_KEPT ? (size_t)run->first : 0);
    return tm_numbers_behind(run->memory[t->space] + t->offset, t->type, picture * t->stride);
}

/* Pixel (y, x) behind the beginning of its picture, in numbers. */
static inline size_t tm_tensor_pixel(const tm_tensor *t, int y, int x)
{
    return ((size_t)y * (size_t)t->w + (size_t)x) * t->ld;
}

static inline void *tm_tensor_at(const tm_run_state *run, const tm_tensor *t, int n, int y, int x)
{
    return tm_numbers_behind(tm_tensor_picture(run, t, n), t->type, tm_tensor_pixel(t, y, x));
}

/* Channel c of that pixel. */
static inline void *tm_tensor_channel(const tm_run_state *run, const tm_tensor *t, int n, int y,
                                      int x, size_t c)
{
    return tm_numbers_behind(tm_tensor_at(run, t, n, y, x), t->type, c);
}

static inline bool tm_tensor_is_none(const tm_tensor *t)
{
    return t->c == 0;
}

/* Whether both are there and begin at the same place. */
static inline bool tm_tensor_same_place(const tm_tensor *a, const tm_tensor *b)
{
    return !tm_tensor_is_none(a) && !tm_tensor_is_none(b) && a->constant == b->constant &&
           a->space == b->space && a->offset == b->offset;
}

/* Pictures follow one another without a gap, so all pixels of a batch are one run of rows. */
static inline bool tm_tensor_is_run(const tm_tensor *t)
{
    return t->stride == (size_t)t->h * (size_t)t->w * t->ld;
}

typedef struct tm_step tm_step;
typedef void tm_step_run(const tm_step *step, const tm_run_state *run, int unit);
typedef int tm_step_units(const tm_step *step, int batch);
/* Pixels [first, first + count) of picture n, in row-major order: whole rows, unless each pixel is
 * made of a single one (tm_reach). The same bits as its units. */
typedef void tm_step_pixels(const tm_step *step, const tm_run_state *run, int n, int first,
                            int count);

struct tm_step {
    tm_step_run *run;
    tm_step_units *units;
    tm_step_pixels *pixels; /* NULL: it cannot be part of a strip */
    const void *args;
    size_t scratch;
    const char *name, *op; /* for the profile */
    double macs;
};

#endif
