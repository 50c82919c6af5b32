#include "studio/tokens.h"

#include "base/memory.h"

pb_status pb_tokens_find(pb_tokens *t, const pb_model *model, const char *prompt, pb_error *error)
{
    *t = (pb_tokens){0};
    PB_TRY(pb_text_encoder_open(&t->encoder, model, error));
    t->length = pb_text_encoder_length(t->encoder);
    t->width = pb_text_encoder_width(t->encoder);
    t->pooled = pb_text_encoder_pooled(t->encoder);
    t->ids = pb_malloc(pb_text_encoder_ids(t->encoder), sizeof *t->ids);
    return t->ids ? pb_text_encoder_tokens(t->encoder, prompt, pb_text_encoder_ids(t->encoder),
                                           t->ids, &t->used, &t->rest, error)
                  : pb_fail_memory(error, t->length * sizeof *t->ids, "tokens");
}

void pb_tokens_clear(pb_tokens *t)
{
    pb_text_free(t->rest);
    pb_free(t->ids);
    pb_text_encoder_free(t->encoder);
    *t = (pb_tokens){0};
}

const char *pb_tokens_piece(const pb_tokens *t, size_t i)
{
    const char *piece = pb_text_encoder_piece(t->encoder, t->ids[i]);

    return piece ? piece : "";
}

pb_status pb_tokens_embed(const pb_tokens *t, pb_tensor *embedding, pb_tensor *pooled,
                          const pb_run *run, pb_error *error)
{
    PB_TRY(pb_tensor_new(embedding, 2, (size_t[2]){t->length, t->width}, error));
    if (t->pooled)
        PB_TRY(pb_tensor_new(pooled, 2, (size_t[2]){1, t->pooled}, error));
    return pb_text_encoder_embed(t->encoder, 1, pb_text_encoder_ids(t->encoder), t->ids,
                                 embedding->data, pooled->data, run, error);
}

json_t *pb_tokens_json(const pb_tokens *t, const char *prompt)
{
    json_t *ids = json_array(), *pieces = json_array();

    for (size_t i = 0; i < t->length; i++) {
        json_array_append_new(ids, json_integer((json_int_t)t->ids[i]));
        json_array_append_new(pieces, json_string(pb_tokens_piece(t, i)));
    }
    return json_pack("{s:s, s:o, s:o, s:i, s:s?}", "prompt", prompt, "ids", ids, "pieces", pieces,
                     "tokens", (int)t->used, "left_out", t->rest);
}
