/* What is known of a model's LoRAs: which layers they find, what info and warnings tell, the
 * model's hash, and what files say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden.h"
#include "io/file.h"
#include "io/loras.h"
#include "lora.h"
#include "models/lora/key.h"
#include "models/lora/target.h"
#include "models/model.h"
#include "original.h"
#include "program.h"

#define SD1 GOLDEN "sd1-tiny"
#define XL GOLDEN "sdxl-tiny"

/* -- names ------------------------------------------------------------------------------------ */

/* Name, slot, and the weight of the model that it is of; NULL: none. */
typedef struct naming {
    const char *name;
    pb_lora_slot slot;
    const char *weight;
} naming;

static void check_names(const char *folder, size_t count, const naming *names)
{
    pb_lora_target targets[PB_ROLES] = {0};
    pb_model *model;

    MUST(pb_model_open(&model, folder, error));
    for (size_t i = 0; i < count; i++) {
        pb_lora_target *t;
        pb_lora_key key;
        size_t layer;
        assert_true(pb_lora_key_read(&key, names[i].name));
        assert_int_equal(key.slot, names[i].slot);
        t = &targets[key.role];
        if (!t->weights)
            MUST(pb_lora_target_open(t, &model->files.parts[key.role], key.role, error));
        layer = pb_lora_target_find(t, key.path);
        if ((layer == SIZE_MAX) != !names[i].weight ||
            (names[i].weight && strcmp(t->layers[layer].weight->name, names[i].weight)))
            fail_msg("%s: found %s", names[i].name,
                     layer == SIZE_MAX ? "nothing" : t->layers[layer].weight->name);
    }
    for (pb_role role = 0; role < PB_ROLES; role++)
        pb_lora_target_close(&targets[role]);
    pb_model_free(model);
}

/* The original layout's names with underscores, of all tables of it. */
static void test_original_names(void **state)
{
#define X(name) "lora_unet_" name ".lora_down.weight", PB_LORA_DOWN
    static const naming names[] = {
        {X("input_blocks_0_0"), "conv_in.weight"},
        {X("input_blocks_1_0_in_layers_2"), "down_blocks.0.resnets.0.conv1.weight"},
        {X("input_blocks_2_0_emb_layers_1"), "down_blocks.0.resnets.1.time_emb_proj.weight"},
        {X("input_blocks_3_0_op"), "down_blocks.0.downsamplers.0.conv.weight"},
        {X("input_blocks_4_0_skip_connection"), "down_blocks.1.resnets.0.conv_shortcut.weight"},
        {X("input_blocks_4_1_proj_in"), "down_blocks.1.attentions.0.proj_in.weight"},
        {X("input_blocks_8_1_transformer_blocks_1_ff_net_0_proj"),
         "down_blocks.2.attentions.1.transformer_blocks.1.ff.net.0.proj.weight"},
        {X("middle_block_0_out_layers_3"), "mid_block.resnets.0.conv2.weight"},
        {X("middle_block_1_transformer_blocks_0_attn2_to_out_0"),
         "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0.weight"},
        {X("middle_block_2_in_layers_0"), "mid_block.resnets.1.norm1.weight"},
        {X("output_blocks_2_1_transformer_blocks_0_attn1_to_q"),
         "up_blocks.0.attentions.2.transformer_blocks.0.attn1.to_q.weight"},
        {X("output_blocks_2_2_conv"), "up_blocks.0.upsamplers.0.conv.weight"},
        {X("output_blocks_8_0_in_layers_2"), "up_blocks.2.resnets.2.conv1.weight"},
        {X("time_embed_0"), "time_embedding.linear_1.weight"},
        {X("time_embed_2"), "time_embedding.linear_2.weight"},
        {X("label_emb_0_2"), "add_embedding.linear_2.weight"},
        {X("out_2"), "conv_out.weight"},
        {X("input_blocks_9_0_op"), NULL},
        {X("input_blocks_99999_0_op"), NULL},
        {X("middle_block_1"), NULL},
        {X("output_blocks"), NULL},
    };

    (void)state;
    check_names(XL, sizeof names / sizeof *names, names);
}

