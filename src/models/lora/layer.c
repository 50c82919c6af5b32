#include "models/lora/layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "base/shape.h"
#include "io/json.h"

bool pb_lora_is_there(const pb_lora_tensors *t)
{
    for (pb_lora_slot slot = 0; slot < PB_LORA_SLOTS; slot++)
        if (slot != PB_LORA_ALPHA && t->of[slot])
            return true;
    return false;
}

/* -- checks ----------------------------------------------------------------------------------- */

/* Numbers, of at least `least` dimensions, none of them 0. */
static pb_status check_tensor(const pb_stored *t, size_t least, pb_error *error)
{
    if (t->dtype == PB_INTEGER)
        return pb_fail(error, PB_FORMAT, "%s: tensor %s: expected floating-point numbers, found %s",
                       t->file, pb_quote(t->name).text, t->dtype_name);
    return t->rank >= least && t->count
               ? PB_OK
               : pb_fail(error, PB_FORMAT, "%s: tensor %s: expected a factor, found shape %s",
                         t->file, pb_quote(t->name).text, pb_shape_words(t->rank, t->shape).text);
}

static pb_status fail_fit(const pb_stored *factor, const pb_stored *other, const pb_stored *weight,
                          const char *why, pb_error *error)
{
    const pb_shape_text of_other =
        other ? pb_shape_words(other->rank, other->shape) : (pb_shape_text){""};

    return pb_fail(error, PB_FORMAT,
                   "%s: tensor %s: shape %s%s%s does not fit the weight %s of the model, shape "
                   "%s%s%s",
                   factor->file, pb_quote(factor->name).text,
                   pb_shape_words(factor->rank, factor->shape).text, other ? " with " : "",
                   of_other.text, weight->name, pb_shape_words(weight->rank, weight->shape).text,
                   *why ? ": " : "", why);
}

/* A whole difference. */
static pb_status check_difference(const pb_stored *t, const pb_stored *to, pb_error *error)
{
    PB_TRY(check_tensor(t, 1, error));
    return pb_shape_alike(t->rank, t->shape, to->rank, to->shape)
               ? PB_OK
               : fail_fit(t, NULL, to, "", error);
}

/* Rows of the weight. */
static bool up_fits(const pb_stored *up, const pb_stored *w)
{
    return up->shape[0] == w->shape[0] && up->count == up->shape[0] * up->shape[1];
}

/* Columns of the weight: where it is convolved the window lies in the lower factor, or between the
 * two. */
static bool down_fits(const pb_stored *down, const pb_stored *mid, const pb_stored *w)
{
    if (!mid)
        return pb_shape_alike(down->rank - 1, down->shape + 1, w->rank - 1, w->shape + 1);
    return down->shape[1] == w->shape[1] && down->count == down->shape[0] * down->shape[1] &&
           pb_shape_alike(mid->rank - 2, mid->shape + 2, w->rank - 2, w->shape + 2);
}

static pb_status check_product(const pb_stored *up, const pb_stored *mid, const pb_stored *down,
                               const pb_stored *w, pb_error *error)
{
    PB_TRY(check_tensor(up, 2, error));
    PB_TRY(check_tensor(down, 2, error));
    if (mid)
        PB_TRY(check_tensor(mid, 2, error));
    if (mid ? up->shape[1] != mid->shape[0] || mid->shape[1] != down->shape[0]
            : up->shape[1] != down->shape[0])
        return pb_fail(error, PB_FORMAT,
                       "%s: tensors %s, shape %s, and %s, shape %s: their ranks differ%s", up->file,
                       pb_quote(up->name).text, pb_shape_words(up->rank, up->shape).text,
                       pb_quote(down->name).text, pb_shape_words(down->rank, down->shape).text,
                       mid ? " from those of what is between them" : "");
    if (w->rank < 2 || !up_fits(up, w))
        return fail_fit(up, down, w, "", error);
    return down_fits(down, mid, w) ? PB_OK : fail_fit(down, up, w, "", error);
}

