#include "hub/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/variable.h"
#include "models/cache.h"

#define BLANKS " \t\r\n"

/* As huggingface_hub reads them. */
static bool is_true(const char *name)
{
    static const char *const words[] = {"1", "ON", "YES", "TRUE"};
    const char *value = pb_variable(name);

    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(value, words[i]))
            return true;
    return false;
}

static pb_status check_offline(pb_error *error)
{
    static const char *const names[] = {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_true(names[i]))
            return pb_fail(error, PB_IO, "%s is set: nothing is fetched", names[i]);
    return PB_OK;
}

static pb_status read_endpoint(char **out, pb_error *error)
{
    const char *value = pb_variable("HF_ENDPOINT");
    size_t length;

    *out = pb_strdup(value ? value : PB_HUB_ENDPOINT);
    if (!*out)
        return pb_fail_memory(error, 100, "an address");
    length = strlen(*out);
    while (length && (*out)[length - 1] == '/')
        (*out)[--length] = '\0';
    if ((strncmp(*out, "http://", 7) && strncmp(*out, "https://", 8)) ||
        strpbrk(*out, BLANKS "?#@"))
        return pb_fail(error, PB_INVALID, "HF_ENDPOINT: %s: expected https://HOST", *out);
    return PB_OK;
}

/* What may stand in a header of a request, and not begin another. */
static pb_status take_token(char **out, const char *text, const char *from, pb_error *error)
{
    const char *begin = text + strspn(text, BLANKS);
    size_t length = strcspn(begin, BLANKS);

    if (begin[length + strspn(begin + length, BLANKS)])
        return pb_fail(error, PB_INVALID, "%s: expected a token, one word", from);
    for (size_t i = 0; i < length; i++)
        if (begin[i] < '!' || begin[i] > '~')
            return pb_fail(error, PB_INVALID, "%s: expected a token, of letters and digits", from);
    *out = length ? pb_sprintf("%.*s", (int)length, begin) : NULL;
    return *out || !length ? PB_OK : pb_fail_memory(error, length, "a token");
}

/* The file that logging in with Python's tools writes. */
static pb_status read_token_file(char **out, pb_error *error)
{
    const char *named = pb_variable("HF_TOKEN_PATH");
    char *home = named ? NULL : pb_cache_home(), text[1024];
    char *path = named ? pb_cache_expand(named) : home ? pb_sprintf("%s/token", home) : NULL;
    FILE *file = path ? fopen(path, "re") : NULL;
    pb_status status = path ? PB_OK : pb_fail_memory(error, 100, "a path");
    size_t n;

    if (file) {
        n = fread(text, 1, sizeof text - 1, file);
        text[n] = '\0';
        status = ferror(file) ? pb_fail_system(error, path, "cannot read")
                              : take_token(out, text, path, error);
        fclose(file);
    } else if (path && errno != ENOENT && errno != ENOTDIR)
        status = pb_fail_system(error, path, "cannot open");
    pb_free(path);
    pb_free(home);
    return status;
}

static pb_status read_token(char **out, pb_error *error)
{
    static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};

    if (is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return PB_OK;
    for (size_t i = 0; !*out && i < sizeof names / sizeof *names; i++)
        if (pb_variable(names[i]))
            PB_TRY(take_token(out, pb_variable(names[i]), names[i], error));
    return *out ? PB_OK : read_token_file(out, error);
}

pb_status pb_hub_settings_read(pb_hub_settings *settings, pb_error *error)
{
    *settings = (pb_hub_settings){0};
    PB_TRY(check_offline(error));
    PB_TRY(read_endpoint(&settings->endpoint, error));
    return read_token(&settings->token, error);
}

void pb_hub_settings_clear(pb_hub_settings *settings)
{
    pb_free(settings->endpoint);
    pb_free(settings->token);
    *settings = (pb_hub_settings){0};
}
