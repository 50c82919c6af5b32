/* The network of Dhariwal & Nichol, "Diffusion Models Beat GANs on Image Synthesis" (2021), and of
 * Nichol & Dhariwal (2021) before it, in the names of OpenAI's guided-diffusion and
 * improved-diffusion, which P2 weighting (Choi et al. 2022) and many others have kept. Heads of
 * attention follow from no shape; nor does where q, k and v lie in the one tensor that they are: of
 * each head one behind the other, or all of q first. */
#include "models/original/adm.h"

#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "io/json.h"
#include "models/original/beside.h"

/* -- what else it might be ------------------------------------------------------------------- */

static pb_status refuse(const pb_pixel *p, pb_error *error)
{
    static const struct {
        const char *beginning, *what;
    } kinds[] = {
        {"transformer.", "GLIDE, which is given text"},
        {"token_embedding.", "GLIDE, which is given text"},
        {"positional_embedding", "GLIDE, which is given text"},
        {"middle_block.1.encoder_kv.", "GLIDE, which is given text"},
    };
    const pb_original *o = p->o;
    const pb_stored *first = pb_original_find(o, "%sinput_blocks.0.0.weight", p->prefix);
    char name[PB_NAME];

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(name, sizeof name, "%s%s", p->prefix, kinds[i].beginning);
        if (pb_original_has(o, name))
            return pb_fail(error, PB_UNSUPPORTED, "%s: this is %s (%s…), which is not read",
                           o->path, kinds[i].what, name);
    }
    snprintf(name, sizeof name, "%soutput_blocks.", p->prefix);
    if (!pb_original_has(o, name))
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: this is a classifier of guided-diffusion (it has no %s…), which is not "
                       "read",
                       o->path, name);
    if (first->rank > 1 && first->shape[1] == 6)
        return pb_fail(
            error, PB_UNSUPPORTED,
            "%s: this is an upsampler of guided-diffusion (it is given 6 channels, three "
            "of them of a smaller picture), which is not read",
            o->path);
    return PB_OK;
}

/* -- how many residual blocks a level has ------------------------------------------------------ */

/* Does the block on the way up end with what doubles? */
static bool doubles(const pb_pixel *p, size_t n)
{
    for (int part = 1; part <= 2; part++)
        if (pb_original_find(p->o, "%soutput_blocks.%zu.%d.conv.weight", p->prefix, n, part) ||
            pb_original_find(p->o, "%soutput_blocks.%zu.%d.in_layers.0.weight", p->prefix, n, part))
            return true;
    return false;
}

/* On the way up there is one more of them on a level than down, and the last doubles; where nothing
 * does there is one level. */
static pb_status count_blocks(pb_naming *naming, const pb_pixel *p, pb_error *error)
{
    size_t up = 0, down = 1, n = 0;

    while (pb_original_find(p->o, "%soutput_blocks.%zu.0.in_layers.0.weight", p->prefix, up))
        up++;
    while (pb_original_find(p->o, "%sinput_blocks.%zu.0.in_layers.0.weight", p->prefix, down) ||
           pb_original_find(p->o, "%sinput_blocks.%zu.0.op.weight", p->prefix, down))
        down++;
    while (n < up && !doubles(p, n))
        n++;
    n = n < up ? n + 1 : up; /* of a level */
    if (n < 2 || up % n)
        return pb_fail(error, PB_FORMAT,
                       "%s: %soutput_blocks: expected as many blocks on each level, two or more",
                       p->o->path, p->prefix);
    if (up != down)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: expected as many input_blocks as output_blocks (%zu), one behind the "
                       "other, found %zu: a network that halves by averages (conv_resample false) "
                       "is not supported",
                       p->o->path, up, down);
    naming->layers = n - 1;
    naming->levels = up / n;
    return PB_OK;
}

/* -- attention ------------------------------------------------------------------------------- */

