#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "session/session.h"

/* How far t may move to a point of the grid before a word is said of it. */
#define COARSE 0.05

/* Times that differ by less are one, as on the grid (pb_grid_of). */
#define SAME_TIME 1e-3

/* The largest mask, as a share of the image, of which no word is said. */
#define MASK_MOST 0.8

void pb_point_init(pb_point *point)
{
    if (point)
        *point = PB_POINT_EMPTY;
}

void pb_point_options_init(pb_point_options *options)
{
    if (options)
        *options = PB_POINT_DEFAULTS;
}

void pb_point_clear(pb_point *point)
{
    if (!point)
        return;
    pb_tensor_clear(&point->image);
    pb_tensor_clear(&point->x);
    pb_tensor_clear(&point->mask);
    pb_prompts_clear(&point->prompts);
    *point = PB_POINT_EMPTY;
}

/* A text that need not be there. */
static pb_status copy_text(const char **to, const char *from, pb_error *error)
{
    *to = from ? pb_strdup(from) : NULL;
    return *to || !from ? PB_OK : pb_fail_memory(error, strlen(from), "prompts");
}

pb_status pb_point_copy(pb_point *to, const pb_point *from, pb_error *error)
{
    const pb_prompts *p;

    PB_NEED(to, "a place for a point");
    PB_NEED(from, "a point");
    p = &from->prompts;
    *to = *from;
    to->image = to->x = to->mask = PB_TENSOR_EMPTY;
    to->prompts.prompt = to->prompts.edit_prompt = to->prompts.negative_prompt = NULL;
    PB_TRY(copy_text(&to->prompts.prompt, p->prompt, error));
    PB_TRY(copy_text(&to->prompts.edit_prompt, p->edit_prompt, error));
    PB_TRY(copy_text(&to->prompts.negative_prompt, p->negative_prompt, error));
    if (from->image.data)
        PB_TRY(pb_tensor_copy(&to->image, &from->image, error));
    if (from->mask.data)
        PB_TRY(pb_tensor_copy(&to->mask, &from->mask, error));
    return from->x.data ? pb_tensor_copy(&to->x, &from->x, error) : PB_OK;
}

/* -- when ----------------------------------------------------------------------------------------
 */

/* Can T be cut into a grid of so many points, as pb_ddim has it? */
static pb_status check_grid(size_t T, size_t steps, pb_error *error)
{
    return steps >= 2 && steps <= T
               ? PB_OK
               : pb_fail(error, PB_INVALID, "a grid of %zu points: expected 2 to %zu", steps, T);
}

/* A fraction that need not be given. */
static pb_status check_fraction(double t, pb_error *error)
{
    return isnan(t) || (t >= 0 && t <= 1)
               ? PB_OK
               : pb_fail(error, PB_INVALID, "t %g: expected a fraction from 0 to 1", t);
}

pb_status pb_session_time(const pb_session *s, const pb_point_options *o, pb_point *point,
                          const pb_run *run, pb_error *error)
{
    const pb_point_options defaults = PB_POINT_DEFAULTS;
    size_t T, S;
    double there;

    PB_NEED(s, "a session");
    PB_NEED(point, "a point");
    if (!o)
        o = &defaults;
    T = pb_schedule_length(s->schedule);
    S = point->steps = o->steps;
    PB_TRY(check_grid(T, S, error));
    PB_TRY(check_fraction(o->t, error));
    if (!isnan(o->timestep)) {
        if (!(o->timestep >= 0 && o->timestep <= (double)(T - 1)))
            return pb_fail(error, PB_INVALID, "timestep %g: expected 0 to %zu", o->timestep, T - 1);
        point->t = o->t;
        point->timestep = o->timestep;
        point->grid = pb_grid_of(T, S, o->timestep);
    } else {
        double recommended = s->info->recommended.t, otherwise = s->info->latent ? 0.7 : 0.6;
        point->t = !isnan(o->t) ? o->t : !isnan(recommended) ? recommended : otherwise;
        point->grid = pb_grid_nearest(T, S, point->t);
        point->timestep = pb_grid_time(T, S, point->grid);
        if (point->grid == 0 && point->t > 0)
            return pb_fail(error, PB_INVALID,
                           "t %g is 0 on a grid of %zu points, where nothing is left to do: "
                           "expected %.2g or more, or more steps",
                           point->t, S, 0.5 / (double)(S - 1));
    }
    there = point->timestep / (double)T;
    if (!isnan(point->t) && fabs(point->t - there) > COARSE)
        pb_run_warn(run, "on a grid of %zu points t = %g is t = %.2g: more steps come nearer", S,
                    point->t, there);
    return PB_OK;
}

