#include "study/figure.h"

#include <math.h>
#include <string.h>

#include "picture/plot.h"

#define SHOWN 5 /* timesteps in panels of curves over something else */

static const char *const colours[] = {"#2166ac", "#b2182b", "#1b7837",
                                      "#e08214", "#762a83", "#525252"};
#define COLOURS (sizeof colours / sizeof *colours)

/* x, value, low and high of curves; where there is no interval, the value. x: column 3 or 5. */
#define CURVE(x) x ":6:(valid(7) ? $7 : $6):(valid(8) ? $8 : $6)"

/* The rows of one quantity of one model as $NAME_MODEL. One of nothing begins a curve's: gnuplot
 * makes no block of no rows. */
static void select_rows(FILE *f, const pb_study_plan *p, size_t model, const char *quantity,
                        const char *columns)
{
    if (strchr(columns, '('))
        fprintf(f, "$%s_%zu << END\nNaN,NaN,NaN,NaN\nEND\n", quantity, model);
    fprintf(f,
            "set table $%s_%zu append separator comma\nplot data using %s with table if "
            "(strcol(1) eq ",
            quantity, model, columns);
    pb_plot_quote(f, p->models[model].label);
    fprintf(f, " && strcol(2) eq \"%s\")\nunset table\n", quantity);
}

/* Curves over column 2 at SHOWN timesteps, from dark to light. */
static void curves_at(FILE *f, const pb_study_plan *p, const char *name)
{
    size_t P = p->timesteps, shown = P < SHOWN ? P : SHOWN;

    fprintf(f, "  plot ");
    for (size_t i = 0; i < shown; i++) {
        size_t timestep = shown > 1 ? i * (P - 1) / (shown - 1) : P - 1;
        double t = pb_plan_t(p, timestep);
        fprintf(f,
                "%s$%s_0 using (abs($1 - %.9g) < 1e-6 ? $2 : NaN):3 with lines linewidth 2 "
                "linecolor rgb \"%s\" title \"t = %.3g\"",
                i ? ", \\\n    " : "", name, t, colours[i % COLOURS], t);
    }
    fprintf(f, "\n");
}

/* One curve per model with its confidence band; the random baseline dashed. columns: x, value, low,
 * high of the selected rows are 1 to 4. */
static void curves_of(FILE *f, const pb_study_plan *p, const char *name, int baseline)
{
    size_t models = p->options->model_count;

    fprintf(f, "  plot ");
    for (size_t m = 0; m < models; m++) {
        const char *colour = colours[m % COLOURS];
        fprintf(
            f,
            "%s$%s_%zu using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder "
            "linecolor rgb \"%s\" notitle, \\\n    $%s_%zu using 1:2 with linespoints pointtype 7 "
            "pointsize 0.5 linewidth 2 linecolor rgb \"%s\" title ",
            m ? ", \\\n    " : "", name, m, colour, name, m, colour);
        pb_plot_quote(f, p->models[m].label);
        if (baseline)
            fprintf(f,
                    ", \\\n    $random_%zu using (x0):1:(x1 - x0):(0) with vectors nohead "
                    "dashtype 2 linecolor rgb \"%s\" %s",
                    m, colour, m ? "notitle" : "title \"random spaces\"");
    }
    fprintf(f, "\n");
}

static void heat_map(FILE *f, const pb_study_plan *p, size_t model)
{
    double half = 0.5 / (double)p->timesteps,
           loss = p->models[model].info->recommended.heldout_loss;

    fprintf(f, "  set title ");
    pb_plot_quote(f, p->models[model].label);
    if (!isnan(loss))
        fprintf(f, ".\" (loss %.4g)\"", loss);
    fprintf(f,
            ".\": T_x at two timesteps\"\n"
            "  set xlabel \"t\"\n  set ylabel \"t\"\n  set cbrange [0:1]\n  set size ratio 1\n"
            "  set xrange [%.9g:%.9g]\n  set yrange [%.9g:%.9g]\n"
            "  plot $distance_%zu using 1:2:3 with image notitle\n"
            "  set size noratio\n  set autoscale\n",
            1 / (double)p->timesteps - half, 1 + half, 1 / (double)p->timesteps - half, 1 + half,
            model);
}

static void lag_panel(FILE *f, const pb_study_plan *p)
{
    fprintf(
        f,
        "  set title \"distance against the difference of timesteps\"\n"
        "  set xlabel \"|t - t'|\"\n  set ylabel \"geodesic distance / largest\"\n"
        "  set yrange [0:1]\n  x0 = 0.0; x1 = 1.0\n  set xrange [0:1]\n  set key bottom right\n");
    curves_of(f, p, "lag", 1);
    fprintf(f, "  set autoscale\n  set key top right\n");
}

