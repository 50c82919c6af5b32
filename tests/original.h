/* Files in the original layout, made by the lists of tests/golden/original. */
#ifndef ORIGINAL_H
#define ORIGINAL_H

#include <jansson.h>
#include <stdio.h>

#include "models/model.h"
#include "scratch.h"

/* A list: {"model.diffusion_model.…": ["F16", [320], ["unet/conv_in.bias"]], …}: a tensor's type
 * and shape, and those of the folder whose bytes it has, one behind the other; none: other numbers;
 * true behind them: a matrix that lies the other way in the folder. */
json_t *original_list(const char *name); /* "sd1-tiny"; json_decref */

/* Leaves of a list what begins so, or all else. */
void original_keep(json_t *list, const char *beginning);
void original_drop(json_t *list, const char *beginning);

/* Another beginning for every name that has this one. */
void original_rename(json_t *list, const char *from, const char *to);

/* Adds a tensor of numbers that mean nothing; another of that name goes. shape: "[4, 4]". */
void original_add(json_t *list, const char *name, const char *dtype, const char *shape);

typedef struct original_file {
    const char *folder;   /* whose tensors the list names; NULL: a file with a hole for numbers */
    const char *metadata; /* a JSON object, or NULL */
    bool mixed;           /* every second of the folder's tensors as float32 */
} original_file;

/* Begins a .safetensors of the list's tensors in the test's folder: its header; *total: bytes of
 * the whole file. */
FILE *original_begin(const char *name, const json_t *list, const original_file *file,
                     size_t *total);

/* Writes the list's tensors as a .safetensors of the test's folder. */
void original_write(const char *name, const json_t *list, const original_file *file);

/* Ends the test unless what was inferred of a part, as a config, has these: a JSON object. */
void original_check(const pb_model *model, pb_role role, const char *expected);

#endif