/* -- where ---------------------------------------------------------------------------------------
 */

/* Images (1,c,h,w), of which (c,h,w) is one too, of numbers. */
static pb_status check_one(const pb_tensor *x, size_t channels, const char *what, pb_error *error)
{
    PB_TRY(pb_shape_check_one(x, 3, (size_t[3]){channels}, what, error));
    for (size_t i = 0; i < pb_tensor_count(x); i++)
        if (!isfinite(x->data[i]))
            return pb_fail(error, PB_INVALID, "%s: entry %zu is not finite", what, i);
    return PB_OK;
}

static pb_status copy_one(pb_tensor *to, const pb_tensor *from, pb_error *error)
{
    PB_TRY(pb_tensor_copy(to, from, error));
    pb_shape_batch(to);
    return PB_OK;
}

/* Is what the point is of such as the model takes it? And the size of its image. */
static pb_status check_source(pb_session *s, const pb_point_options *o, size_t size[2],
                              pb_error *error)
{
    const pb_tensor *given = o->x ? o->x : o->image ? o->image : o->picture;
    const char *what = o->x ? "x" : o->image ? "an image" : "a picture";
    size_t factor = 1, channels = s->info->in_channels;

    if (o->has_seed)
        return pb_session_size(s, o->pixel_height, o->pixel_width, &size[0], &size[1], error);
    if (o->picture)
        PB_TRY(pb_session_pixels(s, &factor, &channels, error));
    PB_TRY(check_one(given, channels, what, error));
    for (size_t i = 0; i < 2; i++)
        size[i] = given->shape[given->rank - 2 + i] / factor;
    return PB_OK;
}

/* The picture as the network sees it, or the image given. */
static pb_status take_image(pb_session *s, const pb_point_options *o, pb_point *point,
                            const pb_run *run, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status;

    if (o->image)
        return copy_one(&point->image, o->image, error);
    PB_TRY(copy_one(&picture, o->picture, error));
    status = pb_session_encode(s, &picture, &point->image, run, error);
    pb_tensor_clear(&picture);
    return status;
}

/* The noise x_T of a seed, of an image's size, or the image inverted. *at: the grid point reached.
 */
static pb_status start(pb_session *s, const pb_point_options *o, const size_t size[2],
                       pb_point *point, size_t *at, const pb_run *run, pb_error *error)
{
    size_t last = o->steps - 1;

    if (o->has_seed) {
        *at = last;
        return pb_session_noise(s, 1, size[0], size[1], o->seed, &point->x, error);
    }
    PB_TRY(take_image(s, o, point, run, error));
    PB_TRY(pb_tensor_copy(&point->x, &point->image, error));
    *at = o->direct ? point->grid : last;
    return pb_session_move(s, &point->prompts, "inverting", &point->x, o->steps, 0, *at, NULL, run,
                           error);
}

pb_status pb_mask_check(const pb_tensor *mask, size_t height, size_t width, const pb_run *run,
                        pb_error *error)
{
    size_t positions = height * width;
    double chosen = 0;

    PB_TRY(pb_shape_check(mask, 2, (size_t[2]){height, width}, "a mask", error));
    for (size_t i = 0; i < positions; i++) {
        if (!(mask->data[i] >= 0 && mask->data[i] <= 1))
            return pb_fail(error, PB_INVALID, "a mask: entry %zu is %g: expected 0 to 1", i,
                           (double)mask->data[i]);
        chosen += (double)mask->data[i];
    }
    if (!(chosen > 0))
        return pb_fail(error, PB_INVALID, "a mask, black all over: no region to change");
    chosen /= (double)positions;
    if (chosen > MASK_MOST)
        pb_run_warn(run, "%.0f %% of the mask is white: little is left to spare", 100 * chosen);
    return PB_OK;
}

