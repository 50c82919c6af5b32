#include "models/original/take.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/plain.h"
#include "io/file.h"
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
    bool there;

    *config = NULL;
    PB_TRY(pb_file_is_there(&there, path, error));
    return there ? pb_json_read(config, path, (size_t)16 << 20, PB_JSON_INFINITY, error) : PB_OK;
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

struct pb_taking {
    pb_selected *items;
    size_t count, room;
};

pb_status pb_taking_add(pb_taking *l, const pb_stored *stored, const char *name,
                        pb_selected **added, pb_error *error)
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
    if (added)
        *added = &l->items[l->count];
    l->count++;
    return PB_OK;
}

static pb_status take_all(pb_taking *l, pb_original *o, const char *prefix,
                          pb_translation *translate, pb_remaking *remake, const pb_naming *naming,
                          pb_error *error)
{
    char to[PB_NAME];
    bool found;

    for (size_t i = 0; i < pb_weights_count(o->weights); i++) {
        const pb_stored *t = pb_weights_at(o->weights, i);
        const char *name = t->name + strlen(prefix);
        if (o->taken[i] || t->dtype == PB_INTEGER || strncmp(t->name, prefix, strlen(prefix)))
            continue;
        found = false;
        if (remake)
            PB_TRY(remake(l, t, name, naming, &found, error));
        if (!found && translate(to, name, naming)) {
            PB_TRY(pb_taking_add(l, t, to, NULL, error));
            found = true;
        }
        o->taken[i] = found;
    }
    return PB_OK;
}

pb_status pb_original_take(pb_part *part, pb_original *o, const char *prefix,
                           pb_translation *translate, pb_remaking *remake, const pb_naming *naming,
                           pb_error *error)
{
    pb_taking l = {0};
    pb_status status = take_all(&l, o, prefix, translate, remake, naming, error);

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

pb_status pb_original_check_rest(const pb_original *o, const char *prefix, const char *family,
                                 pb_error *error)
{
    const size_t n = strlen(prefix);
    const char *first = NULL;
    char more[40] = "";
    size_t rest = 0;

    for (size_t i = 0; i < pb_weights_count(o->weights); i++) {
        const char *name = pb_weights_at(o->weights, i)->name;
        if (o->taken[i] || is_harmless(name) ||
            (!strncmp(name, prefix, n) && is_harmless(name + n)))
            continue;
        first = first ? first : name;
        rest++;
    }
    if (rest > 1)
        snprintf(more, sizeof more, " and %zu more", rest - 1);
    return rest ? pb_fail(error, PB_UNSUPPORTED,
                          "%s: tensor %s%s: expected nothing beside what %s has", o->path,
                          pb_quote(first).text, more, family)
                : PB_OK;
}
