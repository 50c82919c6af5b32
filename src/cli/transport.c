#include <math.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/directions.h"
#include "cli/travel.h"
#include "studio/transfer.h"

typedef struct options {
    pb_cli cli;
    pb_where target; /* --onto and how it is read */
    double onto_t;   /* NaN: not given */
    char *onto_basis;
    char *basis;
    char *form;
    pb_travel travel;
    char *out;
} options;

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;
    int targets = (o->target.image != NULL) + !isnan(o->onto_t) + (o->onto_basis != NULL);

    if (argc > 1)
        return pb_fail(error, PB_INVALID, "%s: the target is named by --onto IMAGE", argv[1]);
    if (!o->basis)
        return pb_fail(error, PB_INVALID, "from where? --basis A.safetensors");
    if (targets != 1)
        return pb_fail(error, PB_INVALID,
                       "onto what? one of --onto IMAGE, --onto-t T and --onto-basis B.safetensors");
    PB_TRY(pb_where_check(&o->cli, &o->target, 1, error));
    PB_TRY(pb_travel_check(&o->travel, error));
    return pb_check_out(o->out, PB_OUT_PICTURE, "strip.png", error);
}

typedef struct work {
    pb_desk desk;
    pb_basis source, target; /* target: of --onto-basis */
    pb_point from;           /* the desk's is the target */
    pb_transfer transfer;
} work;

/* The steps given; 0: those that each basis knows. */
static size_t steps_of(const options *o)
{
    return pb_cli_given(&o->cli, "steps") ? (size_t)o->target.steps : 0;
}

/* The point of --onto-basis, if its basis goes with the source's. */
static pb_status read_target(const options *o, work *w, pb_error *error)
{
    PB_TRY(pb_read_basis_of(&w->target, &w->desk.studio, o->onto_basis, error));
    PB_TRY(pb_bases_compatible(&w->source, &w->target, PB_FOR_TRANSPORT, error));
    return pb_session_point_of(w->desk.studio.session, &w->target, steps_of(o), &o->target.prompts,
                               &w->desk.point, error) == PB_OK
               ? PB_OK
               : pb_fail_in(error, PB_INVALID, "%s", o->onto_basis);
}

/* The target's point: of an image at the source's t, or the source's own at another t; under the
 * source's prompts, but for --edit-prompt, which is of the target. */
static pb_status find_target(const options *o, work *w, pb_error *error)
{
    pb_prompts prompts = w->from.prompts;
    pb_session *s = w->desk.studio.session;
    pb_where where = o->target;
    size_t factor, channels;

    if (w->from.grid == SIZE_MAX)
        return pb_fail(error, PB_INVALID,
                       "%s: timestep %g is not on a grid of %zu points: give the --steps it came "
                       "from",
                       o->basis, w->from.timestep, w->from.steps);
    where.steps = (int)w->from.steps;
    if (where.prompts.edit_prompt)
        prompts.edit_prompt = where.prompts.edit_prompt;
    if (where.image) {
        where.t = w->source.timestep / (double)pb_schedule_length(w->desk.studio.schedule);
        where.prompts = prompts;
        where.fits = &w->source;
        where.fits_by = o->basis;
        PB_TRY(pb_session_pixels(s, &factor, &channels, error));
        where.pixel_height = (int)(factor * w->source.x.shape[1]);
        where.pixel_width = (int)(factor * w->source.x.shape[2]);
        return pb_where_find(&w->desk, &where, error);
    }
    pb_desk_tell_unclipped(&w->desk);
    return pb_transfer_point(&w->desk.point, &w->desk.studio, &w->from, &prompts, o->onto_t,
                             &o->cli.run, error);
}

static void tell(const options *o, const work *w)
{
    for (size_t i = 0; i < o->travel.count; i++) {
        size_t d = o->travel.directions[i];
        pb_say(&o->cli, "direction %zu from timestep %g to %g: a share of %.3f of it survives", d,
               w->from.timestep, w->desk.point.timestep, w->transfer.carried.share[d]);
    }
    pb_say(&o->cli, "%s: the edits of the source above, the transported ones below", o->out);
    pb_cli_print(&o->cli, pb_transfer_json(&w->transfer, o->out));
}