static void test_names(void **state)
{
#define QUERY "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight"
#define OUT "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.weight"
#define AT "down_blocks.1.attentions.0.transformer_blocks.0.attn1"
#define FLAT "down_blocks_1_attentions_0_transformer_blocks_0_attn1"
    static const naming names[] = {
        {"lora_unet_" FLAT "_to_q.lora_up.weight", PB_LORA_UP, QUERY},
        {"lycoris_" FLAT "_to_q.lora_mid.weight", PB_LORA_MID, QUERY},
        {"lora_unet_" FLAT "_to_out_0.alpha", PB_LORA_ALPHA, OUT},
        {"unet." AT ".to_q.lora_A.weight", PB_LORA_DOWN, QUERY},
        {"unet." AT ".to_q.lora_B.my_name.weight", PB_LORA_UP, QUERY},
        {"base_model.model." AT ".to_out.0.lora_B.weight", PB_LORA_UP, OUT},
        {"unet.base_model.model." AT ".to_out.0.lora_B.weight", PB_LORA_UP, OUT},
        {"unet." AT ".to_q.lora.down.weight", PB_LORA_DOWN, QUERY},
        {"unet." AT ".to_q.lora.alpha", PB_LORA_ALPHA, QUERY},
        {"unet." AT ".to_q.alpha", PB_LORA_ALPHA, QUERY},
        {"unet." AT ".processor.to_out_lora.up.weight", PB_LORA_UP, OUT},
        {AT ".processor.to_q_lora.down.weight", PB_LORA_DOWN, QUERY},
        {"unet." AT ".to_q_lora.alpha", PB_LORA_ALPHA, QUERY},
        {"lora_te_text_model_encoder_layers_1_mlp_fc1.lora_down.weight", PB_LORA_DOWN,
         "text_model.encoder.layers.1.mlp.fc1.weight"},
        {"text_encoder.encoder.layers.0.self_attn.out_proj.lora_linear_layer.up.weight", PB_LORA_UP,
         "text_model.encoder.layers.0.self_attn.out_proj.weight"},
        {"text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.up.weight", PB_LORA_UP,
         "text_model.encoder.layers.0.self_attn.out_proj.weight"},
        {"text_encoder.text_model.encoder.layers.0.self_attn.to_v_lora.down.weight", PB_LORA_DOWN,
         "text_model.encoder.layers.0.self_attn.v_proj.weight"},
        {"text_encoder.text_model.encoder.layers.3.mlp.fc1.lora_A.weight", PB_LORA_DOWN, NULL},
        {"unet.conv_in.lora_A.weight", PB_LORA_DOWN, "conv_in.weight"},
        {"unet.label_emb.0.0.lora_A.weight", PB_LORA_DOWN, NULL},
    };
    static const char *const none[] = {
        "unet." AT ".to_q.weight", "lora_A.weight", "", ".alpha", "unet.", "x.lora_A..weight",
        "x.lora_A.a.b.weight",     ".lora_A.weight"};
    char longer[PB_NAME + 40];
    pb_lora_key key;

    (void)state;
    check_names(SD1, sizeof names / sizeof *names, names);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(pb_lora_key_read(&key, none[i]));
    memset(longer, 'a', PB_NAME);
    strcpy(longer + PB_NAME, ".lora_A.weight");
    assert_false(pb_lora_key_read(&key, longer));
}

/* -- what is told ----------------------------------------------------------------------------- */

/* A LoRA with keys that fit nothing. */
static void write_strange(const char *file, size_t strangers)
{
    json_t *all = lora_recipe("kohya");
    char name[80];

    for (size_t i = 0; i < strangers; i++) {
        snprintf(name, sizeof name, "lora_unet_strange_%zu.alpha", i);
        lora_add(all, name, "F32", "[]", 1);
    }
    lora_write_tensors(file, all, NULL);
    json_decref(all);
}

static void test_told(void **state)
{
    const outcome *o;
    json_t *object, *loras, *one;

    (void)state;
    write_strange("s.safetensors", 5);
    lora_write("adapter_model.safetensors", "own");
    o = program(here.folder, "info %s --lora s.safetensors:-0.5 --lora .", SD1);
    expect(o, 0, NULL);
    assert_string_equal(o->error, "");
    assert_non_null(strstr(o->out,
                           "s.safetensors times -0.5: 30 layers of unet, 6 of text_encoder, "
                           "rank 4"));
    assert_non_null(strstr(o->out, "fits nothing: lora_unet_strange_4.alpha"));
    assert_non_null(
        strstr(o->out, "./adapter_model.safetensors times 1: 17 layers of unet, rank 2"));
    object = object_of(program(here.folder, "info --json %s --lora s.safetensors", SD1));
    loras = json_object_get(object, "loras");
    assert_int_equal(json_array_size(loras), 1);
    one = json_array_get(loras, 0);
    assert_int_equal(json_array_size(json_object_get(one, "unmatched")), 5);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(one, "layers"), "unet")),
                     30);
    json_decref(object);
    object = object_of(program(here.folder, "info --json %s", SD1));
    assert_null(json_object_get(object, "loras"));
    json_decref(object);
    o = program(here.folder, "prompt -m %s --lora s.safetensors -o e.npy cat", SD1);
    expect(o, 0,
           "warning: s.safetensors: 5 of its tensors fit nothing in this model and have no "
           "effect: lora_unet_strange_0.alpha, lora_unet_strange_1.alpha, "
           "lora_unet_strange_2.alpha … (info lists them)");
    expect(program(here.folder, "info %s --lora s.safetensors:x", SD1), 2, "finite number");
    expect(program(here.folder, "info %s --lora nowhere", SD1), 1, "nowhere");
}

