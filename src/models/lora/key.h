/* Names of tensors in files of LoRAs: which layer of which part they are of, and what they are to
 * it. */
#ifndef PB_MODELS_LORA_KEY_H
#define PB_MODELS_LORA_KEY_H

#include "models/components.h"
#include "models/original/names.h"

/* What is added to a weight is scale U M D, by factors D (down, A), M (mid) and U (up, B), or a
 * whole difference; to a bias a difference. */
typedef enum pb_lora_slot {
    PB_LORA_DOWN,
    PB_LORA_UP,
    PB_LORA_MID,
    PB_LORA_ALPHA,
    PB_LORA_DIFF,
    PB_LORA_DIFF_BIAS,
    PB_LORA_SLOTS
} pb_lora_slot;

typedef struct pb_lora_key {
    pb_lora_slot slot;
    bool any;     /* the name says of no part: it may be the U-Net or the first text encoder */
    pb_role role; /* else this one */
    char path[PB_NAME]; /* of the layer, as the file has it, behind what says the part */
} pb_lora_key;

/* Reads a name, as kohya's scripts and LyCORIS write them (lora_unet_…, lora_te_…,
 * .lora_down.weight), diffusers (unet.…, text_encoder.…; the older
 * .processor.to_q_lora.down.weight, .lora.down.weight, .lora_linear_layer.down.weight), and PEFT
 * (base_model.model.…, .lora_A.weight, .lora_A.NAME.weight). False: it ends as none of them. */
bool pb_lora_key_read(pb_lora_key *key, const char *name);

/* What says the part, off the beginning of a name: *any and *role as above. Returns what is left.
 */
const char *pb_lora_part(const char *name, bool *any, pb_role *role);

/* to = the path with its dots as underscores, as kohya has them. */
void pb_lora_flatten(char to[PB_NAME], const char *path);

/* A path whose underscores may have been dots of the original layout ("input_blocks_4_1_…"): with
 * dots beside its numbers, as pb_unet_name takes it. False: it is too long. */
bool pb_lora_undot(char to[PB_NAME], const char *flat);

/* What a tensor of that name is of, where it is another kind of addition, or of another
 * network, "LoHa (….hada_w1_a)"; NULL: nothing that is known. */
const char *pb_lora_other(const char *name);

#endif
