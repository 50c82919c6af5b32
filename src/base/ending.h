/* Names by their endings. */
#ifndef PB_BASE_ENDING_H
#define PB_BASE_ENDING_H

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Has the name this ending (".npy"), and something before it? Of names that a format writes. */
static inline bool pb_ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);

    return n > k && !strcmp(name + n - k, ending);
}

/* The same of names that people give: also in capitals. */
static inline bool pb_has_ending(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);

    return n > k && !strcasecmp(name + n - k, ending);
}

/* Is it called as files of weights are? What it is its bytes say. */
static inline bool pb_names_weights(const char *name)
{
    return pb_has_ending(name, ".safetensors") || pb_has_ending(name, ".ckpt") ||
           pb_has_ending(name, ".pt") || pb_has_ending(name, ".pth") || pb_has_ending(name, ".bin");
}

/* What a path has behind its last slash. */
static inline const char *pb_last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

#endif
