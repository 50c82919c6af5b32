#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/places.h"
#include "cli/basis_at.h"
#include "cli/commands.h"
#include "cli/where.h"
#include "picture/sheet.h"
#include "studio/strip.h"
#include "terminal/shell.h"

/* The bundled portrait, and where the face is in it: the model knows faces that fill the frame. */
#define PORTRAIT "examples/portrait.png"
#define FACE ((pb_area){93, 60, 104, 104})

#define STEPS 100
#define DIRECTIONS 4
/* The direction pasted into the photo, to its positive side: a fuller fringe. */
#define PASTED 0

typedef struct options {
    pb_cli cli;
    const char *out;
} options;

/* A bundled file, pb_free's. */
static pb_status find_bundled(char **path, const char *name, pb_error *error)
{
    char *places = NULL;
    pb_status status = PB_OK;
    int found = 0;

    *path = NULL;
    for (size_t i = 0; status == PB_OK && !found && i < PB_PLACES; i++) {
        status = pb_place(path, i, name, error);
        if (status != PB_OK || !*path)
            continue;
        found = g_file_test(*path, G_FILE_TEST_EXISTS);
        if (!found) {
            places = pb_list_add(places, *path);
            pb_free(*path);
            *path = NULL;
        }
    }
    if (status == PB_OK && !found)
        status = pb_fail(error, PB_IO, "the bundled portrait is not there: looked for %s",
                         places ? places : name);
    pb_free(places);
    return status;
}

/* OUT/NAME; the caller frees it. */
static char *file_in(const options *o, const char *name)
{
    return g_build_filename(o->out, name, NULL);
}

static pb_status write_pixels(const options *o, pb_pixels *pixels, const char *name,
                              const char *what, pb_error *error)
{
    char *path = file_in(o, name);
    pb_status status = pb_pixels_write(pixels, path, NULL, error);

    if (status == PB_OK)
        pb_say(&o->cli, "%s: %s", path, what);
    pb_pixels_clear(pixels);
    g_free(path);
    return status;
}

/* One picture (c,h,w), enlarged to be looked at. */
static pb_status write_picture(const options *o, const size_t shape[3], const float *picture,
                               const char *name, const char *what, pb_error *error)
{
    pb_pixels pixels = PB_PIXELS_EMPTY;

    PB_TRY(pb_sheet_draw(&(pb_sheet){.rows = 1,
                                     .columns = 1,
                                     .tiles = &picture,
                                     .c = shape[0],
                                     .h = shape[1],
                                     .w = shape[2],
                                     .marked = SIZE_MAX},
                         &pixels, error));
    return write_pixels(o, &pixels, name, what, error);
}

/* The same of one image as the network sees it: of a latent, what it decodes to. */
static pb_status write_image(const options *o, pb_desk *d, const pb_tensor *image, const char *name,
                             const char *what, pb_error *error)
{
    pb_tensor picture = PB_TENSOR_EMPTY;
    pb_status status = pb_session_decode(d->studio.session, image, &picture, &d->cli->run, error);

    if (status == PB_OK)
        status = write_picture(o, picture.shape + 1, picture.data, name, what, error);
    pb_tensor_clear(&picture);
    return status;
}

/* What the demo holds. */
typedef struct work {
    pb_desk desk;
    pb_source source;
    pb_point point;
    pb_basis_found found;
    pb_directions directions;
    pb_edit edit;
} work;

/* The photo with its crop, its inversion, and the point x_t. */
static pb_status find_point(const options *o, work *w, const char *portrait, pb_error *error)
{
    pb_where where = PB_WHERE_DEFAULTS;
    pb_pixels pixels = PB_PIXELS_EMPTY;
    pb_desk *d = &w->desk;

    where.image = portrait;
    where.cut = (pb_crop){.kind = PB_CROP_AREA, .area = FACE};
    where.t = 1;
    where.steps = STEPS;
    PB_TRY(pb_where_find(&w->point, &w->source, d, &where, error));
    PB_TRY(pb_photo_outline(&w->source.photo, 512, &pixels, error));
    PB_TRY(
        write_pixels(o, &pixels, "original.png", "the photo, and the part the model sees", error));
    PB_TRY(write_image(o, d, &w->point.image, "input.png", "that part at the model's size", error));
    PB_TRY(write_image(o, d, &w->point.x, "inversion.png", "the noise it comes from", error));
    return pb_session_point_to(d->studio.session, &w->point, PB_NOT_GIVEN, &d->cli->run, error);
}

