#include <pullback/text.h>

#include <math.h>

#include "base/memory.h"
#include "base/shape.h"
#include "graph/run.h"
#include "models/model.h"
#include "models/network.h"
#include "text/tokenizer.h"

struct pb_text_encoder {
    pb_tokenizer *tokenizer;
    pb_network network;
    pb_text_facts facts; /* the network's */
    size_t length;
};

void pb_text_encoder_free(pb_text_encoder *t)
{
    if (!t)
        return;
    pb_tokenizer_free(t->tokenizer);
    pb_network_close(&t->network);
    pb_free(t);
}

static pb_status open_parts(pb_text_encoder *t, const pb_model *model, pb_error *error)
{
    const pb_part *words = &model->files.parts[PB_ROLE_TOKENIZER];
    const pb_part *encoder = &model->files.parts[PB_ROLE_TEXT_ENCODER];

    PB_TRY(words->component->tokenizer(&t->tokenizer, words->folder, error));
    PB_TRY(pb_network_open(&t->network, encoder, model->device->backend, error));
    t->facts = t->network.facts.text;
    if (pb_tokenizer_size(t->tokenizer) > t->facts.vocabulary)
        return pb_fail(error, PB_FORMAT, "%s: tokens up to %zu, but the text encoder has %zu",
                       words->folder, pb_tokenizer_size(t->tokenizer) - 1, t->facts.vocabulary);
    if (t->facts.width != model->facts.context_width)
        return pb_fail(error, PB_FORMAT,
                       "%s: embeddings of %zu numbers, but the U-Net takes %zu: not of one model",
                       pb_part_place(encoder), t->facts.width, model->facts.context_width);
    t->length = pb_tokenizer_length(t->tokenizer);
    if (t->length == SIZE_MAX)
        t->length = t->facts.length;
    if (t->length > t->facts.length)
        return pb_fail(error, PB_FORMAT,
                       "%s: prompts of %zu tokens (model_max_length), but the text encoder has "
                       "positions for %zu",
                       words->folder, t->length, t->facts.length);
    return PB_OK;
}

pb_status pb_text_encoder_open(pb_text_encoder **out, const pb_model *model, pb_error *error)
{
    const pb_part *parts;
    pb_text_encoder *t;
    pb_status status;

    PB_OUT(out, "the text encoder");
    PB_NEED(model, "a model");
    parts = model->files.parts;
    if (!model->facts.context_width)
        return pb_fail(error, PB_INVALID, "%s is not conditioned on text", model->files.folder);
    if (!pb_part_is_there(&parts[PB_ROLE_TOKENIZER]) ||
        !pb_part_is_there(&parts[PB_ROLE_TEXT_ENCODER]))
        return pb_fail(error, PB_INVALID, "%s has no %s: prompts cannot be read",
                       model->files.folder,
                       pb_part_is_there(&parts[PB_ROLE_TOKENIZER]) ? "text_encoder/"
                                                                    : "tokenizer/");
    t = pb_calloc(1, sizeof *t);
    if (!t)
        return pb_fail_memory(error, sizeof *t, "a text encoder");
    status = open_parts(t, model, error);
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

size_t pb_text_encoder_width(const pb_text_encoder *t)
{
    return t->facts.width;
}

const char *pb_text_encoder_piece(const pb_text_encoder *t, uint32_t id)
{
    return pb_tokenizer_piece(t->tokenizer, id);
}

pb_status pb_text_encoder_tokens(const pb_text_encoder *t, const char *prompt, size_t length,
                                 uint32_t *ids, size_t *used, char **rest, pb_error *error)
{
    size_t without_padding;
    pb_status status;
    char *written;

    if (rest)
        *rest = NULL;
    PB_NEED(t, "a text encoder");
    PB_NEED(prompt, "a prompt");
    PB_NEED(ids, "room for tokens");
    if (length < t->length)
        return pb_fail(error, PB_INVALID, "room for %zu tokens: a prompt has %zu", length,
                       t->length);

    PB_TRY(pb_tokenizer_write_out(t->tokenizer, &written, prompt, error));
    status = pb_tokenizer_encode(t->tokenizer, written ? written : prompt, t->length, ids,
                                 used ? used : &without_padding, rest, error);
    pb_free(written);
    return status;
}

pb_status pb_text_encoder_embed(const pb_text_encoder *t, size_t count, size_t length,
                                const uint32_t *ids, float *embeddings, const pb_run *run,
                                pb_error *error)
{
    const pb_shape shape = {length, 1, 1};
    pb_status status;
    pb_work work;
    float *tokens;

    PB_NEED(t, "a text encoder");
    PB_TRY(pb_size_check(length, t->length, "lists of tokens", error));
    if (count == 0)
        return PB_OK;
    PB_NEED(ids, "tokens");
    PB_NEED(embeddings, "room for embeddings");
    PB_TRY(pb_count_check(count, length, t->facts.width, "embeddings", error));
    for (size_t i = 0; i < count * length; i++)
        if (ids[i] >= t->facts.vocabulary)
            return pb_fail(error, PB_INVALID, "token %u: the text encoder has 0 to %zu",
                           (unsigned)ids[i], t->facts.vocabulary - 1);
    PB_TRY(pb_work_begin(&work, run, "embedding", 0, error));
    tokens = pb_malloc(count * length, sizeof *tokens);
    status = tokens ? PB_OK : pb_fail_memory(error, count * length * sizeof *tokens, "tokens");
    for (size_t i = 0; status == PB_OK && i < count * length; i++)
        tokens[i] = (float)ids[i];
    if (status == PB_OK)
        status = pb_graph_run(t->network.graph, t->network.device, 0, t->facts.hidden, &shape,
                              count, tokens, false, embeddings, &work, error);
    pb_work_end(&work);
    pb_free(tokens);
    for (size_t i = 0; status == PB_OK && i < count * t->length * t->facts.width; i++)
        if (!isfinite(embeddings[i]))
            status = pb_fail(error, PB_NUMERIC, "the text encoder's value is not finite");
    return status;
}
