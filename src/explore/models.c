#include "explore/models.h"

#include <math.h>

#include <pullback/session.h>

#include "studio/facts.h"
#include "studio/inventory.h"

static json_t *taps_of(const pb_model *model)
{
    json_t *taps = json_array();
    const char *name;

    for (size_t i = 0; (name = pb_model_tap(model, i)); i++)
        json_array_append_new(taps, json_string(name));
    return taps;
}

/* Not one that is asked for a class, nor one of latents whose pictures nobody knows. */
static int can_be_shown(const pb_model *model)
{
    const pb_model_info *info = pb_model_get_info(model);
    pb_error why;

    return !info->class_conditional && (!info->latent || pb_facts_factor(model, &why));
}

/* The t that is taken where none is given. */
static double usual_t(const pb_model *model)
{
    pb_point point = PB_POINT_EMPTY;
    pb_session *session;
    pb_error why;

    if (pb_session_new(&session, model, &why) == PB_OK)
        pb_session_time(session, NULL, &point, NULL, &why);
    pb_session_free(session);
    return point.t;
}

static json_t *describe(const char *name, const pb_model *model)
{
    const pb_model_info *info = pb_model_get_info(model);
    const pb_recommended *r = &info->recommended;
    pb_error why;
    size_t factor = info->latent ? pb_facts_factor(model, &why) : 1;

    return json_pack("{s:s, s:b, s:b, s:I, s:I, s:f, s:b, s:o}", "name", name, "latent",
                     info->latent, "text", info->context_width > 0, "width",
                     (json_int_t)(factor * info->sample_width), "height",
                     (json_int_t)(factor * info->sample_height), "t", usual_t(model), "faces",
                     !isnan(r->face_size), "taps", taps_of(model));
}

json_t *pb_explorer_models(const GPtrArray *names)
{
    json_t *models = json_array();

    for (guint i = 0; i < names->len; i++) {
        pb_holding h;
        if (pb_holding_open(&h, names->pdata[i], NULL) == PB_OK && h.model && can_be_shown(h.model))
            json_array_append_new(models, describe(names->pdata[i], h.model));
        pb_holding_close(&h);
    }
    return models;
}
