/* LoRAs, made by the recipes of tests/golden/lora.json. */
#ifndef LORA_H
#define LORA_H

#include <jansson.h>

/* The tensors of a recipe ("kohya"), {"name": [type, shape, amplitude]}; json_decref. */
json_t *lora_recipe(const char *name);

/* Adds a tensor of numbers to it, or of a scalar its value; another of that name goes. shape: "[4,
 * 4]". */
void lora_add(json_t *tensors, const char *name, const char *dtype, const char *shape,
              double value);

/* Writes tensors as a .safetensors of the test's folder; metadata: a JSON object, or NULL. */
void lora_write_tensors(const char *file, const json_t *tensors, const char *metadata);

/* Writes a whole recipe so, its metadata too, and beside it the config that it may have. */
void lora_write(const char *file, const char *name);

#endif
