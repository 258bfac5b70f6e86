/* SPDX-License-Identifier: Apache-2.0 */
/* Position embeddings, patch embeddings and tables of relative positions on another grid, against
 * what timm's resample_abs_pos_embed, _convert_radio, resample_patch_embed and
 * resize_rel_pos_bias_table give for values of the formula. */
#include "tests/unit/harness.h"

typedef enum kind { GRID, PATCH, WINDOW } kind;

typedef struct resample_case {
    kind kind;
    int prefix; /* GRID */
    int from, to_h, to_w;
    tm_resampling how;
    double dot; /* with the formula's "dot" */
    double first, middle, last;
} resample_case;

#define BICUBIC .how = {.bilinear = false}
#define BILINEAR .how = {.bilinear = true}
#define CORNERS .how = {.bilinear = true, .corners = true}

/* clang-format off */
static const resample_case cases[] = {
    {GRID, 1, 4, 2, 3, BICUBIC, .dot = -1.04417698, .first = -0.80436337, .middle = 0.279560447, .last = 0.45763731},
    {GRID, 1, 4, 5, 3, BICUBIC, .dot = 0.0131316898, .first = -0.80436337, .middle = -0.1274883, .last = 0.286961436},
    {GRID, 1, 4, 2, 3, BILINEAR, .dot = -1.24028868, .first = -0.80436337, .middle = 0.163821623, .last = 0.491575122},
    {GRID, 1, 4, 5, 3, BILINEAR, .dot = 0.0510612051, .first = -0.80436337, .middle = -0.121648967, .last = 0.264773458},
    {GRID, 1, 4, 2, 3, CORNERS, .dot = -1.49580285, .first = -0.80436337, .middle = 0.582195044, .last = 0.285860181},
    {GRID, 1, 4, 5, 3, CORNERS, .dot = 0.344222443, .first = -0.80436337, .middle = -0.121648967, .last = 0.285860181},
    {GRID, 0, 4, 2, 5, .how = {.bilinear = true, .corners = true, .square = true}, .dot = -0.727645526, .first = -0.80436337, .middle = 0.23555544, .last = 0.63640213},
    {GRID, 0, 4, 2, 5, .how = {.bilinear = true, .square = true}, .dot = -0.652690652, .first = -0.80436337, .middle = 0.166227579, .last = 0.563901305},
    {PATCH, 0, 4, 3, 3, BICUBIC, .dot = 2.54925022, .first = -0.458492815, .middle = 0.241808593, .last = -1.72728729},
    {PATCH, 0, 4, 5, 6, BICUBIC, .dot = -1.94574384, .first = -0.763306618, .middle = 0.194208354, .last = -0.649092495},
    {PATCH, 0, 4, 6, 3, BICUBIC, .dot = -2.9571016, .first = -0.805003583, .middle = -0.269945621, .last = -0.770821214},
    {PATCH, 0, 4, 3, 3, BILINEAR, .dot = 1.45042694, .first = -0.860219836, .middle = 0.360783577, .last = -1.46069121},
    {PATCH, 0, 4, 5, 6, BILINEAR, .dot = -2.85846117, .first = -0.938646674, .middle = 0.210254043, .last = -0.779353797},
    {PATCH, 0, 4, 6, 3, BILINEAR, .dot = -2.91159211, .first = -0.954698622, .middle = -0.124745525, .last = -0.872152328},
    {WINDOW, 0, 3, 2, 4, BICUBIC, .dot = 0.217420261, .first = -0.772485614, .middle = 0.755219698, .last = -0.945734262},
    {WINDOW, 0, 3, 3, 2, BICUBIC, .dot = 2.29074818, .first = -0.578306913, .middle = 0.755219698, .last = -0.201669276},
    {WINDOW, 0, 3, 5, 5, BICUBIC, .dot = 1.74419466, .first = -0.80436337, .middle = 0.755219698, .last = -0.356784344},
};
/* clang-format on */

static tm_node *make(net *n, const resample_case *c)
{
    int from[2] = {c->from, c->from}, to[2] = {c->to_h, c->to_w};
    int side = 2 * c->from - 1;
    switch (c->kind) {
    case GRID:
        return tm_const_resample_grid(&n->b,
                                      tm_param3(&n->b, "x", 1, c->prefix + c->from * c->from, 1),
                                      c->prefix, from, to, c->how);
    case PATCH:
        return tm_const_resample_patch(&n->b, tm_param4(&n->b, "x", 1, 2, c->from, c->from),
                                       (int64_t[]){c->to_h, c->to_w}, c->how);
    default:
        return tm_const_resample_window(&n->b, tm_param2(&n->b, "x", side * side, 2), from, to);
    }
}

static void check(const resample_case *c, int index)
{
    enum { ROOM = 512 };
    float in[ROOM], out[ROOM], along[ROOM];
    net n;
    net_open(&n, (tm_shape){4, 4, 1});
    const tm_node *node = make(&n, c);
    size_t from = (size_t)tm_element_count(node->inputs[0]), to = (size_t)tm_element_count(node);
    assert_true(from <= ROOM && to <= ROOM);
    tm_formula_uniform("input", 0, 0, 1, 0, from, in);
    tm_formula_uniform("dot", 0, 0, 1, 0, to, along);
    node->op->evaluate(node, (const float *[]){in}, 0, tm_row_count(node), out);
    double dot = 0;
    for (size_t i = 0; i < to; i++)
        dot += (double)out[i] * along[i];
    ASSERT_NEAR(out[0], c->first, 2e-6, "case %d, first value", index);
    ASSERT_NEAR(out[to / 2], c->middle, 2e-6, "case %d, middle value", index);
    ASSERT_NEAR(out[to - 1], c->last, 2e-6, "case %d, last value", index);
    ASSERT_NEAR(dot, c->dot, 4e-6, "case %d, projection", index);
    net_close(&n);
}

static void as_timm(void **state)
{
    (void)state;
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        check(&cases[i], i);
}

/* The same grid is the identity, whichever way. */
static void same_size(void **state)
{
    (void)state;
    static const tm_resampling ways[] = {
        {.bilinear = false}, {.bilinear = true}, {.bilinear = true, .corners = true}};
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        float in[18], out[18];
        net n;
        net_open(&n, (tm_shape){3, 3, 1});
        tm_formula_uniform("input", 0, 0, 1, 0, 18, in);
        const tm_node *patch = tm_const_resample_patch(&n.b, tm_param4(&n.b, "x", 1, 2, 3, 3),
                                                       (int64_t[]){3, 3}, ways[w]);
        patch->op->evaluate(patch, (const float *[]){in}, 0, 1, out);
        for (int i = 0; i < 18; i++)
            ASSERT_NEAR(out[i], in[i], 1e-6, "way %zu, element %d", w, i);
        net_close(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_timm), cmocka_unit_test(same_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
