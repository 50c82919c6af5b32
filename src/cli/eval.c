#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "cli/commands.h"
#include "cli/desk.h"
#include "io/noisy.h"
#include "map/guidance.h"

typedef struct options {
    pb_cli cli;
    char *x, *from, *jvp, *vjp, *out;
    const char *tap;
    double timestep;
    int class_label;
    pb_prompts prompts;
    char *context; /* a .npy (tokens, width) in place of a prompt */
} options;

/* Is what the network predicts led away from the negative prompt? */
static int is_guided(const options *o)
{
    return !isnan(o->prompts.guidance_scale) && o->prompts.guidance_scale != 1;
}

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

static pb_status check(options *o, int argc, pb_error *error)
{
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
    PB_TRY(pb_prompts_check(&o->prompts, 0, error));
    o->prompts.class_label = o->class_label;
    if (is_guided(o) && strcmp(o->tap, "out") && strcmp(o->tap, "eps") && strcmp(o->tap, "x0"))
        return pb_fail(error, PB_INVALID, "--guidance-scale acts on out, eps and x0, not on %s",
                       o->tap);
    if (o->from && !o->jvp && !o->vjp)
        return pb_fail(error, PB_INVALID, "--from goes with --jvp or --vjp");
    return pb_check_out(o->out, PB_OUT_NPY, "out.npy", error);
}

/* What the network is conditioned on: the prompt, or what --context holds; or the negative prompt.
 */
static pb_status condition_of(pb_desk *d, const options *o, const pb_input *context, int negative,
                              pb_condition *condition, pb_error *error)
{
    if (!context->value->data || negative)
        return pb_session_condition(d->studio.session, &o->prompts,
                                    negative ? PB_PROMPT_NEGATIVE : PB_PROMPT_MAIN, o->timestep,
                                    condition, &d->cli->run, error);
    *condition = (pb_condition){
        .timestep = o->timestep, .class_label = o->class_label, .count = 1, .inputs = context};
    return PB_OK;
}

static pb_status read_context(pb_tensor *context, const pb_desk *s, const options *o,
                              pb_error *error)
{
    size_t width = s->studio.info->context_width;

    if (!o->context)
        return PB_OK;
    PB_TRY(pb_npy_read(context, o->context, error));
    if (width && (context->rank == 2 || (context->rank == 3 && context->shape[0] == 1)) &&
        context->shape[context->rank - 1] == width)
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: expected (tokens, %zu), what this network is given",
                   o->context, width);
}

/* The tap's value at x: n points. */
static pb_status evaluate(pb_desk *d, const options *o, const pb_condition *condition,
                          const pb_tensor *x, pb_tensor *out, pb_error *error)
{
    size_t shape[4] = {x->shape[0]};
    const char *tap = o->tap;
    pb_evaluator *e;
    pb_status status;

    PB_TRY(pb_model_tap_shape(d->studio.model, tap, x->shape[2], x->shape[3], shape + 1, error));
    PB_TRY(pb_tensor_new(out, 4, shape, error));
    PB_TRY(pb_evaluator_new(&e, d->studio.model, x->shape[2], x->shape[3], &d->cli->run, error));
    status = pb_evaluate(e, condition, x->shape[0], pb_item_size(x), x->data, 1, &tap, &out->data,
                         error);
    pb_evaluator_free(e);
    return status;
}

/* One tensor (c,h,w) or a block of k (k,c,h,w) of the given shape. */
static pb_status read_block(pb_tensor *block, const char *path, const size_t shape[3],
                            pb_error *error)
{
    PB_TRY(pb_npy_read(block, path, error));
    if ((block->rank == 3 || block->rank == 4) &&
        !memcmp(block->shape + block->rank - 3, shape, 3 * sizeof *shape))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s: expected (%zu, %zu, %zu), or several of them", path,
                   shape[0], shape[1], shape[2]);
}

/* J v or J^T u for the block. */
static pb_status multiply(const pb_linearisation *l, int transpose, const pb_tensor *block,
                          pb_tensor *out, pb_error *error)
{
    const pb_operator *op = pb_linearisation_operator(l);
    size_t from[3], to[3], shape[4] = {block->rank == 4 ? block->shape[0] : 1};
    size_t in_size = transpose ? op->rows : op->cols, out_size = transpose ? op->cols : op->rows;

    pb_linearisation_shapes(l, from, to);
    memcpy(shape + 1, transpose ? from : to, sizeof from);
    PB_TRY(pb_tensor_new(out, block->rank, shape + 4 - block->rank, error));
    return (transpose ? op->apply_transpose : op->apply)(op->context, shape[0], block->data,
                                                         in_size, out->data, out_size, error);
}

static pb_status differentiate(pb_desk *s, const options *o, const pb_condition *condition,
                               const pb_tensor *x, pb_tensor *out, pb_error *error)
{
    const pb_map_options map = {
        .from = o->from ? o->from : "x",
        .to = o->tap,
        .condition = *condition,
    };
    pb_tensor block = PB_TENSOR_EMPTY;
    size_t from[3], to[3];
    pb_linearisation *l;
    pb_status status;

    if (x->shape[0] != 1)
        return pb_fail(error, PB_INVALID, "%s: a Jacobian is taken at one image, found %zu", o->x,
                       x->shape[0]);
    PB_TRY(pb_linearise(&l, s->studio.model, &map, x, &s->cli->run, error));
    pb_linearisation_shapes(l, from, to);
    status = read_block(&block, o->jvp ? o->jvp : o->vjp, o->jvp ? from : to, error);
    if (status == PB_OK)
        status = multiply(l, o->vjp != NULL, &block, out, error);
    pb_tensor_clear(&block);
    pb_linearisation_free(l);
    return status;
}

