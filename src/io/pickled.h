/* The values that a pickle describes (io/pickle.h), as a tree. */
#ifndef PB_IO_PICKLED_H
#define PB_IO_PICKLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum pb_pickled_kind {
    PB_PICKLED_OTHER, /* what no tensor needs: None, true, real and large numbers, bytes, sets,
                         very long strings */
    PB_PICKLED_INTEGER,
    PB_PICKLED_TEXT,
    PB_PICKLED_TUPLE,
    PB_PICKLED_LIST,
    PB_PICKLED_DICT,
    PB_PICKLED_GLOBAL,    /* something of a module, by its name */
    PB_PICKLED_CALL,      /* what a function returns */
    PB_PICKLED_PERSISTENT /* what lies elsewhere, by what it is called there */
} pb_pickled_kind;

/* A value. It may be part of several others, and even of itself. */
typedef struct pb_pickled {
    pb_pickled_kind kind;
    bool altered; /* of a call: what it returned was given a state or items afterwards */
    union {
        int64_t integer;                 /* PB_PICKLED_INTEGER */
        const char *text;                /* PB_PICKLED_TEXT; PB_PICKLED_GLOBAL: "module.name" */
        const struct pb_pickled *callee; /* PB_PICKLED_CALL */
    };
    const struct pb_pickled *argument; /* PB_PICKLED_CALL; PB_PICKLED_PERSISTENT: the name */
    size_t count, room;
    const struct pb_pickled **items; /* of a tuple or list; of a dict, and of what a call returned
                                        and is used like one: keys and values by turns */
} pb_pickled;

/* The value that has this key, the last one of several, among keys and values; or NULL. */
const pb_pickled *pb_pickled_find(const pb_pickled *dict, const char *key);

/* Is it the global of this name? */
bool pb_pickled_is(const pb_pickled *value, const char *global);

/* "an integer", "a list", …; of a global and a call the name of what is named or called. */
const char *pb_pickled_word(const pb_pickled *value);

#endif