static bool is_attention(const pb_stored *t)
{
    return pb_ends_with(t->name, ".qkv.weight") && t->rank >= 2;
}

/* Can all attention be split into heads of so many channels, or into so many heads? */
static bool fits(const pb_pixel *p, size_t count, size_t width)
{
    for (size_t i = 0; i < pb_weights_count(p->o->weights); i++) {
        const pb_stored *t = pb_weights_at(p->o->weights, i);
        if (is_attention(t) && (t->shape[0] % 3 || t->shape[0] / 3 % (count ? count : width)))
            return false;
    }
    return true;
}

/* What a network of diffusers' config says, where one is given. */
static pb_status take_given(pb_adm_heads *h, const json_t *config, const pb_pixel *p,
                            pb_error *error)
{
    const json_t *said = json_object_get(config, "attention_head_dim");
    const json_int_t width = json_integer_value(said);

    if (said && !json_is_null(said) && (!json_is_integer(said) || width < 1 || width > 65536))
        return pb_fail(error, PB_FORMAT,
                       "%s: attention_head_dim: expected a whole number from 1 to 65536, found %s",
                       p->o->configs, pb_json_found(said).text);
    h->count = json_is_null(said) ? 1 : 0;
    h->width = h->count ? 0 : said ? (size_t)width : 8;
    snprintf(h->from, sizeof h->from, "attention_head_dim of --config");
    return PB_OK;
}

/* Nothing says which: all that fit are named, and the line that decides. */
static pb_status ask(const pb_pixel *p, pb_error *error)
{
    const bool published = fits(p, 0, 64), four = fits(p, 4, 0);
    char *name = p->beside ? pb_strdup(p->beside) : pb_beside_path(p->o->path, "json");
    pb_status status =
        name ? pb_fail(
                   error, PB_INVALID,
                   "%s: its attention may have %s%sone head (\"num_heads\": 1), and no tensor "
                   "says which: write a line as {%s} into %s, with "
                   "whatever other settings of the training were not guided-diffusion's defaults",
                   p->o->path,
                   published ? "heads of 64 channels (\"num_head_channels\": 64, as "
                               "published networks of 256 pixels and those of P2 "
                               "weighting), "
                             : "",
                   four ? "4 heads (\"num_heads\": 4), " : "",
                   published ? "\"num_head_channels\": 64"
                   : four    ? "\"num_heads\": 4"
                             : "\"num_heads\": 1",
                   name)
             : pb_fail_memory(error, strlen(p->o->path), "a path");

    pb_free(name);
    return status;
}

static pb_status check_heads(const pb_adm_heads *h, const pb_pixel *p, pb_error *error)
{
    if (!h->count && !h->width)
        return ask(p, error);
    return fits(p, h->count, h->width)
               ? PB_OK
               : pb_fail(
                     error, PB_FORMAT,
                     "%s: %s: says %zu%s, into which the channels of its attention do not divide",
                     p->o->path, h->from, h->count ? h->count : h->width,
                     h->count ? " heads" : " channels for each head");
}

/* q, k and v of attention.qkv, whose first dimension has them all. */
static pb_status remake(pb_taking *l, const pb_stored *t, const char *name, const pb_naming *k,
                        bool *found, pb_error *error)
{
    static const char fused[] = ".qkv.";
    char to[PB_NAME], part[PB_NAME + 8];
    const char *at;
    size_t channels, columns, width;
    pb_selected *s;

    if (!pb_adm_name(to, name, k) || !(at = strstr(to, fused)))
        return PB_OK;
    channels = t->rank ? t->shape[0] / 3 : 0;
    columns = t->rank > 1 ? t->shape[1] : 1;
    width = k->heads ? channels / k->heads : k->width;
    if (!channels || !width || channels % width || t->shape[0] % 3 ||
        t->count != 3 * channels * columns)
        return pb_fail(error, PB_FORMAT,
                       "%s: tensor %s: expected q, k and v of whole heads one behind the other",
                       t->file, pb_quote(t->name).text);
    for (size_t i = 0; i < 3; i++) {
        snprintf(part, sizeof part, "%.*s.to_%c.%s", (int)(at - to), to, "qkv"[i],
                 at + strlen(fused));
        PB_TRY(pb_taking_add(l, t, part, &s, error));
        s->rank = columns > 1 || t->rank > 1 ? 2 : 1;
        s->shape[0] = channels;
        s->shape[1] = columns;
        s->first = i * (k->in_turn ? channels : width) * columns;
        if (!k->in_turn && width != channels)
            s->layout = (pb_layout){.rank = 2,
                                    .shape = {channels / width, width * columns},
                                    .stride = {3 * width * columns, 1}};
    }
    *found = true;
    return PB_OK;
}

