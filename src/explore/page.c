#include "explore/page.h"

#include <glib.h>
#include <string.h>

const char *pb_page_type(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {"css", PB_PAGE_TYPE_css},
        {"html", PB_PAGE_TYPE_html},
        {"jpeg", PB_PAGE_TYPE_jpg},
        {"jpg", PB_PAGE_TYPE_jpg},
        {"js", PB_PAGE_TYPE_js},
        {"json", PB_PAGE_TYPE_json},
        {"png", PB_PAGE_TYPE_png},
        {"safetensors", PB_PAGE_TYPE_safetensors},
        {"svg", PB_PAGE_TYPE_svg},
        {"webp", PB_PAGE_TYPE_webp},
        {"pullback", PB_PAGE_TYPE_pullback},
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < G_N_ELEMENTS(types); i++)
        if (!g_ascii_strcasecmp(types[i].ending, dot + 1))
            return types[i].type;
    return "application/octet-stream";
}
