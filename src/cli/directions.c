#include "cli/directions.h"

#include <math.h>
#include <string.h>

pb_transport_form pb_transport_form_of(const char *name)
{
    return name && !strcmp(name, "pseudo-inverse") ? PB_TRANSPORT_INVERSE : PB_TRANSPORT_PROJECTION;
}

/* The session's options, but for what the directions are of. */
static pb_direction_options options_of(const pb_direction_flags *o)
{
    return (pb_direction_options){.form = pb_transport_form_of(o->form),
                                  .project = o->project,
                                  .damping = o->damping,
                                  .needed = o->needed,
                                  .here = pb_basis_options_of(&o->here)};
}

/* file: what the directions are of, for messages; NULL: nothing but the point. */
static pb_status ask(pb_directions *directions, pb_desk *d, const pb_direction_options *options,
                     const char *file, pb_error *error)
{
    pb_status status = pb_session_directions(d->studio.session, &d->point, options, directions,
                                             &d->cli->run, error);

    return file && (status == PB_INVALID || status == PB_NUMERIC)
               ? pb_fail_in(error, status, "%s", file)
               : status;
}

/* -- a basis file --------------------------------------------------------------------------------
 */

/* Of each direction that was carried over, what is left of it. */
static void tell_shares(const pb_directions *directions, const pb_desk *d,
                        const pb_direction_flags *o)
{
    for (size_t i = 0; directions->share && i < o->needed && i < directions->v.shape[0]; i++)
        pb_say(d->cli, "direction %zu: a share of %.3f of it lies in the tangent space here", i,
               directions->share[i]);
}

static pb_status carry(pb_directions *directions, pb_desk *d, const pb_direction_flags *o,
                       const pb_basis *basis, pb_error *error)
{
    pb_direction_options options = options_of(o);

    options.basis = basis;
    options.carry = 1;
    options.here.to = basis->to;
    if (!options.here.rank)
        options.here.rank = basis->s.shape[0] > PB_CARRY_RANK ? basis->s.shape[0] : PB_CARRY_RANK;
    PB_TRY(ask(directions, d, &options, o->basis, error));
    tell_shares(directions, d, o);
    return PB_OK;
}

/* A basis at a point. */
static pb_status reuse(pb_directions *directions, pb_desk *d, const pb_where *where,
                       const pb_direction_flags *o, const pb_basis *basis, pb_error *error)
{
    pb_direction_options options = options_of(o);
    pb_where there = *where;
    pb_point own = PB_POINT_EMPTY;
    pb_status status;

    if (strcmp(basis->from, "x"))
        return pb_fail(error, PB_INVALID,
                       "%s: directions at the tap %s: an edit needs directions of x", o->basis,
                       basis->from);
    if ((!isnan(where->t) && !o->carry) || where->x || where->seed >= 0)
        return pb_fail(error, PB_INVALID,
                       "--basis %s has its own point: expected neither --t, --x nor --seed",
                       o->basis);
    PB_TRY(pb_cli_refuse(
        d->cli, o->carry ? "tap,mask,null-rank,class" : "tap,rank,tol,mask,null-rank,class",
        "is settled by --basis, whose directions these are", error));
    PB_TRY(pb_cli_refuse(d->cli, o->carry ? "project" : "form,project",
                         "goes with a --basis that is a mean", error));
    if (!where->image)
        PB_TRY(pb_cli_refuse(d->cli, "height,width", "is settled by --basis", error));
    status = pb_session_point_of(d->studio.session, basis,
                                 pb_cli_given(d->cli, "steps") ? (size_t)where->steps : 0,
                                 &where->prompts, &own, error);
    if (status == PB_OK && where->image) {
        there.steps = (int)own.steps;
        if (isnan(there.t))
            there.t = basis->timestep / (double)pb_schedule_length(d->studio.schedule);
        there.prompts = own.prompts;
        there.fits = basis;
        there.fits_by = o->basis;
        status = pb_where_find(d, &there, error);
        if (status == PB_OK && o->carry) {
            pb_point_clear(&own);
            return carry(directions, d, o, basis, error);
        }
        if (status == PB_OK && !pb_point_is(&d->point, basis))
            status =
                pb_fail(error, PB_INVALID,
                        "%s belongs to another point than %s leads to: give the --crop, --fit, "
                        "--steps and prompts it was computed with; or compute the photo's own "
                        "basis, or carry its directions over with --carry",
                        o->basis, where->image);
        pb_point_clear(&d->point);
    }
    d->point = own;
    PB_TRY(status);
    options.basis = basis;
    return ask(directions, d, &options, o->basis, error);
}

