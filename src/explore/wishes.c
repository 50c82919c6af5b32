#include "explore/wishes.h"

#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { TEXT, NUMBER, SHARE, COUNT, CROP, SOURCE, MASK_USE, NAMES } kind;

typedef struct wish {
    const char *name;
    kind kind;
    int null; /* it may be left to the model */
    double least, most;
} wish;

#define LONGEST 2000 /* bytes of a text */
#define LEAST 1e-6   /* a weight that is one */

static const wish all[] = {
    {"model", TEXT, 0, 0, 0},
    {"source", SOURCE, 0, 0, 0},
    {"crop", CROP, 1, 0, 0},
    {"seed", COUNT, 0, 0, 9007199254740991.0},
    {"prompt", TEXT, 0, 0, 0},
    {"edit_prompt", TEXT, 1, 0, 0},
    {"negative_prompt", TEXT, 1, 0, 0},
    {"guidance_scale", NUMBER, 1, -100, 100},
    {"t", SHARE, 1, 0, 0},
    {"steps", COUNT, 0, 2, 1000},
    {"rank", COUNT, 0, 1, 64},
    {"tap", TEXT, 1, 0, 0},
    {"mask_use", MASK_USE, 0, 0, 0},
    {"names", NAMES, 0, 0, 0},
};

json_t *pb_wishes_new(const char *model)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:n, s:n, s:n, s:n, s:i, s:i, s:n, s:s, s:{}}",
                     "model", model, "source", "photo", "crop", "auto", "seed", 0, "prompt", "",
                     "edit_prompt", "negative_prompt", "guidance_scale", "t", "steps", 100, "rank",
                     10, "tap", "mask_use", "directions", "names");
}

static int is_crop(const json_t *value)
{
    json_int_t box[4];

    if (json_is_string(value))
        return !strcmp(json_string_value(value), "auto");
    return !json_unpack((json_t *)value, "[I, I, I, I!]", &box[0], &box[1], &box[2], &box[3]) &&
           box[0] >= 0 && box[1] >= 0 && box[2] > 0 && box[3] > 0 && box[0] < 1000000 &&
           box[1] < 1000000 && box[2] < 1000000 && box[3] < 1000000;
}

static int is_text(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) <= LONGEST &&
           strlen(json_string_value(value)) == json_string_length(value);
}

static int is_one_of(const json_t *value, const char *a, const char *b)
{
    const char *text = json_string_value(value);

    return is_text(value) && (!strcmp(text, a) || !strcmp(text, b));
}

static int are_names(const json_t *value)
{
    const char *key;
    json_t *name;

    if (!json_is_object(value) || json_object_size(value) > 64)
        return 0;
    json_object_foreach((json_t *)value, key, name)
    {
        if (strlen(key) > 4 || strspn(key, "0123456789") != strlen(key) || !is_text(name))
            return 0;
    }
    return 1;
}

static int is_granted(const wish *w, const json_t *value)
{
    double number = json_number_value(value);

    if (json_is_null(value))
        return w->null;
    switch (w->kind) {
    case TEXT:
        return is_text(value);
    case NUMBER:
        return json_is_number(value) && number >= w->least && number <= w->most;
    case SHARE:
        return json_is_number(value) && number > 0 && number <= 1;
    case COUNT:
        return json_is_integer(value) && number >= w->least && number <= w->most;
    case CROP:
        return is_crop(value);
    case SOURCE:
        return is_one_of(value, "photo", "seed");
    case MASK_USE:
        return is_one_of(value, "directions", "blend");
    case NAMES:
        return are_names(value);
    }
    return 0;
}

static const wish *wish_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        if (!strcmp(all[i].name, name))
            return &all[i];
    return NULL;
}

static pb_status check(const char *name, const json_t *value, pb_error *error)
{
    static const char *const expected[] = {"a text",
                                           "a number",
                                           "a number above 0 to 1",
                                           "a whole number",
                                           "[x, y, width, height], \"auto\" or null",
                                           "\"photo\" or \"seed\"",
                                           "\"directions\" or \"blend\"",
                                           "names of directions"};
    const wish *w = wish_of(name);

    if (!w)
        return pb_fail(error, PB_INVALID, "there is no setting \"%.40s\"", name);
    if (is_granted(w, value))
        return PB_OK;
    return w->least < w->most
               ? pb_fail(error, PB_INVALID, "%s: expected %s from %g to %g", name,
                         expected[w->kind], w->least, w->most)
               : pb_fail(error, PB_INVALID, "%s: expected %s", name, expected[w->kind]);
}

pb_status pb_wishes_change(json_t *wishes, const json_t *change, int *same, pb_error *error)
{
    const char *name;
    json_t *value;

    *same = 1;
    if (!json_is_object(change))
        return pb_fail(error, PB_INVALID, "settings: expected an object");
    json_object_foreach((json_t *)change, name, value) PB_TRY(check(name, value, error));
    json_object_foreach((json_t *)change, name, value)
    {
        if (strcmp(name, "names") && !json_equal(value, json_object_get(wishes, name)))
            *same = 0;
        json_object_set(wishes, name, value);
    }
    return PB_OK;
}

const char *pb_wish_text(const json_t *wishes, const char *name)
{
    return json_string_value(json_object_get(wishes, name));
}

double pb_wish_number(const json_t *wishes, const char *name)
{
    const json_t *value = json_object_get(wishes, name);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

pb_crop pb_wish_crop(const json_t *wishes)
{
    json_t *value = json_object_get(wishes, "crop");
    json_int_t box[4];

    if (json_is_string(value))
        return (pb_crop){.kind = PB_CROP_FACE};
    if (json_unpack(value, "[I, I, I, I]", &box[0], &box[1], &box[2], &box[3]))
        return (pb_crop){.kind = PB_CROP_FIT};
    return (pb_crop){.kind = PB_CROP_AREA,
                     .area = {(long)box[0], (long)box[1], (size_t)box[2], (size_t)box[3]}};
}

pb_status pb_wish_weights(const json_t *weights, size_t directions, size_t most, size_t *number,
                          double *weight, size_t *count, double *strength, pb_error *error)
{
    double squares = 0;
    size_t known = 0;

    if (!json_is_object(weights))
        return pb_fail(error, PB_INVALID, "weights: expected {\"0\": 0.5, …}");
    *count = 0;
    for (size_t i = 0; i < directions; i++) {
        char key[24];
        const json_t *value;
        snprintf(key, sizeof key, "%zu", i);
        value = json_object_get(weights, key);
        if (!value)
            continue;
        known++;
        if (!json_is_number(value) || !(fabs(json_number_value(value)) <= 1))
            return pb_fail(error, PB_INVALID, "weight %zu: expected a number from -1 to 1", i);
        if (fabs(json_number_value(value)) < LEAST)
            continue;
        if (*count == most)
            return pb_fail(error, PB_INVALID, "weights: expected at most %zu", most);
        number[*count] = i;
        weight[(*count)++] = json_number_value(value);
        squares += json_number_value(value) * json_number_value(value);
    }
    if (known < json_object_size(weights))
        return pb_fail(error, PB_INVALID, "weights: expected those of directions 0 to %zu",
                       directions - 1);
    *strength = fmin(sqrt(squares), 1);
    return PB_OK;
}
