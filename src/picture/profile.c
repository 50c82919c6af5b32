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
