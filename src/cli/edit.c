#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/basis_at.h"
#include "cli/strip.h"

#define MAX_DIRECTIONS 64

typedef struct options {
    pb_cli cli;
    pb_point_options point;
    char *basis;     /* a file to reuse */
    char *direction; /* "0", "0,2", "0-3" */
    size_t directions[MAX_DIRECTIONS], count;
    double step, scale, boost, strength; /* NaN: not given */
    int iterations;                      /* 0: not given */
    int stages;
    gint64 noise_seed;
    gboolean paste;
    char *out;
} options;

/* -- options --------------------------------------------------------------------------------- */

/* "0,2,5-7" */
static pb_status parse_directions(options *o, pb_error *error)
{
    const char *text = o->direction ? o->direction : "0";

    while (*text) {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;
        int bad = end == text || *text == '-' || *text == '+';

        if (!bad && *end == '-') {
            text = end + 1;
            last = strtoul(text, &end, 10);
            bad = end == text;
        }
        if (bad || (*end && *end != ',') || last < first || last > 100000 ||
            last - first >= MAX_DIRECTIONS - o->count)
            return pb_fail(error, PB_INVALID,
                           "--direction %s: expected numbers from 0 on, such as 0 or 0,2 or 0-3, "
                           "at most %d",
                           o->direction, MAX_DIRECTIONS);
        for (; first <= last; first++)
            o->directions[o->count++] = first;
        text = *end ? end + 1 : end;
    }
    return PB_OK;
}

static int to_folder(const options *o)
{
    return o->out[strlen(o->out) - 1] == '/' || g_file_test(o->out, G_FILE_TEST_IS_DIR);
}

static pb_status check_output(const options *o, pb_error *error)
{
    if (!o->out || !*o->out)
        return pb_fail(error, PB_INVALID, "where to? -o strip.png, out.npy or FOLDER/");
    if (!o->paste)
        return PB_OK;
    if (isnan(o->strength) && !to_folder(o))
        return pb_fail(error, PB_INVALID,
                       "--paste makes one photo of one edit: give --strength, or -o FOLDER/");
    if (pb_has_ending(o->out, ".npy"))
        return pb_fail(error, PB_INVALID, "--paste makes a picture, not a .npy");
    return PB_OK;
}

static pb_status check(options *o, int argc, char **argv, pb_error *error)
{
    if (argc > 2)
        return pb_fail(error, PB_INVALID, "expected one image, found %d", argc - 1);
    o->point.image = argc == 2 ? argv[1] : NULL;
    PB_TRY(pb_point_check(&o->point, error));
    PB_TRY(parse_directions(o, error));
    if (!o->point.image && !o->point.x && o->point.seed < 0 && !o->basis)
        return pb_fail(error, PB_INVALID, "edit what? an image, --x F.npy, --seed S or --basis F");
    if (o->basis && (o->point.x || o->point.seed >= 0 || !isnan(o->point.t)))
        return pb_fail(error, PB_INVALID,
                       "--basis has its own point and t: not with --x, --seed or --t");
    if (o->paste && !o->point.image)
        return pb_fail(error, PB_INVALID, "--paste needs the photo");
    if (!o->cli.model)
        return pb_fail(error, PB_INVALID, "which model? --model MODEL");
    if (!isnan(o->step))
        PB_TRY(pb_check_range("--edit-step", o->step, 1e-9, 1e9, error));
    if (!isnan(o->scale))
        PB_TRY(pb_check_range("--edit-scale", o->scale, -1e9, 1e9, error));
    if (!isnan(o->boost))
        PB_TRY(pb_check_range("--boost", o->boost, 0, 1, error));
    if (!isnan(o->strength)) {
        PB_TRY(pb_check_range("--strength", o->strength, -1, 1, error));
        if (o->count != 1)
            return pb_fail(error, PB_INVALID, "--strength makes one picture of one direction");
    }
    PB_TRY(pb_check_range("--edit-iterations", o->iterations, 0, 100000, error));
    PB_TRY(pb_check_range("--stages", o->stages, 1, 1000, error));
    return check_output(o, error);
}

static double choose(double given, double recommended, double otherwise)
{
    return !isnan(given) ? given : !isnan(recommended) ? recommended : otherwise;
}

