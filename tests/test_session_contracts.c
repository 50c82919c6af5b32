/* What session.h promises: what is refused, before any work, and that what was there stays. */
#include <math.h>
#include <string.h>

#include "at_work.h"
#include "base/memory.h"
#include "session/session.h"

#define CLASSES GOLDEN "variants/classes"

/* A point of a seed, under a prompt (or NULL) and a class (or -1). */
static pb_point point_of(const studio *d, double t, const char *prompt, long label)
{
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_point point = PB_POINT_EMPTY;

    where.has_seed = 1;
    where.steps = STEPS;
    where.t = t;
    where.prompts.prompt = prompt;
    where.prompts.class_label = label;
    MUST(pb_session_point(d->session, &where, &point, NULL, error));
    return point;
}

static pb_basis basis_of(const studio *d, const pb_point *point, const char *to)
{
    pb_basis_options how = PB_BASIS_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;

    how.rank = 2;
    how.tolerance = 0.5;
    how.null_rank = 0;
    how.to = to;
    MUST(pb_session_basis(d->session, point, &how, &basis, NULL, NULL, NULL, error));
    return basis;
}

/* Half of it white. */
static pb_tensor mask_of(size_t height, size_t width)
{
    pb_tensor mask = PB_TENSOR_EMPTY;

    MUST(pb_tensor_new(&mask, 2, (size_t[2]){height, width}, error));
    for (size_t i = 0; i < height * width / 2; i++)
        mask.data[i] = 1;
    return mask;
}

static pb_tensor noise_of(const studio *d)
{
    const pb_model_info *info = pb_model_get_info(d->model);
    pb_tensor x = PB_TENSOR_EMPTY;

    MUST(pb_session_noise(d->session, 1, info->sample_height, info->sample_width, 3, &x, error));
    return x;
}

static void assert_same(const pb_tensor *a, const pb_tensor *b)
{
    assert_int_equal(pb_tensor_count(a), pb_tensor_count(b));
    assert_memory_equal(a->data, b->data, pb_tensor_count(a) * sizeof(float));
}

/* -- stopped, and asked again --------------------------------------------------------------------
 */

static int stop_later(void *context, const pb_progress *p)
{
    (void)context;
    return p->done >= 2;
}

static const pb_run stopped = {.monitor = stop_later};

static void test_asked_again(void **state)
{
    studio d = open_studio(PIXEL);
    pb_tensor x = noise_of(&d), before = PB_TENSOR_EMPTY;
    pb_point twice, once;

    (void)state;
    twice = point_of(&d, 0.8, NULL, -1);
    once = point_of(&d, 0.8, NULL, -1);
    assert_int_equal(pb_session_point_to(d.session, &twice, 0.2, &stopped, NULL), PB_CANCELLED);
    assert_same(&twice.x, &once.x);
    assert_int_equal(twice.grid, once.grid);
    MUST(pb_session_point_to(d.session, &twice, 0.2, NULL, error));
    MUST(pb_session_point_to(d.session, &once, 0.2, NULL, error));
    assert_same(&twice.x, &once.x);
    assert_true(twice.grid == once.grid && twice.timestep == once.timestep && twice.t == 0.2);
    pb_point_clear(&twice);
    pb_point_clear(&once);

    MUST(pb_tensor_copy(&before, &x, error));
    assert_int_equal(
        pb_session_move(d.session, NULL, NULL, &x, STEPS, STEPS - 1, 0, NULL, &stopped, NULL),
        PB_CANCELLED);
    assert_same(&x, &before);
    assert_int_equal(
        pb_session_sample(d.session, NULL, &x, PB_SPACING_LEADING, STEPS, &stopped, NULL),
        PB_CANCELLED);
    assert_same(&x, &before);
    MUST(pb_session_sample(d.session, NULL, &x, PB_SPACING_LEADING, STEPS, NULL, error));
    assert_true(memcmp(x.data, before.data, pb_tensor_count(&x) * sizeof(float)) != 0);
    pb_tensor_clear(&x);
    pb_tensor_clear(&before);
    close_studio(&d);
}

