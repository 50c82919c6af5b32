#include "hub/digest.h"

#include <nettle/version.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void pb_digest_begin(pb_digest *digest, const char *like, size_t size)
{
    char header[40];
    int length = snprintf(header, sizeof header, "blob %zu", size) + 1; /* with its NUL */

    digest->git = strlen(like) == 2 * SHA1_DIGEST_SIZE;
    sha1_init(&digest->sha1);
    sha256_init(&digest->sha256);
    if (digest->git)
        sha1_update(&digest->sha1, (size_t)length, (const uint8_t *)header);
}

void pb_digest_add(pb_digest *digest, const void *bytes, size_t count)
{
    if (digest->git)
        sha1_update(&digest->sha1, count, bytes);
    else
        sha256_update(&digest->sha256, count, bytes);
}

bool pb_digest_is(pb_digest *digest, const char *hash)
{
    const size_t count = digest->git ? SHA1_DIGEST_SIZE : SHA256_DIGEST_SIZE;
    unsigned char bytes[SHA256_DIGEST_SIZE];
    char text[2 * SHA256_DIGEST_SIZE + 1];

#if NETTLE_VERSION_MAJOR >= 4
    if (digest->git)
        sha1_digest(&digest->sha1, bytes);
    else
        sha256_digest(&digest->sha256, bytes);
#else
    if (digest->git)
        sha1_digest(&digest->sha1, count, bytes);
    else
        sha256_digest(&digest->sha256, count, bytes);
#endif
    for (size_t i = 0; i < count; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return !strcmp(text, hash);
}
