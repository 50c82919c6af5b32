/* A whole pipeline of Stable Diffusion XL against golden values of diffusers and transformers, by
 * the session; and through the program. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "program.h"
#include "scratch.h"

#define XL GOLDEN "sdxl-tiny"
#define PROMPT "a photo of a smiling young woman"
#define TABBED "a\tphoto\tof\ta\tsmiling\tyoung\twoman" /* which is the same to the tokenizer */
#define NEGATIVE "blurry, low quality"
#define STEPS 10
#define SCALE 5

static struct {
    pb_model *model;
    pb_session *session;
    pb_weights *io;
    pb_tensor x;
    double t;
} xl;

static int open_all(void **state)
{
    (void)state;
    MUST(pb_model_open(&xl.model, XL, error));
    MUST(pb_session_new(&xl.session, xl.model, error));
    MUST(pb_weights_open(&xl.io, XL "/io.safetensors", error));
    xl.x = golden(xl.io, "x");
    xl.t = golden_timestep(xl.io);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    pb_tensor_clear(&xl.x);
    pb_weights_free(xl.io);
    pb_session_free(xl.session);
    pb_model_free(xl.model);
    return 0;
}

static void check(const char *name, const float *found, double tolerance)
{
    pb_tensor expected = golden(xl.io, "%s", name);

    assert_near(name, found, expected.data, pb_tensor_count(&expected), tolerance);
    pb_tensor_clear(&expected);
}

static pb_prompts prompts(const char *negative)
{
    pb_prompts p = PB_PROMPTS_DEFAULTS;

    p.prompt = PROMPT;
    p.negative_prompt = negative;
    p.guidance_scale = SCALE;
    return p;
}

static pb_condition condition(const pb_prompts *p, pb_prompt_use use)
{
    pb_condition c;

    MUST(pb_session_condition(xl.session, p, use, xl.t, xl.x.shape[2], xl.x.shape[3], &c, NULL,
                              error));
    assert_int_equal(c.count, 3);
    assert_string_equal(c.inputs[1].name, "pooled");
    assert_string_equal(c.inputs[2].name, "time_ids");
    return c;
}

/* -- embeddings ------------------------------------------------------------------------------ */

static void check_embedding(const pb_prompts *p, pb_prompt_use use, const char *name)
{
    pb_condition c = condition(p, use);
    char tensor[40];

    snprintf(tensor, sizeof tensor, "%s.embedding", name);
    check(tensor, c.inputs[0].value->data, 1e-5);
    snprintf(tensor, sizeof tensor, "%s.pooled", name);
    check(tensor, c.inputs[1].value->data, 1e-5);
}

static void check_zeros(const pb_tensor *tensor)
{
    for (size_t i = 0; i < pb_tensor_count(tensor); i++)
        assert_true(tensor->data[i] == 0);
}

/* Of a negative prompt "" is another than none at all. */
static void test_embeddings(void **state)
{
    pb_prompts p = prompts(NEGATIVE), empty = prompts(""), none = prompts(NULL),
               resolved = PB_PROMPTS_DEFAULTS;
    pb_condition c;

    (void)state;
    check_embedding(&p, PB_PROMPT_MAIN, "prompt");
    check_embedding(&p, PB_PROMPT_NEGATIVE, "negative");
    check_embedding(&empty, PB_PROMPT_NEGATIVE, "empty");
    c = condition(&none, PB_PROMPT_NEGATIVE);
    check_zeros(c.inputs[0].value);
    check_zeros(c.inputs[1].value);
    assert_int_equal(c.inputs[0].value->shape[0], 77);
    none.prompt = NULL; /* of the prompt itself it is not */
    check_embedding(&none, PB_PROMPT_MAIN, "empty");
    MUST(pb_session_prompts(xl.session, &none, &resolved, error));
    assert_null(resolved.negative_prompt);
    assert_string_equal(resolved.prompt, "");
    pb_prompts_clear(&resolved);
}

