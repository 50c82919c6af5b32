#include "cli/point.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/noisy.h"

void pb_point_entries(pb_point_options *o, unsigned kinds, GOptionEntry entries[PB_POINT_ENTRIES])
{
    const struct {
        unsigned kind;
        GOptionEntry entry;
    } all[] = {
        {PB_POINT_T,
         {"t", 't', 0, G_OPTION_ARG_DOUBLE, &o->t,
          "Noise level: a fraction above 0 (the image) and up to 1 (pure noise), snapped to the "
          "time grid (default: the model's, or 0.6; of latents 0.7)",
          "T"}},
        {PB_POINT_STEPS,
         {"steps", 's', 0, G_OPTION_ARG_INT, &o->steps,
          "Points of the time grid between image and noise: more are slower and more exact "
          "(default: 100)",
          "S"}},
        {PB_POINT_X,
         {"x", 0, 0, G_OPTION_ARG_FILENAME, &o->x,
          "The noisy image x_t itself: a .safetensors of invert or basis, which says its t, or a "
          ".npy",
          "F"}},
        {PB_POINT_SEED,
         {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed,
          "Begin with the noise of this seed, as torch.randn draws it after torch.manual_seed(N)",
          "N"}},
        {PB_POINT_PICTURE,
         {"crop", 0, 0, G_OPTION_ARG_STRING, &o->crop,
          "The part of the photo to use: X,Y,W,H in its pixels, auto (around the largest face, of "
          "models of faces) or none (default: auto for those models, unless the picture has the "
          "model's own size; else none)",
          "PART"}},
        {PB_POINT_PICTURE,
         {"fit", 0, 0, G_OPTION_ARG_STRING, &o->fit,
          "How a whole photo (--crop none) meets the network's proportions: crop, pad or stretch "
          "(default: crop, its middle)",
          "HOW"}},
        {PB_POINT_PICTURE,
         {"max-megapixels", 0, 0, G_OPTION_ARG_DOUBLE, &o->megapixels,
          "The largest photo or mask that is read, in millions of pixels; an edit takes 42 bytes "
          "for each (default: 100)",
          "N"}},
        {PB_POINT_INVERT,
         {"direct", 0, 0, G_OPTION_ARG_NONE, &o->direct,
          "Stop the inversion at t, in place of going up to noise and down again (fewer steps, "
          "nearly the same point)",
          NULL}},
        {PB_POINT_INVERT,
         {"latents", 0, 0, G_OPTION_ARG_NONE, &o->latents,
          "IMAGE.npy holds latents, as encode writes them, not a picture", NULL}},
        {PB_POINT_CLASS,
         {"class", 0, 0, G_OPTION_ARG_INT, &o->class_label,
          "The class, by its number, for a network that was trained with classes", "C"}},
        {PB_POINT_PROMPT,
         {"prompt", 0, 0, G_OPTION_ARG_STRING, &o->text.prompt,
          "What inversion and sampling are conditioned on, for a model that reads text (default: "
          "the empty prompt)",
          "TEXT"}},
        {PB_POINT_EDIT_TEXT,
         {"edit-prompt", 0, 0, G_OPTION_ARG_STRING, &o->text.edit_prompt,
          "What the basis and the guidance along it are conditioned on (default: the prompt)",
          "TEXT"}},
        {PB_POINT_GUIDANCE,
         {"negative-prompt", 0, 0, G_OPTION_ARG_STRING, &o->text.negative,
          "What the guidance scale leads away from (default: the empty prompt)", "TEXT"}},
        {PB_POINT_GUIDANCE,
         {"guidance-scale", 0, 0, G_OPTION_ARG_DOUBLE, &o->text.scale,
          "Classifier-free guidance of inversion and sampling, and of a --guided map (default: 7.5 "
          "in sample, else 1: none)",
          "W"}},
        {PB_POINT_SIZE,
         {"height", 0, 0, G_OPTION_ARG_INT, &o->pixel_height,
          "Height in pixels of what a seed draws or a photo becomes (default: what the model was "
          "trained at)",
          "H"}},
        {PB_POINT_SIZE,
         {"width", 0, 0, G_OPTION_ARG_INT, &o->pixel_width, "Width in pixels, likewise", "W"}},
        {PB_POINT_MASK,
         {"mask", 0, 0, G_OPTION_ARG_FILENAME, &o->mask,
          "The region to change, white in a picture of the image's or the network's size; the rest "
          "changes less, not nothing; for taps of that size (eps, x0)",
          "FILE"}},
    };
    size_t count = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].kind & kinds)
            entries[count++] = all[i].entry;
    entries[count] = (GOptionEntry)G_OPTION_ENTRY_NULL;
}

