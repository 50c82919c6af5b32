#include "io/getattr.h"

#include <string.h>

#include "io/harmful.h"

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_capital(c) || (c >= 'a' && c <= 'z');
}

bool pb_is_getattr(const pb_pickled *value)
{
    return pb_pickled_is(value, "builtins.getattr") || pb_pickled_is(value, "__builtin__.getattr");
}

/* What getattr was called with, if that is what the value came of; or NULL. */
static const pb_pickled *found_by(const pb_pickled *value)
{
    return value->kind == PB_PICKLED_CALL && pb_is_getattr(value->callee) ? value->argument : NULL;
}

static bool is_class(const pb_pickled *value)
{
    const pb_pickled *arguments = found_by(value);
    const char *dot;

    if (arguments)
        return is_capital(*arguments->items[1]->text);
    dot = value->kind == PB_PICKLED_GLOBAL ? strrchr(value->text, '.') : NULL;
    return dot && is_capital(dot[1]);
}

/* As members are called, without anything that Python has a meaning of its own for. */
static bool is_plain(const char *name)
{
    const char *at = name;

    while (is_letter(*at) || (at > name && (*at == '_' || (*at >= '0' && *at <= '9'))))
        at++;
    return at > name && !*at;
}

bool pb_is_getattr_harmless(const pb_pickled *arguments)
{
    const pb_pickled *name;

    if (arguments->kind != PB_PICKLED_TUPLE || arguments->count != 2)
        return false;
    name = arguments->items[1];
    return is_class(arguments->items[0]) && name->kind == PB_PICKLED_TEXT && is_plain(name->text) &&
           !pb_is_harmful_module(name->text, strlen(name->text));
}

bool pb_is_found_callable(const pb_pickled *callee)
{
    return !found_by(callee) || is_class(callee);
}