/* The same by the encoder itself, of several prompts; pooled ones only where they are wanted. */
static void test_encoder(void **state)
{
    const char *const texts[2] = {PROMPT, NEGATIVE};
    uint32_t ids[2 * 2 * 77];
    float *values, pooled[2 * 40], *again;
    size_t size, used;
    pb_text_encoder *text;
    char *rest;

    (void)state;
    MUST(pb_text_encoder_open(&text, xl.model, error));
    assert_int_equal(pb_text_encoder_length(text), 77);
    assert_int_equal(pb_text_encoder_ids(text), 2 * 77);
    assert_int_equal(pb_text_encoder_width(text), 56);
    assert_int_equal(pb_text_encoder_pooled(text), 40);
    size = 77 * 56;
    for (size_t i = 0; i < 2; i++) {
        MUST(pb_text_encoder_tokens(text, texts[i], 154, ids + i * 154, &used, &rest, error));
        assert_null(rest);
        assert_true(ids[i * 154 + used - 1] == 49407 && ids[i * 154 + 77 + used - 1] == 49407);
        /* The paddings are not the same. */
        assert_true(ids[i * 154 + 76] == 49407 && ids[i * 154 + 153] == 0);
    }
    assert_int_equal(pb_text_encoder_tokens(text, PROMPT, 77, ids, NULL, NULL, NULL), PB_INVALID);
    values = test_calloc(2 * size, sizeof *values);
    again = test_calloc(size, sizeof *again);
    MUST(pb_text_encoder_embed(text, 2, 154, ids, values, pooled, NULL, error));
    check("prompt.embedding", values, 1e-5);
    check("prompt.pooled", pooled, 1e-5);
    check("negative.embedding", values + size, 1e-5);
    check("negative.pooled", pooled + 40, 1e-5);
    MUST(pb_text_encoder_embed(text, 1, 154, ids, again, NULL, NULL, error));
    assert_memory_equal(again, values, size * sizeof *again);
    test_free(values);
    test_free(again);
    pb_text_encoder_free(text);
}

/* -- the network ----------------------------------------------------------------------------- */

static void test_network(void **state)
{
    static const char *const taps[] = {"eps", "mid"};
    pb_prompts p = prompts(NEGATIVE);
    pb_condition positive = condition(&p, PB_PROMPT_MAIN);
    pb_condition negative = condition(&p, PB_PROMPT_NEGATIVE);
    float eps[4 * 16 * 16], mid[32 * 4 * 4], *out[] = {eps, mid};
    pb_map_options map = PB_MAP_DEFAULTS;
    pb_tensor vector, found;
    pb_linearisation *l;
    pb_evaluator *e;
    pb_denoiser *guided;
    pb_path_point at;
    double a, b;

    (void)state;
    MUST(pb_evaluator_new(&e, xl.model, 16, 16, NULL, error));
    MUST(pb_evaluate(e, &positive, 1, 1024, xl.x.data, 2, taps, out, error));
    check("out.eps", eps, 1e-5);
    check("out.mid", mid, 1e-5);
    MUST(pb_denoiser_new(&guided, e, &positive, &negative, SCALE, error));
    MUST(guided->predict(guided->context, 1, xl.x.data, xl.t, eps, NULL, error));
    pb_denoiser_free(guided);
    at = pb_path_at(pb_model_schedule(xl.model), xl.t);
    pb_path_eps(pb_model_schedule(xl.model), &at, &a, &b);
    assert_true(a == 0 && b == 1);
    check("out.eps.guided", eps, 1e-5);
    pb_evaluator_free(e);

    map.condition = positive;
    MUST(pb_linearise(&l, xl.model, &map, &xl.x, NULL, error));
    vector = golden(xl.io, "v");
    found = apply_to(l, false, vector.data);
    check("jvp.mid", found.data, 3e-6);
    pb_tensor_clear(&vector);
    pb_tensor_clear(&found);
    vector = golden(xl.io, "u.mid");
    found = apply_to(l, true, vector.data);
    check("vjp.mid", found.data, 3e-6);
    pb_tensor_clear(&vector);
    pb_tensor_clear(&found);
    pb_linearisation_free(l);
}

/* What differences of the network itself along a tangent at one of its inputs give is J v, and J^T
 * is its adjoint. */
