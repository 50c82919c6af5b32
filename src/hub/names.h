/* What names may be that come from a user, or from a hub, which may be anybody's. */
#ifndef PB_HUB_NAMES_H
#define PB_HUB_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* A path that stays below where it begins: "unet/config.json". */
bool pb_hub_is_path(const char *name);

/* So many hexadecimal digits, in small letters? */
bool pb_hub_is_hash(const char *text, size_t digits);

#endif
