/* Files of settings that lie beside a file of weights, under its name with another ending. */
#ifndef PB_MODELS_ORIGINAL_BESIDE_H
#define PB_MODELS_ORIGINAL_BESIDE_H

#include <jansson.h>

#include "base/error.h"

/* The path of NAME.ending beside NAME.ckpt, pb_free's, if there is such a file; else *beside is
 * NULL. Errors: PB_IO (it cannot be looked for), PB_MEMORY. */
pb_status pb_beside(char **beside, const char *path, const char *ending, pb_error *error);

/* Reads the settings beside the weights at `path`: NAME.json, NAME.yaml or NAME.yml. The caller
 * owns *settings (json_decref) and *beside, the path (pb_free); both NULL: there are none.
 * Errors: PB_INVALID (two of them), PB_IO, PB_FORMAT, PB_MEMORY. */
pb_status pb_beside_read(json_t **settings, char **beside, const char *path, pb_error *error);

#endif
