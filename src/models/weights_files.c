#include "models/weights_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"

/* A file that may hold weights. */
typedef struct candidate {
    char *name;
    size_t variant, length; /* where its variant, "fp16", lies in the name; length 0: none */
    bool index;             /* of several files */
} candidate;

typedef struct candidates {
    size_t count, room;
    candidate *list;
    char *foreign; /* names of files in other formats, "a, b", or NULL */
    char *plain;   /* the one of them that has no variant, or NULL */
} candidates;

static void clear(candidates *c)
{
    for (size_t i = 0; i < c->count; i++)
        pb_free(c->list[i].name);
    pb_free(c->list);
    pb_free(c->foreign);
    pb_free(c->plain);
}

/* Is the name BEGINNING, perhaps a dot and a variant without dots, ENDING? */
static bool has_form(candidate *found, const char *name, const char *beginning, const char *ending)
{
    size_t n = strlen(name), b = strlen(beginning), e = strlen(ending);

    if (strncmp(name, beginning, b) || n < b + e || strcmp(name + n - e, ending))
        return false;
    found->variant = b + 1;
    found->length = n > b + e ? n - b - e - 1 : 0;
    return n == b + e ||
           (name[b] == '.' && found->length && !memchr(name + found->variant, '.', found->length));
}

/* A variant "…-00001-of-00004": one file of several, which only an index can name? */
static bool is_shard(const candidate *found, const char *name)
{
    const char *of = strstr(name, "-of-");

    return found->length && of && isdigit((unsigned char)of[-1]) && isdigit((unsigned char)of[4]);
}

static pb_status add_candidate(candidates *c, const candidate *found, const char *name,
                               pb_error *error)
{
    if (c->count == c->room) {
        candidate *grown = pb_grow(c->list, c->count, &c->room, sizeof *grown);
        if (!grown)
            return pb_fail_memory(error, 2 * c->room * sizeof *grown, "file names");
        c->list = grown;
    }
    c->list[c->count] = *found;
    c->list[c->count].name = pb_strdup(name);
    return c->list[c->count++].name ? PB_OK : pb_fail_memory(error, strlen(name), "a file name");
}

/* Adds a file if its name is one of weights. diffusers and transformers write a variant's name
 * before the last ending; early releases wrote that of an index before the last two. */
static pb_status examine(candidates *c, const char *name, const char *stem, pb_error *error)
{
    static const struct {
        const char *after_stem, *ending;
        bool index;
    } forms[] = {
        {"", ".safetensors", false},
        {".safetensors.index", ".json", true},
        {".safetensors", ".index.json", true},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        candidate found = {.index = forms[i].index};
        char beginning[64];

        snprintf(beginning, sizeof beginning, "%s%s", stem, forms[i].after_stem);
        if (has_form(&found, name, beginning, forms[i].ending))
            return is_shard(&found, name) ? PB_OK : add_candidate(c, &found, name, error);
    }
    return PB_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const candidate *)a)->name, ((const candidate *)b)->name);
}

/* Weights of no variant that from_pretrained would read in PyTorch's own format? */
static bool is_plain_foreign(const char *name, const char *stem)
{
    size_t n = strlen("pytorch_");

    if (!strncmp(name, "pytorch_model.", n + 6) && !strcmp(stem, "model"))
        name += n;
    return !strncmp(name, stem, strlen(stem)) && (!strcmp(name + strlen(stem), ".bin") ||
                                                  !strcmp(name + strlen(stem), ".bin.index.json"));
}

/* Adds a file, to the candidates or to those of other formats, or to neither. */
static pb_status consider(candidates *c, const char *name, const char *stem, pb_error *error)
{
    static const char *const others[] = {".bin",     ".ckpt", ".pt",  ".pth",
                                         ".msgpack", ".h5",   ".onnx"};

    PB_TRY(examine(c, name, stem, error));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (pb_ends_with(name, others[i]))
            c->foreign = pb_list_add(c->foreign, name);
    if (!c->plain && is_plain_foreign(name, stem))
        c->plain = pb_strdup(name);
    return PB_OK;
}

static void sort(candidates *c)
{
    if (c->count)
        qsort(c->list, c->count, sizeof *c->list, by_name); /* a folder has no order */
}

static pb_status gather(candidates *c, const char *folder, const char *stem, pb_error *error)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    pb_status status = PB_OK;

    if (!directory)
        return pb_fail_system(error, folder, NULL);
    while (status == PB_OK && (entry = readdir(directory)) != NULL)
        status = consider(c, entry->d_name, stem, error);
    closedir(directory);
    sort(c);
    return status;
}

static bool same_variant(const candidate *a, const candidate *b)
{
    return a->length == b->length && !memcmp(a->name + a->variant, b->name + b->variant, a->length);
}

