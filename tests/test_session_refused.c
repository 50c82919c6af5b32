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
    how.count = 2;
    how.direction = (const size_t[]){0, 0};
    how.weights = (const double[]){1, -1};
    refuse_edit(&s, &how, "weighted sum is zero");
    how.weights = (const double[]){1, NAN};
    refuse_edit(&s, &how, "a weight of nan");
    how.mode = PB_EDIT_RELINEARISE;
    how.weights = (const double[]){1, 1};
    refuse_edit(&s, &how, "not a weighted sum");
    how = (pb_edit_options)PB_EDIT_DEFAULTS;
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

/* -- one argument after the other ----------------------------------------------------------------
 */

/* Sizes, pictures, images and noise. */
static void test_arrays_refused(void **state)
{
    studio s = open_studio(TEXT);
    pb_session *none = NULL, *own = s.session;
    pb_tensor out = PB_TENSOR_EMPTY, nothing = PB_TENSOR_EMPTY, images = PB_TENSOR_EMPTY, wrong;
    unsigned char rgb[12] = {0};
    size_t a, b, height, width;

    (void)state;
    REFUSED(pb_session_new(NULL, s.model, error), "a place for the session");
    REFUSED(pb_session_new(&none, NULL, error), "a model");
    assert_true(isnan(pb_session_drawing_scale(NULL)));
    assert_true(pb_session_drawing_scale(own) == 7.5);
    REFUSED(pb_session_pixels(NULL, &a, &b, error), "a session");
    REFUSED(pb_session_pixels(own, NULL, &b, error), "a place for the factor");
    REFUSED(pb_session_pixels(own, &a, NULL, error), "a place for the channels");
    REFUSED(pb_session_size(NULL, 0, 0, &a, &b, error), "a session");
    REFUSED(pb_session_size(own, 0, 0, NULL, &b, error), "a place for the height");
    REFUSED(pb_session_size(own, 0, 0, &a, NULL, error), "a place for the width");
    REFUSED(pb_session_size(own, 7, 0, &a, &b, error), "height 7");
    REFUSED(pb_session_size(own, 0, 7, &a, &b, error), "width 7");
    MUST(pb_session_size(own, 0, 0, &height, &width, error));

    MUST(pb_session_encode(own, &s.picture, &images, NULL, error));
    wrong = s.picture;
    wrong.shape[1]++;
    REFUSED(pb_session_encode(NULL, &s.picture, &out, NULL, error), "a session");
    REFUSED(pb_session_encode(own, NULL, &out, NULL, error), "pictures: expected");
    REFUSED(pb_session_encode(own, &nothing, &out, NULL, error), "pictures: expected");
    REFUSED(pb_session_encode(own, &wrong, &out, NULL, error), "pictures: expected");
    REFUSED(pb_session_encode(own, &s.picture, NULL, NULL, error), "a place for images");
    REFUSED(pb_session_encode(own, &s.picture, &images, NULL, error), "expected an empty one");
    wrong = images;
    wrong.shape[1]++;
    REFUSED(pb_session_decode(NULL, &images, &out, NULL, error), "a session");
    REFUSED(pb_session_decode(own, NULL, &out, NULL, error), "images: expected");
    REFUSED(pb_session_decode(own, &nothing, &out, NULL, error), "images: expected");
    REFUSED(pb_session_decode(own, &wrong, &out, NULL, error), "images: expected");
    REFUSED(pb_session_decode(own, &images, NULL, NULL, error), "a place for pictures");
    REFUSED(pb_session_decode(own, &images, &s.picture, NULL, error), "expected an empty one");

    REFUSED(pb_picture_of_rgb(NULL, rgb, 2, 2, &out, error), "a session");
    REFUSED(pb_picture_of_rgb(own, NULL, 2, 2, &out, error), "rows of pixels");
    REFUSED(pb_picture_of_rgb(own, rgb, 0, 2, &out, error), "0x2 pixels");
    REFUSED(pb_picture_of_rgb(own, rgb, 2, 0, &out, error), "2x0 pixels");
    REFUSED(pb_picture_of_rgb(own, rgb, SIZE_MAX, 2, &out, error), "pixels: expected fewer");
    REFUSED(pb_picture_of_rgb(own, rgb, 2, 2, NULL, error), "a place for the picture");
    REFUSED(pb_picture_of_rgb(own, rgb, 2, 2, &s.picture, error), "expected an empty one");
    REFUSED(pb_rgb_of_picture(NULL, 3, 2, 2, rgb, error), "a picture");
    REFUSED(pb_rgb_of_picture(s.picture.data, 3, 2, 2, NULL, error), "room for pixels");
    REFUSED(pb_rgb_of_picture(s.picture.data, 3, SIZE_MAX, 2, rgb, error), "expected fewer");

    REFUSED(pb_session_noise(NULL, 1, height, width, 0, &out, error), "a session");
    REFUSED(pb_session_noise(own, 1, height, width, 0, NULL, error), "a place for noise");
    REFUSED(pb_session_noise(own, 1, height, width, 0, &images, error), "expected an empty one");
    assert_int_equal(pb_session_noise(own, SIZE_MAX, height, width, 0, &out, NULL), PB_MEMORY);
    assert_null(out.data);
    pb_tensor_clear(&images);
    close_studio(&s);
}

