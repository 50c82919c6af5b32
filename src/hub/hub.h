/* Fetches a model from a hub, over the network, into the cache of huggingface_hub (models/cache.h).
 * It is the only part of Pullback that goes to the network, and does so when it is called.
 *
 *     pb_hub_request request = {.repository = "owner/name"};
 *     PB_TRY(pb_hub_open(&hub, &request, &run, error));       // what there is, and what is needed
 *     status = pb_hub_fetch(hub, &run, error);
 *     pb_hub_close(hub);
 *
 * The environment says where to and as whom, as it says to huggingface_hub: HF_ENDPOINT, HF_TOKEN
 * (or a file, HF_TOKEN_PATH), HF_HUB_OFFLINE, HF_HOME, HF_HUB_CACHE; http_proxy, https_proxy and
 * no_proxy. The token goes to the endpoint and, after a redirection, to nobody else. */
#ifndef PB_HUB_HUB_H
#define PB_HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include <pullback/run.h>

#include "base/error.h"

#define PB_HUB_MAIN "main"

typedef struct pb_hub_request {
    const char *repository; /* "OWNER/NAME" */
    const char *revision;   /* a branch, a tag, a commit; NULL: PB_HUB_MAIN */
    const char *variant;    /* weights of this one ("fp16") where there are some, or NULL */
    /* Patterns as of a shell, in which * is any text, / too: all files that fit one of them, in
     * place of those that the program reads. NULL ends it; or NULL. */
    const char *const *include;
} pb_hub_request;

typedef struct pb_hub_file {
    char *name; /* "unet/config.json" */
    char *blob; /* its hash in hexadecimal digits: 64 of SHA-256, 40 of git's */
    size_t size;
    bool present; /* in the cache already */
} pb_hub_file;

typedef struct pb_hub_plan {
    char commit[41]; /* that the revision is at */
    char *snapshot;  /* the folder of the model, once it is fetched */
    size_t count;
    pb_hub_file *files;
    size_t bytes, missing; /* of all files, and of those that are not in the cache */
    size_t begun;          /* bytes of these that have come before */
} pb_hub_plan;

/* Are these names that a hub may have? Errors: PB_INVALID. */
pb_status pb_hub_check(const pb_hub_request *request, pb_error *error);

typedef struct pb_hub pb_hub;

/* Asks for the list of files, and chooses. Writes nothing. The request is not needed afterwards.
 * Errors: PB_INVALID, PB_IO (no network, no such repository, no right to read it; HF_HUB_OFFLINE is
 * set), PB_UNSUPPORTED (a pipeline that is not read), PB_FORMAT, PB_CANCELLED, PB_MEMORY. */
pb_status pb_hub_open(pb_hub **out, const pb_hub_request *request, const pb_run *run,
                      pb_error *error);

/* As long as the hub is open. */
const pb_hub_plan *pb_hub_get_plan(const pb_hub *hub);

/* Fetches what is missing; the task "fetching", its steps are bytes. A file appears in the cache
 * when it is whole and its hash is right, the snapshot when all its files are there. What has come
 * of a file stays, and the next call goes on from there; so it does within one call when the
 * connection is cut, or when the hub asks to wait, which is warned of. Errors: those above; also
 * PB_IO (a full disk), PB_FORMAT (other bytes than were listed). */
pb_status pb_hub_fetch(pb_hub *hub, const pb_run *run, pb_error *error);

void pb_hub_close(pb_hub *hub);

#endif
