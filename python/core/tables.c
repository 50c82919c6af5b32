/* The structures of the library, field by field, under the names that Python has for them. */
#include "core.h"

#define AT(structure, field) offsetof(structure, field)
/* clang-format off */
#define END {NULL, PY_REAL, 0, NULL, 0}
#define FIELD(structure, name, kind) {#name, kind, offsetof(structure, name), NULL, 0}
/* clang-format on */

static const char *const mode_names[] = {"guidance", "straight", "relinearise", NULL};
static const char *const method_names[] = {"krylov", "subspace", NULL};
static const char *const sides_names[] = {"both", "forwards", "backwards", NULL};
static const char *const form_names[] = {"projection", "pseudo-inverse", NULL};

static const py_field sizes_fields[] = {{"original_size", PY_PAIR, AT(pb_sizes, original), 0, 0},
                                        {"crop_coords", PY_PAIR, AT(pb_sizes, crop), 0, 0},
                                        {"target_size", PY_PAIR, AT(pb_sizes, target), 0, 0},
                                        END};

const py_field py_prompts_fields[] = {
    {"prompt", PY_TEXT, AT(pb_prompts, prompt), 0, 0},
    {"edit_prompt", PY_TEXT, AT(pb_prompts, edit_prompt), 0, 0},
    {"negative_prompt", PY_TEXT, AT(pb_prompts, negative_prompt), 0, 0},
    {"guidance_scale", PY_REAL, AT(pb_prompts, guidance_scale), 0, 0},
    {"class_label", PY_LONG, AT(pb_prompts, class_label), 0, 0},
    {"sizes", PY_NESTED, AT(pb_prompts, sizes), sizes_fields, 0},
    END};

const py_field py_model_options_fields[] = {
    {"schedule", PY_PATH, AT(pb_model_options, schedule), 0, 0},
    {"backend", PY_TEXT, AT(pb_model_options, backend), 0, 0},
    {"vae", PY_PATH, AT(pb_model_options, vae), 0, 0},
    {"prediction_type", PY_TEXT, AT(pb_model_options, prediction_type), 0, 0},
    {"config", PY_PATH, AT(pb_model_options, config), 0, 0},
    END};

static const py_field recommended_fields[] = {
    {"t", PY_REAL, AT(pb_recommended, t), 0, 0},
    {"edit_step", PY_REAL, AT(pb_recommended, step), 0, 0},
    {"edit_scale", PY_REAL, AT(pb_recommended, scale), 0, 0},
    {"edit_iterations", PY_SIZE, AT(pb_recommended, iterations), 0, 0},
    {"boost", PY_REAL, AT(pb_recommended, boost), 0, 0},
    {"heldout_loss", PY_REAL, AT(pb_recommended, heldout_loss), 0, 0},
    {"face_x", PY_REAL, AT(pb_recommended, face_x), 0, 0},
    {"face_y", PY_REAL, AT(pb_recommended, face_y), 0, 0},
    {"face_size", PY_REAL, AT(pb_recommended, face_size), 0, 0},
    END};

#define INFO(name, kind) FIELD(pb_model_info, name, kind)
const py_field py_info_fields[] = {
    INFO(path, PY_PATH),
    INFO(architecture, PY_TEXT),
    INFO(scheduler, PY_TEXT),
    INFO(weights, PY_PATH),
    INFO(parameters, PY_SIZE),
    INFO(weight_bytes, PY_SIZE),
    INFO(dtype, PY_TEXT),
    INFO(sample_height, PY_SIZE),
    INFO(sample_width, PY_SIZE),
    INFO(in_channels, PY_SIZE),
    INFO(out_channels, PY_SIZE),
    INFO(learned_variance, PY_FLAG),
    INFO(size_multiple, PY_SIZE),
    INFO(size_least, PY_SIZE),
    INFO(class_conditional, PY_FLAG),
    INFO(classes, PY_SIZE),
    INFO(latent, PY_FLAG),
    INFO(context_width, PY_SIZE),
    INFO(pooled_width, PY_SIZE),
    INFO(zeros_for_none, PY_FLAG),
    INFO(unused, PY_PATH),
    INFO(inferred, PY_PATH),
    INFO(ignored, PY_TEXT),
    {"recommended", PY_NESTED, AT(pb_model_info, recommended), recommended_fields, 0},
    END};

