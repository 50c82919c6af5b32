#include "hub/text.h"

#include <string.h>

#include "base/memory.h"
#include "hub/digest.h"
#include "hub/names.h"
#include "io/json.h"

typedef struct text {
    const char *what;
    char *bytes;
    size_t count, room, most;
} text;

/* A text is asked for anew each time. */
static size_t have_none(void *context)
{
    (void)context;
    return 0;
}

static pb_status begin(void *context, const pb_reply *reply, pb_error *error)
{
    text *t = context;

    (void)reply;
    (void)error;
    t->count = 0;
    return PB_OK;
}

static pb_status take(void *context, const void *bytes, size_t count, pb_error *error)
{
    text *t = context;

    if (count > t->most - t->count)
        return pb_fail(error, PB_FORMAT, "%s: expected at most %zu bytes, found more", t->what,
                       t->most);
    while (t->count + count > t->room) {
        char *grown = pb_grow(t->bytes, t->count, &t->room, 1);
        if (!grown)
            return pb_fail_memory(error, 2 * t->room, "a text");
        t->bytes = grown;
    }
    memcpy(t->bytes + t->count, bytes, count);
    t->count += count;
    return PB_OK;
}

static bool is_whole(void *context)
{
    (void)context;
    return true;
}

static pb_status check_bytes(const text *t, const pb_hub_file *file, pb_error *error)
{
    pb_digest digest;

    if (!file)
        return PB_OK;
    pb_digest_begin(&digest, file->blob, t->count);
    pb_digest_add(&digest, t->bytes, t->count);
    if (t->count != file->size || !pb_digest_is(&digest, file->blob))
        return pb_fail(
            error, PB_FORMAT,
            "%s: other bytes than the %zu that the hub has listed: their hash is another", t->what,
            file->size);
    return PB_OK;
}

pb_status pb_hub_object(json_t **out, pb_http *http, const char *what, const char *url, size_t most,
                        const pb_hub_file *file, pb_error *error)
{
    text t = {.what = what, .most = most, .bytes = pb_malloc(4096, 1), .room = 4096};
    const pb_sink sink = {have_none, begin, take, is_whole, &t};
    pb_status status;

    *out = NULL;
    if (!t.bytes)
        return pb_fail_memory(error, 4096, "a text");
    status = pb_http_get(http, what, url, &sink, error);
    if (status == PB_OK)
        status = check_bytes(&t, file, error);
    if (status == PB_OK)
        status = pb_json_parse(out, what, NULL, t.bytes, t.count, error);
    pb_free(t.bytes);
    return status;
}

/* What is no hash, the tag of a server that stands in for the hub, says nothing. */
pb_status pb_hub_check_reply(const pb_reply *reply, const char *what, const char *commit,
                             const char *hash, pb_error *error)
{
    const bool known = pb_hub_is_hash(reply->hash, 40) || pb_hub_is_hash(reply->hash, 64);

    if (!reply->ours)
        return PB_OK;
    if (*reply->commit && strcmp(reply->commit, commit))
        return pb_fail(error, PB_FORMAT,
                       "%s: changed meanwhile: expected commit %s, found %s: fetch again", what,
                       commit, reply->commit);
    if (known && strcmp(reply->hash, hash))
        return pb_fail(error, PB_FORMAT,
                       "%s: changed meanwhile: expected the hash %s, found %s: fetch again", what,
                       hash, reply->hash);
    return PB_OK;
}
