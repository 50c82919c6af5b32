/* The backend "reference" as an oracle: it gives the golden values, and by its definitions, central
 * differences and the adjoint identity alone it says how far the backend "cpu" is from them. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "networks.h"

/* Of the largest entry: of the golden values, in double precision but for the timestep's embedding,
 * and of their linear passes: at most twice what docs/backends.md says. Of the backend "cpu", and of
 * its: three times, since each compiler's and each processor's roundings are others. */
#define GOLDEN_ERROR 6e-7
#define GOLDEN_LINEAR_ERROR 2e-6
#define CPU_ERROR 1e-5
#define CPU_LINEAR_ERROR 6e-6

static const struct {
    const char *folder, *io;
} cases[] = {
    {"unet2d-ddpm", "io"},     {"unet2d-modern", "io"},    {"unet2d-cond-sd1", "io"},
    {"unet2d-cond-sd2", "io"}, {"unet2d-cond-sd1", "odd"}, {"unet2d-cond-sd2", "odd"},
};
#define CASES (sizeof cases / sizeof *cases)

/* The same network on both backends. */
typedef struct pair {
    network n;
    pb_model *model[2]; /* cpu, which is the network's; reference */
} pair;

static pair open_pair(const char *folder, const char *io)
{
    const pb_model_options options = {.backend = "reference"};
    pair p = {.n = open_network(folder, io)};
    char path[512];

    snprintf(path, sizeof path, GOLDEN "%s", folder);
    p.model[0] = p.n.model;
    MUST(pb_model_open_with(&p.model[1], path, &options, error));
    return p;
}

static void close_pair(pair *p)
{
    close_network(&p->n);
    pb_model_free(p->model[1]);
}

/* A tap at two points at once: x, and x + h v. */
static float *evaluate(const pair *p, int backend, const char *tap, double h, const float *v,
                       size_t *count)
{
    const network *n = &p->n;
    size_t size = pb_tensor_count(&n->x), shape[3];
    float *points = pb_malloc(2 * size, sizeof *points), *out;
    pb_evaluator *e;

    assert_non_null(points);
    MUST(pb_model_tap_shape(p->model[backend], tap, n->x.shape[2], n->x.shape[3], shape, error));
    *count = shape[0] * shape[1] * shape[2];
    out = pb_malloc(2 * *count, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < size; i++) {
        points[i] = n->x.data[i];
        points[size + i] = (float)((double)n->x.data[i] + (v ? h * (double)v[i] : 0));
    }
    MUST(pb_evaluator_new(&e, p->model[backend], n->x.shape[2], n->x.shape[3], NULL, error));
    MUST(pb_evaluate(e, &n->condition, 2, size, points, 1, &tap, &out, error));
    pb_evaluator_free(e);
    pb_free(points);
    return out;
}

/* Every tap: golden, and the backend "cpu" near it. */
static void test_taps(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        pair p = open_pair(cases[i].folder, cases[i].io);
        const char *tap;

        for (size_t k = 0; (tap = pb_model_tap(p.model[1], k)) != NULL; k++) {
            const char *name = strcmp(tap, "out") ? tap : "eps";
            size_t count;
            float *found, *cpu;
            pb_tensor expected;

            if (!strcmp(tap, "x"))
                continue;
            expected = golden(p.n.io, "out.%s", name);
            found = evaluate(&p, 1, name, 0, NULL, &count);
            cpu = evaluate(&p, 0, name, 0, NULL, &count);
            assert_int_equal(count, pb_tensor_count(&expected));
            assert_near(tap, found, expected.data, count, GOLDEN_ERROR);
            assert_near("cpu", cpu, found, count, CPU_ERROR);
            assert_memory_equal(found, found + count, count * sizeof *found);
            pb_free(found);
            pb_free(cpu);
            pb_tensor_clear(&expected);
        }
        close_pair(&p);
    }
}

static double product(const pb_tensor *a, const pb_tensor *b)
{
    double sum = 0;

    for (size_t i = 0; i < pb_tensor_count(a); i++)
        sum += (double)a->data[i] * (double)b->data[i];
    return sum;
}

