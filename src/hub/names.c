#include "hub/names.h"

#include <ctype.h>
#include <string.h>

#include "hub/hub.h"

#define LONGEST 96 /* letters of an owner and of a name */

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* One of the two parts of a repository's name; "--" is what the cache puts between them. */
static bool is_part(const char *text, size_t length)
{
    if (length == 0 || length > LONGEST || text[0] == '.' || text[0] == '-' ||
        text[length - 1] == '.' || text[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_plain(text[i]) ||
            (i && text[i] == text[i - 1] && (text[i] == '.' || text[i] == '-')))
            return false;
    return true;
}

bool pb_hub_is_path(const char *name)
{
    for (const char *at = name;; at++) {
        const size_t n = strcspn(at, "/");
        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)at[i] < ' ' || at[i] == 127 || at[i] == '\\')
                return false;
        at += n;
        if (!*at)
            return true;
    }
}

bool pb_hub_is_hash(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

pb_status pb_hub_check(const pb_hub_request *request, pb_error *error)
{
    const char *name = request->repository, *slash = strchr(name, '/');
    const char *revision = request->revision, *variant = request->variant;

    if (!slash || !is_part(name, (size_t)(slash - name)) || !is_part(slash + 1, strlen(slash + 1)))
        return pb_fail(
            error, PB_INVALID,
            "\"%s\" is no name of a repository: expected OWNER/NAME, of letters, digits, "
            "\"-\", \"_\" and \".\"%s",
            name, strstr(name, "://") ? " (of an address what follows the hub's name)" : "");
    if (revision && (!pb_hub_is_path(revision) || strlen(revision) > 250))
        return pb_fail(error, PB_INVALID,
                       "\"%s\" is no revision: expected the name of a branch or a tag, or a commit",
                       revision);
    for (size_t i = 0; variant && variant[i]; i++)
        if (!is_plain(variant[i]) || variant[i] == '.')
            return pb_fail(error, PB_INVALID,
                           "\"%s\" is no variant: expected letters and digits, as fp16", variant);
    return PB_OK;
}
