#include "explore/command.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "explore/wishes.h"
#include "terminal/shell.h"

/* A number as short as it can be read back. */
static void add_number(GString *line, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    for (int digits = 6; digits <= 17; digits++) {
        char format[8];
        g_snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(text, sizeof text, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    g_string_append(line, text);
}

static void add_text(GString *line, const char *option, const char *value)
{
    char *quoted = pb_shell_name(value);

    g_string_append_printf(line, " %s%s", option, quoted);
    g_free(quoted);
}

static void add_option(GString *line, const char *option, double value)
{
    g_string_append_printf(line, " %s ", option);
    add_number(line, value);
}

/* One that is read as a whole number. */
static void add_count(GString *line, const char *option, double value)
{
    g_string_append_printf(line, " %s %.0f", option, value);
}

/* Of prompts and the guidance scale what is given. */
static void add_prompts(GString *line, const json_t *wishes)
{
    static const struct {
        const char *name, *option;
    } texts[] = {{"prompt", "--prompt "},
                 {"edit_prompt", "--edit-prompt "},
                 {"negative_prompt", "--negative-prompt "}};
    double scale = pb_wish_number(wishes, "guidance_scale");

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *text = pb_wish_text(wishes, texts[i].name);
        if (text && (i || *text))
            add_text(line, texts[i].option, text);
    }
    if (!isnan(scale))
        add_option(line, "--guidance-scale", scale);
}

static void add_directions(GString *line, const pb_choice *c)
{
    if (c->count <= 1) {
        g_string_append_printf(line, " -d %zu", c->count ? c->number[0] : 0);
        add_option(line, "--strength", c->count && c->weight[0] < 0 ? -c->strength : c->strength);
        return;
    }
    g_string_append(line, " -d ");
    for (size_t i = 0; i < c->count; i++) {
        g_string_append_printf(line, "%s%zu:", i ? "," : "", c->number[i]);
        add_number(line, c->weight[i]);
    }
    add_option(line, "--strength", c->strength);
}

/* The files that belong to the photo. */
static void add_files(GString *line, const pb_order *o)
{
    char *mask = pb_order_mask_name(o), *carried = pb_order_carried_name(o);

    if (o->mask.bytes)
        add_text(line, pb_order_is_masked(o) ? "--mask " : "--blend ", mask);
    if (o->carried.bytes) {
        add_text(line, "--basis ", carried);
        g_string_append(line, " --carry");
    }
    g_free(mask);
    g_free(carried);
}

char *pb_command_of(const pb_stages *s, const pb_order *o)
{
    const pb_area *area = s->source.has_photo ? &s->source.photo.area : NULL;
    GString *line = g_string_new("pullback edit");
    const char *tap = pb_wish_text(o->wishes, "tap");

    if (area) {
        char *crop = pb_area_text(area);
        add_text(line, "", o->photo.name);
        g_string_append_printf(line, " --crop %s", crop);
        g_free(crop);
    } else
        add_count(line, "--seed", pb_wish_number(o->wishes, "seed"));
    add_text(line, "--model ", pb_wish_text(o->wishes, "model"));
    add_option(line, "--t", s->point.t);
    if (pb_wish_number(o->wishes, "steps") != 100)
        add_count(line, "--steps", pb_wish_number(o->wishes, "steps"));
    if (s->studio->info->context_width)
        add_prompts(line, o->wishes);
    add_files(line, o);
    if (tap && !o->carried.bytes)
        add_text(line, "--tap ", tap);
    add_count(line, "--rank", pb_wish_number(o->wishes, "rank"));
    add_directions(line, &s->choice);
    g_string_append(line, " -o edited.png");
    return g_string_free(line, FALSE);
}