/* J v against (f(x + h v) - f(x - h v)) / 2h, extrapolated from two h: what is left of the error is
 * the rounding of f to float32. */
static void check_differences(const pair *p, const char *tap, const pb_tensor *v,
                              const pb_tensor *jv)
{
    static const double steps[] = {1e-3, -1e-3, 2e-3, -2e-3};
    size_t count = 0;
    float *at[4], *difference;

    for (size_t k = 0; k < 4; k++)
        at[k] = evaluate(p, 1, tap, steps[k], v->data, &count);
    difference = pb_malloc(count, sizeof *difference);
    assert_non_null(difference);
    for (size_t i = count; i < 2 * count; i++) {
        double near = ((double)at[0][i] - (double)at[1][i]) / (2 * steps[0]);
        double far = ((double)at[2][i] - (double)at[3][i]) / (2 * steps[2]);
        difference[i - count] = (float)((4 * near - far) / 3);
    }
    assert_near("differences", difference, jv->data, count, 2e-4);
    for (size_t k = 0; k < 4; k++)
        pb_free(at[k]);
    pb_free(difference);
}

/* J v or J^T u on both backends. */
static void apply_both(const pair *p, const char *tap, bool transpose, const pb_tensor *v,
                       pb_tensor out[2])
{
    pb_map_options options = PB_MAP_DEFAULTS;

    options.to = tap;
    options.condition = p->n.condition;
    for (int b = 0; b < 2; b++) {
        pb_linearisation *l;
        MUST(pb_linearise(&l, p->model[b], &options, &p->n.x, NULL, error));
        out[b] = apply_to(l, transpose, v->data);
        pb_linearisation_free(l);
    }
}

/* Both directions: golden; the adjoint of each other; the derivative; and "cpu" near them. */
static void test_jvp_vjp(void **state)
{
    static const char *const taps[] = {"mid", "eps"};

    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        pair p = open_pair(cases[i].folder, cases[i].io);
        for (size_t k = 0; k < 2; k++) {
            pb_tensor v = golden(p.n.io, "v"), u = golden(p.n.io, "u.%s", taps[k]);
            pb_tensor jvp = golden(p.n.io, "jvp.%s", taps[k]);
            pb_tensor vjp = golden(p.n.io, "vjp.%s", taps[k]);
            pb_tensor down[2], up[2];

            apply_both(&p, taps[k], false, &v, down);
            apply_both(&p, taps[k], true, &u, up);
            assert_near("jvp", down[1].data, jvp.data, pb_tensor_count(&jvp), GOLDEN_LINEAR_ERROR);
            assert_near("vjp", up[1].data, vjp.data, pb_tensor_count(&vjp), GOLDEN_LINEAR_ERROR);
            assert_near("jvp, cpu", down[0].data, down[1].data, pb_tensor_count(&jvp),
                        CPU_LINEAR_ERROR);
            assert_near("vjp, cpu", up[0].data, up[1].data, pb_tensor_count(&vjp),
                        CPU_LINEAR_ERROR);
            assert_true(fabs(product(&down[1], &u) - product(&v, &up[1])) <=
                        2e-7 * sqrt(product(&down[1], &down[1]) * product(&u, &u)));
            check_differences(&p, taps[k], &v, &down[1]);
            for (int b = 0; b < 2; b++) {
                pb_tensor_clear(&down[b]);
                pb_tensor_clear(&up[b]);
            }
            pb_tensor_clear(&jvp);
            pb_tensor_clear(&vjp);
            pb_tensor_clear(&u);
            pb_tensor_clear(&v);
        }
        close_pair(&p);
    }
}

