/* Models from a hub, on the loopback: what is taken of a repository, who may, how it lies in the
 * cache, and what there is then. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fetching.h"
#include "golden.h"
#include "scratch.h"

#define SD1 GOLDEN "sd1-tiny"
#define TEXT "text_encoder/model.safetensors"

/* -- what is taken ----------------------------------------------------------------------------- */

static void test_whole(void **state)
{
    static const char *const taken[] = {"model_index.json",
                                        "scheduler/scheduler_config.json",
                                        "unet/config.json",
                                        UNET,
                                        "vae/config.json",
                                        "vae/diffusion_pytorch_model.safetensors",
                                        TEXT,
                                        "text_encoder/config.json",
                                        "tokenizer/vocab.json",
                                        "tokenizer/merges.txt"};
    const outcome *o;
    json_t *a, *b;

    (void)state;
    hub_alone(SD1);
    /* Before: nothing is written. */
    o = program(here.folder, "fetch me/net --dry-run");
    expect(o, 0, NULL);
    assert_non_null(strstr(o->out, UNET));
    assert_null(strstr(o->out, "io.safetensors"));
    assert_false(fetched_any("cache"));
    assert_int_equal(hub_asked("GET"), 2); /* the list, and what the pipeline is made of */
    expect(program(here.folder, "info me/net"), 1, "(pullback fetch me/net brings it there)");
    hub_behave_well();
    o = program(here.folder, "fetch me/net");
    expect(o, 0, NULL);
    assert_non_null(strstr(o->out, SNAPSHOT));
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        expect_fetched(taken[i], true);
    expect_fetched("io.safetensors", false);
    expect_fetched("tokens.json", false);
    expect_noted(NET "/refs/main", HUB_COMMIT);
    assert_false(fetched_any(fetched_blob(UNET, ".incomplete")));
    assert_int_equal(hub_tokens(false), 0);
    /* It is the model that it is in its folder. */
    a = object_of(program(here.folder, "info me/net --json --hash"));
    b = object_of(program(here.folder, "info " SD1 " --json --hash"));
    assert_string_equal(json_string_value(json_object_get(a, "hash")),
                        json_string_value(json_object_get(b, "hash")));
    json_decref(a);
    json_decref(b);
    expect(program(here.folder, "info me/net@main"), 0, NULL);
    expect(program(here.folder, "info me/net@" HUB_COMMIT), 0, NULL);
    expect(program(here.folder, "info me/net@other"), 1, "no such model");
    /* Once more: no file is asked for but the one that says which. */
    hub_behave_well();
    o = program(here.folder, "fetch me/net");
    expect(o, 0, NULL);
    assert_non_null(strstr(o->out, "nothing was fetched"));
    assert_int_equal(hub_asked("GET"), 2);
    hub_close();
}

/* A branch, whose name has a slash; a commit, which is nobody's name. */
static void test_revisions(void **state)
{
    (void)state;
    hub_alone(GOLDEN "unet2d-ddpm");
    expect(program(here.folder, "fetch me/net@v/1"), 0, NULL);
    assert_int_equal(hub_asked("revision/v%2F1?blobs=true"), 1);
    expect_noted(NET "/refs/v/1", HUB_COMMIT);
    expect_fetched("config.json", true);
    expect_fetched("scheduler_config.json", true);
    assert_false(fetched_any(NET "/refs/main"));
    expect(program(here.folder, "info me/net@v/1"), 0, NULL);
    expect(program(here.folder, "info me/net"), 0, NULL); /* the only snapshot */
    fetched_forget();
    expect(program(here.folder, "fetch me/net@" HUB_COMMIT), 0, NULL);
    assert_true(fetched_any(SNAPSHOT "/config.json"));
    assert_false(fetched_any(NET "/refs"));
    expect(program(here.folder, "fetch me/net@nowhere"), 1, "me/net: no revision \"nowhere\"");
    hub_close();
}

static void put(const char *name, const char *text)
{
    scratch_write(&here, name, text, strlen(text));
}

