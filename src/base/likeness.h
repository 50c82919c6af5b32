/* What a name that nobody knows may have meant: "did you mean" in messages.
 *
 *     pb_likeness likeness = pb_likeness_to(name);
 *     for (…) pb_likeness_add(&likeness, known[i]);
 *     pb_fail(error, …, "no tap \"%s\"%s", name, pb_likeness_hint(&likeness).text);
 */
#ifndef PB_BASE_LIKENESS_H
#define PB_BASE_LIKENESS_H

#include <stddef.h>

typedef struct pb_likeness {
    const char *name;
    size_t distance; /* of the nearest */
    char nearest[64];
    size_t count;
    char all[300]; /* "a, b, c" as far as there is room */
} pb_likeness;

pb_likeness pb_likeness_to(const char *name);

/* Notes a name that would have been known; one of over 63 bytes only counts. */
void pb_likeness_add(pb_likeness *likeness, const char *known);

/* " (did you mean "a"?)" where a known name differs in few letters, else " (known: a, b, c)", or ""
 * where nothing is known. */
typedef struct pb_hint {
    char text[400];
} pb_hint;
pb_hint pb_likeness_hint(const pb_likeness *likeness);

#endif
