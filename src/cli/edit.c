#include <math.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/directions.h"
#include "cli/travel.h"
#include "studio/result.h"

typedef struct options {
    pb_cli cli;
    pb_where where;
    pb_direction_flags from;
    char *mode; /* "straight", "guidance,relinearise", "all" */
    pb_edit_mode modes[PB_EDIT_MODES];
    size_t mode_count;
    pb_travel travel;
    gboolean strip, paste, no_paste;
    char *blend; /* a picture or .npy of where the edit is shown; NULL: everywhere */
    int quality;
    char *out;
    pb_made made; /* after check */
} options;

/* -- options --------------------------------------------------------------------------------- */

/* "guidance,straight", "all" */
static pb_status parse_modes(options *o, pb_error *error)
{
    char **names = g_strsplit(!o->mode && o->where.mask ? "straight"
                              : !o->mode                ? "guidance"
                              : !strcmp(o->mode, "all") ? "guidance,straight,relinearise"
                                                        : o->mode,
                              ",", -1);
    pb_status status = PB_OK;

    for (char **name = names; *name && status == PB_OK; name++) {
        pb_edit_mode *mode = &o->modes[o->mode_count];
        if (o->mode_count < PB_EDIT_MODES && pb_edit_mode_of(mode, *name) == 0)
            o->mode_count++;
        else
            status = pb_fail(error, PB_INVALID,
                             "--mode %s: expected guidance, straight or relinearise, several of "
                             "them with commas, or all",
                             o->mode);
    }
    g_strfreev(names);
    return status;
}

static int has_mode(const options *o, pb_edit_mode mode)
{
    for (size_t i = 0; i < o->mode_count; i++)
        if (o->modes[i] == mode)
            return 1;
    return 0;
}

/* -- what is made ------------------------------------------------------------------------------ */

static int is_folder(const char *out)
{
    return *out && (out[strlen(out) - 1] == '/' || g_file_test(out, G_FILE_TEST_IS_DIR));
}

/* Is there a photo into which an edit can be pasted? */
static int has_photo(const options *o)
{
    return pb_is_photo(o->where.image);
}

static int is_pasted(const options *o)
{
    return o->made == PB_MADE_FOLDER ? o->paste
           : o->made == PB_MADE_PICTURE
               ? has_photo(o) && !o->no_paste && !pb_has_ending(o->out, ".npy")
               : 0;
}

static pb_status check_output(options *o, pb_error *error)
{
    int several = pb_travel_ways(&o->travel) > 1 || o->mode_count > 1;

    if (o->out && !*o->out)
        return pb_fail(error, PB_INVALID, "where to? -o edited.jpg, strip.png, out.npy or FOLDER/");
    o->made = o->out && is_folder(o->out)                              ? PB_MADE_FOLDER
              : several || o->strip || pb_cli_given(&o->cli, "stages") ? PB_MADE_STRIP
                                                                       : PB_MADE_PICTURE;
    if (!o->out && !has_photo(o))
        return pb_fail(error, PB_INVALID, "where to? -o edited.png, strip.png, out.npy or FOLDER/");
    if (!o->out)
        g_ptr_array_add(
            o->cli.owned,
            o->out = pb_name_beside(o->where.image, o->made == PB_MADE_STRIP ? "strip" : "edited"));
    if (o->made != PB_MADE_FOLDER)
        PB_TRY(pb_check_out(o->out, PB_OUT_NPY | PB_OUT_PICTURE, "edited.jpg", error));
    if (o->mode_count > 1 && (o->made == PB_MADE_FOLDER || pb_has_ending(o->out, ".npy")))
        return pb_fail(error, PB_INVALID, "several modes make one strip: -o strip.png");
    if (o->made != PB_MADE_PICTURE && o->travel.strength < 0)
        return pb_fail(error, PB_INVALID,
                       "--strength %g: a strip shows both sides: expected 0 to 1",
                       o->travel.strength);
    return PB_OK;
}