/* Can it be used so, whatever the point? */
static pb_status check_mean(const pb_basis *mean, const pb_desk *s, const pb_where *where,
                            const pb_direction_flags *o, pb_error *error)
{
    int in_h = !strcmp(mean->space, "H");

    if (!where->image && !where->x && where->seed < 0)
        return pb_fail(error, PB_INVALID,
                       "%s is a mean of %zu bases: edit what? an image, --x F or --seed S",
                       o->basis, mean->samples);
    if (!in_h && strcmp(mean->from, "x"))
        return pb_fail(error, PB_INVALID,
                       "%s: directions at the tap %s: an edit needs directions of x", o->basis,
                       mean->from);
    if (in_h && o->here.to && strcmp(o->here.to, mean->to))
        return pb_fail(error, PB_INVALID, "--tap %s: %s holds directions at %s", o->here.to,
                       o->basis, mean->to);
    return in_h ? pb_cli_refuse(s->cli, "project", "goes with a mean of X, this is one of H", error)
                : pb_cli_refuse(s->cli, "form", "goes with a mean of H, this is one of X", error);
}

static pb_status use_mean(pb_directions *directions, pb_desk *d, const pb_where *where,
                          const pb_direction_flags *o, const pb_basis *mean, pb_error *error)
{
    pb_direction_options options = options_of(o);
    pb_where there = *where;

    PB_TRY(check_mean(mean, d, where, o, error));
    if (isnan(where->t) && isnan(where->timestep) && where->image) {
        if (mean->steps && !pb_cli_given(d->cli, "steps"))
            there.steps = (int)mean->steps;
        there.t = mean->timestep / (double)pb_schedule_length(d->studio.schedule);
    }
    if (mean->guided && isnan(where->prompts.guidance_scale))
        there.prompts.guidance_scale = mean->guidance_scale;
    there.fits = mean;
    there.fits_by = o->basis;
    PB_TRY(pb_where_find(d, &there, error));
    options.basis = mean;
    PB_TRY(ask(directions, d, &options, o->basis, error));
    tell_shares(directions, d, o);
    return PB_OK;
}

/* -- h-directions --------------------------------------------------------------------------------
 */

static pb_status use_u(pb_directions *directions, pb_desk *d, const pb_where *where,
                       const pb_direction_flags *o, const pb_tensor *u, pb_error *error)
{
    pb_direction_options options = options_of(o);

    PB_TRY(pb_where_find(d, where, error));
    options.u = u;
    PB_TRY(ask(directions, d, &options, o->u, error));
    for (size_t i = 0; i < directions->v.shape[0]; i++)
        pb_say(d->cli, "direction %zu: |Jv - u| = %.3f |u| after %zu iterations", i,
               directions->solution[i].residual, directions->solution[i].iterations);
    return PB_OK;
}

/* -- all -----------------------------------------------------------------------------------------
 */

pb_status pb_directions_find(pb_directions *directions, pb_desk *d, const pb_where *where,
                             const pb_direction_flags *o, pb_error *error)
{
    const pb_direction_options options = options_of(o);
    pb_basis basis = PB_BASIS_EMPTY;
    pb_tensor u = PB_TENSOR_EMPTY;
    pb_status status;

    if (o->basis) {
        status = pb_read_basis_of(&basis, &d->studio, o->basis, error);
        if (status == PB_OK)
            status = (basis.samples ? use_mean : reuse)(directions, d, where, o, &basis, error);
    } else if (o->u) {
        status = pb_read_directions(&u, &d->studio, o->u,
                                    o->here.to    ? o->here.to
                                    : where->mask ? "x0"
                                                  : "mid",
                                    error);
        if (status == PB_OK)
            status = use_u(directions, d, where, o, &u, error);
    } else {
        status = pb_where_find(d, where, error);
        if (status == PB_OK)
            status = ask(directions, d, &options, NULL, error);
    }
    pb_basis_clear(&basis);
    pb_tensor_clear(&u);
    return status;
}
