#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    return posix_memalign(&memory, PB_ALIGNMENT, bytes) ? NULL : memory;
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

char *pb_sprintf(const char *format, ...)
{
    va_list arguments;
    char *text;
    int n;

    va_start(arguments, format);
    n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (n < 0 || !(text = pb_malloc((size_t)n + 1, 1)))
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)n + 1, format, arguments);
    va_end(arguments);
    return text;
}

pb_status pb_fail_memory(pb_error *error, size_t bytes, const char *what)
{
    return pb_fail(error, PB_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}