static pb_status check_sources(const pb_point_options *o, pb_error *error)
{
    int sources = !!o->picture + !!o->image + !!o->x + !!o->has_seed;

    if (sources != 1)
        return pb_fail(error, PB_INVALID,
                       "a point: expected one of picture, image, x and seed, found %s",
                       sources ? "several" : "none");
    if (!isnan(o->timestep) && !o->x)
        return pb_fail(error, PB_INVALID,
                       "a timestep goes with x: a point of the time grid is named by t");
    return PB_OK;
}

static pb_status check_empty(const pb_point *point, pb_error *error)
{
    return !point->x.data && !point->image.data && !point->mask.data
               ? PB_OK
               : pb_fail(error, PB_INVALID, "a place for the point: expected an empty one");
}

pb_status pb_session_point(pb_session *s, const pb_point_options *o, pb_point *point,
                           const pb_run *run, pb_error *error)
{
    size_t at, size[2];

    PB_NEED(s, "a session");
    PB_NEED(o, "options");
    PB_NEED(point, "a point");
    PB_TRY(check_empty(point, error));
    PB_TRY(check_sources(o, error));
    PB_TRY(pb_session_time(s, o, point, run, error));
    PB_TRY(pb_session_prompts(s, &o->prompts, &point->prompts, error));
    PB_TRY(check_source(s, o, size, error));
    PB_TRY(pb_session_sizes(s, &point->prompts.sizes, size[0], size[1], error));
    if (o->mask) {
        PB_TRY(pb_mask_check(o->mask, size[0], size[1], run, error));
        PB_TRY(pb_tensor_copy(&point->mask, o->mask, error));
    }
    if (o->x)
        return copy_one(&point->x, o->x, error);
    PB_TRY(start(s, o, size, point, &at, run, error));
    return pb_session_move(s, &point->prompts, "moving to t", &point->x, o->steps, at, point->grid,
                           NULL, run, error);
}

/* -- of a basis ----------------------------------------------------------------------------------
 */

/* A basis's sizes; others than those are another map's. */
static pb_status take_sizes(pb_sizes *sizes, const pb_basis *b, pb_error *error)
{
    pb_sizes of_basis, given = *sizes;

    if (!b->sizes)
        return PB_OK;
    if (pb_sizes_read(&of_basis, b->sizes))
        return pb_fail(error, PB_INVALID,
                       "sizes \"%s\" of the basis: expected six whole numbers up to %d", b->sizes,
                       PB_SIZE_MOST);
    *sizes = of_basis;
    if (given.original[0])
        memcpy(sizes->original, given.original, sizeof given.original);
    if (given.target[0])
        memcpy(sizes->target, given.target, sizeof given.target);
    if (given.crop[0] || given.crop[1])
        memcpy(sizes->crop, given.crop, sizeof given.crop);
    return memcmp(sizes, &of_basis, sizeof of_basis)
               ? pb_fail(error, PB_INVALID, "sizes %s: the basis is that of %s",
                         pb_sizes_write(sizes).text, b->sizes)
               : PB_OK;
}

/* A basis's prompts, but for those that are given. Its class and its edit prompt, where it says
 * one, are those of its map. */
static pb_status take_prompts(pb_session *s, const pb_basis *b, const pb_prompts *given,
                              pb_prompts *prompts, pb_error *error)
{
    pb_prompts mixed = given ? *given : PB_PROMPTS_DEFAULTS;

    if (mixed.class_label >= 0 && mixed.class_label != b->class_label)
        return pb_fail(error, PB_INVALID, "class %ld: the basis is that of class %ld",
                       mixed.class_label, b->class_label);
    mixed.class_label = b->class_label;
    if (s->info->context_width) {
        if (mixed.edit_prompt && b->prompt && strcmp(mixed.edit_prompt, b->prompt))
            return pb_fail(error, PB_INVALID, "edit prompt \"%s\": the basis is that of \"%s\"",
                           mixed.edit_prompt, b->prompt);
        if (b->prompt)
            mixed.edit_prompt = b->prompt;
        if (!mixed.prompt)
            mixed.prompt = b->trajectory_prompt;
        if (!mixed.negative_prompt)
            mixed.negative_prompt = b->negative_prompt;
        if (isnan(mixed.guidance_scale))
            mixed.guidance_scale = b->guidance_scale;
        PB_TRY(take_sizes(&mixed.sizes, b, error));
    }
    return pb_session_prompts(s, &mixed, prompts, error);
}

