#include "io/yaml.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "base/plain.h"
#include "io/file.h"
#include "io/json.h"

#define MOST_BYTES ((size_t)1 << 20)
#define MOST_LEVELS 32
#define MOST_VALUES ((size_t)1 << 16) /* a few aliases of aliases would stand for billions */
#define MOST_ANCHORS 1024             /* libyaml looks for each among all before it */

typedef struct reading {
    yaml_document_t document;
    const char *path;
    size_t values;
} reading;

static pb_status fail_at(const reading *r, yaml_mark_t mark, pb_error *error, const char *expected)
{
    return pb_fail(error, PB_FORMAT, "%s: line %zu: expected %s", r->path, mark.line + 1, expected);
}

/* What libyaml found wrong. */
static pb_status fail_parser(const char *path, const yaml_parser_t *parser, pb_error *error)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return pb_fail_memory(error, 1, path);
    return pb_fail(error, PB_FORMAT, "%s: line %zu: %s", path, parser->problem_mark.line + 1,
                   parser->problem ? parser->problem : "not YAML");
}

/* -- words ----------------------------------------------------------------------------------- */

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(word, *words))
            return true;
    return false;
}

/* Digits with a sign before them or none, of a number below 10^18. */
static bool is_whole(const char *word)
{
    const size_t sign = *word == '-' || *word == '+';
    size_t n = sign;

    while (isdigit((unsigned char)word[n]))
        n++;
    return n > sign && n - sign <= 18 && !word[n];
}

/* Such a word; one that begins with 0 is octal, or no number at all. NULL: no memory. */
static json_t *whole(const char *word)
{
    const char *digits = word + (*word == '-' || *word == '+');

    if (*digits != '0' || !digits[1])
        return json_integer(strtoll(word, NULL, 10));
    return digits[strspn(digits, "01234567")] ? json_string(word)
                                              : json_integer(strtoll(word, NULL, 8));
}

/* A word without quotes. NULL: no memory. */
static json_t *plain(const char *word)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes",
                                      "YES",  "on",   "On",   "ON",  NULL};
    static const char *const no[] = {"false", "False", "FALSE", "no",  "No",
                                     "NO",    "off",   "Off",   "OFF", NULL};
    double number;
    char *end;

    if (is_one_of(word, nulls))
        return json_null();
    if (is_one_of(word, yes) || is_one_of(word, no))
        return json_boolean(is_one_of(word, yes));
    if (is_whole(word))
        return whole(word);
    number = pb_plain_number(word, &end);
    /* Not what strtod reads besides: hexadecimal numbers, "inf" and "nan". */
    if (!*end && isfinite(number) && !strpbrk(word, "xXpP \t\n\r\v\f"))
        return json_real(number);
    return json_string(word);
}

/* -- limits ---------------------------------------------------------------------------------- */

/* Where the parser is on its way through a document. */
typedef struct place {
    size_t level, anchors;
} place;

static bool begins(yaml_event_type_t type)
{
    return type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
}

static bool ends(yaml_event_type_t type)
{
    return type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
}

static const yaml_char_t *anchor_of(const yaml_event_t *e)
{
    return e->type == YAML_SCALAR_EVENT           ? e->data.scalar.anchor
           : e->type == YAML_SEQUENCE_START_EVENT ? e->data.sequence_start.anchor
           : e->type == YAML_MAPPING_START_EVENT  ? e->data.mapping_start.anchor
                                                  : NULL;
}

/* Steps on by one event. */
static pb_status step(place *at, const reading *r, const yaml_event_t *e, pb_error *error)
{
    at->level += begins(e->type);
    at->level -= ends(e->type);
    at->anchors += anchor_of(e) != NULL;
    if (at->level > MOST_LEVELS)
        return fail_at(r, e->start_mark, error, "values at most 32 deep in others");
    return at->anchors > MOST_ANCHORS ? fail_at(r, e->start_mark, error, "at most 1024 anchors")
                                      : PB_OK;
}

/* Goes through the first document before anything is made of it: what libyaml takes for values deep
 * in others, and for anchors, grows as the square of their number. */
static pb_status survey(json_t **out, reading *r, yaml_parser_t *parser, pb_error *error)
{
    pb_status status = PB_OK;
    bool done = false;
    place at = {0};

    (void)out;
    while (status == PB_OK && !done) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail_parser(r->path, parser, error);
        done = event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT;
        status = step(&at, r, &event, error);
        yaml_event_delete(&event);
    }
    return status;
}

/* -- nodes ----------------------------------------------------------------------------------- */

static pb_status convert(json_t **out, reading *r, const yaml_node_t *node, size_t level,
                         pb_error *error);

