/* Four threads on one model, and what goes with it: each gets what one thread alone gets, to the
 * bit. Under ThreadSanitizer (make tsan) this is what is watched. */
#include <jansson.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "io/file.h"
#include "sanitized.h"
#include "scratch.h"
#include "study/store/catalogue.h"

#define THREADS 4
#define STEPS 4
#define PROMPTS 2
#define LITTLE ((size_t)1 << 20) /* memory for some weights, not for all */

/* What the threads share. */
typedef struct shared {
    pb_model *model;
    pb_text_encoder *text; /* and vae: NULL where the model has none */
    pb_autoencoder *vae;
    pb_tensor x;
    pb_condition condition;
    pb_tensor *context; /* of it, or NULL */
    const scratch *folder;
} shared;

/* What one of them has for itself. */
typedef struct worker {
    const shared *all;
    pthread_barrier_t *start;
    int number;
    size_t memory; /* of its runs; 0: enough */
    size_t first;  /* the job it begins with */
    struct result {
        char digest[65];
        pb_error error;
    } * results;
} worker;

/* The bytes that a job has come to, of which a digest is kept. */
static pb_status note(struct result *r, const void *bytes, size_t count)
{
    char digest[65];
    char *both;

    pb_sha256(bytes, count, digest);
    both = pb_sprintf("%s%s", r->digest, digest);
    if (!both)
        return pb_fail_memory(&r->error, sizeof digest, "a digest");
    pb_sha256(both, strlen(both), r->digest);
    pb_free(both);
    return PB_OK;
}

static pb_run run_of(const worker *w)
{
    return (pb_run){.memory = w->memory};
}

static size_t height(const shared *all)
{
    return all->x.shape[all->x.rank - 2];
}

static size_t width(const shared *all)
{
    return all->x.shape[all->x.rank - 1];
}

/* -- jobs ------------------------------------------------------------------------------------ */

static pb_status name_model(const worker *w, struct result *r)
{
    char hash[65], *signature = NULL;
    pb_status status;

    PB_TRY(pb_model_hash(w->all->model, hash, NULL, &r->error));
    PB_TRY(pb_model_signature(w->all->model, &signature, &r->error));
    status = note(r, hash, sizeof hash);
    if (status == PB_OK)
        status = note(r, signature, strlen(signature));
    pb_text_free(signature);
    return status;
}

static pb_status evaluate(const worker *w, struct result *r)
{
    static const char *const taps[] = {"mid", "x0"};
    const shared *all = w->all;
    const pb_run run = run_of(w);
    pb_tensor out[2] = {PB_TENSOR_EMPTY, PB_TENSOR_EMPTY};
    pb_evaluator *e = NULL;
    size_t shape[3];
    pb_status status;

    status = pb_evaluator_new(&e, all->model, height(all), width(all), &run, &r->error);
    for (size_t i = 0; status == PB_OK && i < 2; i++) {
        status = pb_model_tap_shape(all->model, taps[i], height(all), width(all), shape, &r->error);
        if (status == PB_OK)
            status = pb_tensor_new(&out[i], 3, shape, &r->error);
    }
    if (status == PB_OK)
        status = pb_evaluate(e, &all->condition, 1, pb_tensor_count(&all->x), all->x.data, 2, taps,
                             (float *const[]){out[0].data, out[1].data}, &r->error);
    for (size_t i = 0; i < 2; i++) {
        if (status == PB_OK)
            status = note(r, out[i].data, pb_tensor_count(&out[i]) * sizeof(float));
        pb_tensor_clear(&out[i]);
    }
    pb_evaluator_free(e);
    return status;
}

/* Stochastic steps down to an image. */
static pb_status sample(const worker *w, struct result *r)
{
    const shared *all = w->all;
    const pb_run run = run_of(w);
    pb_ddim_options options = PB_DDIM_DEFAULTS;
    pb_tensor x = PB_TENSOR_EMPTY;
    pb_evaluator *e = NULL;
    pb_rng *rng = NULL;
    pb_denoiser *denoiser = NULL;
    pb_status status;

    options.steps = STEPS;
    options.boost = 1;
    status = pb_tensor_new(&x, all->x.rank, all->x.shape, &r->error);
    if (status == PB_OK)
        status = pb_rng_new(&rng, 7, &r->error);
    if (status == PB_OK)
        status = pb_evaluator_new(&e, all->model, height(all), width(all), &run, &r->error);
    if (status == PB_OK) {
        pb_randn(rng, x.data, pb_tensor_count(&x));
        status = pb_denoiser_new(&denoiser, e, &all->condition, NULL, 1, &r->error);
    }
    if (status == PB_OK)
        status = pb_ddim(pb_model_schedule(all->model), denoiser, 1, denoiser->size, x.data,
                         STEPS - 1, 0, &options, &run, &r->error);
    if (status == PB_OK)
        status = note(r, x.data, pb_tensor_count(&x) * sizeof(float));
    pb_denoiser_free(denoiser);
    pb_evaluator_free(e);
    pb_rng_free(rng);
    pb_tensor_clear(&x);
    return status;
}

