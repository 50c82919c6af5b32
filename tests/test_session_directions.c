/* The session's directions and edits: what each option changes, and to what. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "golden.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define TEXT GOLDEN "sd1-tiny"
#define STEPS 5

typedef struct desk {
    pb_model *model;
    pb_session *session;
} desk;

static desk open_desk(const char *path)
{
    desk d;

    MUST(pb_model_open(&d.model, path, error));
    MUST(pb_session_new(&d.session, d.model, error));
    return d;
}

static void close_desk(desk *d)
{
    pb_session_free(d->session);
    pb_model_free(d->model);
}

/* What a seed's noise becomes at t = 0.6. prompt: or NULL; mask: or NULL. */
static pb_point point_of(const desk *d, uint64_t seed, const char *prompt, const pb_tensor *mask)
{
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_point point = PB_POINT_EMPTY;

    where.has_seed = 1;
    where.seed = seed;
    where.steps = STEPS;
    where.t = 0.6;
    where.mask = mask;
    where.prompts.prompt = prompt;
    if (prompt) {
        where.prompts.negative_prompt = "b";
        where.prompts.guidance_scale = 30; /* of random weights, which hardly heed a prompt */
    }
    MUST(pb_session_point(d->session, &where, &point, NULL, error));
    return point;
}

/* to: or NULL */
static pb_basis basis_at(const desk *d, const pb_point *point, size_t rank, const char *to,
                         int guided, double tolerance)
{
    pb_basis_options how = PB_BASIS_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;

    how.rank = rank;
    how.to = to;
    how.guided = guided;
    how.tolerance = tolerance;
    how.null_rank = point->mask.data ? 5 : -1;
    MUST(pb_session_basis(d->session, point, &how, &basis, NULL, NULL, NULL, error));
    return basis;
}

static pb_directions directions_at(const desk *d, const pb_point *point,
                                   const pb_direction_options *which)
{
    pb_directions found = PB_DIRECTIONS_EMPTY;

    MUST(pb_session_directions(d->session, point, which, &found, NULL, error));
    return found;
}

/* The upper half. */
static pb_tensor mask_of(const desk *d)
{
    const pb_model_info *info = pb_model_get_info(d->model);
    pb_tensor mask = PB_TENSOR_EMPTY;

    MUST(pb_tensor_new(&mask, 2, (size_t[2]){info->sample_height, info->sample_width}, error));
    for (size_t i = 0; i < pb_tensor_count(&mask) / 2; i++)
        mask.data[i] = 1;
    return mask;
}

static double cosine(size_t n, const float *a, const float *b)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* -- h-directions -------------------------------------------------------------------------------
 */

/* The u of a basis pulled back are its v: of a map without more ado, guided, and under a mask. */
static void check_preimages(const desk *d, const pb_point *point, const char *to, int guided)
{
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_basis basis = basis_at(d, point, 2, to, guided, 1e-4);
    pb_directions back;

    which.u = &basis.u;
    which.damping = 1e-3;
    which.here.to = to;
    which.here.guided = guided;
    which.here.null_rank = (long)basis.null_rank;
    back = directions_at(d, point, &which);
    assert_int_equal(back.v.shape[0], 2);
    for (size_t i = 0; i < 2; i++) {
        size_t n = pb_item_size(&basis.v);
        double c = cosine(n, back.v.data + i * n, basis.v.data + i * n);
        double length = back.solution[i].norm * (double)basis.s.data[i]; /* J v = s u */
        if (!(c > 0.9995) || !(fabs(length - 1) < 1e-2) || !(back.solution[i].residual < 0.1))
            fail_msg("to %s, guided %d: direction %zu has the cosine %g, the length %g, residual "
                     "%g",
                     basis.to, guided, i, c, length, back.solution[i].residual);
    }
    assert_true(pb_tensor_same(&back.basis.mask, &point->mask));
    assert_int_equal(back.basis.guided, guided);
    pb_directions_clear(&back);
    pb_basis_clear(&basis);
}

static void test_preimages(void **state)
{
    desk text = open_desk(TEXT), faces = open_desk(FACES);
    pb_tensor mask = mask_of(&faces);
    pb_point guided = point_of(&text, 1, "a face", NULL);
    pb_point masked = point_of(&faces, 1, NULL, &mask);

    (void)state;
    check_preimages(&text, &guided, "x0", 0);
    check_preimages(&text, &guided, "x0", 1);
    check_preimages(&faces, &masked, NULL, 0); /* which is x0 */
    pb_point_clear(&guided);
    pb_point_clear(&masked);
    pb_tensor_clear(&mask);
    close_desk(&text);
    close_desk(&faces);
}

