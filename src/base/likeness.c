#include "base/likeness.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 63

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, left out, changed or swapped with their neighbour to make one
 * word of the other (the distance of optimal string alignment); case does not count. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), rows[3][LONGEST + 1];

    if (n > LONGEST || m > LONGEST)
        return LONGEST + 1;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = least(above[j - 1] + (x != y), 1 + least(above[j], now[j - 1]));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

pb_likeness pb_likeness_to(const char *name)
{
    return (pb_likeness){.name = name, .distance = LONGEST + 1};
}

void pb_likeness_add(pb_likeness *l, const char *known)
{
    size_t d = distance(l->name, known), used = strlen(l->all), size = strlen(known);

    l->count++;
    if (d < l->distance && size < sizeof l->nearest) {
        l->distance = d;
        memcpy(l->nearest, known, size + 1);
    }
    if (used + size + 3 < sizeof l->all)
        snprintf(l->all + used, sizeof l->all - used, "%s%s", used ? ", " : "", known);
}

pb_hint pb_likeness_hint(const pb_likeness *l)
{
    size_t length = strlen(l->name), few = length < 4 ? 1 : least(length / 3, 3);
    pb_hint hint = {""};

    if (l->distance <= few)
        snprintf(hint.text, sizeof hint.text, " (did you mean \"%s\"?)", l->nearest);
    else if (*l->all)
        snprintf(hint.text, sizeof hint.text, " (known: %s)", l->all);
    return hint;
}