/* Stops at a question that is its own, whatever the other threads do; with one processor. */
static int stop(void *context, const pb_progress *progress)
{
    int *left = context;

    (void)progress;
    return --*left == 0;
}

static pb_status give_up(const worker *w, struct result *r)
{
    const shared *all = w->all;
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY;
    pb_error error = {0};
    int left = 100;
    pb_status status;
    const pb_run run = {.monitor = stop, .context = &left, .threads = 1};

    request.map.condition = all->condition;
    request.svd.rank = 3;
    status = pb_basis_compute(&basis, NULL, NULL, all->model, &request, &all->x, &run, &error);
    pb_basis_clear(&basis); /* what had converged */
    if (status != PB_CANCELLED || left)
        return pb_fail(&r->error, PB_INTERNAL, "stopped with %d questions left: %s", left,
                       error.message);
    return note(r, error.message, strlen(error.message));
}

/* A basis, written, read, and written again as it was read. */
static pb_status find_basis(const worker *w, struct result *r)
{
    const shared *all = w->all;
    const pb_run run = run_of(w);
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;
    pb_basis basis = PB_BASIS_EMPTY, again = PB_BASIS_EMPTY;
    scratch_name path;
    char name[32], digest[65];
    pb_status status;

    snprintf(name, sizeof name, "%d.safetensors", w->number);
    path = scratch_path(all->folder, name);
    request.map.condition = all->condition;
    request.svd.rank = 3;
    request.svd.tolerance = 0.1;
    status = pb_basis_compute(&basis, NULL, NULL, all->model, &request, &all->x, &run, &r->error);
    if (status == PB_OK)
        status = pb_basis_write(&basis, path.text, &r->error);
    if (status == PB_OK)
        status = pb_basis_read(&again, path.text, &r->error);
    if (status == PB_OK)
        status = pb_basis_write(&again, path.text, &r->error);
    if (status == PB_OK)
        status = note(r, again.v.data, pb_tensor_count(&again.v) * sizeof(float));
    pb_basis_clear(&basis);
    pb_basis_clear(&again);
    if (status == PB_OK)
        status = pb_file_sha256(1, (const char *const[]){path.text}, NULL, digest, NULL, &r->error);
    return status == PB_OK ? note(r, digest, sizeof digest) : status;
}

/* A session of its own, from a seed to an edit; the first time it is stopped on the way. */
static int stop_guiding(void *context, const pb_progress *p)
{
    return *(int *)context && !strcmp(p->task, "guiding");
}

static pb_status edit(const worker *w, struct result *r)
{
    int stops = 1;
    const pb_run run = {.monitor = stop_guiding, .context = &stops, .memory = w->memory};
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_point point = PB_POINT_EMPTY;
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_edit done = PB_EDIT_EMPTY;
    pb_session *session = NULL;
    pb_status status;

    where.has_seed = 1;
    where.steps = STEPS;
    where.prompts.class_label = w->all->condition.class_label;
    how.iterations = 2;
    status = pb_session_new(&session, w->all->model, &r->error);
    if (status == PB_OK)
        status = pb_session_point(session, &where, &point, &run, &r->error);
    if (status == PB_OK)
        status = pb_session_directions(session, &point, NULL, &found, &run, &r->error);
    if (status == PB_OK &&
        pb_session_edit(session, &point, &found, &how, &done, &run, NULL) != PB_CANCELLED)
        status = pb_fail(&r->error, PB_INTERNAL, "an edit was not stopped");
    pb_edit_clear(&done);
    stops = 0;
    if (status == PB_OK)
        status = pb_session_edit(session, &point, &found, &how, &done, &run, &r->error);
    if (status == PB_OK)
        status = note(r, done.pictures.data, pb_tensor_count(&done.pictures) * sizeof(float));
    pb_edit_clear(&done);
    pb_directions_clear(&found);
    pb_point_clear(&point);
    pb_session_free(session);
    return status;
}

