#include "io/mistaken.h"

#include <string.h>

const char *pb_mistaken(const unsigned char *first, size_t count)
{
    static const char page[] =
        "a page of a website (what a hub may send instead: download it anew, signed in if need be)";
    static const struct {
        size_t place;
        const char *bytes, *what;
    } known[] = {
        {0, "version https://git-lfs",
         "a Git LFS pointer to them (git lfs pull gets the file itself)"},
        {0, "<!DOCTYPE", page},
        {0, "<!doctype", page},
        {0, "<html", page},
        {0, "<?xml", page},
        {0, "\xFF\xD8\xFF", "a picture (JPEG)"},
        {0, "\x89PNG", "a picture (PNG)"},
        {0, "GIF8", "a picture (GIF)"},
        {8, "WEBP", "a picture (WebP)"},
        {0, "GGUF", "GGUF, which is not read"},
        {0, "\x89HDF", "HDF5, as Keras writes it, which is not read"},
        {0, "\x93NUMPY", "an array of NumPy (.npy)"},
        {0, "\x1F\x8B", "a file compressed by gzip (unpack it first)"},
        {0, "7z\xBC\xAF", "an archive of 7-Zip (unpack it first)"},
        {0, "Rar!", "an archive of RAR (unpack it first)"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t length = strlen(known[i].bytes);
        if (count >= known[i].place + length &&
            !memcmp(first + known[i].place, known[i].bytes, length))
            return known[i].what;
    }
    return NULL;
}