/* -- of this very point --------------------------------------------------------------------------
 */

/* Directions of a basis that is another point's only by what the point is told: they are carried.
 */
static void check_carried(const studio *d, const pb_point *point, const pb_basis *basis)
{
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found = PB_DIRECTIONS_EMPTY;

    which.basis = basis;
    which.here.tolerance = 0.5;
    MUST(pb_session_directions(d->session, point, &which, &found, NULL, error));
    assert_true(!found.own && found.share);
    assert_true(fabs(found.basis.timestep - point->timestep) < 1e-3);
    assert_string_equal(found.basis.prompt, pb_prompt_of(&point->prompts, PB_PROMPT_EDIT));
    pb_directions_clear(&found);
}

static void test_point_is(void **state)
{
    studio d = open_studio(TEXT);
    pb_basis basis;
    pb_point *p = &d.point;
    pb_tensor mask;

    (void)state;
    *p = point_of(&d, 0.6, "a", -1);
    basis = basis_of(&d, p, "x0");
    mask = mask_of(p->x.shape[2], p->x.shape[3]);
    assert_true(pb_point_is(p, &basis));

    p->timestep += 1;
    assert_false(pb_point_is(p, &basis));
    check_carried(&d, p, &basis);
    p->timestep = NAN;
    assert_false(pb_point_is(p, &basis));
    p->timestep = basis.timestep + 1e-4; /* as near as a point of the grid must be */
    assert_true(pb_point_is(p, &basis));
    pb_point still = *p;
    pb_basis there = basis;
    const size_t size = pb_tensor_count(&p->x);
    still.x.data = there.x.data = pb_calloc(size, sizeof(float)); /* no length to compare with */
    assert_true(pb_point_is(&still, &there));
    there.x.data = basis.x.data;
    assert_false(pb_point_is(&still, &there));
    pb_free(still.x.data);

    p->prompts.class_label = 0;
    assert_false(pb_point_is(p, &basis));
    p->prompts.class_label = -1;

    const char *edit = p->prompts.edit_prompt;
    p->prompts.edit_prompt = "b";
    assert_false(pb_point_is(p, &basis));
    check_carried(&d, p, &basis);
    p->prompts.edit_prompt = edit;
    const char *prompt = p->prompts.prompt;
    p->prompts.prompt = "b"; /* of the trajectory: the map's is the edit prompt */
    assert_true(pb_point_is(p, &basis));
    p->prompts.prompt = prompt;
    char *of_basis = basis.prompt;
    basis.prompt = NULL; /* not known */
    assert_true(pb_point_is(p, &basis));
    basis.prompt = of_basis;

    p->mask = mask;
    assert_false(pb_point_is(p, &basis));
    check_carried(&d, p, &basis);
    pb_basis masked = basis_of(&d, p, NULL);
    assert_true(pb_point_is(p, &masked));
    p->mask = PB_TENSOR_EMPTY; /* as a point that a basis holds has none */
    assert_true(pb_point_is(p, &masked));
    masked.mask.data[0] = 0.5f;
    p->mask = mask;
    assert_false(pb_point_is(p, &masked));
    pb_basis_clear(&masked);
    pb_basis_clear(&basis);
    close_studio(&d);
}

/* -- what is not known ---------------------------------------------------------------------------
 */

