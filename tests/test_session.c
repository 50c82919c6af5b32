/* The session: what it finds, tells and refuses, and that whoever stops it can go on with it. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"

#define PIXEL GOLDEN "variants/variance" /* of pixels; neither recommends anything */
#define TEXT GOLDEN "sd1-tiny"           /* of latents and text */
#define STEPS 6

/* What a run told. */
typedef struct told {
    const char *tasks[32]; /* each once, in order */
    size_t task_count, asked;
    size_t stop_at; /* stop at this question of that task; 0: never */
    const char *stop_in;
    char warnings[2000];
} told;

static int watch(void *context, const pb_progress *p)
{
    told *t = context;

    assert_non_null(p->task);
    assert_true(p->total == 0 || p->done <= p->total);
    if (!t->task_count || strcmp(t->tasks[t->task_count - 1], p->task)) {
        assert_true(t->task_count < 32);
        t->tasks[t->task_count++] = p->task;
        t->asked = 0;
    }
    t->asked++;
    return t->stop_in && !strcmp(t->stop_in, p->task) && t->asked >= t->stop_at;
}

static void hear(void *context, const char *text)
{
    told *t = context;
    size_t n = strlen(t->warnings);

    assert_null(strchr(text, '\n'));
    snprintf(t->warnings + n, sizeof t->warnings - n, "%s\n", text);
}

static pb_run run_of(told *t)
{
    return (pb_run){.monitor = watch, .warn = hear, .context = t};
}

/* A model at work, and all that comes of it. */
typedef struct studio {
    pb_model *model;
    pb_session *session;
    pb_tensor picture;
    pb_point point;
    pb_directions found;
    pb_edit edit;
} studio;

static studio open_studio(const char *path)
{
    studio s = {.picture = PB_TENSOR_EMPTY,
                .point = PB_POINT_EMPTY,
                .found = PB_DIRECTIONS_EMPTY,
                .edit = PB_EDIT_EMPTY};
    size_t factor, channels;

    MUST(pb_model_open(&s.model, path, error));
    MUST(pb_session_new(&s.session, s.model, error));
    MUST(pb_session_pixels(s.session, &factor, &channels, error));
    const pb_model_info *info = pb_model_get_info(s.model);
    const size_t shape[4] = {1, channels, factor * info->sample_height,
                             factor * info->sample_width};
    MUST(pb_tensor_new(&s.picture, 4, shape, error));
    for (size_t i = 0; i < pb_tensor_count(&s.picture); i++)
        s.picture.data[i] = (float)sin(0.01 * (double)i);
    return s;
}

static void clear_work(studio *s)
{
    pb_edit_clear(&s->edit);
    pb_directions_clear(&s->found);
    pb_point_clear(&s->point);
}

static void close_studio(studio *s)
{
    clear_work(s);
    pb_tensor_clear(&s->picture);
    pb_session_free(s->session);
    pb_model_free(s->model);
}

/* The whole way, in few steps. */
static pb_status go(studio *s, pb_edit_mode mode, const pb_run *run, pb_error *error)
{
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_edit_options how = PB_EDIT_DEFAULTS;

    clear_work(s);
    where.picture = &s->picture;
    where.steps = STEPS;
    where.t = 0.6;
    how.mode = mode;
    how.iterations = 2;
    if (pb_model_get_info(s->model)->context_width) {
        where.prompts.prompt = "a face";
        where.prompts.guidance_scale = 2;
    }
    pb_status status = pb_session_point(s->session, &where, &s->point, run, error);
    if (status == PB_OK)
        status = pb_session_directions(s->session, &s->point, NULL, &s->found, run, error);
    if (status == PB_OK)
        status = pb_session_edit(s->session, &s->point, &s->found, &how, &s->edit, run, error);
    return status;
}

/* -- telling and stopping ------------------------------------------------------------------------
 */

static const char *const latent_tasks[] = {"encoding", "embedding", "inverting", "moving to t",
                                           "basis",    "guiding",   "decoding"};
#define LATENT_TASKS (sizeof latent_tasks / sizeof *latent_tasks)

static bool was_told(const told *t, const char *task)
{
    for (size_t i = 0; i < t->task_count; i++)
        if (!strcmp(t->tasks[i], task))
            return true;
    return false;
}

