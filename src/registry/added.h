/* SPDX-License-Identifier: Apache-2.0 */
/* Architectures beside timm's own table: those of plugins, and those that timm 0.4.12 had and later
 * timm dropped. Their records come after the table's; each has one config without weights. */
#ifndef TM_REGISTRY_ADDED_H
#define TM_REGISTRY_ADDED_H

#include "registry/registry.h"

/* Its texts and the config's must live as long as the program. TM_NO_MEMORY. */
tm_status tm_added_append(const char *name, const char *module, bool listed,
                          const tm_pretrained *config, tm_error *error);
size_t tm_added_count(void);
void tm_added_at(size_t index, tm_arch *arch); /* index below the count; arch->index is set */
void tm_added_config(size_t index, tm_pretrained *config);
bool tm_added_find(const char *name, size_t *index);
bool tm_added_is_listed(size_t index);

#endif
