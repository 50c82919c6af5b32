/* Lines as the tensors of a LoRA, "NAME 4 32 1 1", or as its metadata, "{…}": refused with a
 * message, or layers of a model's are found, whose weights can be read with what is added. What
 * files of tensors may be is fuzz_safetensors' and fuzz_torch's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "feed.h"
#include "models/lora/key.h"
#include "models/model.h"

#define MODEL PB_SOURCE_DIR "/tests/golden/unet2d-cond-sd1"

#define MOST_LINE 1024
#define MOST_SIDE 64
#define MOST_BYTES ((size_t)1 << 20)

/* -- names ------------------------------------------------------------------------------------ */

/* What is read of one fits its places, and underscores are dots again. */
static void check_name(const char *name)
{
    char flat[PB_NAME], dotted[PB_NAME], again[PB_NAME];
    pb_lora_key key;

    if (!pb_lora_key_read(&key, name))
        return;
    HOLD(*key.path && strlen(key.path) < PB_NAME);
    HOLD(key.slot < PB_LORA_SLOTS && key.role < PB_ROLES);
    pb_lora_flatten(flat, key.path);
    HOLD(strlen(flat) == strlen(key.path) && !strchr(flat, '.'));
    HOLD(pb_lora_undot(dotted, flat));
    pb_lora_flatten(again, dotted);
    HOLD(!strcmp(flat, again));
}

/* -- a file ----------------------------------------------------------------------------------- */

/* The numbers behind the name's last spaces, as a shape; cuts them off. */
static json_t *cut_shape(char *line)
{
    json_t *shape = json_array();
    char *space;

    while ((space = strrchr(line, ' ')) != NULL && space[1] >= '0' && space[1] <= '9') {
        json_array_insert_new(shape, 0, json_integer(strtol(space + 1, NULL, 10) % MOST_SIDE));
        *space = '\0';
    }
    return shape;
}

static void add_line(json_t *header, char *line, size_t *bytes)
{
    size_t begin = *bytes, count = 2;
    json_t *shape, *metadata = line[0] == '{' ? json_string(line) : NULL;

    if (metadata) {
        json_object_set_new(header, "__metadata__",
                            json_pack("{s:o}", "lora_adapter_metadata", metadata));
        return;
    }
    shape = cut_shape(line);
    check_name(line);
    for (size_t i = 0; i < json_array_size(shape); i++)
        count *= (size_t)json_integer_value(json_array_get(shape, i));
    if (*line && !json_object_get(header, line) && count <= MOST_BYTES - begin &&
        json_object_set_new(header, line,
                            json_pack("{s:s, s:O, s:[I, I]}", "dtype", "F16", "shape", shape,
                                      "data_offsets", (json_int_t)begin,
                                      (json_int_t)(begin + count))) == 0)
        *bytes += count;
    json_decref(shape);
}

static const char *make_file(const uint8_t *data, size_t size)
{
    static uint8_t all[MOST_BYTES + ((size_t)1 << 20)];
    json_t *header = json_object();
    char line[MOST_LINE], *text;
    size_t bytes = 0, n = 0;
    uint64_t length;

    for (size_t i = 0; i <= size; i++) {
        if (i < size && data[i] && data[i] != '\n' && n < sizeof line - 1) {
            line[n++] = (char)data[i];
            continue;
        }
        line[n] = '\0';
        n = 0;
        add_line(header, line, &bytes);
    }
    text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    HOLD(text);
    length = strlen(text);
    HOLD(8 + length + bytes <= sizeof all);
    memcpy(all, &length, 8); /* little-endian, as the machines that fuzzers run on */
    memcpy(all + 8, text, length);
    for (size_t i = 0; i < bytes; i++)
        all[8 + length + i] = (uint8_t)(i % 2 ? 0x2c + i % 3 : i);
    free(text);
    return feed(all, 8 + length + bytes);
}

/* -- a model with it -------------------------------------------------------------------------- */

static void check_model(const pb_model *model)
{
    const pb_lora_info *info = pb_model_lora(model, 0);
    size_t with = 0;

    HOLD(info && info->rank_least <= info->rank_most);
    for (size_t i = 0; i < pb_weights_count(model->weights); i++) {
        const pb_stored *t = pb_weights_at(model->weights, i);
        float *values;
        if (!t->added_count)
            continue;
        with++;
        HOLD(pb_stored_load(&values, t, NULL) == PB_OK);
        pb_free(values);
    }
    HOLD(with >= info->unet_layers && info->unet_layers > 0);
    HOLD(info->text_encoder_layers + info->text_encoder_2_layers == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pb_lora lora = {make_file(data, size), 0.5};
    const pb_model_options options = {.loras = &lora, .lora_count = 1};
    pb_error error = {.message = ""};
    pb_model *model;
    const pb_status status = pb_model_open_with(&model, MODEL, &options, &error);

    HOLD(status == PB_OK || status == PB_FORMAT || status == PB_UNSUPPORTED ||
         status == PB_INVALID);
    HOLD((status == PB_OK) == (model != NULL) && (status == PB_OK || error.message[0]));
    if (model)
        check_model(model);
    pb_model_free(model);
    return 0;
}