static void test_tasks(void **state)
{
    studio s = open_studio(TEXT);
    told t = {0};
    pb_run run = run_of(&t);

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, &run, error));
    for (size_t i = 0; i < LATENT_TASKS; i++)
        if (!was_told(&t, latent_tasks[i]))
            fail_msg("nothing was told of %s", latent_tasks[i]);
    assert_string_equal(t.warnings, "");
    close_studio(&s);
}

/* A copy of the pictures of an edit. */
static pb_tensor copy_of(const pb_tensor *tensor)
{
    pb_tensor copy = PB_TENSOR_EMPTY;

    MUST(pb_tensor_copy(&copy, tensor, error));
    return copy;
}

/* Whoever stops, in whatever task, gets PB_CANCELLED, and can go on with the same session. */
static void check_stops(studio *s, pb_edit_mode mode, size_t count, const char *const *tasks)
{
    pb_tensor whole;

    MUST(go(s, mode, NULL, error));
    whole = copy_of(&s->edit.pictures);
    for (size_t i = 0; i < count; i++) {
        told t = {.stop_in = tasks[i], .stop_at = 2};
        pb_run run = run_of(&t);
        pb_error said = {0};
        pb_status status;

        pb_session_free(s->session); /* else it is embedded already */
        MUST(pb_session_new(&s->session, s->model, error));
        status = go(s, mode, &run, &said);
        if (status != PB_CANCELLED || said.status != PB_CANCELLED)
            fail_msg("%s: %s", tasks[i], said.message);
        assert_int_equal(t.asked, 2); /* and nobody was asked again */
        MUST(go(s, mode, NULL, error));
        assert_memory_equal(s->edit.pictures.data, whole.data,
                            pb_tensor_count(&whole) * sizeof(float));
    }
    pb_tensor_clear(&whole);
}

static void test_stops(void **state)
{
    static const char *const on_the_way[] = {"re-linearising"};
    studio s = open_studio(TEXT);

    (void)state;
    check_stops(&s, PB_EDIT_GUIDANCE, LATENT_TASKS, latent_tasks);
    check_stops(&s, PB_EDIT_RELINEARISE, 1, on_the_way);
    close_studio(&s);
}

/* -- defaults ------------------------------------------------------------------------------------
 */

static void check_defaults(const char *path, const char *prompt, double t, double scale,
                           double boost, size_t iterations)
{
    studio s = open_studio(path);
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_edit *e = &s.edit;

    where.has_seed = 1;
    where.steps = 4;
    where.prompts.prompt = prompt;
    MUST(pb_session_point(s.session, &where, &s.point, NULL, error));
    assert_true(s.point.t == t);
    MUST(pb_session_directions(s.session, &s.point, NULL, &s.found, NULL, error));
    assert_int_equal(s.found.v.shape[0], 1);
    assert_string_equal(s.found.basis.to, "mid");
    MUST(pb_session_edit(s.session, &s.point, &s.found, NULL, e, NULL, error));
    assert_true(e->guidance.step == 1 && e->guidance.scale == scale && e->boost == boost);
    assert_int_equal(e->full, iterations);
    assert_int_equal(e->guidance.iterations, iterations / 2);
    assert_int_equal(e->stages, 1);
    assert_int_equal(e->pictures.shape[0], 2);
    assert_true(pb_edit_strength(e) == 0.5);
    assert_memory_equal(e->pictures.shape + 1, s.picture.shape + 1, 3 * sizeof(size_t));
    close_studio(&s);
}

static void test_defaults(void **state)
{
    (void)state;
    check_defaults(PIXEL, NULL, 0.6, 0.1, 0.2, 16);
    check_defaults(TEXT, NULL, 0.7, 1, 0, 16);
    check_defaults(TEXT, "a face", 0.7, 1, 0, 64);
}

/* -- edits ---------------------------------------------------------------------------------------
 */

