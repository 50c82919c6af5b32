#include "picture/spectrum.h"

#include <stdio.h>
#include <string.h>

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

static pb_status write_script(const pb_spectrum *s, const char *path, const char *data,
                              const char *picture, pb_error *error)
{
    pb_output output = PB_OUTPUT_EMPTY;
    FILE *f;

    PB_TRY(pb_output_open(&output, path, error));
    f = output.stream;
    fprintf(f, "# gnuplot %s\n", pb_plot_name(path));
    fprintf(f, "set terminal pngcairo size 900,600 font \"DejaVu Sans,11\" noenhanced\n");
    fprintf(f, "set output ");
    pb_plot_quote(f, pb_plot_name(picture));
    fprintf(f, "\nset datafile separator comma\nset title ");
    pb_plot_quote(f, s->title);
    fprintf(f,
            "\nset xlabel \"index\"\n"
            "set ylabel \"singular value\"\n"
            "set y2label \"residual / largest singular value\"\n"
            "set logscale y\nset logscale y2\n"
            "set format y \"%%g\"\nset format y2 \"%%.0e\"\n"
            "set ytics nomirror\nset y2tics\n"
            "set grid xtics ytics linecolor rgb \"#dddddd\"\n"
            "set key top right\n"
            "set xrange [-0.5:%zu-0.5]\n",
            s->count);
    fprintf(f, "plot ");
    pb_plot_quote(f, pb_plot_name(data));
    fprintf(f, " every ::1 using 1:2 axes x1y1 with linespoints pointtype 7 pointsize 0.7 "
               "linecolor rgb \"#2166ac\" title \"singular value\", \\\n     ");
    pb_plot_quote(f, pb_plot_name(data));
    fprintf(f,
            " every ::1 using 1:3 axes x1y2 with points pointtype 1 pointsize 0.7 "
            "linecolor rgb \"#b2182b\" title \"residual\", \\\n"
            "     %g axes x1y2 with lines dashtype 2 linecolor rgb \"#b2182b\" "
            "title \"tolerance\"\n",
            s->tolerance);
    return pb_output_commit(&output, error);
}

pb_status pb_spectrum_plot(const pb_spectrum *spectrum, const char *stem, pb_error *error)
{
    char *data = pb_sprintf("%s.csv", stem), *script = pb_sprintf("%s.gp", stem);
    char *picture = pb_sprintf("%s.png", stem);
    pb_status status;

    if (!data || !script || !picture)
        status = pb_fail_memory(error, strlen(stem) + 5, "a path");
    else
        status = write_data(spectrum, data, error);
    if (status == PB_OK)
        status = write_script(spectrum, script, data, picture, error);
    if (status == PB_OK)
        status = pb_plot_run(script, error);
    pb_free(data);
    pb_free(script);
    pb_free(picture);
    return status;
}
