/* JSON configuration files. A reader keeps the first error, so that a config is read field by
 * field without checks in between, and reports at the end also every field nobody asked for:
 *
 *     pb_config *config;
 *     PB_TRY(pb_config_open(&config, path, error));
 *     layers = pb_config_integer(config, "layers_per_block", 2, 1, 16);
 *     …
 *     status = pb_config_close(config, error);
 *
 * An absent field has the fallback. A null one is not absent: Python passes None on, which is false
 * where true or false is wanted, and nonsense where a number is; only fields whose default is None
 * (pb_config_nullable) have the fallback then. After an error all calls return fallbacks. */
#ifndef PB_IO_CONFIG_H
#define PB_IO_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct pb_config pb_config;

/* Reads a file that holds one JSON object (at most 16 MiB, duplicate keys refused).
 * Errors: PB_IO, PB_FORMAT (with line and column), PB_MEMORY. */
pb_status pb_config_open(pb_config **out, const char *path, pb_error *error);

/* A config without fields, for one that is not there: all have their fallbacks. name: in place of a
 * path. Errors: PB_MEMORY. */
pb_status pb_config_empty(pb_config **out, const char *name, pb_error *error);

/* A config of an object's fields, which nobody may change meanwhile; name: in place of a path.
 * Errors: PB_MEMORY. */
pb_status pb_config_of(pb_config **out, const char *name, const json_t *root, pb_error *error);

/* The first error met since opening, or PB_UNSUPPORTED with the names of all fields that were
 * never asked for (those starting with '_' are ignored). Frees the config in any case: strings
 * got from it become invalid. */
pb_status pb_config_close(pb_config *config, pb_error *error);

/* Frees it without any check: for readers that want only some fields. */
void pb_config_free(pb_config *config);

/* PB_OK, or the first error met so far, with its message in *error. */
pb_status pb_config_status(const pb_config *config, pb_error *error);

/* The path it was read from. */
const char *pb_config_path(const pb_config *config);

/* Says that null is as good as absent for a field: the reference's default is None. Before any
 * other call for it. */
void pb_config_nullable(pb_config *config, const char *key);

/* Present (and not null, if it is nullable)? Counts as asked for. */
bool pb_config_has(pb_config *config, const char *key);

/* Present and null? Counts as asked for. */
bool pb_config_is_null(pb_config *config, const char *key);

/* Present, and neither null nor false? Counts as asked for. */
bool pb_config_is_set(pb_config *config, const char *key);

/* Marks a field as known and ignored whatever it holds. */
void pb_config_ignore(pb_config *config, const char *key);

/* An integer within [least, most]; 2.0 passes for 2. */
long pb_config_integer(pb_config *config, const char *key, long fallback, long least, long most);

/* A finite number within [least, most]. */
double pb_config_number(pb_config *config, const char *key, double fallback, double least,
                        double most);

/* null is false. */
bool pb_config_boolean(pb_config *config, const char *key, bool fallback);

/* Owned by the config; fallback may be NULL. */
const char *pb_config_string(pb_config *config, const char *key, const char *fallback);

/* A list of at most `most` items: fills values and returns their number, 0 if absent. A single
 * number instead of a list gives one item. */
size_t pb_config_integers(pb_config *config, const char *key, size_t most, long *values, long least,
                          long greatest);
size_t pb_config_strings(pb_config *config, const char *key, size_t most, const char **values);
size_t pb_config_booleans(pb_config *config, const char *key, size_t most, bool *values);

/* A list of finite numbers of any length as float32: a new array (pb_free) in *values, or NULL;
 * returns their number. */
size_t pb_config_numbers(pb_config *config, const char *key, size_t most, float **values);

/* Is the field a list? */
bool pb_config_is_list(pb_config *config, const char *key);

/* Is it a list of nothing but nulls? */
bool pb_config_is_list_of_nulls(pb_config *config, const char *key);

/* The names of all fields; NULL past the last. Not asked for by this. */
const char *pb_config_key(const pb_config *config, size_t i);

/* Records an error of the caller's own about a field ("FILE: KEY: …"), unless one is kept
 * already. */
void pb_config_fail(pb_config *config, pb_status status, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
