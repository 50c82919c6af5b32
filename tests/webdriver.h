/* A browser for tests: Debian's chromium without a window, driven by its chromedriver as WebDriver
 * (W3C) has it. There is one at a time. Every function ends the test when it fails, and says what
 * the page showed. Elements are named by CSS selectors, the first that fits; a script sees
 * $(selector), $$(selector) (an array) and box(selector) (its rectangle in the window). */
#ifndef WEBDRIVER_H
#define WEBDRIVER_H

#include <jansson.h>
#include <stdbool.h>

/* What of it is not in the PATH; NULL: nothing. */
const char *browser_missing(void);

/* Starts it: a profile, downloads and what it prints go to this folder. */
void browser_open(const char *folder);

/* Ends it with all its processes; also where it was never opened, or half. */
void browser_close(void);

void browser_go(const char *url);

/* What a script, the body of a function, returns; the caller's. */
json_t *browser_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The value of an expression, or what it promises. The text is the caller's, by free. */
double browser_number(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *browser_string(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Is an expression true? Waits until it is, or ends the test. */
bool browser_true(const char *format, ...) __attribute__((format(printf, 1, 2)));
void browser_wait(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As somebody would: it is scrolled to, and has to be there to be pressed. */
void browser_click(const char *element);
void browser_double_click(const char *element, double x); /* at a share of its width */
void browser_type(const char *element, const char *text);
void browser_choose(const char *select, const char *value);
void browser_upload(const char *input, const char *path);

/* Keys, at what has the focus: "Tab", "Control+Shift+z", "ArrowLeft ArrowLeft". */
void browser_press(const char *keys);

/* The same at an element that is given the focus. */
void browser_press_at(const char *element, const char *keys);

typedef enum browser_pointer { BROWSER_MOUSE, BROWSER_TOUCH } browser_pointer;

/* Scrolls an element into view, presses at a share of its width and height, moves by pixels of the
 * window, and lets go; or holds until something else is done with the pointer. */
typedef struct browser_way {
    browser_pointer pointer;
    double x, y; /* 0 to 1: where in the element */
    double right, down;
    bool hold;
} browser_way;
void browser_drag(const char *element, browser_way way);
void browser_release(void);

/* A window of this size, of a phone (with a finger), dark or light. */
typedef struct browser_look {
    int width, height;
    bool phone, dark;
} browser_look;
void browser_show(browser_look look);

/* A picture of the window, a PNG. */
void browser_picture(const char *path);

/* What the console was told since it was asked last: the caller's, by free. */
char *browser_console(void);

#endif
