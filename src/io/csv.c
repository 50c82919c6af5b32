#include "io/csv.h"

#include <string.h>

void pb_csv_quote(FILE *stream, const char *text)
{
    putc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', stream);
        putc(*text, stream);
    }
    putc('"', stream);
}

void pb_csv_text(FILE *stream, const char *text)
{
    if (strpbrk(text, ",\"\r\n"))
        pb_csv_quote(stream, text);
    else
        fputs(text, stream);
}