static pb_status check_paste(const options *o, pb_error *error)
{
    if (o->paste && o->no_paste)
        return pb_fail(error, PB_INVALID, "--paste and --no-paste exclude each other");
    if (o->made == PB_MADE_STRIP)
        return pb_cli_refuse(&o->cli, "paste,no-paste,quality",
                             "is of one picture, and several directions, several modes, --stages "
                             "and --strip make a strip; -o FOLDER/ takes all its pictures",
                             error);
    if (!is_pasted(o))
        PB_TRY(pb_cli_refuse(&o->cli, "quality", "is of an edit in its photo", error));
    if (o->paste && !has_photo(o))
        return pb_fail(error, PB_INVALID, "--paste needs the photo");
    if (o->paste && pb_has_ending(o->out, ".npy"))
        return pb_fail(error, PB_INVALID, "--paste makes a picture, not a .npy");
    return PB_OK;
}

/* What would have no effect. */
static pb_status check_idle(const options *o, pb_error *error)
{
    int along = has_mode(o, PB_EDIT_STRAIGHT) || has_mode(o, PB_EDIT_RELINEARISE);

    if (!o->from.u)
        PB_TRY(pb_cli_refuse(&o->cli, "damping", "goes with --u", error));
    if (!o->from.basis)
        PB_TRY(pb_cli_refuse(&o->cli, "form,project", "goes with a --basis that is a mean", error));
    if (!o->from.basis || !o->where.image)
        PB_TRY(pb_cli_refuse(&o->cli, "carry", "carries a --basis over to an image", error));
    if (!along)
        PB_TRY(pb_cli_refuse(&o->cli, "edit-length", "goes with --mode straight or relinearise",
                             error));
    if (!isnan(o->travel.length) && !has_mode(o, PB_EDIT_GUIDANCE))
        PB_TRY(pb_cli_refuse(&o->cli, "edit-step,edit-scale",
                             "goes with --mode guidance, or else without --edit-length", error));
    return PB_OK;
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    if (argc > 2)
        return pb_fail(error, PB_INVALID, "expected one image, found %d", argc - 1);
    o->where.image = argc == 2 ? argv[1] : NULL;
    PB_TRY(pb_where_check(&o->cli, &o->where, o->from.basis != NULL, error));
    if (o->from.here.guided && (o->from.basis || o->from.u))
        return pb_fail(error, PB_INVALID,
                       "--guided is for a basis computed here: it goes with neither --basis nor "
                       "--u");
    PB_TRY(pb_guided_check(&o->from.here, &o->where.prompts,
                           o->where.mask && !o->from.basis && !o->from.u, error));
    PB_TRY(pb_travel_check(&o->travel, error));
    o->from.needed = pb_travel_last(&o->travel) + 1;
    PB_TRY(parse_modes(o, error));
    PB_TRY(check_idle(o, error));
    if (o->from.basis && o->from.u)
        return pb_fail(error, PB_INVALID, "--basis and --u exclude each other");
    if (has_mode(o, PB_EDIT_RELINEARISE) && o->from.here.rank == 0)
        o->from.here.rank = o->from.needed > 20 ? (int)o->from.needed : 20;
    if (has_mode(o, PB_EDIT_RELINEARISE) && (o->from.u || o->where.mask))
        return pb_fail(error, PB_INVALID, "--mode relinearise goes with neither --u nor --mask");
    if (o->from.here.null_rank > 0 && !o->where.mask)
        return pb_fail(error, PB_INVALID, "--null-rank goes with --mask");
    if (!o->where.image && !o->where.x && o->where.seed < 0 && !o->from.basis)
        return pb_fail(error, PB_INVALID, "edit what? an image, --x F, --seed S or --basis F");
    if (!o->from.basis)
        PB_TRY(pb_model_for(&o->cli, o->where.image, error));
    PB_TRY(check_output(o, error));
    PB_TRY(check_paste(o, error));
    return !has_photo(o) || g_file_test(o->where.image, G_FILE_TEST_EXISTS)
               ? PB_OK
               : pb_fail(error, PB_IO, "%s: there is no such file", o->where.image);
}