/* Prompts, of a model with and of one without text. */
static void test_prompts_refused(void **state)
{
    studio s = open_studio(TEXT), pixel = open_studio(PIXEL);
    const char *const texts[] = {"a", NULL};
    pb_prompts given = PB_PROMPTS_DEFAULTS, out = PB_PROMPTS_DEFAULTS;
    pb_session *own = s.session;
    char many[600] = "";
    const char *const longer = many;
    pb_condition c;
    double cosine;

    (void)state;
    for (size_t i = 0; i < 99; i++)
        strcat(many, "face ");
    given.prompt = "a";
    REFUSED(pb_session_prompts(NULL, &given, &out, error), "a session");
    REFUSED(pb_session_prompts(own, &given, NULL, error), "a place for prompts");
    REFUSED(pb_session_prompts(pixel.session, &given, &out, error), "not conditioned on text");
    REFUSED(pb_session_condition(NULL, &given, PB_PROMPT_MAIN, 0, 8, 8, &c, NULL, error),
            "a session");
    REFUSED(pb_session_condition(own, &given, PB_PROMPT_MAIN, 0, 8, 8, NULL, NULL, error),
            "a place for the condition");
    REFUSED(pb_session_sizes(NULL, &given.sizes, 8, 8, error), "a session");
    REFUSED(pb_session_sizes(own, NULL, 8, 8, error), "sizes");
    REFUSED(pb_session_embed(NULL, 1, texts, 0, NULL, error), "a session");
    REFUSED(pb_session_embed(own, 1, NULL, 0, NULL, error), "texts");
    REFUSED(pb_session_embed(own, 2, texts, 0, NULL, error), "a text");
    REFUSED(pb_session_embed(own, 1, &longer, 1, NULL, error), "too long");
    REFUSED(pb_session_embed(pixel.session, 1, texts, 0, NULL, error), "not conditioned on text");
    REFUSED(pb_session_likeness(NULL, "a", "b", &cosine, NULL, error), "a session");
    REFUSED(pb_session_likeness(own, NULL, "b", &cosine, NULL, error), "a text");
    REFUSED(pb_session_likeness(own, "a", NULL, &cosine, NULL, error), "a text");
    REFUSED(pb_session_likeness(own, "a", "b", NULL, NULL, error), "a place for the cosine");
    pb_prompts_clear(&out);
    close_studio(&pixel);
    close_studio(&s);
}

