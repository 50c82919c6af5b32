#include "models/lora/lora.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/folder.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "models/lora/layer.h"
#include "models/weights_files.h"

/* -- files ------------------------------------------------------------------------------------ */

void pb_loras_close(pb_loras *loras)
{
    for (size_t i = 0; i < loras->count; i++) {
        pb_lora_file *f = &loras->files[i];
        for (size_t k = 0; k < f->info.unmatched_count; k++)
            pb_free(f->unmatched[k]);
        pb_free(f->unmatched);
        pb_weights_free(f->weights);
        pb_free(f->config);
        pb_free(f->path);
    }
    pb_free(loras->files);
    *loras = (pb_loras){0};
}

/* The file that a path means: itself, or that of a folder which diffusers or PEFT writes there. */
static pb_status find_file(char **file, const char *path, pb_error *error)
{
    static const char *const names[] = {"pytorch_lora_weights.safetensors",
                                        "adapter_model.safetensors", "pytorch_lora_weights.bin",
                                        "adapter_model.bin"};
    const bool is_folder = pb_is_folder(path);
    bool there = true;

    for (size_t i = 0; i < (is_folder ? sizeof names / sizeof *names : 1); i++) {
        pb_free(*file);
        *file = is_folder ? pb_sprintf("%s/%s", path, names[i]) : pb_strdup(path);
        if (!*file)
            return pb_fail_memory(error, strlen(path), "a path");
        if (is_folder)
            PB_TRY(pb_file_is_there(&there, *file, error));
        if (there)
            return PB_OK;
    }
    return pb_fail(error, PB_IO, "%s: no LoRA: neither %s nor %s is there%s", path, names[0],
                   names[1], pb_weights_in(path).text);
}

/* adapter_config.json beside a file that is PEFT's by its name or by what is in it. */
static pb_status find_config(pb_lora_file *f, pb_error *error)
{
    const char *name = pb_last_name(f->path);
    bool is_peft = !strncmp(name, "adapter_model.", 14), there;

    for (size_t i = 0; !is_peft && i < pb_weights_count(f->weights); i++)
        is_peft = !strncmp(pb_weights_at(f->weights, i)->name, "base_model.model.", 17);
    if (!is_peft)
        return PB_OK;
    f->config = pb_sprintf("%.*sadapter_config.json", (int)(name - f->path), f->path);
    if (!f->config)
        return pb_fail_memory(error, strlen(f->path), "a path");
    PB_TRY(pb_file_is_there(&there, f->config, error));
    if (!there) {
        pb_free(f->config);
        f->config = NULL;
    }
    return PB_OK;
}

pb_status pb_loras_open(pb_loras *loras, const pb_model_options *o, pb_error *error)
{
    if (!o->lora_count)
        return PB_OK;
    PB_NEED(o->loras, "a list of LoRAs");
    loras->files = pb_calloc(o->lora_count, sizeof *loras->files);
    if (!loras->files)
        return pb_fail_memory(error, o->lora_count * sizeof *loras->files, "a list of LoRAs");
    for (; loras->count < o->lora_count;) {
        const pb_lora *given = &o->loras[loras->count];
        pb_lora_file *f = &loras->files[loras->count++];
        PB_NEED(given->path && *given->path, "a LoRA's path");
        if (!isfinite(given->weight) || !isfinite((float)given->weight))
            return pb_fail(error, PB_INVALID, "%s: a LoRA's weight of %g: expected a finite number",
                           given->path, given->weight);
        f->weight = given->weight;
        PB_TRY(find_file(&f->path, given->path, error));
        if (pb_ends_with(f->path, ".json"))
            return pb_fail(error, PB_UNSUPPORTED, "%s: a LoRA of several files is not read",
                           f->path);
        PB_TRY(pb_weights_open(&f->weights, f->path, error));
        PB_TRY(find_config(f, error));
        f->info = (pb_lora_info){.path = f->path, .weight = f->weight};
    }
    return PB_OK;
}

/* -- merging ---------------------------------------------------------------------------------- */

/* Work on one model. */
typedef struct work {
    pb_model_files *files;
    pb_lora_target targets[PB_ROLES];   /* those that a LoRA asked for */
    pb_lora_tensors *tensors[PB_ROLES]; /* of each layer of these, of the LoRA at hand */
} work;

static void clear_tensors(work *w)
{
    for (pb_role role = 0; role < PB_ROLES; role++) {
        pb_free(w->tensors[role]);
        w->tensors[role] = NULL;
    }
}

/* What LoRAs are read for is a network that attends to text. */
static pb_status check_model(const pb_lora_target *unet, const pb_lora_file *f, const char *model,
                             pb_error *error)
{
    for (size_t i = 0; i < unet->count; i++)
        if (strstr(unet->layers[i].flat, "_attn2_"))
            return PB_OK;
    return pb_fail(
        error, PB_INVALID,
        "%s: a LoRA for %s, which reads no text: expected Stable Diffusion 1.x, 2.x or XL", f->path,
        model);
}

