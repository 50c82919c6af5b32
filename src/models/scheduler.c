#include "models/scheduler.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/config.h"

/* Classes of diffusers whose betas are those of DDPMScheduler; the others set them differently or
 * are no discrete diffusions. */
static const char *const classes[] = {"DDPMScheduler",
                                      "DDIMScheduler",
                                      "PNDMScheduler",
                                      "DPMSolverMultistepScheduler",
                                      "DPMSolverSinglestepScheduler",
                                      "DEISMultistepScheduler",
                                      "UniPCMultistepScheduler",
                                      "EulerDiscreteScheduler",
                                      "EulerAncestralDiscreteScheduler",
                                      "LMSDiscreteScheduler",
                                      NULL};

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
                                       NULL};

/* The position of a string in a list that ends with NULL, or its length. */
static size_t find(const char *const *list, const char *text)
{
    size_t i = 0;

    while (list[i] && strcmp(list[i], text))
        i++;
    return i;
}

static size_t read_choice(pb_config *c, const char *key, const char *const *choices)
{
    const char *value = pb_config_string(c, key, choices[0]);
    size_t i = find(choices, value);

    if (!choices[i])
        pb_config_fail(c, PB_UNSUPPORTED, key, "\"%s\" is not supported", value);
    return choices[i] ? i : 0;
}

/* Fields that would change the betas or the meaning of the output if they were on. */
static void refuse_if_on(pb_config *c, const char *key)
{
    if (pb_config_boolean(c, key, false))
        pb_config_fail(c, PB_UNSUPPORTED, key, "true is not supported");
}

static const char *read_ignored(pb_config *c, const char *class)
{
    /* Only these two classes clip unless told otherwise. */
    bool by_default = !strcmp(class, "DDPMScheduler") || !strcmp(class, "DDIMScheduler");
    bool clip = pb_config_boolean(c, "clip_sample", by_default);
    bool threshold = pb_config_boolean(c, "thresholding", false);

    return clip && threshold ? "clip_sample, thresholding"
           : clip            ? "clip_sample"
           : threshold       ? "thresholding"
                             : NULL;
}

pb_status pb_scheduler_read(pb_schedule **schedule, pb_scheduler_facts *facts, const char *path,
                            pb_error *error)
{
    static const char *const schedules[] = {"linear", "scaled_linear", "squaredcos_cap_v2", NULL};
    static const char *const predictions[] = {"epsilon", "v_prediction", "sample", NULL};
    pb_schedule_options options = PB_SCHEDULE_DEFAULTS;
    pb_config *c;
    const char *class;
    float *betas = NULL;
    size_t count;
    pb_status status;

    PB_TRY(pb_config_open(&c, path, error));
    class = pb_config_string(c, "_class_name", "DDPMScheduler");
    if (!classes[find(classes, class)])
        pb_config_fail(c, PB_UNSUPPORTED, "_class_name", "\"%s\" is not supported", class);
    snprintf(facts->name, sizeof facts->name, "%s", class);
    options.betas = (pb_beta_schedule)read_choice(c, "beta_schedule", schedules);
    options.prediction = (pb_prediction)read_choice(c, "prediction_type", predictions);
    options.beta_start = pb_config_number(c, "beta_start", options.beta_start, 1e-12, 1);
    options.beta_end = pb_config_number(c, "beta_end", options.beta_end, 1e-12, 1);
    count = pb_config_numbers(c, "trained_betas", 100000, &betas);
    options.length =
        (size_t)pb_config_integer(c, "num_train_timesteps", count ? (long)count : 1000, 2, 100000);
    if (count && count != options.length)
        pb_config_fail(c, PB_FORMAT, "trained_betas", "expected %zu of them, found %zu",
                       options.length, count);
    if (count) {
        options.betas = PB_BETAS_TRAINED;
        options.trained_betas = betas;
    }
    options.zero_snr = pb_config_boolean(c, "rescale_betas_zero_snr", false);
    facts->ignored = read_ignored(c, class);
    facts->steps_offset = (size_t)pb_config_integer(c, "steps_offset", 0, 0, 1000);
    facts->set_alpha_to_one =
        pb_config_boolean(c, "set_alpha_to_one", strcmp(class, "PNDMScheduler") != 0);
    refuse_if_on(c, "use_flow_sigmas");
    for (size_t i = 0; sampling[i]; i++)
        pb_config_ignore(c, sampling[i]);
    status = pb_config_close(c, error);
    if (status == PB_OK) {
        status = pb_schedule_new(schedule, &options, error);
        if (status != PB_OK)
            pb_fail_in(error, status, "%s", path);
    }
    pb_free(betas);
    return status;
}
