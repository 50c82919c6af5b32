/* The hashes by which a hub knows files, of bytes that come one after the other. */
#ifndef PB_HUB_DIGEST_H
#define PB_HUB_DIGEST_H

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct pb_digest {
    bool git;
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
} pb_digest;

/* Of a file of so many bytes whose hash looks like `like`: with 40 digits git's, the SHA-1 of
 * "blob SIZE", a NUL and the bytes; else SHA-256 of the bytes (Git LFS). */
void pb_digest_begin(pb_digest *digest, const char *like, size_t size);
void pb_digest_add(pb_digest *digest, const void *bytes, size_t count);

/* Is it this one? The digest is used up. */
bool pb_digest_is(pb_digest *digest, const char *hash);

#endif
