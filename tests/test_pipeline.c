/* Whole text-to-image pipelines against golden values of diffusers and transformers. */
#include <math.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "base/memory.h"
#include "golden.h"
#include "graph/run.h"
#include "models/network.h"

#define STEPS 10
#define SCALE 7.5
#define PROMPT "a photo of a smiling young woman"
#define NEGATIVE "blurry, low quality"

typedef struct pipeline {
    pb_model *model;
    pb_text_encoder *text;
    pb_autoencoder *vae;
    pb_weights *io;
    pb_tensor x, positive, negative; /* embeddings (1, 77, width) as computed here */
    size_t size;                     /* floats of a latent */
    double t;
} pipeline;

static const char *const names[] = {"sd1-tiny", "sd2-tiny"};

/* Embeds a prompt, and compares with the golden embedding. */
static pb_tensor embed(const pipeline *p, const char *prompt, const char *name)
{
    size_t length = pb_text_encoder_length(p->text), width = pb_text_encoder_width(p->text);
    const size_t shape[3] = {1, length, width};
    uint32_t *ids = pb_malloc(length, sizeof *ids);
    pb_tensor found = PB_TENSOR_EMPTY, expected = golden(p->io, "%s.embedding", name);

    MUST(pb_tensor_new(&found, 3, shape, error));
    MUST(pb_text_encoder_tokens(p->text, prompt, length, ids, NULL, NULL, error));
    MUST(pb_text_encoder_embed(p->text, 1, length, ids, found.data, NULL, NULL, error));
    assert_near(name, found.data, expected.data, length * width, 1e-5);
    pb_tensor_clear(&expected);
    pb_free(ids);
    return found;
}

static pipeline open_pipeline(const char *name)
{
    pipeline p = {0};
    char path[512];

    snprintf(path, sizeof path, GOLDEN "%s", name);
    MUST(pb_model_open(&p.model, path, error));
    MUST(pb_text_encoder_open(&p.text, p.model, error));
    MUST(pb_autoencoder_open(&p.vae, p.model, error));
    snprintf(path, sizeof path, GOLDEN "%s/io.safetensors", name);
    MUST(pb_weights_open(&p.io, path, error));
    p.x = golden(p.io, "x");
    p.size = pb_tensor_count(&p.x);
    p.t = golden_timestep(p.io);
    p.positive = embed(&p, PROMPT, "prompt");
    p.negative = embed(&p, NEGATIVE, "negative");
    return p;
}

static void close_pipeline(pipeline *p)
{
    pb_tensor_clear(&p->x);
    pb_tensor_clear(&p->positive);
    pb_tensor_clear(&p->negative);
    pb_weights_free(p->io);
    pb_autoencoder_free(p->vae);
    pb_text_encoder_free(p->text);
    pb_model_free(p->model);
}

/* Valid until eight more were asked for. */
static pb_condition under(const pipeline *p, const pb_tensor *embedding)
{
    static pb_input inputs[8];
    static size_t next;
    pb_input *input = &inputs[next++ % 8];

    *input = (pb_input){"context", embedding};
    return (pb_condition){.timestep = p->t, .class_label = -1, .count = 1, .inputs = input};
}

static void check(const pipeline *p, const char *name, const float *found, double tolerance)
{
    pb_tensor expected = golden(p->io, "%s", name);

    assert_near(name, found, expected.data, pb_tensor_count(&expected), tolerance);
    pb_tensor_clear(&expected);
}

static void test_embeddings(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pipeline p = open_pipeline(names[i]);
        pb_tensor empty = embed(&p, "", "empty");
        pb_tensor_clear(&empty);
        close_pipeline(&p);
    }
}

/* The network's output at x as the noise it stands for. */
static void to_eps(const pipeline *p, float *out)
{
    const pb_schedule *schedule = pb_model_schedule(p->model);
    const pb_path_point at = pb_path_at(schedule, p->t);
    double a, b;

    pb_path_eps(schedule, &at, &a, &b);
    for (size_t i = 0; i < p->size; i++)
        out[i] = (float)(a * (double)p->x.data[i] + b * (double)out[i]);
}

