/* Formats of files of tensors: what a pb_weights opens them by. */
#ifndef PB_IO_READER_H
#define PB_IO_READER_H

#include "io/file.h"
#include "io/weights.h"

/* One file of tensors that is open. */
typedef struct pb_shard {
    const struct pb_reader *reader;
    char *path;
    pb_file file;
    size_t count; /* of its tensors */
    void *inside; /* the reader's own: it has the tensors' names */
} pb_shard;

/* A format. open: reads all that says what is in the file, whose path, file and reader are set, and
 * sets count and inside, which close frees, also after a failure. fill: `count` tensors; the names
 * live as long as inside. metadata: a string by its key, or NULL; a format without any has NULL for
 * the function. Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED, PB_MEMORY. */
typedef struct pb_reader {
    pb_status (*open)(pb_shard *shard, pb_error *error);
    pb_status (*fill)(const pb_shard *shard, pb_stored *tensors, pb_error *error);
    const char *(*metadata)(const pb_shard *shard, const char *key);
    void (*close)(pb_shard *shard);
} pb_reader;

/* safetensors: a header of JSON, and the tensors' bytes without gap or overlap. */
extern const pb_reader pb_safetensors_reader;

#endif
