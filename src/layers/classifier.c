/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/classifier.h"

#include <string.h>

#include "layers/pool1d.h"

const char *tm_pool_kind(tm_builder *b, const char *pool)
{
    const char *chosen = tm_option_global_pool(b);
    return chosen ? chosen : pool;
}

const char *tm_average_or_none(tm_builder *b)
{
    const char *pool = tm_pool_kind(b, "avg");
    if (pool[0] && strcmp(pool, "avg") != 0)
        tm_refuse(b, "global pool '%s': this family averages or does not pool", pool);
    return pool;
}

void tm_classifier(tm_builder *b, tm_node *x, tm_layout layout, const char *classifier)
{
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    if (b->options.num_classes > 0 && layout == TM_LAYOUT_MAP)
        tm_refuse(b, "pooling can only be left out together with the classifier (num_classes 0)");
    if (b->options.num_classes > 0)
        x = tm_linear(b, classifier, x, b->options.num_classes, true);
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
}

void tm_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier)
{
    pool = tm_pool_kind(b, pool);
    x = tm_global_pool(b, x, pool);
    tm_classifier(b, x, pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP, classifier);
}

void tm_token_head(tm_builder *b, tm_node *x, const char *pool, int first, const char *classifier)
{
    pool = tm_pool_kind(b, pool);
    if (pool[0] && strcmp(pool, "avg") != 0 && (first == 0 || strcmp(pool, "token") != 0))
        tm_refuse(b, "global pool '%s': this family has %savg, or none", pool,
                  first ? "token, " : "");
    tm_layout layout = pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS;
    tm_classifier(b, tm_pool_tokens(b, x, pool, first), layout, classifier);
}

void tm_conv_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier)
{
    pool = tm_pool_kind(b, pool);
    tm_layout layout = pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP;
    x = tm_global_pool(b, x, pool);
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    if (b->options.num_classes > 0)
        x = tm_conv2d(b, classifier, x,
                      (tm_conv){.out = b->options.num_classes, .kernel = 1, .bias = true});
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
}

tm_node *tm_head_pool(tm_builder *b, tm_node *x, const char *pool, tm_layout *layout)
{
    pool = tm_pool_kind(b, pool);
    if (strcmp(pool, "catavgmax") == 0)
        tm_refuse(b, "global pool 'catavgmax': the head's next layer has not that many channels");
    *layout = pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP;
    return tm_global_pool(b, x, pool);
}

void tm_hidden_classifier_head(tm_builder *b, tm_node *x, tm_hidden_head head)
{
    tm_layout layout;
    x = tm_head_pool(b, x, "avg", &layout);
    x = tm_conv2d(b, head.conv, x, (tm_conv){.out = head.hidden, .kernel = 1, .bias = head.bias});
    tm_classifier(b, tm_activate(b, x, head.act), layout, head.classifier);
}

static tm_node *head_layer(tm_builder *b, const char *name, tm_node *x, int out, bool pooled)
{
    if (pooled)
        return tm_linear(b, name, x, out, true);
    return tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 1, .bias = true});
}

void tm_norm_mlp_head(tm_builder *b, const char *name, tm_node *x, tm_mlp_head head)
{
    const char *pool = tm_pool_kind(b, head.pool);
    bool pooled = pool[0];
    tm_layout layout = pooled ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP;
    if (strcmp(pool, "catavgmax") == 0)
        tm_refuse(b, "global pool 'catavgmax': the head's norm has not that many channels");
    tm_push(b, "%s", name);
    x = tm_normalize(b, "norm", tm_global_pool(b, x, pool), head.norm);
    if (head.hidden)
        x = tm_activate(b, head_layer(b, "pre_logits.fc", x, head.hidden, pooled), head.act);
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    if (b->options.num_classes > 0)
        x = head_layer(b, "fc", x, b->options.num_classes, pooled);
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
    tm_pop(b);
}

void tm_channels_last_head(tm_builder *b, const char *name, tm_node *x, tm_layout layout,
                           tm_norm norm)
{
    const char *pool = tm_pool_kind(b, "avg");
    if (pool[0] && strcmp(pool, "avg") != 0 && strcmp(pool, "max") != 0 &&
        strcmp(pool, "avgmax") != 0)
        tm_refuse(b, "global pool '%s': this head has avg, max and avgmax", pool);
    tm_push(b, "%s", name);
    x = tm_normalize(b, "norm", tm_global_pool(b, x, pool), norm);
    tm_classifier(b, x, pool[0] ? TM_LAYOUT_VECTOR : layout, "fc");
    tm_pop(b);
}
