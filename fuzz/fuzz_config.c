/* Any bytes as a configuration, read as a model's loader reads one: values keep to their ranges,
 * whatever the file holds. */
#include <math.h>

#include "base/memory.h"
#include "feed.h"
#include "io/config.h"

static void read_fields(pb_config *c)
{
    const char *strings[4];
    long integers[4] = {1, 1, 1, 1}, integer;
    float *numbers;
    double number;
    size_t n;

    integer = pb_config_integer(c, "layers", 2, 1, 16);
    HOLD(integer >= 1 && integer <= 16);
    number = pb_config_number(c, "eps", 0.5, 0, 1);
    HOLD(number >= 0 && number <= 1);
    pb_config_boolean(c, "flip", true);
    HOLD(pb_config_string(c, "act", "silu"));
    n = pb_config_integers(c, "channels", 4, integers, 1, 4096);
    HOLD(n <= 4);
    for (size_t i = 0; i < n; i++)
        HOLD(integers[i] >= 1 && integers[i] <= 4096);
    n = pb_config_strings(c, "types", 4, strings);
    HOLD(n <= 4);
    for (size_t i = 0; i < n; i++)
        HOLD(strings[i]);
    n = pb_config_numbers(c, "betas", 1000, &numbers);
    HOLD(n <= 1000 && (n > 0) == (numbers != NULL));
    for (size_t i = 0; i < n; i++)
        HOLD(isfinite(numbers[i]));
    pb_free(numbers);
    pb_config_has(c, "head");
    pb_config_is_list(c, "head");
    pb_config_ignore(c, "version");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pb_config *c;
    pb_error error = {.message = ""};
    pb_status status = pb_config_open(&c, feed(data, size), &error);

    if (!status) {
        read_fields(c);
        status = pb_config_close(c, &error);
    } else {
        HOLD(status == PB_FORMAT && !c);
    }
    if (status) {
        HOLD(status == PB_FORMAT || status == PB_UNSUPPORTED);
        HOLD(error.status == status && error.message[0]);
    }
    return 0;
}
