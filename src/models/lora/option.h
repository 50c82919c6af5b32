/* LoRAs as options name them. */
#ifndef PB_MODELS_LORA_OPTION_H
#define PB_MODELS_LORA_OPTION_H

#include <pullback/model.h>

#include "base/error.h"

/* Reads "FILE" or "FILE:WEIGHT", a finite number; a file that is called so, with what looks like a
 * weight, is the file. lora->path is the caller's (pb_free), NULL after an error. Errors:
 * PB_INVALID, PB_MEMORY. */
pb_status pb_lora_option(pb_lora *lora, const char *text, pb_error *error);

#endif
