#include "odd.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *const tries[ODD_TRIES] = {
    "`touch CANARY`",
    "a`touch CANARY`b",
    "$(touch CANARY)",
    "$HOME ${HOME}",
    "|touch CANARY",
    "<touch CANARY",
    "\"; system \"touch CANARY\" #",
    "'; system 'touch CANARY' #",
    "n\nsystem \"touch CANARY\" #",
    "n\r\nsystem 'touch CANARY'\r\n",
    "END\nsystem \"touch CANARY\"\n",
    "\\140touch CANARY\\140",
    "\\",
    "\\\"",
    "''",
    "@CANARY",
    "{/Symbol a}_b^c&{d}~e{.5f}",
    "%s%n%d%%",
    "a, \"b\" \\ c; d",
    "<script>alert(1)</script>",
    "]]>&amp;&#1;<!--",
    "'); DROP TABLE item; --",
    "$spectrum",
    "\033]0;title\a\033[2J",
    "\xef\xbf\xbf\xed\xa0\x80\xc0\x80\xf5\x80\x80\x80\xe2\x80",
};

/* Marsaglia's xorshift. */
odd odd_name(size_t i)
{
    uint32_t x = 2463534242u + (uint32_t)i * 2654435761u;
    odd o;

    for (size_t k = 0; k < ODD_LENGTH;) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        o.text[k] = (char)(x >> 11);
        k += o.text[k] != '\0' && o.text[k] != '/' && o.text[k] != '.';
    }
    o.text[ODD_LENGTH] = '\0';
    return o;
}

odd odd_text(size_t number)
{
    static const char *const formats[] = {"a%cb", "%c", "%c7"};
    odd o;

    if (number < ODD_TRIES)
        snprintf(o.text, sizeof o.text, "%s", tries[number]);
    else if (number - ODD_TRIES < ODD_BYTES)
        snprintf(o.text, sizeof o.text, formats[(number - ODD_TRIES) / 255],
                 (int)(1 + (number - ODD_TRIES) % 255));
    else
        o = odd_name(number - ODD_TRIES - ODD_BYTES);
    return o;
}
