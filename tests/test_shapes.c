/* Files of another shape than what they meet: bases and means against points and models, two files
 * against each other, and a basis file's parts against one another. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "program.h"
#include "scratch.h"

#define DDPM GOLDEN "unet2d-ddpm" /* 16 x 16 pixels of 3 channels, multiples of 4 */
#define OTHER GOLDEN "unet2d-modern"
#define QUICK "-m " DDPM " --steps 6 -q "
#define MAKE "basis " QUICK "-k 3 --no-pictures "

static scratch s;

/* Bases of rank 3: a and b; small1 and small2 of 8 x 8; wide of 16 x 12; up at another tap; from
 * mid. Means of H and of X of the small ones, and of X from mid. */
static int set_up(void **state)
{
    static const char *const lines[] = {
        MAKE "--seed 1 -o a.safetensors",
        MAKE "--seed 2 -o b.safetensors",
        MAKE "--seed 1 --height 8 --width 8 -o small1.safetensors",
        MAKE "--seed 2 --height 8 --width 8 -o small2.safetensors",
        MAKE "--seed 1 --width 12 -o wide.safetensors",
        MAKE "--seed 1 --tap up.0 -o up.safetensors",
        MAKE "--seed 1 --from down.1 -o down.safetensors",
        MAKE "--seed 1 --from down.1 --tap mid -o inner1.safetensors",
        MAKE "--seed 2 --from down.1 --tap mid -o inner2.safetensors",
        "mean -q small1.safetensors small2.safetensors -o small-h.safetensors",
        "mean -q --space X small1.safetensors small2.safetensors -o small-x.safetensors",
        "mean -q --space X inner1.safetensors inner2.safetensors -o inner-x.safetensors",
        "mean -q a.safetensors b.safetensors -o h.safetensors"};

    (void)state;
    scratch_open(&s);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect(program(s.folder, "%s", lines[i]), 0, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_close(&s);
    return 0;
}

static pb_basis read_basis(const char *name)
{
    pb_basis basis = PB_BASIS_EMPTY;

    MUST(pb_basis_read(&basis, scratch_path(&s, name).text, error));
    return basis;
}

/* A tensor of a shape in the place of another, with its entries over and over. */
static void reshape(pb_tensor *t, size_t rank, const size_t *shape)
{
    pb_tensor old = *t;

    MUST(pb_tensor_new(t, rank, shape, error));
    for (size_t i = 0; i < pb_tensor_count(t); i++)
        t->data[i] = old.data ? old.data[i % pb_tensor_count(&old)] : 0;
    pb_tensor_clear(&old);
}

/* The same of k directions, which are then of length 1 again. */
static void redirect(pb_tensor *t, size_t k, size_t c, size_t h, size_t w)
{
    size_t n = c * h * w;

    reshape(t, 4, (size_t[]){k, c, h, w});
    for (size_t i = 0; i < k; i++) {
        double square = 0;
        for (size_t l = 0; l < n; l++)
            square += pow((double)t->data[i * n + l], 2);
        for (size_t l = 0; l < n; l++)
            t->data[i * n + l] = (float)((double)t->data[i * n + l] / sqrt(square));
    }
}

/* -- commands --------------------------------------------------------------------------------- */

/* Several cases of one command; all that go wrong are told. */
typedef struct refusal {
    const char *line, *message;
} refusal;

static void expect_refused(size_t count, const refusal *cases)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        const outcome *o = program(s.folder, "%s", cases[i].line);
        if (o->status == 1 && strstr(o->error, cases[i].message) && !scratch_has(&s, "e.npy"))
            continue;
        print_error("%s: status %d, \"%s\": expected \"%s\"\n", cases[i].line, o->status, o->error,
                    cases[i].message);
        wrong++;
        remove(scratch_path(&s, "e.npy").text);
    }
    assert_int_equal(wrong, 0);
}

#define EDIT "edit " QUICK "--stages 1 -o e.npy "

