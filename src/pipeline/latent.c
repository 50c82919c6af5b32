#include <pullback/latent.h>
#include <pullback/map.h>

#include <math.h>

#include "base/memory.h"
#include "base/shape.h"
#include "graph/run.h"
#include "models/model.h"
#include "models/network.h"

struct pb_autoencoder {
    pb_network network;
    pb_autoencoder_facts facts; /* the network's */
};

void pb_autoencoder_free(pb_autoencoder *a)
{
    if (!a)
        return;
    pb_network_close(&a->network);
    pb_free(a);
}

static pb_status open_network(pb_autoencoder *a, const pb_model *model, pb_error *error)
{
    const pb_part *vae = &model->files.parts[PB_ROLE_VAE];

    PB_TRY(pb_network_open(&a->network, vae, model->device->backend, error));
    a->facts = a->network.facts.autoencoder;
    if (a->facts.latent_channels != model->facts.in_channels)
        return pb_fail(error, PB_FORMAT,
                       "%s: latents of %zu channels, but the U-Net takes %zu: not of one model",
                       pb_part_place(vae), a->facts.latent_channels, model->facts.in_channels);
    return PB_OK;
}

pb_status pb_autoencoder_open(pb_autoencoder **out, const pb_model *model, pb_error *error)
{
    pb_autoencoder *a;
    pb_status status;

    PB_OUT(out, "the autoencoder");
    PB_NEED(model, "a model");
    if (!pb_part_is_there(&model->files.parts[PB_ROLE_VAE]))
        return pb_fail(error, PB_INVALID,
                       "%s has no vae/: pictures cannot be turned into latents, nor latents into "
                       "pictures (--vae gives one)",
                       model->files.folder);
    a = pb_calloc(1, sizeof *a);
    if (!a)
        return pb_fail_memory(error, sizeof *a, "an autoencoder");
    status = open_network(a, model, error);
    if (status == PB_OK)
        *out = a;
    else
        pb_autoencoder_free(a);
    return status;
}

pb_autoencoder_info pb_autoencoder_get_info(const pb_autoencoder *a)
{
    return (pb_autoencoder_info){a->facts.channels, a->facts.latent_channels, a->facts.factor,
                                 a->facts.scaling};
}

/* Runs one half for n items of these sizes into y, which it makes; what is scaled on either side is
 * the caller's. */
static pb_status convert(const pb_autoencoder *a, pb_value from, pb_value to, size_t n,
                         const pb_shape shapes[2], const float *x, pb_tensor *y, const pb_run *run,
                         pb_error *error)
{
    pb_shape out = shapes[from == PB_VAE_IMAGE ? PB_VAE_LATENT : PB_VAE_IMAGE];
    size_t size = n * pb_shape_size(out);
    pb_status status;
    pb_work work;

    PB_TRY(pb_work_begin(&work, run, from == PB_VAE_IMAGE ? "encoding" : "decoding", 0, error));
    status = pb_tensor_new(y, 4, (size_t[4]){n, out.c, out.h, out.w}, error);
    if (status == PB_OK)
        status = pb_graph_run(a->network.graph, a->network.device, from, shapes, n, x, true, 1, &to,
                              &y->data, &work, error);
    pb_work_end(&work);
    for (size_t i = 0; status == PB_OK && i < size; i++)
        if (!isfinite(y->data[i]))
            status = pb_fail(error, PB_NUMERIC, "the autoencoder's value is not finite");
    if (status != PB_OK)
        pb_tensor_clear(y);
    return status;
}

pb_status pb_encode(const pb_autoencoder *a, const pb_tensor *images, pb_tensor *latents,
                    const pb_run *run, pb_error *error)
{
    size_t height, width, f;
    pb_shape shapes[2];

    PB_NEED(a, "an autoencoder");
    PB_NEED(latents, "a place for latents");
    PB_TRY(pb_shape_check(images, 4, (size_t[4]){0, a->facts.channels}, "images", error));
    height = images->shape[2];
    width = images->shape[3];
    f = a->facts.factor;
    if (height < f || width < f || height > PB_LARGEST || width > PB_LARGEST)
        return pb_fail(error, PB_INVALID,
                       "an image of %zux%zu (height x width): the autoencoder takes heights and "
                       "widths from %zu to %d",
                       height, width, f, PB_LARGEST);
    shapes[PB_VAE_IMAGE] = (pb_shape){height, width, a->facts.channels};
    shapes[PB_VAE_LATENT] = (pb_shape){height / f, width / f, a->facts.latent_channels};
    PB_TRY(convert(a, PB_VAE_IMAGE, a->facts.mean, images->shape[0], shapes, images->data, latents,
                   run, error));
    for (size_t i = 0, size = pb_tensor_count(latents); i < size; i++)
        latents->data[i] = (float)((double)latents->data[i] * a->facts.scaling);
    return PB_OK;
}

pb_status pb_decode(const pb_autoencoder *a, const pb_tensor *latents, pb_tensor *images,
                    const pb_run *run, pb_error *error)
{
    size_t height, width, f, size;
    pb_shape shapes[2];
    pb_status status;
    float *means;

    PB_NEED(a, "an autoencoder");
    PB_NEED(images, "a place for images");
    PB_TRY(pb_shape_check(latents, 4, (size_t[4]){0, a->facts.latent_channels}, "latents", error));
    height = latents->shape[2];
    width = latents->shape[3];
    f = a->facts.factor;
    if (height > PB_LARGEST / f || width > PB_LARGEST / f)
        return pb_fail(error, PB_INVALID,
                       "a latent of %zux%zu (height x width): the autoencoder gives heights and "
                       "widths up to %d",
                       height, width, PB_LARGEST);
    shapes[PB_VAE_IMAGE] = (pb_shape){height * f, width * f, a->facts.channels};
    shapes[PB_VAE_LATENT] = (pb_shape){height, width, a->facts.latent_channels};
    size = pb_tensor_count(latents);
    means = pb_malloc(size, sizeof *means);
    if (!means)
        return pb_fail_memory(error, size * sizeof *means, "latents");
    for (size_t i = 0; i < size; i++)
        means[i] = (float)((double)latents->data[i] / a->facts.scaling);
    status = convert(a, PB_VAE_LATENT, a->facts.image, latents->shape[0], shapes, means, images,
                     run, error);
    pb_free(means);
    return status;
}