static pb_status embed(const worker *w, struct result *r)
{
    static const char *const prompts[PROMPTS] = {"a photo of a smiling young woman", ""};
    const pb_text_encoder *text = w->all->text;
    const pb_run run = run_of(w);
    size_t length, floats;
    uint32_t *ids;
    float *out;
    pb_status status;

    if (!text)
        return PB_OK;
    length = pb_text_encoder_length(text);
    floats = PROMPTS * length * pb_text_encoder_width(text);
    ids = pb_malloc(PROMPTS * length, sizeof *ids);
    out = pb_malloc(floats, sizeof *out);
    status = ids && out ? PB_OK : pb_fail_memory(&r->error, floats * sizeof *out, "embeddings");
    for (size_t i = 0; status == PB_OK && i < PROMPTS; i++)
        status = pb_text_encoder_tokens(text, prompts[i], length, ids + i * length, NULL, NULL,
                                        &r->error);
    if (status == PB_OK)
        status = pb_text_encoder_embed(text, PROMPTS, length, ids, out, NULL, &run, &r->error);
    if (status == PB_OK)
        status = note(r, out, floats * sizeof *out);
    pb_free(out);
    pb_free(ids);
    return status;
}

/* A latent to an image and back. */
static pb_status decode(const worker *w, struct result *r)
{
    const shared *all = w->all;
    const pb_tensor latent = {
        .rank = 4, .shape = {1, all->x.shape[0], height(all), width(all)}, .data = all->x.data};
    const pb_run run = run_of(w);
    pb_tensor image = PB_TENSOR_EMPTY, back = PB_TENSOR_EMPTY;
    pb_status status;

    if (!all->vae)
        return PB_OK;
    status = pb_decode(all->vae, &latent, &image, &run, &r->error);
    if (status == PB_OK)
        status = pb_encode(all->vae, &image, &back, &run, &r->error);
    if (status == PB_OK)
        status = note(r, image.data, pb_tensor_count(&image) * sizeof *image.data);
    if (status == PB_OK)
        status = note(r, back.data, pb_tensor_count(&back) * sizeof *back.data);
    pb_tensor_clear(&image);
    pb_tensor_clear(&back);
    return status;
}

/* Each with the catalogue open for itself; what was remembered is recalled. */
static pb_status look_up(const worker *w, struct result *r)
{
    const scratch_name path = scratch_path(w->all->folder, "catalogue.db");
    json_t *spec = json_pack("{s:i, s:f}", "thread", w->number, "t", 0.5);
    pb_key key = pb_key_of(spec);
    pb_store *c = NULL;
    char *value = NULL;
    pb_claim claim;
    pb_status status = pb_catalogue_open(&c, path.text, 1, &r->error);

    if (status == PB_OK)
        status = pb_store_claim(c, &key, spec, ".npy", 0, &claim, &r->error);
    if (status == PB_OK && claim != PB_CLAIM_MINE)
        status = pb_fail(&r->error, PB_INTERNAL, "an item of a thread's own is not its own");
    if (status == PB_OK)
        pb_store_release(c, &key);
    if (status == PB_OK)
        status = pb_store_remember(c, key.text, "0.5", &r->error);
    if (status == PB_OK)
        status = pb_store_recall(c, key.text, &value, &r->error);
    if (status == PB_OK)
        status = value ? note(r, value, strlen(value))
                       : pb_fail(&r->error, PB_INTERNAL, "what was remembered is forgotten");
    pb_free(value);
    pb_store_close(c);
    json_decref(spec);
    return status;
}

/* A mistake: its message is the thread's own. */
static pb_status mistake(const worker *w, struct result *r)
{
    pb_error error = {0};
    pb_model *model = NULL;

    if (pb_model_open(&model, "/no/such/model", &error) == PB_OK)
        return pb_fail(&r->error, PB_INTERNAL, "a model that is not there was opened");
    PB_TRY(note(r, error.message, strlen(error.message)));
    if (pb_model_tap_shape(w->all->model, "midd", height(w->all), width(w->all), (size_t[3]){0},
                           &error) == PB_OK)
        return pb_fail(&r->error, PB_INTERNAL, "a tap that is not there has a shape");
    return note(r, error.message, strlen(error.message));
}

static pb_status (*const jobs[])(const worker *, struct result *) = {
    name_model, evaluate, find_basis, sample, give_up, edit, embed, decode, look_up, mistake};
static const char *const names[] = {"name_model", "evaluate", "find_basis", "sample",  "give_up",
                                    "edit",       "embed",    "decode",     "look_up", "mistake"};
#define JOBS (sizeof jobs / sizeof *jobs)

/* -- threads --------------------------------------------------------------------------------- */