/* -- output ---------------------------------------------------------------------------------- */

/* What one command holds while it runs. */
typedef struct work {
    pb_desk desk;
    pb_directions directions;
    pb_result result;
} work;

/* Below this change (of 255) an edit is hardly seen. */
#define HARDLY_SEEN 6.0

/* What could be tried next, where nothing is given that decides about the edit. */
static void tell_next(const options *o, const pb_edit *edit)
{
    static const char *const decide[] = {"direction", "strength", "mask", "basis",          "u",
                                         "mode",      "tap",      "out",  "edit-iterations"};

    if (o->made != PB_MADE_PICTURE)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(decide); i++)
        if (pb_cli_given(&o->cli, decide[i]))
            return;
    if (pb_edit_change(edit, 0) < HARDLY_SEEN)
        pb_note(&o->cli, "that is hardly seen: --strength 1 goes twice as far");
    pb_note(&o->cli, "the other side: --strength -0.5; another direction: --direction 1; several "
                     "side by side: --direction 0-4");
}

/* Of each direction and side what survived, where a basis was computed at each step. */
static void tell_relinearised(const options *o, const pb_edit *edit)
{
    pb_edit_way way;

    for (size_t i = 0; edit->share && (way = pb_edit_way_of(edit, i)).side; i++)
        pb_say(&o->cli, "v%zu %s: a share of %.3f of it survives %zu transports", way.direction,
               way.side < 0 ? "backwards" : "forwards", edit->share[i],
               edit->guidance.iterations - 1);
}

/* The direction in place d, as --direction has it. */
static const char *name_of(const options *o, const pb_edit *edit, size_t d)
{
    char *name = pb_edit_name(edit, d), *own = g_strdup(name ? name + 1 : "");

    pb_text_free(name);
    g_ptr_array_add(o->cli.owned, own);
    return own;
}

static void tell(const options *o, const work *w)
{
    const pb_edit *edit = &w->result.edits[0];
    const pb_basis *basis = &w->directions.basis;
    json_t *object = pb_strip_json(&w->result.strips[0], &w->desk.studio);
    double T = (double)pb_schedule_length(w->desk.studio.schedule);

    for (size_t d = 0; d < edit->count; d++)
        pb_say(&o->cli, "%s: direction %s at strength %.2g changes the picture by %.2g of 255",
               o->out, name_of(o, edit, d), pb_edit_strength(edit), pb_edit_change(edit, d));
    if (edit->mode == PB_EDIT_GUIDANCE)
        pb_say(&o->cli,
               "t %.3g (timestep %g), edit step %g, scale %g, %zu iterations, boost %g; first "
               "singular value %.4g",
               edit->timestep / T, edit->timestep, edit->guidance.step, edit->guidance.scale,
               edit->guidance.iterations, edit->boost, (double)basis->s.data[0]);
    else
        pb_say(&o->cli, "t %.3g (timestep %g), %s, length %g, boost %g; first singular value %.4g",
               edit->timestep / T, edit->timestep, pb_edit_mode_name(edit->mode), edit->length,
               edit->boost, (double)basis->s.data[0]);
    for (size_t d = 0; edit->outside && d < edit->count; d++)
        pb_say(&o->cli,
               "v%s: a share of %.2f of the squared change lies outside the mask (null rank %zu)",
               name_of(o, edit, d), pb_edit_outside(edit, d), basis->null_rank);
    json_object_set_new(object, "out", json_string(o->out));
    tell_next(o, edit);
    if (o->made == PB_MADE_STRIP && has_photo(o) && o->mode_count == 1)
        pb_note(&o->cli, "one of them in the photo: %+ld of v%s is --direction %s --strength %.2g",
                pb_edit_iteration(edit, (long)edit->stages), name_of(o, edit, 0),
                name_of(o, edit, 0), pb_edit_strength(edit));
    pb_cli_print(&o->cli, object);
}

