#include "study/report/report.h"

#include <glib.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/legible.h"
#include "base/memory.h"
#include "io/file.h"
#include "picture/plot.h"
#include "study/report/figure.h"
#include "study/report/thumbnails.h"
#include "study/report/words.h"
#include "study/store/folder.h"

/* -- HTML ---------------------------------------------------------------------------------------
 */

/* Text in UTF-8, of several lines. */
static void print_text(FILE *f, const char *text)
{
    size_t count;

    for (; *text; text += count) {
        bool shown;
        count = pb_legible_next(text, &shown);
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        default:
            if (shown || *text == '\n')
                fwrite(text, 1, count, f);
            else
                fputs("\ufffd", f);
        }
    }
}

/* The figure itself, without the lines before its root. */
static pb_status print_figure(FILE *f, const pb_study_options *o, pb_error *error)
{
    char *path = pb_in_folder(o, "figure.svg", error);
    pb_bytes svg;
    pb_status status = path ? pb_file_read(&svg, path, SIZE_MAX, error) : PB_MEMORY;

    if (status == PB_OK) {
        const unsigned char *root = memmem(svg.data, svg.size, "<svg", 4);
        if (root)
            fwrite(root, 1, svg.size - (size_t)(root - svg.data), f);
        else
            status = pb_fail(error, PB_INTERNAL, "%s: gnuplot wrote no SVG", path);
        pb_bytes_clear(&svg);
    }
    pb_free(path);
    return status;
}

/* samples.png, as a part of the page, and how it came about. */
static pb_status print_samples(FILE *f, const pb_study_plan *p, pb_error *error)
{
    const pb_study_options *o = p->options;
    char *path, *base64;
    pb_bytes png;
    pb_status status;

    if (o->image_count)
        return PB_OK;
    path = pb_in_folder(o, PB_SAMPLES_NAME, error);
    status = path ? pb_file_read(&png, path, SIZE_MAX, error) : PB_MEMORY;
    pb_free(path);
    PB_TRY(status);
    base64 = g_base64_encode(png.data, png.size);
    fprintf(f,
            "<h2>Samples</h2>\n<figure>\n<img alt=\"samples\" src=\"data:image/png;base64,%s\">\n"
            "<figcaption>The samples, by their seeds. Each picture is drawn from the seed's "
            "x<sub>T</sub> by %zu DDIM steps, ",
            base64, o->steps - 1);
    if (o->boost > 0)
        fprintf(f,
                "stochastic ones from t = %.3g on (<code>--boost %.3g</code>), as <code>pullback "
                "sample --boost %.3g --seed SEED -n 1</code> draws it with the same steps, prompt "
                "and guidance. <strong>The bases are not taken along these steps</strong>: their "
                "x<sub>t</sub> lie on the path of deterministic steps from the same x<sub>T</sub>, "
                "which does not depend on <code>--boost</code>. A model that is small ends such a "
                "path in a malformed image more often (<code>--boost 0</code> shows it here).",
                o->boost, o->boost, o->boost);
    else
        fputs("all of them deterministic (<code>--boost 0</code>): the end of the path on which "
              "the bases' x<sub>t</sub> lie.",
              f);
    fputs("</figcaption>\n</figure>\n", f);
    g_free(base64);
    pb_bytes_clear(&png);
    return PB_OK;
}

/* All but the folder, in which the page lies. */
static pb_status print_settings(FILE *f, const pb_study_plan *p, pb_error *error)
{
    json_t *settings = pb_study_settings(p->options), *value;
    pb_status status = PB_OK;
    const char *key;

    fputs("<table>\n", f);
    json_object_foreach(settings, key, value)
    {
        char *words = pb_setting_words(key, value, p->options->folder);
        if (!words)
            status = pb_fail_memory(error, 1, "a page");
        else if (strcmp(key, "folder")) {
            fprintf(f, "<tr><th>%s</th><td>", key);
            print_text(f, !strcmp(key, "images") && !p->options->image_count
                              ? "none: samples are drawn"
                              : words);
            fputs("</td></tr>\n", f);
        }
        pb_free(words);
    }
    for (size_t m = 0; m < p->options->model_count; m++) {
        fputs("<tr><th>hash of ", f);
        print_text(f, p->models[m].label);
        fprintf(f, "</th><td><code>%s</code></td></tr>\n", p->models[m].hash);
    }
    fputs("</table>\n", f);
    json_decref(settings);
    return status;
}

/* Rows that are few enough to read: those without a second index. */
static int is_summary(const pb_row *r)
{
    static const char *const names[] = {
        "centroid", "effective_rank", "among",         "lag",         "random",
        "loss",     "prompted",       "among_prompts", "correlation", "correlation_overlap"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(r->quantity, names[i]))
            return 1;
    return 0;
}

static void print_cell(FILE *f, double value, const char *otherwise)
{
    if (isnan(value))
        fprintf(f, "<td>%s</td>", otherwise);
    else
        fprintf(f, "<td>%.4g</td>", value);
}

