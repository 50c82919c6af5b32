/* See Lib/pickletools.py of Python for the opcodes. Those of protocols 0 and 1 alone are missing,
 * and those that need an agreement beside the file (extension codes, buffers out of band). */
#include "io/pickle.h"

#include <string.h>

#include "base/memory.h"
#include "io/getattr.h"
#include "io/harmful.h"
#include "io/pickle_machine.h"

#define TEXT_MOST ((size_t)65536) /* of strings that are kept */

struct pb_pickle {
    pb_pool pool; /* of all values */
    const pb_pickled *value;
};

/* -- opcodes: values --------------------------------------------------------------------------- */

typedef pb_status perform(pb_machine *m, unsigned char opcode, pb_error *error);

/* None, false, true, and what has an operand whose value is of no use. */
static pb_status do_other(pb_machine *m, unsigned char opcode, pb_error *error)
{
    const unsigned char *bytes;
    pb_pickled *value;
    size_t count;

    switch (opcode) {
    case 'G': /* a real number */
        PB_TRY(pb_machine_operand(m, 8, &bytes, error));
        break;
    case 'C': /* bytes */
        PB_TRY(pb_machine_counted(m, 1, &bytes, &count, error));
        break;
    case 'B':
        PB_TRY(pb_machine_counted(m, 4, &bytes, &count, error));
        break;
    case 0x8E:
    case 0x96:
        PB_TRY(pb_machine_counted(m, 8, &bytes, &count, error));
        break;
    }
    return pb_machine_push_new(m, PB_PICKLED_OTHER, &value, error);
}

static pb_status push_integer(pb_machine *m, int64_t integer, pb_error *error)
{
    pb_pickled *value;

    PB_TRY(pb_machine_push_new(m, PB_PICKLED_INTEGER, &value, error));
    value->integer = integer;
    return PB_OK;
}

static pb_status do_integer(pb_machine *m, unsigned char opcode, pb_error *error)
{
    uint64_t n;

    PB_TRY(pb_machine_number(m, opcode == 'K' ? 1 : opcode == 'M' ? 2 : 4, &n, error));
    return push_integer(m, opcode == 'J' ? (int32_t)(uint32_t)n : (int64_t)n, error);
}

/* Of any number of bytes, in two's complement. */
static pb_status do_long(pb_machine *m, unsigned char opcode, pb_error *error)
{
    const unsigned char *bytes;
    uint64_t n;
    size_t count;

    PB_TRY(pb_machine_counted(m, opcode == 0x8A ? 1 : 4, &bytes, &count, error));
    if (count > 8)
        return do_other(m, 'N', error);
    n = count && bytes[count - 1] & 0x80 ? UINT64_MAX : 0;
    while (count-- > 0)
        n = n << 8 | bytes[count];
    return push_integer(m, (int64_t)n, error);
}

/* Joins two texts, the second of which may be empty, by a dot. */
static pb_status keep_text(pb_machine *m, const char *text, size_t count, const char *second,
                           size_t second_count, const char **out, pb_error *error)
{
    void *memory = NULL;
    char *at;

    PB_TRY(pb_machine_take(m, count + second_count + 2, &memory, error));
    at = memory;
    *out = at;
    memcpy(at, text, count);
    at += count;
    if (second_count) {
        *at++ = '.';
        memcpy(at, second, second_count);
        at += second_count;
    }
    *at = '\0';
    return PB_OK;
}

static pb_status do_text(pb_machine *m, unsigned char opcode, pb_error *error)
{
    const size_t width = opcode == 0x8C || opcode == 'U' ? 1 : opcode == 0x8D ? 8 : 4;
    const unsigned char *bytes;
    pb_pickled *value;
    size_t count;

    PB_TRY(pb_machine_counted(m, width, &bytes, &count, error));
    if (count > TEXT_MOST || memchr(bytes, '\0', count))
        return do_other(m, 'N', error);
    PB_TRY(pb_machine_push_new(m, PB_PICKLED_TEXT, &value, error));
    return keep_text(m, (const char *)bytes, count, NULL, 0, &value->text, error);
}

/* -- opcodes: collections ---------------------------------------------------------------------- */

