#include "models/model.h"

#include <math.h>
#include <string.h>

#include "base/ending.h"
#include "base/likeness.h"
#include "base/memory.h"
#include "io/config.h"
#include "io/file.h"

void pb_model_free(pb_model *model)
{
    if (!model)
        return;
    pb_graph_free(model->graph);
    pb_device_close(model->device);
    pb_weights_free(model->weights);
    pb_schedule_free(model->schedule);
    pb_model_files_clear(&model->files);
    pb_loras_close(&model->loras);
    if (model->digest) {
        pthread_mutex_destroy(&model->digest->mutex);
        pb_free(model->digest->noted);
        pb_free(model->digest->loras);
    }
    pb_free(model->digest);
    pb_free(model);
}

/* -- opening --------------------------------------------------------------------------------- */

static pb_status build_network(pb_model *model, pb_error *error)
{
    const pb_part *part = &model->files.parts[PB_ROLE_UNET];
    const pb_component *component = part->component;
    pb_component_facts facts;
    pb_config *config;

    PB_TRY(pb_part_config(&config, part, error));
    PB_TRY(pb_component_build(&component, &model->graph, &facts, config, model->weights, error));
    model->facts = facts.denoiser;
    model->info.architecture = component->class;
    return PB_OK;
}

/* pullback.json: settings that suit the model. */
static pb_status read_recommended(pb_recommended *r, const char *path, pb_error *error)
{
    static const char *const absent[] = {
        "t",      "edit_step", "edit_scale", "edit_iterations", "boost", "heldout_loss",
        "face_x", "face_y",    "face_size"};
    pb_config *config;

    *r = (pb_recommended){.t = NAN,
                          .step = NAN,
                          .scale = NAN,
                          .boost = NAN,
                          .heldout_loss = NAN,
                          .face_x = NAN,
                          .face_y = NAN,
                          .face_size = NAN};
    if (!path)
        return PB_OK;
    PB_TRY(pb_config_open(&config, path, error));
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        pb_config_nullable(config, absent[i]);
    r->t = pb_config_number(config, "t", NAN, 0, 1);
    r->step = pb_config_number(config, "edit_step", NAN, 1e-6, 1e6);
    r->scale = pb_config_number(config, "edit_scale", NAN, 1e-6, 1e6);
    r->iterations = (size_t)pb_config_integer(config, "edit_iterations", 0, 1, 100000);
    r->boost = pb_config_number(config, "boost", NAN, 0, 1);
    r->heldout_loss = pb_config_number(config, "heldout_loss", NAN, 0, 1e6);
    r->face_x = pb_config_number(config, "face_x", NAN, 0, 1);
    r->face_y = pb_config_number(config, "face_y", NAN, 0, 1);
    r->face_size = pb_config_number(config, "face_size", NAN, 1e-3, 10);
    if (isnan(r->face_size) != isnan(r->face_x) || isnan(r->face_size) != isnan(r->face_y))
        pb_config_fail(config, PB_FORMAT, "face_size",
                       "face_x, face_y and face_size belong together: one of them is missing");
    pb_config_ignore(config, "attributes"); /* read by the study of prompts */
    return pb_config_close(config, error);
}

static const char *dtype_of(const pb_weights *weights)
{
    const char *name = NULL;

    for (size_t i = 0; i < pb_weights_count(weights); i++) {
        const pb_stored *stored = pb_weights_at(weights, i);
        if (stored->dtype == PB_INTEGER)
            continue;
        if (name && strcmp(name, stored->dtype_name))
            return "mixed";
        name = stored->dtype_name;
    }
    return name ? name : "none";
}

/* Is it StableDiffusionPipeline's, not StableDiffusionXLPipeline's, which takes its scheduler as it
 * is? */
static bool is_first_kind(const pb_denoiser_facts *network)
{
    return network->context_width && !network->pooled_width;
}