/* The first of the candidates of a variant, an index or a single file before the other. */
static const candidate *pick(const candidates *c, const candidate *like, bool index_first)
{
    for (int second = 0; second < 2; second++)
        for (size_t i = 0; i < c->count; i++)
            if (same_variant(&c->list[i], like) &&
                c->list[i].index == (second ? !index_first : index_first))
                return &c->list[i];
    return NULL;
}

/* Several variants, none of which has the plain name. */
static pb_status fail_ambiguous(const candidates *c, const char *folder, const char *stem,
                                pb_error *error)
{
    char *names = NULL;

    for (size_t i = 0; i < c->count; i++)
        names = pb_list_add(names, c->list[i].name);
    pb_fail(error, PB_UNSUPPORTED,
            "%s: weights of several variants, and none without: expected %s.safetensors, or those "
            "of one variant only; found %s",
            folder, stem, names ? names : "");
    pb_free(names);
    return PB_UNSUPPORTED;
}

static pb_status choose(const candidate **chosen, const candidates *c, const char *folder,
                        const char *stem, bool index_first, pb_error *error)
{
    const candidate plain = {.name = ""};

    *chosen = pick(c, &plain, index_first);
    if (*chosen)
        return PB_OK;
    if (c->count && c->plain)
        return pb_fail(
            error, PB_UNSUPPORTED,
            "%s: %s is not read, and %s is of a variant, which may be other weights: "
            "expected %s.safetensors (save_pretrained(…, safe_serialization=True) of the "
            "one, or a copy of the other under that name)",
            folder, c->plain, c->list[0].name, stem);
    for (size_t i = 1; i < c->count; i++)
        if (!same_variant(&c->list[i], &c->list[0]))
            return fail_ambiguous(c, folder, stem, error);
    if (c->count) {
        *chosen = pick(c, &c->list[0], index_first);
        return PB_OK;
    }
    if (c->foreign)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: weights in these formats are not read: %s: expected %s.safetensors "
                       "(convert them with save_pretrained(…, safe_serialization=True))",
                       folder, c->foreign, stem);
    return pb_fail(error, PB_IO, "%s: no weights: expected %s.safetensors, one file or sharded",
                   folder, stem);
}

static pb_status note(char **unused, const char *folder, const char *name, pb_error *error)
{
    char *path = pb_sprintf("%s/%s", folder, name);

    *unused = path ? pb_list_add(*unused, path) : *unused;
    pb_free(path);
    return path && *unused ? PB_OK : pb_fail_memory(error, strlen(name), "a list of files");
}

static const char *stem_of(pb_family family)
{
    return family == PB_DIFFUSERS ? "diffusion_pytorch_model" : "model";
}

pb_status pb_weights_locate(char **path, char **unused, const char *folder, pb_family family,
                            pb_error *error)
{
    const char *stem = stem_of(family);
    candidates c = {0};
    const candidate *chosen;
    pb_status status = gather(&c, folder, stem, error);

    *path = NULL;
    if (status == PB_OK)
        status = choose(&chosen, &c, folder, stem, family == PB_DIFFUSERS, error);
    for (size_t i = 0; unused && status == PB_OK && i < c.count; i++)
        if (&c.list[i] != chosen)
            status = note(unused, folder, c.list[i].name, error);
    if (unused && status == PB_OK && c.foreign)
        status = note(unused, folder, c.foreign, error);
    if (status == PB_OK) {
        *path = pb_sprintf("%s/%s", folder, chosen->name);
        if (!*path)
            status = pb_fail_memory(error, strlen(folder) + strlen(chosen->name) + 2, "a path");
    }
    clear(&c);
    return status;
}

/* Which of the names a candidate's is. */
static const char *name_among(const char *name, size_t count, const char *const *names)
{
    size_t i = 0;

    while (i < count && strcmp(names[i], name))
        i++;
    return i < count ? names[i] : NULL;
}

pb_status pb_weights_choose(const char **name, size_t count, const char *const *names,
                            const char *folder, pb_family family, const char *variant,
                            pb_error *error)
{
    const bool index_first = family == PB_DIFFUSERS;
    const char *stem = stem_of(family);
    candidates c = {0};
    const candidate *chosen = NULL;
    pb_status status = PB_OK;

    *name = NULL;
    for (size_t i = 0; status == PB_OK && i < count; i++)
        status = consider(&c, names[i], stem, error);
    sort(&c);
    if (status == PB_OK && variant) {
        const candidate like = {.name = (char *)variant, .length = strlen(variant)};
        chosen = pick(&c, &like, index_first);
    } else if (status == PB_OK)
        status = choose(&chosen, &c, folder, stem, index_first, error);
    if (chosen && status == PB_OK)
        *name = name_among(chosen->name, count, names);
    clear(&c);
    return status;
}