pb_status pb_session_point_of(pb_session *s, const pb_basis *b, size_t steps,
                              const pb_prompts *given, pb_point *point, pb_error *error)
{
    PB_NEED(s, "a session");
    PB_NEED(b, "a basis");
    PB_NEED(point, "a point");
    if (b->samples)
        return pb_fail(error, PB_INVALID, "a mean of bases has no point");
    PB_TRY(check_empty(point, error));
    steps = steps ? steps : b->steps ? b->steps : PB_POINT_DEFAULTS.steps;
    PB_TRY(check_grid(pb_schedule_length(s->schedule), steps, error));
    PB_TRY(pb_basis_compatible(b, s->model, 0, 0, error));
    PB_TRY(take_prompts(s, b, given, &point->prompts, error));
    PB_TRY(copy_one(&point->x, &b->x, error));
    PB_TRY(pb_session_sizes(s, &point->prompts.sizes, point->x.shape[2], point->x.shape[3], error));
    point->t = b->t;
    point->timestep = b->timestep;
    point->steps = steps;
    point->grid = pb_grid_of(pb_schedule_length(s->schedule), steps, b->timestep);
    return PB_OK;
}

pb_status pb_session_point_to(pb_session *s, pb_point *point, double t, const pb_run *run,
                              pb_error *error)
{
    pb_point to = PB_POINT_EMPTY;

    PB_NEED(s, "a session");
    PB_NEED(point, "a point");
    PB_TRY(pb_session_on_grid(point, error));
    PB_TRY(pb_session_time(s, &(pb_point_options){.steps = point->steps, .t = t, .timestep = NAN},
                           &to, run, error));
    PB_TRY(pb_session_move(s, &point->prompts, "moving to t", &point->x, point->steps, point->grid,
                           to.grid, NULL, run, error));
    point->t = to.t;
    point->grid = to.grid;
    point->timestep = to.timestep;
    return PB_OK;
}

pb_status pb_session_has_image(const pb_session *s, const pb_point *point, pb_error *error)
{
    return pb_shape_check(&point->x, 4, (size_t[4]){1, s->info->in_channels}, "a point", error);
}

pb_status pb_session_on_grid(const pb_point *point, pb_error *error)
{
    return point->grid < point->steps
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "timestep %g is not on a grid of %zu points: give the steps it came from",
                         point->timestep, point->steps);
}

/* Is it told another prompt here than a basis says? */
static int is_other(const char *prompt, const pb_point *point, pb_prompt_use use)
{
    return prompt && strcmp(prompt, pb_prompt_of(&point->prompts, use));
}

/* Is the negative prompt another? There is none, of a point that knows its prompts and of a basis
 * that knows its trajectory's, where it is NULL (pb_session_negative). */
static int is_other_negative(const pb_point *point, const pb_basis *b)
{
    const char *negative = point->prompts.negative_prompt;

    if (!b->negative_prompt)
        return b->trajectory_prompt && negative;
    return (point->prompts.prompt && !negative) ||
           is_other(b->negative_prompt, point, PB_PROMPT_NEGATIVE);
}

/* Is the basis that of a map which the network has here: at this time, under what it is told
 * here, of where an edit is wanted? */
static int is_map_of(const pb_point *point, const pb_basis *b)
{
    const pb_tensor *mask = &point->mask;

    if (!(fabs(point->timestep - b->timestep) < SAME_TIME) ||
        point->prompts.class_label != b->class_label)
        return 0;
    if (is_other(b->prompt, point, PB_PROMPT_EDIT) || (b->guided && is_other_negative(point, b)))
        return 0;
    if (b->sizes && strcmp(b->sizes, pb_sizes_write(&point->prompts.sizes).text))
        return 0;
    return !mask->data || pb_tensor_same(mask, &b->mask);
}

int pb_point_is(const pb_point *point, const pb_basis *b)
{
    double difference = 0, norm = 0;

    if (!point || !b || !point->x.data || !b->x.data ||
        pb_tensor_count(&point->x) != pb_tensor_count(&b->x) || !is_map_of(point, b))
        return 0;
    for (size_t i = 0; i < pb_tensor_count(&b->x); i++) {
        double d = (double)point->x.data[i] - (double)b->x.data[i];
        difference += d * d;
        norm += (double)b->x.data[i] * (double)b->x.data[i];
    }
    return difference == 0 || (norm > 0 && sqrt(difference / norm) < 1e-2);
}
