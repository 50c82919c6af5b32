/* LoRAs: what diffusers and PEFT compute with them, in all kinds of names; the same of a model that
 * is one file; what is told of them, and what files know of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "golden.h"
#include "lora.h"
#include "models/model.h"
#include "original.h"
#include "torch_file.h"

#define SD1 GOLDEN "sd1-tiny"
#define XL GOLDEN "sdxl-tiny"

/* A model, with LoRAs of the test's folder; what it predicts is looked at where io.safetensors
 * says. */
typedef struct subject {
    pb_model *model;
    pb_session *session;
    pb_weights *io;
    pb_tensor x;
    pb_prompts prompts;
} subject;

static subject open_subject(const char *model, const char *io_folder, size_t count,
                            const pb_lora *loras)
{
    const pb_model_options options = {.loras = loras, .lora_count = count};
    subject s = {.prompts = PB_PROMPTS_DEFAULTS};
    char path[512];

    snprintf(path, sizeof path, "%s/io.safetensors", io_folder);
    MUST(pb_weights_open(&s.io, path, error));
    MUST(pb_model_open_with(&s.model, model, &options, error));
    MUST(pb_session_new(&s.session, s.model, error));
    s.x = golden(s.io, "x");
    s.prompts.prompt = pb_weights_metadata(s.io, "prompt");
    return s;
}

static void close_subject(subject *s)
{
    pb_tensor_clear(&s->x);
    pb_weights_free(s->io);
    pb_session_free(s->session);
    pb_model_free(s->model);
}

/* The condition under the prompt, and what is predicted there (the caller's, pb_free). */
static float *eps_of(subject *s, pb_condition *condition)
{
    const size_t h = s->x.shape[2], w = s->x.shape[3], size = pb_tensor_count(&s->x);
    static const char *const taps[] = {"eps"};
    float *out[1] = {pb_malloc(size, sizeof(float))};
    pb_evaluator *e;

    MUST(pb_session_condition(s->session, &s->prompts, PB_PROMPT_MAIN, golden_timestep(s->io), h, w,
                              condition, NULL, error));
    MUST(pb_evaluator_new(&e, s->model, h, w, NULL, error));
    MUST(pb_evaluate(e, condition, 1, size, s->x.data, 1, taps, out, error));
    pb_evaluator_free(e);
    return out[0];
}

/* -- values of diffusers ---------------------------------------------------------------------- */

static void check(const pb_weights *values, const char *name, const char *what, const float *found)
{
    char key[64];
    pb_tensor expected;

    snprintf(key, sizeof key, "%s.%s", name, what);
    if (!pb_weights_find(values, key))
        return;
    expected = golden(values, "%s", key);
    assert_near(key, found, expected.data, pb_tensor_count(&expected), 1e-5);
    pb_tensor_clear(&expected);
}

static void check_case(const pb_weights *values, const char *name)
{
    json_t *all = json_loads(pb_weights_metadata(values, name), 0, NULL), *list, *one;
    scratch_name paths[2];
    pb_lora loras[2];
    char folder[512];
    pb_condition condition;
    float *eps;
    size_t i;
    subject s;

    list = json_object_get(all, "loras");
    json_array_foreach(list, i, one)
    {
        const char *recipe = json_string_value(json_array_get(one, 0));
        char file[64];
        snprintf(file, sizeof file, "%s.safetensors", recipe);
        lora_write(file, recipe);
        paths[i] = scratch_path(&here, file);
        loras[i] = (pb_lora){paths[i].text, json_number_value(json_array_get(one, 1))};
    }
    snprintf(folder, sizeof folder, GOLDEN "%s", json_string_value(json_object_get(all, "model")));
    s = open_subject(folder, folder, json_array_size(list), loras);
    for (i = 0; i < json_array_size(list); i++)
        assert_int_equal(pb_model_lora(s.model, i)->unmatched_count, 0);
    assert_null(pb_model_lora(s.model, i));
    eps = eps_of(&s, &condition);
    check(values, name, "embedding", condition.inputs[0].value->data);
    check(values, name, "eps", eps);
    pb_free(eps);
    close_subject(&s);
    json_decref(all);
}

