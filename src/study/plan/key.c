#include "study/plan/key.h"

#include <stdlib.h>
#include <string.h>

#include "io/file.h"

char *pb_key_text(const json_t *spec)
{
    return json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
}

pb_key pb_key_of(const json_t *spec)
{
    char *text = pb_key_text(spec);
    pb_key key = {""};

    if (text)
        pb_sha256(text, strlen(text), key.text);
    free(text);
    return key;
}
