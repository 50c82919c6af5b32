#include "models/lora/option.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain.h"
#include "io/json.h"

pb_status pb_lora_option(pb_lora *lora, const char *text, pb_error *error)
{
    const char *colon = strrchr(text, ':');
    const size_t whole = strlen(text);
    size_t n = whole;
    char *end;

    *lora = PB_LORA_DEFAULTS;
    if (colon && access(text, F_OK) != 0) {
        lora->weight = pb_plain_number(colon + 1, &end);
        if (end == colon + 1 || *end || !isfinite((float)lora->weight))
            return pb_fail(error, PB_INVALID,
                           "--lora %s: no such file; of FILE:WEIGHT, expected a finite number as "
                           "0.8 for WEIGHT, found %s",
                           text, pb_quote(colon + 1).text);
        n = (size_t)(colon - text);
    }
    if (n == 0)
        return pb_fail(error, PB_INVALID, "--lora \"%s\": expected FILE or FILE:WEIGHT", text);
    lora->path = pb_sprintf("%.*s", (int)n, text);
    return lora->path ? PB_OK : pb_fail_memory(error, n, "a path");
}
