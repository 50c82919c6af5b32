/* The session: what it finds and tells, and that whoever stops it can go on with it. What it
 * refuses: test_session_refused.c. */
#include <math.h>
#include <string.h>

#include "at_work.h"
#include "base/memory.h"

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

/* A basis that is stopped keeps what had converged, and all that it says of itself. */
static void test_kept(void **state)
{
    studio s = open_studio(TEXT);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_basis_options how = PB_BASIS_DEFAULTS;
    pb_basis whole = PB_BASIS_EMPTY, kept = PB_BASIS_EMPTY, again = PB_BASIS_EMPTY;
    told t = {.converged = 2};
    pb_run run = run_of(&t);
    pb_svd *svd;
    size_t count;

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    pb_directions_clear(&s.found);
    how.rank = 6;
    how.block = 2;
    MUST(pb_session_basis(s.session, &s.point, &how, &whole, NULL, NULL, NULL, error));
    assert_int_equal(pb_session_basis(s.session, &s.point, &how, &kept, &svd, NULL, &run, NULL),
                     PB_CANCELLED);
    count = kept.s.shape[0];
    assert_true(count >= 2 && count < 6 && svd->rank == count && kept.converged == count);
    for (size_t i = 0; i < count; i++)
        assert_true(fabs((double)(kept.s.data[i] - whole.s.data[i])) <=
                    how.tolerance * (double)whole.s.data[0]);
    assert_string_equal(kept.prompt, "a face");
    assert_string_equal(kept.trajectory_prompt, "a face");
    assert_true(kept.guidance_scale == 2 && kept.t == whole.t && kept.steps == STEPS);
    assert_string_equal(t.warnings, "");
    MUST(pb_basis_compatible(&kept, s.model, 0, 0, error));
    pb_svd_free(svd);

    which.here = how; /* of directions there is the basis alone */
    assert_int_equal(pb_session_directions(s.session, &s.point, &which, &s.found, &run, NULL),
                     PB_CANCELLED);
    assert_true(!s.found.v.data && s.found.basis.s.shape[0] == count);
    assert_int_equal(pb_session_directions(s.session, &s.point, &which, &s.found, NULL, NULL),
                     PB_INVALID); /* it is to be cleared first */

    MUST(pb_session_basis(s.session, &s.point, &how, &again, NULL, NULL, NULL, error));
    assert_memory_equal(again.v.data, whole.v.data, pb_tensor_count(&whole.v) * sizeof(float));
    pb_basis_clear(&again);
    pb_basis_clear(&kept);
    pb_basis_clear(&whole);
    close_studio(&s);
}

/* A session that has been at work on one number of threads takes another when it is told to. */
static void test_threads(void **state)
{
    studio s = open_studio(PIXEL);

    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        told t = {0};
        pb_run run = run_of(&t);
        run.threads = threads;
        MUST(go(&s, PB_EDIT_GUIDANCE, &run, error));
        assert_int_equal(t.fewest, threads);
        assert_int_equal(t.most, threads);
    }
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
    for (size_t i = 0; i < 5; i++) {
        pb_edit_way way = pb_edit_way_of(&s.edit, i);
        assert_int_equal(way.side, i == 4 ? 0 : i % 2 ? -1 : 1);
        assert_int_equal(way.direction, i == 4 ? 0 : both[i / 2]);
    }
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
            assert_int_equal(pb_edit_way_of(&one, 0).side, side ? -1 : 1);
            assert_int_equal(pb_edit_way_of(&one, 0).direction, both[d]);
            assert_int_equal(pb_edit_way_of(&one, 1).side, 0);
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

/* Along a weighted sum of two directions, and along the same vector as a direction of its own. */
static void test_sum(void **state)
{
    studio s = open_studio(TEXT);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    const size_t both[2] = {1, 0}, sum = 0;
    const double weights[2] = {-4, 3};
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit added = PB_EDIT_EMPTY;
    size_t size = pb_tensor_count(&s.picture), length;
    char *name;

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    pb_directions_clear(&s.found);
    pb_edit_clear(&s.edit);
    which.needed = 2;
    MUST(pb_session_directions(s.session, &s.point, &which, &s.found, NULL, error));
    how.count = 2;
    how.direction = both;
    how.weights = weights;
    how.sides = PB_EDIT_BOTH;
    how.iterations = 2;
    MUST(pb_session_edit(s.session, &s.point, &s.found, &how, &added, NULL, error));
    assert_int_equal(added.count, 1);
    assert_int_equal(added.pictures.shape[0], 3);
    name = pb_edit_name(&added, 0);
    assert_string_equal(name, "v1:-4,0:3");
    pb_text_free(name);
    length = pb_tensor_count(&s.found.v) / s.found.v.shape[0];
    for (size_t i = 0; i < length; i++)
        s.found.v.data[i] = 0.6f * s.found.v.data[i] - 0.8f * s.found.v.data[length + i];
    how.count = 1;
    how.direction = &sum;
    how.weights = NULL;
    MUST(pb_session_edit(s.session, &s.point, &s.found, &how, &s.edit, NULL, error));
    for (long stage = -1; stage <= 1; stage++)
        assert_near("a sum", pb_edit_picture(&added, 0, stage), pb_edit_picture(&s.edit, 0, stage),
                    size, 1e-4);
    assert_true(pb_edit_change(&added, 0) > 0.01);
    name = pb_edit_name(&s.edit, 0);
    assert_string_equal(name, "v0");
    pb_text_free(name);
    assert_null(pb_edit_name(&s.edit, 1));
    pb_edit_clear(&added);
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

    pb_point_clear(&again);
    MUST(pb_session_point_of(s.session, &s.found.basis, 0, NULL, &again, error));
    assert_int_equal(again.steps, STEPS); /* which the basis knows */
    assert_int_equal(again.grid, s.point.grid);
    pb_point_clear(&again);
    s.found.basis.steps = 0;
    MUST(pb_session_point_of(s.session, &s.found.basis, 0, NULL, &again, error));
    assert_int_equal(again.steps, 100);
    pb_point_clear(&again);
    s.found.basis.steps = STEPS;
    MUST(pb_session_point_of(s.session, &s.found.basis, 0, NULL, &again, error));

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks),     cmocka_unit_test(test_stops),
        cmocka_unit_test(test_kept),      cmocka_unit_test(test_threads),
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_sides),
        cmocka_unit_test(test_sum),       cmocka_unit_test(test_carried),
        cmocka_unit_test(test_preimages), cmocka_unit_test(test_rgb),
        cmocka_unit_test(test_warnings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