/* -- carried over -------------------------------------------------------------------------------
 */

/* In H, either way and onto either basis, as pb_transport carries them. */
static void test_form(void **state)
{
    static const pb_transport_form forms[2] = {PB_TRANSPORT_PROJECTION, PB_TRANSPORT_INVERSE};
    desk d = open_desk(FACES);
    pb_point a = point_of(&d, 1, NULL, NULL), b = point_of(&d, 2, NULL, NULL);
    pb_basis from = basis_at(&d, &a, 3, NULL, 0, 1e-2), onto = basis_at(&d, &b, 4, NULL, 0, 1e-2);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found[2], own;
    pb_tensor v = PB_TENSOR_EMPTY;

    (void)state;
    which.basis = &from;
    which.onto = &onto;
    for (size_t i = 0; i < 2; i++) {
        which.form = forms[i];
        found[i] = directions_at(&d, &b, &which);
        MUST(pb_transport(&from, &onto, forms[i], NULL, &v, NULL, error));
        assert_true(pb_tensor_same(&found[i].v, &v));
        assert_true(pb_tensor_same(&found[i].basis.v, &onto.v) && !found[i].own);
        pb_tensor_clear(&v);
    }
    assert_true(cosine(pb_item_size(&from.v), found[0].v.data, found[1].v.data) < 0.9999);
    which.onto = NULL; /* then it is computed, of as many as are carried */
    own = directions_at(&d, &b, &which);
    assert_true(own.basis.v.shape[0] == 3 && own.share[0] > 0 && own.share[0] < found[0].share[0]);
    which.onto = &from;
    pb_directions_clear(&own);
    assert_int_equal(pb_session_directions(d.session, &b, &which, &own, NULL, NULL), PB_INVALID);
    pb_directions_clear(&own);
    for (size_t i = 0; i < 2; i++)
        pb_directions_clear(&found[i]);
    pb_basis_clear(&from);
    pb_basis_clear(&onto);
    pb_point_clear(&a);
    pb_point_clear(&b);
    close_desk(&d);
}

/* A mean of X serves as it is, or projected. */
static void test_project(void **state)
{
    desk d = open_desk(FACES);
    pb_point a = point_of(&d, 1, NULL, NULL), b = point_of(&d, 2, NULL, NULL);
    pb_basis from = basis_at(&d, &a, 3, NULL, 0, 1e-2), onto = basis_at(&d, &b, 4, NULL, 0, 1e-2);
    const pb_basis *bases[] = {&from};
    pb_basis mean = PB_BASIS_EMPTY;
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found;
    pb_tensor v = PB_TENSOR_EMPTY;

    (void)state;
    MUST(pb_basis_mean(&mean, NULL, 1, bases, PB_MEAN_KARCHER, 1, NULL, error));
    which.basis = &mean;
    which.onto = &onto;
    found = directions_at(&d, &b, &which);
    assert_true(pb_tensor_same(&found.v, &mean.v) && !found.share);
    pb_directions_clear(&found);
    which.project = 1;
    found = directions_at(&d, &b, &which);
    MUST(pb_tensor_copy(&v, &mean.v, error));
    MUST(pb_project(&mean, &onto, &v, NULL, error));
    assert_true(pb_tensor_same(&found.v, &v) && found.share[0] > 0 && found.share[0] < 1);
    pb_directions_clear(&found);
    which.basis = &from; /* of H */
    assert_int_equal(pb_session_directions(d.session, &b, &which, &found, NULL, NULL), PB_INVALID);
    pb_directions_clear(&found);
    pb_tensor_clear(&v);
    pb_basis_clear(&mean);
    pb_basis_clear(&from);
    pb_basis_clear(&onto);
    pb_point_clear(&a);
    pb_point_clear(&b);
    close_desk(&d);
}

/* Directions of a guided map are carried to the basis of the guided map here: at its own point they
 * come back whole. */
static void test_guided(void **state)
{
    desk d = open_desk(TEXT);
    pb_point a = point_of(&d, 1, "a face", NULL);
    pb_basis from = basis_at(&d, &a, 2, "eps", 1, 1e-4);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found;

    (void)state;
    which.basis = &from;
    which.carry = 1;
    which.here.tolerance = 1e-4;
    found = directions_at(&d, &a, &which);
    assert_true(found.basis.guided && fabs(found.share[0] - 1) < 1e-3);
    assert_true(cosine(pb_item_size(&from.v), found.v.data, from.v.data) > 0.99);
    pb_directions_clear(&found);
    pb_basis_clear(&from);
    pb_point_clear(&a);
    close_desk(&d);
}

