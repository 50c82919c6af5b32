/* Networks that see pixels in the names of their authors' code, made by the lists of
 * tests/golden/pixel. */
#ifndef PIXEL_H
#define PIXEL_H

#include <jansson.h>

#include "scratch.h"

/* A list: {"timestep", "label", "settings", "tensors": {NAME: shape}}; json_decref. */
json_t *pixel_golden(const char *name);

/* Writes its tensors as a .safetensors of the test's folder: `before` before each name, and the
 * numbers that make/pixel_networks.py gives them, by the name without. */
void pixel_write(const char *file, const json_t *golden, const char *before);

/* Writes its settings as a file of the test's folder, as they are or with these changed: a JSON
 * object, or NULL ("-": without). */
void pixel_settings(const char *file, const json_t *golden, const char *changes);

/* The tensors of such a network as tests/original.h has them: names and shapes alone. */
json_t *pixel_shapes(const char *name);

/* Numbers from -1 to 1 that follow from a name. */
void pixel_numbers(const char *name, size_t count, double *out);

#endif
