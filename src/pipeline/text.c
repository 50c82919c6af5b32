#include <pullback/text.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/shape.h"
#include "graph/run.h"
#include "models/model.h"
#include "models/network.h"
#include "text/tokenizer.h"

/* One of a pipeline's text encoders, and the tokenizer that it is given prompts by. */
typedef struct reader {
    pb_tokenizer *tokenizer;
    pb_network network;
    pb_text_facts facts; /* the network's */
    pb_value hidden;     /* that of its states which is the embedding */
} reader;

struct pb_text_encoder {
    reader readers[2];
    size_t count;         /* of them */
    size_t length, width; /* of an embedding, all readers' side by side */
    size_t pooled;        /* numbers of the last reader's pooled one; 0: none is taken */
};

static const struct {
    pb_role tokenizer, encoder;
} roles[2] = {{PB_ROLE_TOKENIZER, PB_ROLE_TEXT_ENCODER},
              {PB_ROLE_TOKENIZER_2, PB_ROLE_TEXT_ENCODER_2}};

void pb_text_encoder_free(pb_text_encoder *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        pb_tokenizer_free(t->readers[i].tokenizer);
        pb_network_close(&t->readers[i].network);
    }
    pb_free(t);
}

/* -- opening --------------------------------------------------------------------------------- */

static pb_status open_reader(reader *r, size_t *length, const pb_model *model, size_t number,
                             pb_error *error)
{
    const pb_part *words = &model->files.parts[roles[number].tokenizer];
    const pb_part *encoder = &model->files.parts[roles[number].encoder];

    PB_TRY(words->component->tokenizer(&r->tokenizer, words->folder, error));
    PB_TRY(pb_network_open(&r->network, encoder, model->device->backend, error));
    r->facts = r->network.facts.text;
    r->hidden = model->facts.pooled_width ? r->facts.penultimate : r->facts.hidden;
    if (pb_tokenizer_size(r->tokenizer) > r->facts.vocabulary)
        return pb_fail(error, PB_FORMAT, "%s: tokens up to %zu, but the text encoder has %zu",
                       words->folder, pb_tokenizer_size(r->tokenizer) - 1, r->facts.vocabulary);
    *length = pb_tokenizer_length(r->tokenizer);
    if (*length == SIZE_MAX)
        *length = r->facts.length;
    if (*length > r->facts.length)
        return pb_fail(error, PB_FORMAT,
                       "%s: prompts of %zu tokens (model_max_length), but the text encoder has "
                       "positions for %zu",
                       words->folder, *length, r->facts.length);
    return PB_OK;
}

/* Are the embeddings, and the pooled one, what the U-Net takes? */
static pb_status check_widths(const pb_text_encoder *t, const pb_model *model, pb_error *error)
{
    const char *place = pb_part_place(&model->files.parts[roles[t->count - 1].encoder]);
    size_t projected = t->readers[t->count - 1].facts.projected_width;

    if (t->width != model->facts.context_width)
        return pb_fail(error, PB_FORMAT,
                       "%s: embeddings of %zu numbers%s, but the U-Net takes %zu: not of one model",
                       place, t->width, t->count > 1 ? " together with the first one's" : "",
                       model->facts.context_width);
    if (projected == t->pooled)
        return PB_OK;
    return t->pooled ? pb_fail(error, PB_FORMAT,
                               "%s: pooled embeddings of %zu numbers, but the U-Net takes %zu: not "
                               "of one model",
                               place, projected, t->pooled)
                     : pb_fail(error, PB_UNSUPPORTED,
                               "%s: a text encoder with a projection, which this U-Net does not "
                               "take, is not supported",
                               place);
}

static pb_status open_readers(pb_text_encoder *t, const pb_model *model, pb_error *error)
{
    size_t count = model->facts.pooled_width ? 2 : 1, length = 0;

    t->pooled = model->facts.pooled_width;
    while (t->count < count) {
        reader *r = &t->readers[t->count];
        PB_TRY(open_reader(r, &length, model, t->count++, error));
        if (t->count > 1 && length != t->length)
            return pb_fail(
                error, PB_FORMAT,
                "%s: prompts of %zu tokens, of the first tokenizer %zu: expected as many",
                model->files.parts[roles[t->count - 1].tokenizer].folder, length, t->length);
        t->length = length;
        t->width += r->facts.width;
    }
    return check_widths(t, model, error);
}

