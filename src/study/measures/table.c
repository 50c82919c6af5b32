#include "study/measures/table.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/csv.h"
#include "io/file.h"

pb_status pb_table_add(pb_table *table, pb_row row, pb_error *error)
{
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 256;
        pb_row *rows = pb_malloc(room, sizeof *rows);
        if (!rows)
            return pb_fail_memory(error, room * sizeof *rows, "a table");
        memcpy(rows, table->rows ? table->rows : rows, table->count * sizeof *rows);
        pb_free(table->rows);
        table->rows = rows;
        table->room = room;
    }
    table->rows[table->count++] = row;
    return PB_OK;
}

void pb_table_clear(pb_table *table)
{
    pb_free(table->rows);
    *table = PB_TABLE_EMPTY;
}

static void print_number(FILE *stream, double value)
{
    putc(',', stream);
    if (!isnan(value))
        fprintf(stream, "%.9g", value);
}

pb_status pb_table_write(const pb_table *table, const char *path, pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;

    PB_TRY(pb_output_open(&output, path, error));
    fputs("model,quantity,t,t2,index,value,low,high,samples\n", output.stream);
    for (size_t i = 0; i < table->count; i++) {
        const pb_row *r = &table->rows[i];
        pb_csv_text(output.stream, r->model);
        putc(',', output.stream);
        pb_csv_text(output.stream, r->quantity);
        print_number(output.stream, r->t);
        print_number(output.stream, r->t2);
        print_number(output.stream, r->index);
        print_number(output.stream, r->estimate.value);
        print_number(output.stream, r->estimate.low);
        print_number(output.stream, r->estimate.high);
        fprintf(output.stream, ",%zu\n", r->estimate.count);
    }
    return pb_output_commit(&output, error);
}
