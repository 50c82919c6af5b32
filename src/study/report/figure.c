#include "study/report/figure.h"

#include <math.h>
#include <string.h>

#include "picture/plot.h"
#include "study/measures/measure.h"

#define SHOWN 5     /* timesteps in panels of curves over something else */
#define SCATTERED 3 /* and in panels of points */
#define MARKS 8     /* points that mark such a curve */

/* Panels are this large, in pixels of the SVG, with text of TEXT: across a page of 7 inches three
 * of them have letters of 7 points. */
#define WIDTH 400
#define HEIGHT 350
#define TEXT 16

/* Curves differ in colour, in dashes and in the marks on them, so that they can be told apart in
 * grey too. Those of what has an order, as t has, go from dark to light. */
static const char *const colours[] = {"#2166ac", "#b2182b", "#1b7837",
                                      "#e08214", "#762a83", "#525252"};
static const char *const ordered[] = {"#440154", "#3b528b", "#21918c", "#5ab84b", "#d8a400"};
static const int marks[] = {7, 4, 9, 12, 11, 6}; /* gnuplot's: discs, squares, triangles … */
#define COLOURS (sizeof colours / sizeof *colours)
#define DASHES 5

/* What of a row stands in a column. */
typedef enum cell { NOTHING, T, T2, INDEX, VALUE, LOW, HIGH } cell;

/* x, value, low and high of curves; where there is no interval, the value. */
#define CURVE(x) ((const cell[]){x, VALUE, LOW, HIGH, NOTHING})
#define CELLS(...) ((const cell[]){__VA_ARGS__, NOTHING})

static double cell_of(const pb_row *r, cell c)
{
    const pb_estimate *e = &r->estimate;
    const double cells[] = {
        [T] = r->t,
        [T2] = r->t2,
        [INDEX] = r->index,
        [VALUE] = e->value,
        [LOW] = isnan(e->low) ? e->value : e->low,
        [HIGH] = isnan(e->high) ? e->value : e->high,
    };

    return cells[c];
}

/* To six digits: a picture shows no more. */
static void print_cells(FILE *f, const pb_row *row, const cell *cells)
{
    for (const cell *c = cells; *c; c++) {
        double value = row ? cell_of(row, *c) : NAN;
        fputs(c == cells ? "" : ",", f);
        if (isnan(value))
            fputs("NaN", f);
        else
            fprintf(f, "%g", value);
    }
    putc('\n', f);
}

/* The rows of one quantity of one model as $NAME_MODEL: numbers, since gnuplot does not read every
 * label that a CSV may hold. Of no rows one of nothing: gnuplot makes no block of none. */
static void select_rows(FILE *f, const pb_study_plan *p, const pb_table *table, size_t model,
                        const char *quantity, const cell *cells)
{
    size_t count = 0;

    fprintf(f, "$%s_%zu << END\n", quantity, model);
    for (size_t i = 0; i < table->count; i++) {
        const pb_row *r = &table->rows[i];
        if (strcmp(r->model, p->models[model].label) || strcmp(r->quantity, quantity))
            continue;
        print_cells(f, r, cells);
        count++;
    }
    if (count == 0)
        print_cells(f, NULL, cells);
    fputs("END\n", f);
}

/* -- curves ------------------------------------------------------------------------------------ */

/* The next panel: its letter, where there are several. */
static void panel(FILE *f, const pb_study_plan *p)
{
    if (p->options->kind != PB_STUDY_SAMPLES)
        fprintf(f,
                "  letter = letter + 1\n  set label 1 sprintf(\"(%%c)\", 96 + letter) at graph 0, "
                "graph 1 offset character -6, 1.4 font large\n");
}

static const char *space_of(const pb_study_plan *p)
{
    return p->options->in_x ? "X" : "H";
}

static void label_distance(FILE *f, const pb_study_plan *p, const char *axis)
{
    fprintf(f, "  set %slabel \"distance in %s / largest\"\n", axis, space_of(p));
}