/* PEFT's own names say of no part: the U-Net's layers, else the text encoder's. */
static void test_any(void **state)
{
    static const char *const layers[] = {"down_blocks.1.resnets.0.conv_shortcut",
                                         "text_model.encoder.layers.0.mlp.fc2", "no.such.layer"};
    const scratch_name path = scratch_path(&here, "l.safetensors");
    const pb_lora lora = {path.text, 1};
    const pb_model_options options = {.loras = &lora, .lora_count = 1};
    json_t *all = json_object();
    const pb_lora_info *info;
    pb_model *model;
    char name[128];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "base_model.model.%s.lora_A.weight", layers[i]);
        lora_add(all, name, "F32", i ? "[2, 64]" : "[2, 16, 1, 1]", 1);
        snprintf(name, sizeof name, "base_model.model.%s.lora_B.weight", layers[i]);
        lora_add(all, name, "F32", "[32, 2]", 1);
    }
    lora_write_tensors("l.safetensors", all, NULL);
    json_decref(all);
    MUST(pb_model_open_with(&model, SD1, &options, error));
    info = pb_model_lora(model, 0);
    assert_int_equal(info->unet_layers, 1);
    assert_int_equal(info->text_encoder_layers, 1);
    assert_int_equal(info->unmatched_count, 2);
    pb_model_free(model);
}

/* The last layer of the text encoder of 2.x, which a single file leaves out. */
static void test_left(void **state)
{
    const original_file file = {.folder = GOLDEN "sd2-tiny"};
    json_t *list = original_list("sd2-tiny"), *all = json_object();
    const scratch_name lora = scratch_path(&here, "l.safetensors");
    const pb_lora loras[] = {{lora.text, 1}};
    const pb_model_options options = {.loras = loras, .lora_count = 1, .config = file.folder};
    pb_model *model;

    (void)state;
    lora_add(all, "lora_unet_conv_in.diff_b", "F32", "[16]", 1);
    lora_add(all, "lora_te_text_model_encoder_layers_2_mlp_fc1.alpha", "F32", "[]", 1);
    lora_add(all, "lora_te_text_model_encoder_layers_3_mlp_fc1.alpha", "F32", "[]", 1);
    lora_write_tensors("l.safetensors", all, NULL);
    original_write("m.safetensors", list, &file);
    MUST(pb_model_open_with(&model, scratch_path(&here, "m.safetensors").text, &options, error));
    assert_int_equal(pb_model_lora(model, 0)->unmatched_count, 2);
    assert_non_null(strstr(pb_model_lora(model, 0)->unmatched[0], "last layer"));
    assert_null(strstr(pb_model_lora(model, 0)->unmatched[1], "last layer"));
    pb_model_free(model);
    json_decref(all);
    json_decref(list);
}

/* -- what is known ---------------------------------------------------------------------------- */

/* The model's hash, and the hash of its signature, by which catalogues remember that one. */
static void hash_with(size_t count, const pb_lora *loras, char hash[65], char signed_by[65])
{
    const pb_model_options options = {.loras = loras, .lora_count = count};
    pb_model *model;
    char *signature;

    MUST(pb_model_open_with(&model, SD1, &options, error));
    MUST(pb_model_hash(model, hash, NULL, error));
    MUST(pb_model_signature(model, &signature, error));
    for (size_t i = 0; i < count; i++)
        assert_non_null(strstr(signature, loras[i].path));
    pb_sha256(signature, strlen(signature), signed_by);
    pb_text_free(signature);
    pb_model_free(model);
}

