#include <errno.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/places.h"
#include "cli/basis_at.h"
#include "cli/commands.h"
#include "cli/where.h"
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

/* OUT/NAME, which the cli keeps. */
static const char *file_in(options *o, const char *name)
{
    char *path = g_build_filename(o->out, name, NULL);

    g_ptr_array_add(o->cli.owned, path);
    return path;
}

/* What the demo holds. */
typedef struct work {
    pb_desk desk;
    pb_basis_found found;
    pb_directions directions;
    pb_edit edit;
} work;

/* The photo with its crop, its inversion, and the point x_t. */
static pb_status find_point(options *o, work *w, const char *portrait, pb_error *error)
{
    const char *original = file_in(o, "original.png"), *input = file_in(o, "input.png");
    const char *inversion = file_in(o, "inversion.png");
    pb_where where = PB_WHERE_DEFAULTS;
    pb_desk *d = &w->desk;
    pb_run *run = &o->cli.run;

    where.image = portrait;
    where.cut = (pb_crop){.kind = PB_CROP_AREA, .area = FACE};
    where.t = 1;
    where.steps = STEPS;
    PB_TRY(pb_where_find(d, &where, error));
    PB_TRY(pb_source_outline(&d->source, original, error));
    pb_say(&o->cli, "%s: the photo, and the part the model sees", original);
    PB_TRY(pb_write_look(&d->point.image, &d->studio, input, run, error));
    pb_say(&o->cli, "%s: that part at the model's size", input);
    PB_TRY(pb_write_look(&d->point.x, &d->studio, inversion, run, error));
    pb_say(&o->cli, "%s: the noise it comes from", inversion);
    return pb_session_point_to(d->studio.session, &d->point, PB_NOT_GIVEN, run, error);
}

static pb_status compute_basis(options *o, work *w, pb_error *error)
{
    const pb_basis_flags flags = PB_BASIS_FLAGS;
    const char *path = file_in(o, "basis.safetensors");

    PB_TRY(pb_basis_at(&w->found, &w->desk, &flags, error));
    PB_TRY(pb_basis_write(&w->found.basis, path, error));
    pb_basis_say(&o->cli, &w->found);
    pb_say(&o->cli, "%s: the basis", path);
    return pb_basis_pictures(&o->cli, &w->found, path, error);
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
    PB_TRY(pb_session_directions(s, &w->desk.point, &computed, &w->directions, run, error));
    return pb_session_edit(s, &w->desk.point, &w->directions, &how, &w->edit, run, error);
}

static pb_status edit(options *o, work *w, pb_error *error)
{
    const pb_strip strip = {.edit = &w->edit,
                            .point = &w->desk.point,
                            .basis = &w->found.basis,
                            .photo = &w->desk.source.photo};
    const char *down = file_in(o, "reconstruction.png"), *path = file_in(o, "strip.png");
    const char *pasted = file_in(o, "pasted.png");
    pb_edit *e = &w->edit;
    char *lost = NULL;
    pb_status status;

    PB_TRY(travel(w, error));
    PB_TRY(pb_write_enlarged(pb_edit_picture(e, 0, 0), e->pictures.shape + 1, down, error));
    pb_say(&o->cli, "%s: down again from the noise", down);
    PB_TRY(pb_strip_write(1, &strip, &w->desk.studio, path, error));
    pb_say(&o->cli, "%s: edits along the directions 0-%d", path, DIRECTIONS - 1);
    status = pb_strip_paste(&strip, pb_edit_picture(e, PASTED, (long)e->stages), pasted, NULL,
                            PB_QUALITY, &lost, error);
    g_free(lost);
    if (status == PB_OK)
        pb_say(&o->cli, "%s: an edit in the photo itself", pasted);
    return status;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    work w = {.found = PB_BASIS_FOUND_EMPTY, .directions = PB_DIRECTIONS_EMPTY};
    double start = pb_seconds();
    char *portrait = NULL;
    pb_status status;

    status = pb_place_find(&portrait, PORTRAIT, error);
    if (status != PB_OK)
        return pb_fail_in(error, status, "the bundled portrait is not there");
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
    pb_desk_close(&w.desk);
    pb_free(portrait);
    return status;
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc > 1)
        return pb_fail(error, PB_INVALID, "unexpected argument %s", argv[1]);
    if (!o->out)
        o->out = "demo";
    if (!cli->model)
        cli->model = PB_BUNDLED_MODEL;
    return PB_OK;
}

int pb_command_demo(int argc, char **argv)
{
    static const pb_help help = {
        "[-o FOLDER]",
        "Edits the bundled portrait with the bundled model, and writes every step as a picture.",
        "Example:\n  pullback demo -o demo"};
    options o = {.cli = {.name = "demo", .idle = "force"}};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Folder to write into (default: demo)",
         "FOLDER"},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