static void test_means(void **state)
{
    static const refusal cases[] = {
        {EDIT "--seed 5 --basis small-x.safetensors --project",
         "small-x.safetensors (of --height 8 --width 8): v of 3 x 8 x 8: the tap x of images of 16 "
         "x 16 has 3 x 16 x 16"},
        {EDIT "--seed 5 --basis small-x.safetensors", "(of --height 8 --width 8)"},
        {EDIT "--seed 5 --height 32 --basis small-x.safetensors", "of images of 32 x 16"},
        {EDIT "--seed 5 --basis small-h.safetensors",
         "small-h.safetensors: u of 32 x 2 x 2: the tap mid of images of 16 x 16"},
        {EDIT "--seed 5 --tap up.0 --basis h.safetensors", "h.safetensors holds directions at mid"},
        {EDIT "--seed 5 --basis inner-x.safetensors", "an edit needs directions of x"}};

    (void)state;
    expect_refused(sizeof cases / sizeof *cases, cases);
    expect(program(s.folder,
                   EDIT "--seed 5 --height 8 --width 8 --basis small-x.safetensors --project"),
           0, NULL);
    remove(scratch_path(&s, "e.npy").text);
}

static void test_transport(void **state)
{
#define CARRY "transport -q --steps 6 --stages 1 -o e.png --basis a.safetensors --onto-basis "
    static const refusal cases[] = {
        {CARRY "small1.safetensors",
         "small1.safetensors do not go together for a transport: u 32 x 4 x 4 and 32 x 2 x 2"},
        {CARRY "wide.safetensors", "u 32 x 4 x 4 and 32 x 4 x 3"},
        {CARRY "up.safetensors",
         "a.safetensors and up.safetensors do not go together for a transport: tap mid and up.0"},
        {CARRY "down.safetensors", "directions at the tap down.1: an edit needs"},
        {CARRY "h.safetensors", "h.safetensors: a mean of bases has no point"},
        /* The same taps' shapes, but other images. */
        {CARRY "forged.safetensors", "forged.safetensors"}};
    pb_basis basis = read_basis("b.safetensors");

    (void)state;
    redirect(&basis.v, 3, 3, 8, 8);
    reshape(&basis.x, 3, (size_t[]){3, 8, 8});
    MUST(pb_basis_write(&basis, scratch_path(&s, "forged.safetensors").text, error));
    pb_basis_clear(&basis);
    expect_refused(sizeof cases / sizeof *cases, cases);
}

static void test_pairs(void **state)
{
    static const refusal cases[] = {
        {"compare small-h.safetensors small-x.safetensors", "nothing to compare"},
        {"compare a.safetensors small1.safetensors",
         "small1.safetensors do not go together to be compared in H: u 32 x 4 x 4 and 32 x 2 x 2"},
        {"mean a.safetensors small1.safetensors --space X -o e.safetensors", "3 x 8 x 8"},
        {"mean a.safetensors up.safetensors -o e.safetensors",
         "a.safetensors and up.safetensors do not go together for a mean in H: tap mid and up.0"},
        {EDIT "--seed 1 --u none.npy", "none.npy: expected (C,H,W) or (k,C,H,W)"},
        {EDIT "--seed 1 --u foreign.safetensors", "foreign.safetensors was computed with another"},
        {MAKE "--seed 1 --start small-h.safetensors -o e.safetensors", "expected directions v"},
        {"eval -m " DDPM " --timestep 9 --x x.npy --jvp small1.npy --tap mid -o e.npy",
         "small1.npy: expected (3, 16, 16)"},
        {EDIT "--basis small1.safetensors x.npy",
         "small1.safetensors (of --height 8 --width 8): a point of 8 x 8"}};
    pb_basis basis = read_basis("a.safetensors");
    pb_tensor none = PB_TENSOR_EMPTY;
    const outcome *o;

    (void)state;
    MUST(pb_npy_write(&basis.x, scratch_path(&s, "x.npy").text, error));
    MUST(pb_basis_set_model(&basis, OTHER, "0123", error));
    MUST(pb_basis_write(&basis, scratch_path(&s, "foreign.safetensors").text, error));
    pb_basis_clear(&basis);
    MUST(pb_tensor_new(&none, 4, (size_t[]){0, 32, 4, 4}, error));
    MUST(pb_npy_write(&none, scratch_path(&s, "none.npy").text, error));
    pb_tensor_clear(&none);
    basis = read_basis("small1.safetensors");
    MUST(pb_npy_write(&basis.v, scratch_path(&s, "small1.npy").text, error));
    pb_basis_clear(&basis);
    expect_refused(sizeof cases / sizeof *cases, cases);
    /* Of one space the taps differ, of the other they do not. */
    o = program(s.folder, "compare a.safetensors up.safetensors --json");
    expect(o, 0, "the directions in H are at different taps");
    assert_non_null(strstr(o->out, "\"X\""));
    assert_null(strstr(o->out, "\"H\""));
}