static void take_fit(pb_point_options *o)
{
    static const char *const names[] = {"crop", "pad", "stretch"};

    for (int i = 0; o->fit && i < 3; i++)
        if (!strcmp(o->fit, names[i]))
            o->cut.fit = (pb_fit)i;
}

static pb_status check_crop(pb_point_options *o, pb_error *error)
{
    pb_area *area = &o->cut.area;
    long width, height;
    int end = 0;

    if (!o->crop && !o->fit)
        o->cut.kind = pb_face_detector() ? PB_CROP_FACE : PB_CROP_FIT;
    if (!o->crop || !strcmp(o->crop, "none"))
        return PB_OK;
    if (o->fit && o->cut.fit != PB_FIT_CROP)
        return pb_fail(error, PB_INVALID, "--crop goes with --fit crop, not %s", o->fit);
    if (!strcmp(o->crop, "auto")) {
        o->cut.kind = PB_CROP_FACE;
        return PB_OK;
    }
    if (sscanf(o->crop, "%ld,%ld,%ld,%ld%n", &area->x, &area->y, &width, &height, &end) != 4 ||
        o->crop[end] || width < 1 || height < 1)
        return pb_fail(error, PB_INVALID,
                       "--crop %s: expected X,Y,WIDTH,HEIGHT in pixels, auto or none", o->crop);
    area->width = (size_t)width;
    area->height = (size_t)height;
    o->cut.kind = PB_CROP_AREA;
    return PB_OK;
}

/* What an image at a noise level says of itself is as good as given. */
static pb_status take_noisy(pb_cli *cli, pb_point_options *o, pb_error *error)
{
    pb_noisy n = PB_NOISY_EMPTY;
    pb_status status = pb_noisy_read(&n, NULL, o->x, error);

    if (status == PB_OK) {
        if (n.model_hash && *n.model_hash) {
            cli->expected_by = o->x;
            g_ptr_array_add(cli->owned, (void *)(cli->expected_hash = g_strdup(n.model_hash)));
            g_ptr_array_add(cli->owned, (void *)(cli->expected_model = g_strdup(n.model)));
        }
        o->x_timestep = n.timestep;
        if (isnan(o->t) && isnan(o->timestep)) {
            o->timestep = n.timestep;
            o->x_t = n.t;
        }
        if (n.steps && !pb_cli_given(cli, "steps"))
            o->steps = (int)n.steps;
        if (!pb_cli_given(cli, "class"))
            o->class_label = (int)n.class_label;
        if (!o->text.prompt && n.prompt && *n.prompt)
            g_ptr_array_add(cli->owned, o->text.prompt = g_strdup(n.prompt));
        if (isnan(o->text.scale) && n.prompt) {
            o->text.scale = n.scale;
            if (!o->text.negative && n.negative && *n.negative)
                g_ptr_array_add(cli->owned, o->text.negative = g_strdup(n.negative));
        }
    }
    pb_noisy_clear(&n);
    return status;
}

pb_status pb_point_check(pb_cli *cli, pb_point_options *o, pb_error *error)
{
    int sources = (o->image != NULL) + (o->x != NULL) + (o->seed >= 0);

    if (sources > 1)
        return pb_fail(error, PB_INVALID, "an image, --x and --seed exclude each other");
    if (o->x && pb_has_ending(o->x, ".safetensors"))
        PB_TRY(take_noisy(cli, o, error));
    if (!o->image)
        PB_TRY(pb_cli_refuse(cli, "crop,fit,direct,latents", "goes with an image", error));
    else if (pb_has_ending(o->image, ".npy"))
        PB_TRY(pb_cli_refuse(cli, "crop,fit,height,width",
                             "is for pictures, and a .npy is taken as it is", error));
    if (!pb_is_photo(o->image) && !pb_is_photo(o->mask))
        PB_TRY(
            pb_cli_refuse(cli, "max-megapixels", "is for a photo or a picture as a mask", error));
    if (o->latents && o->image && !pb_has_ending(o->image, ".npy"))
        return pb_fail(error, PB_INVALID, "--latents: %s: expected a .npy", o->image);
    PB_TRY(pb_text_check(&o->text, error));
    if (o->x && (o->pixel_height || o->pixel_width))
        return pb_fail(error, PB_INVALID, "--x has its own size: neither --height nor --width");
    if (!isnan(o->t) && !isnan(o->timestep))
        return pb_fail(error, PB_INVALID, "--t and --timestep exclude each other");
    if (!isnan(o->timestep) && !o->x)
        return pb_fail(error, PB_INVALID,
                       "--timestep goes with --x: a point of the time grid is named by --t");
    take_fit(o);
    o->cut.megapixels = o->megapixels;
    return check_crop(o, error);
}