/* Bytes, weights and order of the files, and the config that decides; not their names. */
static void test_hash(void **state)
{
    const scratch_name a = scratch_path(&here, "a.safetensors"),
                       b = scratch_path(&here, "b.safetensors"),
                       c = scratch_path(&here, "c.safetensors"),
                       own = scratch_path(&here, "own.safetensors");
    const struct {
        size_t count;
        pb_lora loras[3];
    } cases[] = {
        {0, {{NULL, 0}}},
        {1, {{a.text, 1}}},
        {1, {{a.text, 0.5}}},
        {1, {{b.text, 1}}},
        {2, {{a.text, 1}, {b.text, 1}}},
        {2, {{b.text, 1}, {a.text, 1}}},
        {2, {{a.text, 1}, {a.text, 1}}},
        {3, {{a.text, 1}, {b.text, 1}, {a.text, 1}}},
        {3, {{a.text, 1}, {b.text, 1}, {b.text, 1}}},
        {3, {{a.text, 1}, {a.text, 1}, {b.text, 1}}},
        {1, {{own.text, 1}}},
        {1, {{own.text, 1}}}, /* with another config */
    };
    char hashes[sizeof cases / sizeof *cases][65], again[65];
    char signatures[sizeof cases / sizeof *cases][65], other[65];

    (void)state;
    lora_write("a.safetensors", "kohya");
    lora_write("c.safetensors", "kohya");
    lora_write("b.safetensors", "older");
    lora_write("own.safetensors", "own");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i == sizeof cases / sizeof *cases - 1)
            scratch_change(&here, "adapter_config.json", "{\"lora_alpha\": 9}");
        hash_with(cases[i].count, cases[i].loras, hashes[i], signatures[i]);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(hashes[i], hashes[k]);
            assert_string_not_equal(signatures[i], signatures[k]);
        }
    }
    hash_with(1, &(pb_lora){c.text, 1}, again, other);
    assert_string_equal(again, hashes[1]);
    assert_string_not_equal(other, signatures[1]);
}

static void run(int status, const char *message, const char *format, const char *lora)
{
    expect(program(here.folder, format, SD1, lora), status, message);
}

/* Bases, images at a noise level, pictures: with the LoRA they go with the model, else it is named.
 */
static void test_provenance(void **state)
{
    static const char basis[] =
        "basis -q -m %s %s --x x.npy --t 0.5 --rank 2 --tol 0.1 -o b.safetensors";
    static const char use[] = "edit -q -m %s %s --basis b.safetensors -d 0 -o e.png";
    const scratch_name name = scratch_path(&here, "a.safetensors");
    const char *path = name.text;
    char digest[65], expected[80];
    pb_basis read = PB_BASIS_EMPTY;
    pb_weights *io;
    pb_tensor x;

    (void)state;
    lora_write("a.safetensors", "kohya");
    MUST(pb_weights_open(&io, SD1 "/io.safetensors", error));
    x = golden(io, "x");
    MUST(pb_npy_write(&x, scratch_path(&here, "x.npy").text, error));
    pb_tensor_clear(&x);
    pb_weights_free(io);
    run(0, NULL, basis, "--lora a.safetensors:0.5");
    MUST(pb_basis_read(&read, scratch_path(&here, "b.safetensors").text, error));
    MUST(pb_file_sha256(1, &path, NULL, digest, NULL, error));
    snprintf(expected, sizeof expected, "a.safetensors:0.5 (%.8s)", digest);
    assert_string_equal(pb_loras_words(read.loras).text, expected);
    assert_non_null(strstr(read.loras, digest));
    pb_basis_clear(&read);
    run(1, "other LoRAs than are given here: expected a.safetensors:0.5 (", use, "");
    run(1, "found a.safetensors:0.25 (", use, "--lora a.safetensors:0.25");
    run(0, NULL, use, "--lora a.safetensors:0.5");
    run(0, NULL, basis, "");
    run(1, "expected none, found a.safetensors:1 (", use, "--lora a.safetensors");
    run(0, NULL, "invert -q -m %s %s --latents x.npy --t 0.5 --steps 3 -o xt.safetensors",
        "--lora a.safetensors");
    run(1, "xt.safetensors was computed with other LoRAs",
        "edit -m %s %s --x xt.safetensors -d 0 -o e.png", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_original_names), SCRATCH_TEST(test_names),
        SCRATCH_TEST(test_told),           SCRATCH_TEST(test_any),
        SCRATCH_TEST(test_left),           SCRATCH_TEST(test_hash),
        SCRATCH_TEST(test_provenance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