/* Names of kohya, of older and of today's diffusers, of PEFT with its config, of the original
 * layout; convolutions, a factor in the middle, whole differences; alpha from everywhere. */
static void test_values(void **state)
{
    static const char *const cases[] = {"kohya", "negative", "older", "peft",
                                        "two",   "own",      "locon", "xl"};
    pb_weights *values;

    (void)state;
    MUST(pb_weights_open(&values, GOLDEN "lora.safetensors", error));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(values, cases[i]);
    pb_weights_free(values);
}

/* -- bits ------------------------------------------------------------------------------------- */

/* Of sd1-tiny with some LoRAs, and with others. */
static void assert_same(size_t count_a, const pb_lora *loras_a, size_t count_b,
                        const pb_lora *loras_b)
{
    subject a = open_subject(SD1, SD1, count_a, loras_a),
            b = open_subject(SD1, SD1, count_b, loras_b);
    pb_condition of_a, of_b;
    float *eps_a = eps_of(&a, &of_a), *eps_b = eps_of(&b, &of_b);

    assert_memory_equal(eps_a, eps_b, pb_tensor_count(&a.x) * sizeof *eps_a);
    assert_memory_equal(of_a.inputs[0].value->data, of_b.inputs[0].value->data,
                        pb_tensor_count(of_a.inputs[0].value) * sizeof(float));
    pb_free(eps_a);
    pb_free(eps_b);
    close_subject(&a);
    close_subject(&b);
}

/* A weight of 0 is no LoRA at all. */
static void test_nothing(void **state)
{
    const scratch_name path = scratch_path(&here, "k.safetensors");
    const pb_lora loras[] = {{path.text, 0}};

    (void)state;
    lora_write("k.safetensors", "kohya");
    assert_same(1, loras, 0, NULL);
}

/* What diffusers' save_lora_adapter writes of a network alone: names and fields of the metadata
 * without a part before them. alpha / r is 3. */
static void test_network_alone(void **state)
{
    const scratch_name told = scratch_path(&here, "told.safetensors"),
                       plain = scratch_path(&here, "plain.safetensors");
    const pb_lora loras[] = {{told.text, 1}, {plain.text, 3}};
    json_t *tensors = json_object();

    (void)state;
    lora_add(tensors, "mid_block.resnets.0.conv1.lora_A.weight", "F32", "[2, 32, 3, 3]", 0.25);
    lora_add(tensors, "mid_block.resnets.0.conv1.lora_B.weight", "F32", "[32, 2, 1, 1]", 0.25);
    lora_write_tensors("told.safetensors", tensors,
                       "{\"lora_adapter_metadata\": \"{\\\"peft_type\\\": \\\"LORA\\\", "
                       "\\\"lora_alpha\\\": 6}\"}");
    lora_write_tensors("plain.safetensors", tensors, NULL);
    json_decref(tensors);
    assert_same(1, &loras[0], 1, &loras[1]);
}

static void write_original(const char *name, const char *folder)
{
    const original_file file = {.folder = folder};
    json_t *list = original_list(strrchr(folder, '/') + 1);

    original_write(name, list, &file);
    json_decref(list);
}

/* The same model as a folder and as one file, whose qkv lies fused and whose projection lies the
 * other way: the same bits with the same LoRA, in either's names. */
static void test_one_file(void **state)
{
    static const char *const models[] = {SD1, XL};
    static const char *const recipes[] = {"kohya", "xl"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const scratch_name lora = scratch_path(&here, "l.safetensors");
        const pb_lora loras[] = {{lora.text, -0.5}};
        const pb_model_options options = {.loras = loras, .lora_count = 1, .config = models[i]};
        pb_model *model;
        subject a, b;
        pb_condition of_a, of_b;
        float *eps_a, *eps_b;

        write_original("m.safetensors", models[i]);
        lora_write("l.safetensors", recipes[i]);
        a = open_subject(models[i], models[i], 1, loras);
        b = open_subject(models[i], models[i], 0, NULL);
        MUST(
            pb_model_open_with(&model, scratch_path(&here, "m.safetensors").text, &options, error));
        pb_session_free(b.session);
        pb_model_free(b.model);
        b.model = model;
        MUST(pb_session_new(&b.session, model, error));
        eps_a = eps_of(&a, &of_a);
        eps_b = eps_of(&b, &of_b);
        assert_memory_equal(eps_a, eps_b, pb_tensor_count(&a.x) * sizeof *eps_a);
        for (size_t k = 0; k < of_a.count; k++)
            assert_memory_equal(of_a.inputs[k].value->data, of_b.inputs[k].value->data,
                                pb_tensor_count(of_a.inputs[k].value) * sizeof(float));
        pb_free(eps_a);
        pb_free(eps_b);
        close_subject(&a);
        close_subject(&b);
    }
}