/* What is not given is the model's recommendation, or else the paper's choice for pixel models. */
static pb_status settle(pb_strip *strip, const options *o, const pb_session *s,
                        const pb_point *point, pb_error *error)
{
    const pb_recommended *r = &s->info->recommended;
    size_t N = o->iterations ? (size_t)o->iterations : r->iterations ? r->iterations : 16;

    *strip = (pb_strip){
        .guidance = {.step = choose(o->step, r->step, 1),
                     .scale = choose(o->scale, r->scale, 0.1),
                     .iterations = N},
        .stages = (size_t)o->stages < N ? (size_t)o->stages : N,
        .boost = choose(o->boost, r->boost, 0.2),
        .noise_seed = (uint64_t)o->noise_seed,
        .steps = (size_t)o->point.steps,
        .grid = point->grid,
        .timestep = point->timestep,
        .count = o->count,
        .direction = (size_t *)o->directions,
    };
    if (point->grid == SIZE_MAX)
        return pb_fail(error, PB_INVALID,
                       "timestep %g is not on a grid of %d points: give the --steps it came from",
                       point->timestep, o->point.steps);
    if (!isnan(o->strength)) {
        strip->guidance.iterations = (size_t)lround(fabs(o->strength) * (double)N);
        strip->one_side = o->strength < 0 ? -1 : 1;
        strip->stages = strip->guidance.iterations ? 1 : 0;
    }
    return PB_OK;
}

/* -- the basis ------------------------------------------------------------------------------- */

static pb_status check_basis(const options *o, const pb_basis *basis, pb_error *error)
{
    if (strcmp(basis->from, "x"))
        return pb_fail(error, PB_INVALID,
                       "%s: directions at the tap %s: an edit needs directions of x", o->basis,
                       basis->from);
    for (size_t i = 0; i < o->count; i++)
        if (o->directions[i] >= basis->s.shape[0])
            return pb_fail(error, PB_INVALID, "--direction %zu: %s has 0 to %zu", o->directions[i],
                           o->basis, basis->s.shape[0] - 1);
    return PB_OK;
}

/* The image beside a basis file must lead to the point in it. */
static pb_status check_same_point(const options *o, const pb_basis *basis, const pb_point *point,
                                  pb_error *error)
{
    double difference = 0, norm = 0;

    if (pb_tensor_count(&point->x) == pb_tensor_count(&basis->x))
        for (size_t i = 0; i < pb_tensor_count(&basis->x); i++) {
            double d = (double)point->x.data[i] - (double)basis->x.data[i];
            difference += d * d;
            norm += (double)basis->x.data[i] * (double)basis->x.data[i];
        }
    if (norm > 0 && sqrt(difference / norm) < 1e-2)
        return PB_OK;
    return pb_fail(error, PB_INVALID,
                   "%s belongs to another point than %s leads to: compute its own basis, or carry "
                   "the direction over with transport",
                   o->basis, o->point.image);
}

/* The point and the basis from a file. */
static pb_status reuse(const options *o, pb_session *s, pb_point *point, pb_basis *basis,
                       pb_error *error)
{
    pb_point_options where = o->point;
    char hash[65];

    PB_TRY(pb_basis_read(basis, o->basis, error));
    PB_TRY(check_basis(o, basis, error));
    PB_TRY(pb_model_hash(s->model, hash, error));
    if (*basis->model_hash && strcmp(basis->model_hash, hash))
        return pb_fail(error, PB_INVALID, "%s was computed with another model: %s", o->basis,
                       basis->model);
    s->class_label = basis->class_label;
    if (o->point.image) {
        where.t = basis->timestep / (double)pb_schedule_length(s->schedule);
        PB_TRY(pb_point_find(point, s, &where, error));
        PB_TRY(check_same_point(o, basis, point, error));
    } else
        PB_TRY(pb_session_size(s, basis->x.shape[1], basis->x.shape[2], error));
    pb_tensor_clear(&point->x);
    PB_TRY(pb_tensor_new(&point->x, 3, basis->x.shape, error));
    memcpy(point->x.data, basis->x.data, pb_tensor_count(&basis->x) * sizeof(float));
    point->timestep = basis->timestep;
    point->grid = SIZE_MAX;
    for (int i = 0; i < o->point.steps; i++)
        if (fabs(pb_grid_time(pb_schedule_length(s->schedule), (size_t)o->point.steps, (size_t)i) -
                 basis->timestep) < 1e-3)
            point->grid = (size_t)i;
    return PB_OK;
}

