/* What determines an item, as the JSON whose hash is its key. */
#include <string.h>

#include "base/ending.h"

#include "picture/photo.h"
#include "session/session.h"
#include "study/plan/plan.h"
#include <pullback/version.h>

pb_study_point pb_plan_point(const pb_study_plan *p, size_t model, size_t timestep)
{
    size_t here = p->models[model].grid[timestep], last = p->options->steps - 1;

    return (pb_study_point){p->options->fix == PB_FIX_X ? last : here,
                            p->options->fix == PB_FIX_T ? last : here};
}

size_t pb_plan_boost(const pb_study_plan *p, size_t model)
{
    const pb_study_options *o = p->options;

    if (o->boost <= 0)
        return SIZE_MAX;
    return pb_grid_nearest(pb_schedule_length(p->models[model].studio.schedule), o->steps,
                           o->boost);
}

/* What decides which part of a photo is taken: of a face also what finds it and where it goes. */
static json_t *crop_spec(const pb_study_options *o, const pb_model_info *info, const char *image)
{
    const pb_crop crop = pb_crop_for(o->crop, &info->recommended);
    const char *detector = pb_face_detector();

    if (crop.kind == PB_CROP_FACE)
        return pb_has_ending(image, ".npy")
                   ? json_null()
                   : json_pack("{s:s, s:f, s:f, s:f}", "face", detector ? detector : "none", "x",
                               crop.where.x, "y", crop.where.y, "size", crop.where.size);
    return pb_study_crop(&crop);
}

static json_t *source_spec(const pb_study_plan *p, const pb_model_info *info, size_t sample)
{
    const pb_study_options *o = p->options;

    if (!o->image_count)
        return json_pack("{s:I}", "seed", (json_int_t)(o->seed + sample));
    return json_pack("{s:s, s:s, s:o, s:b, s:b}", "image", p->images[sample], "fit",
                     pb_fit_name(o->crop.fit), "crop", crop_spec(o, info, o->images[sample]),
                     "direct", o->direct, "latents", o->latents);
}

/* What determines x_t: the model with its schedule, the sample, the grid and the route. */
static json_t *origin_spec(const pb_study_plan *p, const pb_item *item)
{
    const pb_study_options *o = p->options;
    const pb_study_model *m = &p->models[item->model];
    json_t *spec =
        json_pack("{s:s, s:s, s:s, s:i, s:o, s:I, s:I, s:I}", "version", PB_VERSION_STRING, "model",
                  m->hash, "schedule", m->digest, "class", o->class_label, "source",
                  source_spec(p, m->studio.info, item->sample), "steps", (json_int_t)o->steps,
                  "height", (json_int_t)m->height, "width", (json_int_t)m->width);

    if (spec && m->studio.info->context_width)
        json_object_set_new(spec, "prompt", json_string(pb_study_prompt(o, p->conditions)));
    if (spec && o->guidance_scale != 1)
        json_object_update_new(
            spec, json_pack("{s:s?, s:f}", "negative_prompt",
                            pb_study_prompts_of(o, m->studio.info, p->conditions).negative_prompt,
                            "guidance_scale", o->guidance_scale));
    if (spec && m->studio.info->pooled_width)
        json_object_set_new(spec, "sizes", json_string(pb_sizes_write(&m->sizes).text));
    if (spec && *p->costs)
        json_object_set_new(spec, "costs", json_string(p->costs));
    return spec;
}

static void add_trajectory(json_t *spec, const pb_study_plan *p, const pb_item *item)
{
    json_t *points = json_array();

    for (size_t i = 0; i < p->timesteps; i++)
        json_array_append_new(points, json_integer((json_int_t)p->models[item->model].grid[i]));
    json_object_set_new(spec, "kind", json_string("trajectory"));
    json_object_set_new(spec, "points", points);
}

/* With the grid point where its steps begin to be stochastic, or -1. */
static void add_picture(json_t *spec, const pb_study_plan *p, const pb_item *item)
{
    size_t boost = pb_plan_boost(p, item->model);

    json_object_set_new(spec, "kind", json_string("picture"));
    json_object_set_new(spec, "boost", json_integer(boost == SIZE_MAX ? -1 : (json_int_t)boost));
}

static void add_basis(json_t *spec, const pb_study_plan *p, const pb_item *item)
{
    const pb_study_options *o = p->options;
    pb_study_point at = pb_plan_point(p, item->model, item->timestep);

    if (p->models[item->model].studio.info->context_width)
        json_object_set_new(spec, "edit_prompt", json_string(pb_study_prompt(o, item->condition)));
    if (o->guided)
        json_object_set_new(spec, "guided", json_true());
    json_object_update_new(
        spec,
        json_pack("{s:s, s:I, s:I, s:s, s:s, s:I, s:f, s:s, s:s, s:s, s:n, s:i}", "kind", "basis",
                  "x", (json_int_t)at.x, "time", (json_int_t)at.time, "from", o->from, "to", o->to,
                  "rank", (json_int_t)o->rank, "tol", o->tolerance, "method", "krylov", "precision",
                  "fp32", "start", "random 0", "mask", "null_rank", 0));
}

json_t *pb_item_spec(const pb_study_plan *p, const pb_item *item)
{
    static void (*const add[])(json_t *, const pb_study_plan *,
                               const pb_item *) = {add_trajectory, add_picture, add_basis};
    json_t *spec = origin_spec(p, item);

    if (spec)
        add[item->kind](spec, p, item);
    return spec;
}
