/* SPDX-License-Identifier: Apache-2.0 */
/* Architectures beside timm's own table: those of plugins, and those that timm 0.4.12 had and later
 * timm dropped. Their records come after the table's; each has one config without weights. */
#ifndef TM_REGISTRY_ADDED_H
#define TM_REGISTRY_ADDED_H

#include "registry/registry.h"

/* Makes known an architecture that the table lacks; its texts and the config's must live as long
 * as the program. listed: tm_list_models names it. TM_USAGE: the name is taken. Not to be called
 * once threads run. */
tm_status tm_registry_add(const char *name, const char *module, bool listed,
                          const tm_pretrained *config, tm_error *error);

size_t tm_added_count(void);
void tm_added_at(size_t index, tm_arch *arch); /* index below the count; arch->index is set */
void tm_added_config(size_t index, tm_pretrained *config);
bool tm_added_find(const char *name, size_t *index);
bool tm_added_is_listed(size_t index);

#endif