static void test_network(void **state)
{
    static const char *const taps[] = {"out", "eps", "mid"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pipeline p = open_pipeline(names[i]);
        pb_condition condition = under(&p, &p.positive), negative = under(&p, &p.negative);
        size_t h = p.x.shape[2], w = p.x.shape[3], mid[3];
        float *out[3] = {pb_malloc(p.size, 4), pb_malloc(p.size, 4), NULL};
        pb_map_options map = PB_MAP_DEFAULTS;
        pb_denoiser *guided;
        pb_evaluator *e;
        pb_linearisation *l;
        pb_tensor vector, found;

        MUST(pb_model_tap_shape(p.model, "mid", h, w, mid, error));
        out[2] = pb_malloc(mid[0] * mid[1] * mid[2], 4);
        MUST(pb_evaluator_new(&e, p.model, h, w, NULL, error));
        MUST(pb_evaluate(e, &condition, 1, p.size, p.x.data, 3, taps, out, error));
        check(&p, "out.raw", out[0], 1e-5);
        check(&p, "out.eps", out[1], 1e-5);
        check(&p, "out.mid", out[2], 1e-5);
        MUST(pb_denoiser_new(&guided, e, &condition, &negative, SCALE, error));
        MUST(guided->predict(guided->context, 1, p.x.data, p.t, out[1], NULL, error));
        pb_denoiser_free(guided);
        to_eps(&p, out[1]);
        check(&p, "out.eps.guided", out[1], 1e-5);

        map.condition = condition;
        MUST(pb_linearise(&l, p.model, &map, &p.x, NULL, error));
        vector = golden(p.io, "v");
        found = apply_to(l, false, vector.data);
        check(&p, "jvp.mid", found.data, 3e-6);
        pb_tensor_clear(&vector);
        pb_tensor_clear(&found);
        vector = golden(p.io, "u.mid");
        found = apply_to(l, true, vector.data);
        check(&p, "vjp.mid", found.data, 3e-6);
        pb_tensor_clear(&vector);
        pb_tensor_clear(&found);
        pb_linearisation_free(l);
        pb_evaluator_free(e);
        for (size_t k = 0; k < 3; k++)
            pb_free(out[k]);
        close_pipeline(&p);
    }
}

/* Singular values, and the space of the leading vectors. */
static void test_svd(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pipeline p = open_pipeline(names[i]);
        pb_tensor s = golden(p.io, "svd.s"), v = golden(p.io, "svd.v");
        pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
        pb_basis basis = PB_BASIS_EMPTY;
        pb_space a = PB_SPACE_EMPTY, b = PB_SPACE_EMPTY;
        double angles[8];

        request.map.condition = under(&p, &p.positive);
        request.svd.rank = 16;
        request.svd.tolerance = 1e-5;
        MUST(pb_basis_compute(&basis, NULL, NULL, p.model, &request, &p.x, NULL, error));
        assert_near("svd.s", basis.s.data, s.data, 16, 1e-5);
        MUST(pb_space_new(&a, p.size, 8, basis.v.data, error));
        MUST(pb_space_new(&b, p.size, 8, v.data, error));
        MUST(pb_space_angles(&a, &b, angles, error));
        print_message("largest angle of 8 directions %.1e\n", angles[7]);
        assert_true(angles[7] < 1e-3);
        pb_space_clear(&a);
        pb_space_clear(&b);
        pb_basis_clear(&basis);
        pb_tensor_clear(&s);
        pb_tensor_clear(&v);
        close_pipeline(&p);
    }
}

static void test_autoencoder(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pipeline p = open_pipeline(names[i]);
        pb_tensor image = golden(p.io, "image"), latent = golden(p.io, "invert.reconstruction");
        size_t f = pb_autoencoder_get_info(p.vae).factor;
        pb_tensor found = PB_TENSOR_EMPTY, small = image;

        assert_int_equal(f * p.x.shape[2], image.shape[2]);
        MUST(pb_encode(p.vae, &image, &found, NULL, error));
        check(&p, "latent", found.data, 1e-5);
        pb_tensor_clear(&found);
        MUST(pb_decode(p.vae, &latent, &found, NULL, error));
        check(&p, "invert.decoded", found.data, 1e-5);
        pb_tensor_clear(&found);
        small.shape[2] = f - 1;
        assert_int_equal(pb_encode(p.vae, &small, &found, NULL, NULL), PB_INVALID);
        assert_null(found.data);
        pb_tensor_clear(&image);
        pb_tensor_clear(&latent);
        close_pipeline(&p);
    }
}