static void check_from(const char *from, size_t number, size_t size)
{
    static const char *const tap = "mid";
    const double step = 1e-2;
    pb_prompts p = prompts(NULL);
    pb_condition c = condition(&p, PB_PROMPT_MAIN);
    pb_map_options map = {.from = from, .to = tap, .condition = c};
    pb_input inputs[3] = {c.inputs[0], c.inputs[1], c.inputs[2]};
    pb_tensor moved = PB_TENSOR_EMPTY, found, back;
    float *v = test_calloc(size, sizeof *v), mid[2][32 * 4 * 4], *out;
    double jvu = 0, vju = 0;
    pb_linearisation *l;
    pb_evaluator *e;

    assert_int_equal(pb_tensor_count(c.inputs[number].value), size);
    for (size_t i = 0; i < size; i++)
        v[i] = (float)sin((double)(7 * i + 1));
    MUST(pb_linearise(&l, xl.model, &map, &xl.x, NULL, error));
    found = apply_to(l, false, v);
    back = apply_to(l, true, found.data);
    pb_linearisation_free(l);

    MUST(pb_evaluator_new(&e, xl.model, 16, 16, NULL, error));
    MUST(pb_tensor_copy(&moved, c.inputs[number].value, error));
    inputs[number].value = &moved;
    c.inputs = inputs;
    for (int side = 0; side < 2; side++) {
        const pb_tensor *at = condition(&p, PB_PROMPT_MAIN).inputs[number].value;
        for (size_t i = 0; i < size; i++)
            moved.data[i] = at->data[i] + (float)(side ? -step : step) * v[i];
        out = mid[side];
        MUST(pb_evaluate(e, &c, 1, 1024, xl.x.data, 1, &tap, &out, error));
    }
    for (size_t i = 0; i < sizeof mid[0] / sizeof mid[0][0]; i++) {
        mid[0][i] = (mid[0][i] - mid[1][i]) / (float)(2 * step);
        jvu += (double)found.data[i] * (double)found.data[i];
    }
    for (size_t i = 0; i < size; i++)
        vju += (double)v[i] * (double)back.data[i];
    assert_true(jvu > 0);
    assert_near(from, found.data, mid[0], sizeof mid[0] / sizeof mid[0][0], 2e-3);
    assert_true(fabs(jvu - vju) < 1e-4 * jvu);
    pb_evaluator_free(e);
    pb_tensor_clear(&moved);
    pb_tensor_clear(&found);
    pb_tensor_clear(&back);
    test_free(v);
}

static void test_from(void **state)
{
    pb_prompts p = prompts(NULL);
    pb_map_options map = {.from = "time_ids", .to = "mid"};
    pb_linearisation *l;

    (void)state;
    check_from("context", 0, 77 * 56);
    check_from("pooled", 1, 40);
    map.condition = condition(&p, PB_PROMPT_MAIN);
    assert_int_equal(pb_linearise(&l, xl.model, &map, &xl.x, NULL, NULL), PB_UNSUPPORTED);
}

/* Singular values, and the space of the leading vectors; what the basis says of the sizes. */
static void test_basis(void **state)
{
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_basis_options options = PB_BASIS_DEFAULTS;
    pb_tensor s = golden(xl.io, "svd.s"), v = golden(xl.io, "svd.v");
    pb_space a = PB_SPACE_EMPTY, b = PB_SPACE_EMPTY;
    pb_point point = PB_POINT_EMPTY, again = PB_POINT_EMPTY;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_prompts other = PB_PROMPTS_DEFAULTS;
    double angles[8];

    (void)state;
    where.x = &xl.x;
    where.timestep = xl.t;
    where.prompts = prompts(NULL);
    options.rank = 16;
    options.tolerance = 1e-5;
    MUST(pb_session_point(xl.session, &where, &point, NULL, error));
    MUST(pb_session_basis(xl.session, &point, &options, &basis, NULL, NULL, NULL, error));
    assert_near("svd.s", basis.s.data, s.data, 16, 1e-5);
    MUST(pb_space_new(&a, 1024, 8, basis.v.data, error));
    MUST(pb_space_new(&b, 1024, 8, v.data, error));
    MUST(pb_space_angles(&a, &b, angles, error));
    assert_true(angles[7] < 1e-3);
    assert_string_equal(basis.sizes, "32,32,0,0,32,32");
    assert_null(basis.negative_prompt);
    assert_true(pb_point_is(&point, &basis));
    MUST(pb_session_point_of(xl.session, &basis, 0, NULL, &again, error));
    assert_memory_equal(&again.prompts.sizes, &point.prompts.sizes, sizeof(pb_sizes));
    assert_null(again.prompts.negative_prompt);
    point.prompts.sizes.crop[0] = 1;
    assert_false(pb_point_is(&point, &basis));
    pb_point_clear(&again);
    other.sizes.target[0] = other.sizes.target[1] = 64;
    assert_int_equal(pb_session_point_of(xl.session, &basis, 0, &other, &again, NULL), PB_INVALID);
    pb_point_clear(&again);
    pb_space_clear(&a);
    pb_space_clear(&b);
    pb_basis_clear(&basis);
    pb_point_clear(&point);
    pb_tensor_clear(&s);
    pb_tensor_clear(&v);
}

