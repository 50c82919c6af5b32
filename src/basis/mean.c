/* Global directions: means of bases. */
#include <pullback/basis.h>
#include <pullback/version.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "base/run.h"
#include "base/shape.h"

static const pb_tensor *vectors_of(const pb_basis *b, int in_x)
{
    return in_x ? &b->v : &b->u;
}

/* Basis i has directions u or v, as many as singular values; or of a side that is not `needed`
 * there are some where the first basis has some, and none where it has none. */
static pb_status check_vectors(const pb_basis *const *bases, size_t i, int in_x, int needed,
                               pb_error *error)
{
    const pb_tensor *t = vectors_of(bases[i], in_x), *s = &bases[i]->s;
    const char *name = in_x ? "v" : "u";

    if (!t->data && !vectors_of(bases[0], in_x)->data && !needed)
        return PB_OK;
    if (!t->data || !vectors_of(bases[0], in_x)->data)
        return pb_fail(error, PB_INVALID, "basis %zu has no %s", t->data ? 0 : i, name);
    PB_TRY(pb_shape_check(t, 4, (size_t[4]){0}, "a basis's directions", error));
    if (!s->data || s->rank != 1 || s->shape[0] != t->shape[0])
        return pb_fail(error, PB_INVALID, "basis %zu has %zu directions %s and %zu singular values",
                       i, t->shape[0], name, s->rank == 1 ? s->shape[0] : 0);
    return PB_OK;
}

/* Does basis i go with those before? A matched mean is one of u and v together. */
static pb_status check_basis(const pb_basis *const *bases, size_t i, pb_mean_kind kind, int in_x,
                             pb_error *error)
{
    const pb_basis_use use = in_x ? PB_FOR_MEAN_X : PB_FOR_MEAN_H;
    const pb_basis_use other = in_x ? PB_FOR_MEAN_H : PB_FOR_MEAN_X;
    const pb_basis *b = bases[i];

    PB_NEED(b, "every basis");
    PB_NEED(b->from, "a basis's tap that varies");
    PB_NEED(b->to, "a basis's tap observed");
    if (b->samples)
        return pb_fail(error, PB_INVALID, "%s is a mean itself", b->file ? b->file : "a basis");
    PB_TRY(check_vectors(bases, i, in_x, 1, error));
    if (kind == PB_MEAN_MATCHED)
        PB_TRY(check_vectors(bases, i, !in_x, 0, error));
    for (size_t j = 0; j < i; j++) {
        PB_TRY(pb_bases_compatible(bases[j], b, use, error));
        if (kind == PB_MEAN_MATCHED)
            PB_TRY(pb_bases_compatible(bases[j], b, other, error));
    }
    return PB_OK;
}

static pb_status check(size_t count, const pb_basis *const *bases, pb_mean_kind kind, int in_x,
                       pb_error *error)
{
    if (count == 0 || !bases)
        return pb_fail(error, PB_INVALID, "the mean of no bases");
    if (kind != PB_MEAN_KARCHER && kind != PB_MEAN_MATCHED)
        return pb_fail(error, PB_INVALID, "mean %d is not known", (int)kind);
    PB_TRY(pb_count_check(count, 1, 1, "a mean of bases", error));
    for (size_t i = 0; i < count; i++)
        PB_TRY(check_basis(bases, i, kind, in_x, error));
    return PB_OK;
}

static pb_status set(char **place, const char *text, pb_error *error)
{
    return pb_set_text(place, text, "a mean", error);
}

static int known(const char *text)
{
    return text && *text;
}

/* What of prediction and schedule some of the bases know; they agree. */
static pb_status name_schedule(pb_basis *mean, const pb_basis *b, pb_error *error)
{
    if (known(b->prediction) && !mean->prediction)
        PB_TRY(set(&mean->prediction, b->prediction, error));
    if (known(b->schedule_hash) && !mean->schedule_hash) {
        PB_TRY(set(&mean->schedule, b->schedule, error));
        PB_TRY(set(&mean->schedule_hash, b->schedule_hash, error));
    }
    return PB_OK;
}

static const char *text_at(const pb_basis *b, size_t at)
{
    return *(char *const *)((const char *)b + at);
}

