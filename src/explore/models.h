/* The models that a page can choose from. */
#ifndef PB_EXPLORE_MODELS_H
#define PB_EXPLORE_MODELS_H

#include <glib.h>
#include <jansson.h>

/* Those of the names that can be read, as docs/explorer.md has them. */
json_t *pb_explorer_models(const GPtrArray *names);

#endif