#define POINT(name, kind) FIELD(pb_point_options, name, kind)
const py_field py_point_options_fields[] = {
    POINT(picture, PY_TENSOR),
    POINT(image, PY_TENSOR),
    POINT(x, PY_TENSOR),
    POINT(has_seed, PY_FLAG),
    POINT(seed, PY_SEED),
    {"height", PY_SIZE, AT(pb_point_options, pixel_height), 0, 0},
    {"width", PY_SIZE, AT(pb_point_options, pixel_width), 0, 0},
    POINT(steps, PY_SIZE),
    POINT(t, PY_REAL),
    POINT(timestep, PY_REAL),
    POINT(direct, PY_FLAG),
    POINT(mask, PY_TENSOR),
    {"prompts", PY_NESTED, AT(pb_point_options, prompts), py_prompts_fields, 0},
    END};

#define BASIS_OPTION(name, kind) FIELD(pb_basis_options, name, kind)
const py_field py_basis_options_fields[] = {
    {"from_tap", PY_TEXT, AT(pb_basis_options, from), 0, 0},
    {"tap", PY_TEXT, AT(pb_basis_options, to), 0, 0},
    BASIS_OPTION(rank, PY_SIZE),
    {"tol", PY_REAL, AT(pb_basis_options, tolerance), 0, 0},
    {"method", PY_NAME, AT(pb_basis_options, method), method_names, 0},
    BASIS_OPTION(bf16, PY_FLAG),
    BASIS_OPTION(block, PY_SIZE),
    BASIS_OPTION(max_applications, PY_SIZE),
    BASIS_OPTION(seed, PY_SEED),
    BASIS_OPTION(start, PY_TENSOR),
    BASIS_OPTION(guided, PY_FLAG),
    BASIS_OPTION(null_rank, PY_LONG),
    END};

#define DIRECTION(name, kind) FIELD(pb_direction_options, name, kind)
const py_field py_direction_options_fields[] = {
    DIRECTION(basis, PY_BASIS),
    DIRECTION(carry, PY_FLAG),
    DIRECTION(onto, PY_BASIS),
    {"form", PY_NAME, AT(pb_direction_options, form), form_names, 0},
    DIRECTION(project, PY_FLAG),
    DIRECTION(u, PY_TENSOR),
    DIRECTION(damping, PY_REAL),
    DIRECTION(needed, PY_SIZE),
    {"here", PY_NESTED, AT(pb_direction_options, here), py_basis_options_fields, 0},
    END};

#define EDIT_OPTION(name, kind) FIELD(pb_edit_options, name, kind)
const py_field py_edit_options_fields[] = {
    {"mode", PY_NAME, AT(pb_edit_options, mode), mode_names, 0},
    {"directions", PY_SIZES, AT(pb_edit_options, direction), 0, AT(pb_edit_options, count)},
    EDIT_OPTION(strength, PY_REAL),
    {"sides", PY_NAME, AT(pb_edit_options, sides), sides_names, 0},
    EDIT_OPTION(stages, PY_SIZE),
    {"edit_step", PY_REAL, AT(pb_edit_options, step), 0, 0},
    {"edit_scale", PY_REAL, AT(pb_edit_options, scale), 0, 0},
    {"edit_iterations", PY_SIZE, AT(pb_edit_options, iterations), 0, 0},
    {"edit_length", PY_REAL, AT(pb_edit_options, length), 0, 0},
    EDIT_OPTION(boost, PY_REAL),
    EDIT_OPTION(noise_seed, PY_SEED),
    END};

