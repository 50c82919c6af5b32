#include "models/lora/target.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "models/lora/key.h"

static int by_flat(const void *a, const void *b)
{
    return strcmp(((const pb_lora_layer *)a)->flat, ((const pb_lora_layer *)b)->flat);
}

void pb_lora_target_close(pb_lora_target *t)
{
    for (size_t i = 0; i < t->count; i++)
        pb_free(t->layers[i].flat);
    pb_free(t->layers);
    pb_free(t->added);
    pb_weights_free(t->weights);
    *t = (pb_lora_target){0};
}

/* -- layers ----------------------------------------------------------------------------------- */

static pb_status list_layers(pb_lora_target *t, pb_error *error)
{
    const size_t all = pb_weights_count(t->weights);
    char name[PB_NAME + 8], flat[PB_NAME];

    t->layers = pb_calloc(all, sizeof *t->layers);
    if (!t->layers)
        return pb_fail_memory(error, all * sizeof *t->layers, "a list of layers");
    for (size_t i = 0; i < all; i++) {
        const pb_stored *weight = pb_weights_at(t->weights, i);
        pb_lora_layer *l = &t->layers[t->count];
        const size_t n = strlen(weight->name);
        if (!pb_ends_with(weight->name, ".weight") || n >= PB_NAME || weight->dtype == PB_INTEGER ||
            weight->count == 0 || weight->rank == 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(n - strlen(".weight")), weight->name);
        pb_lora_flatten(flat, name);
        strcat(name, ".bias");
        *l = (pb_lora_layer){pb_strdup(flat), weight, pb_weights_find(t->weights, name)};
        if (!l->flat)
            return pb_fail_memory(error, n, "a name");
        t->count++;
    }
    qsort(t->layers, t->count, sizeof *t->layers, by_flat);
    return PB_OK;
}

static size_t find(const pb_lora_target *t, const char *flat)
{
    const pb_lora_layer key = {.flat = (char *)flat},
                        *found = bsearch(&key, t->layers, t->count, sizeof key, by_flat);

    return found ? (size_t)(found - t->layers) : SIZE_MAX;
}

/* How many layers there are called BEFORE, their number, AFTER. */
static size_t count_numbered(const pb_lora_target *t, const char *before, const char *after)
{
    char name[PB_NAME];
    size_t n = 0;

    do
        snprintf(name, sizeof name, "%s%zu%s", before, n, after);
    while (find(t, name) != SIZE_MAX && ++n);
    return n;
}

/* Is it that of Stable Diffusion 2.x in a file of the whole? OpenCLIP's has another activation than
 * CLIP's. */
static bool is_cut(const pb_part *part)
{
    const char *act = json_string_value(json_object_get(part->config, "hidden_act"));

    return !part->folder && act && strcmp(act, "quick_gelu") != 0;
}

pb_status pb_lora_target_open(pb_lora_target *t, const pb_part *part, pb_role role, pb_error *error)
{
    t->role = role;
    PB_TRY(pb_part_weights(&t->weights, part, error));
    PB_TRY(list_layers(t, error));
    t->depth = role == PB_ROLE_UNET
                   ? count_numbered(t, "down_blocks_0_resnets_", "_conv1")
                   : count_numbered(t, "text_model_encoder_layers_", "_layer_norm1");
    t->cut = role == PB_ROLE_TEXT_ENCODER && is_cut(part);
    return PB_OK;
}

/* -- names ------------------------------------------------------------------------------------ */

/* A U-Net's layer in the names of the original layout, whose tables are of tensors. */
static size_t find_original(const pb_lora_target *t, const char *flat)
{
    static const char ending[] = ".weight";
    const pb_naming naming = {.layers = t->depth};
    char dotted[PB_NAME], name[PB_NAME], again[PB_NAME];

    if (!pb_lora_undot(dotted, flat) || strlen(dotted) >= PB_NAME - sizeof ending)
        return SIZE_MAX;
    strcat(dotted, ending);
    if (!pb_unet_name(name, dotted, &naming) || !pb_ends_with(name, ending))
        return SIZE_MAX;
    name[strlen(name) - strlen(ending)] = '\0';
    pb_lora_flatten(again, name);
    return find(t, again);
}

/* A text encoder's, with "text_model." before it where the LoRA leaves it out, or the other way. */
static size_t find_text(const pb_lora_target *t, const char *flat)
{
    static const char model[] = "text_model_";
    char name[PB_NAME];

    if (!strncmp(flat, model, strlen(model)))
        return find(t, flat + strlen(model));
    return snprintf(name, sizeof name, "%s%s", model, flat) < PB_NAME ? find(t, name) : SIZE_MAX;
}

size_t pb_lora_target_find(const pb_lora_target *t, const char *path)
{
    char flat[PB_NAME];
    size_t found;

    pb_lora_flatten(flat, path);
    found = find(t, flat);
    if (found != SIZE_MAX)
        return found;
    return t->role == PB_ROLE_UNET ? find_original(t, flat) : find_text(t, flat);
}

bool pb_lora_target_left(const pb_lora_target *t, const char *path)
{
    char flat[PB_NAME], layer[64];
    const char *begin = path;

    if (!t->cut || !t->depth)
        return false;
    pb_lora_flatten(flat, begin);
    begin = strncmp(flat, "text_model_", 11) ? flat : flat + 11;
    snprintf(layer, sizeof layer, "encoder_layers_%zu_", t->depth);
    return !strncmp(begin, layer, strlen(layer));
}

/* -- what is added ---------------------------------------------------------------------------- */

pb_status pb_lora_target_add(pb_lora_target *t, const pb_stored *to, pb_addition addition,
                             pb_error *error)
{
    if (t->added_count == t->added_room) {
        pb_added *grown = pb_grow(t->added, t->added_count, &t->added_room, sizeof *grown);
        if (!grown)
            return pb_fail_memory(error, 2 * t->added_room * sizeof *grown, "a list of layers");
        t->added = grown;
    }
    t->added[t->added_count++] = (pb_added){to, addition};
    return PB_OK;
}