/* -- points and edits ---------------------------------------------------------------------------
 */

/* Inverted up to t only, or to noise and down again. */
static void test_direct(void **state)
{
    desk d = open_desk(FACES);
    const pb_model_info *info = pb_model_get_info(d.model);
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_point point[2] = {PB_POINT_EMPTY, PB_POINT_EMPTY};
    pb_tensor picture = PB_TENSOR_EMPTY, x = PB_TENSOR_EMPTY;

    (void)state;
    MUST(pb_tensor_new(&picture, 4,
                       (size_t[4]){1, info->in_channels, info->sample_height, info->sample_width},
                       error));
    for (size_t i = 0; i < pb_tensor_count(&picture); i++)
        picture.data[i] = (float)sin(0.01 * (double)i);
    where.picture = &picture;
    where.steps = STEPS;
    where.t = 0.5;
    for (int direct = 0; direct < 2; direct++) {
        where.direct = direct;
        MUST(pb_session_point(d.session, &where, &point[direct], NULL, error));
        pb_tensor_clear(&x);
        MUST(pb_tensor_copy(&x, &picture, error));
        MUST(pb_session_move(d.session, NULL, "there", &x, STEPS, 0, direct ? 2 : STEPS - 1, NULL,
                             NULL, error));
        if (!direct)
            MUST(pb_session_move(d.session, NULL, "back", &x, STEPS, STEPS - 1, 2, NULL, NULL,
                                 error));
        assert_int_equal(point[direct].grid, 2);
        assert_true(pb_tensor_same(&point[direct].x, &x));
    }
    assert_false(pb_tensor_same(&point[0].x, &point[1].x));
    pb_tensor_clear(&x);
    pb_tensor_clear(&picture);
    pb_point_clear(&point[0]);
    pb_point_clear(&point[1]);
    close_desk(&d);
}

/* The noise of an edit's stochastic steps is that of its seed. */
static void test_noise_seed(void **state)
{
    static const uint64_t seeds[3] = {0, 7, 7};
    desk d = open_desk(FACES);
    pb_point point = point_of(&d, 1, NULL, NULL);
    pb_directions found = directions_at(&d, &point, NULL);
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit edit[3] = {PB_EDIT_EMPTY, PB_EDIT_EMPTY, PB_EDIT_EMPTY};

    (void)state;
    how.iterations = 1;
    how.boost = 0.5;
    for (size_t i = 0; i < 3; i++) {
        how.noise_seed = seeds[i];
        MUST(pb_session_edit(d.session, &point, &found, &how, &edit[i], NULL, error));
        assert_true(edit[i].noise_seed == seeds[i]);
    }
    assert_false(pb_tensor_same(&edit[0].pictures, &edit[1].pictures));
    assert_true(pb_tensor_same(&edit[1].pictures, &edit[2].pictures));
    for (size_t i = 0; i < 3; i++)
        pb_edit_clear(&edit[i]);
    pb_directions_clear(&found);
    pb_point_clear(&point);
    close_desk(&d);
}

/* A blended edit is the whole one where the mask is white, and the reconstruction where it is
 * black.
 */
static void test_blend(void **state)
{
    desk d = open_desk(FACES);
    pb_tensor mask = mask_of(&d), wrong = PB_TENSOR_EMPTY;
    pb_point point = point_of(&d, 1, NULL, NULL), copy = PB_POINT_EMPTY;
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found = directions_at(&d, &point, &which);
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit whole = PB_EDIT_EMPTY, part = PB_EDIT_EMPTY;
    size_t half = pb_tensor_count(&mask) / 2;
    pb_error why;

    (void)state;
    how.iterations = 2;
    MUST(pb_point_copy(&copy, &point, error));
    MUST(pb_session_edit(d.session, &point, &found, &how, &whole, NULL, error));
    how.blend = &mask;
    MUST(pb_session_edit(d.session, &copy, &found, &how, &part, NULL, error));
    assert_true(part.blended && !whole.blended);
    assert_int_equal(part.pictures.shape[1], 1);
    assert_memory_equal(pb_edit_picture(&part, 0, 1), pb_edit_picture(&whole, 0, 1), 4 * half);
    assert_memory_equal(pb_edit_picture(&part, 0, 1) + half, pb_edit_picture(&whole, 0, 0) + half,
                        4 * half);
    assert_memory_not_equal(pb_edit_picture(&part, 0, 1), pb_edit_picture(&whole, 0, 0), 4 * half);
    pb_edit_clear(&part);
    MUST(pb_tensor_new(&wrong, 2, (size_t[2]){3, 3}, error));
    how.blend = &wrong;
    assert_int_equal(pb_session_edit(d.session, &point, &found, &how, &part, NULL, &why),
                     PB_INVALID);
    pb_tensor_clear(&wrong);
    pb_edit_clear(&whole);
    pb_edit_clear(&part);
    pb_directions_clear(&found);
    pb_point_clear(&point);
    pb_point_clear(&copy);
    pb_tensor_clear(&mask);
    close_desk(&d);
}

