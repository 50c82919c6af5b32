/* Text in tables of comma-separated values (RFC 4180). */
#ifndef PB_IO_CSV_H
#define PB_IO_CSV_H

#include <stdio.h>

/* Writes a field in quotes: any text in UTF-8, also of several lines. */
void pb_csv_quote(FILE *stream, const char *text);

/* The same without quotes where it needs none. */
void pb_csv_text(FILE *stream, const char *text);

#endif
