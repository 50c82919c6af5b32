#include "studio/result.h"

#include <stdlib.h>
#include <string.h>

#include "base/ending.h"

pb_status pb_result_add(pb_result *r, const pb_studio *s, const pb_point *point,
                        const pb_directions *directions, const pb_photo *photo,
                        const pb_edit_options *options, const pb_run *run, pb_error *error)
{
    pb_edit_options o = *options;
    size_t i = r->count;

    if (i == PB_EDIT_MODES)
        return pb_fail(error, PB_INVALID, "at most %d edits side by side", PB_EDIT_MODES);
    if (r->made == PB_MADE_PICTURE) {
        o.stages = 1;
        o.sides = o.sides == PB_EDIT_BACKWARDS ? PB_EDIT_BACKWARDS : PB_EDIT_FORWARDS;
    }
    PB_TRY(pb_session_edit(s->session, point, directions, &o, &r->edits[i], run, error));
    r->strips[i] = (pb_strip){
        .edit = &r->edits[i], .point = point, .basis = &directions->basis, .photo = photo};
    r->count++;
    for (i = 0; r->count > 1 && i < r->count; i++)
        r->strips[i].label = pb_edit_mode_name(r->edits[i].mode);
    return PB_OK;
}

void pb_result_clear(pb_result *r)
{
    for (size_t i = 0; i < PB_EDIT_MODES; i++)
        pb_edit_clear(&r->edits[i]);
    *r = (pb_result){0};
}

/* -- names ----------------------------------------------------------------------------------- */

char *pb_name_beside(const char *photo, const char *what)
{
    static const char *const kept[] = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"};
    static const char *const lossy[] = {".heic", ".heif", ".avif", ".jxl"};
    const char *dot = strrchr(photo, '.'), *slash = strrchr(photo, '/'), *ending = ".png";
    int is_photo = strcmp(what, "strip") != 0; /* which is a figure */
    int named = dot && (!slash || dot > slash + 1) && dot != photo;
    char *name = NULL;

    for (size_t i = 0; named && is_photo && i < G_N_ELEMENTS(kept); i++)
        if (!g_ascii_strcasecmp(dot, kept[i]))
            ending = dot;
    for (size_t i = 0; named && is_photo && i < G_N_ELEMENTS(lossy); i++)
        if (!g_ascii_strcasecmp(dot, lossy[i]))
            ending = ".jpg";
    for (int i = 1; !name || g_file_test(name, G_FILE_TEST_EXISTS); i++) {
        char *number = i > 1 ? g_strdup_printf("-%d", i) : g_strdup("");
        g_free(name);
        name = g_strdup_printf("%.*s-%s%s%s", (int)(named ? (size_t)(dot - photo) : strlen(photo)),
                               photo, what, number, ending);
        g_free(number);
    }
    return name;
}

/* A stage's file in a folder; g_free. */
static char *stage_path(const pb_result *r, size_t d, long stage)
{
    const pb_edit *edit = r->strips[0].edit;
    char *direction = pb_edit_name(edit, d);
    char *name =
        stage ? g_strdup_printf("%s-%s-%02ld.png", direction ? direction : "",
                                stage < 0 ? "minus" : "plus", labs(pb_edit_iteration(edit, stage)))
              : g_strdup("reconstruction.png");
    char *path = g_build_filename(r->out, name, NULL);

    pb_text_free(direction);
    g_free(name);
    return path;
}

static char *strip_path(const pb_result *r)
{
    return g_build_filename(r->out, "strip.png", NULL);
}

char **pb_result_paths(const pb_result *r)
{
    const pb_edit *edit = r->strips[0].edit;
    GPtrArray *paths = g_ptr_array_new();
    long stages = (long)edit->stages;

    if (r->made != PB_MADE_FOLDER)
        g_ptr_array_add(paths, g_strdup(r->out));
    else {
        g_ptr_array_add(paths, strip_path(r));
        for (size_t d = 0; d < edit->count; d++)
            for (long stage = -stages; stage <= stages; stage++)
                g_ptr_array_add(paths, stage_path(r, d, stage));
    }
    g_ptr_array_add(paths, NULL);
    return (char **)g_ptr_array_free(paths, FALSE);
}

/* -- files ----------------------------------------------------------------------------------- */

/* One edited picture: into the photo, or as it is. */
static pb_status write_picture(const pb_result *r, size_t d, long stage, const char *settings,
                               const char *path, const pb_run *run, pb_error *error)
{
    const pb_strip *strip = &r->strips[0];
    const float *picture = pb_edit_picture(strip->edit, d, stage);
    const size_t *shape = strip->edit->pictures.shape;
    const pb_tensor one = {
        .rank = 4, .shape = {1, shape[1], shape[2], shape[3]}, .data = (float *)picture};
    char *lost, *text;
    pb_status status;

    if (!r->pasted)
        return pb_write_pictures(&one, path, settings, error);
    status = pb_strip_paste(strip, picture, path, settings, r->quality, &lost, error);
    if (lost && run && run->warn) {
        text = g_strdup_printf("%s does not keep all of the photo: %s", path, lost);
        run->warn(run->context, text);
        g_free(text);
    }
    g_free(lost);
    return status;
}

/* Every stage as a file of its own, and the strip. */
static pb_status write_folder(const pb_result *r, const pb_studio *studio, const char *settings,
                              const pb_run *run, pb_error *error)
{
    const pb_edit *edit = r->strips[0].edit;
    long stages = (long)edit->stages;
    char *path = strip_path(r);
    pb_status status = pb_strip_write(1, r->strips, studio, path, error);

    g_free(path);
    for (size_t d = 0; d < edit->count; d++)
        for (long stage = -stages; status == PB_OK && stage <= stages; stage++) {
            path = stage_path(r, d, stage);
            status = write_picture(r, d, stage, settings, path, run, error);
            g_free(path);
        }
    return status;
}

pb_status pb_result_write(const pb_result *r, const pb_studio *studio, const pb_run *run,
                          pb_error *error)
{
    const pb_edit *edit = r->strips[0].edit;
    int array = r->made != PB_MADE_FOLDER && pb_has_ending(r->out, ".npy");
    char *settings;
    pb_status status;

    if (r->made == PB_MADE_STRIP)
        return array ? pb_npy_write(&edit->pictures, r->out, error)
                     : pb_strip_write(r->count, r->strips, studio, r->out, error);
    settings = array ? NULL : pb_strip_settings(&r->strips[0], studio);
    if (r->made == PB_MADE_FOLDER)
        status = write_folder(r, studio, settings, run, error);
    else
        status = write_picture(r, 0, edit->stages ? 1 : 0, settings, r->out, run, error);
    free(settings);
    return status;
}