static void test_unknown(void **state)
{
    studio d = open_studio(TEXT);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_prompts given = PB_PROMPTS_DEFAULTS;
    const pb_basis empty = PB_BASIS_EMPTY;
    pb_basis basis;
    pb_point point = PB_POINT_EMPTY;

    (void)state;
    d.point = point_of(&d, 0.6, "a", -1);
    basis = basis_of(&d, &d.point, "mid");
    which.basis = &basis;
    which.carry = 1;
    which.onto = &empty;
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, NULL, error),
            "s: expected any numbers, found none");
    pb_directions_clear(&found);

    given.edit_prompt = "b";
    REFUSED(pb_session_point_of(d.session, &basis, STEPS, &given, &point, error),
            "edit prompt \"b\": the basis is that of \"a\"");
    pb_point_clear(&point);
    pb_free(basis.prompt);
    basis.prompt = NULL;
    MUST(pb_session_point_of(d.session, &basis, STEPS, &given, &point, error));
    assert_string_equal(point.prompts.edit_prompt, "b");
    pb_point_clear(&point);
    MUST(pb_session_point_of(d.session, &basis, STEPS, NULL, &point, error));
    assert_string_equal(point.prompts.edit_prompt, "a"); /* the trajectory's */
    pb_point_clear(&point);
    pb_basis_clear(&basis);
    close_studio(&d);
}

/* -- places --------------------------------------------------------------------------------------
 */

/* What holds something is not overwritten. */
static void test_places(void **state)
{
    studio d = open_studio(TEXT), pixel = open_studio(PIXEL);
    pb_tensor x = noise_of(&pixel), before = PB_TENSOR_EMPTY;
    pb_prompts given = PB_PROMPTS_DEFAULTS, prompts = PB_PROMPTS_DEFAULTS;
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_edit edit = PB_EDIT_EMPTY;

    (void)state;
    MUST(pb_tensor_copy(&before, &x, error));
    REFUSED(pb_session_encode(pixel.session, &x, &x, NULL, error), "a place for images");
    REFUSED(pb_session_decode(pixel.session, &x, &x, NULL, error), "a place for pictures");
    assert_same(&x, &before);
    given.negative_prompt = "b";
    MUST(pb_session_prompts(d.session, &given, &prompts, error));
    REFUSED(pb_session_prompts(d.session, NULL, &prompts, error), "a place for prompts");
    assert_string_equal(prompts.negative_prompt, "b");
    pb_prompts_clear(&prompts);

    d.point = point_of(&d, 0.6, NULL, -1); /* nor what a call that failed has left */
    found.basis = basis_of(&d, &d.point, "mid");
    REFUSED(pb_session_directions(d.session, &d.point, NULL, &found, NULL, error),
            "a place for directions");
    edit.direction = pb_calloc(1, sizeof *edit.direction);
    REFUSED(pb_session_edit(d.session, &d.point, &found, NULL, &edit, NULL, error),
            "a place for the edit");
    pb_directions_clear(&found);
    pb_edit_clear(&edit);
    pb_tensor_clear(&before);
    pb_tensor_clear(&x);
    close_studio(&pixel);
    close_studio(&d);
}

/* -- prompts -------------------------------------------------------------------------------------
 */