static pb_status convert_scalar(json_t **out, const reading *r, const yaml_node_t *node,
                                pb_error *error)
{
    const char *word = (const char *)node->data.scalar.value;

    if (strlen(word) != node->data.scalar.length)
        return fail_at(r, node->start_mark, error, "text, found a NUL character");
    *out = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain(word) : json_string(word);
    return *out ? PB_OK : pb_fail_memory(error, strlen(word), r->path);
}

static pb_status convert_sequence(json_t *list, reading *r, const yaml_node_t *node, size_t level,
                                  pb_error *error)
{
    for (const yaml_node_item_t *i = node->data.sequence.items.start;
         i < node->data.sequence.items.top; i++) {
        json_t *item;
        PB_TRY(convert(&item, r, yaml_document_get_node(&r->document, *i), level + 1, error));
        if (json_array_append_new(list, item))
            return pb_fail_memory(error, sizeof item, r->path);
    }
    return PB_OK;
}

static pb_status convert_mapping(json_t *map, reading *r, const yaml_node_t *node, size_t level,
                                 pb_error *error)
{
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(&r->document, p->key);
        const char *name;
        json_t *value;
        if (!key || key->type != YAML_SCALAR_NODE)
            continue;
        name = (const char *)key->data.scalar.value;
        if (strlen(name) != key->data.scalar.length)
            return fail_at(r, key->start_mark, error, "a key, found a NUL character");
        if (json_object_get(map, name))
            return pb_fail(error, PB_FORMAT, "%s: line %zu: key %s: is there twice", r->path,
                           key->start_mark.line + 1, pb_quote(name).text);
        PB_TRY(
            convert(&value, r, yaml_document_get_node(&r->document, p->value), level + 1, error));
        if (json_object_set_new(map, name, value))
            return pb_fail_memory(error, strlen(name), r->path);
    }
    return PB_OK;
}

static pb_status convert(json_t **out, reading *r, const yaml_node_t *node, size_t level,
                         pb_error *error)
{
    pb_status status;

    *out = NULL;
    if (!node)
        return pb_fail(error, PB_FORMAT, "%s: expected values, found nothing", r->path);
    if (level > MOST_LEVELS)
        return fail_at(r, node->start_mark, error, "values at most 32 deep in others");
    if (++r->values > MOST_VALUES)
        return fail_at(r, node->start_mark, error, "at most 65536 values");
    if (node->type == YAML_SCALAR_NODE)
        return convert_scalar(out, r, node, error);
    *out = node->type == YAML_SEQUENCE_NODE ? json_array() : json_object();
    if (!*out)
        return pb_fail_memory(error, 1, r->path);
    status = (node->type == YAML_SEQUENCE_NODE ? convert_sequence : convert_mapping)(*out, r, node,
                                                                                     level, error);
    if (status != PB_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

/* -- the file -------------------------------------------------------------------------------- */

static pb_status convert_root(json_t **out, reading *r, pb_error *error)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);

    if (root && root->type != YAML_MAPPING_NODE)
        return fail_at(r, root->start_mark, error, "keys with values");
    if (root)
        return convert(out, r, root, 1, error);
    *out = json_object();
    return *out ? PB_OK : pb_fail_memory(error, 1, r->path);
}

static pb_status load(json_t **out, reading *r, yaml_parser_t *parser, pb_error *error)
{
    pb_status status;

    if (!yaml_parser_load(parser, &r->document))
        return fail_parser(r->path, parser, error);
    status = convert_root(out, r, error);
    yaml_document_delete(&r->document);
    return status;
}

typedef pb_status (*pass)(json_t **out, reading *r, yaml_parser_t *parser, pb_error *error);

static pb_status parse(json_t **out, const pb_bytes *text, pass run, reading *r, pb_error *error)
{
    yaml_parser_t parser;
    pb_status status;

    if (!yaml_parser_initialize(&parser))
        return pb_fail_memory(error, sizeof parser, r->path);
    yaml_parser_set_input_string(&parser, text->data, text->size);
    status = run(out, r, &parser, error);
    yaml_parser_delete(&parser);
    return status;
}

pb_status pb_yaml_read(json_t **out, const char *path, pb_error *error)
{
    reading r = {.path = path};
    pb_bytes text;
    pb_status status;

    *out = NULL;
    PB_TRY(pb_file_read(&text, path, MOST_BYTES, error));
    status = parse(NULL, &text, survey, &r, error);
    if (status == PB_OK)
        status = parse(out, &text, load, &r, error);
    pb_bytes_clear(&text);
    return status;
}