/* The text that all agree on, those aside that do not know it; "" where they differ; NULL where
 * none knows it. */
static const char *common(size_t count, const pb_basis *const *bases, size_t at)
{
    const char *text = NULL;

    for (size_t i = 0; i < count; i++) {
        const char *other = text_at(bases[i], at);
        if (text && other && strcmp(text, other))
            return "";
        text = text ? text : other;
    }
    return text;
}

/* Likewise the points of the grid; 0: there is no such number. */
static size_t common_steps(size_t count, const pb_basis *const *bases)
{
    size_t steps = 0;

    for (size_t i = 0; i < count; i++) {
        size_t other = bases[i]->steps;
        if (steps && other && steps != other)
            return 0;
        steps = steps ? steps : other;
    }
    return steps;
}

/* Prompts, a scale and a grid that are not those of all are not the mean's. Guided maps are of some
 * scale in any case. */
static pb_status name_conditions(pb_basis *mean, size_t count, const pb_basis *const *bases,
                                 pb_error *error)
{
    const pb_basis *first = bases[0];
    const char *sizes = common(count, bases, offsetof(pb_basis, sizes));
    double scale = first->guidance_scale;

    for (size_t i = 1; i < count; i++)
        if (bases[i]->guidance_scale != scale && !first->guided)
            scale = 1;
    mean->steps = common_steps(count, bases);
    if (sizes && *sizes)
        PB_TRY(set(&mean->sizes, sizes, error));
    return pb_basis_set_prompts(mean, common(count, bases, offsetof(pb_basis, prompt)),
                                common(count, bases, offsetof(pb_basis, trajectory_prompt)),
                                common(count, bases, offsetof(pb_basis, negative_prompt)), scale,
                                first->guided, error);
}

/* What the mean has from the first basis and from all. */
static pb_status begin(pb_basis *mean, size_t count, const pb_basis *const *bases,
                       const char *method, int in_x, pb_error *error)
{
    const pb_basis *first = bases[0];
    size_t k = vectors_of(first, in_x)->shape[0];

    PB_TRY(set(&mean->model, first->model, error));
    PB_TRY(set(&mean->model_hash, first->model_hash, error));
    if (first->loras)
        PB_TRY(set(&mean->loras, first->loras, error));
    PB_TRY(set(&mean->from, first->from, error));
    PB_TRY(set(&mean->to, first->to, error));
    PB_TRY(name_conditions(mean, count, bases, error));
    for (size_t i = 0; i < count; i++)
        PB_TRY(name_schedule(mean, bases[i], error));
    PB_TRY(set(&mean->version, PB_VERSION_STRING, error));
    PB_TRY(set(&mean->method, method, error));
    PB_TRY(set(&mean->space, in_x ? "X" : "H", error));
    PB_TRY(pb_tensor_new(&mean->s, 1, &k, error));
    PB_TRY(pb_tensor_new(&mean->agreement, 1, &k, error));
    mean->timestep = first->timestep;
    mean->t = first->t;
    mean->class_label = first->class_label;
    mean->tolerance = first->tolerance;
    mean->samples = count;
    return PB_OK;
}

/* The arrays of u or v of all bases; pb_free. */
static const float **arrays(size_t count, const pb_basis *const *bases, int in_x)
{
    const float **all = pb_malloc(count, sizeof *all);

    for (size_t i = 0; all && i < count; i++)
        all[i] = vectors_of(bases[i], in_x)->data;
    return all;
}

static pb_status average(pb_tensor *out, size_t count, const pb_basis *const *bases, int in_x,
                         const size_t *match, const int *sign, pb_error *error)
{
    const pb_tensor *like = vectors_of(bases[0], in_x);
    size_t k = like->shape[0], n = pb_item_size(like);
    const float **all = arrays(count, bases, in_x);
    pb_status status = all ? pb_tensor_new(out, 4, like->shape, error)
                           : pb_fail_memory(error, count * sizeof *all, "a mean");

    if (status == PB_OK)
        status = pb_average_directions(n, k, count, all, match, sign, out->data, error);
    pb_free(all);
    return status;
}

