#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/plain.h"

/* Blocks from this size on lie on huge pages where the system has them: what streams through
 * memory then does not wait for translations of addresses. */
#define HUGE_PAGE ((size_t)2 << 20)
#define LARGE (2 * HUGE_PAGE)

void *pb_grow(void *list, size_t count, size_t *room, size_t size)
{
    size_t more = 2 * count + 8;
    void *grown = pb_malloc(more, size);

    if (!grown)
        return NULL;
    if (count)
        memcpy(grown, list, count * size);
    pb_free(list);
    *room = more;
    return grown;
}

char *pb_list_add(char *list, const char *name)
{
    char *longer = list ? pb_sprintf("%s, %s", list, name) : pb_strdup(name);

    pb_free(list);
    return longer;
}

int pb_mul_overflows(size_t a, size_t b, size_t *product)
{
    return __builtin_mul_overflow(a, b, product);
}

void *pb_malloc(size_t count, size_t size)
{
    size_t bytes;
    void *memory = NULL;

    if (pb_mul_overflows(count, size, &bytes))
        return NULL;
    if (bytes == 0)
        bytes = 1;
    if (posix_memalign(&memory, bytes < LARGE ? PB_ALIGNMENT : HUGE_PAGE, bytes))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= LARGE)
        madvise(memory, bytes, MADV_HUGEPAGE); /* a wish: refused, it changes nothing */
#endif
    return memory;
}

void *pb_calloc(size_t count, size_t size)
{
    void *memory = pb_malloc(count, size);

    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

void pb_free(void *memory)
{
    free(memory);
}

char *pb_strdup(const char *text)
{
    return pb_sprintf("%s", text);
}

pb_status pb_set_text(char **place, const char *text, const char *what, pb_error *error)
{
    char *copy;

    if (!text)
        text = "";
    copy = pb_strdup(text);
    if (!copy)
        return pb_fail_memory(error, strlen(text) + 1, what);
    pb_free(*place);
    *place = copy;
    return PB_OK;
}

char *pb_sprintf(const char *format, ...)
{
    va_list arguments;
    char *text;
    int n;

    va_start(arguments, format);
    n = pb_plain_vprint(NULL, 0, format, arguments);
    va_end(arguments);
    if (n < 0 || !(text = pb_malloc((size_t)n + 1, 1)))
        return NULL;
    va_start(arguments, format);
    pb_plain_vprint(text, (size_t)n + 1, format, arguments);
    va_end(arguments);
    return text;
}

pb_status pb_fail_memory(pb_error *error, size_t bytes, const char *what)
{
    return pb_fail(error, PB_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}

void pb_text_free(char *text)
{
    pb_free(text);
}
