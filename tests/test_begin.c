/* What a public structure begins with: the function gives what the macro does, for each of them. */
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "io/file.h"

typedef void (*begin)(void *at);

/* What it begins with, and which bytes are written whatever was there: padding may be none. */
static void written(begin begins, size_t size, unsigned char *bytes, unsigned char *mask)
{
    unsigned char *other = malloc(size);

    assert_non_null(other);
    memset(bytes, 0, size);
    memset(other, 0xff, size);
    begins(bytes);
    begins(other);
    for (size_t i = 0; i < size; i++)
        mask[i] = bytes[i] == other[i];
    free(other);
}

/* Texts that they begin with, each with one of its own. */
static const struct {
    const char *macro;
    size_t at;
} texts[] = {
    {"PB_MAP_DEFAULTS", offsetof(pb_map_options, from)},
    {"PB_MAP_DEFAULTS", offsetof(pb_map_options, to)},
    {"PB_BASIS_REQUEST_DEFAULTS", offsetof(pb_basis_request, map.from)},
    {"PB_BASIS_REQUEST_DEFAULTS", offsetof(pb_basis_request, map.to)},
};

/* Their texts are the same: from here on so are the pointers. */
static void compare_texts(const char *name, const unsigned char *a, unsigned char *b)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *of_a, *of_b;
        if (strcmp(texts[i].macro, name))
            continue;
        memcpy(&of_a, a + texts[i].at, sizeof of_a);
        memcpy(&of_b, b + texts[i].at, sizeof of_b);
        assert_string_equal(of_a, of_b);
        memcpy(b + texts[i].at, &of_a, sizeof of_a);
    }
}

static void check(const char *name, begin by_macro, begin by_function, size_t size)
{
    unsigned char *a = malloc(4 * size), *b = a + size, *in_a = b + size, *in_b = in_a + size;
    size_t both = 0;

    assert_non_null(a);
    written(by_macro, size, a, in_a);
    written(by_function, size, b, in_b);
    compare_texts(name, a, b);
    for (size_t i = 0; i < size; i++) {
        both += in_a[i] && in_b[i];
        if (in_a[i] && in_b[i] && a[i] != b[i])
            fail_msg("%s: byte %zu of %zu is another in the function", name, i, size);
    }
    if (both < size / 2)
        fail_msg("%s: %zu of %zu bytes are written", name, both, size);
    free(a);
}

/* type, macro, function */
#define ALL(X)                                                                                     \
    X(pb_basis, PB_BASIS_EMPTY, pb_basis_init)                                                     \
    X(pb_basis_options, PB_BASIS_DEFAULTS, pb_basis_options_init)                                  \
    X(pb_basis_request, PB_BASIS_REQUEST_DEFAULTS, pb_basis_request_init)                          \
    X(pb_comparison, PB_COMPARISON_EMPTY, pb_comparison_init)                                      \
    X(pb_comparison_options, PB_COMPARISON_DEFAULTS, pb_comparison_options_init)                   \
    X(pb_condition, PB_CONDITION_DEFAULTS, pb_condition_init)                                      \
    X(pb_ddim_options, PB_DDIM_DEFAULTS, pb_ddim_options_init)                                     \
    X(pb_direction_options, PB_DIRECTION_DEFAULTS, pb_direction_options_init)                      \
    X(pb_directions, PB_DIRECTIONS_EMPTY, pb_directions_init)                                      \
    X(pb_edit, PB_EDIT_EMPTY, pb_edit_init)                                                        \
    X(pb_edit_options, PB_EDIT_DEFAULTS, pb_edit_options_init)                                     \
    X(pb_lora, PB_LORA_DEFAULTS, pb_lora_init)                                                     \
    X(pb_map_options, PB_MAP_DEFAULTS, pb_map_options_init)                                        \
    X(pb_model_options, PB_MODEL_DEFAULTS, pb_model_options_init)                                  \
    X(pb_point, PB_POINT_EMPTY, pb_point_init)                                                     \
    X(pb_point_options, PB_POINT_DEFAULTS, pb_point_options_init)                                  \
    X(pb_prompts, PB_PROMPTS_DEFAULTS, pb_prompts_init)                                            \
    X(pb_run, PB_RUN_DEFAULTS, pb_run_init)                                                        \
    X(pb_schedule_options, PB_SCHEDULE_DEFAULTS, pb_schedule_options_init)                         \
    X(pb_space, PB_SPACE_EMPTY, pb_space_init)                                                     \
    X(pb_spaced_options, PB_SPACED_DEFAULTS, pb_spaced_options_init)                               \
    X(pb_svd_options, PB_SVD_DEFAULTS, pb_svd_options_init)                                        \
    X(pb_tensor, PB_TENSOR_EMPTY, pb_tensor_init)

#define WAYS(type, macro, function)                                                                \
    static void by_##macro(void *at)                                                               \
    {                                                                                              \
        *(type *)at = macro;                                                                       \
    }                                                                                              \
    static void by_##function(void *at)                                                            \
    {                                                                                              \
        function(at);                                                                              \
    }
ALL(WAYS)

static const struct {
    const char *macro;
    begin by_macro, by_function;
    size_t size;
} cases[] = {
#define ROW(type, macro, function) {#macro, by_##macro, by_##function, sizeof(type)},
    ALL(ROW)};
#define CASES (sizeof cases / sizeof *cases)

static void test_begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        check(cases[i].macro, cases[i].by_macro, cases[i].by_function, cases[i].size);
}

/* The macros that a header defines, each of which must be a case. */
static size_t count_macros(const char *name)
{
    static const char define[] = "\n#define PB_";
    char path[512];
    pb_bytes header;
    size_t count = 0;

    snprintf(path, sizeof path, PB_SOURCE_DIR "/include/pullback/%s", name);
    MUST(pb_file_read(&header, path, 1 << 20, error));
    for (const char *at = (const char *)header.data; (at = strstr(at, define)) != NULL;) {
        char macro[64] = "PB_";
        size_t length, known = 0;

        at += strlen(define);
        length = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        snprintf(macro, sizeof macro, "PB_%.*s", (int)length, at);
        if (!strstr(macro, "_DEFAULTS") && !strstr(macro, "_EMPTY"))
            continue;
        for (size_t i = 0; i < CASES; i++)
            known += !strcmp(cases[i].macro, macro);
        if (known != 1)
            fail_msg("%s is %zu times in this test", macro, known);
        count++;
    }
    pb_bytes_clear(&header);
    return count;
}

/* All that there are. */
static void test_all(void **state)
{
    static const char include[] = "#include <pullback/";
    pb_bytes headers;
    size_t count = 0;

    (void)state;
    MUST(pb_file_read(&headers, PB_SOURCE_DIR "/include/pullback/pullback.h", 1 << 20, error));
    for (const char *at = (const char *)headers.data; (at = strstr(at, include)) != NULL;) {
        char name[64];
        at += strlen(include);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ">"), at);
        count += count_macros(name);
    }
    assert_int_equal(count, CASES);
    pb_bytes_clear(&headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
