#include "io/pickled.h"

#include <string.h>

const pb_pickled *pb_pickled_find(const pb_pickled *dict, const char *key)
{
    for (size_t i = dict->count / 2; i-- > 0;)
        if (dict->items[2 * i]->kind == PB_PICKLED_TEXT && !strcmp(dict->items[2 * i]->text, key))
            return dict->items[2 * i + 1];
    return NULL;
}

bool pb_pickled_is(const pb_pickled *value, const char *global)
{
    return value->kind == PB_PICKLED_GLOBAL && !strcmp(value->text, global);
}

const char *pb_pickled_word(const pb_pickled *value)
{
    static const char *const words[] = {
        [PB_PICKLED_OTHER] = "another value",  [PB_PICKLED_INTEGER] = "an integer",
        [PB_PICKLED_TEXT] = "a text",          [PB_PICKLED_TUPLE] = "a tuple",
        [PB_PICKLED_LIST] = "a list",          [PB_PICKLED_DICT] = "a dict",
        [PB_PICKLED_GLOBAL] = "a name",        [PB_PICKLED_CALL] = "what a call returns",
        [PB_PICKLED_PERSISTENT] = "a storage",
    };

    if (value->kind == PB_PICKLED_CALL)
        value = value->callee;
    return value->kind == PB_PICKLED_GLOBAL ? value->text : words[value->kind];
}
