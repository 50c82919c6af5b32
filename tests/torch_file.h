/* Files as torch.save writes them, made of other weights. */
#ifndef TORCH_FILE_H
#define TORCH_FILE_H

#include "io/weights.h"

/* Writes `count` tensors of weights from number `first` on, with the very bytes that they have
 * there, as a dict; under: as Lightning wraps it, the dict of this name in another that tells of
 * the training; or NULL. Ends the test when it fails. */
void write_torch(const char *path, const pb_weights *weights, size_t first, size_t count,
                 const char *under);

/* The same of a list: a dict of all tensors of each item, or a number where that is NULL. */
void write_torch_list(const char *path, size_t count, pb_weights *const items[]);

#endif
