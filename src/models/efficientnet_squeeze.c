/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "layers/eca.h"
#include "layers/global_context.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "models/efficientnet_builder.h"

static tm_node *own(const tm_effnet *net, tm_node *x, double reduced, tm_act_kind act)
{
    if (net->se_scaled)
        reduced *= net->width;
    return tm_squeeze_excite_with(
        net->b, "se", x,
        (tm_squeeze){.reduce = "conv_reduce",
                     .expand = "conv_expand",
                     .reduced = net->se_divisible ? tm_divisible(reduced, 8, net->round_limit)
                                                  : (int)rint(reduced),
                     .act = net->se_act ? net->se_act : act,
                     .gate = net->se_gate});
}

tm_node *tm_effnet_squeeze(const tm_effnet *net, tm_node *x, int channels, double ratio,
                           tm_act_kind act)
{
    tm_builder *b = net->b;
    double reduced = channels * ratio;
    bool add = net->se == TM_EFFNET_SE_CONTEXT_ADD;
    switch (net->se) {
    case TM_EFFNET_SE_OWN:
        break;
    case TM_EFFNET_SE_MODULE:
        return tm_squeeze_excite_with(b, "se", x,
                                      (tm_squeeze){.reduce = "fc1",
                                                   .expand = "fc2",
                                                   .reduced = tm_divisible(reduced, 8, 0.0),
                                                   .act = act});
    case TM_EFFNET_SE_EFFECTIVE:
        return tm_effective_squeeze_excite(b, "se", x);
    case TM_EFFNET_SE_ECA:
        return tm_efficient_channel_attention(b, "se", x, channels);
    case TM_EFFNET_SE_CONTEXT:
    case TM_EFFNET_SE_CONTEXT_ADD:
        return tm_global_context(b, "se", x, tm_divisible(reduced, 1, 0.0), act, add);
    case TM_EFFNET_SE_CONTEXT_LEGACY:
        return tm_legacy_global_context(b, "se", x, tm_divisible(reduced, 1, 0.0), act);
    case TM_EFFNET_SE_ECA_MLP:
        return tm_efficient_channel_mlp(b, "se", x, channels, tm_divisible(reduced, 8, 0.9), act);
    }
    return own(net, x, reduced, act);
}