/* One variant of the weights, in one file or several. */
static void test_variants(void **state)
{
    static const char shards[] = "{\"weight_map\": {\"a\": \"s-1.safetensors\", \"b\": "
                                 "\"s-2.safetensors\", \"c\": \"s-1.safetensors\"}}";

    (void)state;
    scratch_folder(&here, "r");
    put("r/config.json", "{}");
    put("r/diffusion_pytorch_model.safetensors", "plain");
    put("r/diffusion_pytorch_model.fp16.safetensors", "half");
    put("r/diffusion_pytorch_model.bin", "pickled");
    put("r/more.ckpt", "other");
    hub_alone(scratch_path(&here, "r").text);
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    expect_fetched("diffusion_pytorch_model.safetensors", true);
    expect_fetched("diffusion_pytorch_model.fp16.safetensors", false);
    assert_false(fetched_any(SNAPSHOT "/diffusion_pytorch_model.bin"));
    fetched_forget();
    expect(program(here.folder, "fetch me/net --variant fp16"), 0, NULL);
    expect_fetched("diffusion_pytorch_model.fp16.safetensors", true);
    expect_fetched("diffusion_pytorch_model.safetensors", false);
    fetched_forget();
    expect(program(here.folder, "fetch me/net --variant bf16"), 1,
           "me/net: no weights of the variant bf16");
    expect(program(here.folder, "fetch me/net --include *.ckpt --include conf*"), 0, NULL);
    assert_true(fetched_any(SNAPSHOT "/more.ckpt") && fetched_any(SNAPSHOT "/config.json"));
    expect_fetched("diffusion_pytorch_model.safetensors", false);
    expect(program(here.folder, "fetch me/net --include *.gguf"), 1, "no file fits \"*.gguf\"");
    hub_close();
    fetched_forget();
    /* An index goes before a file, and says what belongs to it. */
    put("r/diffusion_pytorch_model.safetensors.index.json", shards);
    put("r/s-1.safetensors", "1");
    put("r/s-2.safetensors", "2");
    put("r/s-3.safetensors", "3");
    hub_open(scratch_path(&here, "r").text);
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    expect_fetched("s-1.safetensors", true);
    expect_fetched("s-2.safetensors", true);
    expect_fetched("s-3.safetensors", false);
    expect_fetched("diffusion_pytorch_model.safetensors", false);
    hub_close();
    unlink(scratch_path(&here, "r/s-2.safetensors").text);
    hub_open(scratch_path(&here, "r").text);
    expect(program(here.folder, "fetch me/net"), 1, "\"b\" lies in \"s-2.safetensors\"");
    hub_close();
}

/* What is no model of ours, before anything large has come. */
static void test_others(void **state)
{
    (void)state;
    scratch_folder(&here, "r");
    put("r/README.md", "words");
    hub_alone(scratch_path(&here, "r").text);
    expect(program(here.folder, "fetch me/net"), 1, "and no weights");
    hub_close();
    put("r/model.safetensors", "weights");
    put("r/old.ckpt", "weights");
    hub_open(scratch_path(&here, "r").text);
    expect(program(here.folder, "fetch me/net"), 1, "--include NAME): ");
    expect(program(here.folder, "fetch me/net"), 1, "old.ckpt (0.0 MB)");
    expect(program(here.folder, "fetch me/net --include old.ckpt"), 0, NULL);
    assert_true(fetched_any(SNAPSHOT "/old.ckpt"));
    hub_close();
    put("r/model_index.json",
        "{\"_class_name\": \"SomePipeline\", \"unet\": [\"diffusers\", "
        "\"UNet2DModel\"], \"prior\": [\"diffusers\", \"PriorTransformer\"]}");
    hub_open(scratch_path(&here, "r").text);
    expect(program(here.folder, "fetch me/net"), 1,
           "me/net: model_index.json: prior: a component of class PriorTransformer is not read");
    hub_close();
}

static void test_names(void **state)
{
    static const char *const names[] = {
        "net",   "me/",     "/net",    "a/b/c",       "me/../x",  "..",         "me/n--t",
        "me/n?", "me/.net", "me/net@", "me/net@../x", "me/net@/", "me/net@a//b"};

    (void)state;
    hub_alone(GOLDEN "unet2d-ddpm");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect(program(here.folder, "fetch %s", names[i]), 2, "\" is no ");
    expect(program(here.folder, "fetch https://hub.example/me/net"), 2,
           "(of an address what follows the hub's name)");
    expect(program(here.folder, "fetch me/net --include="), 2, "--include: expected a pattern");
    expect(program(here.folder, "fetch"), 2, "OWNER/NAME");
    expect(program(here.folder, "fetch me/net me/other"), 2, "OWNER/NAME");
    expect(program(here.folder, "fetch me/net --variant ../a"), 2, "is no variant");
    expect(program(here.folder, "fetch me/net --variant fp16 --include a"), 2, "--variant");
    assert_int_equal(hub_asked("GET"), 0);
    hub_close();
}