/* The point, and a new basis there of as many vectors as needed. */
static pb_status compute(const options *o, pb_session *s, pb_point *point, pb_basis_found *found,
                         pb_error *error)
{
    pb_basis_options basis = PB_BASIS_DEFAULTS;

    basis.rank = 1;
    for (size_t i = 0; i < o->count; i++)
        if ((int)o->directions[i] >= basis.rank)
            basis.rank = (int)o->directions[i] + 1;
    PB_TRY(pb_point_find(point, s, &o->point, error));
    return pb_basis_at(found, s, point, &basis, error);
}

/* -- output ---------------------------------------------------------------------------------- */

/* One edited image: into the photo with --paste, else as it is. */
static pb_status write_one(const options *o, const pb_strip *strip, const pb_point *point,
                           const float *image, const char *settings, const char *path,
                           pb_error *error)
{
    const size_t *shape = strip->images.shape;
    const pb_tensor one = {
        .rank = 4, .shape = {1, shape[1], shape[2], shape[3]}, .data = (float *)image};

    if (o->paste)
        return pb_strip_paste(strip, image, &point->photo, path, settings, error);
    return pb_write_images(&one, path, settings, error);
}

/* Every stage as a file of its own, and the strip. */
static pb_status write_folder(const options *o, const pb_strip *strip, const pb_session *s,
                              const pb_point *point, const pb_basis *basis, pb_error *error)
{
    long stages = (long)strip->stages;
    char *settings = pb_strip_settings(strip, s, basis);
    char *path = g_build_filename(o->out, "strip.png", NULL);
    pb_status status = pb_strip_write(strip, s, basis, path, error);

    g_free(path);
    for (size_t d = 0; d < strip->count; d++)
        for (long stage = -stages; status == PB_OK && stage <= stages; stage++) {
            char *name = stage ? g_strdup_printf("v%zu-%s-%02ld.png", strip->direction[d],
                                                 stage < 0 ? "minus" : "plus",
                                                 labs(pb_strip_iteration(strip, stage)))
                               : g_strdup("reconstruction.png");
            path = g_build_filename(o->out, name, NULL);
            status =
                write_one(o, strip, point, pb_strip_image(strip, d, stage), settings, path, error);
            g_free(path);
            g_free(name);
        }
    free(settings);
    return status;
}

static pb_status write_result(const options *o, const pb_strip *strip, const pb_session *s,
                              const pb_point *point, const pb_basis *basis, pb_error *error)
{
    if (!isnan(o->strength)) {
        const float *image = pb_strip_image(strip, 0, strip->stages ? 1 : 0);
        char *settings = pb_strip_settings(strip, s, basis);
        pb_status status = write_one(o, strip, point, image, settings, o->out, error);
        free(settings);
        return status;
    }
    if (to_folder(o))
        return write_folder(o, strip, s, point, basis, error);
    if (pb_has_ending(o->out, ".npy"))
        return pb_npy_write(&strip->images, o->out, error);
    return pb_strip_write(strip, s, basis, o->out, error);
}

static void tell(const options *o, const pb_strip *strip, const pb_session *s,
                 const pb_basis *basis)
{
    char *settings = pb_strip_settings(strip, s, basis);
    json_t *object = json_loads(settings ? settings : "{}", 0, NULL);

    pb_say(&o->cli,
           "%s: timestep %g, edit step %g, scale %g, %zu iterations, boost %g; first singular "
           "value %.4g",
           o->out, strip->timestep, strip->guidance.step, strip->guidance.scale,
           strip->guidance.iterations, strip->boost, (double)basis->s.data[0]);
    json_object_set_new(object, "out", json_string(o->out));
    pb_cli_print(&o->cli, object);
    free(settings);
}

static pb_status edit(const options *o, pb_session *s, pb_point *point, pb_basis_found *found,
                      pb_strip *strip, pb_error *error)
{
    pb_basis *basis = &found->basis;

    PB_TRY(pb_session_open(s, &o->cli, o->point.class_label, error));
    if (o->basis)
        PB_TRY(reuse(o, s, point, basis, error));
    else
        PB_TRY(compute(o, s, point, found, error));
    if (o->paste && !point->has_photo)
        return pb_fail(error, PB_INVALID, "%s: --paste needs a picture, not a .npy",
                       o->point.image);
    PB_TRY(settle(strip, o, s, point, error));
    PB_TRY(pb_strip_make(strip, s, point->x.data, &basis->v, error));
    PB_TRY(write_result(o, strip, s, point, basis, error));
    tell(o, strip, s, basis);
    return PB_OK;
}