/* What the model lacks of what it reads prompts by, or NULL. */
static const char *missing(const pb_model *model)
{
    const pb_part *parts = model->files.parts;

    for (size_t i = 0; i < (model->facts.pooled_width ? 2 : 1); i++) {
        if (!pb_part_is_there(&parts[roles[i].encoder]))
            return pb_role_name(roles[i].encoder);
        if (!pb_part_is_there(&parts[roles[i].tokenizer]))
            return pb_role_name(roles[i].tokenizer);
    }
    return NULL;
}

pb_status pb_text_encoder_open(pb_text_encoder **out, const pb_model *model, pb_error *error)
{
    pb_text_encoder *t;
    pb_status status;

    PB_OUT(out, "the text encoder");
    PB_NEED(model, "a model");
    if (!model->facts.context_width)
        return pb_fail(error, PB_INVALID, "%s is not conditioned on text", model->files.folder);
    if (missing(model))
        return pb_fail(error, PB_INVALID, "%s has no %s%s", model->files.folder, missing(model),
                       model->files.parts[PB_ROLE_UNET].config
                           ? ": prompts cannot be read, not the empty one either (a file of the "
                             "whole model has all its text encoders)"
                           : "/: prompts cannot be read");
    t = pb_calloc(1, sizeof *t);
    if (!t)
        return pb_fail_memory(error, sizeof *t, "a text encoder");
    status = open_readers(t, model, error);
    if (status == PB_OK)
        *out = t;
    else
        pb_text_encoder_free(t);
    return status;
}

size_t pb_text_encoder_length(const pb_text_encoder *t)
{
    return t->length;
}

size_t pb_text_encoder_ids(const pb_text_encoder *t)
{
    return t->count * t->length;
}

size_t pb_text_encoder_width(const pb_text_encoder *t)
{
    return t->width;
}

size_t pb_text_encoder_pooled(const pb_text_encoder *t)
{
    return t->pooled;
}

/* -- tokens ---------------------------------------------------------------------------------- */

const char *pb_text_encoder_piece(const pb_text_encoder *t, uint32_t id)
{
    return pb_tokenizer_piece(t->readers[0].tokenizer, id);
}

/* By one tokenizer. rest: or NULL. */
static pb_status read_prompt(const pb_tokenizer *tokenizer, const char *prompt, size_t length,
                             uint32_t *ids, size_t *used, char **rest, pb_error *error)
{
    pb_status status;
    char *written;

    PB_TRY(pb_tokenizer_write_out(tokenizer, &written, prompt, error));
    status =
        pb_tokenizer_encode(tokenizer, written ? written : prompt, length, ids, used, rest, error);
    pb_free(written);
    return status;
}

pb_status pb_text_encoder_tokens(const pb_text_encoder *t, const char *prompt, size_t length,
                                 uint32_t *ids, size_t *used, char **rest, pb_error *error)
{
    size_t without_padding;
    pb_status status = PB_OK;

    if (rest)
        *rest = NULL;
    PB_NEED(t, "a text encoder");
    PB_NEED(prompt, "a prompt");
    PB_NEED(ids, "room for tokens");
    if (length < pb_text_encoder_ids(t))
        return pb_fail(error, PB_INVALID, "room for %zu tokens: a prompt has %zu", length,
                       pb_text_encoder_ids(t));

    PB_TRY(read_prompt(t->readers[0].tokenizer, prompt, t->length, ids,
                       used ? used : &without_padding, rest, error));
    for (size_t i = 1; status == PB_OK && i < t->count; i++)
        status = read_prompt(t->readers[i].tokenizer, prompt, t->length, ids + i * t->length,
                             &without_padding, NULL, error);
    if (status != PB_OK && rest) {
        pb_free(*rest);
        *rest = NULL;
    }
    return status;
}

/* -- embeddings ------------------------------------------------------------------------------ */

/* The place of a prompt's end token, as CLIPTextModelWithProjection finds it: the first; where
 * there is none, 0. */
static size_t end_of(const pb_text_facts *facts, size_t length, const uint32_t *ids)
{
    size_t largest = 0;

    for (size_t i = 0; i < length; i++) {
        if (facts->end != PB_LARGEST_TOKEN && ids[i] == facts->end)
            return i;
        if (ids[i] > ids[largest])
            largest = i;
    }
    return facts->end == PB_LARGEST_TOKEN ? largest : 0;
}

/* What a reader makes of a batch: its states, and of the last one what is projected. */
typedef struct states {
    float *tokens;    /* (count, length) */
    float *hidden;    /* (count, length, width); the caller's own where it is the only reader */
    float *projected; /* (count, length, pooled), or NULL */
} states;

