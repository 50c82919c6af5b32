/* Edits a photo with Pullback's library: its middle becomes a picture of the model's size, the
 * picture noise; there the model's directions are found, and one is followed; and down again.
 *
 *     cc -O2 edit.c -o edit $(pkg-config --cflags --libs pullback)
 *     ./edit faces64-text face.ppm edited.ppm 0 0.5
 *
 * IN is a .ppm (P6, 8 bits); OUT.ppm shows IN as the model sees it, and the edit. DIRECTION counts
 * from 0; STRENGTH is a share of the full edit, 0 to 1. */
#include <stdio.h>
#include <stdlib.h>

#include <pullback/pullback.h>

static int show(void *name, const pb_progress *p)
{
    fprintf(stderr, "%s: %s %zu/%zu\033[K\r", (char *)name, p->task, p->done, p->total);
    return 0; /* non-zero would stop it */
}

static pb_status run(pb_session *s, const unsigned char *photo, size_t height, size_t width,
                     size_t direction, double strength, FILE *out, const pb_run *run, pb_error *e)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_point_options where = PB_POINT_DEFAULTS;
    pb_point point = PB_POINT_EMPTY;
    pb_direction_options which = PB_DIRECTION_DEFAULTS;
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit edit = PB_EDIT_EMPTY;
    pb_status status = pb_picture_of_rgb(s, photo, height, width, &picture, e);

    where.picture = &picture;
    which.needed = direction + 1;
    how.direction = &direction;
    how.count = 1;
    how.strength = strength;
    if (status == PB_OK) /* encoded where the model is one of latents, and inverted */
        status = pb_session_point(s, &where, &point, run, e);
    if (status == PB_OK) /* the basis at that point */
        status = pb_session_directions(s, &point, &which, &found, run, e);
    if (status == PB_OK) /* edited, and decoded */
        status = pb_session_edit(s, &point, &found, &how, &edit, run, e);
    if (status == PB_OK) {
        size_t c = picture.shape[1], h = picture.shape[2], w = picture.shape[3];
        unsigned char *before = malloc(6 * h * w), *after = before + 3 * h * w;
        pb_rgb_of_picture(picture.data, c, h, w, before, NULL);
        pb_rgb_of_picture(pb_edit_picture(&edit, 0, edit.stages ? 1 : 0), c, h, w, after, NULL);
        fprintf(out, "P6\n%zu %zu\n255\n", 2 * w, h);
        for (size_t y = 0; y < h; y++) {
            fwrite(before + 3 * y * w, 3, w, out);
            fwrite(after + 3 * y * w, 3, w, out);
        }
        printf("singular value %.4g, residual %.1e; the picture changes by %.3g of 255\n",
               (double)found.basis.s.data[direction], (double)found.basis.residual.data[direction],
               pb_edit_change(&edit, 0));
        free(before);
    }
    pb_edit_clear(&edit);
    pb_directions_clear(&found);
    pb_point_clear(&point);
    pb_tensor_clear(&picture);
    return status;
}

int main(int argc, char **argv)
{
    FILE *in = argc > 3 ? fopen(argv[2], "rb") : NULL, *out = in ? fopen(argv[3], "wb") : NULL;
    const pb_run how = {.monitor = show, .context = argv[0]};
    pb_model *model = NULL;
    pb_session *session = NULL;
    unsigned char *photo = NULL;
    size_t w, h;
    pb_error error = {PB_INVALID, "usage: edit MODEL IN.ppm OUT.ppm [DIRECTION [STRENGTH]]"};

    if (out && fscanf(in, "P6 %zu %zu 255%*c", &w, &h) == 2 && w < 65536 && h < 65536 &&
        (photo = malloc(3 * w * h)) && fread(photo, 3 * w, h, in) == h &&
        pb_model_open(&model, argv[1], &error) == PB_OK &&
        pb_session_new(&session, model, &error) == PB_OK &&
        run(session, photo, h, w, argc > 4 ? strtoul(argv[4], NULL, 10) : 0,
            argc > 5 ? strtod(argv[5], NULL) : 0.5, out, &how, &error) == PB_OK &&
        fclose(out) == 0)
        error.status = PB_OK;
    if (error.status != PB_OK)
        fprintf(stderr, "edit: %s\n", error.message);
    pb_session_free(session);
    pb_model_free(model);
    free(photo);
    return error.status != PB_OK;
}
