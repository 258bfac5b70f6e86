/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/rows.h"

tm_node *tm_activate_param(tm_builder *b, tm_node *x, tm_act_kind act, float param)
{
    if (act == TM_ACT_NONE)
        return x;
    tm_act_attrs attrs = {.kind = act, .param = param};
    return tm_activation(b, &tm_op_act, tm_scoped(b, "act"), &attrs, sizeof attrs, 1, &x, x->shape);
}

tm_node *tm_activate(tm_builder *b, tm_node *x, tm_act_kind act)
{
    return tm_activate_param(b, x, act, act == TM_ACT_LEAKY_RELU ? 0.01f : 0.0f);
}

tm_act_kind tm_act_by_name(tm_builder *b, const char *name)
{
    static const struct {
        const char *name;
        tm_act_kind kind;
    } names[] = {
        {"", TM_ACT_NONE},
        {"identity", TM_ACT_NONE},
        {"relu", TM_ACT_RELU},
        {"relu6", TM_ACT_RELU6},
        {"leaky_relu", TM_ACT_LEAKY_RELU},
        {"silu", TM_ACT_SILU},
        {"swish", TM_ACT_SILU},
        {"gelu", TM_ACT_GELU},
        {"gelu_tanh", TM_ACT_GELU_TANH},
        {"quick_gelu", TM_ACT_QUICK_GELU},
        {"sigmoid", TM_ACT_SIGMOID},
        {"tanh", TM_ACT_TANH},
        {"hard_swish", TM_ACT_HARD_SWISH},
        {"hard_sigmoid", TM_ACT_HARD_SIGMOID},
        {"hard_mish", TM_ACT_HARD_MISH},
        {"mish", TM_ACT_MISH},
        {"elu", TM_ACT_ELU},
        {"selu", TM_ACT_SELU},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].kind;
    tm_refuse(b, "activation '%s' is not known", name);
    return TM_ACT_NONE;
}

typedef struct act_args {
    tm_rows rows;
    tm_tensor x, y;
    tm_act_attrs act;
    tm_act_fn *kernel;
} act_args;

static void act_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const act_args *args = step->args;
    tm_row_range range = tm_rows_at(args->rows, unit);
    args->kernel(args->act.kind, args->act.param, range.count, (size_t)args->x.c,
                 tm_row(run, &args->x, range), args->x.ld, tm_row(run, &args->y, range),
                 args->y.ld);
}

static void act_lower(tm_lowering *lowering, const tm_node *node)
{
    act_args args = {.x = tm_lower_input(lowering, node, 0),
                     .y = tm_lower_output(lowering, node),
                     .act = *(const tm_act_attrs *)node->attrs,
                     .kernel = TM_LOWER_KERNEL(lowering, act, node->type)};
    args.rows = tm_rows_of(&args.y);
    tm_lower_step(lowering, node, act_run, tm_rows_step_units, &args, sizeof args, 0);
}

const tm_op tm_op_act = {
    .name = "act", .lower = act_lower, .in_place = true, .types = TM_TYPES_SAME};
