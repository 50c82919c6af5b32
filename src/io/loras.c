#include "io/loras.h"

#include <string.h>

#include <jansson.h>

#include "base/plain.h"
#include "io/json.h"

/* One of the list, behind what is in the text already. */
static void add(pb_loras_text *t, const json_t *lora)
{
    const char *file = json_string_value(json_object_get(lora, "file"));
    const char *digest = json_string_value(json_object_get(lora, "sha256"));
    const size_t length = strlen(t->text), room = sizeof t->text - length;
    const int n = pb_plain_print(
        t->text + length, room, "%s%.60s:%g (%.8s)", length ? ", " : "", file ? file : "?",
        json_number_value(json_object_get(lora, "weight")), digest ? digest : "?");

    if (n < 0 || (size_t)n >= room)
        pb_plain_print(t->text + (length < sizeof t->text - 5 ? length : sizeof t->text - 6), 6,
                       ", …");
}

pb_loras_text pb_loras_words(const char *loras)
{
    json_t *list = loras ? json_loads(loras, 0, NULL) : NULL, *lora;
    pb_loras_text t = {""};
    size_t i;

    json_array_foreach(list, i, lora)
    {
        add(&t, lora);
    }
    json_decref(list);
    if (!*t.text)
        pb_plain_print(t.text, sizeof t.text, "%s", loras && *loras ? "some" : "none");
    return t;
}