/* Heads as UNet2DModel has them, by their width; one that has a number of them has a width on each
 * level. */
static json_t *head_widths(const pb_pixel *p, const pb_adm_heads *h)
{
    json_t *list;
    bool alike = true;
    size_t last = p->level[p->levels - 1].channels;

    if (h->width)
        return json_integer((json_int_t)h->width);
    for (size_t i = 0; i < p->levels; i++)
        if (p->level[i].down || p->level[p->levels - 1 - i].up)
            alike = alike && p->level[i].channels == last;
    if (alike)
        return json_integer((json_int_t)(last / h->count));
    list = json_array();
    for (size_t i = 0; i < p->levels; i++) {
        const size_t channels = p->level[i].channels;
        json_array_append_new(
            list, json_integer((json_int_t)(channels % h->count ? channels : channels / h->count)));
    }
    return list;
}

/* -- sizes ------------------------------------------------------------------------------------- */

/* By the channels of levels that guided-diffusion and improved-diffusion have at a size. */
static pb_status infer_size(pb_pixel *p, pb_error *error)
{
    static const struct {
        size_t size, levels, times[6];
    } known[] = {
        {256, 6, {1, 1, 2, 2, 4, 4}},
        {128, 5, {1, 1, 2, 3, 4}},
        {64, 4, {1, 2, 3, 4}},
        {32, 4, {1, 2, 2, 2}},
    };

    for (size_t i = 0; !p->size && i < sizeof known / sizeof *known; i++) {
        bool same = known[i].levels == p->levels;
        for (size_t k = 0; same && k < p->levels; k++)
            same = p->level[k].channels == known[i].times[k] * p->sinusoids;
        if (same)
            p->size = known[i].size;
    }
    if (!p->size)
        return pb_fail(error, PB_INVALID,
                       "%s: the size of its pictures follows from nothing: \"image_size\" in %s "
                       "says it",
                       p->o->path, p->beside ? p->beside : "a file .json of its name beside it");
    return pb_original_note(
        p->o, error, "size: %zu pixels (channels of its levels are guided-diffusion's there)",
        p->size);
}

/* -- what it is ------------------------------------------------------------------------------ */

static pb_status note_shapes(const pb_pixel *p, const pb_adm_heads *h, pb_error *error)
{
    PB_TRY(pb_original_note(p->o, error,
                            "family: guided-diffusion, of Dhariwal & Nichol 2021 "
                            "(middle_block.1.qkv)"));
    PB_TRY(pb_pixel_note(p, error));
    if (p->classes)
        PB_TRY(pb_original_note(p->o, error, "classes: %zu (label_emb)", p->classes));
    PB_TRY(pb_original_note(p->o, error, "timestep: %s (emb_layers.1)",
                            p->scale_shift ? "scales and shifts" : "is added"));
    if (p->levels > 1)
        PB_TRY(pb_original_note(p->o, error, "halves by: %s (input_blocks.%zu.0)",
                                p->down_by_resnet ? "residual blocks" : "convolutions",
                                p->layers + 1));
    PB_TRY(pb_original_note(p->o, error, "variance: %s (out.2: %zu channels for %zu)",
                            p->out != p->in ? "learned, and left out" : "fixed", p->out, p->in));
    PB_TRY(pb_original_note(p->o, error, "heads: %zu%s (%s)", h->count ? h->count : h->width,
                            h->count ? "" : " channels each", h->from));
    PB_TRY(pb_original_note(
        p->o, error, "q, k and v: %s (%s)", h->in_turn ? "all of q first" : "of each head in turn",
        json_object_get(p->settings, "use_new_attention_order") ? p->beside
                                                                : "guided-diffusion's default"));
    return pb_original_note(p->o, error,
                            "norms: 32 groups, eps 1e-5; cosines first (guided-diffusion)");
}