/* Carries them, and edits with them. */
static pb_status transfer(const options *o, work *w, pb_error *error)
{
    const pb_edit_options how = pb_travel_options(&o->travel);
    const pb_studio *s = &w->desk.studio;
    const pb_run *run = &o->cli.run;
    pb_transfer *t = &w->transfer;

    t->source = &w->source;
    t->from = &w->from;
    t->target = o->onto_basis ? &w->target : NULL;
    t->onto = &w->desk.point;
    t->photo = w->desk.source.has_photo ? &w->desk.source.photo : NULL;
    t->form = pb_transport_form_of(o->form);
    PB_TRY(pb_transfer_carry(t, s, run, error));
    pb_desk_tell_unclipped(&w->desk);
    return pb_transfer_edit(t, s, &how, o->out, run, error);
}

static pb_status transport(options *o, work *w, pb_error *error)
{
    pb_prompts given = o->target.prompts;

    PB_TRY(pb_desk_open(&w->desk, &o->cli, error));
    PB_TRY(pb_read_basis_of(&w->source, &w->desk.studio, o->basis, error));
    if (w->source.samples || strcmp(w->source.from, "x"))
        return pb_fail(error, PB_INVALID,
                       "%s: expected the basis of a point, from x; edit --basis takes means",
                       o->basis);
    if (pb_travel_last(&o->travel) >= w->source.s.shape[0])
        return pb_fail(error, PB_INVALID, "--direction %zu: %s has 0 to %zu",
                       pb_travel_last(&o->travel), o->basis, w->source.s.shape[0] - 1);
    given.edit_prompt = NULL;
    PB_TRY(pb_session_point_of(w->desk.studio.session, &w->source, steps_of(o), &given, &w->from,
                               error));
    PB_TRY(o->onto_basis ? read_target(o, w, error) : find_target(o, w, error));
    PB_TRY(transfer(o, w, error));
    tell(o, w);
    return PB_OK;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    work w = {.source = PB_BASIS_EMPTY,
              .target = PB_BASIS_EMPTY,
              .from = PB_POINT_EMPTY,
              .transfer = PB_TRANSFER_EMPTY};
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    PB_TRY(pb_model_of_basis(&o->cli, o->basis, error));
    status = transport(o, &w, error);
    pb_transfer_clear(&w.transfer);
    pb_basis_clear(&w.source);
    pb_basis_clear(&w.target);
    pb_point_clear(&w.from);
    pb_desk_close(&w.desk);
    return status;
}

int pb_command_transport(int argc, char **argv)
{
    static const pb_help help = {
        "--basis A.safetensors --direction K (--onto IMAGE | --onto-t T | --onto-basis B) -o "
        "strip.png",
        "Carries a direction of one basis to another image at the same t, or to another t of the\n"
        "same image, by parallel transport through H, says what share of it survives, and edits\n"
        "with it. The strip has the source's edits above and the transported ones below.",
        "Example:\n  pullback basis --model faces32 a.jpg -o a.safetensors\n"
        "  pullback transport --basis a.safetensors --direction 2 --onto b.jpg -o strip.png"};
    options o = {.cli = {.name = "transport"},
                 .target = PB_WHERE_DEFAULTS,
                 .onto_t = NAN,
                 .travel = PB_TRAVEL_DEFAULTS};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write: a picture, .png say",
         "OUT"},
        {"basis", 0, 0, G_OPTION_ARG_FILENAME, &o.basis, "The source: a basis file at a point",
         "A"},
        PB_TRAVEL_ENTRIES(o.travel),
        {"onto", 0, 0, G_OPTION_ARG_FILENAME, &o.target.image, "The target: an image", "IMAGE"},
        {"onto-t", 0, 0, G_OPTION_ARG_DOUBLE, &o.onto_t,
         "The target: the source's image at this fraction of T", "T"},
        {"onto-basis", 0, 0, G_OPTION_ARG_FILENAME, &o.onto_basis,
         "The target: the point of this basis file", "B"},
        {"form", 0, 0, G_OPTION_ARG_STRING, &o.form,
         "projection, or pseudo-inverse (of the target's Jacobian) (default: projection)", "FORM"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_WHERE_ENTRIES];

    pb_where_entries(&o.target,
                     PB_WHERE_STEPS | PB_WHERE_BASIS | PB_WHERE_IMAGE | PB_WHERE_TEXT |
                         PB_WHERE_TOLD | PB_WHERE_EDIT_TEXT,
                     where);
    return pb_cli_command(&o.cli, &help, entries, where, argc, argv, check, run);
}