static void test_without_text(void **state)
{
    static const char why[] = "is not conditioned on text";
    studio d = open_studio(PIXEL);
    pb_tensor x = noise_of(&d);
    pb_condition c;
    pb_prompts all[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        all[i] = PB_PROMPTS_DEFAULTS;
    all[0].prompt = all[1].edit_prompt = all[2].negative_prompt = "a";
    all[3].guidance_scale = 7;
    for (size_t i = 0; i < 4; i++) {
        REFUSED(pb_session_move(d.session, &all[i], NULL, &x, STEPS, 1, 0, NULL, NULL, error), why);
        REFUSED(pb_session_sample(d.session, &all[i], &x, PB_SPACING_LEADING, 2, NULL, error), why);
        REFUSED(pb_session_condition(d.session, &all[i], PB_PROMPT_MAIN, 5, 8, 8, &c, NULL, error),
                why);
        REFUSED(pb_session_prompts(d.session, &all[i], &(pb_prompts){0}, error), why);
    }
    pb_tensor_clear(&x);
    close_studio(&d);
}

static void test_prompts(void **state)
{
    studio d = open_studio(TEXT), classes = open_studio(CLASSES);
    pb_prompts given = PB_PROMPTS_DEFAULTS, p = PB_PROMPTS_DEFAULTS;

    (void)state;
    MUST(pb_session_prompts(d.session, NULL, &p, error));
    assert_string_equal(p.prompt, "");
    assert_true(p.guidance_scale == 1 && p.class_label == -1);
    pb_prompts_clear(&p);
    given.prompt = "a";
    given.guidance_scale = 3;
    MUST(pb_session_prompts(d.session, &given, &p, error));
    assert_true(p.prompt != given.prompt && p.guidance_scale == 3);
    assert_string_equal(p.prompt, "a");
    assert_string_equal(p.edit_prompt, "a"); /* as long as none is given */
    assert_string_equal(p.negative_prompt, "");
    pb_prompts_clear(&p);
    assert_true(!p.prompt && isnan(p.guidance_scale));
    given.class_label = 0;
    REFUSED(pb_session_prompts(d.session, &given, &p, error), "a network that takes none");

    given = PB_PROMPTS_DEFAULTS;
    REFUSED(pb_session_prompts(classes.session, &given, &p, error), "needs a class label");
    given.class_label = 100000;
    REFUSED(pb_session_prompts(classes.session, &given, &p, error), "class label 100000: expected");
    given.class_label = 1;
    MUST(pb_session_prompts(classes.session, &given, &p, error));
    assert_int_equal(p.class_label, 1);
    close_studio(&classes);
    close_studio(&d);
}

/* A text that was cut is too long still when it must be whole. */
static void test_whole(void **state)
{
    studio d = open_studio(TEXT);
    char text[400] = "";
    const char *const texts[] = {"a", text};

    (void)state;
    for (size_t i = 0; i < 99; i++)
        strcat(text, "a b ");
    MUST(pb_session_embed(d.session, 1, &texts[1], 0, NULL, error));
    REFUSED(pb_session_embed(d.session, 2, texts, 1, NULL, error), "must be taken whole; beyond");
    assert_int_equal(d.session->embedding_count, 1); /* none of a call that failed */
    MUST(pb_session_embed(d.session, 2, texts, 0, NULL, error));
    MUST(pb_session_embed(d.session, 1, texts, 1, NULL, error));
    close_studio(&d);
}

/* -- directions ----------------------------------------------------------------------------------
 */

/* Mistakes are found before anything is computed. */
static void test_before_work(void **state)
{
    studio d = open_studio(TEXT);
    told t = {0};
    pb_run run = run_of(&t);
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit edit = PB_EDIT_EMPTY;
    pb_tensor wrong = mask_of(3, 3);
    pb_basis basis;

    (void)state;
    d.point = point_of(&d, 0.6, NULL, -1);
    basis = basis_of(&d, &d.point, "mid");
    where.picture = &d.picture;
    where.mask = &wrong;
    for (int seed = 0; seed < 2; seed++) {
        pb_point point = PB_POINT_EMPTY;
        REFUSED(pb_session_point(d.session, &where, &point, &run, error), "a mask: expected");
        pb_point_clear(&point);
        where.picture = NULL;
        where.has_seed = 1;
    }

    which.u = &wrong;
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, &run, error),
            "h-directions: expected");
    which.u = &basis.u;
    which.damping = -1;
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, &run, error), "damping -1");
    which.damping = 0;
    which.needed = 3;
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, &run, error),
            "direction 2: there are 0 to 1");
    which.u = NULL;
    which.here.rank = 2;
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, &run, error),
            "direction 2: there are 0 to 1");
    which.basis = &basis;
    which.carry = 1;
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, &run, error),
            "direction 2: there are 0 to 1");
    which.needed = 1;
    which.here.from = "down.0"; /* none of x, wherever they come from */
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, &run, error),
            "directions at the tap down.0");
    which.basis = NULL;
    REFUSED(pb_session_directions(d.session, &d.point, &which, &found, &run, error),
            "directions at the tap down.0");

    which = PB_DIRECTION_DEFAULTS;
    which.basis = &basis;
    MUST(pb_session_directions(d.session, &d.point, &which, &found, NULL, error));
    how.boost = INFINITY;
    REFUSED(pb_session_edit(d.session, &d.point, &found, &how, &edit, &run, error), "boost inf");
    how.boost = -3;
    REFUSED(pb_session_edit(d.session, &d.point, &found, &how, &edit, &run, error), "boost -3");
    how.boost = 0;
    how.iterations = SIZE_MAX;
    REFUSED(pb_session_edit(d.session, &d.point, &found, &how, &edit, &run, error),
            "iterations: expected at most 1000000000");
    how.iterations = 2;
    how.mode = PB_EDIT_RELINEARISE;
    d.point.x.data[0] += 100; /* another point than that of the directions */
    REFUSED(pb_session_edit(d.session, &d.point, &found, &how, &edit, &run, error),
            "need a basis of this very point");
    pb_edit_clear(&edit);
    d.point.grid = d.point.steps;
    REFUSED(pb_session_edit(d.session, &d.point, &found, &how, &edit, &run, error),
            "is not on a grid of");
    assert_int_equal(t.task_count, 0);
    pb_edit_clear(&edit);
    pb_directions_clear(&found);
    pb_basis_clear(&basis);
    pb_tensor_clear(&wrong);
    close_studio(&d);
}

