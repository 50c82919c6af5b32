/* null in configs, which is not the same as nothing. */
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "golden.h"
#include "scratch.h"

/* What a network's `out` is with a field changed so; false: it is refused, and *why says it.
 */
static bool run_changed(const char *golden, const char *field, const char *value, pb_tensor *out,
                        pb_error *why)
{
    static const char *const tap = "out";
    pb_condition condition = {.timestep = 37, .class_label = -1};
    pb_tensor x = PB_TENSOR_EMPTY, context = PB_TENSOR_EMPTY;
    const pb_input input = {"context", &context};
    size_t shape[4] = {1, 0, 16, 16};
    char path[600], change[200];
    pb_evaluator *e;
    pb_model *model;

    scratch_copy(&here, golden, "n");
    snprintf(change, sizeof change, "{\"%s\": %s}", field, value);
    scratch_change(&here, "n/config.json", change);
    snprintf(path, sizeof path, "%s/n", here.folder);
    pb_status status = pb_model_open(&model, path, why);
    if (status == PB_OK) {
        const pb_model_info *info = pb_model_get_info(model);
        const size_t text[2] = {5, info->context_width};
        shape[1] = info->in_channels;
        MUST(pb_tensor_new(&x, 4, shape, error));
        for (size_t i = 0; i < pb_tensor_count(&x); i++)
            x.data[i] = sinf((float)i);
        if (info->context_width) {
            MUST(pb_tensor_new(&context, 2, text, error));
            for (size_t i = 0; i < pb_tensor_count(&context); i++)
                context.data[i] = cosf((float)i);
            condition.count = 1;
            condition.inputs = &input;
        }
        shape[1] = info->out_channels;
        MUST(pb_tensor_new(out, 4, shape, error));
        MUST(pb_evaluator_new(&e, model, 16, 16, NULL, error));
        MUST(
            pb_evaluate(e, &condition, 1, pb_tensor_count(&x), x.data, 1, &tap, &out->data, error));
        pb_evaluator_free(e);
        pb_tensor_clear(&x);
        pb_tensor_clear(&context);
        pb_model_free(model);
    }
    scratch_close(&here);
    scratch_open(&here);
    return status == PB_OK;
}

/* null in every field in turn. Python passes None on: tried with diffusers 0.42, a network then
 * fails, or is that of false; but for those whose None has a meaning of its own. */
static void test_nulls(void **state)
{
    static const char *const networks[] = {GOLDEN "unet2d-modern", GOLDEN "unet2d-cond-sd1"};
    static const char *const meaningful[] = {
        /* None is the default, */
        "sample_size", "class_embed_type", "num_class_embeds", "time_embedding_dim",
        "reverse_transformer_layers_per_block", "attn_norm_num_groups", "num_attention_heads",
        /* another network (unet2d_variants.py has it), */
        "mid_block_type", "attention_head_dim",
        /* or what is ignored here. */
        "dropout", "num_train_timesteps", "upcast_attention", "addition_embed_type_num_heads",
        "mid_block_only_cross_attention"};
    size_t refused = 0, as_false = 0;

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        char path[512];
        json_t *config, *value;
        const char *field;

        snprintf(path, sizeof path, "%s/config.json", networks[n]);
        config = json_load_file(path, 0, NULL);
        json_object_foreach(config, field, value)
        {
            pb_tensor null = PB_TENSOR_EMPTY, no = PB_TENSOR_EMPTY;
            pb_error why = {0}, other = {0};
            size_t k = 0;

            while (k < sizeof meaningful / sizeof *meaningful && strcmp(meaningful[k], field))
                k++;
            if (*field == '_' || json_is_null(value) || k < sizeof meaningful / sizeof *meaningful)
                continue;
            bool taken = run_changed(networks[n], field, "null", &null, &why);
            if (!taken && strstr(why.message, field) && strstr(why.message, "found null")) {
                refused++;
                continue;
            }
            /* Else it is false in every respect, the reason of a refusal too: there may be weights
             * that a network without the thing has no place for. */
            if (run_changed(networks[n], field, "false", &no, &other) != taken)
                fail_msg("%s: null is %s, false is not: %s", field, taken ? "taken" : "refused",
                         taken ? other.message : why.message);
            if (taken && memcmp(null.data, no.data, pb_tensor_count(&no) * sizeof *no.data))
                fail_msg("%s: null is not false", field);
            if (!taken && strcmp(strstr(why.message, "/n/"), strstr(other.message, "/n/")))
                fail_msg("%s: %s", field, why.message);
            as_false++;
            pb_tensor_clear(&null);
            pb_tensor_clear(&no);
        }
        json_decref(config);
    }
    print_message("%zu refused, %zu as false\n", refused, as_false);
    assert_true(refused > 20 && as_false >= 5);
}

/* The same for schedulers: set_alpha_to_one and clip_sample are true by default. */
static void test_scheduler(void **state)
{
    static const struct {
        const char *change, *message;
    } cases[] = {
        {"{\"clip_sample\": null, \"set_alpha_to_one\": null}", NULL},
        {"{\"trained_betas\": null, \"timestep_values\": null, \"anything\": null}", NULL},
        {"{\"beta_start\": null}", "beta_start: expected"},
        {"{\"prediction_type\": null}", "prediction_type: expected"},
        {"{\"num_train_timesteps\": null}", "num_train_timesteps: expected"},
        {"{\"steps_offset\": null}", "steps_offset: expected"},
        {"{\"_class_name\": null}", "_class_name: expected"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pb_error why = {0};
        pb_model *model;
        char path[600];

        scratch_copy(&here, GOLDEN "unet2d-ddpm", "n");
        scratch_change(&here, "n/scheduler_config.json", cases[i].change);
        snprintf(path, sizeof path, "%s/n", here.folder);
        if (pb_model_open(&model, path, &why) == PB_OK) {
            if (cases[i].message)
                fail_msg("%s is taken", cases[i].change);
            if (i == 0) {
                assert_int_equal(pb_model_get_info(model)->clip.kind, PB_CLIP_NONE);
                assert_false(pb_model_get_info(model)->set_alpha_to_one);
            }
            pb_model_free(model);
        } else if (!cases[i].message || !strstr(why.message, cases[i].message))
            fail_msg("%s: %s", cases[i].change, why.message);
        scratch_close(&here);
        scratch_open(&here);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_nulls),
        SCRATCH_TEST(test_scheduler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