/* That switches clip_sample off whatever the file says, thresholding not. */
static pb_clip clip_of(const pb_scheduler_facts *scheduler, const pb_denoiser_facts *network)
{
    return is_first_kind(network) && scheduler->clip.kind == PB_CLIP_RANGE
               ? (pb_clip){.kind = PB_CLIP_NONE}
               : scheduler->clip;
}

static void describe(pb_model *model)
{
    pb_model_info *info = &model->info;
    const pb_part *parts = model->files.parts;
    const pb_denoiser_facts *facts = &model->facts;

    for (size_t i = 0; i < pb_weights_count(model->weights); i++) {
        const pb_stored *stored = pb_weights_at(model->weights, i);
        if (stored->dtype == PB_INTEGER)
            continue;
        info->parameters += stored->count;
        info->weight_bytes += stored->bytes;
    }
    info->path = model->files.folder;
    info->scheduler = model->scheduler.name;
    info->weights = pb_last_name(parts[PB_ROLE_UNET].weights ? parts[PB_ROLE_UNET].weights
                                                             : pb_part_place(&parts[PB_ROLE_UNET]));
    info->dtype = dtype_of(model->weights);
    info->sample_height = facts->sample_height;
    info->sample_width = facts->sample_width;
    info->in_channels = facts->in_channels;
    info->out_channels = facts->out_channels;
    info->learned_variance = facts->learned_variance;
    info->size_multiple = facts->size_multiple;
    info->size_least = facts->size_least;
    info->class_conditional = facts->class_conditional;
    info->classes = facts->classes;
    info->context_width = facts->context_width;
    info->pooled_width = facts->pooled_width;
    info->zeros_for_none = facts->pooled_width && !model->files.reads_none;
    info->has_autoencoder = pb_part_is_there(&parts[PB_ROLE_VAE]);
    info->has_tokenizer = pb_part_is_there(&parts[PB_ROLE_TOKENIZER]);
    info->has_text_encoder = pb_part_is_there(&parts[PB_ROLE_TEXT_ENCODER]);
    info->has_tokenizer_2 = pb_part_is_there(&parts[PB_ROLE_TOKENIZER_2]);
    info->has_text_encoder_2 = pb_part_is_there(&parts[PB_ROLE_TEXT_ENCODER_2]);
    info->latent = info->has_autoencoder || facts->context_width;
    info->unused = model->files.unused;
    info->inferred = model->files.inferred;
    info->steps_offset = is_first_kind(facts) ? 1 : model->scheduler.steps_offset;
    info->set_alpha_to_one = model->scheduler.set_alpha_to_one;
    info->clip = clip_of(&model->scheduler, facts);
    info->ignored = info->clip.kind == PB_CLIP_RANGE      ? "clip_sample"
                    : info->clip.kind == PB_CLIP_QUANTILE ? "thresholding"
                                                          : NULL;
}

/* The scheduler's file (none: DDPMScheduler's defaults), or what would stand in it. */
static pb_status read_schedule(pb_model *model, pb_error *error)
{
    const pb_part *part = &model->files.parts[PB_ROLE_SCHEDULER];
    pb_config *config;

    if (!part->config)
        return pb_scheduler_read(&model->schedule, &model->scheduler,
                                 part->count ? part->files[0] : NULL, error);
    PB_TRY(pb_config_of(&config, model->files.folder, part->config, error));
    return pb_scheduler_of(&model->schedule, &model->scheduler, config, error);
}

static pb_status open_parts(pb_model *model, const char *name, const pb_model_options *options,
                            pb_error *error)
{
    const pb_backend *backend;

    PB_TRY(pb_backend_find(&backend, options->backend, error));
    PB_TRY(pb_model_locate(&model->files, name, options, error));
    PB_TRY(pb_loras_open(&model->loras, options, error));
    PB_TRY(pb_model_note_files(model, error));
    PB_TRY(read_schedule(model, error));
    PB_TRY(read_recommended(&model->info.recommended, model->files.recommended, error));
    PB_TRY(pb_loras_merge(&model->loras, &model->files, error));
    PB_TRY(pb_part_weights(&model->weights, &model->files.parts[PB_ROLE_UNET], error));
    PB_TRY(backend->open(&model->device, error));
    PB_TRY(build_network(model, error));
    describe(model);
    return PB_OK;
}

