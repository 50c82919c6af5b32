#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "session/session.h"

/* Beyond it an edit under a mask leaves hardly less outside (docs/results.md). */
#define NULL_RANK 50

void pb_basis_options_init(pb_basis_options *options)
{
    if (options)
        *options = PB_BASIS_DEFAULTS;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Leading directions of the rest to keep clear of: as given, or by default enough, as far as the
 * rest has so many and three quarters of all are left. */
static size_t null_rank(const pb_point *point, const pb_basis_options *o)
{
    size_t entries = pb_tensor_count(&point->x), positions = pb_tensor_count(&point->mask);
    size_t outside = 0;

    if (o->null_rank >= 0 || !point->mask.data)
        return o->null_rank >= 0 ? (size_t)o->null_rank : 0;
    for (size_t i = 0; i < positions; i++)
        outside += point->mask.data[i] < 1;
    return least(NULL_RANK, least(entries / 4, outside * (entries / positions)));
}

const char *pb_session_to(const pb_point *point, const char *given)
{
    return given ? given : point->mask.data ? "x0" : "mid";
}

pb_status pb_session_ask(pb_session *s, const pb_point *point, const pb_basis_options *o,
                         pb_asked *asked, const pb_run *run, pb_error *error)
{
    const char *to = pb_session_to(point, o->to);
    pb_condition condition;

    if (o->guided && !s->info->context_width)
        return pb_fail(error, PB_INVALID, "guided: %s is not conditioned on text", s->info->path);
    if (o->guided && strcmp(to, "eps") && strcmp(to, "x0"))
        return pb_fail(error, PB_INVALID, "guided, to %s: a guided map ends at eps or x0", to);
    PB_TRY(pb_session_condition(s, &point->prompts, PB_PROMPT_EDIT, point->timestep,
                                point->x.shape[2], point->x.shape[3], &condition, run, error));
    if (o->guided)
        PB_TRY(pb_session_condition(s, &point->prompts, PB_PROMPT_NEGATIVE, point->timestep,
                                    point->x.shape[2], point->x.shape[3], &asked->negative, run,
                                    error));
    asked->request = (pb_basis_request){
        .map = {.from = o->from ? o->from : "x", .to = to, .condition = condition},
        .svd = {.rank = o->rank,
                .tolerance = o->tolerance,
                .method = o->method,
                .block = o->block,
                .max_applications = o->max_applications,
                .seed = o->seed},
        .start = o->start,
        .bf16 = o->bf16,
        .mask = point->mask.data ? &point->mask : NULL,
        .null_rank = null_rank(point, o),
        .negative = o->guided ? &asked->negative : NULL,
        .scale = point->prompts.guidance_scale,
    };
    return PB_OK;
}

/* The memory given is a wish: warns where the map takes more whatever is left out. */
static pb_status check_memory(const pb_session *s, const pb_point *point, const pb_map_options *map,
                              const pb_run *run, pb_error *error)
{
    pb_map_memory m;
    size_t taken;

    if (!run || !run->memory)
        return PB_OK;
    PB_TRY(pb_map_estimate(&m, s->model, map, point->x.shape[2], point->x.shape[3], run, error));
    taken = m.saved_bytes + m.packed_bytes + m.arena_bytes;
    if (taken > run->memory)
        pb_run_warn(run,
                    "the map from %s to %s takes %.0f MB, more than the %.0f MB of memory given",
                    map->from, map->to, ceil((double)taken / 1e6), (double)run->memory / 1e6);
    return PB_OK;
}

/* Says what led to it, and what it is of. */
static pb_status describe(pb_session *s, const pb_point *point, const pb_basis_options *o,
                          pb_basis *basis, pb_error *error)
{
    const pb_prompts *p = &point->prompts;
    pb_sizes sizes = p->sizes;

    basis->t = point->t;
    basis->steps = point->grid == SIZE_MAX ? 0 : point->steps;
    if (!s->info->context_width)
        return PB_OK;
    PB_TRY(pb_basis_set_prompts(basis, pb_prompt_of(p, PB_PROMPT_EDIT),
                                pb_prompt_of(p, PB_PROMPT_MAIN), pb_session_negative(s, p),
                                p->guidance_scale, o->guided, error));
    if (!s->info->pooled_width)
        return PB_OK;
    PB_TRY(pb_session_sizes(s, &sizes, point->x.shape[2], point->x.shape[3], error));
    return pb_set_text(&basis->sizes, pb_sizes_write(&sizes).text, "a basis", error);
}

pb_status pb_session_basis(pb_session *s, const pb_point *point, const pb_basis_options *o,
                           pb_basis *basis, pb_svd **svd, double *verified, const pb_run *run,
                           pb_error *error)
{
    const pb_basis_options defaults = PB_BASIS_DEFAULTS;
    pb_status status;
    pb_asked asked;
    pb_task task;

    if (svd)
        *svd = NULL;
    PB_NEED(s, "a session");
    PB_NEED(point, "a point");
    PB_NEED(basis, "a place for the basis");
    if (basis->s.data)
        return pb_fail(error, PB_INVALID, "a place for the basis: expected an empty one");
    PB_TRY(pb_session_has_image(s, point, error));
    o = o ? o : &defaults;
    PB_TRY(pb_session_ask(s, point, o, &asked, run, error));
    PB_TRY(check_memory(s, point, &asked.request.map, run, error));
    status = pb_basis_compute(basis, svd, verified, s->model, &asked.request, &point->x,
                              pb_task_begin(&task, "basis", run), error);
    if (status == PB_OK && basis->converged < o->rank)
        pb_run_warn(run, "%zu of %zu triplets converged to %g within %zu applications",
                    basis->converged, o->rank, o->tolerance, basis->applications);
    if (basis->s.data) /* also what is kept after a stop */
        PB_TRY(describe(s, point, o, basis, error));
    return status;
}
