/* Any bytes as a tokenizer's files and a prompt, one after the other with NULs between: vocab.json,
 * merges.txt, tokenizer_config.json, the prompt. Whatever is accepted encodes to tokens that exist.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "feed.h"
#include "text/tokenizer.h"

#define LENGTH 16

static char folder[] = "/tmp/pullback-fuzz-XXXXXX";

static void remove_folder(void)
{
    static const char *const names[] = {"vocab.json", "merges.txt", "tokenizer_config.json"};
    char path[128];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void write_file(const char *name, const char *bytes, size_t size)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    HOLD(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

static void encode(const pb_tokenizer *t, const char *prompt)
{
    uint32_t ids[LENGTH];
    char *rest = NULL, *written = NULL;
    size_t used = 0;

    if (pb_tokenizer_write_out(t, &written, prompt, NULL) == PB_OK)
        HOLD(!written || strlen(written) > strlen(prompt));
    pb_free(written);
    if (pb_tokenizer_encode(t, prompt, LENGTH, ids, &used, &rest, NULL) != PB_OK)
        return;
    HOLD(used >= 2 && used <= LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        HOLD(ids[i] < pb_tokenizer_size(t) && pb_tokenizer_piece(t, ids[i]));
    HOLD(!rest || *rest);
    pb_free(rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"vocab.json", "merges.txt", "tokenizer_config.json"};
    char *text = malloc(size + 1), *at = text, *end = text + size;
    pb_error error = {.message = ""};
    pb_tokenizer *t = NULL;
    pb_status status;

    HOLD(text);
    if (size)
        memcpy(text, data, size);
    *end = '\0';
    if (strstr(folder, "XXXXXX")) {
        HOLD(mkdtemp(folder));
        atexit(remove_folder);
    }
    for (size_t i = 0; i < 3; i++) {
        write_file(names[i], at, strlen(at));
        at = at + strlen(at) < end ? at + strlen(at) + 1 : end;
    }
    status = pb_tokenizer_open(&t, folder, &error);
    if (status == PB_OK)
        encode(t, at);
    else
        HOLD((status == PB_FORMAT || status == PB_UNSUPPORTED) && error.message[0] && !t);
    pb_tokenizer_free(t);
    free(text);
    return 0;
}