int pb_is_photo(const char *image)
{
    return image && !pb_has_ending(image, ".npy");
}

pb_status pb_model_for(pb_cli *cli, const char *image, pb_error *error)
{
    if (cli->model)
        return PB_OK;
    if (!pb_is_photo(image))
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    cli->model = PB_BUNDLED_MODEL;
    pb_note(cli, "with " PB_BUNDLED_MODEL ", the bundled model of faces (--model names another)");
    return PB_OK;
}

void pb_point_clear(pb_point *point)
{
    pb_photo_clear(&point->photo);
    pb_tensor_clear(&point->image);
    pb_tensor_clear(&point->x);
    pb_tensor_clear(&point->mask);
}

/* "--crop X,Y,W,H" */
static char *crop_text(const pb_area *a)
{
    return g_strdup_printf("--crop %ld,%ld,%zu,%zu", a->x, a->y, a->width, a->height);
}

/* Says what a face decided, or that there was none. */
static void tell_faces(const pb_session *s, const pb_point_options *o, const pb_crop *crop,
                       const pb_photo *photo)
{
    GString *others = g_string_new("");
    char *taken = crop_text(&photo->area);

    for (size_t i = 1; i < photo->faces; i++) {
        char *other = crop_text(&photo->face[i]);
        g_string_append_printf(others, "%s%s", i > 1 ? ", " : "", other);
        g_free(other);
    }
    if (photo->faces > 1)
        pb_note(s->cli, "%s: %zu faces, the largest is taken: %s (the others: %s)", o->image,
                photo->faces, taken, others->str);
    else if (photo->faces)
        pb_note(s->cli, "%s: a face is found: %s", o->image, taken);
    else if (photo->looked)
        pb_warn(s->cli,
                "%s: no face is found, so its middle is taken, and the model knows faces only: "
                "--crop X,Y,W,H takes a part of it, --crop none all, without this warning",
                o->image);
    else if (crop->kind == PB_CROP_FIT && !o->crop && !o->fit && !pb_face_detector() &&
             !isnan(s->info->recommended.face_size))
        pb_warn(s->cli,
                "%s: its middle is taken: the model knows faces that fill the picture, and this "
                "program was built without what finds them; --crop X,Y,W,H takes a part",
                o->image);
    g_free(taken);
    g_string_free(others, TRUE);
}

static pb_status read_photo(pb_point *point, pb_session *s, const pb_point_options *o, size_t width,
                            size_t height, pb_error *error)
{
    const pb_crop crop = pb_crop_for(o->cut, &s->info->recommended);

    if (o->crop && o->cut.kind == PB_CROP_FACE && crop.kind != PB_CROP_FACE)
        return pb_fail(error, PB_INVALID,
                       "--crop auto: %s says nothing of faces (face_x, face_y, face_size of a "
                       "pullback.json)",
                       s->info->path);
    PB_TRY(pb_photo_read(&point->photo, o->image, &crop, width, height, error));
    point->has_photo = 1;
    tell_faces(s, o, &crop, &point->photo);
    return PB_OK;
}