/* A part's target and its tensors of this LoRA; NULL: the model has no such part. */
static pb_status open_target(const pb_lora_target **out, work *w, pb_role role, pb_error *error)
{
    const pb_part *part = &w->files->parts[role];
    pb_lora_target *t = &w->targets[role];

    *out = NULL;
    if (!pb_part_is_there(part))
        return PB_OK;
    if (!t->weights)
        PB_TRY(pb_lora_target_open(t, part, role, error));
    if (!w->tensors[role]) {
        w->tensors[role] = pb_calloc(t->count, sizeof **w->tensors);
        if (!w->tensors[role])
            return pb_fail_memory(error, t->count * sizeof **w->tensors, "a list of layers");
    }
    *out = t;
    return PB_OK;
}

static pb_status add_unmatched(pb_lora_file *f, const pb_stored *t, const char *why,
                               pb_error *error)
{
    pb_lora_info *info = &f->info;

    if (info->unmatched_count == f->unmatched_room) {
        char **grown =
            pb_grow(f->unmatched, info->unmatched_count, &f->unmatched_room, sizeof *grown);
        if (!grown)
            return pb_fail_memory(error, 2 * f->unmatched_room * sizeof *grown, "a list of names");
        f->unmatched = grown;
        info->unmatched = (const char *const *)f->unmatched;
    }
    f->unmatched[info->unmatched_count] = pb_sprintf("%s%s", t->name, why);
    if (!f->unmatched[info->unmatched_count])
        return pb_fail_memory(error, strlen(t->name), "a name");
    info->unmatched_count++;
    return PB_OK;
}

/* The layer of a path in the part that a name says, or in either that it may mean. *role, *layer:
 * which; SIZE_MAX: none, and *why. */
static pb_status find_layer(pb_role *role, size_t *layer, const char **why, work *w,
                            const char *path, bool any, pb_error *error)
{
    const pb_lora_target *t;

    *layer = SIZE_MAX;
    *why = "";
    for (int i = 0; i < (any ? 2 : 1) && *layer == SIZE_MAX; i++) {
        *role = i ? PB_ROLE_TEXT_ENCODER : *role;
        PB_TRY(open_target(&t, w, *role, error));
        if (t)
            *layer = pb_lora_target_find(t, path);
        if (!t && !any)
            *why = " (the model has no such part)";
        else if (t && *layer == SIZE_MAX && pb_lora_target_left(t, path))
            *why = " (of the text encoder's last layer, which Stable Diffusion 2.x does not use)";
    }
    return PB_OK;
}

/* Sorts a tensor in. *known: is it one of a LoRA, whatever the model? */
static pb_status take(work *w, pb_lora_file *f, const pb_stored *t, bool *known, pb_error *error)
{
    const pb_stored **place;
    const char *why;
    pb_lora_key key;
    size_t layer;

    *known = pb_lora_key_read(&key, t->name);
    if (!*known)
        return PB_OK;
    PB_TRY(find_layer(&key.role, &layer, &why, w, key.path, key.any, error));
    if (layer == SIZE_MAX)
        return add_unmatched(f, t, why, error);
    place = &w->tensors[key.role][layer].of[key.slot];
    if (*place)
        return pb_fail(error, PB_FORMAT, "%s: tensors %s and %s are the same of one layer", f->path,
                       pb_quote((*place)->name).text, pb_quote(t->name).text);
    *place = t;
    return PB_OK;
}

/* A tensor whose ending is none of a LoRA's: where what is before one of its dots names a layer, it
 * would change that in a way that is not known. */
static pb_status check_strange(work *w, pb_lora_file *f, const pb_stored *t, pb_error *error)
{
    char path[PB_NAME], *dot;
    const char *why;
    pb_role role;
    size_t layer;
    bool any;

    if (snprintf(path, sizeof path, "%s", pb_lora_part(t->name, &any, &role)) >= PB_NAME)
        return add_unmatched(f, t, "", error);
    while ((dot = strrchr(path, '.')) != NULL) {
        *dot = '\0';
        PB_TRY(find_layer(&role, &layer, &why, w, path, any, error));
        if (layer != SIZE_MAX)
            return pb_fail(
                error, PB_UNSUPPORTED,
                "%s: tensor %s: expected a factor of a LoRA, alpha or a difference (diff, "
                "diff_b) for the layer %s, found something else",
                f->path, pb_quote(t->name).text, w->targets[role].layers[layer].weight->name);
    }
    return add_unmatched(f, t, "", error);
}

/* Refuses by its name what is another kind of file. */
static pb_status refuse(const pb_lora_file *f, pb_error *error)
{
    for (size_t i = 0; i < pb_weights_count(f->weights); i++) {
        const char *other = pb_lora_other(pb_weights_at(f->weights, i)->name);
        if (other)
            return pb_fail(
                error, PB_UNSUPPORTED,
                "%s: expected a LoRA of Stable Diffusion, and of no other kind, found %s", f->path,
                other);
    }
    return PB_OK;
}

