/* What schedules and predictions are called, and how two paths are known to be the same. */
#include <string.h>

#include "base/memory.h"
#include "diffusion/schedule.h"
#include "io/file.h"

const char *const pb_betas_names[] = {"linear", "scaled_linear", "squaredcos_cap_v2", NULL};
const char *const pb_prediction_names[] = {"epsilon", "v_prediction", "sample", NULL};

const char *pb_prediction_name(pb_prediction prediction)
{
    if (prediction == PB_PREDICTION_VELOCITY) /* of no config that is read */
        return "velocity";
    return (unsigned)prediction < PB_PREDICTION_VELOCITY ? pb_prediction_names[prediction] : NULL;
}

/* Little-endian float32. */
static void put(unsigned char bytes[4], double value)
{
    float rounded = (float)value;
    uint32_t bits;

    memcpy(&bits, &rounded, sizeof bits);
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(bits >> 8 * i);
}

pb_status pb_schedule_name(pb_schedule *s, const char *kind, pb_error *error)
{
    unsigned char *bytes = pb_malloc(s->T, 8);

    if (!bytes)
        return pb_fail_memory(error, 8 * s->T, "a noise schedule");
    for (size_t t = 0; t < s->T; t++) {
        pb_path_point at = pb_path_at(s, (double)t);
        put(bytes + 8 * t, at.signal);
        put(bytes + 8 * t + 4, at.noise);
    }
    pb_sha256(bytes, 8 * s->T, s->hash);
    pb_free(bytes);
    s->kind = kind;
    return PB_OK;
}

const char *pb_schedule_kind(const pb_schedule *schedule)
{
    return schedule->kind;
}

const char *pb_schedule_hash(const pb_schedule *schedule)
{
    return schedule->hash;
}
