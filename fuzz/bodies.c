#include "bodies.h"

#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "schema.h"

static size_t below(uint64_t *random, size_t n)
{
    return random_below(random, n);
}

/* -- values ------------------------------------------------------------------------------------ */

static json_t *odd_number(uint64_t *random)
{
    static const double numbers[] = {0,    -1,   0.5, 1e-308, 1e308, -1e308, 2147483648.0,
                                     1e19, -0.0, 1.5, 65536,  1001,  3};
    static const json_int_t whole[] = {
        0, -1, 1, 65, 1000, 9007199254740991, 9007199254740992, INT64_MAX, INT64_MIN, 4294967296};

    return below(random, 2) ? json_real(numbers[below(random, sizeof numbers / sizeof *numbers)])
                            : json_integer(whole[below(random, sizeof whole / sizeof *whole)]);
}

static json_t *odd_text(uint64_t *random)
{
    static const char *const texts[] = {"",
                                        "\n\r\t",
                                        "\xc3\xa4\xf0\x9f\x98\x80",
                                        "../../etc/passwd",
                                        "%s%n%x",
                                        "a\"b'c`d$(e)\\",
                                        "auto",
                                        "photo",
                                        "mid",
                                        "down.0",
                                        "<script>alert(1)</script>",
                                        "\x01\x7f",
                                        "faces32",
                                        "cifar32"};
    static char longer[5000];
    size_t i = below(random, sizeof texts / sizeof *texts + 2);

    if (i < sizeof texts / sizeof *texts)
        return json_string(texts[i]);
    memset(longer, 'a', sizeof longer);
    return json_stringn(longer, i % 2 ? 2000 : 2001 + below(random, 2000));
}

static json_t *nested(uint64_t *random)
{
    json_t *json = json_integer(1);

    for (size_t i = below(random, 200); i; i--) {
        json_t *outer = i % 2 ? json_array() : json_object();
        if (i % 2)
            json_array_append_new(outer, json);
        else
            json_object_set_new(outer, "0", json);
        json = outer;
    }
    return json;
}

static json_t *anything(uint64_t *random)
{
    switch (below(random, 8)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(below(random, 2));
    case 2:
        return json_array();
    case 3:
        return json_object();
    case 4:
        return nested(random);
    case 5:
        return odd_text(random);
    default:
        return odd_number(random);
    }
}

static const char *type_of(const json_t *schema, uint64_t *random)
{
    const json_t *type = json_object_get(schema, "type");

    if (json_is_array(type))
        type = json_array_get(type, below(random, json_array_size(type)));
    return type ? json_string_value(type) : "object";
}

/* Within the bounds; near the lower one as a rule, since work takes longer with larger ones. */
static double number_of(const json_t *schema, uint64_t *random)
{
    const json_t *low = json_object_get(schema, "minimum");
    const json_t *high = json_object_get(schema, "maximum");
    double least = low ? json_number_value(low) : 0, most = high ? json_number_value(high) : 100;

    if (below(random, 8) && most - least > 8)
        most = least + 8;
    return least + (most - least) * (double)below(random, 1001) / 1000;
}

static json_t *object_of(const json_t *document, const json_t *schema, uint64_t *random)
{
    const json_t *others = json_object_get(schema, "additionalProperties");
    json_t *object = json_object(), *member, *required = json_object();
    const char *name;
    char key[8];
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, member)
        json_object_set_new(required, json_string_value(member), json_true());
    json_object_foreach(json_object_get(schema, "properties"), name, member)
    {
        if (json_object_get(required, name) || !below(random, 4))
            json_object_set_new(object, name, body_by_schema(document, member, random));
    }
    json_decref(required);
    for (i = json_is_object(others) ? below(random, 4) : 0; i; i--) {
        key[0] = (char)('0' + below(random, 4));
        key[1] = '\0';
        json_object_set_new(object, key, body_by_schema(document, others, random));
    }
    return object;
}

static json_t *list_of(const json_t *document, const json_t *schema, uint64_t *random)
{
    size_t least = (size_t)json_integer_value(json_object_get(schema, "minItems"));
    json_t *list = json_array();

    for (size_t i = least ? least : below(random, 4); i; i--)
        json_array_append_new(list,
                              body_by_schema(document, json_object_get(schema, "items"), random));
    return list;
}