/* -- null spaces ------------------------------------------------------------------------------- */

static void test_null_rank(void **state)
{
    static const refusal cases[] = {
        {MAKE "--seed 1 --mask m.npy --null-rank 60 --max-applications 30 -o e.safetensors",
         "--max-applications 30: a null rank of 60: "},
        {MAKE "--seed 1 --mask m.npy --null-rank 766 -o e.safetensors",
         "a null rank of 766 and 3 directions: together expected at most 768"}};
    pb_tensor mask = PB_TENSOR_EMPTY;

    (void)state;
    MUST(pb_tensor_new(&mask, 2, (size_t[]){16, 16}, error));
    for (size_t i = 0; i < 128; i++)
        mask.data[i] = 1;
    MUST(pb_npy_write(&mask, scratch_path(&s, "m.npy").text, error));
    pb_tensor_clear(&mask);
    expect_refused(sizeof cases / sizeof *cases, cases);
    expect(program(s.folder, MAKE "--seed 1 --mask m.npy --null-rank 6 -o e.safetensors"), 0, NULL);
}

/* -- reading ---------------------------------------------------------------------------------- */

static void one_u(pb_basis *b)
{
    redirect(&b->u, 2, 32, 4, 4);
}

static void one_v(pb_basis *b)
{
    redirect(&b->v, 4, 3, 16, 16);
}

static void other_v(pb_basis *b)
{
    redirect(&b->v, 3, 3, 8, 8);
}

static void many(pb_basis *b) /* more directions than entries */
{
    redirect(&b->u, 3, 1, 1, 2);
}

static void long_residual(pb_basis *b)
{
    reshape(&b->residual, 1, (size_t[]){4});
}

static void short_bound(pb_basis *b)
{
    reshape(&b->angle_bound, 1, (size_t[]){2});
}

static void rising(pb_basis *b)
{
    b->s.data[2] = b->s.data[0] + 1;
}

static void negative(pb_basis *b)
{
    b->s.data[2] = -1;
}

static void long_v(pb_basis *b)
{
    for (size_t i = 0; i < 768; i++)
        b->v.data[768 + i] *= 1.1f;
}

static void no_u(pb_basis *b)
{
    memset(b->u.data, 0, 512 * sizeof *b->u.data);
}

static void bad_residual(pb_basis *b)
{
    b->residual.data[0] = -1;
}

static void bad_bound(pb_basis *b)
{
    b->angle_bound.data[1] = 2;
}

static void other_mask(pb_basis *b)
{
    reshape(&b->mask, 2, (size_t[]){16, 16});
}

static void bright_mask(pb_basis *b)
{
    reshape(&b->mask, 2, (size_t[]){4, 4});
    b->mask.data[3] = 2;
}

static void no_mask(pb_basis *b)
{
    b->null_rank = 3;
}

static void bad_t(pb_basis *b)
{
    b->t = INFINITY;
}

static void guided_mid(pb_basis *b)
{
    b->guided = 1;
}

static void no_space(pb_basis *b)
{
    *b->space = 'Y';
}

static void bad_agreement(pb_basis *b)
{
    b->agreement.data[0] = 7;
}

static void short_agreement(pb_basis *b)
{
    reshape(&b->agreement, 1, (size_t[]){1});
}

static void to_eps(pb_basis *b)
{
    strcpy(b->to, "eps");
}