/* -- ranges --------------------------------------------------------------------------------------
 */

static void refuse_time(const studio *d, const pb_point_options *o, const char *why)
{
    pb_point point = PB_POINT_EMPTY;

    REFUSED(pb_session_time(d->session, o, &point, NULL, error), why);
    REFUSED(pb_session_point(d->session, o, &point, NULL, error), why);
    pb_point_clear(&point);
}

static void test_times(void **state)
{
    static const double never[] = {-5, -1e-9, 999.5, 1e9, INFINITY, -INFINITY};
    studio d = open_studio(PIXEL);
    pb_point_options o = PB_POINT_DEFAULTS;
    pb_tensor x = noise_of(&d);
    pb_point point = PB_POINT_EMPTY;

    (void)state;
    o.x = &x;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        o.timestep = never[i];
        refuse_time(&d, &o, "expected 0 to 999");
    }
    o.timestep = 999;
    MUST(pb_session_time(d.session, &o, &point, NULL, error));
    o.t = 1e9; /* what a file says beside it */
    refuse_time(&d, &o, "t 1e+09: expected a fraction");
    o.timestep = PB_NOT_GIVEN;
    refuse_time(&d, &o, "t 1e+09: expected a fraction");
    o.t = 0.5;
    o.steps = 1001;
    refuse_time(&d, &o, "a grid of 1001 points: expected 2 to 1000");
    o.steps = (size_t)1 << 60;
    refuse_time(&d, &o, "points: expected 2 to 1000");
    o.steps = 1000;
    MUST(pb_session_time(d.session, &o, &point, NULL, error));
    pb_tensor_clear(&x);
    close_studio(&d);
}

/* Numbers that are none, in whatever a point is of. */
static void test_numbers(void **state)
{
    studio d = open_studio(PIXEL);
    pb_tensor x = noise_of(&d);
    pb_point point = PB_POINT_EMPTY;

    (void)state;
    x.data[5] = NAN;
    for (size_t i = 0; i < 3; i++) {
        pb_point_options o = PB_POINT_DEFAULTS;
        o.x = i == 0 ? &x : NULL;
        o.image = i == 1 ? &x : NULL;
        o.picture = i == 2 ? &x : NULL;
        REFUSED(pb_session_point(d.session, &o, &point, NULL, error), "entry 5 is not finite");
        x.data[5] = INFINITY;
    }
    pb_tensor_clear(&x);
    close_studio(&d);
}

