/* What takes long stops within one operation of a network, wherever its monitor says so; it is
 * asked from the thread that called, and for itself alone. */
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "golden.h"
#include "io/file.h"

#define TINY GOLDEN "sd1-tiny"
#define H 8
#define PIXELS 16 /* of the picture's height: the autoencoder halves it */

typedef struct world {
    pb_input input;      /* the context */
    unsigned long asked; /* questions so far, */
    unsigned long most;  /* and the one from which on the answer is to stop */
    pthread_t caller;
    int threads; /* the most that there were when it was asked */
    size_t done; /* steps of the last question */
    char task[32];
    pb_run run;
    pb_model *model;
    pb_evaluator *evaluator;
    pb_denoiser *denoiser;
    pb_linearisation *l;
    pb_text_encoder *text;
    pb_autoencoder *vae;
    pb_map_options map;
    uint32_t *ids;
    pb_tensor x, context, picture, latent, much; /* much: of a tap and of operators */
} world;

static int stop(void *context, const pb_progress *progress)
{
    world *w = context;

    assert_true(pthread_equal(w->caller, pthread_self()));
    assert_true(progress->done <= progress->total || !progress->total);
    w->threads = omp_get_max_threads();
    w->done = progress->done;
    snprintf(w->task, sizeof w->task, "%s", progress->task);
    return ++w->asked >= w->most;
}

static pb_status embed(world *w, pb_error *error)
{
    return pb_text_encoder_embed(w->text, 1, pb_text_encoder_length(w->text), w->ids,
                                 w->context.data, NULL, &w->run, error);
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
    const pb_ddim_options options = {.steps = 4, .boost = SIZE_MAX};

    memcpy(w->much.data, w->x.data, pb_tensor_count(&w->x) * sizeof *w->x.data);
    return pb_ddim(pb_model_schedule(w->model), w->denoiser, 1, w->denoiser->size, w->much.data, 3,
                   0, &options, &w->run, error);
}

static pb_status linearise(world *w, pb_error *error)
{
    pb_linearisation *l;

    PB_TRY(pb_linearise(&l, w->model, &w->map, &w->x, &w->run, error));
    pb_linearisation_free(l);
    return PB_OK;
}

static pb_status apply(const world *w, int transpose, pb_error *error)
{
    const pb_operator *op = pb_linearisation_operator(w->l);
    float *from = calloc(op->rows + op->cols, sizeof *from);
    pb_status status;

    assert_non_null(from);
    status = (transpose ? op->apply_transpose
                        : op->apply)(op->context, 1, from, transpose ? op->rows : op->cols,
                                     w->much.data, transpose ? op->cols : op->rows, error);
    free(from);
    return status;
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
    status = pb_basis_compute(&found, NULL, NULL, w->model, &request, &x, &w->run, error);
    pb_basis_clear(&found);
    return status;
}

static pb_status encode(world *w, pb_error *error)
{
    pb_tensor found = PB_TENSOR_EMPTY;
    pb_status status = pb_encode(w->vae, &w->picture, &found, &w->run, error);

    pb_tensor_clear(&found);
    return status;
}

static pb_status decode(world *w, pb_error *error)
{
    pb_tensor found = PB_TENSOR_EMPTY;
    pb_status status = pb_decode(w->vae, &w->latent, &found, &w->run, error);

    pb_tensor_clear(&found);
    return status;
}

/* Does run.h tell of the task? */
static int is_listed(const char *task)
{
    char quoted[40];
    pb_bytes header;
    int listed;

    snprintf(quoted, sizeof quoted, "\"%s\"", task);
    MUST(pb_file_read(&header, PB_SOURCE_DIR "/include/pullback/run.h", 1 << 20, error));
    listed = strstr((const char *)header.data, quoted) != NULL;
    pb_bytes_clear(&header);
    return listed;
}

/* The n-th question is answered with stop: then nothing more is asked. The questions of DDIM hand
 * over its own progress, those of a network too. */
