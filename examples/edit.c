/* Edits a picture with Pullback's library: encode, invert, basis, edit, decode.
 *
 *     cc -O2 edit.c -o edit $(pkg-config --cflags --libs pullback) -lm
 *     ./edit faces64-text face.ppm edited.ppm 0 0.6
 *
 * MODEL is a name or a folder, as pb_model_open takes it. IN is a .ppm (P6; its middle square is
 * taken, and brought to the model's size) or a .npy (channels, height, width) in [-1, 1]. OUT.ppm
 * shows three pictures side by side: IN, the reconstruction, the edit; OUT.npy holds the edit.
 * DIRECTION counts from 0 (default: 0); T is the noise level, above 0 and up to 1 (default: the
 * model's own, or 0.6). */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pullback/pullback.h>

#define STEPS 50 /* points between image and noise */

/* What is needed along the way. Begins empty: everything may be freed at any time. */
typedef struct work {
    pb_model *model;
    pb_autoencoder *autoencoder; /* of a latent model */
    pb_text_encoder *text;       /* of a model that reads text */
    float *context;              /* the empty prompt's embedding */
    pb_evaluator *evaluator;
    pb_denoiser *noise;
    size_t channels, height, width; /* of a picture */
    pb_tensor picture;              /* (1, channels, height, width): IN */
    pb_tensor x;                    /* what the network sees of it; then x_t */
    pb_basis basis;
    pb_tensor both;     /* (2, …): x_t again, and edited; then both without noise */
    pb_tensor pictures; /* (3, channels, height, width) */
} work;

static pb_status fail(pb_error *error, const char *file, const char *what)
{
    error->status = PB_INVALID;
    snprintf(error->message, sizeof error->message, "%s: %s", file, what);
    return PB_INVALID;
}

static int ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);

    return n > k && !strcmp(name + n - k, ending);
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        pb_status status_ = (call);                                                                \
        if (status_ != PB_OK)                                                                      \
            return status_;                                                                        \
    } while (0)

/* -- pictures ---------------------------------------------------------------------------------- */

/* A number of a PPM's header, behind white space and lines of comment. */
static int number(FILE *file, unsigned *value)
{
    int c = getc(file);

    for (; isspace(c) || c == '#'; c = getc(file))
        while (c == '#' && getc(file) != '\n')
            if (feof(file))
                return 0;
    return ungetc(c, file) != EOF && fscanf(file, "%u", value) == 1;
}

/* The middle square of a P6, every pixel the mean of those that it covers. */
static pb_status read_ppm(pb_tensor *picture, const char *path, pb_error *error)
{
    size_t c = picture->shape[1], h = picture->shape[2], w = picture->shape[3];
    unsigned wide, high, most;
    unsigned char *bytes = NULL;
    FILE *file = fopen(path, "rb");
    int sound = file && getc(file) == 'P' && getc(file) == '6' && number(file, &wide) &&
                number(file, &high) && number(file, &most) && most == 255 && wide >= w &&
                high >= h && wide < 65536 && high < 65536 && getc(file) != EOF;

    if (sound) {
        bytes = malloc((size_t)wide * high * 3);
        sound = bytes && fread(bytes, 3, (size_t)wide * high, file) == (size_t)wide * high;
    }
    if (file)
        fclose(file);
    if (!sound) {
        free(bytes);
        return fail(error, path, "expected a PPM (P6, 8 bits), not smaller than the model's size");
    }
    double scale = fmin((double)wide / (double)w, (double)high / (double)h);
    size_t left = (wide - (size_t)(scale * (double)w)) / 2;
    size_t top = (high - (size_t)(scale * (double)h)) / 2;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            size_t x0 = left + (size_t)(scale * (double)x), y0 = top + (size_t)(scale * (double)y);
            size_t side = (size_t)scale;
            double sum[3] = {0};
            for (size_t j = 0; j < side * side; j++)
                for (int k = 0; k < 3; k++)
                    sum[k] += bytes[((y0 + j / side) * wide + x0 + j % side) * 3 + (size_t)k];
            for (int k = 0; k < 3; k++)
                sum[k] = sum[k] / (double)(side * side) / 127.5 - 1;
            double grey = 0.299 * sum[0] + 0.587 * sum[1] + 0.114 * sum[2];
            for (size_t k = 0; k < c; k++)
                picture->data[(k * h + y) * w + x] = (float)(c == 3 ? sum[k] : grey);
        }
    free(bytes);
    return PB_OK;
}