static void test_boosts(void **state)
{
    static const double never[] = {NAN, INFINITY, -3, 1.01};
    studio d = open_studio(PIXEL);
    pb_tensor x = noise_of(&d);

    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        const pb_boost boost = {.t = never[i]};
        REFUSED(pb_session_move(d.session, NULL, NULL, &x, STEPS, 1, 0, &boost, NULL, error),
                "expected a fraction from 0 to 1");
    }
    pb_tensor_clear(&x);
    close_studio(&d);
}

static void test_basis_points(void **state)
{
    studio d = open_studio(CLASSES);
    pb_prompts given = PB_PROMPTS_DEFAULTS;
    pb_point_options o = PB_POINT_DEFAULTS;
    pb_point point = PB_POINT_EMPTY, *p = &d.point;
    pb_basis basis, none = PB_BASIS_EMPTY;
    const pb_run run = {.memory = (size_t)1 << 30};
    size_t shape[4];

    (void)state;
    *p = point_of(&d, 0.6, NULL, 1);
    basis = basis_of(&d, p, "mid");
    assert_int_equal(basis.class_label, 1);
    given.class_label = 0;
    REFUSED(pb_session_point_of(d.session, &basis, STEPS, &given, &point, error),
            "class 0: the basis is that of class 1");
    given.class_label = 1;
    MUST(pb_session_point_of(d.session, &basis, STEPS, &given, &point, error));
    assert_true(pb_point_is(&point, &basis));
    pb_point_clear(&point);
    REFUSED(pb_session_point_of(d.session, &basis, 1, NULL, &point, error), "a grid of 1 points");
    REFUSED(pb_session_point_of(d.session, &basis, SIZE_MAX, NULL, &point, error),
            "expected 2 to 1000");
    o.x = &p->x; /* nobody says of which class */
    REFUSED(pb_session_point(d.session, &o, &point, NULL, error), "needs a class label");

    memcpy(shape, p->x.shape, sizeof shape);
    memmove(p->x.shape, shape + 1, 3 * sizeof *shape);
    p->x.rank = 3; /* whatever memory there is */
    REFUSED(pb_session_basis(d.session, p, NULL, &none, NULL, NULL, NULL, error), "a point");
    REFUSED(pb_session_basis(d.session, p, NULL, &none, NULL, NULL, &run, error), "a point");
    p->x.rank = 4;
    memcpy(p->x.shape, shape, sizeof shape);
    pb_basis_clear(&basis);
    close_studio(&d);
}

/* -- the rest ------------------------------------------------------------------------------------
 */

static void test_mask_check(void **state)
{
    pb_tensor mask = mask_of(4, 6);
    told t = {0};
    const pb_run run = run_of(&t);

    (void)state;
    REFUSED(pb_mask_check(&mask, 6, 4, &run, error), "a mask: expected 6 x 4");
    MUST(pb_mask_check(&mask, 4, 6, &run, error));
    assert_string_equal(t.warnings, "");
    mask.data[23] = 1.5f;
    REFUSED(pb_mask_check(&mask, 4, 6, &run, error), "entry 23 is 1.5: expected 0 to 1");
    for (size_t i = 0; i < 24; i++)
        mask.data[i] = i < 21;
    MUST(pb_mask_check(&mask, 4, 6, &run, error));
    assert_string_equal(t.warnings, "88 % of the mask is white: little is left to spare\n");
    memset(mask.data, 0, 24 * sizeof *mask.data);
    REFUSED(pb_mask_check(&mask, 4, 6, NULL, error), "black all over");
    pb_tensor_clear(&mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asked_again),  cmocka_unit_test(test_point_is),
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_places),
        cmocka_unit_test(test_without_text), cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_whole),        cmocka_unit_test(test_before_work),
        cmocka_unit_test(test_times),        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_boosts),       cmocka_unit_test(test_basis_points),
        cmocka_unit_test(test_mask_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