/* -- who may ------------------------------------------------------------------------------------
 */

static void test_token(void **state)
{
    const hub_options gated = {.gated = true}, away = {.gated = true, .elsewhere = true};

    (void)state;
    hub_alone(SD1);
    hub_behave(&gated);
    expect(program(here.folder, "fetch me/net"), 1, "me/net: gated: its terms");
    hub_set("HF_TOKEN", "hf_other");
    expect(program(here.folder, "fetch me/net"), 1, "not been let in yet");
    hub_set("HF_TOKEN", "hf_a\r\nX: y");
    expect(program(here.folder, "fetch me/net"), 1, "HF_TOKEN: expected a token");
    hub_set("HF_TOKEN", HUB_TOKEN "\n");
    hub_behave(&away);
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    assert_int_equal(hub_asked("GET /far/"), 3); /* all that is in LFS */
    assert_true(hub_tokens(false) > 0);
    assert_int_equal(hub_tokens(true), 0);
    expect_fetched(UNET, true);
    /* The same of a file. */
    fetched_forget();
    hub_set("HF_TOKEN", NULL);
    scratch_folder(&here, "home");
    put("home/token", HUB_TOKEN "\n");
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    assert_int_equal(hub_tokens(true), 0);
    fetched_forget();
    put("other", "hf_other");
    hub_set("HF_TOKEN_PATH", scratch_path(&here, "other").text);
    expect(program(here.folder, "fetch me/net"), 1, "gated");
    hub_close();
}

static void test_refusals(void **state)
{
    (void)state;
    hub_alone(GOLDEN "unet2d-ddpm");
    expect(program(here.folder, "fetch you/net"), 1, "you/net: no such repository on http://127");
    expect(fetch_under((hub_fault){.of = "/api/", .status = 404}), 1, "or a private one: HF_TOKEN");
    expect(fetch_under((hub_fault){.of = "/api/", .status = 401}), 1, "(HTTP 401)");
    expect(fetch_under((hub_fault){
               .of = "/api/", .status = 403, .headers = "X-Error-Message: not for you\r\n"}),
           1, "refused: HTTP 403: not for you");
    expect(fetch_under((hub_fault){.of = "/api/",
                                   .status = 302,
                                   .headers = "Location: file:///etc/"
                                              "hostname\r\n"}),
           1, "me/net: ");
    hub_behave(
        &(hub_options){.fault = {.of = "/api/",
                                 .times = 100,
                                 .status = 307,
                                 .headers = "Location: /api/models/me/net/revision/main?\r\n"}});
    expect(program(here.folder, "fetch me/net"), 1, "sent on 10 times");
    hub_set("HF_HUB_OFFLINE", "1");
    hub_behave_well();
    expect(program(here.folder, "fetch me/net"), 1, "HF_HUB_OFFLINE is set: nothing is fetched");
    assert_int_equal(hub_asked("GET"), 0);
    hub_set("HF_HUB_OFFLINE", "0");
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    hub_set("HF_ENDPOINT", "ftp://127.0.0.1");
    expect(program(here.folder, "fetch me/net"), 1, "HF_ENDPOINT: ftp://127.0.0.1: expected");
    hub_set("HF_ENDPOINT", "http://127.0.0.1:1");
    expect(program(here.folder, "fetch me/net"), 1, "me/net: Failed to connect to 127.0.0.1");
    expect(program(here.folder, "fetch me/net"), 1, "HF_ENDPOINT says which, https_proxy");
    hub_close();
}

/* Through a proxy: there is no such host. */
static void test_proxy(void **state)
{
    (void)state;
    hub_alone(GOLDEN "unet2d-ddpm");
    hub_set("http_proxy", getenv("HF_ENDPOINT"));
    hub_set("no_proxy", NULL);
    hub_set("NO_PROXY", NULL);
    hub_set("HF_ENDPOINT", "http://hub.invalid");
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    assert_int_equal(hub_asked("GET http://hub.invalid/me/net/resolve/"), 3);
    expect_fetched("config.json", true);
    hub_close();
}