/* Number i of `shown` timesteps from the first to the last. */
static double shown_t(const pb_study_plan *p, size_t i, size_t shown)
{
    return pb_plan_t(p, shown > 1 ? i * (p->timesteps - 1) / (shown - 1) : p->timesteps - 1);
}

static void style(FILE *f, const char *colour, size_t i)
{
    fprintf(f, "linewidth 2 linecolor rgb \"%s\" dashtype %zu pointtype %d", colour, 1 + i % DASHES,
            marks[i % COLOURS]);
}

/* Curves of `points` points over column 2 at SHOWN timesteps; titled: with a key. */
static void curves_at(FILE *f, const pb_study_plan *p, const char *name, size_t points, int titled)
{
    size_t shown = p->timesteps < SHOWN ? p->timesteps : SHOWN;

    fprintf(f, "  plot ");
    for (size_t i = 0; i < shown; i++) {
        double t = shown_t(p, i, shown);
        fprintf(f, "%s$%s_0 using (abs($1 - %.9g) < 1e-6 ? $2 : NaN):3 with linespoints ",
                i ? ", \\\n    " : "", name, t);
        style(f, ordered[i], i);
        fprintf(f, " pointinterval %zu ", points < MARKS ? 1 : points / MARKS);
        if (titled)
            fprintf(f, "title \"%.3g\"", t);
        else
            fprintf(f, "notitle");
    }
    fprintf(f, "\n");
}

/* One curve of a quantity with its confidence band: x, value, low, high of the selected rows are
 * columns 1 to 4. title: NULL, none. */
static void curve(FILE *f, const char *name, size_t model, size_t i, const char *title)
{
    const char *colour = colours[i % COLOURS];

    fprintf(f,
            "$%s_%zu using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder "
            "linecolor rgb \"%s\" notitle, \\\n    $%s_%zu using 1:2 with linespoints ",
            name, model, colour, name, model);
    style(f, colour, i);
    fprintf(f, " %s", title ? "title " : "notitle");
    if (title)
        pb_plot_quote(f, title);
}

/* One curve for each model; the distance of random spaces dotted. */
static void curves_of(FILE *f, const pb_study_plan *p, const char *name, int baseline)
{
    size_t models = p->options->model_count;

    fprintf(f, "  plot ");
    for (size_t m = 0; m < models; m++) {
        fprintf(f, "%s", m ? ", \\\n    " : "");
        curve(f, name, m, m, models > 1 || baseline ? p->models[m].label : NULL);
    }
    for (size_t m = 0; baseline && m < models; m++)
        fprintf(f,
                ", \\\n    $random_%zu using (x0):1:(x1 - x0):(0) with vectors nohead "
                "dashtype (2,5) linewidth 2 linecolor rgb \"%s\" %s",
                m, models > 1 ? colours[m % COLOURS] : "#525252",
                m ? "notitle" : "title \"random spaces\"");
    fprintf(f, "\n");
}

static void over_t(FILE *f, const char *label)
{
    fprintf(f, "  set xlabel \"%s\"\n  set xrange [0:1]\n  set xtics 0.25\n", label);
}

static void over_all(FILE *f)
{
    fprintf(f, "  set autoscale\n  unset offsets\n  set xtics autofreq\n  set key top right\n");
}

/* -- panels ------------------------------------------------------------------------------------ */

/* Cells are rectangles, not a picture that a browser would smooth; each reaches a little under the
 * next ones, or their background would show between them. */
