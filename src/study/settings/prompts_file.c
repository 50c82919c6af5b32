/* A file of prompts: text, one in each line. */
#include <glib.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "study/settings/settings.h"

#define MAX_PROMPTS 4096 /* every pair of them is compared */
#define MAX_TEXT ((size_t)16 << 20)

static size_t count_lines(const char *text)
{
    size_t count = 1;

    while ((text = strchr(text, '\n')) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* Cuts the text, in place, into its lines without the space around them; those that are not empty
 * go into the list. Returns how many. */
static size_t cut(char *text, char **list)
{
    size_t count = 0;
    char *next;

    for (; text; text = next) {
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        g_strstrip(text);
        if (*text)
            list[count++] = text;
    }
    return count;
}

pb_status pb_study_prompts_read(pb_study_options *o, const char *path, pb_error *error)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of byte order, as some editors begin UTF-8 */
    size_t skipped, room;
    pb_bytes bytes;

    PB_TRY(pb_file_read(&bytes, path, MAX_TEXT, error));
    pb_free(o->text);
    pb_free(o->prompts);
    o->text = (char *)bytes.data; /* handed over */
    o->prompts = NULL;
    o->prompt_count = 0;
    if (!g_utf8_validate(o->text, (gssize)bytes.size, NULL))
        return pb_fail(error, PB_FORMAT,
                       "%s: expected UTF-8 text without NUL characters, one prompt per line", path);
    skipped = g_str_has_prefix(o->text, mark) ? strlen(mark) : 0;
    room = count_lines(o->text);
    o->prompts = pb_malloc(room, sizeof *o->prompts);
    if (!o->prompts)
        return pb_fail_memory(error, room * sizeof *o->prompts, "prompts");
    o->prompt_count = cut(o->text + skipped, o->prompts);
    return o->prompt_count <= MAX_PROMPTS
               ? PB_OK
               : pb_fail(error, PB_INVALID, "%s: %zu prompts: expected at most %d", path,
                         o->prompt_count, MAX_PROMPTS);
}