static pb_status run(const options *o, pb_error *error)
{
    pb_basis_found found = {.basis = PB_BASIS_EMPTY};
    pb_session session = {0};
    pb_strip strip = {0};
    pb_point point = {0};
    pb_status status;

    PB_TRY(to_folder(o) ? pb_make_folder(o->out, error) : pb_check_output(o->out, error));
    status = edit(o, &session, &point, &found, &strip, error);
    pb_tensor_clear(&strip.images);
    pb_basis_found_clear(&found);
    pb_point_clear(&point);
    pb_session_close(&session);
    return status;
}

int pb_command_edit(int argc, char **argv)
{
    static const pb_help help = {
        "--model MODEL (IMAGE | --x F.npy | --seed S | --basis F) -o OUT",
        "Edits an image along directions of its local latent basis. OUT is a strip (its middle "
        "the\n"
        "reconstruction, edits growing to both sides), with --strength one picture, or a folder/ "
        "for\n"
        "every stage in a file of its own. Settings not given are the model's recommended ones, "
        "or\n"
        "the paper's; they are written into the PNG.",
        "Examples:\n"
        "  pullback edit --model faces32 portrait.jpg --direction 0-2 -o strip.png\n"
        "  pullback edit --model faces32 portrait.jpg --direction 1 --strength -0.5 --paste "
        "-o edited.jpg"};
    options o = {.cli = {.name = "edit"},
                 .point = PB_POINT_DEFAULTS,
                 .step = NAN,
                 .scale = NAN,
                 .boost = NAN,
                 .strength = NAN,
                 .stages = 4};
    const GOptionEntry entries[] = {
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o.out, "Where to write", "OUT"},
        {"direction", 'd', 0, G_OPTION_ARG_STRING, &o.direction,
         "Directions of the basis, from 0 on: 0 or 0,2 or 0-3 (default: 0)", "LIST"},
        {"strength", 0, 0, G_OPTION_ARG_DOUBLE, &o.strength,
         "One picture: this share of the full edit, -1 to 1; the sign chooses the side", "S"},
        {"paste", 0, 0, G_OPTION_ARG_NONE, &o.paste,
         "Add the edit to the photo at its full size and in colour", NULL},
        {"basis", 0, 0, G_OPTION_ARG_FILENAME, &o.basis,
         "Reuse a basis file and its point instead of computing one", "F"},
        {"stages", 0, 0, G_OPTION_ARG_INT, &o.stages, "Stages on each side (default: 4)", "N"},
        {"edit-step", 0, 0, G_OPTION_ARG_DOUBLE, &o.step,
         "Delta: how far along the direction the noise is compared (default: the model's, or 1)",
         "D"},
        {"edit-scale", 0, 0, G_OPTION_ARG_DOUBLE, &o.scale,
         "Gamma: how much of the difference is added (default: the model's, or 0.1)", "G"},
        {"edit-iterations", 0, 0, G_OPTION_ARG_INT, &o.iterations,
         "How often (default: the model's, or 16)", "N"},
        {"boost", 0, 0, G_OPTION_ARG_DOUBLE, &o.boost,
         "Stochastic steps from this fraction of T on, 0 for none (default: the model's, or 0.2)",
         "T"},
        {"noise-seed", 0, 0, G_OPTION_ARG_INT64, &o.noise_seed, "Seed of their noise (default: 0)",
         "N"},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry where[PB_POINT_ENTRIES];
    pb_error error;

    pb_point_entries(&o.point,
                     PB_POINT_T | PB_POINT_STEPS | PB_POINT_X | PB_POINT_SEED | PB_POINT_IMAGE |
                         PB_POINT_CLASS,
                     where);
    if (pb_cli_parse(&o.cli, &help, entries, where, &argc, &argv, &error) != PB_OK ||
        check(&o, argc, argv, &error) != PB_OK)
        return pb_cli_usage(&o.cli, &error);
    return pb_cli_end(&o.cli, run(&o, &error), &error);
}
