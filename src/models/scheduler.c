#include "models/scheduler.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "diffusion/schedule.h"
#include "models/fields.h"

/* Classes of diffusers whose betas are set as DDPMScheduler's are, and what they take for betas
 * that the configuration does not give; the others set them differently or are no discrete
 * diffusions. */
typedef struct class
{
    const char *name;
    double start, end;
    pb_betas betas;
} class;

#define SMALL 0.00085, 0.012
#define LARGE 0.0001, 0.02

static const class classes[] = {
    {"DDPMScheduler", LARGE, PB_BETAS_LINEAR},
    {"DDIMScheduler", LARGE, PB_BETAS_LINEAR},
    {"PNDMScheduler", LARGE, PB_BETAS_LINEAR},
    {"DPMSolverMultistepScheduler", LARGE, PB_BETAS_LINEAR},
    {"DPMSolverSinglestepScheduler", LARGE, PB_BETAS_LINEAR},
    {"DPMSolverSDEScheduler", SMALL, PB_BETAS_LINEAR},
    {"DEISMultistepScheduler", LARGE, PB_BETAS_LINEAR},
    {"UniPCMultistepScheduler", LARGE, PB_BETAS_LINEAR},
    {"EulerDiscreteScheduler", LARGE, PB_BETAS_LINEAR},
    {"EulerAncestralDiscreteScheduler", LARGE, PB_BETAS_LINEAR},
    {"HeunDiscreteScheduler", SMALL, PB_BETAS_LINEAR},
    {"KDPM2DiscreteScheduler", SMALL, PB_BETAS_LINEAR},
    {"KDPM2AncestralDiscreteScheduler", SMALL, PB_BETAS_LINEAR},
    {"LMSDiscreteScheduler", LARGE, PB_BETAS_LINEAR},
    {"LCMScheduler", SMALL, PB_BETAS_SCALED_LINEAR},
    {"TCDScheduler", SMALL, PB_BETAS_SCALED_LINEAR},
};

/* Fields that only matter to how those classes sample. */
static const char *const sampling[] = {"variance_type",
                                       "clip_sample_range",
                                       "dynamic_thresholding_ratio",
                                       "sample_max_value",
                                       "timestep_spacing",
                                       "timestep_type",
                                       "skip_prk_steps",
                                       "solver_order",
                                       "solver_type",
                                       "solver_p",
                                       "algorithm_type",
                                       "predict_x0",
                                       "disable_corrector",
                                       "lower_order_final",
                                       "euler_at_final",
                                       "interpolation_type",
                                       "use_karras_sigmas",
                                       "use_exponential_sigmas",
                                       "use_beta_sigmas",
                                       "use_lu_lambdas",
                                       "sigma_min",
                                       "sigma_max",
                                       "final_sigmas_type",
                                       "lambda_min_clipped",
                                       "use_dynamic_shifting",
                                       "time_shift_type",
                                       "flow_shift",
                                       "shift_terminal",
                                       "original_inference_steps",
                                       "timestep_scaling",
                                       "noise_sampler_seed",
                                       NULL};

/* Which of the choices a field names; the fallback where it is absent. */
static size_t read_choice(pb_config *c, const char *key, const char *const *choices,
                          size_t fallback)
{
    const char *value = pb_config_string(c, key, choices[fallback]);

    for (size_t i = 0; choices[i]; i++)
        if (!strcmp(value, choices[i]))
            return i;
    pb_config_fail(c, PB_UNSUPPORTED, key, "\"%s\" is not supported", value);
    return fallback;
}

static const class *read_class(pb_config *c)
{
    const char *name = pb_config_string(c, "_class_name", classes[0].name);

    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(name, classes[i].name))
            return &classes[i];
    pb_config_fail(c, PB_UNSUPPORTED, "_class_name", "\"%s\" is not supported", name);
    return &classes[0];
}

/* Fields that would change the betas or the meaning of the output if they were on. */
static void refuse_if_on(pb_config *c, const char *key)
{
    if (pb_config_boolean(c, key, false))
        pb_config_fail(c, PB_UNSUPPORTED, key, "true is not supported");
}

/* The numbers are read only where something is done with them. */
static pb_clip read_clip(pb_config *c)
{
    const double least = 1e-6, most = 1e30;
    bool clip = pb_config_boolean(c, "clip_sample", true);

    if (pb_config_boolean(c, "thresholding", false))
        return (pb_clip){.kind = PB_CLIP_QUANTILE,
                         .ratio = pb_config_number(c, "dynamic_thresholding_ratio", 0.995, 0, 1),
                         .most = pb_config_number(c, "sample_max_value", 1, least, most)};
    return clip ? (pb_clip){.kind = PB_CLIP_RANGE,
                            .range = pb_config_number(c, "clip_sample_range", 1, least, most)}
                : (pb_clip){.kind = PB_CLIP_NONE};
}

pb_status pb_scheduler_of(pb_schedule **schedule, pb_scheduler_facts *facts, pb_config *c,
                          pb_error *error)
{
    pb_schedule_options options = PB_SCHEDULE_DEFAULTS;
    char *name = pb_strdup(pb_config_path(c));
    const class *k;
    float *betas = NULL;
    size_t count;
    pb_status status;

    if (!name) {
        pb_config_free(c);
        return pb_fail_memory(error, 1, "a path");
    }
    pb_config_nullable(c, "trained_betas");
    pb_ignore_inert(c);
    k = read_class(c);
    snprintf(facts->name, sizeof facts->name, "%s", k->name);
    options.betas = (pb_betas)read_choice(c, "beta_schedule", pb_betas_names, k->betas);
    options.prediction = (pb_prediction)read_choice(c, "prediction_type", pb_prediction_names, 0);
    options.beta_start = pb_config_number(c, "beta_start", k->start, 1e-12, 1);
    options.beta_end = pb_config_number(c, "beta_end", k->end, 1e-12, 1);
    count = pb_config_numbers(c, "trained_betas", PB_MOST_LENGTH, &betas);
    options.length = (size_t)pb_config_integer(c, "num_train_timesteps", count ? (long)count : 1000,
                                               PB_LEAST_LENGTH, PB_MOST_LENGTH);
    if (count && count != options.length)
        pb_config_fail(c, PB_FORMAT, "trained_betas", "expected %zu of them, found %zu",
                       options.length, count);
    if (count) {
        options.betas = PB_BETAS_TRAINED;
        options.trained_betas = betas;
    }
    options.zero_snr = pb_config_boolean(c, "rescale_betas_zero_snr", false);
    facts->clip = read_clip(c);
    facts->steps_offset = (size_t)pb_config_integer(c, "steps_offset", 0, 0, 1000);
    facts->set_alpha_to_one = pb_config_boolean(c, "set_alpha_to_one", true);
    refuse_if_on(c, "use_flow_sigmas");
    for (size_t i = 0; sampling[i]; i++)
        pb_config_ignore(c, sampling[i]);
    status = pb_config_close(c, error);
    if (status == PB_OK) {
        status = pb_schedule_new(schedule, &options, error);
        if (status != PB_OK)
            pb_fail_in(error, status, "%s", name);
    }
    pb_free(name);
    pb_free(betas);
    return status;
}

pb_status pb_scheduler_read(pb_schedule **schedule, pb_scheduler_facts *facts, const char *path,
                            pb_error *error)
{
    pb_config *c;

    if (!path)
        PB_TRY(pb_config_empty(&c, "DDPMScheduler's defaults", error));
    else
        PB_TRY(pb_config_open(&c, path, error));
    return pb_scheduler_of(schedule, facts, c, error);
}
