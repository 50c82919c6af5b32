#include "icc.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Numbers are big-endian; fractions have 16 bits behind the point. */
static unsigned char *put_number(unsigned char *at, uint32_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
    return at + bytes;
}

static unsigned char *put_fraction(unsigned char *at, double value)
{
    return put_number(at, (uint32_t)(int32_t)lround(value * 65536), 4);
}

static unsigned char *put_text(unsigned char *at, const char *four)
{
    memcpy(at, four, 4);
    return at + 4;
}

static unsigned char *put_xyz(unsigned char *at, const double *xyz)
{
    at = put_number(put_text(at, "XYZ "), 0, 4);
    for (int i = 0; i < 3; i++)
        at = put_fraction(at, xyz[i]);
    return at;
}

static unsigned char *put_curve(unsigned char *at, double gamma)
{
    const double srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};

    at = put_number(put_text(at, "para"), 0, 4);
    at = put_number(at, gamma > 0 ? 0 : 3, 2);
    at = put_number(at, 0, 2);
    if (gamma > 0)
        return put_fraction(at, gamma);
    for (int i = 0; i < 5; i++)
        at = put_fraction(at, srgb[i]);
    return at;
}

size_t icc_profile(unsigned char *bytes, const double (*primaries)[3], double gamma)
{
    static const double d50[3] = {0.9642, 1, 0.8249};
    static const char *const names[] = {"wtpt", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"};
    size_t count = primaries ? 7 : 2;
    unsigned char *tag = bytes + 128, *at = tag + 4 + 12 * count;

    memset(bytes, 0, ICC_SIZE);
    put_number(bytes + 8, 0x04300000, 4);
    put_text(bytes + 12, "mntr");
    put_text(bytes + 16, primaries ? "RGB " : "GRAY");
    put_text(bytes + 20, "XYZ ");
    put_text(bytes + 36, "acsp");
    for (int i = 0; i < 3; i++)
        put_fraction(bytes + 68 + 4 * i, d50[i]);
    tag = put_number(tag, (uint32_t)count, 4);
    for (size_t i = 0; i < count; i++) {
        unsigned char *from = at;
        at = i == 0               ? put_xyz(at, d50)
             : primaries && i < 4 ? put_xyz(at, primaries[i - 1])
                                  : put_curve(at, gamma);
        tag = put_text(tag, primaries || i == 0 ? names[i] : "kTRC");
        tag = put_number(tag, (uint32_t)(from - bytes), 4);
        tag = put_number(tag, (uint32_t)(at - from), 4);
    }
    put_number(bytes, (uint32_t)(at - bytes), 4);
    return (size_t)(at - bytes);
}
