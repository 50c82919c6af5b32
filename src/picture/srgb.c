#include "picture/srgb.h"

#include <math.h>

#include "picture/pixels.h"
#include "picture/profile.h"

/* -- kinds of pixels -------------------------------------------------------------------------- */

#define IN(format) (1U << VIPS_FORMAT_##format)
#define FLOATS (IN(FLOAT) | IN(DOUBLE))

/* What is read of an interpretation: so many bands of colour in one of these formats; in one of
 * those with a band of transparency after them. */
typedef struct kind {
    VipsInterpretation type;
    int bands;
    unsigned opaque, transparent;
} kind;

static const kind kinds[] = {
    {VIPS_INTERPRETATION_B_W, 1, IN(UCHAR) | IN(USHORT) | IN(UINT), IN(UCHAR)},
    {VIPS_INTERPRETATION_GREY16, 1, IN(USHORT) | IN(UINT), IN(USHORT)},
    {VIPS_INTERPRETATION_sRGB, 3, IN(UCHAR) | IN(USHORT) | IN(UINT), IN(UCHAR)},
    {VIPS_INTERPRETATION_RGB, 3, IN(UCHAR) | IN(USHORT) | IN(UINT), IN(UCHAR)},
    {VIPS_INTERPRETATION_RGB16, 3, IN(USHORT) | IN(UINT), IN(USHORT)},
    {VIPS_INTERPRETATION_CMYK, 4, IN(UCHAR) | IN(USHORT), IN(UCHAR)},
    {VIPS_INTERPRETATION_scRGB, 3, FLOATS, 0},
    {VIPS_INTERPRETATION_LAB, 3, FLOATS, 0},
    {VIPS_INTERPRETATION_LABS, 3, IN(SHORT), 0},
    {VIPS_INTERPRETATION_XYZ, 3, FLOATS, 0},
};

static const kind *kind_of(const VipsImage *image)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const kind *k = &kinds[i];
        unsigned formats = image->Bands == k->bands       ? k->opaque
                           : image->Bands == k->bands + 1 ? k->transparent
                                                          : 0;
        if (image->Type == k->type && image->BandFmt >= 0 && formats & 1U << image->BandFmt)
            return k;
    }
    return NULL;
}

static pb_status unsupported(const VipsImage *image, const char *path, pb_error *error)
{
    return pb_fail(error, PB_UNSUPPORTED,
                   "%s: expected grey, RGB or CMYK in 8 or 16 bits with transparency or without, "
                   "grey or RGB in 32, or scRGB, Lab or XYZ in floats without; found %d bands of "
                   "%s as %s",
                   path, image->Bands, vips_enum_nick(VIPS_TYPE_BAND_FORMAT, image->BandFmt),
                   vips_enum_nick(VIPS_TYPE_INTERPRETATION, image->Type));
}

/* The value of white, or of opaque. */
static double largest(const VipsImage *image)
{
    return image->BandFmt == VIPS_FORMAT_UCHAR    ? 255
           : image->BandFmt == VIPS_FORMAT_USHORT ? 65535
           : image->BandFmt == VIPS_FORMAT_UINT   ? 4294967295
                                                  : 1;
}

/* NaN has no colour, and infinity none in Lab; both betray that the file is not a picture. */
static pb_status check_finite(VipsImage *image, const char *path, pb_error *error)
{
    VipsRegion *region = vips_region_new(image);
    VipsRect row = {0, 0, image->Xsize, 1};
    size_t bands = (size_t)image->Bands, count = bands * (size_t)image->Xsize;
    pb_status status = PB_OK;

    for (; status == PB_OK && row.top < image->Ysize; row.top++) {
        const float *values;
        if (vips_region_prepare(region, &row)) {
            status = pb_fail_vips(error, PB_FORMAT, path);
            break;
        }
        values = (const float *)VIPS_REGION_ADDR(region, 0, row.top);
        for (size_t i = 0; status == PB_OK && i < count; i++)
            if (!isfinite(values[i]))
                status = pb_fail(error, PB_FORMAT,
                                 "%s: pixel (%zu, %d), band %zu: expected a finite number, found "
                                 "%g",
                                 path, i / bands, row.top, i % bands, (double)values[i]);
    }
    g_object_unref(region);
    return status;
}

/* -- steps: each returns an image that lives as long as the scope, or NULL -------------------- */

static VipsImage *keep(VipsImage *scope, int failed, VipsImage **image)
{
    if (failed)
        return NULL;
    vips_object_local(scope, *image);
    return *image;
}