/* Under the prompt, or (1-w) of the negative prompt's and w of the prompt's. */
static pb_status compute(pb_desk *d, const options *o, const pb_tensor *context, const pb_tensor *x,
                         pb_tensor *out, pb_error *error)
{
    pb_status (*one)(pb_desk *, const options *, const pb_condition *, const pb_tensor *,
                     pb_tensor *, pb_error *) = o->jvp || o->vjp ? differentiate : evaluate;
    const pb_input given = {"context", context};
    pb_tensor without = PB_TENSOR_EMPTY;
    pb_condition condition;
    pb_status status;

    PB_TRY(condition_of(d, o, &given, 0, &condition, error));
    PB_TRY(one(d, o, &condition, x, out, error));
    if (!is_guided(o))
        return PB_OK;
    PB_TRY(condition_of(d, o, &given, 1, &condition, error));
    status = one(d, o, &condition, x, &without, error);
    if (status == PB_OK)
        pb_guided(pb_tensor_count(out), o->prompts.guidance_scale, without.data, out->data);
    pb_tensor_clear(&without);
    return status;
}

/* Does the model take such prompts? */
static pb_status check_prompts(const pb_desk *d, const options *o, pb_error *error)
{
    pb_prompts all = PB_PROMPTS_DEFAULTS;
    pb_status status = pb_session_prompts(d->studio.session, &o->prompts, &all, error);

    pb_prompts_clear(&all);
    return status;
}

static pb_status run(options *o, pb_error *error)
{
    pb_tensor x = PB_TENSOR_EMPTY, out = PB_TENSOR_EMPTY, context = PB_TENSOR_EMPTY;
    pb_desk desk;
    pb_status status;

    PB_TRY(pb_check_output(&o->cli, o->out, error));
    status = pb_desk_open(&desk, &o->cli, error);
    if (status == PB_OK)
        status = check_prompts(&desk, o, error);
    if (status == PB_OK)
        status = read_context(&context, &desk, o, error);
    if (status == PB_OK)
        status = pb_read_images(&x, &desk.studio, o->x, SIZE_MAX, error);
    if (status == PB_OK)
        status = compute(&desk, o, &context, &x, &out, error);
    if (status == PB_OK)
        status = pb_npy_write(&out, o->out, error);
    if (status == PB_OK) {
        json_t *shape = json_array();
        for (size_t i = 0; i < out.rank; i++)
            json_array_append_new(shape, json_integer((json_int_t)out.shape[i]));
        pb_say(&o->cli, "%s: %s%s", o->out,
               o->jvp   ? "J v to "
               : o->vjp ? "J^T u from "
                        : "",
               o->tap);
        pb_cli_print(&o->cli, json_pack("{s:s, s:s, s:f, s:o}", "out", o->out, "tap", o->tap,
                                        "timestep", o->timestep, "shape", shape));
    }
    pb_tensor_clear(&x);
    pb_tensor_clear(&out);
    pb_tensor_clear(&context);
    pb_desk_close(&desk);
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
    char *tap = NULL;
    const GOptionEntry entries[] = {
        {"x", 0, 0, G_OPTION_ARG_FILENAME, &o.x, "The noisy images", "x.npy"},
        {"timestep", 0, 0, G_OPTION_ARG_DOUBLE, &o.timestep,
         "The network's own time, 0 to num_train_timesteps - 1; may be fractional", "T"},
        {"tap", 0, 0, G_OPTION_ARG_STRING, &tap,
         "The value observed: down.i, mid, up.i, out, eps or x0 (default: eps)", "TAP"},
        {"from", 0, 0, G_OPTION_ARG_STRING, &o.from, "The value that varies (default: x)", "TAP"},
        {"jvp", 0, 0, G_OPTION_ARG_FILENAME, &o.jvp, "Push these tangents forward: J v", "v.npy"},
        {"vjp", 0, 0, G_OPTION_ARG_FILENAME, &o.vjp, "Pull these cotangents back: J^T u", "u.npy"},
        {"class", 0, 0, G_OPTION_ARG_INT, &o.class_label,
         "The class, by its number, for a network that was trained with classes", "C"},
        {"prompt", 0, 0, G_OPTION_ARG_STRING, &o.prompts.prompt,
         "What the network is conditioned on, where it reads text (default: the empty prompt)",
         "TEXT"},
        {"context", 0, 0, G_OPTION_ARG_FILENAME, &o.context,
         "The same as an embedding (tokens, width), as pullback prompt -o writes it", "c.npy"},
        {"negative-prompt", 0, 0, G_OPTION_ARG_STRING, &o.prompts.negative_prompt,
         "What the guidance scale leads away from (default: the empty prompt)", "TEXT"},
        {"guidance-scale", 0, 0, G_OPTION_ARG_DOUBLE, &o.prompts.guidance_scale,
         "Classifier-free guidance of out, eps or x0, and of their Jacobians (default: 1, none)",
         "W"},
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write: a .npy", "OUT.npy"},
        G_OPTION_ENTRY_NULL,
    };
    pb_error error;

    if (pb_cli_parse(&o.cli, &help, entries, NULL, &argc, &argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    o.tap = tap ? tap : "eps";
    if (check(&o, argc, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