/* (n, channels, height, width) side by side. */
static pb_status write_ppm(const pb_tensor *pictures, const char *path, pb_error *error)
{
    size_t n = pictures->shape[0], c = pictures->shape[1], h = pictures->shape[2];
    size_t w = pictures->shape[3];
    FILE *file = fopen(path, "wb");

    if (!file)
        return fail(error, path, "cannot be written");
    fprintf(file, "P6\n%zu %zu\n255\n", n * w, h);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < n * w; x++)
            for (size_t k = 0; k < 3; k++) {
                const float *one = pictures->data + x / w * c * h * w;
                double value = one[((c == 3 ? k : 0) * h + y) * w + x % w];
                putc((int)lround(fmin(fmax((value + 1) * 127.5, 0), 255)), file);
            }
    int lost = ferror(file);
    return fclose(file) || lost ? fail(error, path, "cannot be written") : PB_OK;
}

static pb_status read_picture(work *w, const char *path, pb_error *error)
{
    const size_t shape[4] = {1, w->channels, w->height, w->width};

    if (!ends_in(path, ".npy")) {
        TRY(pb_tensor_new(&w->picture, 4, shape, error));
        return read_ppm(&w->picture, path, error);
    }
    TRY(pb_npy_read(&w->picture, path, error));
    if (w->picture.rank < 3 || pb_tensor_count(&w->picture) != shape[1] * shape[2] * shape[3] ||
        memcmp(w->picture.shape + w->picture.rank - 3, shape + 1, 3 * sizeof *shape))
        return fail(error, path, "expected (channels, height, width) as the model has them");
    w->picture.rank = 4;
    memcpy(w->picture.shape, shape, sizeof shape);
    return PB_OK;
}

/* -- the way ----------------------------------------------------------------------------------- */

/* What a text-conditioned network is given: here the empty prompt. */
static pb_status embed(work *w, pb_condition *condition, pb_error *error)
{
    uint32_t *ids;
    pb_status status;

    TRY(pb_text_encoder_open(&w->text, w->model, error));
    condition->tokens = pb_text_encoder_length(w->text);
    ids = malloc(condition->tokens * sizeof *ids);
    w->context = malloc(condition->tokens * pb_text_encoder_width(w->text) * sizeof(float));
    status = ids && w->context
                 ? pb_text_encoder_tokens(w->text, "", condition->tokens, ids, NULL, NULL, error)
                 : fail(error, "prompt", "out of memory");
    if (status == PB_OK)
        status = pb_text_encoder_embed(w->text, 1, condition->tokens, ids, w->context, NULL, error);
    condition->context = w->context;
    condition->width = pb_text_encoder_width(w->text);
    free(ids);
    return status;
}

/* Opens the model, reads the picture, and encodes it where the model works on latents. */
static pb_status begin(work *w, const char *model, const char *in, pb_error *error)
{
    const pb_model_info *info;

    TRY(pb_model_open(&w->model, model, error));
    info = pb_model_get_info(w->model);
    const size_t shape[4] = {1, info->in_channels, info->sample_height, info->sample_width};
    w->channels = info->in_channels;
    w->height = info->sample_height;
    w->width = info->sample_width;
    if (info->latent) {
        TRY(pb_autoencoder_open(&w->autoencoder, w->model, error));
        pb_autoencoder_info ae = pb_autoencoder_get_info(w->autoencoder);
        w->channels = ae.channels;
        w->height *= ae.factor;
        w->width *= ae.factor;
    }
    TRY(read_picture(w, in, error));
    if (info->latent)
        return pb_encode(w->autoencoder, &w->picture, &w->x, NULL, error);
    TRY(pb_tensor_new(&w->x, 4, shape, error));
    memcpy(w->x.data, w->picture.data, pb_tensor_count(&w->x) * sizeof(float));
    return PB_OK;
}