/* The same LoRA as torch.save writes it. */
static void test_torch(void **state)
{
    const scratch_name paths[] = {scratch_path(&here, "k.safetensors"),
                                  scratch_path(&here, "k.pt")};
    float *eps[2];
    pb_weights *w;

    (void)state;
    lora_write("k.safetensors", "kohya");
    MUST(pb_weights_open(&w, paths[0].text, error));
    write_torch(paths[1].text, w, 0, pb_weights_count(w), NULL);
    pb_weights_free(w);
    for (size_t i = 0; i < 2; i++) {
        const pb_lora lora = {paths[i].text, -2};
        pb_condition condition;
        subject s = open_subject(SD1, SD1, 1, &lora);
        eps[i] = eps_of(&s, &condition);
        assert_int_equal(pb_model_lora(s.model, 0)->unet_layers, 30);
        close_subject(&s);
    }
    assert_memory_equal(eps[0], eps[1], 4 * 16 * 16 * sizeof(float));
    pb_free(eps[0]);
    pb_free(eps[1]);
}

/* A text encoder may outlive its model, and reads its weights, with what both LoRAs add, later. */
static void test_outlives(void **state)
{
    const scratch_name paths[] = {scratch_path(&here, "k.safetensors"),
                                  scratch_path(&here, "o.safetensors")};
    const pb_lora loras[] = {{paths[0].text, 0.5}, {paths[1].text, -0.25}};
    uint32_t ids[77];
    float *found = pb_malloc((size_t)77 * 32, sizeof *found);
    pb_text_encoder *text;
    pb_weights *values;
    subject s;

    (void)state;
    lora_write("k.safetensors", "kohya");
    lora_write("o.safetensors", "older");
    s = open_subject(SD1, SD1, 2, loras);
    MUST(pb_text_encoder_open(&text, s.model, error));
    MUST(pb_text_encoder_tokens(text, s.prompts.prompt, 77, ids, NULL, NULL, error));
    close_subject(&s);
    MUST(pb_text_encoder_embed(text, 1, 77, ids, found, NULL, NULL, error));
    MUST(pb_weights_open(&values, GOLDEN "lora.safetensors", error));
    check(values, "two", "embedding", found);
    pb_weights_free(values);
    pb_text_encoder_free(text);
    pb_free(found);
}

/* In pieces of any size, across rows, a tensor reads the same. */
static void test_pieces(void **state)
{
    const scratch_name path = scratch_path(&here, "k.safetensors");
    const pb_lora loras[] = {{path.text, 0.3}};
    subject s;
    const pb_stored *t;
    float *all, *piece;

    (void)state;
    lora_write("k.safetensors", "kohya");
    s = open_subject(SD1, SD1, 1, loras);
    t = pb_weights_find(s.model->weights, "down_blocks.1.resnets.0.conv1.weight");
    assert_int_equal(t->added_count, 1);
    MUST(pb_stored_load(&all, t, error));
    piece = pb_malloc(t->count, sizeof *piece);
    for (size_t n = 1; n < t->count; n = 3 * n + 1)
        for (size_t first = 0; first < t->count; first += n) {
            const size_t count = t->count - first < n ? t->count - first : n;
            MUST(pb_stored_read_some(t, first, count, piece, error));
            assert_memory_equal(piece, all + first, count * sizeof *all);
        }
    pb_free(all);
    pb_free(piece);
    close_subject(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_values),   SCRATCH_TEST(test_nothing), SCRATCH_TEST(test_network_alone),
        SCRATCH_TEST(test_one_file), SCRATCH_TEST(test_torch),   SCRATCH_TEST(test_outlives),
        SCRATCH_TEST(test_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