void pb_model_options_init(pb_model_options *options)
{
    if (options)
        *options = PB_MODEL_DEFAULTS;
}

void pb_lora_init(pb_lora *lora)
{
    if (lora)
        *lora = PB_LORA_DEFAULTS;
}

pb_status pb_model_open_with(pb_model **out, const char *name, const pb_model_options *options,
                             pb_error *error)
{
    const pb_model_options o = options ? *options : PB_MODEL_DEFAULTS;
    pthread_mutexattr_t once_a_thread;
    pb_model *model;
    pb_status status;

    PB_OUT(out, "the model");
    PB_NEED(name, "a model's name");
    model = pb_calloc(1, sizeof *model);
    if (!model)
        return pb_fail_memory(error, sizeof *model, "a model");
    model->digest = pb_calloc(1, sizeof *model->digest);
    if (model->digest) {
        pthread_mutexattr_init(&once_a_thread);
        pthread_mutexattr_settype(&once_a_thread, PTHREAD_MUTEX_ERRORCHECK);
        pthread_mutex_init(&model->digest->mutex, &once_a_thread);
        pthread_mutexattr_destroy(&once_a_thread);
        status = open_parts(model, name, &o, error);
    } else
        status = pb_fail_memory(error, sizeof *model->digest, "a model");
    if (status == PB_OK)
        *out = model;
    else
        pb_model_free(model);
    return status;
}

pb_status pb_model_open(pb_model **out, const char *name, pb_error *error)
{
    return pb_model_open_with(out, name, NULL, error);
}

/* -- facts ----------------------------------------------------------------------------------- */

pb_status pb_model_set_costs(pb_model *model, const char *path, pb_error *error)
{
    const pb_backend *backend;

    PB_NEED(model, "a model");
    PB_NEED(path, "a path");
    backend = model->device->backend;
    if (!backend->read_costs)
        return pb_fail(error, PB_INVALID, "the backend \"%s\" has no algorithms to choose from",
                       backend->name);
    return backend->read_costs(model->device, path, error);
}

const pb_model_info *pb_model_get_info(const pb_model *model)
{
    return &model->info;
}

/* The class that has a role, or NULL: nothing has. */
static const char *class_of(const pb_model *model, pb_role role)
{
    const pb_part *part = &model->files.parts[role];

    if (role == PB_ROLE_UNET)
        return model->info.architecture;
    if (role == PB_ROLE_SCHEDULER)
        return model->info.scheduler;
    return pb_part_is_there(part) ? part->component->class : NULL;
}

const char *pb_model_component(const pb_model *model, size_t i, const char **class_name)
{
    for (pb_role role = 0; role < PB_ROLES; role++) {
        const char *class = class_of(model, role);
        if (!class || i-- > 0)
            continue;
        if (class_name)
            *class_name = class;
        return pb_role_name(role);
    }
    if (class_name)
        *class_name = NULL;
    return NULL;
}

const pb_lora_info *pb_model_lora(const pb_model *model, size_t i)
{
    return i < model->loras.count ? &model->loras.files[i].info : NULL;
}

const pb_schedule *pb_model_schedule(const pb_model *model)
{
    return model->schedule;
}

const char *pb_model_tap(const pb_model *model, size_t i)
{
    return i < model->graph->tap_count ? model->graph->taps[i].name : NULL;
}

