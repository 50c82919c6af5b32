/* What there is to know of a model before anything is computed: sizes, memory, what is missing. */
#ifndef PB_STUDIO_FACTS_H
#define PB_STUDIO_FACTS_H

#include <jansson.h>

#include <pullback/map.h>

#include "base/error.h"

#define PB_FACTS_RANK 50

typedef struct pb_facts {
    /* The size that shapes and memory are told for: the one the network was trained at, or if its
     * config names one that it does not take, the next that it does. */
    size_t height, width;
    pb_map_memory map; /* what the basis of x -> mid needs */
    size_t vectors;    /* bytes of a basis of PB_FACTS_RANK triplets at work */
    size_t all;        /* with the weights */
    size_t missing_count;
    const char *missing[5]; /* parts that this network needs, and its folder has not */
} pb_facts;

/* Errors: those of pb_map_estimate. */
pb_status pb_facts_find(pb_facts *facts, const pb_model *model, const pb_run *run, pb_error *error);

/* Which sizes of images there are, where a position is `factor` pixels: "multiples of 8 from 64
 * on"; g_free. */
char *pb_facts_sizes(const pb_model_info *info, size_t factor);

/* Pixels for each position of a model of latents; 0: it has no autoencoder, or one that cannot be
 * opened, and why says it. */
size_t pb_facts_factor(const pb_model *model, pb_error *why);

/* All of it, and pb_model_info, as an object; hash: or NULL. */
json_t *pb_facts_json(const pb_model *model, const pb_facts *facts, const char *hash);

#endif