#define SVD_OPTION(name, kind) FIELD(pb_svd_options, name, kind)
const py_field py_svd_options_fields[] = {
    SVD_OPTION(rank, PY_SIZE),
    {"tol", PY_REAL, AT(pb_svd_options, tolerance), 0, 0},
    {"method", PY_NAME, AT(pb_svd_options, method), method_names, 0},
    SVD_OPTION(block, PY_SIZE),
    SVD_OPTION(max_basis, PY_SIZE),
    SVD_OPTION(max_applications, PY_SIZE),
    SVD_OPTION(seed, PY_SEED),
    END};

#define SVD(name, kind) FIELD(pb_svd, name, kind)
const py_field py_svd_fields[] = {SVD(converged, PY_SIZE),
                                  SVD(applications, PY_SIZE),
                                  SVD(applications_fast, PY_SIZE),
                                  SVD(steps, PY_SIZE),
                                  SVD(restarts, PY_SIZE),
                                  SVD(block, PY_SIZE),
                                  SVD(probe, PY_REAL),
                                  SVD(seconds, PY_REAL),
                                  SVD(seconds_operator, PY_REAL),
                                  END};

const py_field py_boost_fields[] = {{"t", PY_REAL, AT(pb_boost, t), 0, 0},
                                    {"seed", PY_SEED, AT(pb_boost, seed), 0, 0},
                                    {"own", PY_FLAG, AT(pb_boost, own), 0, 0},
                                    END};

const py_field py_comparison_options_fields[] = {
    {"rank", PY_SIZE, AT(pb_comparison_options, rank), 0, 0},
    {"across_models", PY_FLAG, AT(pb_comparison_options, across_models), 0, 0},
    {"draws", PY_SIZE, AT(pb_comparison_options, draws), 0, 0},
    {"seed", PY_SEED, AT(pb_comparison_options, seed), 0, 0},
    END};

const py_field py_distances_fields[] = {{"geodesic", PY_REAL, AT(pb_distances, geodesic), 0, 0},
                                        {"chordal", PY_REAL, AT(pb_distances, chordal), 0, 0},
                                        {"procrustes", PY_REAL, AT(pb_distances, procrustes), 0, 0},
                                        {"projection", PY_REAL, AT(pb_distances, projection), 0, 0},
                                        END};

const py_field py_memory_fields[] = {
    {"saved_bytes", PY_SIZE, AT(pb_map_memory, saved_bytes), 0, 0},
    {"arena_bytes", PY_SIZE, AT(pb_map_memory, arena_bytes), 0, 0},
    {"packed_bytes", PY_SIZE, AT(pb_map_memory, packed_bytes), 0, 0},
    {"block", PY_SIZE, AT(pb_map_memory, block), 0, 0},
    END};

const py_field py_mean_report_fields[] = {
    {"spread", PY_REAL, AT(pb_mean_report, spread), 0, 0},
    {"angle_largest", PY_REAL, AT(pb_mean_report, angle_largest), 0, 0},
    {"chordal", PY_FLAG, AT(pb_mean_report, chordal), 0, 0},
    {"iterations", PY_SIZE, AT(pb_mean_report, iterations), 0, 0},
    END};

/* -- what is found ----------------------------------------------------------------------------- */

