/* Does a basis go with a model? */
#include <pullback/basis.h>

#include <string.h>

#include "basis/agree.h"
#include "basis/check.h"
#include "map/inputs.h"

/* The directions of one side (none: all is well) against the tap they are at. height 0: of images
 * of any size, which settles the channels only. */
static pb_status check_tap(const char *name, const pb_tensor *directions, const char *tap,
                           const pb_model *model, size_t height, size_t width, pb_error *error)
{
    size_t least = pb_model_get_info(model)->size_least, shape[3];
    const size_t *found = directions->shape + 1;

    PB_TRY(pb_model_tap_shape(model, tap, height ? height : least, height ? width : least, shape,
                              error));
    if (!directions->data)
        return PB_OK;
    if (!height && found[0] != shape[0])
        return pb_fail(error, PB_INVALID, "%s of %zu channels: the tap %s has %zu", name, found[0],
                       tap, shape[0]);
    if (height && memcmp(found, shape, sizeof shape) != 0)
        return pb_fail(error, PB_INVALID,
                       "%s of %zu x %zu x %zu: the tap %s of images of %zu x %zu has %zu x %zu x "
                       "%zu",
                       name, found[0], found[1], found[2], tap, height, width, shape[0], shape[1],
                       shape[2]);
    return PB_OK;
}

/* Does the network predict what it did for the basis, along the same schedule? */
static pb_status check_schedule(const pb_basis *b, const pb_model *model, pb_error *error)
{
    const pb_schedule *s = pb_model_schedule(model);
    const pb_basis own = {.prediction = (char *)pb_prediction_name(pb_schedule_prediction(s)),
                          .schedule = (char *)pb_schedule_kind(s),
                          .schedule_hash = (char *)pb_schedule_hash(s)};

    return pb_basis_agrees(b, &own, error);
}

pb_status pb_basis_compatible(const pb_basis *b, const pb_model *model, size_t height, size_t width,
                              pb_error *error)
{
    const pb_model_info *info;
    pb_condition condition = PB_CONDITION_DEFAULTS;
    const size_t *x;

    PB_NEED(b, "a basis");
    PB_NEED(model, "a model");
    info = pb_model_get_info(model);
    condition.timestep = b->timestep;
    condition.class_label = b->class_label;
    x = b->x.shape;
    PB_TRY(pb_basis_check_parts(b, error));
    PB_TRY(pb_condition_check(model, &condition, error));
    PB_TRY(check_schedule(b, model, error));
    if (b->guided && !info->context_width)
        return pb_fail(error, PB_INVALID, "a guided map, of a network that reads no text");
    if (!b->samples) {
        if (x[0] != info->in_channels)
            return pb_fail(error, PB_INVALID, "a point of %zu channels: the network takes %zu",
                           x[0], info->in_channels);
        if (height && (x[1] != height || x[2] != width))
            return pb_fail(error, PB_INVALID, "a point of %zu x %zu: the images have %zu x %zu",
                           x[1], x[2], height, width);
        height = x[1];
        width = x[2];
    }
    PB_TRY(check_tap("v", &b->v, b->from, model, height, width, error));
    return check_tap("u", &b->u, b->to, model, height, width, error);
}