pb_status pb_point_read_image(pb_point *point, pb_session *session, const pb_point_options *o,
                              pb_error *error)
{
    size_t factor, channels, height, width;

    if (pb_has_ending(o->image, ".safetensors"))
        return pb_fail(error, PB_INVALID,
                       "%s is no picture: an image at a noise level is given as --x, a basis as "
                       "--basis",
                       o->image);
    if (pb_has_ending(o->image, ".npy")) {
        PB_TRY((o->latents ? pb_read_latents : pb_read_pictures)(&point->image, session, o->image,
                                                                 1, error));
        return pb_session_size(session, point->image.shape[2], point->image.shape[3], error);
    }
    PB_TRY(pb_session_pixels(session, &factor, &channels, error));
    PB_TRY(pb_session_choose_size(session, (size_t)o->pixel_height, (size_t)o->pixel_width, &height,
                                  &width, error));
    PB_TRY(read_photo(point, session, o, width * factor, height * factor, error));
    PB_TRY(pb_photo_tensor(&point->photo, channels, width * factor, height * factor, &point->image,
                           error));
    PB_TRY(pb_session_encode(session, &point->image, error));
    return pb_session_size(session, height, width, error);
}

pb_status pb_draw_noise(pb_tensor *tensor, const pb_session *session, size_t n, uint64_t seed,
                        pb_error *error)
{
    const size_t shape[4] = {n, session->info->in_channels, session->height, session->width};
    pb_rng *rng;

    PB_TRY(pb_rng_new(&rng, seed, error));
    pb_status status = pb_tensor_new(tensor, 4, shape, error);
    if (status == PB_OK)
        pb_randn(rng, tensor->data, pb_tensor_count(tensor));
    pb_rng_free(rng);
    return status;
}

/* How far t may move to a point of the grid before a word is said of it. */
#define COARSE 0.05

static pb_status check_time(const pb_point *point, const pb_session *s, const pb_point_options *o,
                            pb_error *error)
{
    size_t T = pb_schedule_length(s->schedule);
    double there = point->timestep / (double)T;

    if (!isnan(o->x_timestep) && fabs(point->timestep - o->x_timestep) > 1e-3)
        return pb_fail(error, PB_INVALID,
                       "%s lies at timestep %g, not at %g: leave out --t and --timestep", o->x,
                       o->x_timestep, point->timestep);
    if (isnan(o->x_timestep) && o->x && isnan(o->t) && isnan(o->timestep))
        pb_note(s->cli, "%s does not say its noise level: taken for t = %g (--t says another)",
                o->x, point->t);
    if (!isnan(point->t) && fabs(point->t - there) > COARSE)
        pb_warn(s->cli, "on a grid of %d points t = %g is t = %.2g: more --steps come nearer",
                o->steps, point->t, there);
    return PB_OK;
}

pb_status pb_point_time(pb_point *point, const pb_session *session, const pb_point_options *o,
                        pb_error *error)
{
    size_t T = pb_schedule_length(session->schedule), S = (size_t)o->steps;
    double recommended = session->info->recommended.t;

    point->t = o->x_t;
    point->timestep = o->timestep;
    if (isnan(o->timestep)) {
        double otherwise = pb_session_is_latent(session) ? 0.7 : 0.6;
        point->t = !isnan(o->t) ? o->t : !isnan(recommended) ? recommended : otherwise;
        point->grid = pb_grid_nearest(T, S, point->t);
        point->timestep = pb_grid_time(T, S, point->grid);
        if (point->grid == 0 && point->t > 0)
            return pb_fail(error, PB_INVALID,
                           "--t %g is 0 on a grid of %zu points, where nothing is left to do: "
                           "expected %.2g or more, or more --steps",
                           point->t, S, 0.5 / (double)(S - 1));
    } else
        point->grid = pb_grid_of(T, S, o->timestep);
    return check_time(point, session, o, error);
}

pb_status pb_point_on_grid(const pb_point *point, int steps, pb_error *error)
{
    return point->grid != SIZE_MAX
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "timestep %g is not on a grid of %d points: give the --steps it came from",
                         point->timestep, steps);
}

/* The noise x_T of a seed, or the image inverted. Returns the grid point reached in *at. */
static pb_status start(pb_point *point, pb_session *session, const pb_point_options *o, size_t *at,
                       pb_error *error)
{
    size_t last = (size_t)o->steps - 1, top = o->direct ? point->grid : last, height, width;

    if (!o->image) {
        PB_TRY(pb_session_choose_size(session, (size_t)o->pixel_height, (size_t)o->pixel_width,
                                      &height, &width, error));
        PB_TRY(pb_session_size(session, height, width, error));
        *at = last;
        return pb_draw_noise(&point->x, session, 1, (uint64_t)o->seed, error);
    }
    PB_TRY(pb_point_read_image(point, session, o, error));
    PB_TRY(pb_tensor_new(&point->x, 4, point->image.shape, error));
    memcpy(point->x.data, point->image.data,
           pb_tensor_count(&point->image) * sizeof *point->x.data);
    *at = top;
    return pb_session_move(session, "inverting", &point->x, 0, top, (size_t)o->steps, NULL, error);
}

