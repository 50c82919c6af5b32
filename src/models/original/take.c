#include "models/original/take.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/plain.h"
#include "io/json.h"

pb_status pb_original_open(pb_original *o, const char *path, pb_error *error)
{
    *o = (pb_original){.path = path};
    PB_TRY(pb_weights_open(&o->weights, path, error));
    o->taken = pb_calloc(pb_weights_count(o->weights) + 1, sizeof *o->taken);
    return o->taken ? PB_OK : pb_fail_memory(error, pb_weights_count(o->weights), path);
}

void pb_original_close(pb_original *o)
{
    pb_weights_free(o->weights);
    pb_free(o->taken);
    pb_free(o->inferred);
    json_decref(o->yaml);
    *o = (pb_original){0};
}

const pb_stored *pb_original_find(const pb_original *o, const char *format, ...)
{
    char name[PB_NAME];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return pb_weights_find(o->weights, name);
}

bool pb_original_has(const pb_original *o, const char *beginning)
{
    for (size_t i = 0; i < pb_weights_count(o->weights); i++)
        if (!strncmp(pb_weights_at(o->weights, i)->name, beginning, strlen(beginning)))
            return true;
    return false;
}

pb_status pb_original_note(pb_original *o, pb_error *error, const char *format, ...)
{
    char line[400], *longer;
    va_list arguments;

    va_start(arguments, format);
    pb_plain_vprint(line, sizeof line, format, arguments);
    va_end(arguments);
    longer = o->inferred ? pb_sprintf("%s\n%s", o->inferred, line) : pb_strdup(line);
    if (!longer)
        return pb_fail_memory(error, sizeof line, "a note");
    pb_free(o->inferred);
    o->inferred = longer;
    return PB_OK;
}

size_t pb_size_of(const pb_weights *weights, size_t dimension, const char *format, ...)
{
    char name[PB_NAME];
    const pb_stored *t;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    t = pb_weights_find(weights, name);
    return t && dimension < t->rank ? t->shape[dimension] : 0;
}

pb_status pb_original_read_config(json_t **config, const char *path, pb_error *error)
{
    struct stat info;

    *config = NULL;
    if (stat(path, &info) == 0)
        return pb_json_read(config, path, (size_t)16 << 20, PB_JSON_INFINITY, error);
    return errno == ENOENT || errno == ENOTDIR ? PB_OK : pb_fail_system(error, path, NULL);
}

pb_status pb_original_config(json_t **config, const pb_original *o, pb_role role, pb_error *error)
{
    pb_status status;
    char *path;

    *config = NULL;
    if (!o->configs)
        return PB_OK;
    path = pb_sprintf("%s/%s/%s", o->configs, pb_role_name(role),
                      role == PB_ROLE_SCHEDULER ? "scheduler_config.json" : "config.json");
    if (!path)
        return pb_fail_memory(error, strlen(o->configs) + 64, "a path");
    status = pb_original_read_config(config, path, error);
    pb_free(path);
    return status;
}

/* -- taking ---------------------------------------------------------------------------------- */

typedef struct list {
    pb_selected *items;
    size_t count, room;
} list;

static pb_status add(list *l, const pb_stored *stored, const char *name, pb_error *error)
{
    if (l->count == l->room) {
        pb_selected *grown = pb_grow(l->items, l->count, &l->room, sizeof *grown);
        if (!grown)
            return pb_fail_memory(error, 2 * l->room * sizeof *grown, "a list of tensors");
        l->items = grown;
    }
    l->items[l->count] = (pb_selected){.name = pb_strdup(name), .stored = stored};
    if (!l->items[l->count].name)
        return pb_fail_memory(error, strlen(name), "a name");
    l->count++;
    return PB_OK;
}

/* The three that lie one behind the other in OpenCLIP's in_proj_weight (3 C, C) and in_proj_bias
 * (3 C). *found: is it one of these? */
static pb_status add_fused(list *l, const pb_stored *t, const char *name, const pb_naming *naming,
                           bool *found, pb_error *error)
{
    static const char fused[] = ".attn.in_proj_", layers[] = "transformer.resblocks.";
    static const char *const parts[] = {"q", "k", "v"};
    const char *at = strstr(name, fused), *number = name + strlen(layers);
    char to[PB_NAME];
    size_t i;

    *found = at && !strncmp(name, layers, strlen(layers)) && pb_name_number(&number, &i) &&
             i < naming->layers && t->rank >= 1 && t->rank <= 2 && t->shape[0] % 3 == 0;
    for (size_t part = 0; *found && part < 3; part++) {
        pb_selected *s;
        snprintf(to, sizeof to, "text_model.encoder.layers.%zu.self_attn.%s_proj.%s", i,
                 parts[part], at + strlen(fused));
        PB_TRY(add(l, t, to, error));
        s = &l->items[l->count - 1];
        s->rank = t->rank;
        memcpy(s->shape, t->shape, sizeof s->shape);
        s->shape[0] /= 3;
        s->first = part * (t->count / 3);
    }
    return PB_OK;
}

