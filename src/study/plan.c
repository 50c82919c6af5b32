#include "study/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ending.h"
#include "base/legible.h"
#include "base/memory.h"
#include "base/run.h"
#include "io/file.h"
#include "study/folder.h"
#include "study/trajectory.h"

/* -- specifications --------------------------------------------------------------------------- */

/* What decides which part of a photo is taken: of a face also what finds it and where it goes. */
static json_t *crop_spec(const pb_study_options *o, const pb_model_info *info, const char *image)
{
    const pb_crop crop = pb_crop_for(o->crop, &info->recommended);
    const char *detector = pb_face_detector();

    if (crop.kind == PB_CROP_FACE)
        return pb_ends_with(image, ".npy")
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
static json_t *origin_spec(const pb_study_plan *p, size_t model, size_t sample)
{
    const pb_planned_model *m = &p->models[model];
    size_t T = pb_schedule_length(m->schedule);
    double *alpha_bar = pb_malloc(T, sizeof *alpha_bar);
    char digest[65] = "";
    json_t *spec;

    if (!alpha_bar)
        return NULL;
    for (size_t t = 0; t < T; t++)
        alpha_bar[t] = pb_alpha_bar(m->schedule, t);
    pb_sha256(alpha_bar, T * sizeof *alpha_bar, digest);
    pb_free(alpha_bar);
    spec = json_pack("{s:s, s:s, s:s, s:i, s:o, s:I, s:I, s:I}", "version", PB_VERSION, "model",
                     m->hash, "schedule", digest, "class", p->options->class_label, "source",
                     source_spec(p, m->info, sample), "steps", (json_int_t)p->options->steps,
                     "height", (json_int_t)m->height, "width", (json_int_t)m->width);
    if (spec && m->info->context_width)
        json_object_set_new(spec, "prompt",
                            json_string(pb_study_prompt(p->options, p->conditions)));
    if (spec && p->options->guidance_scale != 1)
        json_object_update_new(spec, json_pack("{s:s, s:f}", "negative_prompt",
                                               pb_study_prompt(p->options, p->conditions + 1),
                                               "guidance_scale", p->options->guidance_scale));
    if (spec && p->options->costs) {
        const char *paths[] = {p->options->costs};
        if (pb_file_sha256(1, paths, NULL, digest, NULL) == PB_OK)
            json_object_set_new(spec, "costs", json_string(digest));
    }
    return spec;
}

json_t *pb_trajectory_spec(const pb_study_plan *p, size_t model, size_t sample)
{
    json_t *spec = origin_spec(p, model, sample), *points = json_array();

    for (size_t i = 0; i < p->timesteps; i++)
        json_array_append_new(points, json_integer((json_int_t)p->models[model].grid[i]));
    json_object_set_new(spec, "kind", json_string("trajectory"));
    json_object_set_new(spec, "points", points);
    return spec;
}

/* With the grid point where its steps begin to be stochastic, or -1. */
json_t *pb_picture_spec(const pb_study_plan *p, size_t model, size_t sample)
{
    json_t *spec = origin_spec(p, model, sample);
    size_t boost = pb_trajectory_boost(p, model);

    json_object_set_new(spec, "kind", json_string("picture"));
    json_object_set_new(spec, "boost", json_integer(boost == SIZE_MAX ? -1 : (json_int_t)boost));
    return spec;
}

pb_study_point pb_plan_point(const pb_study_plan *p, size_t model, size_t timestep)
{
    size_t here = p->models[model].grid[timestep], last = p->options->steps - 1;

    return (pb_study_point){p->options->fix == PB_FIX_X ? last : here,
                            p->options->fix == PB_FIX_T ? last : here};
}

json_t *pb_basis_spec(const pb_study_plan *p, size_t model, size_t row, size_t timestep)
{
    const pb_study_options *o = p->options;
    pb_study_point at = pb_plan_point(p, model, timestep);
    json_t *spec = origin_spec(p, model, row / p->conditions);

    if (p->models[model].info->context_width)
        json_object_set_new(spec, "edit_prompt",
                            json_string(pb_study_prompt(o, row % p->conditions)));
    if (o->guided)
        json_object_set_new(spec, "guided", json_true());
    json_object_update_new(
        spec,
        json_pack("{s:s, s:I, s:I, s:s, s:s, s:I, s:f, s:s, s:s, s:s, s:n, s:i}", "kind", "basis",
                  "x", (json_int_t)at.x, "time", (json_int_t)at.time, "from", o->from, "to", o->to,
                  "rank", (json_int_t)o->rank, "tol", o->tolerance, "method", "krylov", "precision",
                  "fp32", "start", "random 0", "mask", "null_rank", 0));
    return spec;
}

/* -- opening ---------------------------------------------------------------------------------- */

/* The model's hash, by the signature of its files if there is a catalogue that remembers it. */
static pb_status find_hash(pb_study_plan *p, pb_planned_model *m, pb_error *error)
{
    char *signature, *known = NULL;
    pb_status status = PB_OK;

    PB_TRY(pb_model_signature(m->model, &signature, error));
    if (p->catalogue)
        status = pb_catalogue_recall(p->catalogue, signature, &known, error);
    if (status == PB_OK && known)
        status = pb_model_set_hash(m->model, known, error);
    if (status == PB_OK)
        status = pb_model_hash(m->model, m->hash, error);
    pb_text_free(signature);
    pb_free(known);
    return status;
}

static pb_status remember_hash(pb_study_plan *p, const pb_planned_model *m, pb_error *error)
{
    char *signature;
    pb_status status;

    PB_TRY(pb_model_signature(m->model, &signature, error));
    status = pb_catalogue_remember(p->catalogue, signature, m->hash, error);
    pb_text_free(signature);
    return status;
}

/* Are there the taps, and as many dimensions in both as the rank? */
static pb_status check_taps(const pb_study_options *o, const pb_planned_model *m, pb_error *error)
{
    const char *const taps[] = {o->from, o->to};
    size_t shape[3], size;

    for (size_t i = 0; i < 2; i++) {
        PB_TRY(pb_model_tap_shape(m->model, taps[i], m->height, m->width, shape, error));
        size = shape[0] * shape[1] * shape[2];
        if (o->rank > size)
            return pb_fail(error, PB_INVALID, "rank %zu: the tap \"%s\" of %s has %zu dimensions",
                           o->rank, taps[i], m->name, size);
    }
    return PB_OK;
}

static const pb_planned_model *labelled(const pb_study_plan *p, const char *label)
{
    for (size_t m = 0; m < p->options->model_count; m++)
        if (p->models[m].label && !strcmp(p->models[m].label, label))
            return &p->models[m];
    return NULL;
}

/* What the model is called in figure and tables: where two folders have one name, "NAME (2)". */
static pb_status find_label(const pb_study_plan *p, pb_planned_model *m, pb_error *error)
{
    const char *path = m->info->path, *slash = strrchr(path, '/');
    char *name = pb_legible(slash && slash[1] ? slash + 1 : path);
    char *label = name ? pb_strdup(name) : NULL;

    for (size_t number = 2; label && labelled(p, label); number++) {
        pb_free(label);
        label = pb_sprintf("%s (%zu)", name, number);
    }
    pb_free(name);
    m->label = label;
    return label ? PB_OK : pb_fail_memory(error, strlen(path), "a label");
}

static pb_status open_model(pb_study_plan *p, pb_planned_model *m, const char *name,
                            pb_error *error)
{
    const pb_model_options options = {.schedule = p->options->schedule};

    m->name = name;
    PB_TRY(pb_model_open_with(&m->model, name, &options, error));
    if (p->options->costs)
        PB_TRY(pb_model_set_costs(m->model, p->options->costs, error));
    m->info = pb_model_get_info(m->model);
    PB_TRY(pb_check_utf8(m->info->path, error));
    m->schedule = pb_model_schedule(m->model);
    m->height = m->info->sample_height;
    m->width = m->info->sample_width;
    PB_TRY(find_label(p, m, error));
    m->grid = pb_malloc(p->timesteps, sizeof *m->grid);
    if (!m->grid)
        return pb_fail_memory(error, p->timesteps * sizeof *m->grid, "a plan");
    for (size_t i = 0; i < p->timesteps; i++)
        m->grid[i] =
            pb_grid_nearest(pb_schedule_length(m->schedule), p->options->steps, pb_plan_t(p, i));
    PB_TRY(check_taps(p->options, m, error));
    PB_TRY(pb_session_new(&m->session, m->model, error));
    PB_TRY(pb_study_embed(p->options, m->info, m->session, &p->run, error));
    PB_TRY(pb_study_attributes(&m->attributes, p->options, m->info, error));
    return find_hash(p, m, error);
}

static pb_status find_key(pb_key *key, json_t *spec, pb_error *error)
{
    if (!spec)
        return pb_fail_memory(error, sizeof *key, "a plan");
    *key = pb_catalogue_key(spec);
    json_decref(spec);
    return PB_OK;
}

static int by_text(const void *a, const void *b)
{
    const pb_key *const *x = a, *const *y = b;
    int order = strcmp((*x)->text, (*y)->text);

    return order ? order : (*x > *y) - (*x < *y);
}

/* Which keys repeat an earlier one. */
static pb_status find_repeated(pb_study_plan *p, pb_error *error)
{
    const pb_key **sorted = pb_malloc(p->keys, sizeof *sorted);

    if (!sorted)
        return pb_fail_memory(error, p->keys * sizeof *sorted, "a plan");
    for (size_t i = 0; i < p->keys; i++)
        sorted[i] = &p->bases[i];
    qsort(sorted, p->keys, sizeof *sorted, by_text);
    p->items = p->keys;
    for (size_t i = 1; i < p->keys; i++)
        if (!strcmp(sorted[i - 1]->text, sorted[i]->text)) {
            p->repeated[sorted[i] - p->bases] = 1;
            p->items--;
        }
    pb_free(sorted);
    return PB_OK;
}

static pb_status find_keys(pb_study_plan *p, pb_error *error)
{
    for (size_t m = 0; m < p->options->model_count; m++) {
        for (size_t s = 0; s < p->samples; s++) {
            size_t i = pb_plan_trajectory(p, m, s);
            PB_TRY(find_key(&p->trajectories[i], pb_trajectory_spec(p, m, s), error));
            if (!p->options->image_count)
                PB_TRY(find_key(&p->pictures[i], pb_picture_spec(p, m, s), error));
        }
        for (size_t r = 0; r < p->rows; r++)
            for (size_t t = 0; t < p->timesteps; t++)
                PB_TRY(find_key(&p->bases[pb_plan_basis(p, m, r, t)], pb_basis_spec(p, m, r, t),
                                error));
    }
    return find_repeated(p, error);
}

/* Everything that is read: nothing has been made yet. */
static pb_status open_sources(pb_study_plan *p, const char *catalogue, pb_error *error)
{
    const pb_study_options *o = p->options;
    pb_status status = PB_OK;

    if (access(catalogue, F_OK) == 0)
        status = pb_catalogue_open(&p->catalogue, catalogue, error);
    for (size_t i = 0; status == PB_OK && i < o->image_count; i++) {
        const char *paths[] = {o->images[i]};
        status = pb_file_sha256(1, paths, NULL, p->images[i], error);
    }
    for (size_t m = 0; status == PB_OK && m < o->model_count; m++)
        status = open_model(p, &p->models[m], o->models[m], error);
    for (size_t m = 1; status == PB_OK && m < o->model_count; m++)
        for (size_t k = 0; status == PB_OK && k < m; k++)
            if (!strcmp(p->models[k].hash, p->models[m].hash))
                status =
                    pb_fail(error, PB_INVALID, "%s and %s are the same model: nothing to compare",
                            o->models[k], o->models[m]);
    return status == PB_OK && !pb_folder_begun(o) ? pb_trajectory_check(p, error) : status;
}

/* The folder, and in it, or elsewhere, the catalogue. */
static pb_status open_outputs(pb_study_plan *p, const char *catalogue, pb_error *error)
{
    int made;
    pb_status status;

    PB_TRY(pb_folder_make(p->options, &made, error));
    status = p->catalogue ? PB_OK : pb_catalogue_open(&p->catalogue, catalogue, error);
    if (status != PB_OK && made)
        rmdir(p->options->folder); /* if it is empty */
    for (size_t m = 0; status == PB_OK && m < p->options->model_count; m++)
        status = remember_hash(p, &p->models[m], error);
    return status;
}

static pb_status make_room(pb_study_plan *p, pb_error *error)
{
    const pb_study_options *o = p->options;
    size_t trajectories = o->model_count * p->samples,
           bases = o->model_count * p->rows * p->timesteps;

    p->keys = bases + (o->image_count ? 0 : trajectories);
    p->models = pb_calloc(o->model_count, sizeof *p->models);
    p->images = pb_calloc(p->samples, sizeof *p->images);
    p->trajectories = pb_calloc(trajectories, sizeof *p->trajectories);
    p->bases = pb_calloc(p->keys, sizeof *p->bases);
    p->repeated = pb_calloc(p->keys, 1);
    if (!p->models || !p->images || !p->trajectories || !p->bases || !p->repeated)
        return pb_fail_memory(error, p->keys * sizeof *p->bases, "a plan");
    p->pictures = p->bases + bases;
    return PB_OK;
}

pb_status pb_study_plan_open(pb_study_plan *p, const pb_study_options *o, const pb_run *run,
                             pb_error *error)
{
    char *catalogue = pb_study_catalogue(o);
    pb_status status;

    p->options = o;
    p->run = *run;
    p->samples = o->image_count ? o->image_count : o->samples;
    p->timesteps = o->timesteps;
    p->conditions = pb_study_conditions(o);
    p->rows = p->samples * p->conditions;
    status = catalogue ? make_room(p, error) : pb_fail_memory(error, 1, "a path");
    if (status == PB_OK)
        status = open_sources(p, catalogue, error);
    if (status == PB_OK)
        status = open_outputs(p, catalogue, error);
    pb_free(catalogue);
    return status == PB_OK ? find_keys(p, error) : status;
}

void pb_study_plan_close(pb_study_plan *p)
{
    for (size_t m = 0; p->models && m < p->options->model_count; m++) {
        pb_session_free(p->models[m].session);
        pb_free(p->models[m].attributes);
        pb_model_free(p->models[m].model);
        pb_free(p->models[m].label);
        pb_free(p->models[m].grid);
    }
    pb_catalogue_close(p->catalogue);
    pb_free(p->models);
    pb_free(p->images);
    pb_free(p->trajectories);
    pb_free(p->bases);
    pb_free(p->repeated);
}

/* What is measured on bases takes its time. */
static pb_status ask(const pb_study_plan *p, pb_error *error)
{
    pb_work work;
    pb_status status;

    PB_TRY(pb_work_begin(&work, &p->run, "measuring", 0, error));
    status = pb_work_ask(&work, error);
    pb_work_end(&work);
    return status;
}

pb_status pb_plan_read(const pb_study_plan *p, size_t model, size_t row, size_t timestep,
                       pb_basis *basis, pb_error *error)
{
    const pb_key *key = &p->bases[pb_plan_basis(p, model, row, timestep)];
    const pb_planned_model *m = &p->models[model];
    char *path = pb_catalogue_path(p->catalogue, key, PB_BASIS_ENDING);
    pb_status status = ask(p, error);

    if (status == PB_OK && !path)
        status = pb_fail_memory(error, sizeof *key, "a path");
    if (status == PB_OK)
        status = pb_basis_read(basis, path, error);
    if (status == PB_OK &&
        pb_basis_compatible(basis, m->model, m->height, m->width, error) != PB_OK)
        status = pb_fail_in(error, PB_INVALID, "%s", path);
    if (status == PB_OK &&
        (basis->samples || basis->s.shape[0] != p->options->rank ||
         strcmp(basis->from, p->options->from) || strcmp(basis->to, p->options->to)))
        status = pb_fail(error, PB_INVALID,
                         "%s: %zu directions from %s to %s: the study expects %zu from %s to %s",
                         path, basis->s.shape[0], basis->from, basis->to, p->options->rank,
                         p->options->from, p->options->to);
    pb_free(path);
    return status;
}
