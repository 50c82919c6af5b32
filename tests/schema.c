#include "schema.h"

#include <stdio.h>
#include <string.h>

const json_t *schema_of(const json_t *document, const json_t *object)
{
    const char *ref = json_string_value(json_object_get(object, "$ref"));
    const json_t *at = document;
    char path[200], *rest = NULL;

    if (!ref)
        return object;
    snprintf(path, sizeof path, "%s", ref);
    for (char *part = strtok_r(path, "/", &rest); part; part = strtok_r(NULL, "/", &rest))
        if (strcmp(part, "#") != 0)
            at = json_object_get(at, part);
    return at;
}

static const char *type_of(const json_t *value)
{
    static const char *const names[] = {"object", "array",   "string",  "integer",
                                        "number", "boolean", "boolean", "null"};

    return names[json_typeof(value)];
}

static bool is_type(const json_t *value, const char *type)
{
    return !strcmp(type, type_of(value)) || (!strcmp(type, "number") && json_is_integer(value));
}

static bool has_type(const json_t *types, const json_t *value)
{
    size_t i;
    json_t *type;

    if (!types || json_is_string(types))
        return !types || is_type(value, json_string_value(types));
    json_array_foreach(types, i, type)
    {
        if (is_type(value, json_string_value(type)))
            return true;
    }
    return false;
}

static bool is_listed(const json_t *list, const json_t *value)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (json_equal(item, value))
            return true;
    }
    return !list;
}

/* Of numbers, texts and lists. */
static bool within(const json_t *schema, const json_t *value)
{
    static const char *const least[] = {"minimum", "minLength", "minItems"};
    static const char *const most[] = {"maximum", "maxLength", "maxItems"};
    int kind = json_is_number(value) ? 0 : json_is_string(value) ? 1 : json_is_array(value) ? 2 : 3;
    double size = kind == 0   ? json_number_value(value)
                  : kind == 1 ? (double)json_string_length(value)
                              : (double)json_array_size(value);
    const json_t *low = kind < 3 ? json_object_get(schema, least[kind]) : NULL;
    const json_t *high = kind < 3 ? json_object_get(schema, most[kind]) : NULL;

    if (json_is_string(value) && json_object_get(schema, "pattern") &&
        strncmp(json_string_value(value), "/api/files/", 11) != 0)
        return false;
    return !(low && size < json_number_value(low)) && !(high && size > json_number_value(high));
}

static bool fail(char *why, size_t room, const char *where, const char *what)
{
    char rest[300];

    snprintf(rest, sizeof rest, "%s", why);
    snprintf(why, room, "%s%s%s%s", where, *where ? ": " : "", what, rest);
    return false;
}

static bool members_fit(const json_t *document, const json_t *schema, const json_t *value,
                        char *why, size_t room)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *name;
    json_t *member;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, member)
    {
        if (!json_object_get(value, json_string_value(member)))
            return fail(why, room, json_string_value(member), "is missing");
    }
    if (!properties && !others)
        return true;
    json_object_foreach((json_t *)value, name, member)
    {
        const json_t *of = json_object_get(properties, name);
        if (!of && !json_is_object(others))
            return fail(why, room, name, "is not in the description");
        if (!schema_fits(document, of ? of : others, member, why, room))
            return fail(why, room, name, "");
    }
    return true;
}

static bool one_fits(const json_t *document, const json_t *list, const json_t *value, char *why,
                     size_t room)
{
    size_t i;
    json_t *schema;

    json_array_foreach(list, i, schema)
    {
        why[0] = '\0';
        if (schema_fits(document, schema, value, why, room))
            return true;
    }
    return fail(why, room, "", "none of those that may be: ");
}

bool schema_fits(const json_t *document, const json_t *schema, const json_t *value, char *why,
                 size_t room)
{
    const json_t *is = json_object_get(schema, "const"), *list;
    size_t i;
    json_t *item;

    schema = schema_of(document, schema);
    why[0] = '\0';
    if (!schema || !value)
        return fail(why, room, "", schema ? "there is nothing" : "there is no such schema");
    if (!has_type(json_object_get(schema, "type"), value))
        return fail(why, room, "", type_of(value));
    if ((is && !json_equal(is, value)) || !is_listed(json_object_get(schema, "enum"), value) ||
        !within(schema, value))
        return fail(why, room, "", "not one of the values that may be");
    list = json_object_get(schema, "oneOf");
    if (list && !one_fits(document, list, value, why, room))
        return false;
    if (json_is_object(value))
        return members_fit(document, schema, value, why, room);
    json_array_foreach(value, i, item)
    {
        const json_t *of = json_object_get(schema, "items");
        if (of && !schema_fits(document, of, item, why, room))
            return fail(why, room, "an item", "");
    }
    return true;
}