json_t *body_by_schema(const json_t *document, const json_t *schema, uint64_t *random)
{
    static const char *const models[] = {"faces32", "cifar32", "fashion32"};
    const json_t *choice, *is;
    const char *type;

    schema = schema_of(document, schema);
    choice = json_object_get(schema, "oneOf");
    if (choice)
        return body_by_schema(
            document, json_array_get(choice, below(random, json_array_size(choice))), random);
    is = json_object_get(schema, "const");
    if (is)
        return json_deep_copy(is);
    is = json_object_get(schema, "enum");
    if (is)
        return json_deep_copy(json_array_get(is, below(random, json_array_size(is))));
    type = type_of(schema, random);
    if (!strcmp(type, "object"))
        return object_of(document, schema, random);
    if (!strcmp(type, "array"))
        return list_of(document, schema, random);
    if (!strcmp(type, "number"))
        return json_real(number_of(schema, random));
    if (!strcmp(type, "integer"))
        return json_integer((json_int_t)number_of(schema, random));
    if (!strcmp(type, "boolean"))
        return json_boolean(below(random, 2));
    if (!strcmp(type, "null"))
        return json_null();
    return below(random, 2) ? json_string(models[below(random, 3)]) : odd_text(random);
}

/* -- what is wrong ----------------------------------------------------------------------------- */

/* Changes a member, or one within it. */
static void spoil(json_t *json, uint64_t *random)
{
    size_t count = json_object_size(json), n = below(random, count), i = 0;
    const char *name, *chosen = NULL;
    json_t *member;

    json_object_foreach(json, name, member)
    {
        if (i++ == n)
            chosen = name;
    }
    member = chosen ? json_object_get(json, chosen) : NULL;
    if (json_is_object(member) && json_object_size(member) && below(random, 2))
        spoil(member, random);
    else if (member && below(random, 3) == 0)
        json_object_del(json, chosen);
    else if (member && below(random, 2))
        json_object_set_new(json, chosen, anything(random));
    else {
        static const char *const keys[] = {"0",       "99",    "-1", "x",   "",
                                           "weights", "model", "t",  "crop"};
        json_object_set_new(json, keys[below(random, sizeof keys / sizeof *keys)],
                            anything(random));
    }
}

body body_of_bytes(const unsigned char *bytes, size_t size, uint64_t *random)
{
    body b = {.size = size};
    size_t kind = below(random, 6);

    if (kind == 0 && size) /* cut off */
        b.size = below(random, size);
    b.bytes = malloc(2 * size + 17);
    if (size)
        memcpy(b.bytes, bytes, b.size);
    if (kind == 1) /* once more */
        memcpy(b.bytes + size, bytes, size);
    b.size += kind == 1 ? size : 0;
    for (size_t i = kind == 2 || kind == 3 ? 1 + below(random, 16) : 0; i && b.size; i--)
        b.bytes[below(random, kind == 2 && b.size > 64 ? 64 : b.size)] =
            (unsigned char)random_next(random);
    return b;
}

body body_of_json(const json_t *document, const json_t *schema, uint64_t *random)
{
    static const char *const broken[] = {"{",
                                         "[]",
                                         "nul",
                                         "{\"a\":1,\"a\":2}",
                                         "\"\\ud800\"",
                                         "{}x",
                                         "{\"t\": NaN}",
                                         "{\"seed\": 1e999}",
                                         "\xff\xfe{}",
                                         "{\"seed\": 99999999999999999999999}"};
    json_t *json = body_by_schema(document, schema, random);
    size_t wrong = below(random, 12);
    char *text;
    body b;

    for (size_t i = wrong < 3 ? wrong + 1 : 0; i && json_is_object(json); i--)
        spoil(json, random);
    text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    if (wrong == 3) {
        free(text);
        text = strdup(broken[below(random, sizeof broken / sizeof *broken)]);
    }
    if (wrong == 4 && text) {
        b = body_of_bytes((unsigned char *)text, strlen(text), random);
        free(text);
        return b;
    }
    if (wrong == 5 && below(random, 4) == 0) { /* deeper than is read */
        size_t depth = 1 + below(random, 100000);
        free(text);
        text = malloc(depth + 1);
        memset(text, '[', depth);
        text[depth] = '\0';
    }
    return (body){(unsigned char *)text, text ? strlen(text) : 0};
}
