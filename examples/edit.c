/* Edits a photo with Pullback's library: its middle becomes a picture of the model's size, and that
 * noise; there the model's directions are found, and one is followed; and down again. DIRECTION
 * counts from 0; STRENGTH is a share of the full edit, 0 to 1; IN and OUT are .ppm (P6, 8 bits).
 *
 *     cc -O2 edit.c -o edit $(pkg-config --cflags --libs pullback)
 *     ./edit faces64-text face.ppm edited.ppm 0 0.5 */
#include <stdio.h>
#include <stdlib.h>

#include <pullback/pullback.h>

static int show(void *name, const pb_progress *p)
{
    fprintf(stderr, "%s: %s %zu/%zu\033[K\r", (char *)name, p->task, p->done, p->total);
    return 0; /* anything else would stop it */
}

int main(int argc, char **argv)
{
    FILE *in = argc > 3 ? fopen(argv[2], "rb") : NULL, *out;
    size_t h, w, direction = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    pb_error error = {PB_INVALID, "usage: edit MODEL IN.ppm OUT.ppm [DIRECTION [STRENGTH]]"};
    const pb_run run = {.monitor = show, .context = argv[0]};
    unsigned char *photo = NULL, *rgb = NULL;
    pb_model *model = NULL;
    pb_session *session = NULL;
    pb_tensor picture = PB_TENSOR_EMPTY;
    const size_t *c = picture.shape + 1;        /* channels, height, width */
    pb_point_options where = PB_POINT_DEFAULTS; /* of the picture, at the model's own t */
    pb_point point = PB_POINT_EMPTY;
    pb_direction_options which = PB_DIRECTION_DEFAULTS; /* of the basis at the point */
    pb_directions found = PB_DIRECTIONS_EMPTY;
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_edit edit = PB_EDIT_EMPTY;
    int whole; /* is what was written */

    where.picture = &picture;
    which.needed = direction + 1;
    how.direction = &direction;
    how.count = 1;
    how.strength = argc > 5 ? strtod(argv[5], NULL) : 0.5;
    if (argc > 3 &&
        (!in || fscanf(in, "P6 %zu %zu 255%*c", &w, &h) != 2 || w > 65535 || h > 65535 ||
         !(photo = malloc(3 * w * h + 1)) || fread(photo, 3, w * h, in) != w * h))
        snprintf(error.message, sizeof error.message, "%s: %s", argv[2],
                 in ? "expected a PPM (P6, 8 bits)" : "cannot be read");
    else if (in && pb_model_open(&model, argv[1], &error) == PB_OK &&
             pb_session_new(&session, model, &error) == PB_OK &&
             pb_picture_of_rgb(session, photo, h, w, &picture, &error) == PB_OK &&
             pb_session_point(session, &where, &point, &run, &error) == PB_OK &&
             pb_session_directions(session, &point, &which, &found, &run, &error) == PB_OK &&
             pb_session_edit(session, &point, &found, &how, &edit, &run, &error) == PB_OK &&
             (rgb = malloc(3 * pb_tensor_count(&picture))) &&
             pb_rgb_of_picture(pb_edit_picture(&edit, 0, (long)edit.stages), c[0], c[1], c[2], rgb,
                               &error) == PB_OK) {
        whole = (out = fopen(argv[3], "wb")) &&
                fprintf(out, "P6\n%zu %zu\n255\n", c[2], c[1]) > 0 &&
                fwrite(rgb, 3 * c[2], c[1], out) == c[1];
        if (out && fclose(out) == 0 && whole)
            error.status = PB_OK;
        else
            snprintf(error.message, sizeof error.message, "%s: cannot be written", argv[3]);
    }
    if (error.status != PB_OK)
        fprintf(stderr, "edit: %s\n", error.message);
    else
        printf("singular value %.4g; a change of %.3g of 255\n",
               (double)found.basis.s.data[direction], pb_edit_change(&edit, 0));
    if (in)
        fclose(in);
    pb_edit_clear(&edit);
    pb_directions_clear(&found);
    pb_point_clear(&point);
    pb_tensor_clear(&picture);
    pb_session_free(session);
    pb_model_free(model);
    free(photo);
    free(rgb);
    return error.status != PB_OK;
}