static void check(const char *name, const char *task, pb_status (*work)(world *w, pb_error *error),
                  world *w)
{
    unsigned long all;

    w->most = (unsigned long)-1;
    MUST(work(w, error)); /* plans are made */
    w->asked = 0;
    MUST(work(w, error));
    all = w->asked;
    if (all < 5 || strcmp(w->task, task) || !is_listed(task))
        fail_msg("%s: asked %lu times, of \"%s\"", name, all, w->task);
    assert_int_equal(w->threads, w->run.threads ? w->run.threads : omp_get_max_threads());
    for (int i = 0; i <= 4; i++) {
        unsigned long nth = 1 + (all - 1) * (unsigned long)i / 4;
        pb_error error = {0};

        w->asked = 0;
        w->most = nth;
        if (work(w, &error) != PB_CANCELLED || error.status != PB_CANCELLED || w->asked != nth)
            fail_msg("%s, stopped at question %lu of %lu: %lu asked, \"%s\"", name, nth, all,
                     w->asked, error.message);
        assert_string_equal(error.message, "cancelled");
        assert_string_equal(w->task, task);
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
    pb_autoencoder_info info;
    size_t length, width;

    w->caller = pthread_self();
    w->run.monitor = stop;
    w->run.context = w;
    w->most = (unsigned long)-1;
    MUST(pb_model_open(&w->model, TINY, error));
    MUST(pb_text_encoder_open(&w->text, w->model, error));
    MUST(pb_autoencoder_open(&w->vae, w->model, error));
    MUST(pb_evaluator_new(&w->evaluator, w->model, H, H, &w->run, error));
    info = pb_autoencoder_get_info(w->vae);
    length = pb_text_encoder_length(w->text);
    width = pb_text_encoder_width(w->text);
    w->ids = calloc(length, sizeof *w->ids);
    assert_non_null(w->ids);
    w->x = tensor(1, pb_model_get_info(w->model)->in_channels, H, H);
    MUST(pb_tensor_new(&w->context, 2, (size_t[2]){length, width}, error));
    w->picture = tensor(1, info.channels, PIXELS, PIXELS);
    w->latent = tensor(1, info.latent_channels, PIXELS / info.factor, PIXELS / info.factor);
    w->much = tensor(1, 512, H, H);
    w->map = PB_MAP_DEFAULTS;
    w->input = (pb_input){"context", &w->context};
    w->map.condition.count = 1;
    w->map.condition.inputs = &w->input;
    MUST(embed(w, error));
    MUST(pb_denoiser_new(&w->denoiser, w->evaluator, &w->map.condition, NULL, 1, error));
    MUST(pb_linearise(&w->l, w->model, &w->map, &w->x, &w->run, error));
}

static void close_all(world *w)
{
    pb_tensor *const tensors[] = {&w->x, &w->context, &w->picture, &w->latent, &w->much};

    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        pb_tensor_clear(tensors[i]);
    free(w->ids);
    pb_linearisation_free(w->l);
    pb_denoiser_free(w->denoiser);
    pb_evaluator_free(w->evaluator);
    pb_autoencoder_free(w->vae);
    pb_text_encoder_free(w->text);
    pb_model_free(w->model);
}

static void test_stops(void **state)
{
    static const struct {
        const char *name, *task;
        pb_status (*work)(world *w, pb_error *error);
    } works[] = {
        {"the text encoder", "embedding", embed},
        {"an evaluation", "evaluating", evaluate},
        {"DDIM", "sampling", sample},
        {"a linearisation", "linearising", linearise},
        {"J v", "J v", down},
        {"J^T u", "J^T u", up},
        {"a basis", "basis", basis},
        {"encoding", "encoding", encode},
        {"decoding", "decoding", decode},
    };

    (void)state;
    for (int threads = 0; threads < 4; threads += 3) { /* as many as there are; another number */
        world w = {.run = {.threads = threads}};
        open_all(&w);
        for (size_t i = 0; i < sizeof works / sizeof *works; i++)
            check(works[i].name, works[i].task, works[i].work, &w);
        close_all(&w);
    }
}

/* What a run is not. */
static void test_threads(void **state)
{
    world w = {0};

    (void)state;
    open_all(&w);
    for (int threads = -1; threads < 5000; threads += 4998) { /* -1, 4997 */
        pb_error error = {0};
        pb_evaluator *e;

        w.run.threads = threads;
        assert_int_equal(embed(&w, &error), PB_INVALID);
        assert_int_equal(encode(&w, &error), PB_INVALID);
        assert_int_equal(linearise(&w, &error), PB_INVALID);
        assert_int_equal(sample(&w, &error), PB_INVALID);
        assert_int_equal(basis(&w, &error), PB_INVALID);
        assert_int_equal(pb_evaluator_new(&e, w.model, H, H, &w.run, &error), PB_INVALID);
        assert_non_null(strstr(error.message, "threads"));
    }
    close_all(&w);
}

/* -- hashing ----------------------------------------------------------------------------------- */

static pb_status hash(world *w, pb_error *error)
{
    char hash[65];

    return pb_model_hash(w->model, hash, &w->run, error);
}

/* A basis names its model, which reads all of its files: that stops too. */
static void test_hash(void **state)
{
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis kept = PB_BASIS_EMPTY;
    unsigned long with, without;
    char expected[65], found[65];
    pb_error why = {0};
    pb_model *own;
    size_t bytes;
    world w = {0};

    (void)state;
    open_all(&w);
    MUST(basis(&w, error)); /* which hashes the model, and packs its weights */
    w.asked = 0;
    MUST(basis(&w, error));
    without = w.asked;
    MUST(pb_model_hash(w.model, expected, NULL, error));
    own = w.model;
    MUST(pb_model_open(&w.model, TINY, error));
    w.asked = 0;
    MUST(basis(&w, error));
    with = w.asked;
    assert_true(with >= without + 5); /* files */
    pb_model_free(w.model);
    MUST(pb_model_open(&w.model, TINY, error));
    w.asked = 0;
    w.most = with - 2;
    request.map = w.map;
    request.svd.rank = 2;
    pb_tensor x = {.rank = 3, .shape = {w.x.shape[1], H, H}, .data = w.x.data};
    assert_int_equal(pb_basis_compute(&kept, NULL, NULL, w.model, &request, &x, &w.run, &why),
                     PB_CANCELLED);
    assert_int_equal(w.asked, with - 2);
    assert_string_equal(w.task, "basis");
    assert_int_equal(kept.converged, 2); /* the basis was there */
    assert_string_equal(kept.model_hash, "");
    pb_basis_clear(&kept);
    w.most = (unsigned long)-1;
    MUST(pb_model_hash(w.model, found, &w.run, error)); /* nothing of it was kept */
    assert_string_equal(found, expected);
    pb_model_free(w.model);
    w.model = own; /* of which the rest is */
    close_all(&w);
    w = (world){.caller = pthread_self(), .run = {.monitor = stop, .context = &w}};
    MUST(pb_model_open(&w.model, PB_SOURCE_DIR "/models/faces32", error));
    bytes = pb_model_get_info(w.model)->weight_bytes;
    assert_true(bytes > 4 << 20);
    for (w.most = 1; w.most < 3; w.most++) {
        w.asked = 0;
        assert_int_equal(hash(&w, &why), PB_CANCELLED);
        assert_string_equal(w.task, "hashing");
    }
    w.asked = 0;
    w.most = (unsigned long)-1;
    MUST(hash(&w, error));
    assert_true(w.asked > bytes >> 20);
    w.run.threads = -1;
    assert_int_equal(hash(&w, &why), PB_INVALID);
    pb_model_free(w.model);
}

/* -- what is told of an SVD -------------------------------------------------------------------- */

typedef struct listener {
    int has;               /* had the last question an SVD? */
    unsigned long changes; /* how often that changed */
    int at_step;           /* had one, in what is told when a step is done */
    size_t done;
} listener;

static int listen(void *context, const pb_progress *progress)
{
    listener *l = context;
    int has = progress->svd != NULL;

    l->changes += has != l->has;
    l->has = has;
    l->at_step |= progress->done > l->done && has;
    l->done = progress->done;
    return 0;
}

/* A task tells of an SVD while it computes one, all the time, and then no longer. */
static void test_svd(void **state)
{
    const pb_relinearised path = {.length = 1, .steps = 3};
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis found = PB_BASIS_EMPTY;
    double verified[2], share;
    listener l = {0};
    world w = {0};

    (void)state;
    open_all(&w);
    w.run = (pb_run){.monitor = listen, .context = &l};
    pb_tensor x = {.rank = 3, .shape = {w.x.shape[1], H, H}, .data = w.x.data};
    request.map = w.map;
    request.svd.rank = 2;
    MUST(pb_basis_compute(&found, NULL, verified, w.model, &request, &x, &w.run, error));
    assert_int_equal(l.changes, 2);
    assert_false(l.has);
    l = (listener){0};
    MUST(
        pb_relinearise(w.model, &request, &found, 0, &path, 1, w.much.data, &share, &w.run, error));
    assert_int_equal(l.changes, 2 * (path.steps - 1));
    assert_false(l.has || l.at_step);
    pb_basis_clear(&found);
    close_all(&w);
}

/* -- two runs of one model ------------------------------------------------------------------------
 */

/* What a thread samples, and how that ended. */
typedef struct sampler {
    pb_model *model;
    const world *w;
    pthread_barrier_t *meeting; /* at the first question */
    int stops;                  /* at the second one */
    unsigned long asked;
    float x[4 * H * H];
    pb_status status;
} sampler;

static int meet(void *context, const pb_progress *progress)
{
    sampler *s = context;

    (void)progress;
    if (++s->asked == 1)
        pthread_barrier_wait(s->meeting);
    return s->stops && s->asked > 1;
}

static void *sample_alone(void *context)
{
    sampler *s = context;
    const pb_run run = {.monitor = s->meeting ? meet : NULL, .context = s};
    const pb_ddim_options options = {.steps = 4, .boost = SIZE_MAX};
    pb_denoiser *denoiser = NULL;
    pb_evaluator *e = NULL;

    memcpy(s->x, s->w->x.data, sizeof s->x);
    s->status = pb_evaluator_new(&e, s->model, H, H, NULL, NULL);
    if (s->status == PB_OK)
        s->status = pb_denoiser_new(&denoiser, e, &s->w->map.condition, NULL, 1, NULL);
    if (s->status == PB_OK)
        s->status = pb_ddim(pb_model_schedule(s->model), denoiser, 1, denoiser->size, s->x, 3, 0,
                            &options, &run, NULL);
    pb_denoiser_free(denoiser);
    pb_evaluator_free(e);
    return NULL;
}

/* One is cancelled while the other is at work: that one goes on, to the same numbers. */
static void test_two_runs(void **state)
{
    pthread_barrier_t meeting;
    pthread_t threads[2];
    world w = {0};

    (void)state;
    open_all(&w);
    assert_int_equal(pb_tensor_count(&w.x), sizeof((sampler *)0)->x / sizeof(float));
    sampler alone = {.model = w.model, .w = &w};
    sampler two[2] = {{.model = w.model, .w = &w, .meeting = &meeting, .stops = 1},
                      {.model = w.model, .w = &w, .meeting = &meeting}};
    sample_alone(&alone);
    assert_int_equal(alone.status, PB_OK);
    assert_int_equal(pthread_barrier_init(&meeting, NULL, 2), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sample_alone, &two[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&meeting);
    assert_int_equal(two[0].status, PB_CANCELLED);
    assert_int_equal(two[0].asked, 2);
    assert_int_equal(two[1].status, PB_OK);
    assert_memory_equal(two[1].x, alone.x, sizeof alone.x);
    close_all(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops), cmocka_unit_test(test_threads),  cmocka_unit_test(test_hash),
        cmocka_unit_test(test_svd),   cmocka_unit_test(test_two_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
