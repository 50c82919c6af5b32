#include "hub/refusal.h"

#include <string.h>

static pb_status fail_gated(const pb_http *http, pb_error *error)
{
    return pb_fail(error, PB_IO, "%s: gated: its terms are accepted on %s/%s, and %s",
                   http->repository, http->settings.endpoint, http->repository,
                   http->settings.token ? "the token's owner has not, or not been let in yet"
                                        : "HF_TOKEN says who has");
}

static pb_status fail_missing(const pb_http *http, const pb_reply *reply, pb_error *error)
{
    return pb_fail(error, PB_IO, "%s: no such repository on %s, or a private one: %s (HTTP %ld)",
                   http->repository, http->settings.endpoint,
                   http->settings.token ? "the token may not read it, or is none any more"
                                        : "HF_TOKEN says who may read it",
                   reply->code);
}

pb_status pb_hub_refused(const pb_http *http, const char *what, const pb_reply *reply,
                         pb_error *error)
{
    if (!reply->ours)
        return pb_fail(error, PB_IO, "%s: refused where %s sent us: HTTP %ld", what,
                       http->settings.endpoint, reply->code);
    if (!strcmp(reply->trouble, "GatedRepo"))
        return fail_gated(http, error);
    if (!strcmp(reply->trouble, "RevisionNotFound"))
        return pb_fail(error, PB_IO, "%s: no revision \"%s\"", http->repository, http->revision);
    if (!strcmp(reply->trouble, "EntryNotFound"))
        return pb_fail(error, PB_IO, "%s: no such file", what);
    if (!strcmp(reply->trouble, "RepoNotFound") || reply->code == 401 || reply->code == 404)
        return fail_missing(http, reply, error);
    return pb_fail(error, PB_IO, "%s: refused: HTTP %ld%s%s", what, reply->code,
                   *reply->message ? ": " : "", reply->message);
}