static pb_status read_states(const pb_text_encoder *t, const reader *r, size_t count, states *s,
                             pb_work *work, pb_error *error)
{
    const pb_shape shape = {t->length, 1, 1};
    const pb_value to[2] = {r->hidden, r->facts.projected};
    float *const out[2] = {s->hidden, s->projected};

    return pb_graph_run(r->network.graph, r->network.device, 0, &shape, count, s->tokens, false,
                        s->projected ? 2 : 1, to, out, work, error);
}

/* Puts a reader's states beside the others', from number `at` of each position on. */
static void put(const pb_text_encoder *t, const reader *r, size_t count, size_t at,
                const float *hidden, float *embeddings)
{
    for (size_t i = 0; i < count * t->length; i++)
        memcpy(embeddings + i * t->width + at, hidden + i * r->facts.width,
               r->facts.width * sizeof *hidden);
}

static pb_status embed_by(const pb_text_encoder *t, size_t number, size_t count,
                          const uint32_t *ids, size_t at, float *embeddings, float *pooled,
                          pb_work *work, pb_error *error)
{
    const reader *r = &t->readers[number];
    size_t positions = count * t->length;
    bool alone = t->count == 1, last = number + 1 == t->count && t->pooled && pooled;
    states s = {.tokens = pb_malloc(positions, sizeof(float)),
                .hidden = alone ? embeddings : pb_malloc(positions, r->facts.width * sizeof(float)),
                .projected = last ? pb_malloc(positions, t->pooled * sizeof(float)) : NULL};
    pb_status status =
        s.tokens && s.hidden && (s.projected || !last)
            ? PB_OK
            : pb_fail_memory(error, positions * r->facts.width * sizeof(float), "embeddings");

    ids += number * t->length;
    for (size_t i = 0; status == PB_OK && i < positions; i++)
        s.tokens[i] = (float)ids[i / t->length * pb_text_encoder_ids(t) + i % t->length];
    if (status == PB_OK)
        status = read_states(t, r, count, &s, work, error);
    if (status == PB_OK && !alone)
        put(t, r, count, at, s.hidden, embeddings);
    for (size_t i = 0; status == PB_OK && last && i < count; i++) {
        size_t end = end_of(&r->facts, t->length, ids + i * pb_text_encoder_ids(t));
        memcpy(pooled + i * t->pooled, s.projected + (i * t->length + end) * t->pooled,
               t->pooled * sizeof *pooled);
    }
    pb_free(s.tokens);
    pb_free(s.projected);
    if (!alone)
        pb_free(s.hidden);
    return status;
}

static pb_status check_ids(const pb_text_encoder *t, size_t count, const uint32_t *ids,
                           pb_error *error)
{
    for (size_t i = 0; i < count * pb_text_encoder_ids(t); i++) {
        const pb_text_facts *facts = &t->readers[i / t->length % t->count].facts;
        if (ids[i] >= facts->vocabulary)
            return pb_fail(error, PB_INVALID, "token %u: the text encoder has 0 to %zu",
                           (unsigned)ids[i], facts->vocabulary - 1);
    }
    return PB_OK;
}

static pb_status check_finite(const float *values, size_t count, pb_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return pb_fail(error, PB_NUMERIC, "the text encoder's value is not finite");
    return PB_OK;
}

pb_status pb_text_encoder_embed(const pb_text_encoder *t, size_t count, size_t length,
                                const uint32_t *ids, float *embeddings, float *pooled,
                                const pb_run *run, pb_error *error)
{
    pb_status status = PB_OK;
    size_t at = 0;
    pb_work work;

    PB_NEED(t, "a text encoder");
    PB_TRY(pb_size_check(length, pb_text_encoder_ids(t), "lists of tokens", error));
    if (count == 0)
        return PB_OK;
    PB_NEED(ids, "tokens");
    PB_NEED(embeddings, "room for embeddings");
    PB_TRY(pb_count_check(count, length, t->width, "embeddings", error));
    PB_TRY(pb_count_check(count, length, t->pooled, "pooled embeddings", error));
    PB_TRY(check_ids(t, count, ids, error));
    PB_TRY(pb_work_begin(&work, run, "embedding", 0, error));
    for (size_t i = 0; status == PB_OK && i < t->count; i++) {
        status = embed_by(t, i, count, ids, at, embeddings, pooled, &work, error);
        at += t->readers[i].facts.width;
    }
    pb_work_end(&work);
    if (status == PB_OK)
        status = check_finite(embeddings, count * t->length * t->width, error);
    if (status == PB_OK && pooled)
        status = check_finite(pooled, count * t->pooled, error);
    return status;
}