#define BASIS(name, kind) FIELD(pb_basis, name, kind)
static const py_field basis_fields[] = {BASIS(u, PY_TENSOR),
                                        BASIS(s, PY_TENSOR),
                                        BASIS(v, PY_TENSOR),
                                        BASIS(residual, PY_TENSOR),
                                        BASIS(angle_bound, PY_TENSOR),
                                        BASIS(x, PY_TENSOR),
                                        BASIS(mask, PY_TENSOR),
                                        BASIS(agreement, PY_TENSOR),
                                        BASIS(model, PY_PATH),
                                        BASIS(model_hash, PY_TEXT),
                                        BASIS(prediction, PY_TEXT),
                                        BASIS(schedule, PY_TEXT),
                                        BASIS(schedule_hash, PY_TEXT),
                                        {"from_tap", PY_TEXT, AT(pb_basis, from), 0, 0},
                                        {"tap", PY_TEXT, AT(pb_basis, to), 0, 0},
                                        BASIS(timestep, PY_REAL),
                                        BASIS(t, PY_REAL),
                                        BASIS(steps, PY_SIZE),
                                        BASIS(class_label, PY_LONG),
                                        {"tol", PY_REAL, AT(pb_basis, tolerance), 0, 0},
                                        BASIS(method, PY_TEXT),
                                        BASIS(prompt, PY_TEXT),
                                        BASIS(trajectory_prompt, PY_TEXT),
                                        BASIS(negative_prompt, PY_TEXT),
                                        BASIS(sizes, PY_TEXT),
                                        BASIS(guidance_scale, PY_REAL),
                                        BASIS(guided, PY_FLAG),
                                        BASIS(converged, PY_SIZE),
                                        BASIS(applications, PY_SIZE),
                                        BASIS(null_rank, PY_SIZE),
                                        BASIS(samples, PY_SIZE),
                                        BASIS(space, PY_TEXT),
                                        BASIS(version, PY_TEXT),
                                        BASIS(loras, PY_TEXT),
                                        BASIS(file, PY_PATH),
                                        END};

#define FOUND(name, kind) FIELD(pb_point, name, kind)
static const py_field point_fields[] = {
    FOUND(image, PY_TENSOR),
    FOUND(x, PY_TENSOR),
    FOUND(mask, PY_TENSOR),
    FOUND(t, PY_REAL),
    FOUND(timestep, PY_REAL),
    FOUND(steps, PY_SIZE),
    FOUND(grid, PY_SIZE),
    {"prompts", PY_NESTED, AT(pb_point, prompts), py_prompts_fields, 0},
    END};

static const py_field directions_fields[] = {
    {"v", PY_TENSOR, AT(pb_directions, v), 0, 0},
    {"own", PY_FLAG, AT(pb_directions, own), 0, 0},
    {"share", PY_DOUBLES, AT(pb_directions, share), 0, AT(pb_directions, v.shape[0])},
    END};

static const py_field guidance_fields[] = {
    {"edit_step", PY_REAL, AT(pb_guidance, step), 0, 0},
    {"edit_scale", PY_REAL, AT(pb_guidance, scale), 0, 0},
    {"edit_iterations", PY_SIZE, AT(pb_guidance, iterations), 0, 0},
    END};

#define EDIT(name, kind) FIELD(pb_edit, name, kind)
static const py_field edit_fields[] = {
    {"mode", PY_NAME, AT(pb_edit, mode), mode_names, 0},
    {"directions", PY_SIZES, AT(pb_edit, direction), 0, AT(pb_edit, numbers)},
    {"sides", PY_NAME, AT(pb_edit, sides), sides_names, 0},
    EDIT(stages, PY_SIZE),
    {"guidance", PY_NESTED, AT(pb_edit, guidance), guidance_fields, 0},
    {"full_iterations", PY_SIZE, AT(pb_edit, full), 0, 0},
    {"edit_length", PY_REAL, AT(pb_edit, length), 0, 0},
    EDIT(boost, PY_REAL),
    EDIT(noise_seed, PY_SEED),
    EDIT(timestep, PY_REAL),
    EDIT(steps, PY_SIZE),
    EDIT(pictures, PY_TENSOR),
    END};

static void clear_point(void *structure)
{
    pb_point_clear(structure);
}

static void clear_basis(void *structure)
{
    pb_basis_clear(structure);
}

static void clear_directions(void *structure)
{
    pb_directions_clear(structure);
}

static void clear_edit(void *structure)
{
    pb_edit_clear(structure);
}

const py_thing_kind py_point_kind = {"point", sizeof(pb_point), point_fields, clear_point};
const py_thing_kind py_basis_kind = {"basis", sizeof(pb_basis), basis_fields, clear_basis};
const py_thing_kind py_directions_kind = {"directions", sizeof(pb_directions), directions_fields,
                                          clear_directions};
const py_thing_kind py_edit_kind = {"edit", sizeof(pb_edit), edit_fields, clear_edit};
