/* SPDX-License-Identifier: Apache-2.0 */
/* From what a user calls a model to its config, wherever that is written. */
#ifndef TM_API_RESOLVE_H
#define TM_API_RESOLVE_H

#include "hub/hub.h"
#include "registry/config_json.h"

typedef struct tm_source {
    tm_model_config config;
    const char *folder; /* of local-dir:FOLDER, else NULL */
} tm_source;

/* name: as tm_model_resolve's, or "hf-hub:ORG/NAME[@REV]" of any repository, or
 * "local-dir:FOLDER". A repository that timm's table knows is only asked for its config.json where
 * a revision is named; it is taken from the cache, or fetched unless options->offline. Texts live
 * in the arena or as long as the program. */
tm_status tm_source_find(const char *name, const tm_open_options *options, tm_arena *arena,
                         tm_source *source, tm_error *error);

/* How the options would have files fetched. */
tm_hub_options tm_hub_options_of(const tm_open_options *options);

#endif