/* Pictures whose sizes are no multiples of the factor, and latents of odd sizes. */
static void test_autoencoder_odd(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pipeline p = open_pipeline(names[i]);
        size_t f = pb_autoencoder_get_info(p.vae).factor;
        pb_tensor image, latent;
        pb_tensor found = PB_TENSOR_EMPTY;
        char path[512];

        pb_weights_free(p.io);
        snprintf(path, sizeof path, GOLDEN "%s/odd.safetensors", names[i]);
        MUST(pb_weights_open(&p.io, path, error));
        image = golden(p.io, "image");
        latent = golden(p.io, "latent");
        assert_true(image.shape[2] % f != 0);
        assert_int_equal(latent.shape[2], image.shape[2] / f);
        MUST(pb_encode(p.vae, &image, &found, NULL, error));
        check(&p, "latent", found.data, 1e-5);
        pb_tensor_clear(&found);
        MUST(pb_decode(p.vae, &latent, &found, NULL, error));
        check(&p, "decoded", found.data, 1e-5);
        pb_tensor_clear(&found);
        pb_tensor_clear(&image);
        pb_tensor_clear(&latent);
        close_pipeline(&p);
    }
}

/* Up and down under the prompt; down with guidance. Both denoisers of one evaluator live at once.
 */
static void test_trajectories(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pipeline p = open_pipeline(names[i]);
        pb_condition positive = under(&p, &p.positive), negative = under(&p, &p.negative);
        const pb_schedule *schedule = pb_model_schedule(p.model);
        pb_ddim_options options = PB_DDIM_DEFAULTS;
        pb_tensor x = golden(p.io, "latent");
        pb_denoiser *plain, *guided;
        pb_evaluator *e;

        options.steps = STEPS;
        MUST(pb_evaluator_new(&e, p.model, p.x.shape[2], p.x.shape[3], NULL, error));
        MUST(pb_denoiser_new(&plain, e, &positive, NULL, 1, error));
        MUST(pb_denoiser_new(&guided, e, &positive, &negative, SCALE, error));
        MUST(pb_ddim(schedule, plain, 1, p.size, x.data, 0, STEPS - 1, &options, NULL, error));
        check(&p, "invert.xT", x.data, 1e-4);
        MUST(pb_ddim(schedule, plain, 1, p.size, x.data, STEPS - 1, 0, &options, NULL, error));
        check(&p, "invert.reconstruction", x.data, 1e-4);
        MUST(pb_ddim(schedule, guided, 1, p.size, p.x.data, STEPS - 1, 0, &options, NULL, error));
        check(&p, "sample.guided", p.x.data, 1e-4);
        pb_tensor_clear(&x);
        pb_denoiser_free(plain);
        pb_denoiser_free(guided);
        pb_evaluator_free(e);
        close_pipeline(&p);
    }
}

/* StableDiffusionPipeline with DDIMScheduler: leading spacing, ten evaluations. */
static void test_diffusers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pipeline p = open_pipeline(names[i]);
        pb_condition positive = under(&p, &p.positive), negative = under(&p, &p.negative);
        const pb_model_info *info = pb_model_get_info(p.model);
        const pb_spaced_options options = {.spacing = PB_SPACING_LEADING,
                                           .steps = STEPS,
                                           .steps_offset = info->steps_offset,
                                           .set_alpha_to_one = info->set_alpha_to_one};
        size_t h = p.x.shape[2], w = p.x.shape[3];
        pb_tensor image = PB_TENSOR_EMPTY;
        pb_denoiser *denoiser;
        pb_evaluator *e;
        pb_rng *rng;

        MUST(pb_rng_new(&rng, 5, error));
        pb_randn(rng, p.x.data, p.size);
        pb_rng_free(rng);
        MUST(pb_evaluator_new(&e, p.model, h, w, NULL, error));
        MUST(pb_denoiser_new(&denoiser, e, &positive, &negative, SCALE, error));
        MUST(pb_ddim_spaced(pb_model_schedule(p.model), denoiser, 1, denoiser->size, p.x.data,
                            &options, NULL, error));
        check(&p, "pipeline.latent", p.x.data, 1e-4);
        MUST(pb_decode(p.vae, &p.x, &image, NULL, error));
        for (size_t k = 0; k < pb_tensor_count(&image); k++)
            image.data[k] = fminf(fmaxf(0.5f + 0.5f * image.data[k], 0), 1);
        check(&p, "pipeline.image", image.data, 1e-4);
        pb_tensor_clear(&image);
        pb_denoiser_free(denoiser);
        pb_evaluator_free(e);
        close_pipeline(&p);
    }
}

