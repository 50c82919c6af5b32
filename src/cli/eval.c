#include <math.h>
#include <string.h>

#include "cli/basis_at.h"
#include "cli/commands.h"
#include "cli/sizes.h"
#include "io/json.h"
#include "io/noisy.h"
#include "studio/evaluation.h"

typedef struct options {
    pb_cli cli;
    char *x, *from, *jvp, *vjp, *out;
    const char *tap;
    double timestep;
    int class_label;
    pb_prompts prompts;
    pb_size_flags sizes;
    char *context, *pooled; /* .npy (tokens, width) and (1, width) in place of a prompt */
} options;

/* Of a .safetensors the timestep is what it says of itself. */
static pb_status take_timestep(options *o, pb_error *error)
{
    pb_noisy n = PB_NOISY_EMPTY;
    pb_status status = pb_noisy_read(&n, NULL, o->x, error);

    if (status == PB_OK && isnan(o->timestep))
        o->timestep = n.timestep;
    else if (status == PB_OK && fabs(o->timestep - n.timestep) > 1e-3)
        status =
            pb_fail(error, PB_INVALID, "%s lies at timestep %g, not at %g: leave out --timestep",
                    o->x, n.timestep, o->timestep);
    pb_noisy_clear(&n);
    return status;
}

static pb_status check(pb_cli *cli, int argc, char **argv, pb_error *error)
{
    options *o = (options *)cli;

    (void)argv;
    if (!o->tap)
        o->tap = "eps";
    if (o->x && pb_has_ending(o->x, ".safetensors"))
        PB_TRY(take_timestep(o, error));
    if (argc > 1)
        return pb_fail(error, PB_INVALID, "unexpected argument: the point is named by --x");
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    if (!o->x || isnan(o->timestep))
        return pb_fail(error, PB_INVALID, "where? --x x.npy --timestep T");
    if (o->jvp && o->vjp)
        return pb_fail(error, PB_INVALID, "--jvp and --vjp exclude each other");
    if (o->prompts.prompt && o->context)
        return pb_fail(error, PB_INVALID, "--prompt and --context exclude each other");
    if (o->pooled && !o->context)
        return pb_fail(error, PB_INVALID, "--pooled goes with --context");
    PB_TRY(pb_prompts_check(&o->prompts, 0, error));
    PB_TRY(pb_sizes_take(&o->prompts.sizes, &o->sizes, error));
    o->prompts.class_label = o->class_label;
    if (pb_evaluation_is_guided(&o->prompts) && strcmp(o->tap, "out") && strcmp(o->tap, "eps") &&
        strcmp(o->tap, "x0"))
        return pb_fail(error, PB_INVALID, "--guidance-scale acts on out, eps and x0, not on %s",
                       o->tap);
    if (o->from && !o->jvp && !o->vjp)
        return pb_fail(error, PB_INVALID, "--from goes with --jvp or --vjp");
    return pb_check_out(o->out, PB_OUT_NPY, "out.npy", error);
}

/* Does the model take such prompts? */
static pb_status check_prompts(const pb_desk *d, const options *o, pb_error *error)
{
    pb_prompts all = PB_PROMPTS_DEFAULTS;
    pb_status status = pb_session_prompts(d->studio.session, &o->prompts, &all, error);

    pb_prompts_clear(&all);
    return status;
}

static void tell(const options *o, const pb_tensor *out)
{
    pb_say(&o->cli, "%s: %s%s", o->out, o->jvp ? "J v to " : o->vjp ? "J^T u from " : "", o->tap);
    pb_cli_print(&o->cli,
                 json_pack("{s:s, s:s, s:f, s:o}", "out", o->out, "tap", o->tap, "timestep",
                           o->timestep, "shape", pb_json_counts(out->rank, out->shape)));
}

/* What is read, and what comes of it. */
typedef struct work {
    pb_desk desk;
    pb_tensor x, context, pooled, block, out;
} work;

