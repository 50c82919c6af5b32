#include "picture/profile.h"

#include <lcms2.h>

static int generate(VipsRegion *to, void *sequence, void *in, void *transform, gboolean *stop)
{
    VipsRegion *from = sequence;
    VipsRect *r = &to->valid;

    (void)in, (void)stop;
    if (vips_region_prepare(from, r))
        return -1;
    for (int y = r->top; y < r->top + r->height; y++)
        cmsDoTransform(transform, VIPS_REGION_ADDR(from, r->left, y),
                       VIPS_REGION_ADDR(to, r->left, y), (cmsUInt32Number)r->width);
    return 0;
}

/* From the profile's colours to sRGB, for pixels like the image's; NULL if they are not its. */
static cmsHTRANSFORM transform_of(cmsHPROFILE profile, const VipsImage *image)
{
    int words = image->BandFmt == VIPS_FORMAT_USHORT;
    cmsColorSpaceSignature space = cmsGetColorSpace(profile);
    cmsProfileClassSignature class = cmsGetDeviceClass(profile);
    cmsHTRANSFORM transform = NULL;
    cmsUInt32Number format = 0, flags = cmsFLAGS_NOCACHE; /* or it is not for several threads */
    cmsHPROFILE srgb;

    if (space == cmsSigGrayData && image->Bands == 1)
        format = words ? TYPE_GRAY_16 : TYPE_GRAY_8;
    if (space == cmsSigRgbData && image->Bands == 3)
        format = words ? TYPE_RGB_16 : TYPE_RGB_8;
    if (space == cmsSigCmykData && image->Bands == 4)
        format = words ? TYPE_CMYK_16 : TYPE_CMYK_8;
    if (!format || class == cmsSigLinkClass || class == cmsSigAbstractClass)
        return NULL;
    if (words)
        flags |= cmsFLAGS_NOOPTIMIZE;
    srgb = cmsCreate_sRGBProfile();
    if (srgb) {
        transform = cmsCreateTransform(profile, format, srgb, TYPE_RGB_8,
                                       INTENT_RELATIVE_COLORIMETRIC, flags);
        cmsCloseProfile(srgb);
    }
    return transform;
}

VipsImage *pb_profile_srgb(VipsImage *in, const void *profile, size_t size)
{
    cmsHPROFILE opened = cmsOpenProfileFromMem(profile, (cmsUInt32Number)size);
    cmsHTRANSFORM transform = opened ? transform_of(opened, in) : NULL;
    VipsImage *out;

    if (opened)
        cmsCloseProfile(opened);
    if (!transform)
        return NULL;
    out = vips_image_new();
    g_object_set_data_full(G_OBJECT(out), "pullback-transform", transform, cmsDeleteTransform);
    g_object_ref(in);
    vips_object_local(out, in);
    if (vips_image_pipelinev(out, VIPS_DEMAND_STYLE_THINSTRIP, in, NULL) == 0) {
        out->Bands = 3;
        out->BandFmt = VIPS_FORMAT_UCHAR;
        out->Type = VIPS_INTERPRETATION_sRGB;
        if (vips_image_generate(out, vips_start_one, generate, vips_stop_one, in, transform) == 0)
            return out;
    }
    g_object_unref(out);
    return NULL;
}

/* -- both ways -------------------------------------------------------------------------------- */

pb_ways pb_colours_open(pb_colours *colours, const void *profile, size_t size, size_t count)
{
    const cmsUInt32Number flags = cmsFLAGS_NOOPTIMIZE | cmsFLAGS_NOCACHE;
    const cmsUInt32Number own = count == 1 ? TYPE_GRAY_FLT : TYPE_RGB_FLT;
    cmsHPROFILE opened = cmsOpenProfileFromMem(profile, (cmsUInt32Number)size);
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    pb_ways ways = PB_WAYS_NONE;

    *colours = PB_COLOURS_EMPTY;
    if (opened && srgb) {
        cmsColorSpaceSignature space = cmsGetColorSpace(opened);
        cmsProfileClassSignature class = cmsGetDeviceClass(opened);
        int fits = space == (count == 1 ? cmsSigGrayData : cmsSigRgbData) &&
                   class != cmsSigLinkClass && class != cmsSigAbstractClass;
        if (fits)
            colours->to = cmsCreateTransform(opened, own, srgb, TYPE_RGB_FLT,
                                             INTENT_RELATIVE_COLORIMETRIC, flags);
        if (colours->to)
            colours->from = cmsCreateTransform(srgb, TYPE_RGB_FLT, opened, own,
                                               INTENT_RELATIVE_COLORIMETRIC, flags);
        ways = colours->from                                           ? PB_WAYS_BOTH
               : colours->to || (count == 1 && space == cmsSigRgbData) ? PB_WAYS_TO
                                                                       : PB_WAYS_NONE;
    }
    if (opened)
        cmsCloseProfile(opened);
    if (srgb)
        cmsCloseProfile(srgb);
    if (ways != PB_WAYS_BOTH)
        pb_colours_clear(colours);
    return ways;
}

void pb_colours_clear(pb_colours *colours)
{
    if (colours->to)
        cmsDeleteTransform(colours->to);
    if (colours->from)
        cmsDeleteTransform(colours->from);
    *colours = PB_COLOURS_EMPTY;
}

void pb_colours_to_srgb(const pb_colours *colours, const float *in, float *rgb, size_t n)
{
    cmsDoTransform(colours->to, in, rgb, (cmsUInt32Number)n);
}

void pb_colours_from_srgb(const pb_colours *colours, const float *rgb, float *out, size_t n)
{
    cmsDoTransform(colours->from, rgb, out, (cmsUInt32Number)n);
}
