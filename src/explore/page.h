/* The files of the page, which are part of the program: cmake/embed.cmake makes the table of
 * src/explore/page/. */
#ifndef PB_EXPLORE_PAGE_H
#define PB_EXPLORE_PAGE_H

#include <stddef.h>

/* name: "index.html"; type: its Content-Type; data: its bytes, `size` of them. All static. */
typedef struct pb_page_file {
    const char *name, *type;
    const unsigned char *data;
    size_t size;
} pb_page_file;

extern const pb_page_file pb_page_files[];
extern const size_t pb_page_file_count;

/* The API as OpenAPI 3.1: one file, src/explore/openapi.json. */
extern const pb_page_file pb_api_files[];
extern const size_t pb_api_file_count;

/* The Content-Type by a name's ending, whatever the case of its letters; "application/octet-stream"
 * where it is none of those below. Static. */
const char *pb_page_type(const char *name);

/* Each by its ending: the table above is made with them, too. */
#define PB_PAGE_TYPE_css "text/css; charset=utf-8"
#define PB_PAGE_TYPE_html "text/html; charset=utf-8"
#define PB_PAGE_TYPE_jpg "image/jpeg"
#define PB_PAGE_TYPE_js "text/javascript; charset=utf-8"
#define PB_PAGE_TYPE_json "application/json"
#define PB_PAGE_TYPE_png "image/png"
#define PB_PAGE_TYPE_safetensors "application/octet-stream"
#define PB_PAGE_TYPE_pullback "application/zip"
#define PB_PAGE_TYPE_svg "image/svg+xml"
#define PB_PAGE_TYPE_webp "image/webp"

#endif
