#include "text/words.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/memory.h"

/* The character at a place and its bytes; valid UTF-8. */
static utf8proc_int32_t at(const char *text, size_t length, size_t i, size_t *bytes)
{
    utf8proc_int32_t c;

    *bytes = (size_t)utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                      (utf8proc_ssize_t)(length - i), &c);
    return c;
}

bool pb_text_is_valid(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                              (utf8proc_ssize_t)(length - i), &c);
        if (n <= 0)
            return false;
        i += (size_t)n;
    }
    return true;
}

/* Unicode's White_Space. */
static bool is_space(utf8proc_int32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static bool is_letter(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);

    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

static bool is_number(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);

    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

static bool is_other(utf8proc_int32_t c)
{
    return !is_space(c) && !is_letter(c) && !is_number(c);
}

/* -- normalising ------------------------------------------------------------------------------- */

/* Writes the lower case of a character; one character's is two. Room for 8 bytes. */
static size_t write_lower(utf8proc_int32_t c, utf8proc_uint8_t *out)
{
    size_t n;

    if (c == 0x130) { /* I with a dot: i, and the dot above it */
        n = (size_t)utf8proc_encode_char('i', out);
        return n + (size_t)utf8proc_encode_char(0x307, out + n);
    }
    return (size_t)utf8proc_encode_char(utf8proc_tolower(c), out);
}

pb_status pb_text_normalise(char **out, const char *text, size_t length, pb_error *error)
{
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length,
                                         &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    size_t n = 0;
    bool space = false;
    char *lower;

    if (size < 0)
        return pb_fail_memory(error, length, "a text");
    lower = pb_malloc(3 * (size_t)size + 8, 1); /* no character grows more than that */
    if (!lower) {
        free(composed);
        return pb_fail_memory(error, 3 * (size_t)size + 8, "a text");
    }
    for (size_t i = 0, bytes; i < (size_t)size; i += bytes) {
        utf8proc_int32_t c = at((const char *)composed, (size_t)size, i, &bytes);
        if (!is_space(c))
            n += write_lower(c, (utf8proc_uint8_t *)lower + n);
        else if (!space)
            lower[n++] = ' ';
        space = is_space(c);
    }
    lower[n] = '\0';
    free(composed);
    *out = lower;
    return PB_OK;
}

/* -- words ------------------------------------------------------------------------------------- */

/* The bytes of an English ending at the beginning of the text, or 0. */
static size_t ending(const char *text, size_t length)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (n <= length && !memcmp(text, endings[i], n))
            return n;
    }
    return 0;
}

/* The bytes of a run of characters of a kind. */
static size_t run(const char *text, size_t length, bool (*kind)(utf8proc_int32_t))
{
    size_t i = 0, bytes;

    while (i < length && kind(at(text, length, i, &bytes)))
        i += bytes;
    return i;
}

size_t pb_text_space_before(const char *text, size_t length)
{
    return run(text, length, is_space);
}

size_t pb_text_space_behind(const char *text, size_t length)
{
    size_t end = length, bytes;

    while (end > 0) {
        size_t i = end - 1;
        while (i > 0 && ((unsigned char)text[i] & 0xC0) == 0x80) /* within a character */
            i--;
        if (!is_space(at(text, length, i, &bytes)))
            break;
        end = i;
    }
    return length - end;
}

size_t pb_text_word(const char *text, size_t length, size_t *begin)
{
    size_t i = run(text, length, is_space), bytes, n;
    utf8proc_int32_t c;

    *begin = i;
    if (i == length)
        return 0;
    n = ending(text + i, length - i);
    if (n)
        return n;
    c = at(text, length, i, &bytes);
    if (is_number(c))
        return bytes;
    return run(text + i, length - i, is_letter(c) ? is_letter : is_other);
}