/* Pictures in fewer steps are nearly those in all, and others. */
static void test_coarse(void **state)
{
    desk d = open_desk(FACES);
    pb_point point = point_of(&d, 1, NULL, NULL);
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found = directions_at(&d, &point, &which);
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit fine = PB_EDIT_EMPTY, coarse = PB_EDIT_EMPTY;

    (void)state;
    how.iterations = 2;
    how.boost = 0;
    MUST(pb_session_edit(d.session, &point, &found, &how, &fine, NULL, error));
    how.stride = 2;
    MUST(pb_session_edit(d.session, &point, &found, &how, &coarse, NULL, error));
    assert_false(pb_tensor_same(&fine.pictures, &coarse.pictures));
    assert_true(pb_change(pb_item_size(&fine.pictures), pb_edit_picture(&fine, 0, 1),
                          pb_edit_picture(&coarse, 0, 1)) < 0.5);
    pb_edit_clear(&fine);
    pb_edit_clear(&coarse);
    pb_directions_clear(&found);
    pb_point_clear(&point);
    close_desk(&d);
}

/* A weighted sum as a basis of its own: J v = s u as for any, by the operator itself. */
static void test_along(void **state)
{
    desk d = open_desk(FACES);
    pb_point point = point_of(&d, 1, NULL, NULL);
    pb_basis basis = basis_at(&d, &point, 3, "mid", 0, 1e-4), one = PB_BASIS_EMPTY;
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_linearisation *l;
    pb_tensor v = PB_TENSOR_EMPTY;
    size_t n = pb_item_size(&basis.v), m = pb_item_size(&basis.u);
    float *out = calloc(m, sizeof *out);
    const pb_operator *op;
    pb_error why;

    (void)state;
    MUST(pb_tensor_new(&v, 3, basis.v.shape + 1, error));
    for (size_t i = 0; i < n; i++)
        v.data[i] = 3 * basis.v.data[i] - 4 * basis.v.data[2 * n + i];
    MUST(pb_basis_along(&one, &basis, &v, error));
    map.condition.timestep = point.timestep;
    MUST(pb_linearise(&l, d.model, &map, &point.x, NULL, error));
    op = pb_linearisation_operator(l);
    MUST(op->apply(op->context, 1, one.v.data, n, out, m, error));
    for (size_t i = 0; i < m; i++)
        assert_true(fabs((double)out[i] / (double)one.s.data[0] - (double)one.u.data[i]) < 1e-3);
    assert_int_equal(one.converged, 0);
    assert_true(fabs(cosine(n, one.v.data, one.v.data) - 1) < 1e-5);
    for (size_t i = 0; i < n; i++)
        v.data[i] = i % 2 ? 1 : -1;
    pb_basis_clear(&one);
    assert_int_equal(pb_basis_along(&one, &basis, &v, &why), PB_INVALID);
    free(out);
    pb_linearisation_free(l);
    pb_tensor_clear(&v);
    pb_basis_clear(&one);
    pb_basis_clear(&basis);
    pb_point_clear(&point);
    close_desk(&d);
}