static pb_status sort_tensors(work *w, pb_lora_file *f, pb_error *error)
{
    const size_t count = pb_weights_count(f->weights);
    size_t known_count = 0;
    bool known;

    for (size_t i = 0; i < count; i++) {
        PB_TRY(take(w, f, pb_weights_at(f->weights, i), &known, error));
        known_count += known;
        if (!known && pb_weights_at(f->weights, i)->dtype != PB_INTEGER)
            PB_TRY(check_strange(w, f, pb_weights_at(f->weights, i), error));
    }
    return known_count ? PB_OK
                       : pb_fail(error, PB_UNSUPPORTED,
                                 "%s: no LoRA: expected tensors as lora_unet_….lora_down.weight or "
                                 "unet.….lora_A.weight, found none of them among %zu%s%s",
                                 f->path, count, count ? ", the first being " : "",
                                 count ? pb_quote(pb_weights_at(f->weights, 0)->name).text : "");
}

static size_t *count_of(pb_lora_info *info, pb_role role)
{
    return role == PB_ROLE_UNET           ? &info->unet_layers
           : role == PB_ROLE_TEXT_ENCODER ? &info->text_encoder_layers
                                          : &info->text_encoder_2_layers;
}

static pb_status add_layer(pb_lora_target *t, pb_lora_file *f, const pb_lora_layer *layer,
                           const pb_lora_tensors *tensors, const pb_lora_rules *rules,
                           pb_error *error)
{
    const pb_stored *alpha = tensors->of[PB_LORA_ALPHA];
    pb_lora_info *info = &f->info;
    size_t rank;

    if (!pb_lora_is_there(tensors))
        return alpha ? add_unmatched(f, alpha, " (without factors)", error) : PB_OK;
    PB_TRY(pb_lora_layer_add(t, layer, tensors, rules, f->weight, &rank, error));
    ++*count_of(info, t->role);
    if (rank && (!info->rank_least || rank < info->rank_least))
        info->rank_least = rank;
    info->rank_most = rank > info->rank_most ? rank : info->rank_most;
    return PB_OK;
}

static pb_status add_layers(work *w, pb_lora_file *f, const pb_lora_rules *rules, pb_error *error)
{
    for (pb_role role = 0; role < PB_ROLES; role++)
        for (size_t i = 0; w->tensors[role] && i < w->targets[role].count; i++)
            PB_TRY(pb_lora_check_context(&w->targets[role].layers[i], &w->tensors[role][i], error));
    for (pb_role role = 0; role < PB_ROLES; role++)
        for (size_t i = 0; w->tensors[role] && i < w->targets[role].count; i++)
            PB_TRY(add_layer(&w->targets[role], f, &w->targets[role].layers[i],
                             &w->tensors[role][i], rules, error));
    return PB_OK;
}

static pb_status add_file(work *w, pb_lora_file *f, pb_error *error)
{
    const pb_lora_info *info = &f->info;
    const pb_lora_target *unet;
    pb_lora_rules rules;
    pb_status status;

    clear_tensors(w);
    PB_TRY(open_target(&unet, w, PB_ROLE_UNET, error));
    PB_TRY(check_model(unet, f, w->files->folder, error));
    PB_TRY(refuse(f, error));
    PB_TRY(sort_tensors(w, f, error));
    status = pb_lora_rules_read(&rules, f->config, f->path, f->weights, error);
    if (status == PB_OK)
        status = add_layers(w, f, &rules, error);
    pb_lora_rules_clear(&rules);
    if (status == PB_OK &&
        info->unet_layers + info->text_encoder_layers + info->text_encoder_2_layers == 0)
        status = pb_fail(error, PB_INVALID,
                         "%s: of %zu tensors of a LoRA none fits %s: it is of another network, say "
                         "XL's where this is 1.x (%s …)",
                         f->path, pb_weights_count(f->weights), w->files->folder,
                         pb_quote(info->unmatched_count ? info->unmatched[0] : "").text);
    return status;
}

/* The parts with something added read it from now on. */
static pb_status give(work *w, const pb_loras *loras, pb_error *error)
{
    pb_weights **sources = pb_calloc(loras->count, sizeof *sources);
    pb_status status =
        sources ? PB_OK : pb_fail_memory(error, loras->count * sizeof *sources, "a list of LoRAs");

    for (size_t i = 0; sources && i < loras->count; i++)
        sources[i] = loras->files[i].weights;
    for (pb_role role = 0; status == PB_OK && role < PB_ROLES; role++) {
        const pb_lora_target *t = &w->targets[role];
        pb_weights *with;
        if (!t->added_count)
            continue;
        status = pb_weights_add(&with, t->weights, t->added_count, t->added, loras->count, sources,
                                error);
        if (status == PB_OK) {
            pb_weights_free(w->files->parts[role].selected);
            w->files->parts[role].selected = with;
        }
    }
    pb_free(sources);
    return status;
}

pb_status pb_loras_merge(pb_loras *loras, pb_model_files *files, pb_error *error)
{
    work w = {.files = files};
    pb_status status = PB_OK;

    for (size_t i = 0; status == PB_OK && i < loras->count; i++)
        status = add_file(&w, &loras->files[i], error);
    if (status == PB_OK && loras->count)
        status = give(&w, loras, error);
    clear_tensors(&w);
    for (pb_role role = 0; role < PB_ROLES; role++)
        pb_lora_target_close(&w.targets[role]);
    return status;
}
