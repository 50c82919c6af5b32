#include "fetching.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

void hub_set(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

/* A hub of the folder, an empty cache, and nothing else that the environment says. */
void hub_alone(const char *folder)
{
    static const char *const names[] = {"HF_TOKEN",
                                        "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",
                                        "HF_HUB_OFFLINE",
                                        "TRANSFORMERS_OFFLINE",
                                        "http_proxy",
                                        "all_proxy",
                                        "ALL_PROXY",
                                        "HF_HUB_CACHE",
                                        "PULLBACK_MODELS",
                                        "HUGGINGFACE_HUB_CACHE",
                                        "HF_HUB_DISABLE_IMPLICIT_TOKEN"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        hub_set(names[i], NULL);
    hub_set("HF_HOME", scratch_path(&here, "home").text);
    hub_set("HF_HUB_CACHE", scratch_path(&here, "cache").text);
    hub_open(folder);
}

void hub_behave_well(void)
{
    hub_behave(&(hub_options){.gated = false});
}

/* The name of a blob, of what has come of one, or of its lock. */
const char *fetched_blob(const char *name, const char *ending)
{
    static char text[300];

    snprintf(text, sizeof text, NET "/blobs/%s%s", hub_hash(name), ending);
    return text;
}

size_t fetched_size(const char *name)
{
    struct stat info;

    return stat(scratch_path(&here, name).text, &info) == 0 ? (size_t)info.st_size : 0;
}

bool fetched_any(const char *name)
{
    struct stat info;

    return lstat(scratch_path(&here, name).text, &info) == 0;
}

void fetched_forget(void)
{
    static int number;
    char name[20];

    snprintf(name, sizeof name, "old%d", number++);
    if (fetched_any("cache"))
        assert_int_equal(rename(scratch_path(&here, "cache").text, scratch_path(&here, name).text),
                         0);
}

/* Is a file of the snapshot a relative link to the blob that has its bytes? Or is it not there? */
void expect_fetched(const char *name, bool there)
{
    char path[600], target[600], whole[600];
    unsigned char *bytes;
    ssize_t length;
    size_t n;

    snprintf(path, sizeof path, SNAPSHOT "/%s", name);
    if (!there) {
        assert_false(fetched_any(path));
        return;
    }
    length = readlink(scratch_path(&here, path).text, target, sizeof target - 1);
    assert_true(length > 0);
    target[length] = '\0';
    snprintf(whole, sizeof whole, "%s../../blobs/%s", strchr(name, '/') ? "../" : "",
             hub_hash(name));
    assert_string_equal(target, whole);
    bytes = scratch_read(&here, path, &n);
    assert_true(n == hub_size(name) && !memcmp(bytes, hub_bytes(name), n));
    free(bytes);
}

void expect_noted(const char *name, const char *expected)
{
    size_t n;
    unsigned char *text = scratch_read(&here, name, &n);

    assert_string_equal((char *)text, expected);
    free(text);
}

/* Fetches under a fault of the weights, which `times` requests meet. */
const outcome *fetch_under(hub_fault fault)
{
    hub_options options = {.fault = fault};

    if (!options.fault.of)
        options.fault.of = UNET;
    if (!options.fault.times)
        options.fault.times = 1;
    hub_behave(&options);
    return program(here.folder, "fetch me/net");
}