static void *work(void *argument)
{
    worker *w = argument;

    if (w->start)
        pthread_barrier_wait(w->start);
    for (size_t i = 0; i < JOBS; i++) {
        size_t job = (w->first + i) % JOBS;
        jobs[job](w, &w->results[job]);
    }
    return NULL;
}

static shared open_shared(const char *path, const scratch *folder)
{
    shared all = {.condition = PB_CONDITION_DEFAULTS, .folder = folder};
    size_t size, shape[3];
    pb_rng *rng;

    MUST(pb_model_open(&all.model, path, error));
    if (pb_model_get_info(all.model)->has_text_encoder) {
        MUST(pb_text_encoder_open(&all.text, all.model, error));
        MUST(pb_autoencoder_open(&all.vae, all.model, error));
    }
    size = pb_model_get_info(all.model)->sample_height;
    MUST(pb_model_tap_shape(all.model, "x", size, size, shape, error));
    MUST(pb_tensor_new(&all.x, 3, shape, error));
    MUST(pb_rng_new(&rng, 1, error));
    pb_randn(rng, all.x.data, pb_tensor_count(&all.x));
    pb_rng_free(rng);
    all.condition.timestep = 500.5;
    if (all.text) {
        const size_t text[2] = {77, pb_model_get_info(all.model)->context_width};
        pb_tensor *context = pb_calloc(1, sizeof *context);
        pb_input *input = pb_calloc(1, sizeof *input);
        assert_true(context && input);
        MUST(pb_tensor_new(context, 2, text, error));
        for (size_t i = 0; i < pb_tensor_count(context); i++)
            context->data[i] = (float)(i % 13) / 13 - 0.5F;
        *input = (pb_input){"context", context};
        all.condition.count = 1;
        all.condition.inputs = input;
        all.context = context;
    }
    return all;
}

static void close_shared(shared *all)
{
    pb_tensor_clear(all->context);
    pb_free(all->context);
    pb_free((pb_input *)all->condition.inputs);
    pb_tensor_clear(&all->x);
    pb_autoencoder_free(all->vae);
    pb_text_encoder_free(all->text);
    pb_model_free(all->model);
}

static void check(const struct result *found, const struct result *expected, int thread)
{
    for (size_t job = 0; job < JOBS; job++) {
        if (found[job].error.message[0])
            fail_msg("thread %d: %s: %s", thread, names[job], found[job].error.message);
        if (strcmp(found[job].digest, expected[job].digest))
            fail_msg("thread %d: %s: other numbers than one thread gets", thread, names[job]);
    }
}

/* What threads of so much memory get alone. */
typedef struct expected {
    size_t memory;
    struct result results[JOBS];
} expected;

static void run_alone(const char *path, expected *e)
{
    scratch folder;

    scratch_open(&folder);
    shared all = open_shared(path, &folder);
    worker one = {.all = &all, .memory = e->memory, .results = e->results};
    work(&one);
    check(e->results, e->results, 0);
    close_shared(&all);
    scratch_close(&folder);
}

/* Four threads on a model that nobody has used before, every other as in each of e; apart: each
 * begins with another job. */
static void run(const char *path, const expected *const e[2], int apart)
{
    struct result results[THREADS][JOBS] = {0};
    pthread_t threads[THREADS];
    worker workers[THREADS];
    pthread_barrier_t start;
    scratch folder;

    scratch_open(&folder);
    shared all = open_shared(path, &folder);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.all = &all,
                              .start = &start,
                              .number = i,
                              .memory = e[i % 2]->memory,
                              .first = apart ? 2 * (size_t)i : 0,
                              .results = results[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        check(results[i], e[i % 2]->results, i);
    pthread_barrier_destroy(&start);
    close_shared(&all);
    scratch_close(&folder);
}

/* Also where there is memory for some of the packed weights only, beside others that pack all:
 * whose weights are there first is nothing that numbers show. */
static void check_model(const char *path)
{
    expected enough = {0}, little = {.memory = LITTLE};

    run_alone(path, &enough);
    run_alone(path, &little);
    run(path, (const expected *const[]){&enough, &enough}, 0);
    if (OF_MANY(1, 0)) {
        run(path, (const expected *const[]){&enough, &enough}, 1);
        run(path, (const expected *const[]){&little, &little}, 1);
    }
    run(path, (const expected *const[]){&little, &enough}, 1);
}

static void test_pixels(void **state)
{
    (void)state;
    check_model(GOLDEN "unet2d-ddpm");
}

static void test_text_to_image(void **state)
{
    (void)state;
    check_model(GOLDEN "sd1-tiny");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pixels),
                                       cmocka_unit_test(test_text_to_image)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