static pb_status read_blend(const options *o, work *w, pb_edit_options *how, pb_error *error)
{
    pb_source *source = &w->desk.source;

    source->height = w->desk.point.x.shape[2];
    source->width = w->desk.point.x.shape[3];
    how->blend = &source->blend;
    return pb_source_mask(source, &w->desk.studio, PB_MASK_BLEND, o->blend, o->where.megapixels,
                          error);
}

static pb_status make(const options *o, work *w, pb_error *error)
{
    const pb_photo *photo = w->desk.source.has_photo ? &w->desk.source.photo : NULL;
    pb_edit_options how = pb_travel_options(&o->travel);
    const pb_studio *s = &w->desk.studio;
    const pb_run *run = &o->cli.run;
    pb_result *r = &w->result;

    *r = (pb_result){.made = o->made, .out = o->out, .pasted = is_pasted(o), .quality = o->quality};
    if (o->travel.strength < 0)
        how.sides = PB_EDIT_BACKWARDS;
    if (o->blend)
        PB_TRY(read_blend(o, w, &how, error));
    pb_desk_tell_unclipped(&w->desk);
    for (size_t i = 0; i < o->mode_count; i++) {
        how.mode = o->modes[i];
        PB_TRY(pb_result_add(r, s, &w->desk.point, &w->directions, photo, &how, run, error));
        tell_relinearised(o, &r->edits[i]);
    }
    PB_TRY(pb_check_outputs(&o->cli, pb_result_paths(r), error));
    return pb_result_write(r, s, run, error);
}

static pb_status edit(options *o, work *w, pb_error *error)
{
    PB_TRY(pb_desk_open(&w->desk, &o->cli, error));
    PB_TRY(pb_directions_find(&w->directions, &w->desk, &o->where, &o->from, error));
    if (has_mode(o, PB_EDIT_RELINEARISE) && !w->directions.own)
        return pb_fail(error, PB_INVALID,
                       "--mode relinearise needs a basis of this very point, not a mean");
    PB_TRY(make(o, w, error));
    tell(o, w);
    return PB_OK;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    work w = {.directions = PB_DIRECTIONS_EMPTY};
    pb_status status;

    PB_TRY(o->made == PB_MADE_FOLDER ? pb_make_folder(o->out, error)
                                     : pb_check_output(&o->cli, o->out, error));
    if (o->from.basis)
        PB_TRY(pb_model_of_basis(&o->cli, o->from.basis, error));
    status = edit(o, &w, error);
    pb_result_clear(&w.result);
    pb_directions_clear(&w.directions);
    pb_desk_close(&w.desk);
    return status;
}