/* Both sides at once are the two sides, and stages end where one picture does. */
static void test_sides(void **state)
{
    studio s = open_studio(PIXEL);
    const size_t both[] = {1, 0};
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit one = PB_EDIT_EMPTY;
    size_t size = pb_tensor_count(&s.picture);

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    pb_directions_clear(&s.found);
    which.needed = 2;
    MUST(pb_session_directions(s.session, &s.point, &which, &s.found, NULL, error));
    pb_edit_clear(&s.edit);
    how.count = 2;
    how.direction = both;
    how.sides = PB_EDIT_BOTH;
    how.stages = 2;
    how.iterations = 4;
    MUST(pb_session_edit(s.session, &s.point, &s.found, &how, &s.edit, NULL, error));
    assert_int_equal(s.edit.pictures.shape[0], 1 + 2 * 2 * 2);
    assert_int_equal(pb_edit_iteration(&s.edit, -1), -2);
    how.stages = 1;
    for (size_t d = 0; d < 2; d++)
        for (int side = 0; side < 2; side++) {
            how.count = 1;
            how.direction = &both[d];
            how.sides = side ? PB_EDIT_BACKWARDS : PB_EDIT_FORWARDS;
            MUST(pb_session_edit(s.session, &s.point, &s.found, &how, &one, NULL, error));
            assert_near("a side", pb_edit_picture(&s.edit, d, side ? -2 : 2),
                        pb_edit_picture(&one, 0, 1), size, 1e-5);
            assert_true(pb_edit_strength(&one) == (side ? -1 : 1));
            assert_true(pb_edit_change(&one, 0) > 0);
            assert_true(isnan(pb_edit_outside(&one, 0)));
            pb_edit_clear(&one);
        }
    how.strength = 0; /* the reconstruction alone */
    MUST(pb_session_edit(s.session, &s.point, &s.found, &how, &one, NULL, error));
    assert_int_equal(one.pictures.shape[0], 1);
    assert_near("nothing", one.pictures.data, s.edit.pictures.data, size, 1e-5);
    pb_edit_clear(&one);
    close_studio(&s);
}

/* A basis is its own point's; carried there its directions come back whole, and elsewhere in part.
 */
static void test_carried(void **state)
{
    studio s = open_studio(TEXT);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions carried = PB_DIRECTIONS_EMPTY;
    pb_point again = PB_POINT_EMPTY;
    size_t shown;

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    pb_directions_clear(&s.found);
    which.needed = 3;
    MUST(pb_session_directions(s.session, &s.point, &which, &s.found, NULL, error));
    MUST(pb_session_point_of(s.session, &s.found.basis, STEPS, NULL, &again, error));
    assert_true(pb_point_is(&again, &s.found.basis));
    assert_int_equal(again.grid, s.point.grid);
    assert_string_equal(again.prompts.prompt, "a face");
    assert_true(again.prompts.guidance_scale == 2);

    which.basis = &s.found.basis;
    MUST(pb_session_directions(s.session, &again, &which, &carried, NULL, error));
    assert_true(carried.own && !carried.share);
    assert_memory_equal(carried.v.data, s.found.v.data, pb_tensor_count(&carried.v) * 4);
    pb_directions_clear(&carried);
    which.carry = 1;
    which.here.tolerance = 1e-5;
    MUST(pb_session_directions(s.session, &again, &which, &carried, NULL, error));
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs(carried.share[i] - 1) < 1e-3);
    pb_directions_clear(&carried);
    which.carry = 0;
    MUST(pb_session_point_to(s.session, &again, 1, NULL, error));
    assert_false(pb_point_is(&again, &s.found.basis));
    MUST(pb_session_directions(s.session, &again, &which, &carried, NULL, error));
    for (shown = 0; shown < 3; shown++)
        assert_true(carried.share[shown] > 0 && carried.share[shown] < 1);
    assert_false(carried.own);
    pb_directions_clear(&carried);
    pb_point_clear(&again);
    close_studio(&s);
}

/* Directions of H whose pre-images are sought: of the basis's own u the first is v. */
static void test_preimages(void **state)
{
    studio s = open_studio(PIXEL);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions back = PB_DIRECTIONS_EMPTY;
    double cosine = 0;

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    which.u = &s.found.basis.u;
    which.damping = 1e-3;
    MUST(pb_session_directions(s.session, &s.point, &which, &back, NULL, error));
    for (size_t i = 0; i < pb_tensor_count(&s.point.x); i++)
        cosine += (double)back.v.data[i] * (double)s.found.v.data[i];
    assert_true(cosine > 0.99);
    assert_true(back.solution && back.solution[0].residual < 0.1);
    pb_directions_clear(&back);
    close_studio(&s);
}

/* -- pictures of bytes ---------------------------------------------------------------------------
 */