static void heat_map(FILE *f, const pb_study_plan *p, size_t model)
{
    double step = 1 / (double)p->timesteps, half = step / 2,
           loss = p->models[model].studio.info->recommended.heldout_loss;

    panel(f, p);
    fprintf(f, "  set title ");
    pb_plot_quote(f, p->models[model].label);
    if (!isnan(loss))
        fprintf(f, ".\" (loss %.4g)\"", loss);
    fprintf(f, "\n");
    label_distance(f, p, "cb");
    over_t(f, "t");
    fprintf(f,
            "  set ylabel \"t'\"\n  set cbrange [0:1]\n  set cblabel offset -0.5\n  set cbtics "
            "0.25\n  set ytics 0.25\n"
            "  set size ratio 1\n  set xrange [%.9g:%.9g]\n  set yrange [%.9g:%.9g]\n"
            "  plot $distance_%zu using 1:2:(%.9g):(%.9g):3 with boxxyerror fillcolor palette "
            "fillstyle solid noborder notitle\n"
            "  set size noratio\n  set ytics autofreq\n",
            step - half, 1 + half, step - half, 1 + half, model, 1.04 * half, 1.04 * half);
    over_all(f);
}

/* Mean distances of all models, over t or a difference of them; key: which corner is free. */
static void means_panel(FILE *f, const pb_study_plan *p, const char *name, const char *title,
                        const char *over, const char *key)
{
    panel(f, p);
    fprintf(f, "  set title \"%s\"\n", title);
    over_t(f, over);
    label_distance(f, p, "y");
    fprintf(f, "  set yrange [0:1]\n  x0 = 0.0; x1 = 1.0\n  set key bottom %s\n", key);
    curves_of(f, p, name, 1);
    over_all(f);
}

static void lag_panel(FILE *f, const pb_study_plan *p)
{
    means_panel(f, p, "lag", "one sample, two timesteps", "|t - t'|", "right");
}

static void among_panel(FILE *f, const pb_study_plan *p)
{
    means_panel(f, p, "among", "different samples", "t", "left");
}

static void timesteps_panels(FILE *f, const pb_study_plan *p)
{
    panel(f, p);
    fprintf(f, "  set title \"power of the directions V\"\n"
               "  set xlabel \"frequency, cycles per pixel\"\n  set ylabel \"share of the power\"\n"
               "  set xtics 0.1\n  set logscale y\n"
               "  set key bottom right maxrows 3 samplen 2 title \"t\"\n");
    curves_at(f, p, "power", PB_POWER_BANDS, 1);
    fprintf(f, "  set key maxrows auto samplen 3 notitle\n");
    panel(f, p);
    fprintf(f, "  set title \"singular values\"\n  set xlabel \"index\"\n  set xtics autofreq\n"
               "  set ylabel \"singular value\"\n  set key top right\n");
    curves_at(f, p, "sigma", p->options->rank, 0);
    fprintf(f, "  unset logscale y\n");
    panel(f, p);
    fprintf(f, "  set title \"mean frequency of V\"\n  set ylabel \"cycles per pixel\"\n");
    over_t(f, "t");
    curves_of(f, p, "centroid", 0);
    panel(f, p);
    fprintf(f,
            "  set title \"effective rank of %zu singular values\"\n  set ylabel \"(Σσ²)²/Σσ⁴\"\n",
            p->options->rank);
    curves_of(f, p, "effective_rank", 0);
    over_all(f);
    heat_map(f, p, 0);
    lag_panel(f, p);
}

/* Distance against likeness, one point for each pair of prompts, at SCATTERED timesteps. */
static void scatter_panel(FILE *f, const pb_study_plan *p)
{
    size_t shown = p->timesteps < SCATTERED ? p->timesteps : SCATTERED;
    static const int open_marks[] = {6, 2, 8}; /* circles, crosses, triangles */

    panel(f, p);
    fprintf(f, "  set title \"similar prompts, similar spaces\"\n"
               "  set xlabel \"cosine of hidden states\"\n"
               "  set key top right\n  set offsets 0, 0, graph 0.45, 0\n");
    label_distance(f, p, "y");
    fprintf(f, "  set yrange [0:*]\n  plot ");
    for (size_t i = 0; i < shown; i++) {
        double t = shown_t(p, i, shown);
        fprintf(f,
                "%s$pair_0 using (abs($1 - %.9g) < 1e-6 ? $2 : NaN):3 with points pointtype %d "
                "pointsize small linewidth 1.5 linecolor rgb \"%s\" title \"t = %.3g\"",
                i ? ", \\\n    " : "", t, open_marks[i], ordered[2 * i], t);
    }
    fprintf(f, "\n");
    over_all(f);
}