int pb_command_edit(int argc, char **argv)
{
    static const pb_help help = {
        "[--model MODEL] (IMAGE | --x F | --seed S | --basis F) [-o OUT]",
        "Edits an image along directions of its local latent basis. Of a photo and one direction "
        "it "
        "makes the photo, edited: a face is found in it, and the edit goes into it at its full "
        "size and in colour. Several directions (or --strip) make a strip: the reconstruction in "
        "its middle, edits growing to both sides. OUT is a picture, a FOLDER/ for every stage in a "
        "file of its own, or a .npy: of one picture (1,c,h,w), of a strip (n,c,h,w), the "
        "reconstruction, then for each direction its stages +1 ... +N and its stages -1 ... -N, as "
        "pictures in about [-1, 1], decoded where the model works on latents. Without -o it is "
        "written beside the photo.\n\nSettings not given are "
        "the "
        "model's recommended ones, or the paper's; they are written into the PNG.",
        "Examples:\n"
        "  pullback edit photo.jpg\n"
        "  pullback edit photo.jpg --direction 1 --strength -0.7 -o edited.jpg\n"
        "  pullback edit photo.jpg --direction 0-4 -o strip.png\n"
        "  pullback edit --model faces32 --seed 3 --strip -o strip.png"};
    options o = {.cli = {.name = "edit"},
                 .where = PB_WHERE_DEFAULTS,
                 .from = PB_DIRECTION_FLAGS,
                 .travel = PB_TRAVEL_DEFAULTS,
                 .quality = PB_QUALITY};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out,
         "Where to write (default: PHOTO-edited or PHOTO-strip, a name that is free)", "OUT"},
        PB_TRAVEL_ENTRIES(o.travel),
        {"strip", 0, 0, G_OPTION_ARG_NONE, &o.strip,
         "A strip of stages to both sides, also of one direction", NULL},
        {"paste", 0, 0, G_OPTION_ARG_NONE, &o.paste,
         "Put each edit into the photo, at its full size, in its colours, with its EXIF data (GPS "
         "too): of one picture the default, with -o FOLDER/ of every stage",
         NULL},
        {"no-paste", 0, 0, G_OPTION_ARG_NONE, &o.no_paste,
         "The edited picture as the model sees it, not the photo", NULL},
        {"quality", 0, 0, G_OPTION_ARG_INT, &o.quality,
         "Of a photo written as JPEG or WebP, 1 to 100; PNG and TIFF keep every pixel outside the "
         "edit (default: 92)",
         "Q"},
        {"blend", 0, 0, G_OPTION_ARG_FILENAME, &o.blend,
         "Show the edit only where this picture is white, or this .npy is 1: of the photo's size "
         "or "
         "the model's. Unlike with --mask directions stay those of the whole image",
         "F"},
        {"mode", 0, 0, G_OPTION_ARG_STRING, &o.mode,
         "guidance, straight (x + s v), relinearise (a new basis at each step), several with "
         "commas side by side, or all (default: guidance; straight with --mask)",
         "MODE"},
        {"edit-length", 0, 0, G_OPTION_ARG_DOUBLE, &o.travel.length,
         "How far straight and re-linearised edits go (default: step times scale times iterations, "
         "halved)",
         "L"},
        {"basis", 0, 0, G_OPTION_ARG_FILENAME, &o.from.basis,
         "Reuse a basis file and its point instead of computing one; or global directions, a mean "
         "of bases",
         "F"},
        {"carry", 0, 0, G_OPTION_ARG_NONE, &o.from.carry,
         "Carry the directions of --basis over to the image, by parallel transport through H: that "
         "of another photo, say",
         NULL},
        {"u", 0, 0, G_OPTION_ARG_FILENAME, &o.from.u,
         "Edit along the pre-image of h-directions: a .npy (k,C,H,W), or the v of a basis from the "
         "tap",
         "F"},
        {"damping", 0, 0, G_OPTION_ARG_DOUBLE, &o.from.damping,
         "How much a short pre-image is preferred to an exact one, in units of the first singular "
         "value (default: 0.1)",
         "D"},
        {"project", 0, 0, G_OPTION_ARG_NONE, &o.from.project,
         "With a mean of X: project it on the tangent space of the image", NULL},
        {"form", 0, 0, G_OPTION_ARG_STRING, &o.from.form,
         "How a mean of H, or with --carry, is carried over to the image: projection, or "
         "pseudo-inverse (default: projection)",
         "FORM"},
        PB_TAP_ENTRY(o.from.here.to, "tap", "mid; x0 with --mask"),
        PB_GUIDED_ENTRY(o.from.here.guided, "directions of the map with classifier-free guidance"),
        PB_RANK_ENTRY(o.from.here.rank, "How many directions to compute (default: as many as "
                                        "needed; 20 for relinearise, and with "
                                        "--carry, or as many as --basis has)"),
        PB_TOL_ENTRY(o.from.here.tolerance, PB_TOL_OF_BASIS),
        PB_NULL_RANK_ENTRY(o.from.here.null_rank),
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_WHERE_ENTRIES];

    pb_where_entries(&o.where,
                     PB_WHERE_T | PB_WHERE_STEPS | PB_WHERE_BASIS | PB_WHERE_X | PB_WHERE_SEED |
                         PB_WHERE_IMAGE | PB_WHERE_CLASS | PB_WHERE_MASK | PB_WHERE_TEXT |
                         PB_WHERE_TOLD | PB_WHERE_EDIT_TEXT | PB_WHERE_SIZE,
                     where);
    return pb_cli_command(&o.cli, &help, entries, where, argc, argv, check, run);
}
