/* What computes with a model stops within one operation of a network, wherever it is asked to. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "golden.h"

#define TINY GOLDEN "sd1-tiny"
#define H 8
#define THREADS 256 /* as many may ask at once */
#define PIXELS 16   /* of the picture's height: the autoencoder halves it */

typedef struct world {
    atomic_ulong asked; /* questions so far, */
    unsigned long most; /* and the one from which on the answer is to stop */
    pb_model *model;
    pb_evaluator *evaluator;
    pb_linearisation *l;
    pb_text_encoder *text;
    pb_autoencoder *vae;
    pb_map_options map;
    uint32_t *ids;
    pb_tensor x, context, picture, latent, much; /* much: of a tap and of operators */
} world;

static int stop(void *context)
{
    world *w = context;

    return ++w->asked >= w->most;
}

static pb_status embed(world *w, pb_error *error)
{
    return pb_text_encoder_embed(w->text, 1, pb_text_encoder_length(w->text), w->ids,
                                 w->context.data, 0, error);
}

static pb_status evaluate(world *w, pb_error *error)
{
    static const char *const tap = "eps";
    float *const out[] = {w->much.data};

    return pb_evaluate(w->evaluator, &w->map.condition, 1, pb_tensor_count(&w->x), w->x.data, 1,
                       &tap, out, error);
}

static pb_status sample(world *w, pb_error *error)
{
    pb_denoiser denoiser = pb_evaluator_denoiser(w->evaluator, &w->map.condition);
    const pb_ddim_options options = {.steps = 4, .boost = SIZE_MAX};

    memcpy(w->much.data, w->x.data, pb_tensor_count(&w->x) * sizeof *w->x.data);
    return pb_ddim(pb_model_schedule(w->model), &denoiser, 1, denoiser.size, w->much.data, 3, 0,
                   &options, error);
}

static pb_status linearise(world *w, pb_error *error)
{
    pb_linearisation *l;

    PB_TRY(pb_linearise(&l, w->model, &w->map, &w->x, error));
    pb_linearisation_free(l);
    return PB_OK;
}

static pb_status apply(const world *w, int transpose, pb_error *error)
{
    const pb_operator *op = pb_linearisation_operator(w->l);
    float *from = calloc(op->rows + op->cols, sizeof *from);
    int stopped;

    assert_non_null(from);
    stopped = (transpose ? op->apply_transpose
                         : op->apply)(op->context, 1, from, transpose ? op->rows : op->cols,
                                      w->much.data, transpose ? op->cols : op->rows);
    free(from);
    if (stopped)
        op->explain(op->context, error);
    return (pb_status)stopped;
}

static pb_status down(world *w, pb_error *error)
{
    return apply(w, 0, error);
}

static pb_status up(world *w, pb_error *error)
{
    return apply(w, 1, error);
}

static pb_status basis(world *w, pb_error *error)
{
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis found = PB_BASIS_EMPTY;
    pb_tensor x = {.rank = 3, .shape = {w->x.shape[1], H, H}, .data = w->x.data};
    pb_status status;

    request.map = w->map;
    request.svd.rank = 2;
    status = pb_basis_compute(&found, NULL, NULL, w->model, &request, &x, error);
    pb_basis_clear(&found);
    return status;
}

static pb_status encode(world *w, pb_error *error)
{
    pb_tensor found = PB_TENSOR_EMPTY;
    pb_status status = pb_encode(w->vae, &w->picture, &found, 0, error);

    pb_tensor_clear(&found);
    return status;
}

static pb_status decode(world *w, pb_error *error)
{
    pb_tensor found = PB_TENSOR_EMPTY;
    pb_status status = pb_decode(w->vae, &w->latent, &found, 0, error);

    pb_tensor_clear(&found);
    return status;
}

/* The n-th question is answered with stop: then nothing more is asked, but by threads that were
 * asking. */
static void check(const char *name, pb_status (*work)(world *w, pb_error *error), world *w)
{
    unsigned long all;

    w->most = (unsigned long)-1;
    MUST(work(w, error)); /* plans are made */
    w->asked = 0;
    MUST(work(w, error));
    all = w->asked;
    if (all < 5)
        fail_msg("%s: asked %lu times", name, all);
    for (int i = 0; i <= 4; i++) {
        unsigned long nth = 1 + (all - 1) * (unsigned long)i / 4;
        pb_error error = {0};

        w->asked = 0;
        w->most = nth;
        if (work(w, &error) != PB_CANCELLED || error.status != PB_CANCELLED ||
            w->asked >= nth + THREADS)
            fail_msg("%s, stopped at question %lu of %lu: %lu asked, \"%s\"", name, nth, all,
                     w->asked, error.message);
        assert_string_equal(error.message, "cancelled");
    }
    w->most = (unsigned long)-1;
    MUST(work(w, error)); /* and it can be done again */
}

static pb_tensor tensor(size_t n, size_t c, size_t h, size_t w)
{
    const size_t shape[] = {n, c, h, w};
    pb_tensor t = PB_TENSOR_EMPTY;

    MUST(pb_tensor_new(&t, 4, shape, error));
    for (size_t i = 0; i < pb_tensor_count(&t); i++)
        t.data[i] = (float)(i % 7) / 7 - 0.5f;
    return t;
}

static void open_all(world *w)
{
    const pb_model_options options = {.stop = {stop, w}};
    pb_autoencoder_info info;
    size_t length, width;

    w->most = (unsigned long)-1;
    MUST(pb_model_open_with(&w->model, TINY, &options, error));
    MUST(pb_text_encoder_open(&w->text, w->model, error));
    MUST(pb_autoencoder_open(&w->vae, w->model, error));
    MUST(pb_evaluator_new(&w->evaluator, w->model, H, H, 0, error));
    info = pb_autoencoder_get_info(w->vae);
    length = pb_text_encoder_length(w->text);
    width = pb_text_encoder_width(w->text);
    w->ids = calloc(length, sizeof *w->ids);
    assert_non_null(w->ids);
    w->x = tensor(1, pb_model_get_info(w->model)->in_channels, H, H);
    w->context = tensor(1, 1, length, width);
    w->picture = tensor(1, info.channels, PIXELS, PIXELS);
    w->latent = tensor(1, info.latent_channels, PIXELS / info.factor, PIXELS / info.factor);
    w->much = tensor(1, 512, H, H);
    w->map = PB_MAP_DEFAULTS;
    w->map.condition.context = w->context.data;
    w->map.condition.tokens = length;
    w->map.condition.width = width;
    MUST(embed(w, error));
    MUST(pb_linearise(&w->l, w->model, &w->map, &w->x, error));
}

static void close_all(world *w)
{
    pb_tensor *const tensors[] = {&w->x, &w->context, &w->picture, &w->latent, &w->much};

    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        pb_tensor_clear(tensors[i]);
    free(w->ids);
    pb_linearisation_free(w->l);
    pb_evaluator_free(w->evaluator);
    pb_autoencoder_free(w->vae);
    pb_text_encoder_free(w->text);
    pb_model_free(w->model);
}

static void test_stops(void **state)
{
    static const struct {
        const char *name;
        pb_status (*work)(world *w, pb_error *error);
    } works[] = {
        {"the text encoder", embed},
        {"an evaluation", evaluate},
        {"DDIM", sample},
        {"a linearisation", linearise},
        {"J v", down},
        {"J^T u", up},
        {"a basis", basis},
        {"encoding", encode},
        {"decoding", decode},
    };
    world w = {0};

    (void)state;
    open_all(&w);
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        check(works[i].name, works[i].work, &w);
    close_all(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stops)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