static void test_rgb(void **state)
{
    studio s = open_studio(TEXT);
    const size_t *shape = s.picture.shape;
    size_t h = shape[2], w = shape[3], wide = 2 * w + 10;
    unsigned char *photo = pb_malloc(2 * h * wide, 3), *back = pb_malloc(h * w, 3);
    pb_tensor picture = PB_TENSOR_EMPTY;

    (void)state;
    assert_true(photo && back);
    for (size_t i = 0; i < 2 * h * wide * 3; i++) /* squares of 2 x 2 alike, five columns beside */
        photo[i] =
            (unsigned char)(7 * (i / (3 * wide) / 2) + 11 * ((i / 3 % wide + 1) / 2) + i % 3);
    MUST(pb_picture_of_rgb(s.session, photo, 2 * h, wide, &picture, error));
    assert_memory_equal(picture.shape, shape, 4 * sizeof *shape);
    MUST(pb_rgb_of_picture(picture.data, 3, h, w, back, error));
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++)
            for (size_t c = 0; c < 3; c++)
                assert_int_equal(back[(y * w + x) * 3 + c],
                                 photo[(2 * y * wide + 5 + 2 * x) * 3 + c]);
    assert_int_equal(pb_picture_of_rgb(s.session, photo, 0, 5, &picture, NULL), PB_INVALID);
    assert_int_equal(pb_rgb_of_picture(picture.data, 4, h, w, back, NULL), PB_UNSUPPORTED);
    pb_tensor_clear(&picture);
    pb_free(photo);
    pb_free(back);
    close_studio(&s);
}

/* -- warnings ------------------------------------------------------------------------------------
 */

static void test_warnings(void **state)
{
    studio s = open_studio(TEXT);
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_tensor mask = PB_TENSOR_EMPTY;
    pb_basis_options shortly = PB_BASIS_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    char prompt[600] = "";
    told t = {0};
    pb_run run = run_of(&t);

    (void)state;
    MUST(pb_tensor_new(&mask, 2,
                       (size_t[2]){pb_model_get_info(s.model)->sample_height,
                                   pb_model_get_info(s.model)->sample_width},
                       error));
    for (size_t i = 0; i < pb_tensor_count(&mask); i++)
        mask.data[i] = 1;
    for (size_t i = 0; i < 99; i++)
        strcat(prompt, "face ");
    where.has_seed = 1;
    where.steps = 5;
    where.t = 0.68;
    where.mask = &mask;
    where.prompts.prompt = prompt;
    MUST(pb_session_point(s.session, &where, &s.point, &run, error));
    assert_non_null(strstr(t.warnings, "on a grid of 5 points t = 0.68 is t = 0.75"));
    assert_non_null(strstr(t.warnings, "100 % of the mask is white"));
    assert_non_null(strstr(t.warnings, "the prompt is cut to"));
    pb_tensor_clear(&s.point.mask);
    shortly.rank = 4;
    shortly.tolerance = 1e-6;
    shortly.max_applications = 20;
    run.memory = 1;
    MUST(pb_session_basis(s.session, &s.point, &shortly, &basis, NULL, NULL, &run, error));
    assert_non_null(strstr(t.warnings, "converged to 1e-06 within"));
    assert_non_null(strstr(t.warnings, "of memory given"));
    pb_basis_clear(&basis);
    pb_tensor_clear(&mask);
    close_studio(&s);
}

/* -- refusals ------------------------------------------------------------------------------------
 */

/* What is refused, and why; the point is empty or whole. */
static void refuse_point(studio *s, const pb_point_options *where, const char *why)
{
    pb_point point = PB_POINT_EMPTY;
    pb_error error = {0};

    assert_int_equal(pb_session_point(s->session, where, &point, NULL, &error), PB_INVALID);
    if (!strstr(error.message, why))
        fail_msg("expected \"%s\", found \"%s\"", why, error.message);
    pb_point_clear(&point);
}

