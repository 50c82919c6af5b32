#include "io/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain.h"

size_t pb_fields_entries(size_t count, const pb_field *fields, const void *structure,
                         pb_metadata *entries, pb_number_text *texts)
{
    size_t filled = 0;

    for (size_t i = 0; i < count; i++) {
        const pb_field *f = &fields[i];
        const void *place = (const char *)structure + f->at;
        char *text = texts[i].text;
        const char *value = text;
        switch (f->kind) {
        case PB_FIELD_TEXT:
            value = *(char *const *)place;
            break;
        case PB_FIELD_REAL:
        case PB_FIELD_FRACTION:
            pb_plain_print(text, sizeof texts->text, "%.17g", *(const double *)place);
            break;
        case PB_FIELD_COUNT:
            snprintf(text, sizeof texts->text, "%zu", *(const size_t *)place);
            if ((double)*(const size_t *)place < f->least)
                value = NULL;
            break;
        case PB_FIELD_LABEL:
            snprintf(text, sizeof texts->text, "%ld", *(const long *)place);
            break;
        case PB_FIELD_FLAG:
            snprintf(text, sizeof texts->text, "%d", *(const int *)place);
            break;
        }
        if (value)
            entries[filled++] = (pb_metadata){f->key, value};
    }
    return filled;
}

/* -- reading --------------------------------------------------------------------------------- */

static pb_status read_number(double *value, const pb_field *f, const char *text, const char *path,
                             pb_error *error)
{
    bool whole = f->kind != PB_FIELD_REAL && f->kind != PB_FIELD_FRACTION;
    char *end;

    *value = pb_plain_number(text, &end);
    if (f->kind == PB_FIELD_FRACTION && isnan(*value) && end != text && !*end)
        return PB_OK;
    if (end == text || *end || !(*value >= f->least && *value <= f->most) ||
        (whole && *value != floor(*value)))
        return pb_fail(error, PB_FORMAT,
                       "%s: %s in the metadata: expected a %snumber from %.17g to %.17g, found "
                       "\"%.80s\"",
                       path, f->key, whole ? "whole " : "", f->least, f->most, text);
    return PB_OK;
}

static pb_status read_field(void *place, const pb_field *f, const char *text, const char *path,
                            pb_error *error)
{
    double value;

    if (f->kind == PB_FIELD_TEXT)
        return pb_set_text(place, text, "metadata", error);
    PB_TRY(read_number(&value, f, text, path, error));
    switch (f->kind) {
    case PB_FIELD_COUNT:
        *(size_t *)place = (size_t)value;
        break;
    case PB_FIELD_LABEL:
        *(long *)place = (long)value;
        break;
    case PB_FIELD_FLAG:
        *(int *)place = value != 0;
        break;
    default:
        *(double *)place = value;
    }
    return PB_OK;
}

pb_status pb_fields_read(size_t count, const pb_field *fields, void *structure,
                         const pb_weights *file, const char *path, pb_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = pb_weights_metadata(file, fields[i].key);
        if (!text && fields[i].needed)
            return pb_fail(error, PB_FORMAT, "%s: no \"%s\" in the metadata", path, fields[i].key);
        if (text)
            PB_TRY(read_field((char *)structure + fields[i].at, &fields[i], text, path, error));
    }
    return PB_OK;
}

/* -- texts ----------------------------------------------------------------------------------- */

void pb_fields_clear(size_t count, const pb_field *fields, void *structure)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == PB_FIELD_TEXT) {
            char **text = (char **)((char *)structure + fields[i].at);
            pb_free(*text);
            *text = NULL;
        }
}

pb_status pb_fields_copy(size_t count, const pb_field *fields, void *to, const void *from,
                         pb_error *error)
{
    pb_status status = PB_OK;

    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == PB_FIELD_TEXT) {
            char **place = (char **)((char *)to + fields[i].at);
            const char *text = *(char *const *)((const char *)from + fields[i].at);
            *place = NULL;
            if (text && status == PB_OK)
                status = pb_set_text(place, text, "metadata", error);
        }
    return status;
}
