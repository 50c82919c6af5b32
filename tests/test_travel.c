/* Directions on their way, through the program: transport, compare, mean, modes of editing, masks,
 * pre-images; and studies. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pullback/pullback.h>

#include "near.h"
#include "program.h"
#include "sanitized.h"
#include "scratch.h"

#define FACES PB_SOURCE_DIR "/models/faces32"
#define GRID " --steps 12 "
#define QUICK "--model " FACES GRID "-q"

static scratch s;

/* a and b: bases of rank 8 at two seeds. */
static int set_up(void **state)
{
    (void)state;
    scratch_open(&s);
    expect(program(s.folder, "basis " QUICK " --seed 1 -k 8 --no-pictures -o a.safetensors"), 0,
           NULL);
    expect(program(s.folder, "basis " QUICK " --seed 2 -k 8 --no-pictures -o b.safetensors"), 0,
           NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_close(&s);
    return 0;
}

static double number(const json_t *object, const char *space, const char *group, const char *name)
{
    const json_t *pair =
        json_array_get(json_object_get(json_object_get(object, space), "pairs"), 0);

    return json_number_value(json_object_get(json_object_get(pair, group), name));
}

static void test_compare(void **state)
{
    json_t *object = object_of(program(s.folder, "compare a.safetensors b.safetensors --json"));
    double apart = number(object, "H", "normalised", "geodesic");

    (void)state;
    assert_true(apart > 0.1 && apart < 0.95);
    assert_true(number(object, "X", "normalised", "geodesic") < apart);
    assert_true(fabs(number(object, "H", "distance", "geodesic") / (M_PI / 2 * sqrt(8)) - apart) <
                1e-6);
    json_decref(object);
    object = object_of(program(s.folder, "compare a.safetensors a.safetensors --json"));
    assert_true(number(object, "H", "distance", "geodesic") < 1e-6);
    json_decref(object);
    expect(program(s.folder, "compare a.safetensors b.safetensors a.safetensors -k 4 -o d.csv"), 0,
           NULL);
    assert_true(scratch_has(&s, "d.csv"));
    expect(program(s.folder, "compare a.safetensors"), 2, "at least two");
    expect(program(s.folder, "compare a.safetensors b.safetensors -k 9"), 1, "has 8");
    expect(program(s.folder, "compare a.safetensors none.safetensors"), 1, "none.safetensors");
}

static double share(const char *line)
{
    json_t *object = object_of(
        program(s.folder,
                "transport -q --json --basis a.safetensors " GRID "--stages 1 -o t.png %s", line));
    double value = json_number_value(json_array_get(json_object_get(object, "share"), 0));

    json_decref(object);
    assert_true(scratch_has(&s, "t.png"));
    return value;
}

static void test_transport(void **state)
{
    double across, later;

    (void)state;
    assert_true(fabs(share("--onto-basis a.safetensors -d 3") - 1) < 1e-5);
    across = share("--onto-basis b.safetensors -d 1");
    assert_true(across > 0.01 && across < 1);
    assert_true(fabs(share("--onto-basis b.safetensors -d 1 --form pseudo-inverse") - across) <
                1e-9);
    later = share("--onto-t 0.5 -d 1");
    assert_true(later > across && later < 1); /* the same image a little later is nearer */
    expect(program(s.folder, "transport --basis a.safetensors -o t.png"), 2, "onto what?");
    expect(
        program(s.folder, "transport --basis a.safetensors --onto-t 0.4 --onto-basis b -o t.png"),
        2, "onto what?");
    expect(program(s.folder, "transport --basis a.safetensors --onto-t 0.4 -d 8" GRID "-o t.png"),
           1, "has 0 to 7");
    expect(program(s.folder, "transport --basis a.safetensors --onto-t 0.4 --steps 17 -o t.png"), 1,
           "not on a grid of 17 points");
    expect(program(s.folder, "transport --onto-t 0.4 -o t.png"), 2, "from where?");
    expect(program(s.folder, "transport --basis a.safetensors --onto-t 0.4 --form x -o t.png"), 2,
           "projection or pseudo-inverse");
}

/* What two runs write is the same, byte for byte. */
static void expect_same(const char *a, const char *b)
{
    size_t m, n;
    unsigned char *x = scratch_read(&s, a, &m), *y = scratch_read(&s, b, &n);

    assert_true(m == n && !memcmp(x, y, m));
    free(x);
    free(y);
}

/* A basis knows on which grid its point lies: --steps need not be said again. */
static void test_steps(void **state)
{
    (void)state;
    expect(program(s.folder, "basis --model " FACES " -q --no-pictures --seed 1 --steps 21 -k 3 "
                             "-o grid.safetensors"),
           0, NULL);
    expect(program(s.folder, "edit --basis grid.safetensors --edit-iterations 2 -o one.npy"), 0,
           NULL);
    expect(program(s.folder, "edit --basis grid.safetensors --edit-iterations 2 --steps 21 -o "
                             "two.npy"),
           0, NULL);
    expect_same("one.npy", "two.npy");
    expect(program(s.folder, "edit --basis grid.safetensors --steps 100 -o three.npy"), 1,
           "is not on a grid of 100 points");
    expect(program(s.folder, "transport --basis grid.safetensors --onto-basis a.safetensors "
                             "--stages 1 --edit-iterations 2 -o t.png"),
           0, NULL); /* each of them on its own */
    expect(program(s.folder, "transport --basis grid.safetensors --onto " PB_SOURCE_DIR
                             "/examples/portrait.png -q --json "
                             "--stages 1 --edit-iterations 2 -o one.png"),
           0, NULL);
    expect(program(s.folder, "transport --basis grid.safetensors --onto " PB_SOURCE_DIR
                             "/examples/portrait.png -q --json "
                             "--stages 1 --edit-iterations 2 --steps 21 -o two.png"),
           0, NULL);
    expect_same("one.png", "two.png");
}

static void test_mean(void **state)
{
    json_t *object;

    (void)state;
    /* The mean of a basis and itself is that basis, in any way. */
    object =
        object_of(program(s.folder, "mean --json a.safetensors a.safetensors -o same.safetensors"));
    assert_true(json_number_value(json_object_get(object, "spread")) < 1e-6);
    assert_true(json_number_value(json_array_get(json_object_get(object, "agreement"), 7)) >
                0.999999);
    json_decref(object);
    object = object_of(program(s.folder, "compare same.safetensors a.safetensors --json"));
    assert_true(number(object, "H", "distance", "geodesic") < 1e-5);
    assert_null(json_object_get(object, "X")); /* a Karcher mean of H has no v */
    json_decref(object);
    expect(program(s.folder, "mean a.safetensors b.safetensors -o h.safetensors"), 0, NULL);
    expect(program(s.folder, "mean --space X --kind matched a.safetensors b.safetensors -o "
                             "x.safetensors"),
           0, NULL);
    expect(program(s.folder, "edit --basis h.safetensors --seed 3" GRID "--stages 1 -o e.png"), 0,
           NULL);
    expect(program(s.folder,
                   "edit --basis x.safetensors --project --seed 3" GRID "--stages 1 -o e.png"),
           0, NULL);
    expect(program(s.folder, "edit --basis h.safetensors" GRID "-o e.png"), 1, "edit what?");
    expect(program(s.folder, "edit --basis h.safetensors --seed 3" GRID "--mode relinearise -o "
                             "e.png"),
           1, "not a mean");
    expect(program(s.folder, "mean h.safetensors a.safetensors -o m.safetensors"), 1,
           "is a mean itself");
    expect(program(s.folder, "mean a.safetensors -o m.safetensors"), 2, "at least two");
    expect(program(s.folder, "transport --basis h.safetensors --onto-t 0.4 -o t.png"), 1,
           "edit --basis takes means");
}

static pb_tensor read_npy(const char *name)
{
    pb_tensor t = PB_TENSOR_EMPTY;

    assert_int_equal(pb_npy_read(&t, scratch_path(&s, name).text, NULL), PB_OK);
    return t;
}

/* |a - b| / |b| */
static double difference(const char *first, const char *second)
{
    pb_tensor a = read_npy(first), b = read_npy(second);
    double sum = 0, norm = 0;

    assert_int_equal(pb_tensor_count(&a), pb_tensor_count(&b));
    for (size_t i = 0; i < pb_tensor_count(&a); i++) {
        sum += pow((double)a.data[i] - (double)b.data[i], 2);
        norm += pow((double)b.data[i], 2);
    }
    pb_tensor_clear(&a);
    pb_tensor_clear(&b);
    return sqrt(sum / norm);
}

static void test_modes(void **state)
{
    (void)state;
    expect(program(s.folder,
                   "edit " QUICK " --seed 1 --mode all -k 4 --edit-iterations 3 --stages 1 "
                   "-o all.png"),
           0, NULL);
    assert_true(scratch_has(&s, "all.png"));
    /* One step of a re-linearised path is the straight step; three short ones are near it. */
    expect(program(s.folder,
                   "edit " QUICK " --seed 1 --mode straight --edit-length 1 --stages 1 -o "
                   "straight.npy"),
           0, NULL);
    expect(program(s.folder, "edit " QUICK " --seed 1 --mode relinearise -k 8 --edit-length 1 "
                             "--edit-iterations 1 --stages 1 -o one.npy"),
           0, NULL);
    expect(program(s.folder, "edit " QUICK " --seed 1 --mode relinearise -k 8 --edit-length 1 "
                             "--edit-iterations 3 --stages 1 -o three.npy"),
           0, NULL);
    assert_true(difference("one.npy", "straight.npy") < 1e-3);
    assert_true(difference("three.npy", "straight.npy") < 0.1);
    assert_true(difference("three.npy", "straight.npy") > 1e-5);
    expect(program(s.folder, "edit " QUICK " --seed 1 --mode sideways -o e.png"), 2,
           "--mode sideways");
    expect(program(s.folder, "edit " QUICK " --seed 1 --mode all -o e.npy"), 2, "-o strip.png");
}

/* The pre-image of u_0 is v_0. */
static void test_preimage(void **state)
{
    (void)state;
    expect(program(s.folder, "edit " QUICK " --seed 1 --tol 1e-4 --stages 1 -o v.npy"), 0, NULL);
    expect(program(s.folder, "edit " QUICK " --seed 1 --u a.safetensors --stages 1 -o u.npy"), 0,
           NULL);
    assert_true(difference("u.npy", "v.npy") < 2e-2);
    expect(program(s.folder, "edit " QUICK " --seed 1 --u v.npy --stages 1 -o u.npy"), 1,
           "h-directions: expected any x 128 x 8 x 8");
    expect(program(s.folder, "edit " QUICK " --seed 1 --u u.npy --basis a.safetensors -o e.png"), 2,
           "exclude each other");
}

/* The share of |J v_0|^2 outside the mask, J the map x -> x0. */
static double leak(const char *file)
{
    pb_basis basis = PB_BASIS_EMPTY;
    pb_tensor image;
    double inside = 0, all = 0;

    assert_int_equal(pb_basis_read(&basis, scratch_path(&s, file).text, NULL), PB_OK);
    basis.v.shape[0] = 1;
    assert_int_equal(pb_npy_write(&basis.v, scratch_path(&s, "v0.npy").text, NULL), PB_OK);
    assert_int_equal(pb_npy_write(&basis.x, scratch_path(&s, "x.npy").text, NULL), PB_OK);
    expect(program(s.folder,
                   "eval --model " FACES " --x x.npy --timestep %.12g --tap x0 --jvp "
                   "v0.npy -o jv.npy",
                   basis.timestep),
           0, NULL);
    image = read_npy("jv.npy");
    for (size_t i = 0; i < 32 * 32; i++) {
        double p = pow((double)image.data[i], 2);
        all += p;
        inside += i / 32 < 16 ? p : 0;
    }
    pb_tensor_clear(&image);
    pb_basis_clear(&basis);
    return 1 - inside / all;
}

static void test_mask(void **state)
{
    const size_t shape[2] = {32, 32};
    pb_tensor mask = PB_TENSOR_EMPTY;
    double plain, masked, confined;

    (void)state;
    assert_int_equal(pb_tensor_new(&mask, 2, shape, NULL), PB_OK);
    for (size_t i = 0; i < 16 * 32; i++)
        mask.data[i] = 1;
    assert_int_equal(pb_npy_write(&mask, scratch_path(&s, "mask.npy").text, NULL), PB_OK);
    pb_tensor_clear(&mask);
#define MASKED "basis " QUICK " --seed 1 -k 2 --tap x0 --no-pictures "
    expect(program(s.folder, MASKED "-o plain.safetensors"), 0, NULL);
    expect(program(s.folder, MASKED "--mask mask.npy --null-rank 0 -o masked.safetensors"), 0,
           NULL);
    expect(program(s.folder, MASKED "--mask mask.npy --null-rank %d --verify -o null.safetensors",
                   OF_MANY(20, 4)),
           0, NULL);
    plain = leak("plain.safetensors");
    masked = leak("masked.safetensors");
    confined = leak("null.safetensors");
    if (!(confined < masked && masked < plain && confined < OF_MANY(0.1, 0.3)))
        fail_msg("shares outside: %g plain, %g masked, %g confined", plain, masked, confined);
    expect(program(s.folder,
                   "edit " QUICK " --seed 1 --tap x0 --mask mask.npy --null-rank 5 --mode "
                   "straight --stages 1 -o e.png"),
           0, NULL);
    expect(program(s.folder,
                   "basis " QUICK " --seed 1 -k 2 --tap mid --mask mask.npy -o m.safetensors"),
           1, "the tap \"mid\" has 8 x 8 positions");
    expect(program(s.folder, MASKED "--null-rank 3 -o m.safetensors"), 1, "without a mask");
    expect(program(s.folder, MASKED "--mask x.npy -o m.safetensors"), 1,
           "a mask: expected 32 x 32");
}

/* The share of the squared change outside the mask that an edit tells of. */
static double outside(const char *options)
{
    json_t *o = object_of(program(s.folder,
                                  "edit " QUICK " --json --seed 1 --mask half.npy --stages 1 -o "
                                  "e.png %s",
                                  options));
    double most = 0;
    size_t i;
    json_t *side;

    json_array_foreach(json_object_get(o, "outside_mask"), i, side) most =
        larger(most, json_number_value(json_object_get(side, "share")));
    assert_int_equal(i, 2);
    json_decref(o);
    return most;
}

/* A mask alone confines an edit better than it did with guidance and a null space of 10. */
static void test_mask_alone(void **state)
{
    const size_t shape[2] = {32, 32};
    pb_tensor mask = PB_TENSOR_EMPTY;
    pb_basis basis = PB_BASIS_EMPTY;
    double alone, before;

    (void)state;
    assert_int_equal(pb_tensor_new(&mask, 2, shape, NULL), PB_OK);
    for (size_t i = 0; i < 16 * 32; i++)
        mask.data[i] = 1;
    assert_int_equal(pb_npy_write(&mask, scratch_path(&s, "half.npy").text, NULL), PB_OK);
    for (size_t i = 0; i < 32 * 32; i++)
        mask.data[i] = 1;
    assert_int_equal(pb_npy_write(&mask, scratch_path(&s, "all.npy").text, NULL), PB_OK);
    pb_tensor_clear(&mask);
    alone = outside(OF_MANY("", "--null-rank 4"));
    before = outside(OF_MANY("--mode guidance --null-rank 10", "--mode guidance --null-rank 2"));
    if (!(alone < before && alone < OF_MANY(0.3, 0.9)))
        fail_msg("shares outside: %g alone, %g before", alone, before);
    expect(program(s.folder,
                   "basis " QUICK " --seed 1 -k 2 --no-pictures --mask half.npy -o b.safetensors "
                   "%s",
                   OF_MANY("", "--null-rank 4")),
           0, NULL);
    assert_int_equal(pb_basis_read(&basis, scratch_path(&s, "b.safetensors").text, NULL), PB_OK);
    assert_string_equal(basis.to, "x0");
    assert_int_equal(basis.null_rank, OF_MANY(50, 4));
    pb_basis_clear(&basis);
    /* Nothing is outside: no null space. */
    expect(program(s.folder, "edit " QUICK " --seed 1 --mask all.npy --stages 1 -o e.png"), 0,
           NULL);
}

static void test_warnings(void **state)
{
    const outcome *o = program(s.folder, "edit " QUICK " --seed 1 --strip -o e.png");
    json_t *object;

    (void)state;
    expect(o, 0, NULL);
    assert_null(strstr(o->error, "warning"));
    o = program(s.folder,
                "edit " QUICK " --json --seed 1 --strip --edit-scale 12 --strength 1 -o e.png");
    expect(o, 0, "warning: v0");
    expect(o, 0, "try a smaller --strength or --edit-scale");
    object = object_of(o);
    assert_true(json_array_size(json_object_get(object, "pace_warnings")) > 0);
    json_decref(object);
    /* So is one picture. */
    object = object_of(program(s.folder, "edit " QUICK " --json --seed 1 --edit-scale 12 "
                                         "--strength 1 -o e.png"));
    assert_true(json_array_size(json_object_get(object, "pace_warnings")) > 0);
    json_decref(object);
}

/* -- studies
 * --------------------------------------------------------------------------------------- */

#if SANITIZED
#define SAMPLES "2"
#define TIMESTEPS "2"
#else
#define SAMPLES "3"
#define TIMESTEPS "3"
#endif
#define STUDY                                                                                      \
    " --model " FACES " --samples " SAMPLES " --timesteps " TIMESTEPS                              \
    " --steps 12 -k 4 --catalogue c.sqlite -q "

static void check_folder(const char *folder)
{
    static const char *const names[] = {"data.csv",   "figure.gp",   "figure.svg",
                                        "figure.png", "report.html", "settings.json"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_true(scratch_has(&s, path));
    }
}

static int computed(const outcome *o)
{
    json_t *object = object_of(o);
    int count = (int)json_integer_value(json_object_get(object, "computed"));

    json_decref(object);
    return count;
}

static void test_studies(void **state)
{
    const int samples = atoi(SAMPLES), timesteps = atoi(TIMESTEPS);
    const int all = samples * (timesteps + 1), ablated = samples * (timesteps - 1);
    char done[32];
    size_t a, b;
    unsigned char *first, *second;

    (void)state;
    assert_int_equal(computed(program(s.folder, "study timesteps --json" STUDY "-o one")), all);
    check_folder("one");
    /* The same bases serve other studies; the ablations need their own. */
    assert_int_equal(computed(program(s.folder, "study samples --json" STUDY "-o two")), 0);
    check_folder("two");
    expect(program(s.folder, "study models" STUDY "-o three"), 2, "one model");
    expect(
        program(s.folder, "study models --model " PB_SOURCE_DIR "/models/faces32" STUDY "-o three"),
        1, "are the same model");
    assert_int_equal(computed(program(s.folder, "study models --json --model " PB_SOURCE_DIR
                                                "/models/fashion32" STUDY "-o three")),
                     all);
    check_folder("three");
    assert_int_equal(computed(program(s.folder, "study timesteps --fix x --json" STUDY "-o four")),
                     ablated);
    assert_int_equal(computed(program(s.folder, "study timesteps --fix t --json" STUDY "-o five")),
                     ablated);
    /* From its settings, in a catalogue of its own: the same numbers. */
    assert_int_equal(
        computed(program(s.folder, "study timesteps --json --settings one/settings.json "
                                   "--catalogue d.sqlite -o six")),
        all);
    first = scratch_read(&s, "one/data.csv", &a);
    second = scratch_read(&s, "six/data.csv", &b);
    assert_int_equal(a, b);
    assert_memory_equal(first, second, a);
    free(first);
    free(second);
    expect(program(s.folder, "study status one"), 0, NULL);
    snprintf(done, sizeof done, "all %d items done", all);
    assert_non_null(strstr(program(s.folder, "study status one")->out, done));
    expect(program(s.folder, "study status --catalogue c.sqlite"), 0, NULL);
}

static void test_study_usage(void **state)
{
    (void)state;
    expect(program(s.folder, "study"), 2, "Usage: pullback study WHAT");
    expect(program(s.folder, "study sideways"), 2, "no study \"sideways\"");
    expect(program(s.folder, "study samples -o x"), 2, "which model?");
    expect(program(s.folder, "study samples --model " FACES), 2, "where to?");
    expect(program(s.folder, "study samples --model " FACES " --samples 1 -o x"), 2,
           "at least two");
    expect(program(s.folder, "study samples --model a --model b -o x"), 2, "study models");
    expect(program(s.folder, "study samples --model " FACES " --timesteps 100 -o x"), 2,
           "grid of 100 points");
    expect(program(s.folder, "study timesteps --model " FACES " --fix y -o x"), 2,
           "expected x or t");
    expect(program(s.folder, "study samples --model none -o x"), 1, "no such model");
    expect(program(s.folder, "study samples --model " FACES " none.jpg none.png -o x"), 1,
           "none.jpg");
    expect(program(s.folder, "study status"), 2, "FOLDER");
    expect(program(s.folder, "study status none"), 1, "settings.json");
    scratch_write(&s, "bad.json", "{\"study\": 7}", 12);
    expect(program(s.folder, "study samples --settings bad.json -o x"), 2,
           "not a study's settings");
    scratch_write(&s, "text.sqlite", "nothing of the kind", 19);
    expect(program(s.folder, "study samples --model " FACES " --catalogue text.sqlite -o x"), 1,
           "not a database");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),     cmocka_unit_test(test_transport),
        cmocka_unit_test(test_steps),       cmocka_unit_test(test_mean),
        cmocka_unit_test(test_modes),       cmocka_unit_test(test_preimage),
        cmocka_unit_test(test_mask),        cmocka_unit_test(test_mask_alone),
        cmocka_unit_test(test_warnings),    cmocka_unit_test(test_studies),
        cmocka_unit_test(test_study_usage),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
