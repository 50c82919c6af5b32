#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/commands.h"
#include "cli/directions.h"
#include "cli/travel.h"

typedef struct options {
    pb_cli cli;
    pb_point_options target; /* --onto and how it is read */
    double onto_t;           /* NaN: not given */
    char *onto_basis;
    char *basis;
    char *form;
    pb_transport_form form_value;
    pb_travel_options travel;
    char *out;
} options;

static pb_status check(options *o, int argc, char **argv, pb_error *error)
{
    int targets = (o->target.image != NULL) + !isnan(o->onto_t) + (o->onto_basis != NULL);

    if (argc > 1)
        return pb_fail(error, PB_INVALID, "%s: the target is named by --onto IMAGE", argv[1]);
    if (!o->basis)
        return pb_fail(error, PB_INVALID, "from where? --basis A.safetensors");
    if (targets != 1)
        return pb_fail(error, PB_INVALID,
                       "onto what? one of --onto IMAGE, --onto-t T and --onto-basis B.safetensors");
    o->target.text.otherwise = NAN;
    PB_TRY(pb_point_check(&o->cli, &o->target, error));
    PB_TRY(pb_travel_check(&o->travel, error));
    o->form_value = pb_transport_form_of(o->form);
    return pb_check_out(o->out, PB_OUT_PICTURE, "strip.png", error);
}

typedef struct work {
    pb_session session;
    pb_basis source;
    pb_basis_found target;
    pb_point from, onto;
    pb_tensor v;
    double *share;
    pb_strip strips[2];
} work;

/* The target's point: of an image at the source's t, or the source's own at another t. */
static pb_status find_target(const options *o, work *w, pb_error *error)
{
    size_t T = pb_schedule_length(w->session.schedule), S = (size_t)o->target.steps;
    size_t factor, channels;
    pb_point_options where = o->target;

    if (pb_point_on_grid(&w->from, o->target.steps, error) != PB_OK)
        return pb_fail_in(error, PB_INVALID, "%s", o->basis);
    if (o->target.image) {
        where.t = w->source.timestep / (double)T;
        PB_TRY(pb_session_pixels(&w->session, &factor, &channels, error));
        where.pixel_height = (int)(factor * w->source.x.shape[1]);
        where.pixel_width = (int)(factor * w->source.x.shape[2]);
        return pb_point_find(&w->onto, &w->session, &where, error);
    }
    PB_TRY(pb_tensor_new(&w->onto.x, 4, w->from.x.shape, error));
    memcpy(w->onto.x.data, w->from.x.data, pb_tensor_count(&w->onto.x) * sizeof(float));
    w->onto.t = o->onto_t;
    w->onto.grid = pb_grid_nearest(T, S, o->onto_t);
    w->onto.timestep = pb_grid_time(T, S, w->onto.grid);
    return pb_session_move(&w->session, "moving to t", &w->onto.x, w->from.grid, w->onto.grid, S,
                           NULL, error);
}

/* The prompts of the one side or the other: those of its basis, or the options'. What --edit-prompt
 * says is of the target. */
static pb_status take_prompts(const options *o, work *w, int target, pb_error *error)
{
    const pb_basis *basis = target && o->onto_basis ? &w->target.basis : &w->source;
    pb_text_options given = o->target.text;

    if (!target || !o->onto_basis)
        given.edit_prompt = NULL;
    PB_TRY(pb_prompts_of_basis(&w->session.prompts, w->session.cli, &given, basis, error));
    if (target && !o->onto_basis && o->target.text.edit_prompt)
        return pb_prompts_set(&w->session.prompts, w->session.cli, PB_EDIT_PROMPT,
                              o->target.text.edit_prompt, error);
    return PB_OK;
}

/* The point of --onto-basis, if its basis is one of the source's kind. */
static pb_status read_target(const options *o, work *w, pb_error *error)
{
    const pb_basis *target = &w->target.basis;

    PB_TRY(pb_read_basis_of(&w->target.basis, &w->session, o->onto_basis, error));
    if (target->samples)
        return pb_fail(error, PB_INVALID, "%s is a mean: it has no point to edit", o->onto_basis);
    if (strcmp(target->from, w->source.from) || strcmp(target->to, w->source.to))
        return pb_fail(error, PB_INVALID,
                       "%s is of the map %s to %s, %s of %s to %s: expected one map", o->onto_basis,
                       target->from, target->to, o->basis, w->source.from, w->source.to);
    return pb_point_of_basis(&w->onto, &w->session, target, o->target.steps, &o->target.text,
                             error) == PB_OK
               ? PB_OK
               : pb_fail_in(error, PB_INVALID, "%s", o->onto_basis);
}

