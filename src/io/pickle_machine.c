#include "io/pickle_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/pickle.h"

void pb_machine_clear(pb_machine *m)
{
    pb_free(m->stack);
    pb_free(m->marks);
    pb_free(m->memo);
}

void pb_machine_fail(const pb_machine *m, pb_error *error, pb_status status, const char *format,
                     ...)
{
    char text[300];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    pb_fail(error, status, "%s: pickle, byte %zu: %s", m->path, m->begin, text);
}

/* -- memory ------------------------------------------------------------------------------------ */

pb_status pb_machine_take(pb_machine *m, size_t size, void **out, pb_error *error)
{
    int beyond;

    *out = pb_pool_take(m->pool, size, &beyond);
    if (*out)
        return PB_OK;
    if (beyond)
        return PB_MACHINE_FAIL(PB_UNSUPPORTED, "expected values of at most %zu bytes in all",
                               PB_PICKLE_MEMORY);
    return pb_fail_memory(error, size, m->path);
}

pb_status pb_machine_value(pb_machine *m, pb_pickled_kind kind, pb_pickled **out, pb_error *error)
{
    void *memory = NULL;

    PB_TRY(pb_machine_take(m, sizeof **out, &memory, error));
    *out = memory;
    **out = (pb_pickled){.kind = kind};
    return PB_OK;
}

pb_status pb_machine_add(pb_machine *m, pb_pickled *to, const pb_pickled *item, pb_error *error)
{
    if (to->count == to->room) {
        size_t room = to->room ? 2 * to->room : 4;
        void *memory = NULL;
        PB_TRY(pb_machine_take(m, room * sizeof *to->items, &memory, error));
        if (to->count)
            memcpy(memory, to->items, to->count * sizeof *to->items);
        to->items = memory;
        to->room = room;
    }
    to->items[to->count++] = item;
    return PB_OK;
}

/* -- the stack --------------------------------------------------------------------------------- */

pb_status pb_machine_push(pb_machine *m, pb_pickled *value, pb_error *error)
{
    if (m->depth == PB_PICKLE_VALUES)
        return PB_MACHINE_FAIL(PB_UNSUPPORTED, "expected a stack of at most %zu values",
                               PB_PICKLE_VALUES);
    if (m->depth == m->stack_room) {
        void *grown = pb_grow(m->stack, m->depth, &m->stack_room, sizeof(pb_pickled *));
        if (!grown)
            return pb_fail_memory(error, 2 * m->depth * sizeof(pb_pickled *), m->path);
        m->stack = grown;
    }
    m->stack[m->depth++] = value;
    return PB_OK;
}

pb_status pb_machine_push_new(pb_machine *m, pb_pickled_kind kind, pb_pickled **out,
                              pb_error *error)
{
    PB_TRY(pb_machine_value(m, kind, out, error));
    return pb_machine_push(m, *out, error);
}

pb_status pb_machine_need(const pb_machine *m, size_t count, pb_error *error)
{
    size_t floor = m->mark_count ? m->marks[m->mark_count - 1] : 0;

    if (m->depth - floor < count)
        return PB_MACHINE_FAIL(PB_FORMAT, "expected %zu values on the stack, found %zu", count,
                               m->depth - floor);
    return PB_OK;
}

pb_status pb_machine_pop(pb_machine *m, pb_pickled **out, pb_error *error)
{
    PB_TRY(pb_machine_need(m, 1, error));
    *out = m->stack[--m->depth];
    return PB_OK;
}

pb_pickled *pb_machine_top(const pb_machine *m)
{
    return m->stack[m->depth - 1];
}

pb_status pb_machine_pop_mark(pb_machine *m, pb_pickled ***values, size_t *count, pb_error *error)
{
    if (m->mark_count == 0)
        return PB_MACHINE_FAIL(PB_FORMAT, "expected a mark on the stack, found none");
    *count = m->depth - m->marks[m->mark_count - 1];
    m->depth = m->marks[--m->mark_count];
    *values = m->stack ? m->stack + m->depth : NULL;
    return PB_OK;
}

pb_status pb_machine_mark(pb_machine *m, pb_error *error)
{
    if (m->mark_count == PB_PICKLE_VALUES)
        return PB_MACHINE_FAIL(PB_UNSUPPORTED, "expected at most %zu marks", PB_PICKLE_VALUES);
    if (m->mark_count == m->mark_room) {
        void *grown = pb_grow(m->marks, m->mark_count, &m->mark_room, sizeof *m->marks);
        if (!grown)
            return pb_fail_memory(error, 2 * m->mark_count * sizeof *m->marks, m->path);
        m->marks = grown;
    }
    m->marks[m->mark_count++] = m->depth;
    return PB_OK;
}

pb_status pb_machine_keep(pb_machine *m, uint64_t n, pb_error *error)
{
    PB_TRY(pb_machine_need(m, 1, error));
    if (n >= PB_PICKLE_VALUES)
        return PB_MACHINE_FAIL(PB_UNSUPPORTED,
                               "expected at most %zu values in memory, found number %ju",
                               PB_PICKLE_VALUES, (uintmax_t)n);
    while (n >= m->memo_room) {
        size_t before = m->memo_room;
        void *grown = pb_grow(m->memo, before, &m->memo_room, sizeof(pb_pickled *));
        if (!grown)
            return pb_fail_memory(error, 2 * before * sizeof(pb_pickled *), m->path);
        m->memo = grown;
        memset(m->memo + before, 0, (m->memo_room - before) * sizeof(pb_pickled *));
    }
    m->memo_count += !m->memo[n];
    m->memo[n] = pb_machine_top(m);
    return PB_OK;
}

pb_status pb_machine_push_kept(pb_machine *m, uint64_t n, pb_error *error)
{
    if (n >= m->memo_room || !m->memo[n])
        return PB_MACHINE_FAIL(PB_FORMAT, "expected a value in memory, found none of number %ju",
                               (uintmax_t)n);
    return pb_machine_push(m, m->memo[n], error);
}

/* -- operands ---------------------------------------------------------------------------------- */

pb_status pb_machine_operand(pb_machine *m, size_t count, const unsigned char **out,
                             pb_error *error)
{
    if (count > m->size - m->at)
        return PB_MACHINE_FAIL(PB_FORMAT, "truncated: expected %zu bytes, found %zu", count,
                               m->size - m->at);
    *out = m->bytes + m->at;
    m->at += count;
    return PB_OK;
}

pb_status pb_machine_number(pb_machine *m, size_t width, uint64_t *out, pb_error *error)
{
    const unsigned char *bytes;

    PB_TRY(pb_machine_operand(m, width, &bytes, error));
    *out = 0;
    while (width-- > 0)
        *out = *out << 8 | bytes[width];
    return PB_OK;
}

pb_status pb_machine_counted(pb_machine *m, size_t width, const unsigned char **out, size_t *count,
                             pb_error *error)
{
    uint64_t n;

    PB_TRY(pb_machine_number(m, width, &n, error));
    *count = n < SIZE_MAX ? (size_t)n : SIZE_MAX;
    return pb_machine_operand(m, *count, out, error);
}

pb_status pb_machine_line(pb_machine *m, const char **out, size_t *count, pb_error *error)
{
    const unsigned char *end = memchr(m->bytes + m->at, '\n', m->size - m->at);

    if (!end)
        return PB_MACHINE_FAIL(PB_FORMAT, "truncated: expected a name");
    *out = (const char *)m->bytes + m->at;
    *count = (size_t)(end - m->bytes) - m->at;
    m->at += *count + 1;
    return PB_OK;
}