/* OpenCLIP's text_projection (W, P) as the weight (P, W) of a linear layer. */
static pb_status add_projection(list *l, const pb_stored *t, const char *name,
                                const pb_naming *naming, bool *found, pb_error *error)
{
    pb_selected *s;

    *found = naming->projected && !strcmp(name, "text_projection") && t->rank == 2;
    if (!*found)
        return PB_OK;
    PB_TRY(add(l, t, "text_projection.weight", error));
    s = &l->items[l->count - 1];
    s->rank = 2;
    s->shape[0] = t->shape[1];
    s->shape[1] = t->shape[0];
    s->layout =
        (pb_layout){.rank = 2, .shape = {t->shape[1], t->shape[0]}, .stride = {1, t->shape[1]}};
    return PB_OK;
}

static pb_status take_all(list *l, pb_original *o, const char *prefix, pb_translation *translate,
                          const pb_naming *naming, pb_error *error)
{
    char to[PB_NAME];
    bool found;

    for (size_t i = 0; i < pb_weights_count(o->weights); i++) {
        const pb_stored *t = pb_weights_at(o->weights, i);
        const char *name = t->name + strlen(prefix);
        if (o->taken[i] || t->dtype == PB_INTEGER || strncmp(t->name, prefix, strlen(prefix)))
            continue;
        found = translate(to, name, naming);
        if (found)
            PB_TRY(add(l, t, to, error));
        else if (translate == pb_open_clip_name)
            PB_TRY((strcmp(name, "text_projection") ? add_fused : add_projection)(
                l, t, name, naming, &found, error));
        o->taken[i] = found;
    }
    return PB_OK;
}

pb_status pb_original_take(pb_part *part, pb_original *o, const char *prefix,
                           pb_translation *translate, const pb_naming *naming, pb_error *error)
{
    list l = {0};
    pb_status status = take_all(&l, o, prefix, translate, naming, error);

    if (status == PB_OK && l.count == 0)
        status = pb_fail(error, PB_FORMAT, "%s: %s…: expected tensors of numbers, found none",
                         o->path, prefix);
    if (status == PB_OK)
        status = pb_weights_select(&part->selected, o->weights, l.count, l.items, error);
    else
        for (size_t i = 0; i < l.count; i++)
            pb_free(l.items[i].name);
    pb_free(l.items);
    return status;
}

/* -- the rest -------------------------------------------------------------------------------- */

/* What training leaves: the schedule's tables, averages of the weights, what computes losses; and
 * what of a text encoder prompts do not need. A * at the end: whatever follows. */
static bool is_harmless(const char *name)
{
    static const char *const known[] = {
        "model_ema.*",
        "alphas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "betas",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
        "posterior_variance",
        "lvlb_weights",
        "logvar",
        "scale_factor",
        "global_step",
        "sigmas",
        "log_sigmas",
        "model.sigmas",
        "model.log_sigmas",
        "denoiser.*",
        "loss.*",
        "first_stage_model.loss.*",
        "first_stage_model.model_ema.*",
        "first_stage_model.logvar",
        "cond_stage_model.logit_scale",
        "cond_stage_model.transformer.text_projection.weight",
        "cond_stage_model.model.logit_scale",
        "cond_stage_model.model.text_projection",
        "cond_stage_model.model.attn_mask",
        "conditioner.embedders.0.logit_scale",
        "conditioner.embedders.0.text_projection",
        "conditioner.embedders.0.text_projection.weight",
        "conditioner.embedders.0.transformer.logit_scale",
        "conditioner.embedders.0.transformer.text_projection.weight",
        "conditioner.embedders.1.model.logit_scale",
        "conditioner.embedders.1.model.attn_mask",
        "v_pred", /* which schedule.c reads */
        "ztsnr",
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t n = strlen(known[i]);
        if (known[i][n - 1] == '*' ? !strncmp(name, known[i], n - 1) : !strcmp(name, known[i]))
            return true;
    }
    return pb_ends_with(name, "position_ids");
}

pb_status pb_original_check_rest(const pb_original *o, pb_error *error)
{
    const char *first = NULL;
    size_t more = 0;

    for (size_t i = 0; i < pb_weights_count(o->weights); i++) {
        const char *name = pb_weights_at(o->weights, i)->name;
        if (o->taken[i] || is_harmless(name))
            continue;
        if (first)
            more++;
        else
            first = name;
    }
    if (!first)
        return PB_OK;
    return more ? pb_fail(error, PB_UNSUPPORTED,
                          "%s: tensor %s and %zu more: expected nothing beside what the parts of "
                          "Stable Diffusion have",
                          o->path, pb_quote(first).text, more)
                : pb_fail(error, PB_UNSUPPORTED,
                          "%s: tensor %s: expected nothing beside what the parts of Stable "
                          "Diffusion have",
                          o->path, pb_quote(first).text);
}
