#include "hub/hub.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/folder.h"
#include "base/memory.h"
#include "hub/blob.h"
#include "hub/choice.h"
#include "hub/names.h"

struct pb_hub {
    pb_http http;
    char *repository, *revision;
    pb_hub_listing files;
    pb_hub_cache cache;
    pb_hub_plan plan;
};

void pb_hub_close(pb_hub *hub)
{
    if (!hub)
        return;
    pb_http_close(&hub->http);
    pb_hub_listing_clear(&hub->files);
    pb_hub_cache_clear(&hub->cache);
    pb_free(hub->repository);
    pb_free(hub->revision);
    pb_free(hub);
}

const pb_hub_plan *pb_hub_get_plan(const pb_hub *hub)
{
    return &hub->plan;
}

/* -- what there is --------------------------------------------------------------------------- */

static void plan(pb_hub *hub)
{
    pb_hub_plan *p = &hub->plan;

    memcpy(p->commit, hub->files.commit, sizeof p->commit);
    p->snapshot = hub->cache.snapshot;
    p->count = hub->files.count;
    p->files = hub->files.files;
    for (size_t i = 0; i < p->count; i++) {
        p->files[i].present = pb_hub_is_present(&hub->cache, &p->files[i]);
        p->bytes += p->files[i].size;
        if (p->files[i].present)
            continue;
        p->missing += p->files[i].size;
        p->begun += pb_hub_begun(&hub->cache, &p->files[i]);
    }
}

static pb_status list(pb_hub *hub, const pb_hub_request *request, pb_error *error)
{
    pb_hub_listing all = {.count = 0};
    pb_status status = pb_hub_list(&all, &hub->http, error);

    if (status == PB_OK)
        status = pb_hub_choose(&hub->files, &all, &hub->http, request, error);
    if (status == PB_OK)
        status = pb_hub_cache_open(&hub->cache, hub->repository, all.commit, error);
    pb_hub_listing_clear(&all);
    if (status == PB_OK)
        plan(hub);
    return status;
}

static pb_status begin(pb_hub *hub, const pb_hub_request *request, const pb_run *run,
                       pb_error *error)
{
    pb_work work;
    pb_status status;

    PB_TRY(pb_hub_check(request, error));
    hub->repository = pb_strdup(request->repository);
    hub->revision = pb_strdup(request->revision ? request->revision : PB_HUB_MAIN);
    if (!hub->repository || !hub->revision)
        return pb_fail_memory(error, 100, "names");
    hub->http.repository = hub->repository;
    hub->http.revision = hub->revision;
    PB_TRY(pb_http_open(&hub->http, error));
    PB_TRY(pb_work_begin(&work, run, "listing", 0, error));
    hub->http.work = &work;
    status = list(hub, request, error);
    hub->http.work = NULL;
    pb_work_end(&work);
    return status;
}

pb_status pb_hub_open(pb_hub **out, const pb_hub_request *request, const pb_run *run,
                      pb_error *error)
{
    pb_hub *hub = pb_calloc(1, sizeof *hub);
    pb_status status;

    *out = NULL;
    if (!hub)
        return pb_fail_memory(error, sizeof *hub, "a hub");
    status = begin(hub, request, run, error);
    if (status == PB_OK)
        *out = hub;
    else
        pb_hub_close(hub);
    return status;
}

/* -- fetching -------------------------------------------------------------------------------- */

/* Is there room on the disk for what is still to come? */
static pb_status check_room(const pb_hub *hub, pb_error *error)
{
    struct statvfs disk;
    size_t needed = hub->plan.missing - hub->plan.begun, room;

    if (statvfs(hub->cache.repository, &disk) || disk.f_blocks == 0)
        return PB_OK;
    room = (size_t)disk.f_bavail * disk.f_frsize;
    return needed <= room
               ? PB_OK
               : pb_fail(error, PB_IO,
                         "%s: the disk is too full: %.1f MB are to come, and there is "
                         "room for %.1f (HF_HUB_CACHE names another place)",
                         hub->cache.repository, (double)needed / 1e6, (double)room / 1e6);
}

/* The blobs, then the snapshot, then what is called so. */
static pb_status fetch(pb_hub *hub, pb_error *error)
{
    pb_hub_plan *p = &hub->plan;
    size_t done = 0;

    PB_TRY(pb_make_folders(hub->cache.repository, error));
    PB_TRY(check_room(hub, error));
    for (size_t i = 0; i < p->count; i++) {
        if (p->files[i].present)
            continue;
        PB_TRY(pb_hub_blob(&hub->http, &hub->cache, p->commit, &p->files[i], done, error));
        done += p->files[i].size;
        p->files[i].present = true;
    }
    for (size_t i = 0; i < p->count; i++)
        PB_TRY(pb_hub_link(&hub->cache, &p->files[i], error));
    return strcmp(hub->revision, p->commit)
               ? pb_hub_note(&hub->cache, hub->revision, p->commit, error)
               : PB_OK;
}

pb_status pb_hub_fetch(pb_hub *hub, const pb_run *run, pb_error *error)
{
    pb_work work;
    pb_status status;

    PB_TRY(pb_work_begin(&work, run, "fetching", hub->plan.missing, error));
    hub->http.work = &work;
    status = fetch(hub, error);
    hub->http.work = NULL;
    pb_work_end(&work);
    return status;
}