/* The ways in which configs differ: what each network gives, and J v. */
static void test_variants(void **state)
{
    static const char *const variants[] = {"classes", "cross",  "heads",   "odd",
                                           "plain",   "resnet", "variance"};

    (void)state;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "variants/%s", variants[i]);
        pair p = open_pair(folder, "io");
        pb_tensor out = golden(p.n.io, "out"), v = golden(p.n.io, "v");
        pb_tensor jvp = golden(p.n.io, "jvp"), found[2];
        size_t count;
        float *reference = evaluate(&p, 1, "out", 0, NULL, &count);
        float *cpu = evaluate(&p, 0, "out", 0, NULL, &count);

        assert_int_equal(count, pb_tensor_count(&out));
        assert_near(variants[i], reference, out.data, count, GOLDEN_ERROR);
        assert_near("cpu", cpu, reference, count, CPU_ERROR);
        apply_both(&p, "out", false, &v, found);
        assert_near("jvp", found[1].data, jvp.data, count, GOLDEN_LINEAR_ERROR);
        assert_near("jvp, cpu", found[0].data, found[1].data, count, CPU_LINEAR_ERROR);
        for (int b = 0; b < 2; b++)
            pb_tensor_clear(&found[b]);
        pb_free(reference);
        pb_free(cpu);
        pb_tensor_clear(&out);
        pb_tensor_clear(&jvp);
        pb_tensor_clear(&v);
        close_pair(&p);
    }
}

/* What a pipeline has besides: the autoencoder both ways, and the text encoder. */
static void test_pipeline(void **state)
{
    static const char *const backends[] = {NULL, "reference"};
    pb_tensor image = PB_TENSOR_EMPTY, latent[2], back[2];
    size_t length = 0, width = 0;
    float *embedding[2];

    (void)state;
    MUST(pb_tensor_new(&image, 4, (size_t[4]){1, 3, 16, 24}, error));
    for (size_t i = 0; i < pb_tensor_count(&image); i++)
        image.data[i] = (float)sin((double)i);
    for (int b = 0; b < 2; b++) {
        pb_autoencoder *vae;
        pb_text_encoder *text;
        pb_model *model;
        uint32_t ids[512];

        MUST(pb_model_open_with(&model, GOLDEN "sd1-tiny",
                                &(pb_model_options){.backend = backends[b]}, error));
        MUST(pb_autoencoder_open(&vae, model, error));
        MUST(pb_encode(vae, &image, &latent[b], NULL, error));
        MUST(pb_decode(vae, &latent[0], &back[b], NULL, error));
        MUST(pb_text_encoder_open(&text, model, error));
        length = pb_text_encoder_length(text);
        width = pb_text_encoder_width(text);
        assert_true(length <= sizeof ids / sizeof *ids);
        MUST(pb_text_encoder_tokens(text, "a smiling face", length, ids, NULL, NULL, error));
        embedding[b] = pb_malloc(length * width, sizeof(float));
        assert_non_null(embedding[b]);
        MUST(pb_text_encoder_embed(text, 1, length, ids, embedding[b], NULL, NULL, error));
        pb_text_encoder_free(text);
        pb_autoencoder_free(vae);
        pb_model_free(model);
    }
    assert_near("encoded", latent[0].data, latent[1].data, pb_tensor_count(&latent[1]), CPU_ERROR);
    assert_near("decoded", back[0].data, back[1].data, pb_tensor_count(&back[1]), CPU_ERROR);
    assert_near("embedded", embedding[0], embedding[1], length * width, CPU_ERROR);
    for (int b = 0; b < 2; b++) {
        pb_tensor_clear(&latent[b]);
        pb_tensor_clear(&back[b]);
        pb_free(embedding[b]);
    }
    pb_tensor_clear(&image);
}

/* What is no backend, and what one has not. */
static void test_errors(void **state)
{
    pb_model_options options = {.backend = "cpi"};
    pb_error why = {0};
    pb_model *model;

    (void)state;
    assert_int_equal(pb_model_open_with(&model, GOLDEN "unet2d-ddpm", &options, &why), PB_INVALID);
    assert_string_equal(why.message, "no backend \"cpi\" (did you mean \"cpu\"?)");
    options.backend = "reference";
    MUST(pb_model_open_with(&model, GOLDEN "unet2d-ddpm", &options, error));
    assert_int_equal(pb_model_set_costs(model, "costs.json", &why), PB_INVALID);
    pb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taps),     cmocka_unit_test(test_jvp_vjp),
        cmocka_unit_test(test_variants), cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
