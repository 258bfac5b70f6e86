/* SPDX-License-Identifier: Apache-2.0 */
#include "products/product.h"

#include "graph/constant.h"
#include "products/results.h"

/* ---- running ---- */

static int product_units(const tm_step *step, int batch)
{
    return tm_division_units(&((const tm_product *)step->args)->division, batch);
}

static void product_run(const tm_step *step, const tm_run_state *run, int index)
{
    const tm_product *p = step->args;
    tm_unit unit = tm_unit_at(&p->division, run, index);
    p->kind->run(p, &unit);
}

/* All of a product's outputs for some pixels, in blocks as large as a unit's. */
static void product_pixels(const tm_step *step, const tm_run_state *run, int n, int first,
                           int count)
{
    const tm_product *p = step->args;
    const tm_division *d = &p->division;
    int block = tm_even_block(count, d->block, d->grain);
    for (int i = 0; i < count; i += block) {
        tm_unit unit = {.run = run,
                        .n = n,
                        .first = first + i,
                        .count = tm_least(block, count - i),
                        .last_group = d->groups};
        for (; unit.panel < d->panels; unit.panel += unit.panels) {
            unit.panels = tm_least(d->chunk, d->panels - unit.panel);
            p->kind->run(p, &unit);
        }
    }
}

/* ---- packing ---- */

typedef struct packing {
    tm_product product;
    const tm_node *weight, *bias; /* bias NULL: none */
    float *biases;
} packing;

static void pack_one(const void *context, const float *values, int group, int first, int rows,
                     float *room)
{
    const packing *args = context;
    const tm_product *p = &args->product;
    char *out = p->weights + (size_t)(group * p->panels + first / TM_PANEL) * p->panel_bytes;
    p->kind->pack(p, values, first, rows, room, out);
}

static void pack(tm_lowering *worker, const void *context)
{
    const packing *args = context;
    const tm_product *p = &args->product;
    size_t k = (size_t)p->taps * (size_t)p->kc;
    tm_pack_panels(worker, args->weight, p->division.groups, p->outputs, k * TM_PANEL, pack_one,
                   args);
    tm_pack_bias(worker, args->bias, p->division.groups, p->outputs, (size_t)p->panels * TM_PANEL,
                 args->biases);
}

/* Memory for the packed weights and bias, filled later. */
static void defer_packing(tm_lowering *lowering, const tm_node *node, tm_product *p)
{
    const tm_conv_attrs *conv = node->attrs;
    size_t panels = (size_t)p->division.groups * (size_t)p->panels;
    packing args = {.weight = node->inputs[1], .bias = conv->bias ? node->inputs[2] : NULL};
    p->weights = (char *)tm_lower_memory(lowering, panels * (p->panel_bytes / sizeof(float)));
    if (args.bias)
        p->bias = args.biases = tm_lower_memory(lowering, panels * TM_PANEL);
    else
        p->bias = tm_lower_zeros(lowering, panels * TM_PANEL);
    args.product = *p;
    tm_lower_defer(lowering, pack, &args, sizeof args);
}

/* ---- lowering ---- */

const tm_product_kind *tm_product_choose(const tm_lowering *lowering, const tm_node *node)
{
    static const tm_product_kind *const kinds[] = {
#define PRODUCT(name) &tm_product_##name,
#include "products/kinds.def"
#undef PRODUCT
    };
    size_t i = 0;
    while (!kinds[i]->pays(lowering, node)) /* float32 does */
        i++;
    return kinds[i];
}

/* Groups too narrow to fill a panel are computed together. */
static int merged_groups(int groups, int outputs)
{
    if (groups == 1 || outputs % TM_PANEL == 0)
        return 1;
    for (int merge = 2; merge < groups && merge * outputs <= 2 * TM_PANEL; merge++)
        if (groups % merge == 0 && merge * outputs % TM_PANEL == 0)
            return merge;
    for (int merge = 1; merge < groups; merge++)
        if (groups % merge == 0 && merge * outputs >= TM_PANEL)
            return merge;
    return groups;
}

/* Whether threads had better share a layer's rows than its panels: its activations are more than
 * its weights. Then a row's next layer finds it where it was computed. */
static bool shares_rows(const tm_tensor *x, const tm_tensor *y, const tm_conv_attrs *conv)
{
    double taps = (double)conv->kernel_h * conv->kernel_w;
    return taps * x->c / conv->groups * y->c <=
           (double)x->h * x->w * x->c + (double)y->h * y->w * y->c;
}

/* The pictures of a batch form one run of rows. */
static bool is_run(const tm_product *p)
{
    return tm_tensor_is_run(&p->y) &&
           (tm_tensor_is_none(&p->residual) || tm_tensor_is_run(&p->residual));
}

static void take_shapes(tm_product *p, const tm_tensor *x, const tm_conv_attrs *conv, int threads)
{
    p->merged = p->kind->merges ? merged_groups(conv->groups, p->y.c / conv->groups) : 1;
    int groups = conv->groups / p->merged;
    p->window = tm_window_of(x, &p->y, conv);
    p->taps = conv->kernel_h * conv->kernel_w;
    p->kc = x->c / groups;
    p->outputs = p->y.c / groups;
    p->panels = tm_ceil_div(p->outputs, TM_PANEL);
    p->division = (tm_division){.rows = p->y.h * p->y.w,
                                .run = is_run(p),
                                .by_rows = threads > 1 && shares_rows(x, &p->y, conv),
                                .panels = p->panels,
                                .groups = groups,
                                .group_step = 1};
}

void tm_product_lower(tm_lowering *lowering, const tm_node *node, const tm_product_kind *kind)
{
    const tm_conv_attrs *conv = node->attrs;
    tm_tensor x = tm_lower_input(lowering, node, 0);
    tm_product p = {.kind = kind,
                    .y = tm_lower_output(lowering, node),
                    .store = tm_store_of(lowering, &conv->epilogue, TM_DTYPE_F32),
                    .f32 = tm_lower_kernels(lowering),
                    .bf16 = tm_lower_bf16_kernels(lowering),
                    .i8 = tm_lower_i8_kernels(lowering),
                    .split = tm_lower_split_kernels(lowering)};
    if (conv->epilogue.residual)
        p.residual = tm_lower_input(lowering, node, node->input_count - 1);
    take_shapes(&p, &x, conv, tm_lower_threads(lowering));
    p.window.zeros = tm_lower_zeros(lowering, (size_t)x.c * (size_t)conv->kernel_w);
    size_t scratch = kind->plan(lowering, node, &p);
    scratch = tm_results_plan(&p, scratch);
    defer_packing(lowering, node, &p);
    tm_lower_step(lowering, node, product_run, product_units, &p, sizeof p, scratch);
    if (kind->pixels)
        tm_lower_pixels(lowering, product_pixels);
}