static void test_points_refused(void **state)
{
    studio s = open_studio(PIXEL);
    pb_point_options where = PB_POINT_DEFAULTS, seed = PB_POINT_DEFAULTS;
    pb_tensor mask = PB_TENSOR_EMPTY, wrong;

    (void)state;
    refuse_point(&s, &where, "one of picture, image, x and seed, found none");
    where.picture = where.x = &s.picture;
    refuse_point(&s, &where, "found several");
    where.x = NULL;
    where.timestep = 100;
    refuse_point(&s, &where, "a timestep goes with x");
    where.timestep = PB_NOT_GIVEN;
    where.t = 1.5;
    refuse_point(&s, &where, "t 1.5: expected a fraction");
    where.t = 1e-9;
    refuse_point(&s, &where, "is 0 on a grid of 100 points");
    where.t = 0.6;
    where.steps = 1;
    refuse_point(&s, &where, "a grid of 1 points");
    where.steps = STEPS;
    wrong = s.picture;
    wrong.shape[1]++;
    where.picture = &wrong;
    refuse_point(&s, &where, "a picture: expected");
    where.picture = NULL;
    where.x = &wrong;
    refuse_point(&s, &where, "x: expected");
    seed.has_seed = 1;
    seed.steps = STEPS;
    seed.prompts.prompt = "a face";
    refuse_point(&s, &seed, "is not conditioned on text");
    seed.prompts.prompt = NULL;
    seed.pixel_height = 7;
    refuse_point(&s, &seed, "height 7: expected multiples");
    seed.pixel_height = 0;
    MUST(pb_tensor_new(&mask, 2, s.picture.shape + 2, error));
    seed.mask = &mask;
    refuse_point(&s, &seed, "black all over");
    mask.data[3] = NAN;
    refuse_point(&s, &seed, "entry 3 is nan");
    mask.data[3] = 1;
    mask.shape[0]--;
    refuse_point(&s, &seed, "a mask: expected");
    pb_tensor_clear(&mask);
    close_studio(&s);
}

static void refuse_edit(studio *s, const pb_edit_options *how, const char *why)
{
    pb_edit edit = PB_EDIT_EMPTY;
    pb_error error = {0};

    assert_int_equal(pb_session_edit(s->session, &s->point, &s->found, how, &edit, NULL, &error),
                     PB_INVALID);
    if (!strstr(error.message, why))
        fail_msg("expected \"%s\", found \"%s\"", why, error.message);
    pb_edit_clear(&edit);
}

static void test_edits_refused(void **state)
{
    studio s = open_studio(PIXEL);
    pb_edit_options how = PB_EDIT_DEFAULTS;
    const size_t far = 5;

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    how.strength = 2;
    refuse_edit(&s, &how, "strength 2: expected 0 to 1");
    how.strength = 1e-3;
    refuse_edit(&s, &how, "less than one of 16 iterations");
    how.strength = 1;
    how.stages = 17;
    refuse_edit(&s, &how, "stages 17: an edit of strength 1 has 16");
    how.stages = 1;
    how.count = 1;
    refuse_edit(&s, &how, "an edit of 1 directions: expected their numbers");
    how.direction = &far;
    refuse_edit(&s, &how, "direction 5 of 0 to 0");
    how.count = 0;
    how.mode = (pb_edit_mode)7;
    refuse_edit(&s, &how, "mode 7");
    how.mode = PB_EDIT_RELINEARISE;
    s.found.own = 0;
    refuse_edit(&s, &how, "not directions that were carried over");
    s.found.own = 1;
    how.mode = PB_EDIT_GUIDANCE;
    s.point.grid = SIZE_MAX;
    refuse_edit(&s, &how, "is not on a grid of 6 points");
    s.point.grid = 3;
    s.found.v.shape[2]--;
    refuse_edit(&s, &how, "directions: expected");
    s.found.v.shape[2]++;
    close_studio(&s);
}

static void refuse_directions(studio *s, const pb_direction_options *which, const char *why)
{
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_error error = {0};

    assert_int_equal(pb_session_directions(s->session, &s->point, which, &found, NULL, &error),
                     PB_INVALID);
    if (!strstr(error.message, why))
        fail_msg("expected \"%s\", found \"%s\"", why, error.message);
    pb_directions_clear(&found);
}

static void test_directions_refused(void **state)
{
    studio s = open_studio(PIXEL);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_tensor zero = PB_TENSOR_EMPTY;

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    which.needed = 100000;
    refuse_directions(&s, &which, "the map from x to mid has directions 0 to");
    which.needed = 1;
    which.u = &s.found.v;
    refuse_directions(&s, &which, "h-directions: expected");
    MUST(pb_tensor_new(&zero, 4, s.found.basis.u.shape, error));
    which.u = &zero;
    refuse_directions(&s, &which, "direction 0 has length 0");
    which.basis = &s.found.basis;
    refuse_directions(&s, &which, "not both");
    which.u = NULL;
    which.here.to = "out";
    which.carry = 1;
    refuse_directions(&s, &which, "tap out: these are directions at mid");
    which.here.to = NULL;
    which.here.guided = 1;
    which.basis = NULL;
    refuse_directions(&s, &which, "guided");
    pb_tensor_clear(&zero);
    close_studio(&s);
}