/* Of a network that shapes describe: does UNet2DModel have such a one? */
static pb_status check_shapes(const pb_pixel *p, pb_error *error)
{
    if (p->sinusoids != p->level[0].channels)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: a first level of %zu channels with sinusoids of %zu (as the network of "
                       "512 pixels) is not supported: expected as many",
                       p->o->path, p->level[0].channels, p->sinusoids);
    return PB_OK;
}

static pb_status finish(pb_pixel *p, pb_part *part, const pb_adm_heads *h,
                        const pb_pixel_noise *noise, pb_error *error)
{
    pb_pixel_rules rules = {.cosine_first = true, .padding = 1, .eps = 1e-5};
    const char *order = h->in_turn ? "q, k, v" : "of each head";

    if (!part->config) {
        if (!p->size)
            PB_TRY(infer_size(p, error));
        rules.heads = head_widths(p, h);
        PB_TRY(pb_pixel_config(&part->config, p, &rules, error));
    }
    /* The order changes the weights that are read, and so is part of the model's hash. */
    if (json_object_set_new(part->config, "_qkv", json_string(order)) ||
        (noise->timestep_scale != 1 &&
         json_object_set_new(part->config, "_timestep_scale", json_real(noise->timestep_scale))))
        return pb_fail_memory(error, 1, "a config");
    return noise->timestep_scale == 1
               ? PB_OK
               : pb_original_note(p->o, error,
                                  "timesteps: given times %g (rescale_timesteps of %s)",
                                  noise->timestep_scale, p->beside);
}

static pb_status take(pb_pixel *p, pb_part *part, pb_config *c, pb_pixel_noise *noise,
                      pb_error *error)
{
    pb_adm_heads h = {0};
    pb_naming naming = {0};

    pb_adm_read_heads(&h, c);
    PB_TRY(pb_config_status(c, error));
    if (part->config)
        PB_TRY(take_given(&h, part->config, p, error));
    PB_TRY(check_heads(&h, p, error));
    naming = (pb_naming){.heads = h.count, .width = h.width, .in_turn = h.in_turn};
    PB_TRY(count_blocks(&naming, p, error));
    PB_TRY(pb_original_take(part, p->o, p->prefix, pb_adm_name, remake, &naming, error));
    PB_TRY(pb_pixel_shapes(p, part->selected, error));
    PB_TRY(check_shapes(p, error));
    PB_TRY(note_shapes(p, &h, error));
    PB_TRY(pb_pixel_size(p, c, "attention_resolutions", error));
    pb_adm_read_noise(noise, c, p);
    pb_adm_read_rest(p, c, noise->steps);
    PB_TRY(pb_config_status(c, error));
    return finish(p, part, &h, noise, error);
}

pb_status pb_pixel_adm(pb_pixel *p, pb_part *part, pb_pixel_noise *noise, pb_error *error)
{
    pb_status status, closed;
    pb_config *c;

    PB_TRY(refuse(p, error));
    PB_TRY(pb_adm_settings(&c, p, error));
    status = take(p, part, c, noise, error);
    closed = pb_config_close(c, status == PB_OK ? error : NULL);
    return status == PB_OK ? closed : status;
}