static pb_status compute_basis(const options *o, work *w, pb_error *error)
{
    const pb_basis_flags flags = PB_BASIS_FLAGS;
    char *path = file_in(o, "basis.safetensors");
    pb_status status = pb_basis_at(&w->found, &w->desk, &w->point, &flags, error);

    if (status == PB_OK)
        status = pb_basis_write(&w->found.basis, path, error);
    if (status == PB_OK) {
        pb_basis_say(&o->cli, &w->found);
        pb_say(&o->cli, "%s: the basis", path);
        status = pb_basis_pictures(&o->cli, &w->found, path, error);
    }
    g_free(path);
    return status;
}

/* Edits along the first directions, to both sides. */
static pb_status travel(work *w, pb_error *error)
{
    const pb_direction_options computed = {.basis = &w->found.basis, .needed = DIRECTIONS};
    pb_edit_options how = PB_EDIT_DEFAULTS;
    pb_session *s = w->desk.studio.session;
    pb_run *run = &w->desk.cli->run;
    size_t all[DIRECTIONS];

    for (size_t i = 0; i < DIRECTIONS; i++)
        all[i] = i;
    how.count = DIRECTIONS;
    how.direction = all;
    how.sides = PB_EDIT_BOTH;
    how.stages = 0;
    PB_TRY(pb_session_directions(s, &w->point, &computed, &w->directions, run, error));
    return pb_session_edit(s, &w->point, &w->directions, &how, &w->edit, run, error);
}

static pb_status edit(const options *o, work *w, pb_error *error)
{
    const pb_strip strip = {
        .edit = &w->edit, .point = &w->point, .basis = &w->found.basis, .photo = &w->source.photo};
    char *path = file_in(o, "strip.png"), *pasted = file_in(o, "pasted.png");
    pb_status status = travel(w, error);
    char *lost = NULL;

    if (status == PB_OK)
        status = write_picture(o, w->edit.pictures.shape + 1, pb_edit_picture(&w->edit, 0, 0),
                               "reconstruction.png", "down again from the noise", error);
    if (status == PB_OK)
        status = pb_strip_write(1, &strip, &w->desk.studio, path, error);
    if (status == PB_OK) {
        pb_say(&o->cli, "%s: edits along the directions 0-%d", path, DIRECTIONS - 1);
        status = pb_strip_paste(&strip, pb_edit_picture(&w->edit, PASTED, (long)w->edit.stages),
                                pasted, NULL, PB_QUALITY, &lost, error);
        g_free(lost);
    }
    if (status == PB_OK)
        pb_say(&o->cli, "%s: an edit in the photo itself", pasted);
    g_free(path);
    g_free(pasted);
    return status;
}

static pb_status run(options *o, pb_error *error)
{
    work w = {.source = PB_SOURCE_EMPTY,
              .point = PB_POINT_EMPTY,
              .found = PB_BASIS_FOUND_EMPTY,
              .directions = PB_DIRECTIONS_EMPTY};
    double start = pb_seconds();
    char *portrait = NULL;
    pb_status status;

    PB_TRY(find_bundled(&portrait, PORTRAIT, error));
    status = pb_make_folder(o->out, error);
    if (status == PB_OK)
        status = pb_desk_open(&w.desk, &o->cli, error);
    if (status == PB_OK)
        status = find_point(o, &w, portrait, error);
    if (status == PB_OK)
        status = compute_basis(o, &w, error);
    if (status == PB_OK)
        status = edit(o, &w, error);
    if (status == PB_OK) {
        char *program = pb_shell_name(program_invocation_name);
        pb_say(&o->cli, "Done in %.1f s: look into %s", pb_seconds() - start, o->out);
        pb_say(&o->cli, "Next, with a photo of your own: %s edit photo.jpg", program);
        g_free(program);
        pb_cli_print(&o->cli,
                     json_pack("{s:s, s:f}", "out", o->out, "seconds", pb_seconds() - start));
    }
    pb_edit_clear(&w.edit);
    pb_directions_clear(&w.directions);
    pb_basis_found_clear(&w.found);
    pb_point_clear(&w.point);
    pb_source_clear(&w.source);
    pb_desk_close(&w.desk);
    pb_free(portrait);
    return status;
}

int pb_command_demo(int argc, char **argv)
{
    static const pb_help help = {
        "[-o FOLDER]",
        "Edits the bundled portrait with the bundled model, and writes every step as a picture.",
        "Example:\n  pullback demo -o demo"};
    options o = {.cli = {.name = "demo"}};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Folder to write into (default: demo)",
         "FOLDER"},
        G_OPTION_ENTRY_NULL,
    };
    pb_error error;

    if (pb_cli_parse(&o.cli, &help, entries, NULL, &argc, &argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    if (argc > 1) {
        pb_fail(&error, PB_INVALID, "unexpected argument %s", argv[1]);
        return pb_cli_usage(&o.cli, &error);
    }
    if (!o.out)
        o.out = "demo";
    if (!o.cli.model)
        o.cli.model = PB_BUNDLED_MODEL;
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
