#include "cli/basis_at.h"

#include <math.h>
#include <string.h>

pb_status pb_basis_check(const pb_cli *cli, const pb_basis_flags *o, pb_error *error)
{
    pb_check_precision(cli, o->precision);
    if (o->precision && !strcmp(o->precision, "bf16") && o->method && strcmp(o->method, "krylov"))
        return pb_fail(error, PB_INVALID, "--precision bf16 goes with --method krylov");
    return PB_OK;
}

pb_status pb_guided_check(const pb_basis_flags *o, const pb_prompts *prompts, int masked,
                          pb_error *error)
{
    const char *to = o->to ? o->to : masked ? "x0" : "mid";

    if (!o->guided)
        return PB_OK;
    if (strcmp(to, "eps") && strcmp(to, "x0"))
        return pb_fail(error, PB_INVALID, "--guided --tap %s: a guided map ends at eps or x0", to);
    if (isnan(prompts->guidance_scale))
        return pb_fail(error, PB_INVALID, "--guided: by how much? --guidance-scale W");
    return PB_OK;
}

pb_basis_options pb_basis_options_of(const pb_basis_flags *o)
{
    return (pb_basis_options){
        .from = o->from,
        .to = o->to,
        .rank = (size_t)o->rank,
        .tolerance = o->tolerance,
        .method = o->method && !strcmp(o->method, "subspace") ? PB_SVD_SUBSPACE : PB_SVD_KRYLOV,
        .bf16 = o->precision && !strcmp(o->precision, "bf16"),
        .block = (size_t)o->block,
        .max_applications = (size_t)o->max_applications,
        .seed = (uint64_t)o->start_seed,
        .guided = o->guided,
        .null_rank = o->null_rank};
}

pb_status pb_basis_at(pb_basis_found *found, pb_desk *d, const pb_basis_flags *o, pb_error *error)
{
    const pb_basis_options options = pb_basis_options_of(o);
    pb_status status = pb_basis_find(found, &d->studio, &d->point, &options, o->start, o->verify,
                                     &d->cli->run, error);

    if (status == PB_NUMERIC && d->point.mask.data && o->max_applications)
        pb_fail_in(error, status, "--max-applications %d", o->max_applications);
    return status;
}

/* -- telling --------------------------------------------------------------------------------- */

void pb_basis_say(const pb_cli *cli, const pb_basis_found *found)
{
    const pb_svd *svd = found->svd;

    pb_say(cli,
           "%s -> %s at timestep %g: %zu of %zu triplets converged, largest residual %.1e, "
           "singular values %.4g to %.4g",
           found->basis.from, found->basis.to, found->basis.timestep, svd->converged, svd->rank,
           pb_largest_residual(svd->rank, svd->residual), svd->sigma[0], svd->sigma[svd->rank - 1]);
    pb_say(cli,
           "%zu applications of the Jacobian in %.2f s (%s, block %zu); effective rank %.1f of "
           "these %zu",
           svd->applications, svd->seconds, found->basis.method, svd->block,
           pb_effective_rank(svd->rank, svd->sigma), svd->rank);
    if (found->verified)
        pb_say(cli, "verified by applying it: largest residual %.1e",
               pb_largest_residual(svd->rank, found->verified));
}

pb_status pb_basis_pictures(const pb_cli *cli, const pb_basis_found *found, const char *path,
                            pb_error *error)
{
    char **names = pb_basis_picture_names(path);
    pb_error plot = {0};
    pb_status status = pb_basis_draw(found, names[0], error);

    if (status == PB_OK) {
        pb_say(cli, "%s: the leading directions", names[0]);
        if (pb_basis_plot(found, path, &plot) == PB_OK)
            pb_say(cli, "%s: the singular values (.csv: as numbers; .gp: the plot's script)",
                   names[1]);
        else
            pb_warn(cli, "%s", plot.message);
    }
    g_strfreev(names);
    return status;
}