/* Moving, and points. */
static void test_moving_refused(void **state)
{
    studio s = open_studio(PIXEL);
    pb_session *own = s.session;
    pb_tensor nothing = PB_TENSOR_EMPTY, wrong = s.picture, *x = &s.picture;
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_prompts text = PB_PROMPTS_DEFAULTS;
    pb_point point = PB_POINT_EMPTY, *p = &s.point;
    pb_boost boost = {.t = 0.5};
    pb_basis mean = PB_BASIS_EMPTY;

    (void)state;
    wrong.shape[1]++;
    text.prompt = "a";
    REFUSED(pb_session_move(NULL, NULL, NULL, x, 5, 0, 4, NULL, NULL, error), "a session");
    REFUSED(pb_session_move(own, NULL, NULL, NULL, 5, 0, 4, NULL, NULL, error), "images: expected");
    REFUSED(pb_session_move(own, NULL, NULL, &nothing, 5, 0, 4, NULL, NULL, error),
            "images: expected");
    REFUSED(pb_session_move(own, NULL, NULL, &wrong, 5, 0, 4, NULL, NULL, error),
            "images: expected");
    REFUSED(pb_session_move(own, NULL, NULL, x, 1, 0, 0, NULL, NULL, error), "1");
    REFUSED(pb_session_move(own, NULL, NULL, x, 5, 5, 4, NULL, NULL, error), "5");
    REFUSED(pb_session_move(own, NULL, NULL, x, 5, 0, 5, &boost, NULL, error), "5");
    REFUSED(pb_session_sample(NULL, NULL, x, PB_SPACING_LEADING, 5, NULL, error), "a session");
    REFUSED(pb_session_sample(own, NULL, NULL, PB_SPACING_LEADING, 5, NULL, error),
            "images: expected");
    REFUSED(pb_session_sample(own, NULL, &wrong, PB_SPACING_LEADING, 5, NULL, error),
            "images: expected");
    REFUSED(pb_session_sample(own, NULL, x, (pb_spacing)9, 5, NULL, error), "spacing 9");
    REFUSED(pb_session_sample(own, NULL, x, PB_SPACING_LEADING, 0, NULL, error), "0 steps");

    REFUSED(pb_mask_check(NULL, 4, 4, NULL, error), "a mask: expected");
    REFUSED(pb_mask_check(&nothing, 4, 4, NULL, error), "a mask: expected");
    REFUSED(pb_session_time(NULL, &where, p, NULL, error), "a session");
    REFUSED(pb_session_time(own, &where, NULL, NULL, error), "a point");
    where.steps = 1;
    REFUSED(pb_session_time(own, &where, p, NULL, error), "a grid of 1 points");
    where.steps = SIZE_MAX; /* walked by nobody */
    REFUSED(pb_session_time(own, &where, p, NULL, error), "points: expected 2 to 1000");
    assert_int_equal(pb_grid_of(1000, SIZE_MAX, 999.5), SIZE_MAX);
    where = PB_POINT_DEFAULTS;
    where.has_seed = 1;
    where.steps = STEPS;
    REFUSED(pb_session_point(NULL, &where, &point, NULL, error), "a session");
    REFUSED(pb_session_point(own, NULL, &point, NULL, error), "options");
    REFUSED(pb_session_point(own, &where, NULL, NULL, error), "a point");
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    REFUSED(pb_session_point(own, &where, p, NULL, error), "expected an empty one");
    REFUSED(pb_session_point_of(NULL, &s.found.basis, 10, NULL, &point, error), "a session");
    REFUSED(pb_session_point_of(own, NULL, 10, NULL, &point, error), "a basis");
    REFUSED(pb_session_point_of(own, &s.found.basis, 10, NULL, NULL, error), "a point");
    REFUSED(pb_session_point_of(own, &s.found.basis, 10, NULL, p, error), "expected an empty one");
    REFUSED(pb_session_point_of(own, &s.found.basis, 10, &text, &point, error),
            "not conditioned on text");
    mean.samples = 2;
    REFUSED(pb_session_point_of(own, &mean, 10, NULL, &point, error), "has no point");
    REFUSED(pb_session_point_to(NULL, p, 0.5, NULL, error), "a session");
    REFUSED(pb_session_point_to(own, NULL, 0.5, NULL, error), "a point");
    REFUSED(pb_session_point_to(own, &point, 0.5, NULL, error), "is not on a grid");
    REFUSED(pb_session_point_to(own, p, 1.5, NULL, error), "t 1.5");
    assert_int_equal(pb_point_is(NULL, &s.found.basis), 0);
    assert_int_equal(pb_point_is(p, NULL), 0);
    assert_int_equal(pb_point_is(&point, &s.found.basis), 0);
    assert_int_equal(pb_point_is(p, &mean), 0);
    pb_point_clear(&point);
    close_studio(&s);
}

static void refuse_basis(studio *s, const pb_basis_options *how, const char *why)
{
    pb_basis basis = PB_BASIS_EMPTY;

    REFUSED(pb_session_basis(s->session, &s->point, how, &basis, NULL, NULL, NULL, error), why);
    assert_null(basis.s.data);
}

