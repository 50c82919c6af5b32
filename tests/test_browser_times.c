/* How long somebody waits for what, measured in the browser. Nothing is asserted of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "browser.h"
#include "test_browser.h"

#define ROUNDS 7

/* Milliseconds from a statement until a condition, and the frame that shows it. */
#define TIME(statement, condition)                                                                 \
    "new Promise((told) => { const from = performance.now(); " statement "; "                      \
    "const look = () => { if (" condition ") requestAnimationFrame(() => setTimeout(() => "        \
    "told(performance.now() - from))); else setTimeout(look, 5); }; look(); })"

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void tell(const char *what, double *times)
{
    qsort(times, ROUNDS, sizeof *times, by_size);
    printf("%-46s %8.0f %8.0f %8.0f\n", what, times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
}

static void measure(void **state)
{
    double found[ROUNDS], preview[ROUNDS], final[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        explorer_open("{}");
        found[i] = browser_number(
            TIME("$('#find').click()",
                 "$$('.card').length && $$('.card img').every((i) => i.naturalWidth)"));
        preview[i] = browser_number(
            TIME("$('#slider-0').value = 0.5; $('#slider-0').dispatchEvent(new Event('input'))",
                 "$('#exactness').textContent === 'preview'"));
        browser_wait("$('#exactness').textContent === 'final'");
        final[i] =
            browser_number(TIME("$('#slider-1').value = -0.5; for (const e of ['input', 'change']) "
                                "$('#slider-1').dispatchEvent(new Event(e))",
                                "$('#exactness').textContent === 'final'"));
        explorer_tear_down(state);
    }
    printf("%-46s %8s %8s %8s\n", "milliseconds (faces64-text, default settings)", "median",
           "least", "most");
    tell("from \"Find directions\" to all small pictures", found);
    tell("from a slider's input to the preview", preview);
    tell("from a slider's rest to the final picture", final);
}

int browser_times(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};

    return cmocka_run_group_tests_name("times", tests, NULL, NULL);
}