static pb_status matched(pb_basis *mean, size_t count, const pb_basis *const *bases, int in_x,
                         double *agreement, const pb_run *run, pb_error *error)
{
    const pb_tensor *like = vectors_of(bases[0], in_x);
    size_t k = like->shape[0], *match = pb_malloc(count * k, sizeof *match);
    int *sign = pb_malloc(count * k, sizeof *sign);
    const float **all = arrays(count, bases, in_x);
    pb_status status;

    if (!match || !sign || !all)
        status = pb_fail_memory(error, count * k * sizeof *match, "a mean");
    else
        status = pb_match_directions(pb_item_size(like), k, count, all, match, sign, agreement, run,
                                     error);
    if (status == PB_OK && bases[0]->u.data)
        status = average(&mean->u, count, bases, 0, match, sign, error);
    if (status == PB_OK && bases[0]->v.data)
        status = average(&mean->v, count, bases, 1, match, sign, error);
    for (size_t s = 0; status == PB_OK && s < count; s++)
        for (size_t i = 0; i < k; i++)
            mean->s.data[i] += bases[s]->s.data[match[s * k + i]] / (float)count;
    pb_free(match);
    pb_free(sign);
    pb_free(all);
    return status;
}

static pb_status karcher(pb_basis *mean, pb_mean_report *report, size_t count,
                         const pb_basis *const *bases, int in_x, double *agreement, pb_work *work,
                         const pb_run *run, pb_error *error)
{
    const pb_tensor *like = vectors_of(bases[0], in_x);
    size_t k = like->shape[0], n = pb_item_size(like);
    pb_space *spaces = pb_calloc(count, sizeof *spaces), space = PB_SPACE_EMPTY;
    pb_tensor *out = in_x ? &mean->v : &mean->u;
    const float **all = arrays(count, bases, in_x);
    pb_status status = PB_OK;

    if (!spaces || !all)
        status = pb_fail_memory(error, count * sizeof *spaces, "a mean");
    for (size_t s = 0; status == PB_OK && s < count; s++) {
        status = pb_space_new(&spaces[s], n, k, all[s], error);
        if (status == PB_OK)
            status = pb_work_step(work, s + 1, error);
    }
    if (status == PB_OK)
        status = pb_mean_space(&space, report, count, spaces, run, error);
    if (status == PB_OK)
        status = pb_tensor_new(out, 4, like->shape, error);
    if (status == PB_OK)
        status = pb_mean_directions(&space, n, k, count, all, out->data, agreement, run, error);
    for (size_t s = 0; status == PB_OK && s < count; s++)
        for (size_t i = 0; i < k; i++)
            mean->s.data[i] += bases[s]->s.data[i] / (float)count;
    for (size_t s = 0; spaces && s < count; s++)
        pb_space_clear(&spaces[s]);
    pb_space_clear(&space);
    pb_free(spaces);
    pb_free(all);
    return status;
}

pb_status pb_basis_mean(pb_basis *mean, pb_mean_report *report, size_t count,
                        const pb_basis *const *bases, pb_mean_kind kind, int in_x,
                        const pb_run *run, pb_error *error)
{
    double *agreement = NULL;
    pb_status status;
    pb_work work;
    size_t k;

    PB_NEED(mean, "a place for the mean");
    PB_TRY(check(count, bases, kind, in_x, error));
    PB_TRY(pb_work_begin(&work, run, "mean", count, error));
    k = vectors_of(bases[0], in_x)->shape[0];
    status =
        begin(mean, count, bases, kind == PB_MEAN_KARCHER ? "karcher" : "matched", in_x, error);
    if (status == PB_OK && !(agreement = pb_malloc(k, sizeof *agreement)))
        status = pb_fail_memory(error, k * sizeof *agreement, "a mean");
    if (status == PB_OK)
        status = kind == PB_MEAN_KARCHER
                     ? karcher(mean, report, count, bases, in_x, agreement, &work, run, error)
                     : matched(mean, count, bases, in_x, agreement, run, error);
    for (size_t i = 0; status == PB_OK && i < k; i++)
        mean->agreement.data[i] = (float)agreement[i];
    pb_free(agreement);
    pb_work_end(&work);
    if (status != PB_OK)
        pb_basis_clear(mean);
    return status;
}
