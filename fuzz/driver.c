/* Runs a libFuzzer target without libFuzzer: on the files named, or in the folders named, and on
 * random mutations of them. The same seed gives the same mutations everywhere.
 *
 *     fuzz_npy [-runs=N] [-seed=N] [-dump=FILE] FILE_OR_FOLDER...
 *
 * It has no feedback from coverage: it is for regression, and for machines without clang. With
 * -dump each input is first written to FILE, which after a crash is the one that did it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "feed.h"

#define MOST_INPUTS 1000
#define MOST_BYTES 65536

typedef struct input {
    uint8_t *data;
    size_t size;
} input;

static input inputs[MOST_INPUTS];
static size_t input_count;

/* -- random numbers: SplitMix64 -------------------------------------------------------------- */

static uint64_t state;

static uint64_t next(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* 0 … n-1; 0 for n = 0. */
static size_t below(size_t n)
{
    return n ? (size_t)(next() % n) : 0;
}

/* -- inputs -------------------------------------------------------------------------------- */

static void add_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    input *in = &inputs[input_count];

    HOLD(input_count < MOST_INPUTS);
    if (!file) {
        fprintf(stderr, "%s: cannot open\n", path);
        exit(1);
    }
    in->data = malloc(MOST_BYTES);
    HOLD(in->data);
    in->size = fread(in->data, 1, MOST_BYTES, file);
    fclose(file);
    input_count++;
}

/* Sorted, so that the order does not depend on the file system. */
static void add(const char *path)
{
    struct dirent **entries;
    char name[4096];
    int count;
    struct stat info;

    if (stat(path, &info) || !S_ISDIR(info.st_mode)) {
        add_file(path);
        return;
    }
    count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (!stat(name, &info) && S_ISREG(info.st_mode))
            add_file(name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* -- mutations ------------------------------------------------------------------------------- */

/* Replaces n bytes at `at` by m others; from may be NULL for random ones. */
static void replace(input *in, size_t at, size_t n, const uint8_t *from, size_t m)
{
    if (in->size - n + m > MOST_BYTES)
        return;
    memmove(in->data + at + m, in->data + at + n, in->size - at - n);
    for (size_t i = 0; i < m; i++)
        in->data[at + i] = from ? from[i] : (uint8_t)next();
    in->size += m - n;
}

/* Replaces a run of digits near `at`, if there is one, by another number. */
static void change_number(input *in, size_t at)
{
    static const char *const numbers[] = {"0",
                                          "1",
                                          "-1",
                                          "2",
                                          "3",
                                          "8",
                                          "9",
                                          "255",
                                          "65536",
                                          "2147483648",
                                          "4294967295",
                                          "4294967296",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "1.5",
                                          "1e9",
                                          "1e999",
                                          "null",
                                          "\"7\"",
                                          "[1]",
                                          "{}",
                                          "true"};
    const char *number = numbers[below(sizeof numbers / sizeof *numbers)];
    size_t end;

    while (at < in->size && !(in->data[at] >= '0' && in->data[at] <= '9'))
        at++;
    for (end = at; end < in->size && in->data[end] >= '0' && in->data[end] <= '9';)
        end++;
    if (at < end)
        replace(in, at, end - at, (const uint8_t *)number, strlen(number));
}

static void mutate(input *in)
{
    static const uint8_t bytes[] = {0,   1,   0x7F, 0x80, 0xFF, '"', '\'', '\\', '{', '}', '[',
                                    ']', '(', ')',  ',',  ':',  '-', '.',  'e',  '0', '9', ' '};
    size_t at = below(in->size + 1);
    size_t n = below(in->size - at < 32 ? in->size - at + 1 : 32);
    const input *other = &inputs[below(input_count)];
    size_t from = below(other->size), m = below(other->size - from < 64 ? other->size - from : 64);
    uint8_t copy[32];

    switch (below(8)) {
    case 0:
        if (at < in->size)
            in->data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        if (at < in->size)
            in->data[at] = bytes[below(sizeof bytes)];
        break;
    case 2:
        replace(in, at, 0, &bytes[below(sizeof bytes)], 1);
        break;
    case 3:
        replace(in, at, n, NULL, 0);
        break;
    case 4: /* repeats a piece */
        memcpy(copy, in->data + at, n);
        replace(in, at, 0, copy, n);
        break;
    case 5: /* a piece of another input */
        replace(in, at, n, other->data + from, m);
        break;
    case 6:
        change_number(in, at);
        break;
    case 7: /* seldom: the end is lost, or grows */
        if (below(8) == 0)
            in->size = at;
        else
            replace(in, in->size, 0, NULL, below(16));
        break;
    }
}

/* -- the program ----------------------------------------------------------------------------- */

/* The target gets its own block, so that reading past the end is seen. */
static void run(const input *in, const char *dump)
{
    uint8_t *exact = malloc(in->size ? in->size : 1);

    HOLD(exact);
    memcpy(exact, in->data, in->size);
    if (dump) {
        FILE *file = fopen(dump, "wb");
        HOLD(file && fwrite(exact, 1, in->size, file) == in->size);
        HOLD(fclose(file) == 0);
    }
    LLVMFuzzerTestOneInput(exact, in->size);
    free(exact);
}

int main(int count, char **arguments)
{
    unsigned long runs = 0;
    const char *dump = NULL;
    input in;

    for (int i = 1; i < count; i++) {
        if (!strncmp(arguments[i], "-runs=", 6))
            runs = strtoul(arguments[i] + 6, NULL, 10);
        else if (!strncmp(arguments[i], "-seed=", 6))
            state = strtoull(arguments[i] + 6, NULL, 10);
        else if (!strncmp(arguments[i], "-dump=", 6))
            dump = arguments[i] + 6;
        else
            add(arguments[i]);
    }
    if (input_count == 0) {
        fprintf(stderr, "usage: %s [-runs=N] [-seed=N] [-dump=FILE] FILE_OR_FOLDER...\n",
                arguments[0]);
        return 2;
    }
    for (size_t i = 0; i < input_count; i++)
        run(&inputs[i], dump);
    in.data = malloc(MOST_BYTES);
    HOLD(in.data);
    for (unsigned long i = 0; i < runs; i++) {
        const input *seed = &inputs[below(input_count)];
        size_t mutations = 1 + below(6);

        memcpy(in.data, seed->data, seed->size);
        in.size = seed->size;
        for (size_t k = 0; k < mutations; k++)
            mutate(&in);
        run(&in, dump);
    }
    free(in.data);
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
    printf("%zu inputs, %lu mutations\n", input_count, runs);
    return 0;
}