static void print_summary(FILE *f, const pb_table *table, const char *space)
{
    fputs("<div class=\"numbers\">\n<table>\n<tr><th>model</th><th>quantity</th><th>t</th><th>|t − "
          "t'|</th><th>value</th>"
          "<th>low</th><th>high</th><th>samples</th></tr>\n",
          f);
    for (size_t i = 0; i < table->count; i++) {
        const pb_row *r = &table->rows[i];
        if (!is_summary(r))
            continue;
        fputs("<tr><td>", f);
        print_text(f, r->model);
        fprintf(f, "</td><td>%s</td>", r->quantity);
        print_cell(f, r->t, "");
        print_cell(f, r->index, "");
        print_cell(f, r->estimate.value, "–");
        print_cell(f, r->estimate.low, "–");
        print_cell(f, r->estimate.high, "–");
        fprintf(f, "<td>%zu</td></tr>\n", r->estimate.count);
    }
    fprintf(f,
            "</table>\n</div>\n<p>Low and high are 95 %% intervals, within what a quantity can be "
            "(Student's or the jackknife's, on the logit or log scale); –: none, of fewer than %d "
            "samples or of what is no mean over samples. Distances are in %s, as a share of the "
            "largest "
            "possible.</p>\n",
            PB_INTERVAL_LEAST, space);
}

static pb_status print_page(FILE *f, const pb_study_plan *p, const pb_table *table, pb_error *error)
{
    const char *name = pb_study_name(p->options->kind);

    fprintf(f,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<title>Pullback: study %s</title>\n<style>\n"
            "body { font-family: sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em }\n"
            "svg, img { max-width: 100%%; height: auto }\n"
            "svg text { font-family: \"DejaVu Sans\", sans-serif }\n"
            "figure { margin: 1em 0 }\n"
            "td { overflow-wrap: anywhere; white-space: pre-line }\n"
            ".numbers { overflow-x: auto }\n"
            ".numbers td { white-space: nowrap }\n"
            "table { border-collapse: collapse }\n"
            "th, td { text-align: left; padding: 0.2em 0.8em; border-bottom: 1px solid #ddd }\n"
            "pre { background: #f4f4f4; padding: 1em; overflow-x: auto }\n"
            "</style>\n</head>\n<body>\n<h1>Study: %s</h1>\n<figure>\n",
            name, name);
    PB_TRY(print_figure(f, p->options, error));
    fputs("<figcaption>", f);
    pb_figure_caption(f, p);
    fputs("</figcaption>\n</figure>\n", f);
    PB_TRY(print_samples(f, p, error));
    fputs("<h2>Settings</h2>\n", f);
    PB_TRY(print_settings(f, p, error));
    fputs("<p>Run again: <code>pullback study ", f);
    fprintf(f, "%s --settings settings.json -o FOLDER</code></p>\n<h2>Numbers</h2>\n", name);
    print_summary(f, table, p->options->in_x ? "X" : "H");
    fputs("<p>All numbers are in <code>data.csv</code>; <code>figure.gp</code> holds and draws "
          "those of "
          "the figure.</p>\n<h2>How to cite</h2>\n<pre>\n"
          "@inproceedings{park2023understanding,\n"
          "  title     = {Understanding the Latent Space of Diffusion Models through the Lens of "
          "Riemannian Geometry},\n"
          "  author    = {Park, Yong-Hyun and Kwon, Mingi and Choi, Jaewoong and Jo, Junghyo and "
          "Uh, Youngjung},\n"
          "  booktitle = {Advances in Neural Information Processing Systems},\n"
          "  year      = {2023}\n}\n@software{pullback,\n"
          "  title   = {Pullback: Riemannian geometry of a diffusion model's latent space},\n"
          "  version = {",
          f);
    fprintf(f, "%s}\n}\n</pre>\n</body>\n</html>\n", pb_version());
    return PB_OK;
}

/* -- all ------------------------------------------------------------------------------------------
 */

static pb_status write_data(const pb_study_options *o, const pb_table *table, pb_error *error)
{
    char *path = pb_in_folder(o, "data.csv", error);
    pb_status status = path ? pb_table_write(table, path, error) : PB_MEMORY;

    pb_free(path);
    return status;
}

static pb_status draw(const pb_study_plan *p, const pb_table *table, pb_error *error)
{
    char *path = pb_in_folder(p->options, "figure.gp", error);
    pb_output output = PB_OUTPUT_EMPTY;
    pb_status status = path ? pb_output_open(&output, path, error) : PB_MEMORY;

    if (status == PB_OK) {
        pb_figure_script(output.stream, p, table);
        status = pb_output_commit(&output, error);
    }
    if (status == PB_OK)
        status = pb_plot_run(path, NULL, error);
    pb_free(path);
    return status;
}

pb_status pb_report_write(pb_workshop *w, const pb_table *table, pb_error *error)
{
    const pb_study_plan *p = w->plan;
    pb_output page = PB_OUTPUT_EMPTY;
    pb_status status;
    char *path;

    PB_TRY(write_data(p->options, table, error));
    PB_TRY(draw(p, table, error));
    PB_TRY(pb_thumbnails_write(w, error));
    path = pb_in_folder(p->options, "report.html", error);
    status = path ? pb_output_open(&page, path, error) : PB_MEMORY;
    pb_free(path);
    PB_TRY(status);
    status = print_page(page.stream, p, table, error);
    if (status == PB_OK)
        return pb_output_commit(&page, error);
    pb_output_abandon(&page);
    return status;
}
