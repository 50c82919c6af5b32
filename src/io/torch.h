/* Files of torch.save: a zip archive with one folder of any name in it, and there
 *
 *     data.pkl    a pickle: dicts of tensors, each with the key of its storage and its place there
 *     data/KEY    a storage: numbers, one after the other
 *     byteorder   "little", where it is there
 *
 * The tensors are those of the dict `state_dict`, where what was saved is a dict with one; else
 * those of all of it. Dicts within are gone through, and names joined by dots: {"ema": {"a": T}}
 * has "ema.a". Of a list, [{"a": T}, 7], they have the item's number before them: "0.a". Whatever
 * is no tensor is passed over, without its being made, even where it names what nobody knows here
 * (callbacks, hyper-parameters, optimizer states …); within `state_dict` that is an error that says
 * the name. */
#ifndef PB_IO_TORCH_H
#define PB_IO_TORCH_H

#include <stdbool.h>

#include "io/reader.h"

extern const pb_reader pb_torch_reader;

/* Does a file begin like an archive? */
bool pb_torch_knows(const unsigned char *first, size_t count);

/* What PyTorch wrote before (until 1.6) or what other pickles of Python begin like: a word about
 * it, or NULL. None of it is read. count: up to PB_TORCH_FIRST. */
#define PB_TORCH_FIRST 512
const char *pb_torch_other(const unsigned char *first, size_t count);

#endif
