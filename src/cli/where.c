#include "cli/where.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/noisy.h"
#include "session/session.h"
#include "studio/basis.h"

/* What decides about the steps that are not given: the files that a command takes know theirs. */
static const char *steps_help(unsigned kinds)
{
    if (kinds & PB_WHERE_X && kinds & PB_WHERE_BASIS)
        return "Points of the time grid between image and noise: more are slower and more exact "
               "(default: what the file of --basis or --x says, else 100)";
    if (kinds & PB_WHERE_BASIS)
        return "Points of the time grid between image and noise: more are slower and more exact "
               "(default: what the basis says, else 100)";
    if (kinds & PB_WHERE_X)
        return "Points of the time grid between image and noise: more are slower and more exact "
               "(default: what the file of --x says, else 100)";
    return "Points of the time grid between image and noise: more are slower and more exact "
           "(default: 100)";
}

void pb_where_entries(pb_where *o, unsigned kinds, GOptionEntry entries[PB_WHERE_ENTRIES])
{
    const struct {
        unsigned kind;
        GOptionEntry entry;
    } all[] = {
        {PB_WHERE_T,
         {"t", 't', 0, G_OPTION_ARG_DOUBLE, &o->t,
          "Noise level: a fraction above 0 (the image) and up to 1 (pure noise), snapped to the "
          "time grid (default: the model's, or 0.6; of latents 0.7)",
          "T"}},
        {PB_WHERE_STEPS, {"steps", 's', 0, G_OPTION_ARG_INT, &o->steps, steps_help(kinds), "S"}},
        {PB_WHERE_X,
         {"x", 0, 0, G_OPTION_ARG_FILENAME, &o->x,
          "The noisy image x_t itself: a .safetensors of invert or basis, which says its t, or a "
          ".npy",
          "F"}},
        {PB_WHERE_SEED,
         {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed,
          "Begin with the noise of this seed, as torch.randn draws it after torch.manual_seed(N)",
          "N"}},
        {PB_WHERE_PICTURE,
         {"crop", 0, 0, G_OPTION_ARG_STRING, &o->crop,
          "The part of the photo to use: X,Y,W,H in its pixels, auto (around the largest face, of "
          "models of faces) or none (default: auto for those models, unless the picture has the "
          "model's own size; else none)",
          "PART"}},
        {PB_WHERE_PICTURE,
         {"fit", 0, 0, G_OPTION_ARG_STRING, &o->fit,
          "How a whole photo (--crop none) meets the network's proportions: crop, pad or stretch "
          "(default: crop, its middle)",
          "HOW"}},
        {PB_WHERE_PICTURE,
         {"max-megapixels", 0, 0, G_OPTION_ARG_DOUBLE, &o->megapixels,
          "The largest photo or mask that is read, in millions of pixels; an edit takes 42 bytes "
          "for each (default: 100)",
          "N"}},
        {PB_WHERE_INVERT,
         {"direct", 0, 0, G_OPTION_ARG_NONE, &o->direct,
          "Stop the inversion at t, in place of going up to noise and down again (fewer steps, "
          "nearly the same point)",
          NULL}},
        {PB_WHERE_INVERT,
         {"latents", 0, 0, G_OPTION_ARG_NONE, &o->latents,
          "IMAGE.npy holds latents, as encode writes them, not a picture", NULL}},
        {PB_WHERE_CLASS,
         {"class", 0, 0, G_OPTION_ARG_INT, &o->class_label,
          "The class, by its number, for a network that was trained with classes", "C"}},
        {PB_WHERE_PROMPT,
         {"prompt", 0, 0, G_OPTION_ARG_STRING, &o->prompts.prompt,
          "What inversion and sampling are conditioned on, for a model that reads text (default: "
          "the empty prompt)",
          "TEXT"}},
        {PB_WHERE_EDIT_TEXT,
         {"edit-prompt", 0, 0, G_OPTION_ARG_STRING, &o->prompts.edit_prompt,
          "What the basis and the guidance along it are conditioned on (default: the prompt)",
          "TEXT"}},
        {PB_WHERE_GUIDANCE,
         {"negative-prompt", 0, 0, G_OPTION_ARG_STRING, &o->prompts.negative_prompt,
          "What the guidance scale leads away from (default: the empty prompt)", "TEXT"}},
        {PB_WHERE_GUIDANCE,
         {"guidance-scale", 0, 0, G_OPTION_ARG_DOUBLE, &o->prompts.guidance_scale,
          "Classifier-free guidance of inversion and sampling, and of a --guided map (default: in "
          "sample 7.5, or 5 of a model as Stable Diffusion XL; else 1: none)",
          "W"}},
        {PB_WHERE_TOLD, PB_ORIGINAL_SIZE_ENTRY(o->sizes)},
        {PB_WHERE_TOLD, PB_CROP_COORDS_ENTRY(o->sizes)},
        {PB_WHERE_TOLD, PB_TARGET_SIZE_ENTRY(o->sizes)},
        {PB_WHERE_SIZE,
         {"height", 0, 0, G_OPTION_ARG_INT, &o->pixel_height,
          "Height in pixels of what a seed draws or a photo becomes (default: what the model was "
          "trained at)",
          "H"}},
        {PB_WHERE_SIZE,
         {"width", 0, 0, G_OPTION_ARG_INT, &o->pixel_width, "Width in pixels, likewise", "W"}},
        {PB_WHERE_MASK,
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

static pb_status check_crop(pb_where *o, pb_error *error)
{
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
    o->cut.kind = PB_CROP_AREA;
    return pb_area_of(&o->cut.area, o->crop) == 0
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "--crop %s: expected X,Y,WIDTH,HEIGHT in pixels, auto or none", o->crop);
}

/* Strings of a file that stand in the place of an option. */
static char *kept(pb_cli *cli, const char *text)
{
    char *copy = g_strdup(text);

    g_ptr_array_add(cli->owned, copy);
    return copy;
}

/* What an image at a noise level says of itself is as good as given. */
static pb_status take_noisy(pb_cli *cli, pb_where *o, pb_error *error)
{
    pb_noisy n = PB_NOISY_EMPTY;
    pb_prompts *p = &o->prompts;
    pb_status status = pb_noisy_read(&n, NULL, o->x, error);

    if (status == PB_OK) {
        if (n.model_hash && *n.model_hash) {
            cli->expected_by = o->x;
            cli->expected_hash = kept(cli, n.model_hash);
            cli->expected_model = kept(cli, n.model);
            cli->expected_loras = kept(cli, n.loras);
        }
        o->x_timestep = n.timestep;
        if (isnan(o->t) && isnan(o->timestep)) {
            o->timestep = n.timestep;
            o->t = n.t;
        }
        if (n.steps && !pb_cli_given(cli, "steps"))
            o->steps = (int)n.steps;
        if (!pb_cli_given(cli, "class"))
            o->class_label = (int)n.class_label;
        if (!p->prompt && n.trajectory_prompt && *n.trajectory_prompt)
            p->prompt = kept(cli, n.trajectory_prompt);
        if (isnan(p->guidance_scale) && n.trajectory_prompt) {
            p->guidance_scale = n.guidance_scale;
            if (!p->negative_prompt && n.negative_prompt)
                p->negative_prompt = kept(cli, n.negative_prompt);
        }
        if (n.sizes && pb_sizes_read(&p->sizes, n.sizes))
            status =
                pb_fail(error, PB_FORMAT,
                        "%s: sizes in the metadata: expected six whole numbers up to %d, found "
                        "\"%.80s\"",
                        o->x, PB_SIZE_MOST, n.sizes);
    }
    pb_noisy_clear(&n);
    return status;
}

pb_status pb_where_check(pb_cli *cli, pb_where *o, int guidance, pb_error *error)
{
    int sources = (o->image != NULL) + (o->x != NULL) + (o->seed >= 0);

    if (sources > 1)
        return pb_fail(error, PB_INVALID, "an image, --x and --seed exclude each other");
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
    PB_TRY(pb_prompts_check(&o->prompts, guidance, error));
    if (o->prompts.guidance_scale == 0)
        pb_warn(cli,
                "--guidance-scale 0 takes the negative prompt alone; none is 1, which pipelines of "
                "diffusers also mean by 0");
    if (o->x && (o->pixel_height || o->pixel_width))
        return pb_fail(error, PB_INVALID, "--x has its own size: neither --height nor --width");
    if (!isnan(o->t) && !isnan(o->timestep))
        return pb_fail(error, PB_INVALID, "--t and --timestep exclude each other");
    if (o->x && pb_has_ending(o->x, ".safetensors"))
        PB_TRY(take_noisy(cli, o, error));
    PB_TRY(pb_sizes_take(&o->prompts.sizes, &o->sizes, error));
    if (!isnan(o->timestep) && !o->x)
        return pb_fail(error, PB_INVALID,
                       "--timestep goes with --x: a point of the time grid is named by --t");
    o->prompts.class_label = o->class_label;
    if (o->fit)
        pb_fit_of(&o->cut.fit, o->fit);
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

/* -- photos --------------------------------------------------------------------------------------
 */

/* Says what a face decided, or that there was none. */
static void tell_faces(const pb_desk *d, const pb_where *o, const pb_crop *crop,
                       const pb_photo *photo)
{
    GString *others = g_string_new("");
    char *taken = pb_area_text(&photo->area);

    for (size_t i = 1; i < photo->faces; i++) {
        char *other = pb_area_text(&photo->face[i]);
        g_string_append_printf(others, "%s--crop %s", i > 1 ? ", " : "", other);
        g_free(other);
    }
    if (photo->faces > 1)
        pb_note(d->cli, "%s: %zu faces, the largest is taken: --crop %s (the others: %s)", o->image,
                photo->faces, taken, others->str);
    else if (photo->faces)
        pb_note(d->cli, "%s: a face is found: --crop %s", o->image, taken);
    else if (photo->looked)
        pb_warn(d->cli,
                "%s: no face is found, so its middle is taken, and the model knows faces only: "
                "--crop X,Y,W,H takes a part of it, --crop none all, without this warning",
                o->image);
    else if (crop->kind == PB_CROP_FIT && !o->crop && !o->fit && !pb_face_detector() &&
             !isnan(d->studio.info->recommended.face_size))
        pb_warn(d->cli,
                "%s: its middle is taken: the model knows faces that fill the picture, and this "
                "program was built without what finds them; --crop X,Y,W,H takes a part",
                o->image);
    g_free(taken);
    g_string_free(others, TRUE);
}

/* Do the directions go with images of a size? */
static pb_status check_fit(pb_desk *d, const pb_where *o, const size_t size[2], pb_error *error)
{
    size_t pixels[2];
    char hint[80] = "";

    if (!o->fits || pb_basis_compatible(o->fits, d->studio.model, size[0], size[1], error) == PB_OK)
        return PB_OK;
    if (pb_basis_pixels(o->fits, &d->studio, size, pixels))
        snprintf(hint, sizeof hint, " (of --height %zu --width %zu)", pixels[0], pixels[1]);
    return pb_fail_in(error, PB_INVALID, "%s%s", o->fits_by, hint);
}

/* Can the image be what it is said to be, for this model? */
static pb_status check_image(const pb_where *o, const pb_studio *s, const pb_crop *crop,
                             pb_error *error)
{
    if (pb_has_ending(o->image, ".safetensors"))
        return pb_fail(error, PB_INVALID,
                       "%s is no picture: an image at a noise level is given as --x, a basis as "
                       "--basis",
                       o->image);
    if (o->latents && !s->info->latent)
        return pb_fail(error, PB_INVALID, "--latents: %s works on pictures as they are",
                       s->info->path);
    if (pb_is_photo(o->image) && o->crop && o->cut.kind == PB_CROP_FACE &&
        crop->kind != PB_CROP_FACE)
        return pb_fail(error, PB_INVALID,
                       "--crop auto: %s says nothing of faces (face_x, face_y, face_size of a "
                       "pullback.json)",
                       s->info->path);
    return PB_OK;
}

/* -- all -----------------------------------------------------------------------------------------
 */

pb_status pb_where_read(pb_desk *d, const pb_where *o, pb_error *error)
{
    pb_source *r = &d->source;
    const pb_studio *s = &d->studio;
    const pb_crop crop = pb_crop_for(o->cut, &s->info->recommended);

    r->options = (pb_point_options){.has_seed = o->seed >= 0,
                                    .seed = (uint64_t)o->seed,
                                    .pixel_height = (size_t)o->pixel_height,
                                    .pixel_width = (size_t)o->pixel_width,
                                    .steps = (size_t)o->steps,
                                    .t = o->t,
                                    .timestep = o->timestep,
                                    .direct = o->direct,
                                    .prompts = o->prompts};
    if (o->image)
        PB_TRY(check_image(o, s, &crop, error));
    PB_TRY(pb_source_read(r, s, o->image, o->x, o->latents, &crop, error));
    if (r->has_photo)
        tell_faces(d, o, &crop, &r->photo);
    PB_TRY(check_fit(d, o, (size_t[2]){r->height, r->width}, error));
    return o->mask ? pb_source_mask(r, s, PB_MASK_DIRECTIONS, o->mask, o->megapixels, error) : PB_OK;
}

pb_status pb_where_check_time(const pb_where *o, const pb_point *point, pb_error *error)
{
    return isnan(o->x_timestep) || fabs(point->timestep - o->x_timestep) <= 1e-3
               ? PB_OK
               : pb_fail(error, PB_INVALID,
                         "%s lies at timestep %g, not at %g: leave out --t and --timestep", o->x,
                         o->x_timestep, point->timestep);
}

pb_status pb_where_find(pb_desk *d, const pb_where *o, pb_error *error)
{
    pb_point *point = &d->point;

    PB_TRY(pb_where_read(d, o, error));
    if (!o->x)
        pb_desk_tell_unclipped(d);
    PB_TRY(pb_session_point(d->studio.session, &d->source.options, point, &d->cli->run, error));
    PB_TRY(pb_where_check_time(o, point, error));
    if (isnan(o->x_timestep) && o->x && isnan(o->t) && isnan(o->timestep))
        pb_note(d->cli, "%s does not say its noise level: taken for t = %g (--t says another)",
                o->x, point->t);
    return PB_OK;
}