pb_status pb_model_check_size(const pb_model *model, size_t height, size_t width, pb_error *error)
{
    const pb_denoiser_facts *facts = &model->facts;
    size_t multiple = facts->size_multiple, least = facts->size_least;

    if (height < least || width < least || height % multiple || width % multiple ||
        height > PB_LARGEST || width > PB_LARGEST)
        return multiple > 1
                   ? pb_fail(error, PB_INVALID,
                             "an image of %zux%zu (height x width): this network takes multiples "
                             "of %zu up to %d",
                             height, width, multiple, PB_LARGEST)
                   : pb_fail(error, PB_INVALID,
                             "an image of %zux%zu (height x width): this network takes heights and "
                             "widths from %zu to %d",
                             height, width, least, PB_LARGEST);
    return PB_OK;
}

void pb_model_input_shapes(const pb_model *model, size_t height, size_t width, pb_shape *shapes)
{
    const pb_graph *graph = model->graph;

    for (size_t i = 0; i < graph->inputs; i++)
        shapes[i] = graph->nodes[i].shape;
    shapes[pb_graph_find_input(graph, "x")] = (pb_shape){height, width, model->facts.in_channels};
}

pb_status pb_model_check_class(const pb_model *model, long label, pb_error *error)
{
    const pb_denoiser_facts *facts = &model->facts;

    if (!facts->class_conditional)
        return label < 0 ? PB_OK
                         : pb_fail(error, PB_INVALID,
                                   "a class label (%ld) for a network that takes none", label);
    if (label < 0 && facts->classes)
        return pb_fail(error, PB_INVALID,
                       "this network needs a class label, 0 to %zu: --class C of the program, "
                       "class_label of a pb_condition",
                       facts->classes - 1);
    if (label < 0)
        return pb_fail(error, PB_INVALID,
                       "this network needs a class label, any number: --class C of the program, "
                       "class_label of a pb_condition");
    if (facts->classes && (size_t)label >= facts->classes)
        return pb_fail(error, PB_INVALID, "class label %ld: expected 0 to %zu", label,
                       facts->classes - 1);
    return PB_OK;
}

pb_status pb_fail_tap(pb_error *error, const pb_model *model, const char *tap)
{
    pb_likeness likeness = pb_likeness_to(tap);

    for (size_t i = 0; i < model->graph->tap_count; i++)
        pb_likeness_add(&likeness, model->graph->taps[i].name);
    pb_likeness_add(&likeness, "eps");
    pb_likeness_add(&likeness, "x0");
    return pb_fail(error, PB_INVALID, "this network has no tap \"%s\"%s", tap,
                   pb_likeness_hint(&likeness).text);
}

bool pb_is_tensor_input(const char *name)
{
    return strcmp(name, "x") && strcmp(name, "timestep") && strcmp(name, "class");
}

/* The value that has a shape by that name. */
static pb_value find_shaped(const pb_graph *graph, const char *name)
{
    pb_value value =
        pb_graph_find_tap(graph, strcmp(name, "eps") && strcmp(name, "x0") ? name : "out");

    return value < 0 && pb_is_tensor_input(name) ? pb_graph_find_input(graph, name) : value;
}

pb_status pb_model_tap_shape(const pb_model *model, const char *tap, size_t height, size_t width,
                             size_t shape[3], pb_error *error)
{
    pb_shape *shapes, found;
    pb_status status;
    pb_value value;

    PB_NEED(model, "a model");
    PB_NEED(tap, "the name of a tap");
    PB_NEED(shape, "room for the shape");
    value = find_shaped(model->graph, tap);
    if (value < 0)
        return pb_fail_tap(error, model, tap);
    PB_TRY(pb_model_check_size(model, height, width, error));
    shapes = pb_calloc(model->graph->count, sizeof *shapes);
    if (!shapes)
        return pb_fail_memory(error, model->graph->count * sizeof *shapes, "shapes");
    pb_model_input_shapes(model, height, width, shapes);
    status = pb_graph_shapes(model->graph, value, shapes, error);
    found = (size_t)value < model->graph->inputs && pb_is_tensor_input(tap)
                ? pb_tensor_input_image(shapes[value])
                : shapes[value];
    pb_free(shapes);
    shape[0] = found.c;
    shape[1] = found.h;
    shape[2] = found.w;
    return status;
}