/* -- trajectories ---------------------------------------------------------------------------- */

static void check_sample(const char *negative, const char *latent, const char *image)
{
    pb_prompts p = prompts(negative);
    pb_tensor x = PB_TENSOR_EMPTY, picture = PB_TENSOR_EMPTY;

    MUST(pb_session_noise(xl.session, 1, 16, 16, 5, &x, error));
    MUST(pb_session_sample(xl.session, &p, &x, PB_SPACING_LEADING, STEPS, NULL, error));
    check(latent, x.data, 1e-4);
    if (image) {
        MUST(pb_session_decode(xl.session, &x, &picture, NULL, error));
        for (size_t i = 0; i < pb_tensor_count(&picture); i++)
            picture.data[i] = fminf(fmaxf(0.5f + 0.5f * picture.data[i], 0), 1);
        check(image, picture.data, 1e-4);
    }
    pb_tensor_clear(&x);
    pb_tensor_clear(&picture);
}

static void test_trajectories(void **state)
{
    pb_tensor image = golden(xl.io, "image"), x = PB_TENSOR_EMPTY;
    pb_prompts p = PB_PROMPTS_DEFAULTS;

    (void)state;
    p.prompt = PROMPT;
    MUST(pb_session_encode(xl.session, &image, &x, NULL, error));
    check("latent", x.data, 1e-5);
    MUST(pb_session_move(xl.session, &p, NULL, &x, STEPS, 0, STEPS - 1, NULL, NULL, error));
    check("invert.xT", x.data, 1e-4);
    check_sample(NEGATIVE, "pipeline.latent", "pipeline.image");
    check_sample(NULL, "pipeline.none.latent", NULL);
    pb_tensor_clear(&image);
    pb_tensor_clear(&x);
}

/* -- sizes ----------------------------------------------------------------------------------- */

static void test_sizes(void **state)
{
    static const float told[6] = {100, 200, 3, 4, 32, 48};
    pb_prompts p = prompts(NULL);
    pb_condition c;

    (void)state;
    p.sizes = (pb_sizes){.original = {100, 200}, .crop = {3, 4}};
    MUST(pb_session_condition(xl.session, &p, PB_PROMPT_NEGATIVE, xl.t, 16, 24, &c, NULL, error));
    assert_memory_equal(c.inputs[2].value->data, told, sizeof told);
    p.sizes.target[1] = 5;
    assert_int_equal(
        pb_session_condition(xl.session, &p, PB_PROMPT_MAIN, xl.t, 16, 24, &c, NULL, NULL),
        PB_INVALID);
    p.sizes = (pb_sizes){.crop = {0, 65537}};
    assert_int_equal(
        pb_session_condition(xl.session, &p, PB_PROMPT_MAIN, xl.t, 16, 24, &c, NULL, NULL),
        PB_INVALID);
}

/* -- the program ----------------------------------------------------------------------------- */

static void put(const char *tensor, const char *file)
{
    pb_tensor value = golden(xl.io, "%s", tensor);

    MUST(pb_npy_write(&value, scratch_path(&here, file).text, error));
    pb_tensor_clear(&value);
}

static void compare(const char *tensor, const char *file, double tolerance)
{
    pb_tensor found = PB_TENSOR_EMPTY;

    MUST(pb_npy_read(&found, scratch_path(&here, file).text, error));
    check(tensor, found.data, tolerance);
    pb_tensor_clear(&found);
}