static pb_status do_empty(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *value;

    return pb_machine_push_new(m,
                               opcode == '}'   ? PB_PICKLED_DICT
                               : opcode == ']' ? PB_PICKLED_LIST
                               : opcode == ')' ? PB_PICKLED_TUPLE
                                               : PB_PICKLED_OTHER,
                               &value, error);
}

static pb_status do_tuple(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *value, **from;
    size_t count = (size_t)(opcode - 0x84);

    if (opcode == 't') {
        PB_TRY(pb_machine_pop_mark(m, &from, &count, error));
    } else {
        PB_TRY(pb_machine_need(m, count, error));
        m->depth -= count;
        from = m->stack + m->depth;
    }
    PB_TRY(pb_machine_value(m, PB_PICKLED_TUPLE, &value, error));
    for (size_t i = 0; i < count; i++)
        PB_TRY(pb_machine_add(m, value, from[i], error));
    return pb_machine_push(m, value, error);
}

/* A set of what was marked. */
static pb_status do_frozen(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled **from;
    size_t count;

    PB_TRY(pb_machine_pop_mark(m, &from, &count, error));
    (void)opcode;
    return do_other(m, 'N', error);
}

/* Puts values into the collection on the stack. What a call returned has items like a dict; what
 * becomes of anything else is of no use. */
static pb_status put(pb_machine *m, bool pairs, pb_pickled **values, size_t count, pb_error *error)
{
    pb_pickled *to;

    PB_TRY(pb_machine_need(m, 1, error));
    to = pb_machine_top(m);
    if (pairs && count % 2)
        return PB_MACHINE_FAIL(PB_FORMAT, "expected keys and values, found %zu of both", count);
    to->altered = to->kind == PB_PICKLED_CALL;
    if (pairs ? to->kind != PB_PICKLED_DICT && to->kind != PB_PICKLED_CALL
              : to->kind != PB_PICKLED_LIST)
        return to->kind == PB_PICKLED_OTHER || to->kind == PB_PICKLED_CALL
                   ? PB_OK
                   : PB_MACHINE_FAIL(PB_FORMAT, "expected a collection, found %.80s",
                                     pb_pickled_word(to));
    for (size_t i = 0; i < count; i++)
        PB_TRY(pb_machine_add(m, to, values[i], error));
    return PB_OK;
}

static pb_status do_put_marked(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled **values;
    size_t count;

    PB_TRY(pb_machine_pop_mark(m, &values, &count, error));
    return put(m, opcode == 'u', values, count, error);
}

static pb_status do_put(pb_machine *m, unsigned char opcode, pb_error *error)
{
    const size_t count = opcode == 's' ? 2 : 1;

    PB_TRY(pb_machine_need(m, count + 1, error));
    m->depth -= count;
    return put(m, opcode == 's', m->stack + m->depth, count, error);
}

/* -- opcodes: names and calls ------------------------------------------------------------------ */

static pb_status fail_harm(const pb_machine *m, const char *global, pb_error *error)
{
    return pb_fail(error, PB_UNSUPPORTED, "%s: names %s: not a file of tensors", m->path, global);
}

/* Counts it where it is getattr: a call that it may be in takes it off again, and in the end none
 * is left. */
static void count_getter(pb_machine *m, const pb_pickled *pushed)
{
    m->getters += pb_is_getattr(pushed);
}

static pb_status push_global(pb_machine *m, const char *module, size_t module_count,
                             const char *name, size_t name_count, pb_error *error)
{
    pb_pickled *value;

    if (memchr(module, '\0', module_count) || memchr(name, '\0', name_count) || !module_count ||
        !name_count)
        return PB_MACHINE_FAIL(PB_FORMAT, "expected the name of something in a module");
    PB_TRY(pb_machine_push_new(m, PB_PICKLED_GLOBAL, &value, error));
    PB_TRY(keep_text(m, module, module_count, name, name_count, &value->text, error));
    count_getter(m, value);
    return pb_is_harmful(value->text, module_count) && !pb_is_getattr(value)
               ? fail_harm(m, value->text, error)
               : PB_OK;
}

