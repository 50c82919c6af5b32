/* What a LoRA has for one layer of a model, checked and made into what is added to its weights. */
#ifndef PB_MODELS_LORA_LAYER_H
#define PB_MODELS_LORA_LAYER_H

#include "models/lora/key.h"
#include "models/lora/rules.h"
#include "models/lora/target.h"

/* Its tensors, each or NULL. */
typedef struct pb_lora_tensors {
    const pb_stored *of[PB_LORA_SLOTS];
} pb_lora_tensors;

/* Does it have anything that is added? alpha alone is nothing. */
bool pb_lora_is_there(const pb_lora_tensors *tensors);

/* Adds them to the layer, times weight; *rank: of the product, 0 where there is none.
 * Errors: PB_FORMAT (a factor without the other, ranks or shapes that do not go together,
 * integers), those of pb_lora_scale, PB_MEMORY. */
pb_status pb_lora_layer_add(pb_lora_target *target, const pb_lora_layer *layer,
                            const pb_lora_tensors *tensors, const pb_lora_rules *rules,
                            double weight, size_t *rank, pb_error *error);

/* Refuses the attention to text of another network than the target, by the width of its context,
 * and says whose it is. Errors: PB_FORMAT. */
pb_status pb_lora_check_context(const pb_lora_layer *layer, const pb_lora_tensors *tensors,
                                pb_error *error);

#endif
