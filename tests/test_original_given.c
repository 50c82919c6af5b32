/* What is given beside a model that is one file, and what follows from it: configs, autoencoders.
 */
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "models/model.h"
#include "original.h"
#include "program.h"

/* Opens an architecture by its shapes alone; without: a part's beginning, or NULL. */
static pb_model *open_shapes(const char *name, const char *without, const pb_model_options *options)
{
    json_t *list = original_list(name);
    pb_model *model;

    if (without)
        original_drop(list, without);
    original_write("shapes.safetensors", list, &(original_file){0});
    json_decref(list);
    MUST(
        pb_model_open_with(&model, scratch_path(&here, "shapes.safetensors").text, options, error));
    return model;
}

static void check_size(const char *name, const pb_model_options *options, size_t expected)
{
    pb_model *m = open_shapes(name, NULL, options);

    assert_int_equal(pb_model_get_info(m)->sample_width, expected);
    pb_model_free(m);
}

/* A scheduler's config among those given says what is predicted, and the size follows from that. */
static void test_schedule(void **state)
{
    static const char config[] = "{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 0.00085,"
                                 "\"beta_end\": 0.012, \"beta_schedule\": \"scaled_linear\","
                                 "\"prediction_type\": \"v_prediction\"}";
    const scratch_name configs = scratch_path(&here, "configs");
    pb_model_options options = {.config = configs.text};

    (void)state;
    scratch_folder(&here, "configs");
    scratch_folder(&here, "configs/scheduler");
    scratch_write(&here, "configs/scheduler/scheduler_config.json", config, strlen(config));
    check_size("v2-1", &options, 96);
    check_size("xl", &options, 128);
    options.prediction_type = "epsilon";
    check_size("v2-1", &options, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_schedule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