/* The share of an edit's change that lies outside the mask; it is told where the point has one. */
static double outside(const desk *d, const pb_point *point, const pb_tensor *mask)
{
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit edit = PB_EDIT_EMPTY;
    pb_directions found;
    double share;

    which.here.to = "x0";
    which.here.null_rank = point->mask.data ? 5 : -1;
    found = directions_at(d, point, &which);
    assert_true(pb_tensor_same(&found.basis.mask, &point->mask));
    how.mode = PB_EDIT_STRAIGHT;
    how.boost = 0;
    MUST(pb_session_edit(d->session, point, &found, &how, &edit, NULL, error));
    share = pb_outside(mask, edit.pictures.shape[1], edit.pictures.shape[2], edit.pictures.shape[3],
                       edit.pictures.data, pb_edit_picture(&edit, 0, 1));
    if (point->mask.data)
        assert_true(pb_edit_outside(&edit, 0) == share);
    else
        assert_true(isnan(pb_edit_outside(&edit, 0)));
    pb_edit_clear(&edit);
    pb_directions_clear(&found);
    return share;
}

static void test_mask(void **state)
{
    desk d = open_desk(FACES);
    pb_tensor mask = mask_of(&d);
    pb_point plain = point_of(&d, 1, NULL, NULL), masked = point_of(&d, 1, NULL, &mask);
    double all = outside(&d, &plain, &mask), spared = outside(&d, &masked, &mask);

    (void)state;
    if (!(spared > 0 && spared < 0.8 * all))
        fail_msg("outside the mask lies %g of an edit under it, %g of one without", spared, all);
    pb_point_clear(&plain);
    pb_point_clear(&masked);
    pb_tensor_clear(&mask);
    close_desk(&d);
}

/* -- re-linearised ------------------------------------------------------------------------------
 */

/* Follows direction 0 of a basis that counts as the point's own. */
static pb_status follow(const desk *d, const pb_point *point, const pb_basis *basis)
{
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_directions own = PB_DIRECTIONS_EMPTY;
    pb_edit edit = PB_EDIT_EMPTY;
    pb_error e = {0};
    pb_status status;

    MUST(pb_basis_copy(&own.basis, basis, error));
    MUST(pb_tensor_copy(&own.v, &basis->v, error));
    own.own = 1;
    how.mode = PB_EDIT_RELINEARISE;
    how.iterations = 2;
    how.length = 1;
    status = pb_session_edit(d->session, point, &own, &how, &edit, NULL, &e);
    assert_true(status == PB_OK || *e.message);
    pb_edit_clear(&edit);
    pb_directions_clear(&own);
    return status;
}

/* What is linearised on the way is the map of the basis, or nothing is. */
static void test_followed(void **state)
{
    desk d = open_desk(TEXT);
    const pb_model_info *info = pb_model_get_info(d.model);
    pb_tensor mask = mask_of(&d);
    pb_point one = point_of(&d, 1, "a face", NULL), two = point_of(&d, 2, "a face", NULL);
    pb_point masked = point_of(&d, 1, "a face", &mask), other;
    pb_basis plain = basis_at(&d, &one, 1, "x0", 0, 0.1),
             guided = basis_at(&d, &one, 1, "x0", 1, 0.1);
    pb_basis local = basis_at(&d, &masked, 1, "x0", 0, 0.1);

    (void)state;
    assert_true(info->context_width > 0);
    assert_int_equal(follow(&d, &one, &plain), PB_OK);
    assert_int_equal(follow(&d, &one, &guided), PB_OK);
    assert_int_equal(follow(&d, &two, &plain), PB_INVALID);
    assert_int_equal(follow(&d, &one, &local), PB_INVALID);
    other = one;
    other.prompts.edit_prompt = "a smiling face";
    assert_int_equal(follow(&d, &other, &plain), PB_INVALID);
    other = one;
    other.prompts.negative_prompt = "a"; /* which a guided map alone has to do with */
    assert_int_equal(follow(&d, &other, &plain), PB_OK);
    assert_int_equal(follow(&d, &other, &guided), PB_INVALID);
    other = one;
    other.prompts.guidance_scale = 2;
    assert_int_equal(follow(&d, &other, &plain), PB_OK);
    assert_int_equal(follow(&d, &other, &guided), PB_INVALID);
    pb_basis_clear(&plain);
    pb_basis_clear(&guided);
    pb_basis_clear(&local);
    pb_point_clear(&one);
    pb_point_clear(&two);
    pb_point_clear(&masked);
    pb_tensor_clear(&mask);
    close_desk(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preimages), cmocka_unit_test(test_form),
        cmocka_unit_test(test_project),   cmocka_unit_test(test_guided),
        cmocka_unit_test(test_direct),    cmocka_unit_test(test_noise_seed),
        cmocka_unit_test(test_mask),      cmocka_unit_test(test_blend),
        cmocka_unit_test(test_coarse),    cmocka_unit_test(test_along),
        cmocka_unit_test(test_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