/* Each is refused, with the file's name and the item. */
static void test_reading(void **state)
{
    static const struct {
        const char *file;
        void (*spoil)(pb_basis *);
        const char *message;
    } cases[] = {{"a", one_u, "u: expected 3 x any x any x any numbers, found 2"},
                 {"a", one_v, "v: expected 3 x any x any x any numbers, found 4"},
                 {"a", other_v, "differ in shape"},
                 {"a", many, "u: 3 directions of 2 entries"},
                 {"a", long_residual, "residual: expected 3 numbers, found 4"},
                 {"a", short_bound, "angle_bound: expected 3 numbers, found 2"},
                 {"a", rising, "s: entry 2"},
                 {"a", negative, "s: entry 2"},
                 {"a", long_v, "v: direction 1 has length 1.1"},
                 {"a", no_u, "u: direction 0 has length 0"},
                 {"a", bad_residual, "residual: entry 0"},
                 {"a", bad_bound, "angle_bound: entry 1"},
                 {"a", other_mask, "a mask of 16 x 16, u of 4 x 4"},
                 {"a", bright_mask, "mask: entry 3"},
                 {"a", no_mask, "a null_rank of 3 without a mask"},
                 {"a", bad_t, "t in the metadata: expected a number from 0 to 1, found \"inf\""},
                 {"a", guided_mid, "a guided map to \"mid\""},
                 {"a", to_eps, "u of 4 x 4 positions at eps"},
                 {"h", no_space, "a mean in the space \"Y\""},
                 {"h", bad_agreement, "agreement: entry 0"},
                 {"h", short_agreement, "agreement: expected 3 numbers, found 1"}};
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[64];
        pb_basis basis;
        pb_error why = {0};
        snprintf(name, sizeof name, "%s.safetensors", cases[i].file);
        basis = read_basis(name);
        cases[i].spoil(&basis);
        MUST(pb_basis_write(&basis, scratch_path(&s, "bad.safetensors").text, error));
        pb_basis_clear(&basis);
        if (pb_basis_read(&basis, scratch_path(&s, "bad.safetensors").text, &why) == PB_FORMAT &&
            strstr(why.message, "bad.safetensors") && strstr(why.message, cases[i].message))
            continue;
        print_error("\"%s\": expected \"%s\"\n", why.message, cases[i].message);
        pb_basis_clear(&basis);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* Numbers of the metadata that would be cut to whole ones. */
static void test_whole_numbers(void **state)
{
    static const struct {
        const char *key, *value;
    } cases[] = {{"class_label", "1.5"}, {"steps", "3.25"},    {"converged", "0.5"},
                 {"samples", "0.5"},     {"null_rank", "0.1"}, {"format", "pt"}};
    pb_weights *file;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const keys[] = {"model",  "model_hash",  "from",      "tap",
                                           "method", "prompt",      "timestep",  "t",
                                           "tol",    "class_label", "converged", "applications"};
        static const char *const names[] = {"u", "s", "v", "residual", "angle_bound", "x"};
        pb_metadata metadata[13];
        pb_tensor tensors[6] = {PB_TENSOR_EMPTY};
        pb_named_tensor named[6];
        size_t count = 0;
        pb_basis basis = PB_BASIS_EMPTY;
        pb_error why = {0};
        MUST(pb_weights_open(&file, scratch_path(&s, "a.safetensors").text, error));
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (strcmp(keys[k], cases[i].key))
                metadata[count++] = (pb_metadata){keys[k], pb_weights_metadata(file, keys[k])};
        metadata[count++] = (pb_metadata){cases[i].key, cases[i].value};
        for (size_t k = 0; k < 6; k++) {
            const pb_stored *stored = pb_weights_find(file, names[k]);
            MUST(pb_tensor_new(&tensors[k], stored->rank, stored->shape, error));
            MUST(pb_stored_read(stored, tensors[k].data, error));
            named[k] = (pb_named_tensor){names[k], &tensors[k]};
        }
        MUST(pb_safetensors_write(scratch_path(&s, "n.safetensors").text, 6, named, count, metadata,
                                  error));
        pb_weights_free(file);
        for (size_t k = 0; k < 6; k++)
            pb_tensor_clear(&tensors[k]);
        if (!strcmp(cases[i].key, "steps")) /* of an image, which a basis is read as too */
            expect(program(s.folder, "sample " QUICK "--x n.safetensors -o e.npy"), 2,
                   "expected a whole number from 2 to 100000, found \"3.25\"");
        else if (pb_basis_read(&basis, scratch_path(&s, "n.safetensors").text, &why) != PB_FORMAT ||
                 !strstr(why.message, cases[i].key))
            fail_msg("%s: \"%s\"", cases[i].key, why.message);
    }
}

/* -- a basis and a model ----------------------------------------------------------------------- */

static pb_status against(const pb_model *model, const char *file, size_t height, size_t width,
                         void (*spoil)(pb_basis *), pb_error *why)
{
    pb_basis basis = read_basis(file);
    pb_status status;

    if (spoil)
        spoil(&basis);
    status = pb_basis_compatible(&basis, model, height, width, why);
    pb_basis_clear(&basis);
    return status;
}

static void late(pb_basis *b)
{
    b->timestep = 1000;
}

static void classed(pb_basis *b)
{
    b->class_label = 1;
}

static void no_tap(pb_basis *b)
{
    strcpy(b->to, "mud");
}

