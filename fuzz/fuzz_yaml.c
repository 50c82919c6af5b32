/* Any bytes as a YAML file beside a model: refused with a message, or an object that is one of JSON
 * in every respect. */
#include <stdlib.h>

#include "feed.h"
#include "io/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pb_error error = {.message = ""};
    json_t *value = NULL, *again;
    pb_status status = pb_yaml_read(&value, feed(data, size), &error);
    char *text;

    if (status) {
        HOLD(status == PB_FORMAT && !value);
        HOLD(error.status == status && error.message[0]);
        return 0;
    }
    HOLD(json_is_object(value));
    text = json_dumps(value, 0);
    HOLD(text);
    again = json_loads(text, 0, NULL);
    HOLD(json_is_object(again) && json_object_size(again) == json_object_size(value));
    free(text);
    json_decref(again);
    json_decref(value);
    return 0;
}