static pb_status do_global(pb_machine *m, unsigned char opcode, pb_error *error)
{
    const char *module, *name;
    size_t module_count, name_count;

    (void)opcode;
    PB_TRY(pb_machine_line(m, &module, &module_count, error));
    PB_TRY(pb_machine_line(m, &name, &name_count, error));
    return push_global(m, module, module_count, name, name_count, error);
}

static pb_status do_stack_global(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *module, *name;

    (void)opcode;
    PB_TRY(pb_machine_pop(m, &name, error));
    PB_TRY(pb_machine_pop(m, &module, error));
    if (module->kind != PB_PICKLED_TEXT || name->kind != PB_PICKLED_TEXT)
        return PB_MACHINE_FAIL(PB_FORMAT, "expected the name of something in a module");
    return push_global(m, module->text, strlen(module->text), name->text, strlen(name->text),
                       error);
}

/* May this be called with these arguments? */
static pb_status check_call(pb_machine *m, unsigned char opcode, const pb_pickled *callee,
                            const pb_pickled *arguments, pb_error *error)
{
    if (!pb_is_found_callable(callee))
        return fail_harm(m, callee->callee->text, error);
    if (!pb_is_getattr(callee))
        return PB_OK;
    m->getters--;
    return opcode == 'R' && pb_is_getattr_harmless(arguments) ? PB_OK
                                                              : fail_harm(m, callee->text, error);
}

static pb_status do_call(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *named = NULL, *arguments, *callee, *value;

    if (opcode == 0x92)
        PB_TRY(pb_machine_pop(m, &named, error));
    PB_TRY(pb_machine_pop(m, &arguments, error));
    PB_TRY(pb_machine_pop(m, &callee, error));
    PB_TRY(check_call(m, opcode, callee, arguments, error));
    PB_TRY(pb_machine_push_new(m, PB_PICKLED_CALL, &value, error));
    value->callee = callee;
    value->argument = arguments;
    value->altered = named != NULL;
    return PB_OK;
}

/* A state for what lies below it. */
static pb_status do_build(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *state;

    (void)opcode;
    PB_TRY(pb_machine_pop(m, &state, error));
    PB_TRY(pb_machine_need(m, 1, error));
    pb_machine_top(m)->altered = true;
    return PB_OK;
}

static pb_status do_persistent(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *name, *value;

    (void)opcode;
    PB_TRY(pb_machine_pop(m, &name, error));
    PB_TRY(pb_machine_push_new(m, PB_PICKLED_PERSISTENT, &value, error));
    value->argument = name;
    return PB_OK;
}

/* -- opcodes: stack and memory ----------------------------------------------------------------- */

static pb_status do_stack(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *value, **values;
    size_t count;

    if (opcode == '1') /* all down to the mark */
        return pb_machine_pop_mark(m, &values, &count, error);
    if (opcode == '0' && m->mark_count && m->depth == m->marks[m->mark_count - 1])
        return pb_machine_pop_mark(m, &values, &count, error);
    if (opcode == '0')
        return pb_machine_pop(m, &value, error);
    PB_TRY(pb_machine_need(m, 1, error)); /* '2': once more */
    count_getter(m, pb_machine_top(m));
    return pb_machine_push(m, pb_machine_top(m), error);
}

static pb_status do_mark(pb_machine *m, unsigned char opcode, pb_error *error)
{
    (void)opcode;
    return pb_machine_mark(m, error);
}

/* Under the next number with 0x94. */
static pb_status do_memo_put(pb_machine *m, unsigned char opcode, pb_error *error)
{
    uint64_t n = m->memo_count;

    if (opcode != 0x94)
        PB_TRY(pb_machine_number(m, opcode == 'q' ? 1 : 4, &n, error));
    return pb_machine_keep(m, n, error);
}

static pb_status do_memo_get(pb_machine *m, unsigned char opcode, pb_error *error)
{
    uint64_t n;

    PB_TRY(pb_machine_number(m, opcode == 'h' ? 1 : 4, &n, error));
    PB_TRY(pb_machine_push_kept(m, n, error));
    count_getter(m, pb_machine_top(m));
    return PB_OK;
}

