#include "picture/spectrum.h"

#include <stdio.h>
#include <string.h>

#include "base/legible.h"
#include "base/memory.h"
#include "io/file.h"
#include "picture/plot.h"

static pb_status write_data(const pb_spectrum *s, const char *path, pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;

    PB_TRY(pb_output_open(&output, path, error));
    fprintf(output.stream, "index,sigma,residual,angle_bound\n");
    for (size_t i = 0; i < s->count; i++)
        fprintf(output.stream, "%zu,%.9g,%.3g,%.3g\n", i, s->sigma[i], s->residual[i],
                s->angle_bound[i]);
    return pb_output_commit(&output, error);
}

/* It holds its numbers: the name of a file could be anything. */
static pb_status write_script(const pb_spectrum *s, const char *title, const char *path,
                              pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;
    FILE *f;

    PB_TRY(pb_output_open(&output, path, error));
    f = output.stream;
    fputs("# gnuplot draws spectrum.png of this, where it is run\n"
          "set encoding utf8\n"
          "set terminal pngcairo size 900,600 font \"DejaVu Sans,11\" noenhanced\n"
          "set output \"spectrum.png\"\n"
          "set datafile separator comma\n"
          "$spectrum << END\n",
          f);
    for (size_t i = 0; i < s->count; i++)
        fprintf(f, "%zu,%.9g,%.3g\n", i, s->sigma[i], s->residual[i]);
    fputs("END\nset title ", f);
    pb_plot_quote(f, title);
    fprintf(f,
            "\nset xlabel \"index\"\n"
            "set ylabel \"singular value\"\n"
            "set y2label \"residual / largest singular value\"\n"
            "set logscale y\nset logscale y2\n"
            "set format y \"%%g\"\nset format y2 \"%%.0e\"\n"
            "set ytics nomirror\nset y2tics\n"
            "set grid xtics ytics linecolor rgb \"#dddddd\"\n"
            "set key top right\n"
            "set xrange [-0.5:%zu-0.5]\n"
            "plot $spectrum using 1:2 axes x1y1 with linespoints pointtype 7 pointsize 0.7 "
            "linecolor rgb \"#2166ac\" title \"singular value\", \\\n"
            "     $spectrum using 1:3 axes x1y2 with points pointtype 1 pointsize 0.7 "
            "linecolor rgb \"#b2182b\" title \"residual\", \\\n"
            "     %g axes x1y2 with lines dashtype 2 linecolor rgb \"#b2182b\" "
            "title \"tolerance\"\n",
            s->count, s->tolerance);
    return pb_output_commit(&output, error);
}

pb_status pb_spectrum_plot(const pb_spectrum *spectrum, const char *stem, pb_error *error)
{
    char *data = pb_sprintf("%s.csv", stem), *script = pb_sprintf("%s.gp", stem);
    char *picture = pb_sprintf("%s.png", stem), *title = pb_legible(spectrum->title);
    pb_status status;

    if (!data || !script || !picture || !title)
        status = pb_fail_memory(error, strlen(stem) + 5, "a path");
    else
        status = write_data(spectrum, data, error);
    if (status == PB_OK)
        status = write_script(spectrum, title, script, error);
    if (status == PB_OK)
        status = pb_plot_run(script, picture, error);
    pb_free(data);
    pb_free(script);
    pb_free(picture);
    pb_free(title);
    return status;
}