static pb_status find_basis(const options *o, work *w, pb_error *error)
{
    pb_basis_options here = PB_BASIS_DEFAULTS;
    pb_text_options given = o->target.text;

    given.edit_prompt = NULL;
    PB_TRY(pb_point_of_basis(&w->from, &w->session, &w->source, o->target.steps, &given, error));
    if (o->onto_basis)
        return read_target(o, w, error);
    PB_TRY(take_prompts(o, w, 1, error));
    here.rank = (int)w->source.s.shape[0];
    here.tolerance = w->source.tolerance;
    here.to = w->source.to;
    here.guided = w->source.guided;
    PB_TRY(find_target(o, w, error));
    return pb_basis_at(&w->target, &w->session, &w->onto, &here, error);
}

static pb_status edit(const options *o, work *w, pb_error *error)
{
    const pb_point *points[2] = {&w->from, &w->onto};
    const pb_tensor *vectors[2] = {&w->source.v, &w->v};
    const pb_strip *strips[2] = {&w->strips[0], &w->strips[1]};

    for (int i = 0; i < 2; i++) {
        PB_TRY(take_prompts(o, w, i, error));
        PB_TRY(pb_travel_strip(&w->strips[i], &o->travel, &w->session, points[i], o->target.steps,
                               error));
        w->strips[i].label = i ? "transported" : "source";
        PB_TRY(pb_strip_make(&w->strips[i], &w->session, &points[i]->x, vectors[i], error));
    }
    return pb_strip_write(2, strips, &w->session, &w->source, o->out, error);
}

static void tell(const options *o, const work *w)
{
    json_t *directions = json_array(), *shares = json_array();

    for (size_t i = 0; i < o->travel.count; i++) {
        size_t d = o->travel.directions[i];
        pb_say(&o->cli, "direction %zu from timestep %g to %g: a share of %.3f of it survives", d,
               w->from.timestep, w->onto.timestep, w->share[d]);
        json_array_append_new(directions, json_integer((json_int_t)d));
        json_array_append_new(shares, json_real(w->share[d]));
    }
    pb_say(&o->cli, "%s: the edits of the source above, the transported ones below", o->out);
    pb_cli_print(&o->cli, json_pack("{s:s, s:o, s:o, s:f, s:f, s:s, s:i}", "out", o->out,
                                    "directions", directions, "share", shares, "timestep_source",
                                    w->from.timestep, "timestep_target", w->onto.timestep, "form",
                                    o->form ? o->form : "projection", "rank",
                                    (int)w->target.basis.s.shape[0]));
}

static pb_status transport(const options *o, work *w, pb_error *error)
{
    pb_session *s = &w->session;

    PB_TRY(pb_session_open(s, &o->cli, -1, &o->target.text, error));
    PB_TRY(pb_read_basis_of(&w->source, s, o->basis, error));
    s->fits = &w->source;
    s->fits_by = o->basis;
    if (w->source.samples || strcmp(w->source.from, "x"))
        return pb_fail(error, PB_INVALID,
                       "%s: expected the basis of a point, from x; edit --basis takes means",
                       o->basis);
    if (pb_travel_last(&o->travel) >= w->source.s.shape[0])
        return pb_fail(error, PB_INVALID, "--direction %zu: %s has 0 to %zu",
                       pb_travel_last(&o->travel), o->basis, w->source.s.shape[0] - 1);
    PB_TRY(find_basis(o, w, error));
    w->share = pb_calloc(w->source.s.shape[0], sizeof *w->share);
    if (!w->share)
        return pb_fail_memory(error, w->source.s.shape[0] * sizeof *w->share, "shares");
    PB_TRY(pb_transport(&w->target.basis, o->form_value, &w->source.u, &w->v, w->share, error));
    PB_TRY(edit(o, w, error));
    tell(o, w);
    return PB_OK;
}

static pb_status run(options *o, pb_error *error)
{
    work w = {.source = PB_BASIS_EMPTY, .target.basis = PB_BASIS_EMPTY};
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    PB_TRY(pb_model_of_basis(&o->cli, o->basis, error));
    status = transport(o, &w, error);
    pb_basis_clear(&w.source);
    pb_basis_found_clear(&w.target);
    pb_point_clear(&w.from);
    pb_point_clear(&w.onto);
    pb_tensor_clear(&w.v);
    pb_free(w.share);
    for (int i = 0; i < 2; i++)
        pb_strip_clear(&w.strips[i]);
    pb_session_close(&w.session);
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
                 .target = PB_POINT_DEFAULTS,
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
    GOptionEntry where[PB_POINT_ENTRIES];
    pb_error error;

    pb_point_entries(&o.target,
                     PB_POINT_STEPS | PB_POINT_IMAGE | PB_POINT_TEXT | PB_POINT_EDIT_TEXT, where);
    if (pb_cli_parse(&o.cli, &help, entries, where, &argc, &argv, &error) != PB_OK ||
        check(&o, argc, argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
