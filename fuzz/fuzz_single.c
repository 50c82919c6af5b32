/* A model that is one file, by the names and shapes of its tensors: settings beside it ("{": JSON,
 * else YAML), a NUL, and a line "NAME SIZE SIZE …" for each tensor, which is written with a hole
 * for its numbers. Refused with a message, or a model whose parts' tensors can be read. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed.h"
#include "models/model.h"

#define MOST_BYTES ((size_t)1 << 33)
#define ENTRIES_MOST 10000

static char folder[] = "/tmp/pullback-fuzz-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_folder(void)
{
    unlink(path_of("m.safetensors"));
    unlink(path_of("m.json"));
    unlink(path_of("m.yaml"));
    rmdir(folder);
}

static void write_settings(const char *text)
{
    FILE *f;

    unlink(path_of("m.json"));
    unlink(path_of("m.yaml"));
    if (!*text)
        return;
    f = fopen(path_of(*text == '{' ? "m.json" : "m.yaml"), "w");
    HOLD(f && fwrite(text, 1, strlen(text), f) == strlen(text) && fclose(f) == 0);
}

/* Adds a line's tensor, whose numbers begin at *at. */
static void add(json_t *header, char *line, size_t *at)
{
    char *name = strtok(line, " "), *size;
    json_t *shape = json_array(), *tensor;
    size_t bytes = 4;

    while (name && (size = strtok(NULL, " ")) != NULL) {
        const uint64_t n = strtoull(size, NULL, 10);
        if (bytes && n > MOST_BYTES / bytes)
            bytes = MOST_BYTES + 1;
        else
            bytes *= n;
        json_array_append_new(shape, json_integer((json_int_t)(n & INT64_MAX)));
    }
    if (name && bytes <= MOST_BYTES - *at && !json_object_get(header, name)) {
        tensor = json_pack("{s:s, s:O, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                           (json_int_t)*at, (json_int_t)(*at + bytes));
        HOLD(tensor);
        if (json_object_set_new(header, name, tensor) == 0) /* a name that is UTF-8 */
            *at += bytes;
    }
    json_decref(shape);
}

static void write_tensors(char *lines)
{
    json_t *header = json_object();
    size_t bytes = 0;
    uint64_t length;
    char *text, *end;
    FILE *f;

    for (; *lines; lines = end) {
        end = lines + strcspn(lines, "\n");
        if (*end)
            *end++ = '\0';
        add(header, lines, &bytes);
    }
    text = json_dumps(header, JSON_COMPACT);
    HOLD(text);
    length = strlen(text);
    f = fopen(path_of("m.safetensors"), "w");
    HOLD(f && fwrite(&length, 8, 1, f) == 1 && fwrite(text, 1, length, f) == length);
    HOLD(fflush(f) == 0 && ftruncate(fileno(f), (off_t)(8 + length + bytes)) == 0);
    HOLD(fclose(f) == 0);
    free(text);
    json_decref(header);
}

static void check(const pb_model *model)
{
    const pb_model_info *info = pb_model_get_info(model);

    HOLD(info->inferred && *info->inferred);
    HOLD(info->sample_height >= 1 && info->sample_width >= 1 && info->parameters > 0);
    for (pb_role i = 0; i < PB_ROLES; i++)
        if (model->files.parts[i].selected)
            hold_weights(model->files.parts[i].selected, SIZE_MAX, ENTRIES_MOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 2);
    pb_error error = {.message = ""};
    pb_model *model = NULL;
    pb_status status;

    HOLD(text);
    if (size)
        memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    if (strstr(folder, "XXXXXX")) {
        HOLD(mkdtemp(folder));
        atexit(remove_folder);
    }
    write_settings(text);
    write_tensors(text + strlen(text) + 1);
    status = pb_model_open(&model, path_of("m.safetensors"), &error);
    if (status == PB_OK)
        check(model);
    else
        HOLD((status == PB_FORMAT || status == PB_UNSUPPORTED || status == PB_INVALID) &&
             error.status == status && error.message[0] && !model);
    pb_model_free(model);
    free(text);
    return 0;
}