/* Inverts, computes the basis, edits along one direction, and goes down again. */
static pb_status edit(work *w, size_t direction, double t, pb_error *error)
{
    const pb_model_info *info = pb_model_get_info(w->model);
    const pb_recommended *r = &info->recommended;
    const pb_schedule *schedule = pb_model_schedule(w->model);
    size_t T = pb_schedule_length(schedule), size = pb_tensor_count(&w->x);
    const size_t shape[4] = {2, w->x.shape[1], w->x.shape[2], w->x.shape[3]};
    pb_condition condition = PB_CONDITION_DEFAULTS;
    pb_ddim_options steps = PB_DDIM_DEFAULTS;
    pb_basis_request request = PB_BASIS_REQUEST_DEFAULTS;

    if (info->context_width)
        TRY(embed(w, &condition, error));
    if (info->class_conditional)
        condition.class_label = 0;
    TRY(pb_evaluator_new(&w->evaluator, w->model, shape[2], shape[3], NULL, error));
    TRY(pb_denoiser_new(&w->noise, w->evaluator, &condition, NULL, 1, error));

    /* Up to noise, and down to the noise level t: x is then x_t. */
    size_t at = pb_grid_nearest(T, STEPS, t > 0 ? t : r->t > 0 ? r->t : 0.6);
    steps.steps = STEPS;
    TRY(pb_ddim(schedule, w->noise, 1, size, w->x.data, 0, STEPS - 1, &steps, NULL, error));
    TRY(pb_ddim(schedule, w->noise, 1, size, w->x.data, STEPS - 1, at, &steps, NULL, error));

    /* The directions of x_t that the network's bottleneck responds to most. */
    request.map.condition = condition;
    request.map.condition.timestep = pb_grid_time(T, STEPS, at);
    request.svd.rank = direction + 1;
    TRY(pb_basis_compute(&w->basis, NULL, NULL, w->model, &request, &w->x, NULL, error));
    if (direction >= w->basis.v.shape[0]) /* not all that were asked for need be found */
        return fail(error, "DIRECTION", "the basis has less");

    /* x_t moved along one of them, beside x_t itself; and both down to images. */
    pb_guidance guidance = {.step = r->step > 0 ? r->step : 1,
                            .scale = isnan(r->scale) ? 0.1 : r->scale,
                            .iterations = r->iterations ? r->iterations : 16};
    TRY(pb_tensor_new(&w->both, 4, shape, error));
    memcpy(w->both.data, w->x.data, size * sizeof(float));
    TRY(pb_guide(schedule, w->noise, request.map.condition.timestep, size, w->x.data, 1,
                 w->basis.v.data + direction * size, &guidance, 1, w->both.data + size, NULL,
                 error));
    steps.boost = pb_grid_nearest(T, STEPS, isnan(r->boost) ? 0.2 : r->boost);
    steps.clip = info->clip;
    return pb_ddim(schedule, w->noise, 2, size, w->both.data, at, 0, &steps, NULL, error);
}

/* Decodes where the model works on latents, and writes. */
static pb_status end(work *w, const char *out, pb_error *error)
{
    const size_t shape[4] = {3, w->channels, w->height, w->width};
    size_t size = w->channels * w->height * w->width;
    pb_tensor decoded = PB_TENSOR_EMPTY;

    TRY(pb_tensor_new(&w->pictures, 4, shape, error));
    memcpy(w->pictures.data, w->picture.data, size * sizeof(float));
    if (w->autoencoder) {
        TRY(pb_decode(w->autoencoder, &w->both, &decoded, NULL, error));
        pb_tensor_clear(&w->both);
        w->both = decoded;
    }
    memcpy(w->pictures.data + size, w->both.data, 2 * size * sizeof(float));
    if (!ends_in(out, ".npy"))
        return write_ppm(&w->pictures, out, error);
    pb_tensor last = {.rank = 3, .data = w->pictures.data + 2 * size};
    memcpy(last.shape, shape + 1, 3 * sizeof *shape);
    return pb_npy_write(&last, out, error);
}

int main(int argc, char **argv)
{
    work w = {.basis = PB_BASIS_EMPTY};
    char *rest = "";
    long direction = argc > 4 ? strtol(argv[4], &rest, 10) : 0;
    double t = argc > 5 && !*rest ? strtod(argv[5], &rest) : 0;
    pb_error error;
    pb_status status;

    if (argc < 4 || argc > 6 || *rest || direction < 0 || direction > 1000 || t < 0 || t > 1 ||
        (!ends_in(argv[3], ".ppm") && !ends_in(argv[3], ".npy"))) {
        fprintf(stderr, "Usage: edit MODEL IN.ppm|IN.npy OUT.ppm|OUT.npy [DIRECTION [T]]\n");
        return 2;
    }
    status = begin(&w, argv[1], argv[2], &error);
    if (status == PB_OK)
        status = edit(&w, (size_t)direction, t, &error);
    if (status == PB_OK)
        status = end(&w, argv[3], &error);
    if (status == PB_OK)
        printf("%s: direction %ld, singular value %.4g, residual %.1e\n", argv[3], direction,
               (double)w.basis.s.data[direction], (double)w.basis.residual.data[direction]);
    else
        fprintf(stderr, "edit: %s\n", error.message);
    pb_tensor_clear(&w.pictures);
    pb_tensor_clear(&w.both);
    pb_tensor_clear(&w.x);
    pb_tensor_clear(&w.picture);
    pb_basis_clear(&w.basis);
    pb_denoiser_free(w.noise);
    pb_evaluator_free(w.evaluator);
    free(w.context);
    pb_text_encoder_free(w.text);
    pb_autoencoder_free(w.autoencoder);
    pb_model_free(w.model);
    return status == PB_OK ? 0 : 1;
}