/* eval by a prompt and by its embeddings, with the sizes that there are and with others. */
static void test_eval(void **state)
{
    const char *const at = "eval --force -q -m " XL " --x x.npy --timestep";

    (void)state;
    put("x", "x.npy");
    expect(program(here.folder, "prompt -q -m " XL " -o e.npy --pooled p.npy " TABBED), 0, NULL);
    compare("prompt.embedding", "e.npy", 1e-5);
    compare("prompt.pooled", "p.npy", 1e-5);
    expect(program(here.folder, "%s %g --context e.npy --pooled p.npy -o a.npy", at, xl.t), 0,
           NULL);
    compare("out.eps", "a.npy", 1e-5);
    expect(program(here.folder,
                   "%s %g --prompt " TABBED " --original-size 32,32 --crop-coords 0,0 "
                   "--target-size 32,32 -o a.npy",
                   at, xl.t),
           0, NULL);
    compare("out.eps", "a.npy", 1e-5);
    expect(program(here.folder, "%s %g --backend reference --context e.npy --pooled p.npy -o a.npy",
                   at, xl.t),
           0, NULL);
    compare("out.eps", "a.npy", 1e-5);
    expect(program(here.folder, "%s %g --context e.npy -o a.npy", at, xl.t), 1, "pooled embedding");
    expect(program(here.folder, "%s %g --pooled e.npy -o a.npy", at, xl.t), 2, "--context");
    expect(program(here.folder, "%s %g --target-size 32 -o a.npy", at, xl.t), 2,
           "--target-size 32: expected HEIGHT,WIDTH in pixels");
    expect(program(here.folder, "%s %g --original-size 0,32 -o a.npy", at, xl.t), 2,
           "--original-size 0,32");
    expect(program(here.folder, "eval -m " GOLDEN "sd1-tiny --x x.npy --timestep 4 --target-size "
                                "32,32 -o a.npy"),
           1, "is told no sizes of pictures");
}

/* What samples, noisy images, bases and edits say of sizes and of no negative prompt at all, and
 * that they take it from one another. */
static void test_commands(void **state)
{
    pb_basis basis = PB_BASIS_EMPTY;
    json_t *o;

    (void)state;
    put("image", "image.npy");
    expect(program(here.folder, "sample -q -m " XL " -n 1 --steps 2 --guidance-scale 0 -o no.npy"),
           0, "the negative prompt alone");
    o = object_of(program(here.folder, "sample -q --json -m " XL " --seed 5 -n 1 --steps 10 "
                                       "--spacing leading --crop-coords 0,8 "
                                       "--prompt " TABBED " -o s.npy"));
    assert_true(json_number_value(json_object_get(o, "guidance_scale")) == SCALE);
    assert_string_equal(json_string_value(json_object_get(o, "sizes")), "32,32,0,8,32,32");
    assert_true(json_is_null(json_object_get(o, "negative_prompt")));
    json_decref(o);
    expect(program(here.folder, "invert -q -m " XL " image.npy --steps 6 --prompt cat "
                                "--guidance-scale 2 --original-size 64,48 -o x.safetensors"),
           0, NULL);
    expect(program(here.folder, "basis -q -m " XL " --x x.safetensors --rank 3 -o b.safetensors"),
           0, NULL);
    MUST(pb_basis_read(&basis, scratch_path(&here, "b.safetensors").text, error));
    assert_string_equal(basis.sizes, "64,48,0,0,32,32");
    assert_string_equal(basis.trajectory_prompt, "cat");
    assert_null(basis.negative_prompt);
    pb_basis_clear(&basis);
    expect(program(here.folder, "edit -q --basis b.safetensors --edit-iterations 2 -o a.png"), 0,
           NULL);
    expect(program(here.folder, "edit -q --basis b.safetensors --target-size 8,8 -o b.png"), 1,
           "the basis is that of 64,48,0,0,32,32");
    expect(program(here.folder, "transport -q --basis b.safetensors --onto image.npy --stages 1 "
                                "--edit-iterations 2 -o t.png"),
           0, NULL);
    expect(program(here.folder, "basis -q -m " XL " --seed 1 --steps 6 --rank 3 -o c.safetensors"),
           0, NULL);
    expect(program(here.folder, "basis -q -m " XL " --x x.safetensors --from pooled --rank 2 "
                                "-o p.safetensors"),
           0, NULL);
    expect(program(here.folder, "compare b.safetensors c.safetensors"), 0, NULL);
    expect(program(here.folder, "mean -q b.safetensors c.safetensors -o m.safetensors"), 0, NULL);
}

