#include "models/part.h"

#include <string.h>

#include "base/memory.h"

void pb_part_clear(pb_part *part)
{
    pb_free(part->folder);
    for (size_t i = 0; i < part->count; i++)
        pb_free(part->files[i]);
    pb_free(part->weights);
    pb_weights_free(part->selected);
    json_decref(part->config);
    *part = (pb_part){0};
}

bool pb_part_is_there(const pb_part *part)
{
    return part->folder || part->selected;
}

const char *pb_part_place(const pb_part *part)
{
    return part->folder ? part->folder : pb_weights_at(part->selected, 0)->file;
}

pb_status pb_part_config(pb_config **out, const pb_part *part, pb_error *error)
{
    pb_status status;
    char *path;

    if (part->config)
        return pb_config_of(out, pb_part_place(part), part->config, error);
    path = pb_sprintf("%s/config.json", part->folder);
    status = path ? pb_config_open(out, path, error)
                  : pb_fail_memory(error, strlen(part->folder) + 13, "a path");
    pb_free(path);
    return status;
}

pb_status pb_part_weights(pb_weights **out, const pb_part *part, pb_error *error)
{
    const pb_family library = part->component ? part->component->library : PB_DIFFUSERS;
    pb_status status;
    char *path;

    if (part->selected) {
        *out = pb_weights_share(part->selected);
        return PB_OK;
    }
    PB_TRY(pb_weights_locate(&path, NULL, part->folder, library, error));
    status = pb_weights_open(out, path, error);
    pb_free(path);
    return status;
}