/* Bases, and what directions and edits need beside options. */
static void test_bases_refused(void **state)
{
    studio s = open_studio(PIXEL);
    pb_session *own = s.session;
    pb_point *p = &s.point, empty = PB_POINT_EMPTY;
    pb_basis_options how = PB_BASIS_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_edit edit = PB_EDIT_EMPTY;

    (void)state;
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    REFUSED(pb_session_basis(NULL, p, NULL, &basis, NULL, NULL, NULL, error), "a session");
    REFUSED(pb_session_basis(own, NULL, NULL, &basis, NULL, NULL, NULL, error), "a point");
    REFUSED(pb_session_basis(own, p, NULL, NULL, NULL, NULL, NULL, error), "the basis");
    REFUSED(pb_session_basis(own, &empty, NULL, &basis, NULL, NULL, NULL, error), "a point");
    REFUSED(pb_session_basis(own, p, NULL, &s.found.basis, NULL, NULL, NULL, error),
            "expected an empty one");
    how.from = "nowhere";
    refuse_basis(&s, &how, "no tap \"nowhere\"");
    how.from = NULL;
    how.to = "nowhere";
    refuse_basis(&s, &how, "no tap \"nowhere\"");
    how.to = NULL;
    how.rank = 0;
    refuse_basis(&s, &how, "rank 0");
    how.rank = 2;
    how.tolerance = NAN;
    refuse_basis(&s, &how, "tolerance nan");
    how.tolerance = 1e-3;
    how.method = (pb_svd_method)7;
    refuse_basis(&s, &how, "method 7");
    how.method = PB_SVD_KRYLOV;
    how.null_rank = 3;
    refuse_basis(&s, &how, "without a mask");
    how.null_rank = -1;
    how.guided = 1;
    refuse_basis(&s, &how, "not conditioned on text");
    how.guided = 0;
    how.start = &s.found.basis.u;
    refuse_basis(&s, &how, "starting directions: expected");

    REFUSED(pb_session_directions(NULL, p, NULL, &found, NULL, error), "a session");
    REFUSED(pb_session_directions(own, NULL, NULL, &found, NULL, error), "a point");
    REFUSED(pb_session_directions(own, p, NULL, NULL, NULL, error), "a place for directions");
    REFUSED(pb_session_directions(own, &empty, NULL, &found, NULL, error), "a point: expected");
    REFUSED(pb_session_directions(own, p, NULL, &s.found, NULL, error), "expected an empty one");
    REFUSED(pb_session_edit(NULL, p, &s.found, NULL, &edit, NULL, error), "a session");
    REFUSED(pb_session_edit(own, NULL, &s.found, NULL, &edit, NULL, error), "a point");
    REFUSED(pb_session_edit(own, p, NULL, NULL, &edit, NULL, error), "directions");
    REFUSED(pb_session_edit(own, p, &s.found, NULL, NULL, NULL, error), "a place for the edit");
    REFUSED(pb_session_edit(own, p, &s.found, NULL, &s.edit, NULL, error), "expected an empty one");
    REFUSED(pb_session_edit(own, p, &found, NULL, &edit, NULL, error), "directions: expected");
    pb_edit_clear(&edit);
    assert_non_null(pb_edit_picture(&s.edit, 0, 1)); /* what is there already is not lost */
    close_studio(&s);
}

/* Of an edit there is what it has, and of none nothing. */
static void test_edit_parts(void **state)
{
    studio s = open_studio(PIXEL);
    const pb_edit *const nothing[] = {NULL, &s.edit};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const pb_edit *e = nothing[i];
        assert_null(pb_edit_picture(e, 0, 0));
        assert_true(isnan(pb_edit_change(e, 0)) && isnan(pb_edit_strength(e)));
        assert_true(isnan(pb_edit_outside(e, 0)) && pb_edit_iteration(e, 1) == 0);
        assert_int_equal(pb_edit_way_of(e, 0).side, 0);
    }
    MUST(go(&s, PB_EDIT_GUIDANCE, NULL, error));
    assert_non_null(pb_edit_picture(&s.edit, 0, 1));
    assert_null(pb_edit_picture(&s.edit, 0, 2));
    assert_null(pb_edit_picture(&s.edit, 0, -1));
    assert_null(pb_edit_picture(&s.edit, 1, 1));
    assert_true(isnan(pb_edit_change(&s.edit, 1)));
    assert_int_equal(pb_edit_way_of(&s.edit, 0).side, 1);
    assert_int_equal(pb_edit_way_of(&s.edit, 1).side, 0);
    assert_string_equal(pb_edit_mode_name(PB_EDIT_MODES), "unknown");
    pb_session_free(NULL);
    pb_point_clear(NULL);
    pb_directions_clear(NULL);
    pb_edit_clear(NULL);
    pb_prompts_clear(NULL);
    pb_prompts_init(NULL);
    pb_point_init(NULL);
    pb_point_options_init(NULL);
    pb_basis_options_init(NULL);
    pb_direction_options_init(NULL);
    pb_directions_init(NULL);
    pb_edit_options_init(NULL);
    pb_edit_init(NULL);
    close_studio(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_refused),     cmocka_unit_test(test_edits_refused),
        cmocka_unit_test(test_directions_refused), cmocka_unit_test(test_arrays_refused),
        cmocka_unit_test(test_prompts_refused),    cmocka_unit_test(test_moving_refused),
        cmocka_unit_test(test_bases_refused),      cmocka_unit_test(test_edit_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