static void to_down(pb_basis *b)
{
    redirect(&b->u, 3, 16, 8, 8);
}

static void grey(pb_basis *b)
{
    redirect(&b->v, 3, 1, 16, 16);
    reshape(&b->x, 3, (size_t[]){1, 16, 16});
}

static void odd(pb_basis *b)
{
    redirect(&b->v, 3, 3, 16, 15);
    reshape(&b->x, 3, (size_t[]){3, 16, 15});
}

static void thin_mean(pb_basis *b)
{
    redirect(&b->u, 3, 31, 4, 4);
}

static void test_compatible(void **state)
{
    static const struct {
        const char *file;
        size_t height, width;
        void (*spoil)(pb_basis *);
        const char *message; /* NULL: it goes */
    } cases[] = {{"a.safetensors", 0, 0, NULL, NULL},
                 {"a.safetensors", 16, 16, NULL, NULL},
                 {"wide.safetensors", 16, 12, NULL, NULL},
                 {"h.safetensors", 0, 0, NULL, NULL},
                 {"h.safetensors", 16, 16, NULL, NULL},
                 {"small-x.safetensors", 8, 8, NULL, NULL},
                 {"wide.safetensors", 12, 16, NULL, "a point of 16 x 12: the images have 12 x 16"},
                 {"h.safetensors", 16, 20, NULL, "u of 32 x 4 x 4: the tap mid"},
                 {"small-x.safetensors", 16, 16, NULL, "v of 3 x 8 x 8: the tap x"},
                 {"a.safetensors", 0, 0, late, "timestep 1000: expected 0 to 999"},
                 {"a.safetensors", 0, 0, classed, "a class label (1)"},
                 {"a.safetensors", 0, 0, no_tap, "no tap \"mud\""},
                 {"h.safetensors", 0, 0, no_tap, "no tap \"mud\""},
                 {"a.safetensors", 0, 0, to_down, "u of 16 x 8 x 8: the tap mid"},
                 {"a.safetensors", 0, 0, grey, "a point of 1 channels: the network takes 3"},
                 {"a.safetensors", 0, 0, odd, "16x15"},
                 {"h.safetensors", 0, 0, thin_mean, "u of 31 channels: the tap mid has 32"},
                 {"a.safetensors", 0, 0, rising, "s: entry 2"}};
    pb_model *model;

    (void)state;
    MUST(pb_model_open(&model, DDPM, error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pb_error why = {0};
        pb_status status =
            against(model, cases[i].file, cases[i].height, cases[i].width, cases[i].spoil, &why);
        if (cases[i].message ? status != PB_INVALID || !strstr(why.message, cases[i].message)
                             : status != PB_OK)
            fail_msg("case %zu: status %d, \"%s\"", i, (int)status, why.message);
    }
    pb_model_free(model);
}

/* A matched mean is one of u and v: also of the side that it is not taken in. */
static void test_mean_shapes(void **state)
{
    pb_basis a = read_basis("a.safetensors"), b = read_basis("b.safetensors");
    pb_basis mean = PB_BASIS_EMPTY;
    const pb_basis *both[] = {&a, &b};
    pb_error why;

    (void)state;
    redirect(&b.v, 3, 3, 8, 8);
    assert_int_equal(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_MATCHED, 0, NULL, &why),
                     PB_INVALID);
    assert_non_null(strstr(why.message, "v 3 x 16 x 16 and 3 x 8 x 8"));
    pb_tensor_clear(&b.v);
    assert_int_equal(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_MATCHED, 0, NULL, &why),
                     PB_INVALID);
    assert_non_null(strstr(why.message, "basis 1 has no v"));
    pb_tensor_clear(&a.v);
    MUST(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_MATCHED, 0, NULL, error));
    pb_basis_clear(&mean);
    reshape(&b.s, 1, (size_t[]){2});
    assert_int_equal(pb_basis_mean(&mean, NULL, 2, both, PB_MEAN_MATCHED, 0, NULL, &why),
                     PB_INVALID);
    assert_non_null(strstr(why.message, "2 singular values"));
    pb_basis_clear(&a);
    pb_basis_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means),      cmocka_unit_test(test_transport),
        cmocka_unit_test(test_pairs),      cmocka_unit_test(test_null_rank),
        cmocka_unit_test(test_reading),    cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_compatible), cmocka_unit_test(test_mean_shapes)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
