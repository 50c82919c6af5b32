/* Named tensors of files, proven sound before use and read when they are needed: of one file, or of
 * several with an index ("….safetensors.index.json"), or some of those under other names. Formats:
 * safetensors, and what torch.save writes (io/torch.h). */
#ifndef PB_IO_WEIGHTS_H
#define PB_IO_WEIGHTS_H

#include <pullback/tensor.h>

#include "base/error.h"

typedef enum pb_dtype { PB_F64, PB_F32, PB_F16, PB_BF16, PB_INTEGER } pb_dtype;

/* Where a tensor's entries lie that are not one after the other: those of this shape, in order,
 * with so many entries from one to the next along each dimension. */
typedef struct pb_layout {
    size_t rank;
    size_t shape[PB_MAX_RANK], stride[PB_MAX_RANK];
} pb_layout;

/* A tensor as it lies in a file. Owned by its pb_weights. */
typedef struct pb_stored {
    const char *name;
    const char *file;       /* path of the file it lies in */
    pb_dtype dtype;         /* PB_INTEGER: any integer or boolean type, never read */
    const char *dtype_name; /* as in the file: "F16", "I64" … */
    size_t rank;
    size_t shape[PB_MAX_RANK];
    size_t count; /* entries */
    size_t bytes;
    const struct pb_file *source; /* where it begins at byte `offset`; */
    size_t offset;
    const void *data; /* or NULL, or where it lies in memory: little-endian, at any alignment */
    const pb_layout *layout;         /* NULL: one entry after the other */
    const struct pb_addition *added; /* what is added to its entries when they are read: */
    size_t added_count;              /* so many, in order (io/addition.h) */
} pb_stored;

typedef struct pb_weights pb_weights; /* immutable: may be shared by threads */

/* Opens a file of tensors, whatever its name says of its format, or the index of a sharded set (a
 * name that ends in ".json"); the set's files lie in the index's folder. The caller frees *out. The
 * files stay open, and are the ones that are read later whatever becomes of their names (see
 * pb_file).
 * Errors: PB_IO, PB_FORMAT, PB_UNSUPPORTED (a dtype this program cannot read, or a rank above
 * PB_MAX_RANK), PB_MEMORY. */
pb_status pb_weights_open(pb_weights **out, const char *path, pb_error *error);
void pb_weights_free(pb_weights *weights);

/* The same once more: each is to be freed. */
pb_weights *pb_weights_share(pb_weights *weights);

/* A tensor that is another's, all of it or a part, under a name of its own. */
typedef struct pb_selected {
    char *name;              /* pb_free's: taken over, also on failure */
    const pb_stored *stored; /* whose entries it has; of the weights selected from */
    size_t rank;             /* 0: it is all of it, as it is */
    size_t shape[PB_MAX_RANK];
    size_t first;     /* the number of its first entry among those of `stored` in order, */
    pb_layout layout; /* and how the others follow; rank 0: one after the other */
} pb_selected;

/* Weights of nothing but these, which share those they are of. Errors: PB_FORMAT (two of one name),
 * PB_UNSUPPORTED (a part or another shape of a tensor that has a layout, which no layout
 * describes), PB_MEMORY. */
pb_status pb_weights_select(pb_weights **out, pb_weights *from, size_t count, pb_selected *selected,
                            pb_error *error);

/* The tensors, in order of name. */
size_t pb_weights_count(const pb_weights *weights);
const pb_stored *pb_weights_at(const pb_weights *weights, size_t i);

/* NULL when there is no such tensor. */
const pb_stored *pb_weights_find(const pb_weights *weights, const char *name);

/* A string of the (first) file's __metadata__, or NULL. */
const char *pb_weights_metadata(const pb_weights *weights, const char *key);

/* Converts a floating-point tensor to count float32 entries at out: exactly, but for float64,
 * which is rounded (to an infinity beyond float32's range). Infinities and NaNs stay what they
 * are. A PB_INTEGER tensor leaves out as it is. Errors: PB_IO, as pb_file_read_at; of a tensor to
 * which something is added also PB_FORMAT, PB_MEMORY (io/addition.h). */
pb_status pb_stored_read(const pb_stored *stored, float *out, pb_error *error);

/* All of them as a new array (pb_free). Errors: also PB_MEMORY; *out is then NULL. */
pb_status pb_stored_load(float **out, const pb_stored *stored, pb_error *error);

/* The same for `count` entries from number `first` on. */
pb_status pb_stored_read_some(const pb_stored *stored, size_t first, size_t count, float *out,
                              pb_error *error);

/* The number of a tensor that holds one, of whatever type. Errors: PB_FORMAT (it holds several, or
 * truth values), PB_IO. */
pb_status pb_stored_number(const pb_stored *stored, double *number, pb_error *error);

/* A tensor to be written: float32. */
typedef struct pb_named_tensor {
    const char *name;
    const pb_tensor *tensor;
} pb_named_tensor;

typedef struct pb_metadata {
    const char *key;
    const char *value;
} pb_metadata;

/* Writes float32 tensors and string metadata as one safetensors file, whole or not at all.
 * Errors: PB_INVALID (a name given twice, text that is not UTF-8), PB_IO, PB_MEMORY. */
pb_status pb_safetensors_write(const char *path, size_t count, const pb_named_tensor *tensors,
                               size_t metadata_count, const pb_metadata *metadata, pb_error *error);

#endif