/* Where alpha-bar ends at 0: down by DDIMScheduler's trailing spacing, and up the paper's grid. */
static void test_zero_snr(void **state)
{
    const pb_schedule_options rescaled = {.betas = PB_BETAS_SCALED_LINEAR,
                                          .length = 1000,
                                          .beta_start = 0.00085,
                                          .beta_end = 0.012,
                                          .prediction = PB_PREDICTION_V,
                                          .zero_snr = 1};
    pipeline p = open_pipeline("sd2-tiny");
    pb_condition positive = under(&p, &p.positive), negative = under(&p, &p.negative);
    const pb_model_info *info = pb_model_get_info(p.model);
    const pb_spaced_options spaced = {
        .spacing = PB_SPACING_TRAILING, .steps = STEPS, .set_alpha_to_one = info->set_alpha_to_one};
    pb_ddim_options grid = PB_DDIM_DEFAULTS;
    pb_tensor x = golden(p.io, "latent");
    pb_schedule *schedule;
    pb_denoiser *denoiser;
    pb_evaluator *e;
    pb_rng *rng;

    (void)state;
    pb_weights_free(p.io);
    MUST(pb_weights_open(&p.io, GOLDEN "zero-snr.safetensors", error));
    MUST(pb_schedule_new(&schedule, &rescaled, error));
    MUST(pb_evaluator_new(&e, p.model, p.x.shape[2], p.x.shape[3], NULL, error));
    MUST(pb_rng_new(&rng, 5, error));
    pb_randn(rng, p.x.data, p.size);
    pb_rng_free(rng);
    MUST(pb_denoiser_new(&denoiser, e, &positive, &negative, SCALE, error));
    MUST(pb_ddim_spaced(schedule, denoiser, 1, denoiser->size, p.x.data, &spaced, NULL, error));
    check(&p, "sample", p.x.data, 1e-4);
    pb_denoiser_free(denoiser);
    MUST(pb_denoiser_new(&denoiser, e, &positive, NULL, 1, error));
    grid.steps = STEPS;
    MUST(pb_ddim(schedule, denoiser, 1, denoiser->size, x.data, 0, STEPS - 1, &grid, NULL, error));
    check(&p, "up", x.data, 1e-4);
    MUST(pb_ddim(schedule, denoiser, 1, denoiser->size, x.data, STEPS - 1, 0, &grid, NULL, error));
    pb_denoiser_free(denoiser);
    pb_evaluator_free(e);
    pb_schedule_free(schedule);
    pb_tensor_clear(&x);
    close_pipeline(&p);
}

/* An autoencoder by itself, with a mid block of its own, both ways. */
static void test_autoencoder_alone(void **state)
{
    const pb_shape shapes[2] = {{32, 32, 3}, {8, 8, 4}};
    const pb_part part = {.component = pb_component_find(PB_KIND_AUTOENCODER, "AutoencoderKL"),
                          .folder = (char *)GOLDEN "autoencoder-kl"};
    float found[32 * 32 * 3], *out = found;
    pb_autoencoder_facts facts;
    pb_network network = {0};
    pb_weights *io;
    pb_tensor x, mean, decoded;
    pb_work work;

    (void)state;
    MUST(pb_work_begin(&work, NULL, "converting", 0, error));
    MUST(pb_weights_open(&io, GOLDEN "autoencoder-kl/io.safetensors", error));
    MUST(pb_network_open(&network, &part, &pb_cpu_backend, error));
    facts = network.facts.autoencoder;
    x = golden(io, "x");
    mean = golden(io, "mean");
    decoded = golden(io, "decoded");
    MUST(pb_graph_run(network.graph, network.device, PB_VAE_IMAGE, shapes, 1, x.data, true, 1,
                      &facts.mean, &out, &work, error));
    assert_near("mean", found, mean.data, pb_tensor_count(&mean), 1e-5);
    MUST(pb_graph_run(network.graph, network.device, PB_VAE_LATENT, shapes, 1, mean.data, true, 1,
                      &facts.image, &out, &work, error));
    assert_near("decoded", found, decoded.data, pb_tensor_count(&decoded), 1e-5);
    pb_tensor_clear(&x);
    pb_tensor_clear(&mean);
    pb_tensor_clear(&decoded);
    pb_weights_free(io);
    pb_network_close(&network);
    pb_work_end(&work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_svd),
        cmocka_unit_test(test_autoencoder),
        cmocka_unit_test(test_trajectories),
        cmocka_unit_test(test_diffusers),
        cmocka_unit_test(test_zero_snr),
        cmocka_unit_test(test_autoencoder_alone),
        cmocka_unit_test(test_autoencoder_odd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