/* Bands from..from + count. */
static VipsImage *bands_of(VipsImage *scope, VipsImage *in, int from, int count)
{
    VipsImage *out = NULL;

    return keep(scope, vips_extract_band(in, &out, from, "n", count, NULL), &out);
}

/* The same values under another name. */
static VipsImage *called(VipsImage *scope, VipsImage *in, VipsInterpretation type)
{
    VipsImage *out = NULL;

    return keep(scope, vips_copy(in, &out, "interpretation", type, NULL), &out);
}

/* Values in 0 .. `top` as integers of all of a format's range, rounded (vips_cast cuts off). */
static VipsImage *scaled(VipsImage *scope, VipsImage *in, double top, VipsBandFormat format)
{
    double range = format == VIPS_FORMAT_UCHAR ? 255 : 65535;
    VipsImage *wide = NULL, *out = NULL;

    if (in->BandFmt == format && top == range)
        return in;
    wide = keep(scope, vips_linear1(in, &wide, range / top, 0.5, NULL), &wide);
    return wide ? keep(scope, vips_cast(wide, &out, format, NULL), &out) : NULL;
}

static VipsImage *threefold(VipsImage *scope, VipsImage *in)
{
    VipsImage *same[3] = {in, in, in}, *out = NULL;

    return in->Bands == 3 ? in : keep(scope, vips_bandjoin(same, &out, 3, NULL), &out);
}

/* As the profile says; grey also as one for RGB says. NULL where it goes with neither. */
static VipsImage *transformed(VipsImage *scope, VipsImage *in, const void *profile, size_t size)
{
    VipsImage *out = pb_profile_srgb(in, profile, size);

    if (!out && in->Bands == 1 && (in = threefold(scope, in)) != NULL)
        out = pb_profile_srgb(in, profile, size);
    return keep(scope, !out, &out);
}

/* Through the embedded profile; for CMYK otherwise through libvips' own. NULL if there is none. */
static VipsImage *by_profile(VipsImage *scope, VipsImage *in, const kind *k)
{
    int bytes = in->BandFmt == VIPS_FORMAT_UCHAR && largest(in) == 255;
    VipsImage *device, *out = NULL;
    VipsBlob *own = NULL;
    const void *profile = NULL;
    size_t size = 0;

    if (vips_image_get_typeof(in, VIPS_META_ICC_NAME) &&
        vips_image_get_blob(in, VIPS_META_ICC_NAME, &profile, &size))
        profile = NULL;
    if (!profile && k->type != VIPS_INTERPRETATION_CMYK)
        return NULL;
    device = scaled(scope, in, largest(in), bytes ? VIPS_FORMAT_UCHAR : VIPS_FORMAT_USHORT);
    if (device && profile)
        out = transformed(scope, device, profile, size);
    if (device && !out && k->type == VIPS_INTERPRETATION_CMYK &&
        vips_profile_load("cmyk", &own, NULL) == 0) {
        profile = vips_blob_get(own, &size);
        out = transformed(scope, device, profile, size);
        vips_area_unref(VIPS_AREA(own));
    }
    return out;
}

/* Linear light, 0 to 1. */
static VipsImage *from_linear(VipsImage *scope, VipsImage *in)
{
    VipsImage *out = NULL;

    out = keep(scope, vips_scRGB2sRGB(in, &out, "depth", 16, NULL), &out);
    return out ? scaled(scope, out, 65535, VIPS_FORMAT_UCHAR) : NULL;
}

static VipsImage *from_xyz(VipsImage *scope, VipsImage *in)
{
    VipsImage *out = NULL;

    out = keep(scope, vips_XYZ2scRGB(in, &out, NULL), &out);
    return out ? from_linear(scope, out) : NULL;
}

/* libvips has its Lab relative to D65: from D50 to there by Bradford's adaptation. */
static VipsImage *from_lab(VipsImage *scope, VipsImage *in)
{
    static const double to_linear[9] = {
        0.031338561, -0.016168667, -0.004906146, -0.009787684, 0.019161415,
        0.000334540, 0.000719453,  -0.002289914, 0.014052427,
    };
    VipsArrayDouble *d50 = vips_array_double_newv(3, 96.422, 100.0, 82.521);
    VipsImage *matrix = vips_image_new_matrix_from_array(3, 3, to_linear, 9);
    VipsImage *lab = NULL, *xyz = NULL, *out = NULL;

    lab = in->Type == VIPS_INTERPRETATION_LABS ? keep(scope, vips_LabS2Lab(in, &lab, NULL), &lab)
                                               : in;
    if (lab)
        xyz = keep(scope, vips_Lab2XYZ(lab, &xyz, "temp", d50, NULL), &xyz);
    if (xyz && matrix)
        out = keep(scope, vips_recomb(xyz, &out, matrix, NULL), &out);
    if (out)
        out = called(scope, out, VIPS_INTERPRETATION_scRGB);
    vips_area_unref(VIPS_AREA(d50));
    if (matrix)
        g_object_unref(matrix);
    return out ? from_linear(scope, out) : NULL;
}

