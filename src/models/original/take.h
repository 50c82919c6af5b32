/* A file in the original layout, while the parts of a model are taken out of it. */
#ifndef PB_MODELS_ORIGINAL_TAKE_H
#define PB_MODELS_ORIGINAL_TAKE_H

#include "io/weights.h"
#include "models/original/names.h"
#include "models/part.h"

typedef struct pb_original {
    const char *path;
    pb_weights *weights;
    bool *taken;    /* of each tensor: does a part have it? */
    char *inferred; /* what was inferred from what: lines "WHAT: VALUE (FROM WHAT)"; pb_free's */
    json_t *yaml;   /* the settings of the original config beside it (yaml.h), or NULL */
    const char *configs; /* a folder with configs of diffusers, which decide; or NULL */
} pb_original;

/* Opens it; pb_original_close frees it, also on failure. path must outlive it.
 * Errors: those of pb_weights_open. */
pb_status pb_original_open(pb_original *o, const char *path, pb_error *error);
void pb_original_close(pb_original *o);

/* The tensor of a name that is put together as in printf, or NULL. */
const pb_stored *pb_original_find(const pb_original *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Is there a tensor whose name begins so? */
bool pb_original_has(const pb_original *o, const char *beginning);

/* Adds a line to what was inferred. Errors: PB_MEMORY. */
pb_status pb_original_note(pb_original *o, pb_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tensors that are being taken: adds one, all of it as it is unless *added, where it is not NULL,
 * is told otherwise. Errors: PB_MEMORY. */
typedef struct pb_taking pb_taking;
pb_status pb_taking_add(pb_taking *taking, const pb_stored *stored, const char *name,
                        pb_selected **added, pb_error *error);

/* Takes a tensor that has not only another name there, but is several, or lies otherwise. *found:
 * is it one of these? name: behind the prefix. */
typedef pb_status pb_remaking(pb_taking *taking, const pb_stored *stored, const char *name,
                              const pb_naming *naming, bool *found, pb_error *error);

/* Takes the tensors whose names behind the prefix have a translation, or that are made others
 * (remake, or NULL): the part's weights.
 * Errors: PB_FORMAT (none, two of one name), PB_MEMORY; those of remake. */
pb_status pb_original_take(pb_part *part, pb_original *o, const char *prefix,
                           pb_translation *translate, pb_remaking *remake, const pb_naming *naming,
                           pb_error *error);

/* Of weights by their new names, put together as in printf: one of a tensor's sizes, or 0. */
size_t pb_size_of(const pb_weights *weights, size_t dimension, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A config that may be there; *config NULL: it is not. Errors: those of pb_json_read. */
pb_status pb_original_read_config(json_t **config, const char *path, pb_error *error);

/* The config of a role in the folder of configs; *config NULL: there is none. Errors: those of
 * pb_json_read. */
pb_status pb_original_config(json_t **config, const pb_original *o, pb_role role, pb_error *error);

/* Refuses what no part of the family ("Stable Diffusion") has taken and is not known to be
 * harmless, by its name behind the prefix or as it is. Errors: PB_UNSUPPORTED. */
pb_status pb_original_check_rest(const pb_original *o, const char *prefix, const char *family,
                                 pb_error *error);

#endif