static void prompts_panels(FILE *f, const pb_study_plan *p)
{
    int overlap = p->models[0].attributes != NULL;

    scatter_panel(f, p);
    panel(f, p);
    fprintf(f, "  set title \"rank correlation with distance\"\n"
               "  set ylabel \"Spearman's rho\"\n  set yrange [-1:1]\n");
    over_t(f, "t");
    fprintf(f, "  plot 0 with lines linecolor rgb \"#999999\" notitle, \\\n    ");
    curve(f, "correlation", 0, 0, "cosine of hidden states");
    if (overlap) {
        fprintf(f, ", \\\n    ");
        curve(f, "correlation_overlap", 0, 1, "overlap of attributes");
    }
    fprintf(f, "\n");
    panel(f, p);
    fprintf(f, "  set title \"the prompt's influence over t\"\n  set yrange [0:*]\n"
               "  set offsets 0, 0, graph 0.35, 0\n  set key top right\n");
    label_distance(f, p, "y");
    fprintf(f, "  plot ");
    curve(f, "prompted", 0, 0, "from the empty prompt");
    fprintf(f, ", \\\n    ");
    curve(f, "among_prompts", 0, 1, "among prompts");
    fprintf(f, "\n");
    over_all(f);
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

static void select_all(FILE *f, const pb_study_plan *p, const pb_table *t, size_t m)
{
    pb_study_kind kind = p->options->kind;

    select_rows(f, p, t, m, "random", CELLS(VALUE));
    if (kind == PB_STUDY_TIMESTEPS) {
        select_rows(f, p, t, m, "power", CELLS(T, INDEX, VALUE));
        select_rows(f, p, t, m, "sigma", CELLS(T, INDEX, VALUE));
        select_rows(f, p, t, m, "centroid", CURVE(T));
        select_rows(f, p, t, m, "effective_rank", CURVE(T));
    }
    if (kind == PB_STUDY_TIMESTEPS || kind == PB_STUDY_MODELS) {
        select_rows(f, p, t, m, "distance", CELLS(T, T2, VALUE));
        select_rows(f, p, t, m, "lag", CURVE(INDEX));
    }
    if (kind == PB_STUDY_SAMPLES || kind == PB_STUDY_MODELS)
        select_rows(f, p, t, m, "among", CURVE(T));
    if (kind == PB_STUDY_PROMPTS) {
        select_rows(f, p, t, m, "pair", CELLS(T, INDEX, VALUE));
        select_rows(f, p, t, m, "correlation", CURVE(T));
        select_rows(f, p, t, m, "correlation_overlap", CURVE(T));
        select_rows(f, p, t, m, "prompted", CURVE(T));
        select_rows(f, p, t, m, "among_prompts", CURVE(T));
    }
}

void pb_figure_script(FILE *f, const pb_study_plan *p, const pb_table *table)
{
    size_t rows, columns;

    layout(p, &rows, &columns);
    fputs("# gnuplot figure.gp\nset encoding utf8\nset datafile separator comma\n", f);
    for (size_t m = 0; m < p->options->model_count; m++)
        select_all(f, p, table, m);
    fprintf(
        f,
        "set palette defined (0 \"#440154\", 0.25 \"#3b528b\", 0.5 \"#21918c\", 0.75 \"#5ec962\","
        " 1 \"#fde725\")\n"
        "set format y \"%%g\"\nset grid xtics ytics linetype 1 linecolor rgb \"#dddddd\"\n"
        "set key noenhanced samplen 3 spacing 0.95\n"
        "do for [kind in \"svg png\"] {\n"
        "  if (kind eq \"svg\") {\n"
        "    set terminal svg size %zu,%zu font \"DejaVu Sans,%d\" background \"white\" "
        "noenhanced\n    large = \",%d\"\n    set pointsize 0.6\n    small = 0.6\n"
        "  } else {\n"
        "    set terminal pngcairo size %zu,%zu font \"DejaVu Sans,%d\" fontscale 2 linewidth 2 "
        "pointscale 2 noenhanced\n    large = \",%d\"\n    set pointsize 1\n    small = 0.9\n"
        "  }\n"
        "  set output \"figure.\".kind\n  letter = 0\n"
        "  set multiplot layout %zu,%zu\n",
        WIDTH * columns, HEIGHT * rows, TEXT, TEXT + 4, 2 * WIDTH * columns, 2 * HEIGHT * rows,
        TEXT * 3 / 4, (TEXT + 4) * 3 / 4, rows, columns);
    panels(f, p);
    fprintf(f, "  unset multiplot\n  unset output\n}\n");
}

/* -- the caption ------------------------------------------------------------------------------- */

/* What a space is: of the one that the tap, or the input, lies in. */
static const char *spaces_of(const pb_study_plan *p)
{
    return p->options->in_x ? "in X, spanned by the right singular vectors V"
                            : "in H, spanned by the left singular vectors U";
}

void pb_figure_caption(FILE *f, const pb_study_plan *p)
{
    size_t models = p->options->model_count;
    char after[8] = "", last[8] = "";

    switch (p->options->kind) {
    case PB_STUDY_TIMESTEPS:
        fprintf(
            f,
            "(a) Power of the right singular vectors by spatial frequency (mean over directions "
            "and samples) at several t; (b) singular values, t as in (a); (c) mean frequency of "
            "the right "
            "singular vectors and (d) effective rank over t; geodesic distance between the "
            "tangent spaces of one sample at two timesteps, (e) as a matrix and (f) against "
            "their difference. Tangent spaces are %s. Bands: 95 %% confidence over samples.",
            spaces_of(p));
        break;
    case PB_STUDY_SAMPLES:
        fprintf(f,
                "Mean geodesic distance between the tangent spaces of different samples at each t. "
                "Tangent spaces are %s. Band: 95 %% confidence by the jackknife over samples.",
                spaces_of(p));
        break;
    case PB_STUDY_PROMPTS:
        fprintf(f,
                "(a) Geodesic distance between the tangent spaces of one sample under two prompts "
                "(the same x, whose trajectory ran under the empty prompt; the prompt enters the "
                "Jacobian only), mean over samples, against the cosine of the prompts' hidden "
                "states at the end token; (b) Spearman's rank correlation of likeness and distance "
                "at each t; (c) mean distance from the space under the empty prompt, and among "
                "prompts. Tangent spaces are %s. Bands: 95 %% confidence over prompts.",
                spaces_of(p));
        break;
    case PB_STUDY_MODELS:
        snprintf(after, sizeof after, "(%c)", (int)('a' + models % 25));
        snprintf(last, sizeof last, "(%c)", (int)('b' + models % 25));
        fprintf(f,
                "Geodesic distance between the tangent spaces of one sample at two timesteps, (a) "
                "to (%c) as a matrix for each model, and %s against their difference; %s between "
                "those of different samples at each t. Tangent spaces are %s. Bands: 95 %% "
                "confidence over samples.",
                (int)('a' + (models - 1) % 26), after, last, spaces_of(p));
    }
    fputs(" Distances are divided by the largest possible", f);
    if (p->options->kind != PB_STUDY_PROMPTS)
        fputs("; dotted: random spaces of the same dimensions", f);
    fputs(". t = 1 is noise.", f);
    if (p->samples < PB_INTERVAL_LEAST && p->options->kind != PB_STUDY_PROMPTS)
        fprintf(f, " There are no bands: %d samples are the fewest that an interval is taken from.",
                PB_INTERVAL_LEAST);
}