/* NULL for what is needed. */
static void test_nothing(void **state)
{
    studio s = open_studio(PIXEL);
    pb_session *none = NULL, *own = s.session;
    pb_point *p = &s.point;
    size_t a, b;
    pb_condition c;

    (void)state;
    assert_int_equal(pb_session_new(NULL, s.model, NULL), PB_INVALID);
    assert_int_equal(pb_session_new(&none, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_pixels(NULL, &a, &b, NULL), PB_INVALID);
    assert_int_equal(pb_session_pixels(own, NULL, &b, NULL), PB_INVALID);
    assert_int_equal(pb_session_size(NULL, 0, 0, &a, &b, NULL), PB_INVALID);
    assert_int_equal(pb_session_size(own, 0, 0, &a, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_encode(NULL, &s.picture, &p->x, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_encode(own, NULL, &p->x, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_decode(own, &s.picture, NULL, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_noise(NULL, 1, 8, 8, 0, &p->x, NULL), PB_INVALID);
    assert_int_equal(pb_session_noise(own, 1, 8, 8, 0, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_move(NULL, NULL, NULL, &p->x, 5, 0, 4, NULL, NULL, NULL),
                     PB_INVALID);
    assert_int_equal(pb_session_move(own, NULL, NULL, NULL, 5, 0, 4, NULL, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_move(own, NULL, NULL, &p->x, 5, 0, 4, NULL, NULL, NULL),
                     PB_INVALID);
    assert_int_equal(pb_session_sample(own, NULL, &p->x, PB_SPACING_LEADING, 5, NULL, NULL),
                     PB_INVALID);
    assert_int_equal(pb_session_condition(NULL, NULL, PB_PROMPT_MAIN, 0, &c, NULL, NULL),
                     PB_INVALID);
    assert_int_equal(pb_session_condition(own, NULL, PB_PROMPT_MAIN, 0, NULL, NULL, NULL),
                     PB_INVALID);
    assert_int_equal(pb_session_time(own, NULL, NULL, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_point(own, NULL, p, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_point_of(own, NULL, 10, NULL, p, NULL), PB_INVALID);
    assert_int_equal(pb_session_point_to(own, NULL, 0.5, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_point_to(own, p, 0.5, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_basis(own, p, NULL, NULL, NULL, NULL, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_basis(own, p, NULL, &s.found.basis, NULL, NULL, NULL, NULL),
                     PB_INVALID);
    assert_int_equal(pb_session_directions(own, p, NULL, &s.found, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_edit(own, p, &s.found, NULL, &s.edit, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_point_is(NULL, NULL), 0);
    pb_edit_clear(&s.edit);
    assert_null(pb_edit_picture(NULL, 0, 0)); /* nor is there anything of an empty edit */
    assert_null(pb_edit_picture(&s.edit, 0, 0));
    assert_true(isnan(pb_edit_change(&s.edit, 0)) && isnan(pb_edit_strength(&s.edit)));
    assert_true(isnan(pb_edit_outside(&s.edit, 0)) && pb_edit_iteration(&s.edit, 1) == 0);
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    assert_non_null(pb_edit_picture(&s.edit, 0, 1));
    assert_null(pb_edit_picture(&s.edit, 0, 2));
    assert_null(pb_edit_picture(&s.edit, 0, -1));
    assert_null(pb_edit_picture(&s.edit, 1, 1));
    assert_true(isnan(pb_edit_change(&s.edit, 1)));
    /* What is there already is not overwritten, and not lost. */
    assert_int_equal(pb_session_point_of(own, &s.found.basis, STEPS, NULL, p, NULL), PB_INVALID);
    assert_int_equal(pb_session_basis(own, p, NULL, &s.found.basis, NULL, NULL, NULL, NULL),
                     PB_INVALID);
    assert_int_equal(pb_session_directions(own, p, NULL, &s.found, NULL, NULL), PB_INVALID);
    assert_int_equal(pb_session_edit(own, p, &s.found, NULL, &s.edit, NULL, NULL), PB_INVALID);
    assert_non_null(pb_edit_picture(&s.edit, 0, 1));
    pb_session_free(NULL);
    pb_point_clear(NULL);
    pb_directions_clear(NULL);
    pb_edit_clear(NULL);
    pb_prompts_clear(NULL);
    close_studio(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_carried),
        cmocka_unit_test(test_preimages),
        cmocka_unit_test(test_rgb),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_points_refused),
        cmocka_unit_test(test_edits_refused),
        cmocka_unit_test(test_directions_refused),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