static pb_status evaluate(options *o, work *w, pb_error *error)
{
    const pb_studio *s = &w->desk.studio;
    const char *block = o->jvp ? o->jvp : o->vjp;
    const pb_evaluation what = {.tap = o->tap,
                                .from = o->from,
                                .timestep = o->timestep,
                                .prompts = o->prompts,
                                .context = o->context ? &w->context : NULL,
                                .pooled = o->pooled ? &w->pooled : NULL,
                                .block = block ? &w->block : NULL,
                                .transpose = o->vjp != NULL,
                                .x_name = o->x,
                                .block_name = block};

    PB_TRY(pb_desk_open(&w->desk, &o->cli, error));
    PB_TRY(check_prompts(&w->desk, o, error));
    if (o->context)
        PB_TRY(pb_read_context(&w->context, s, o->context, error));
    if (o->pooled)
        PB_TRY(pb_read_pooled(&w->pooled, s, o->pooled, error));
    PB_TRY(pb_read_images(&w->x, s, o->x, SIZE_MAX, error));
    if (block)
        PB_TRY(pb_npy_read(&w->block, block, error));
    PB_TRY(pb_evaluation_compute(&what, s, &w->x, &w->out, &o->cli.run, error));
    PB_TRY(pb_npy_write(&w->out, o->out, error));
    tell(o, &w->out);
    return PB_OK;
}

static pb_status run(pb_cli *cli, pb_error *error)
{
    options *o = (options *)cli;
    work w = {.x = PB_TENSOR_EMPTY,
              .context = PB_TENSOR_EMPTY,
              .pooled = PB_TENSOR_EMPTY,
              .block = PB_TENSOR_EMPTY,
              .out = PB_TENSOR_EMPTY};
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    status = evaluate(o, &w, error);
    pb_tensor_clear(&w.x);
    pb_tensor_clear(&w.context);
    pb_tensor_clear(&w.pooled);
    pb_tensor_clear(&w.block);
    pb_tensor_clear(&w.out);
    pb_desk_close(&w.desk);
    return status;
}

int pb_command_eval(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL --x x.npy --timestep T -o OUT",
        "Evaluates the network up to a tap, or applies the Jacobian of a map between two taps.\n"
        "Tensors are .npy, N,C,H,W; --jvp and --vjp take one or several, and give as many.",
        "Example:\n  pullback eval --model faces32 --x x.npy --timestep 421 --tap mid -o h.npy"};
    options o = {.cli = {.name = "eval"},
                 .timestep = NAN,
                 .class_label = -1,
                 .prompts = PB_PROMPTS_DEFAULTS};
    const GOptionEntry entries[] = {
        {"x", 0, 0, G_OPTION_ARG_FILENAME, &o.x, "The noisy images", "x.npy"},
        PB_TIMESTEP_ENTRY(o.timestep, ", 0 to num_train_timesteps - 1; may be fractional"),
        PB_TAP_ENTRY(o.tap, "value", "eps"),
        PB_FROM_ENTRY(o.from, "value"),
        {"jvp", 0, 0, G_OPTION_ARG_FILENAME, &o.jvp, "Push these tangents forward: J v", "v.npy"},
        {"vjp", 0, 0, G_OPTION_ARG_FILENAME, &o.vjp, "Pull these cotangents back: J^T u", "u.npy"},
        {"class", 0, 0, G_OPTION_ARG_INT, &o.class_label,
         "The class, by its number, for a network that was trained with classes", "C"},
        {"prompt", 0, 0, G_OPTION_ARG_STRING, &o.prompts.prompt,
         "What the network is conditioned on, where it reads text (default: the empty prompt)",
         "TEXT"},
        {"context", 0, 0, G_OPTION_ARG_FILENAME, &o.context,
         "The same as an embedding (tokens, width), as pullback prompt -o writes it", "c.npy"},
        {"pooled", 0, 0, G_OPTION_ARG_FILENAME, &o.pooled,
         "With --context: the pooled embedding that a model as Stable Diffusion XL is given too, "
         "as "
         "pullback prompt --pooled writes it",
         "p.npy"},
        PB_ORIGINAL_SIZE_ENTRY(o.sizes),
        PB_CROP_COORDS_ENTRY(o.sizes),
        PB_TARGET_SIZE_ENTRY(o.sizes),
        {"negative-prompt", 0, 0, G_OPTION_ARG_STRING, &o.prompts.negative_prompt,
         "What the guidance scale leads away from (default: the empty prompt)", "TEXT"},
        {"guidance-scale", 0, 0, G_OPTION_ARG_DOUBLE, &o.prompts.guidance_scale,
         "Classifier-free guidance of out, eps or x0, and of their Jacobians (default: 1, none)",
         "W"},
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write: a .npy", "OUT.npy"},
        G_OPTION_ENTRY_NULL,
    };

    return pb_cli_command(&o.cli, &help, entries, NULL, argc, argv, check, run);
}
