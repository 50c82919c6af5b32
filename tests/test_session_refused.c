/* What the session refuses, and why: options that do not go together, and arguments that are not
 * there. */
#include <math.h>
#include <string.h>

#include "at_work.h"
#include "base/memory.h"

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
        cmocka_unit_test(test_points_refused),
        cmocka_unit_test(test_edits_refused),
        cmocka_unit_test(test_directions_refused),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
