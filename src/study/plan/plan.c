#include "study/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"

/* -- where items are -----------------------------------------------------------------------------
 */

static int drawn(const pb_study_plan *p)
{
    return p->options->image_count == 0;
}

/* Items of one sample: its picture and its bases. */
static size_t items_each(const pb_study_plan *p)
{
    return (size_t)drawn(p) + p->conditions * p->timesteps;
}

const pb_item *pb_plan_trajectory(const pb_study_plan *p, size_t model, size_t sample)
{
    return &p->trajectories[model * p->samples + sample];
}

const pb_item *pb_plan_picture(const pb_study_plan *p, size_t model, size_t sample)
{
    return &p->items[(model * p->samples + sample) * items_each(p)];
}

const pb_item *pb_plan_basis(const pb_study_plan *p, size_t model, size_t sample, size_t condition,
                             size_t timestep)
{
    return &p->items[(model * p->samples + sample) * items_each(p) + (size_t)drawn(p) +
                     condition * p->timesteps + timestep];
}

const char *pb_item_ending(const pb_item *item)
{
    static const char *const endings[] = {".npy", ".png", ".safetensors"};

    return endings[item->kind];
}

/* -- making it ---------------------------------------------------------------------------------
 */

static pb_status make_room(pb_study_plan *p, pb_error *error)
{
    size_t trajectories = p->options->model_count * p->samples;

    p->count = trajectories * items_each(p);
    p->images = pb_calloc(p->samples, sizeof *p->images);
    p->trajectories = pb_calloc(trajectories, sizeof *p->trajectories);
    p->items = pb_calloc(p->count, sizeof *p->items);
    return p->images && p->trajectories && p->items
               ? PB_OK
               : pb_fail_memory(error, p->count * sizeof *p->items, "a plan");
}

/* The hashes of what is read. */
static pb_status hash_files(pb_study_plan *p, pb_error *error)
{
    const pb_study_options *o = p->options;
    const char *costs[] = {o->costs};

    for (size_t i = 0; i < o->image_count; i++) {
        const char *paths[] = {o->images[i]};
        PB_TRY(pb_file_sha256(1, paths, NULL, p->images[i], NULL, error));
    }
    return o->costs ? pb_file_sha256(1, costs, NULL, p->costs, NULL, error) : PB_OK;
}

static pb_status put(const pb_study_plan *p, pb_item *at, pb_item item, pb_error *error)
{
    json_t *spec = pb_item_spec(p, &item);

    if (!spec)
        return pb_fail_memory(error, sizeof item, "a plan");
    *at = item;
    at->key = pb_key_of(spec);
    json_decref(spec);
    return PB_OK;
}

static pb_status put_sample(pb_study_plan *p, size_t m, size_t s, pb_item *at, pb_error *error)
{
    PB_TRY(put(p, &p->trajectories[m * p->samples + s],
               (pb_item){.kind = PB_ITEM_TRAJECTORY, .model = m, .sample = s}, error));
    if (drawn(p))
        PB_TRY(put(p, at++, (pb_item){.kind = PB_ITEM_PICTURE, .model = m, .sample = s}, error));
    for (size_t c = 0; c < p->conditions; c++)
        for (size_t t = 0; t < p->timesteps; t++)
            PB_TRY(put(
                p, at++,
                (pb_item){
                    .kind = PB_ITEM_BASIS, .model = m, .sample = s, .condition = c, .timestep = t},
                error));
    return PB_OK;
}

static int by_key(const void *a, const void *b)
{
    const pb_item *const *x = a, *const *y = b;
    int order = strcmp((*x)->key.text, (*y)->key.text);

    return order ? order : (*x > *y) - (*x < *y);
}

/* Which items repeat an earlier one. */
static pb_status find_repeated(pb_study_plan *p, pb_error *error)
{
    pb_item **sorted = pb_malloc(p->count, sizeof *sorted);

    if (!sorted)
        return pb_fail_memory(error, p->count * sizeof *sorted, "a plan");
    for (size_t i = 0; i < p->count; i++)
        sorted[i] = &p->items[i];
    qsort(sorted, p->count, sizeof *sorted, by_key);
    p->distinct = p->count;
    for (size_t i = 1; i < p->count; i++)
        if (!strcmp(sorted[i - 1]->key.text, sorted[i]->key.text)) {
            sorted[i]->repeated = 1;
            p->distinct--;
        }
    pb_free(sorted);
    return PB_OK;
}

pb_status pb_plan_make(pb_study_plan *p, const pb_study_options *o, const pb_study_model *models,
                       pb_error *error)
{
    p->options = o;
    p->models = models;
    p->samples = o->image_count ? o->image_count : o->samples;
    p->timesteps = o->timesteps;
    p->conditions = pb_study_conditions(o);
    PB_TRY(make_room(p, error));
    PB_TRY(hash_files(p, error));
    for (size_t m = 0; m < o->model_count; m++)
        for (size_t s = 0; s < p->samples; s++)
            PB_TRY(put_sample(p, m, s, p->items + (m * p->samples + s) * items_each(p), error));
    return find_repeated(p, error);
}

void pb_plan_clear(pb_study_plan *p)
{
    pb_free(p->images);
    pb_free(p->items);
    pb_free(p->trajectories);
    *p = (pb_study_plan){0};
}