/* The sizes and the negative prompt determine a study's items; the same study computes nothing
 * again. */
static void test_study(void **state)
{
    static const char *const what = "study timesteps -q --json -m " XL " --samples 1 --timesteps 2 "
                                    "--steps 4 --rank 2 --guidance-scale 2 --boost 0 "
                                    "--catalogue c.sqlite";
    static const struct {
        const char *more, *folder;
        int computed;
    } runs[] = {
        {"", "a", 1},
        {"--target-size 32,32", "b", 0}, /* what it is told anyway */
        {"--target-size 64,64", "c", 1},
        {"--negative-prompt=", "d", 1},
        {"--settings d/settings.json", "e", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        bool taken = strstr(runs[i].more, "--settings") != NULL;
        json_t *o =
            object_of(program(here.folder, "%s %s -o %s",
                              taken ? "study timesteps -q --json --catalogue c.sqlite" : what,
                              runs[i].more, runs[i].folder));
        assert_int_equal(json_integer_value(json_object_get(o, "computed")) > 0, runs[i].computed);
        json_decref(o);
    }
}

static void test_studies(void **state)
{
    (void)state;
    scratch_write(&here, "p.txt", "cat\ndog\n", 8);
    expect(program(here.folder, "study prompts -q -m " XL " --prompts p.txt --samples 1 --rank 2 "
                                "--timesteps 2 --steps 4 -o p"),
           0, NULL);
    expect(program(here.folder, "study samples -q -m " XL " --samples 2 --rank 2 --timesteps 2 "
                                "--steps 4 -o s"),
           0, NULL);
}

/* What is no base of Stable Diffusion XL, or does not go together. */
static void test_refused(void **state)
{
    static const struct {
        const char *file, *changes, *command, *why;
    } cases[] = {
        {"model_index.json", "{\"requires_aesthetics_score\": true}", "info xl", "the refiner"},
        {"unet/config.json", "{\"in_channels\": 9}", "info xl", "an inpainting network"},
        {"unet/config.json", "{\"addition_embed_type\": \"image\"}", "info xl",
         "addition_embed_type: \"image\" is not supported"},
        {"unet/config.json", "{\"addition_embed_type\": null}", "info xl",
         "addition_time_embed_dim"},
        {"unet/config.json", "{\"projection_class_embeddings_input_dim\": 48}", "info xl",
         "expected more than 6 times"},
        {"text_encoder_2/config.json", "{\"projection_dim\": 39}", "prompt -m xl a -o e.npy",
         "text_projection.weight: expected shape (39, 32, 1, 1)"},
        {"model_index.json", "{\"tokenizer_2\": [null, null]}", "prompt -m xl a -o e.npy",
         "has no tokenizer_2/"},
        {"tokenizer_2/tokenizer_config.json", "{\"model_max_length\": 76}",
         "prompt -m xl a -o e.npy", "prompts of 76 tokens, of the first tokenizer 77"},
    };

    (void)state;
    scratch_copy(&here, XL, "xl");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[100];
        unsigned char *before;
        size_t count;

        snprintf(file, sizeof file, "xl/%s", cases[i].file);
        before = scratch_read(&here, file, &count);
        scratch_change(&here, file, cases[i].changes);
        expect(program(here.folder, "%s", cases[i].command), 1, cases[i].why);
        scratch_write(&here, file, before, count);
        free(before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings), cmocka_unit_test(test_encoder),
        cmocka_unit_test(test_network),    cmocka_unit_test(test_from),
        cmocka_unit_test(test_basis),      cmocka_unit_test(test_trajectories),
        cmocka_unit_test(test_sizes),      SCRATCH_TEST(test_eval),
        SCRATCH_TEST(test_commands),       SCRATCH_TEST(test_study),
        SCRATCH_TEST(test_studies),        SCRATCH_TEST(test_refused),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
