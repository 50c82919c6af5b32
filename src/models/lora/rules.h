/* What a LoRA's config says: by how much its products are scaled. */
#ifndef PB_MODELS_LORA_RULES_H
#define PB_MODELS_LORA_RULES_H

#include <jansson.h>
#include <stdbool.h>

#include "io/weights.h"

/* A config of PEFT (LoraConfig), the file adapter_config.json or a string of the file's metadata
 * that diffusers writes (lora_adapter_metadata): its pipelines with each part's name before the
 * fields, "unet.lora_alpha", a network alone (save_lora_adapter) without. */
typedef struct pb_lora_rules {
    json_t *config;   /* NULL: none */
    const char *path; /* for messages; not owned */
    bool prefixed;
} pb_lora_rules;

/* Reads that of the file, path NULL: what the metadata of the weights has, if anything. Refuses
 * what the factors alone do not say: another method than LoRA, DoRA, transposed weights, biases,
 * beginnings that change the model's own weights (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA).
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
pb_status pb_lora_rules_read(pb_lora_rules *rules, const char *path, const char *file,
                             const pb_weights *weights, pb_error *error);
void pb_lora_rules_clear(pb_lora_rules *rules);

/* *scale = alpha / rank, or alpha / sqrt(rank) where the config says so (use_rslora; Kalajdzievski
 * 2023): alpha of the layer's own tensor, else of the config (alpha_pattern, lora_alpha), else
 * rank. part: "unet"; layer: "down_blocks.0.attentions.0.proj_in". Errors: PB_IO, PB_FORMAT,
 * PB_UNSUPPORTED (a pattern that is more than a name). */
pb_status pb_lora_scale(double *scale, const pb_lora_rules *rules, const char *part,
                        const char *layer, size_t rank, const pb_stored *alpha, pb_error *error);

#endif