/* How many bytes follow up to the next frame: nobody needs to know who has them all. */
static pb_status do_frame(pb_machine *m, unsigned char opcode, pb_error *error)
{
    uint64_t n;

    (void)opcode;
    return pb_machine_number(m, 8, &n, error);
}

static pb_status do_stop(pb_machine *m, unsigned char opcode, pb_error *error)
{
    pb_pickled *value;

    (void)opcode;
    PB_TRY(pb_machine_pop(m, &value, error));
    if (m->depth || m->mark_count || m->at < m->size)
        return PB_MACHINE_FAIL(PB_FORMAT,
                               "expected the end, found %zu values on the stack and %zu bytes",
                               m->depth, m->size - m->at);
    if (m->getters)
        return fail_harm(m, "builtins.getattr", error);
    m->result = value;
    return PB_OK;
}

/* Who performs which opcode; NULL: nobody. */
static perform *find(unsigned char opcode)
{
    static const struct {
        perform *performer;
        const char *opcodes;
    } table[] = {
        {do_other, "N\x88\x89GCB\x8E\x96"},
        {do_integer, "KMJ"},
        {do_long, "\x8A\x8B"},
        {do_text, "X\x8C\x8DTU"},
        {do_empty, "}])\x8F"},
        {do_tuple, "t\x85\x86\x87"},
        {do_frozen, "\x91"},
        {do_put, "as"},
        {do_put_marked, "eu\x90"},
        {do_global, "c"},
        {do_stack_global, "\x93"},
        {do_call, "R\x81\x92"},
        {do_build, "b"},
        {do_persistent, "Q"},
        {do_stack, "012"},
        {do_mark, "("},
        {do_memo_put, "qr\x94"},
        {do_memo_get, "hj"},
        {do_frame, "\x95"},
        {do_stop, "."},
    };

    for (size_t i = 0; opcode && i < sizeof table / sizeof *table; i++)
        if (strchr(table[i].opcodes, opcode))
            return table[i].performer;
    return NULL;
}

/* -- all --------------------------------------------------------------------------------------- */

static pb_status read_all(pb_machine *m, pb_error *error)
{
    if (m->size > PB_PICKLE_MOST)
        return PB_MACHINE_FAIL(PB_UNSUPPORTED, "expected at most %zu bytes, found %zu",
                               PB_PICKLE_MOST, m->size);
    if (m->size < 2 || m->bytes[0] != 0x80 || m->bytes[1] < 2 || m->bytes[1] > 5)
        return PB_MACHINE_FAIL(PB_FORMAT, "expected one of protocol 2 to 5");
    m->at = 2;
    while (!m->result) {
        perform *performer;
        unsigned char opcode;

        m->begin = m->at;
        if (m->at == m->size)
            return PB_MACHINE_FAIL(PB_FORMAT, "truncated: expected an opcode");
        opcode = m->bytes[m->at++];
        performer = find(opcode);
        if (!performer)
            return PB_MACHINE_FAIL(PB_UNSUPPORTED,
                                   "opcode 0x%02x is none that files of tensors have", opcode);
        PB_TRY(performer(m, opcode, error));
    }
    return PB_OK;
}

pb_status pb_pickle_read(pb_pickle **out, const char *path, const unsigned char *bytes, size_t size,
                         pb_error *error)
{
    pb_pickle *pickle = pb_calloc(1, sizeof *pickle);
    pb_machine m = {.path = path, .bytes = bytes, .size = size};
    pb_status status;

    *out = NULL;
    if (!pickle)
        return pb_fail_memory(error, sizeof *pickle, path);
    pickle->pool.most = PB_PICKLE_MEMORY;
    m.pool = &pickle->pool;
    status = read_all(&m, error);
    pickle->value = m.result;
    pb_machine_clear(&m);
    if (status == PB_OK)
        *out = pickle;
    else
        pb_pickle_free(pickle);
    return status;
}

void pb_pickle_free(pb_pickle *pickle)
{
    if (!pickle)
        return;
    pb_pool_clear(&pickle->pool);
    pb_free(pickle);
}

const pb_pickled *pb_pickle_value(const pb_pickle *pickle)
{
    return pickle->value;
}
