/* What became of a model's LoRAs, as text and as objects. */
#ifndef PB_STUDIO_LORAS_H
#define PB_STUDIO_LORAS_H

#include <jansson.h>

#include <pullback/model.h>

/* "a.safetensors: 2 of its tensors fit nothing in this model …: first, second"; g_free. NULL: all
 * fit. */
char *pb_lora_unmatched(const pb_lora_info *info);

/* "a.safetensors times 0.8: 24 layers of unet, 6 of text_encoder, rank 4"; g_free. */
char *pb_lora_words(const pb_lora_info *info);

/* All of them as a list of objects; NULL: there are none. */
json_t *pb_loras_json(const pb_model *model);

/* Adds to an object that tells of a result how they were named, "loras": ["a.safetensors:0.8"], of
 * a path its end; nothing where there are none. */
void pb_loras_describe(const pb_model *model, json_t *object);

#endif