static void among_panel(FILE *f, const pb_study_plan *p)
{
    fprintf(
        f, "  set title \"distance between samples\"\n"
           "  set xlabel \"t\"\n  set ylabel \"geodesic distance / largest\"\n"
           "  set yrange [0:1]\n  x0 = 0.0; x1 = 1.0\n  set xrange [0:1]\n  set key bottom left\n");
    curves_of(f, p, "among", 1);
    fprintf(f, "  set autoscale\n  set key top right\n");
}

static void timesteps_panels(FILE *f, const pb_study_plan *p)
{
    fprintf(f, "  set title \"power of the directions V\"\n"
               "  set xlabel \"frequency, cycles per pixel\"\n  set ylabel \"share of the power\"\n"
               "  set logscale y\n");
    curves_at(f, p, "power");
    fprintf(f, "  set title \"singular values\"\n  set xlabel \"index\"\n"
               "  set ylabel \"singular value\"\n");
    curves_at(f, p, "sigma");
    fprintf(f, "  unset logscale y\n  set title \"mean frequency of V\"\n  set xlabel \"t\"\n"
               "  set ylabel \"cycles per pixel\"\n  set xrange [0:1]\n");
    curves_of(f, p, "centroid", 0);
    fprintf(f,
            "  set title \"effective rank of %zu singular values\"\n  set ylabel \"(Σσ²)²/Σσ⁴\"\n",
            p->options->rank);
    curves_of(f, p, "effective_rank", 0);
    fprintf(f, "  set autoscale\n");
    heat_map(f, p, 0);
    lag_panel(f, p);
}

/* Distance against likeness, one point for each pair of prompts, at SHOWN timesteps. */
static void scatter_panel(FILE *f, const pb_study_plan *p)
{
    size_t P = p->timesteps, shown = P < SHOWN ? P : SHOWN;

    fprintf(f, "  set title \"similar prompts, similar spaces\"\n"
               "  set xlabel \"cosine of the prompts' hidden states\"\n"
               "  set ylabel \"geodesic distance / largest\"\n  set xtics rotate by -45\n  plot ");
    for (size_t i = 0; i < shown; i++) {
        double t = pb_plan_t(p, shown > 1 ? i * (P - 1) / (shown - 1) : P - 1);
        fprintf(f,
                "%s$pair_0 using (abs($1 - %.9g) < 1e-6 ? $2 : NaN):3 with points pointtype 7 "
                "pointsize 0.6 linecolor rgb \"%s\" title \"t = %.3g\"",
                i ? ", \\\n    " : "", t, colours[i % COLOURS], t);
    }
    fprintf(f, "\n");
}

/* One curve of a quantity over t with its confidence band. */
static void curve_over_t(FILE *f, const char *name, const char *title, const char *colour)
{
    fprintf(
        f,
        "$%s_0 using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder linecolor "
        "rgb \"%s\" notitle, \\\n    $%s_0 using 1:2 with linespoints pointtype 7 pointsize 0.5 "
        "linewidth 2 linecolor rgb \"%s\" title \"%s\"",
        name, colour, name, colour, title);
}

static void prompts_panels(FILE *f, const pb_study_plan *p)
{
    int overlap = p->models[0].prompts.attributes != NULL;

    scatter_panel(f, p);
    fprintf(f, "  set xtics norotate\n"
               "  set title \"rank correlation of likeness and distance\"\n  set xlabel \"t\"\n"
               "  set ylabel \"Spearman's rho\"\n  set xrange [0:1]\n  set yrange [-1:1]\n"
               "  plot 0 with lines linecolor rgb \"#999999\" notitle, \\\n    ");
    curve_over_t(f, "correlation", "cosine of hidden states", colours[0]);
    if (overlap) {
        fprintf(f, ", \\\n    ");
        curve_over_t(f, "correlation_overlap", "overlap of attributes", colours[1]);
    }
    fprintf(f, "\n  set title \"the prompt's influence over t\"\n"
               "  set ylabel \"geodesic distance / largest\"\n  set yrange [0:*]\n"
               "  set key bottom right\n  plot ");
    curve_over_t(f, "prompted", "from the empty prompt", colours[0]);
    fprintf(f, ", \\\n    ");
    curve_over_t(f, "among_prompts", "among prompts", colours[1]);
    fprintf(f, "\n  set autoscale\n  set key top right\n");
}

/* Rows and columns of panels. */
static void layout(const pb_study_plan *p, size_t *rows, size_t *columns)
{
    size_t models = p->options->model_count;

    *rows = p->options->kind == PB_STUDY_SAMPLES || p->options->kind == PB_STUDY_PROMPTS ? 1 : 2;
    *columns = p->options->kind == PB_STUDY_TIMESTEPS || p->options->kind == PB_STUDY_PROMPTS ? 3
               : p->options->kind == PB_STUDY_SAMPLES                                         ? 1
               : models > 2 ? models
                            : 2;
}