/* "a LoRA of Stable Diffusion XL", by the width of the context. */
static const char *made_for(size_t width)
{
    return width == 768    ? "it is a LoRA of Stable Diffusion 1.x"
           : width == 1024 ? "it is a LoRA of Stable Diffusion 2.x"
           : width == 2048 ? "it is a LoRA of Stable Diffusion XL"
                           : "it is a LoRA of another network";
}

pb_status pb_lora_check_context(const pb_lora_layer *layer, const pb_lora_tensors *tensors,
                                pb_error *error)
{
    const pb_stored *down = tensors->of[PB_LORA_DOWN], *w = layer->weight;

    if (!pb_ends_with(w->name, "attn2.to_k.weight") || !down || down->rank < 2 || w->rank < 2 ||
        down->shape[1] == w->shape[1])
        return PB_OK;
    return fail_fit(down, NULL, w, made_for(down->shape[1]), error);
}

/* -- additions -------------------------------------------------------------------------------- */

static pb_status fail_alone(const pb_stored *there, const char *other, pb_error *error)
{
    return pb_fail(error, PB_FORMAT, "%s: tensor %s: expected its %s factor beside it, found none",
                   there->file, pb_quote(there->name).text, other);
}

static pb_status add_product(pb_lora_target *target, const pb_lora_layer *layer,
                             const pb_lora_tensors *t, const pb_lora_rules *rules, double weight,
                             pb_error *error)
{
    const pb_stored *down = t->of[PB_LORA_DOWN], *up = t->of[PB_LORA_UP], *mid = t->of[PB_LORA_MID];
    const pb_stored *w = layer->weight;
    char name[PB_NAME];
    double scale;

    if (!up || !down)
        return fail_alone(down ? down : up ? up : mid, up ? "lower" : "upper", error);
    PB_TRY(check_product(up, mid, down, w, error));
    snprintf(name, sizeof name, "%.*s", (int)(strlen(w->name) - strlen(".weight")), w->name);
    PB_TRY(pb_lora_scale(&scale, rules, pb_role_name(target->role), name, down->shape[0],
                         t->of[PB_LORA_ALPHA], error));
    scale *= weight;
    if (!isfinite((float)scale))
        return pb_fail(error, PB_FORMAT, "%s: tensor %s: scaled by %g, beyond what float32 holds",
                       down->file, pb_quote(down->name).text, scale);
    return pb_lora_target_add(target, w, (pb_addition){up, mid, down, (float)scale}, error);
}

pb_status pb_lora_layer_add(pb_lora_target *target, const pb_lora_layer *layer,
                            const pb_lora_tensors *t, const pb_lora_rules *rules, double weight,
                            size_t *rank, pb_error *error)
{
    const pb_stored *whole = t->of[PB_LORA_DIFF], *bias = t->of[PB_LORA_DIFF_BIAS];
    pb_addition addition = {.scale = (float)weight};

    *rank = 0;
    if (t->of[PB_LORA_DOWN] || t->of[PB_LORA_UP] || t->of[PB_LORA_MID]) {
        PB_TRY(add_product(target, layer, t, rules, weight, error));
        *rank = t->of[PB_LORA_DOWN]->shape[0];
    }
    if (whole) {
        PB_TRY(check_difference(whole, layer->weight, error));
        addition.down = whole;
        PB_TRY(pb_lora_target_add(target, layer->weight, addition, error));
    }
    if (!bias)
        return PB_OK;
    if (!layer->bias)
        return pb_fail(error, PB_FORMAT,
                       "%s: tensor %s: a bias for a layer of the model without one", bias->file,
                       pb_quote(bias->name).text);
    PB_TRY(check_difference(bias, layer->bias, error));
    addition.down = bias;
    return pb_lora_target_add(target, layer->bias, addition, error);
}
