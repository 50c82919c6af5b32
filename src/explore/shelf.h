/* Pictures and files that were made, each found by its URL, as long as there is room. */
#ifndef PB_EXPLORE_SHELF_H
#define PB_EXPLORE_SHELF_H

#include <glib.h>

#include "io/file.h"

typedef struct pb_shelf pb_shelf;

/* Bytes that others may hold, too; it takes them over. */
GBytes *pb_share_bytes(pb_bytes *bytes);

/* And a copy of one's own (pb_bytes_clear), with a NUL behind it. Errors: PB_MEMORY. */
pb_status pb_copy_bytes(GBytes *shared, pb_bytes *copy, pb_error *error);

/* most: bytes of all files together; the oldest make room for new ones. */
pb_shelf *pb_shelf_new(size_t most);
void pb_shelf_free(pb_shelf *shelf);

/* Puts bytes there, which it takes over, for a tab. name: to save them under; its ending says what
 * they are. The URL ("/api/files/17.png"); g_free. From any thread, as the others. */
char *pb_shelf_put(pb_shelf *shelf, unsigned long tab, pb_bytes *bytes, const char *name);

/* Is there anything under a URL? */
int pb_shelf_has(pb_shelf *shelf, const char *url);

/* What lies under a URL, and the name: references of the caller's, or NULL. */
GBytes *pb_shelf_get(pb_shelf *shelf, const char *url, char **name);

/* Throws away all of a tab's. */
void pb_shelf_drop(pb_shelf *shelf, unsigned long tab);

#endif