static void panels(FILE *f, const pb_study_plan *p)
{
    size_t models = p->options->model_count;

    switch (p->options->kind) {
    case PB_STUDY_TIMESTEPS:
        timesteps_panels(f, p);
        return;
    case PB_STUDY_SAMPLES:
        among_panel(f, p);
        return;
    case PB_STUDY_MODELS:
        for (size_t m = 0; m < models; m++)
            heat_map(f, p, m);
        if (models == 1)
            fprintf(f, "  set multiplot next\n");
        lag_panel(f, p);
        among_panel(f, p);
        return;
    case PB_STUDY_PROMPTS:
        prompts_panels(f, p);
    }
}

void pb_figure_script(FILE *f, const pb_study_plan *p)
{
    size_t rows, columns;

    layout(p, &rows, &columns);
    fprintf(f, "# gnuplot figure.gp\nset encoding utf8\nset datafile separator comma\n"
               "data = \"data.csv\"\n");
    for (size_t m = 0; m < p->options->model_count; m++) {
        select_rows(f, p, m, "random", "6");
        if (p->options->kind == PB_STUDY_TIMESTEPS) {
            select_rows(f, p, m, "power", "3:5:6");
            select_rows(f, p, m, "sigma", "3:5:6");
            select_rows(f, p, m, "centroid", CURVE("3"));
            select_rows(f, p, m, "effective_rank", CURVE("3"));
        }
        if (p->options->kind == PB_STUDY_TIMESTEPS || p->options->kind == PB_STUDY_MODELS) {
            select_rows(f, p, m, "distance", "3:4:6");
            select_rows(f, p, m, "lag", CURVE("5"));
        }
        if (p->options->kind == PB_STUDY_SAMPLES || p->options->kind == PB_STUDY_MODELS)
            select_rows(f, p, m, "among", CURVE("3"));
        if (p->options->kind == PB_STUDY_PROMPTS) {
            select_rows(f, p, m, "pair", "3:5:6");
            select_rows(f, p, m, "correlation", CURVE("3"));
            select_rows(f, p, m, "correlation_overlap", CURVE("3"));
            select_rows(f, p, m, "prompted", CURVE("3"));
            select_rows(f, p, m, "among_prompts", CURVE("3"));
        }
    }
    fprintf(
        f,
        "set palette defined (0 \"#440154\", 0.25 \"#3b528b\", 0.5 \"#21918c\", 0.75 \"#5ec962\","
        " 1 \"#fde725\")\n"
        "set format y \"%%g\"\nset grid xtics ytics linetype 1 linecolor rgb \"#dddddd\"\nset key "
        "noenhanced samplen 2\n"
        "do for [kind in \"svg png\"] {\n"
        "  if (kind eq \"svg\") {\n"
        "    set terminal svg size %zu,%zu font \"DejaVu Sans,11\" background \"white\" "
        "noenhanced\n"
        "  } else {\n"
        "    set terminal pngcairo size %zu,%zu font \"DejaVu Sans,11\" noenhanced\n"
        "  }\n"
        "  set output \"figure.\".kind\n"
        "  set multiplot layout %zu,%zu\n",
        520 * columns, 400 * rows, 520 * columns, 400 * rows, rows, columns);
    panels(f, p);
    fprintf(f, "  unset multiplot\n  unset output\n}\n");
}

const char *pb_figure_caption(pb_study_kind kind)
{
    switch (kind) {
    case PB_STUDY_TIMESTEPS:
        return "Power of the right singular vectors by spatial frequency (mean over directions and "
               "samples) at several t; singular values; mean frequency and effective rank over t; "
               "geodesic distance between the tangent spaces of one sample at two timesteps, as a "
               "matrix and against the difference. t = 1 is noise. Bands: 95 % confidence over "
               "samples.";
    case PB_STUDY_SAMPLES:
        return "Mean geodesic distance between the tangent spaces of different samples at each t, "
               "divided by the largest possible, with a 95 % jackknife interval over samples; "
               "dashed: random spaces of the same dimensions. t = 1 is noise.";
    case PB_STUDY_PROMPTS:
        return "Geodesic distance between the tangent spaces of one sample under two prompts (the "
               "same x, whose trajectory ran under the empty prompt; the prompt enters the "
               "Jacobian "
               "only), divided by the largest possible, mean over samples, against the cosine of "
               "the prompts' hidden states at the end token; Spearman's rank correlation of both "
               "at "
               "each t; mean distance from the space under the empty prompt, and among prompts. "
               "t = 1 is noise. Bands: 95 % confidence over prompts.";
    default:
        return "For each model: geodesic distance between the tangent spaces of one sample at two "
               "timesteps, as a matrix and against the difference; and between samples at each t. "
               "All divided by the largest possible; dashed: random spaces of the same dimensions; "
               "bands: 95 % confidence over samples. t = 1 is noise.";
    }
}