/* Whoever makes the list may be anybody. */
static void test_hostile_lists(void **state)
{
#define LIST(name, hash, size)                                                                     \
    "{\"sha\": \"" HUB_COMMIT "\", \"siblings\": [{\"rfilename\": \"" name "\", \"size\": " size   \
    ", \"blobId\": \"" hash "\"}]}"
    static const struct {
        const char *list, *message;
    } cases[] = {
        {LIST("../../x", "0123456789012345678901234567890123456789", "1"), "a path below"},
        {LIST("/etc/x", "0123456789012345678901234567890123456789", "1"), "a path below"},
        {LIST("a/./x", "0123456789012345678901234567890123456789", "1"), "a path below"},
        {LIST("a\\\\x", "0123456789012345678901234567890123456789", "1"), "a path below"},
        {LIST("x", "../../../../x", "1"), "expected a hash"},
        {LIST("x", "0123456789012345678901234567890123456789", "-1"), "expected a size"},
        {LIST("x", "0123456789012345678901234567890123456789", "\"1\""), "expected a size"},
        {"{\"sha\": \"..\", \"siblings\": []}", "expected a commit"},
        {"{\"sha\": \"" HUB_COMMIT "\"}", "expected a list"},
        {"[]", "me/net"},
        {"<html>", "me/net"},
    };

    (void)state;
    hub_alone(GOLDEN "unet2d-ddpm");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hub_behave(&(hub_options){.list = cases[i].list});
        expect(program(here.folder, "fetch me/net"), 1, cases[i].message);
        assert_false(fetched_any("cache"));
    }
    hub_close();
}

/* -- what there is ------------------------------------------------------------------------------
 */

static const json_t *named(const json_t *all, const char *name)
{
    const json_t *list = json_object_get(all, "models");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(list, i), "name")), name))
            return json_array_get(list, i);
    fail_msg("no model %s", name);
    return NULL;
}

static void test_models(void **state)
{
    const json_t *model;
    const outcome *o;
    json_t *all;

    (void)state;
    hub_alone(SD1);
    expect(program(here.folder, "fetch me/net"), 0, NULL);
    scratch_folder(&here, "cache/models--me--begun");
    scratch_folder(&here, "models");
    scratch_copy(&here, SD1, "models/tiny");
    unlink(scratch_path(&here, "models/tiny/" UNET).text);
    all = object_of(program(here.folder, "models --json"));
    model = named(all, "me/net");
    assert_true(json_is_true(json_object_get(model, "readable")));
    assert_true(json_is_true(json_object_get(model, "cached")));
    assert_string_equal(json_string_value(json_object_get(model, "architecture")),
                        "UNet2DConditionModel");
    /* What lies on the disk, each file once; refs too. */
    assert_in_range(json_integer_value(json_object_get(model, "bytes")), 5850000, 5870000);
    model = named(all, "me/begun");
    assert_true(json_is_false(json_object_get(model, "readable")));
    assert_non_null(strstr(json_string_value(json_object_get(model, "why")), "no such model"));
    model = named(all, "tiny");
    assert_true(json_is_false(json_object_get(model, "readable")));
    assert_true(json_is_false(json_object_get(model, "cached")));
    assert_non_null(strstr(json_string_value(json_object_get(model, "why")), "no weights"));
    model = named(all, "faces32");
    assert_true(json_is_true(json_object_get(model, "readable")));
    json_decref(all);
    o = program(here.folder, "models");
    expect(o, 0, NULL);
    assert_non_null(strstr(o->out, "me/net\n    UNet2DConditionModel, "));
    assert_non_null(strstr(o->out, "tiny\n    5.4 MB, cannot be read: "));
    expect(program(here.folder, "models faces32"), 2, "faces32");
    hub_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_whole),    SCRATCH_TEST(test_revisions), SCRATCH_TEST(test_variants),
        SCRATCH_TEST(test_others),   SCRATCH_TEST(test_names),     SCRATCH_TEST(test_token),
        SCRATCH_TEST(test_refusals), SCRATCH_TEST(test_proxy),     SCRATCH_TEST(test_hostile_lists),
        SCRATCH_TEST(test_models),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