static VipsImage *to_srgb(VipsImage *scope, VipsImage *in, const kind *k)
{
    VipsImage *out = NULL;

    if (k->type == VIPS_INTERPRETATION_LAB || k->type == VIPS_INTERPRETATION_LABS)
        return from_lab(scope, in);
    if (k->type == VIPS_INTERPRETATION_XYZ)
        return from_xyz(scope, in);
    if ((out = by_profile(scope, in, k)) != NULL || k->type == VIPS_INTERPRETATION_CMYK)
        return out;
    vips_error_clear(); /* a broken profile counts as none */
    if (k->type == VIPS_INTERPRETATION_scRGB)
        return from_linear(scope, in);
    out = scaled(scope, in, largest(in), VIPS_FORMAT_UCHAR);
    return out ? threefold(scope, out) : NULL;
}

/* ground + alpha (colour - ground), rounded. */
static VipsImage *lay(VipsImage *scope, VipsImage *colour, VipsImage *alpha, double ground)
{
    VipsImage *below = NULL, *weighed = NULL, *sum = NULL, *out = NULL;

    below = keep(scope, vips_linear1(colour, &below, 1, -ground, NULL), &below);
    if (below)
        weighed = keep(scope, vips_multiply(below, alpha, &weighed, NULL), &weighed);
    if (weighed)
        sum =
            keep(scope, vips_linear1(weighed, &sum, 1 / largest(alpha), ground + 0.5, NULL), &sum);
    return sum ? keep(scope, vips_cast(sum, &out, VIPS_FORMAT_UCHAR, NULL), &out) : NULL;
}

/* -- all of it -------------------------------------------------------------------------------- */

/* *out lives as long as the scope, or as `in`. */
static pb_status convert(VipsImage *scope, VipsImage *in, const char *path, pb_ground ground,
                         VipsImage **out, pb_error *error)
{
    VipsImage *image = NULL, *values = NULL, *alpha = NULL;
    const kind *k;

    image = keep(scope, vips_image_decode(in, &image), &image); /* of Lab's coding */
    if (!image)
        return pb_fail_vips(error, PB_FORMAT, path);
    k = kind_of(image);
    if (!k)
        return unsupported(image, path, error);
    if (1U << image->BandFmt & FLOATS) {
        values = keep(scope, vips_cast(image, &values, VIPS_FORMAT_FLOAT, NULL), &values);
        if (!values)
            return pb_fail_vips(error, PB_FORMAT, path);
        PB_TRY(check_finite(values, path, error));
        image = values;
    }
    if (image->Bands > k->bands) {
        alpha = bands_of(scope, image, k->bands, 1);
        image = alpha ? bands_of(scope, image, 0, k->bands) : NULL;
    }
    if (image)
        image = to_srgb(scope, image, k);
    if (image && alpha)
        image = lay(scope, image, alpha, ground == PB_ON_WHITE ? 255 : 0);
    if (image) /* who writes it goes by the name: bytes called RGB16 would be taken for words */
        image = called(scope, image, VIPS_INTERPRETATION_sRGB);
    if (!image)
        return pb_fail_vips(error, PB_FORMAT, path);
    if (image->Bands != 3 || image->BandFmt != VIPS_FORMAT_UCHAR)
        return pb_fail(error, PB_INTERNAL, "%s: expected 3 bands of uchar, made %d of %s", path,
                       image->Bands, vips_enum_nick(VIPS_TYPE_BAND_FORMAT, image->BandFmt));
    *out = image;
    return PB_OK;
}

pb_status pb_srgb(VipsImage *in, const char *path, pb_ground ground, VipsImage **out,
                  pb_error *error)
{
    VipsImage *scope = vips_image_new();
    pb_status status = convert(scope, in, path, ground, out, error);

    if (status == PB_OK)
        g_object_ref(*out);
    g_object_unref(scope);
    return status;
}