/* The largest mask, as a share of the picture, of which no word is said. */
#define MASK_MOST 0.8

/* The mask: values 0 to 1 of a .npy (h,w), or the brightness of a picture, which is cut as the
 * photo is if it has the photo's size. */
static pb_status read_mask(pb_point *point, pb_session *s, const pb_point_options *o,
                           pb_error *error)
{
    const size_t shape[2] = {s->height, s->width};
    size_t factor, channels;
    pb_photo picture = PB_PHOTO_EMPTY;
    double chosen = 0;
    pb_status status;

    if (pb_has_ending(o->mask, ".npy"))
        status = pb_npy_read(&point->mask, o->mask, error);
    else {
        PB_TRY(pb_session_pixels(s, &factor, &channels, error));
        PB_TRY(pb_photo_read(
            &picture, o->mask,
            &(pb_crop){.fit = PB_FIT_STRETCH, .ground = PB_ON_BLACK, .megapixels = o->megapixels},
            s->width, s->height, error));
        picture.outside = -1; /* what is padded is not to be changed */
        if (point->has_photo && picture.pixels.width == point->photo.pixels.width &&
            picture.pixels.height == point->photo.pixels.height)
            picture.area = point->photo.area;
        else if ((picture.pixels.width != s->width || picture.pixels.height != s->height) &&
                 (picture.pixels.width != s->width * factor ||
                  picture.pixels.height != s->height * factor)) {
            status = pb_fail(error, PB_INVALID,
                             "%s: %zu x %zu pixels: expected the image's size, or %zu x %zu",
                             o->mask, picture.pixels.width, picture.pixels.height,
                             s->width * factor, s->height * factor);
            pb_photo_clear(&picture);
            return status;
        }
        status = pb_photo_tensor(&picture, 1, s->width, s->height, &point->mask, error);
        pb_photo_clear(&picture);
        if (status != PB_OK)
            return status;
        point->mask.rank = 2;
        memcpy(point->mask.shape, shape, sizeof shape);
        for (size_t i = 0; i < s->height * s->width; i++)
            point->mask.data[i] = fminf(fmaxf((point->mask.data[i] + 1) / 2, 0), 1);
    }
    if (status != PB_OK)
        return status;
    if (point->mask.rank != 2 || memcmp(point->mask.shape, shape, sizeof shape))
        return pb_fail(error, PB_INVALID, "%s: expected (%zu, %zu)", o->mask, s->height, s->width);
    for (size_t i = 0; i < s->height * s->width; i++) {
        if (!(point->mask.data[i] >= 0 && point->mask.data[i] <= 1))
            return pb_fail(error, PB_INVALID, "%s: entry %zu is %g: expected 0 to 1", o->mask, i,
                           (double)point->mask.data[i]);
        chosen += (double)point->mask.data[i];
    }
    if (!(chosen > 0))
        return pb_fail(error, PB_INVALID, "%s: black all over: no region to change", o->mask);
    chosen /= (double)(s->height * s->width);
    if (chosen > MASK_MOST)
        pb_warn(s->cli, "%s: %.0f %% of the picture is white: little is left to spare", o->mask,
                100 * chosen);
    return PB_OK;
}

pb_status pb_point_find(pb_point *point, pb_session *session, const pb_point_options *o,
                        pb_error *error)
{
    size_t at;

    PB_TRY(pb_point_time(point, session, o, error));
    if (o->x) {
        PB_TRY(pb_read_images(&point->x, session, o->x, 1, error));
        PB_TRY(pb_session_size(session, point->x.shape[2], point->x.shape[3], error));
    } else {
        PB_TRY(start(point, session, o, &at, error));
        PB_TRY(pb_session_move(session, "moving to t", &point->x, at, point->grid, (size_t)o->steps,
                               NULL, error));
    }
    return o->mask ? read_mask(point, session, o, error) : PB_OK;
}
