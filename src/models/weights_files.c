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
    bool torch;             /* as torch.save writes them */
} candidate;

typedef struct candidates {
    size_t count, room;
    candidate *list;
    char *foreign; /* names of files that are no weights' here, "a, b", or NULL */
} candidates;

static void clear(candidates *c)
{
    for (size_t i = 0; i < c->count; i++)
        pb_free(c->list[i].name);
    pb_free(c->list);
    pb_free(c->foreign);
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

static const char *stem_of(pb_family family, bool torch)
{
    return family == PB_DIFFUSERS ? "diffusion_pytorch_model" : torch ? "pytorch_model" : "model";
}

/* Adds a file if its name is one of weights. diffusers and transformers write a variant's name
 * before the last ending; early releases wrote that of an index before the last two. */
static pb_status examine(candidates *c, const char *name, pb_family family, pb_error *error)
{
    static const struct {
        const char *after_stem, *ending;
        bool index, torch;
    } forms[] = {
        {"", ".safetensors", false, false},           {".safetensors.index", ".json", true, false},
        {".safetensors", ".index.json", true, false}, {"", ".bin", false, true},
        {".bin.index", ".json", true, true},          {".bin", ".index.json", true, true},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        candidate found = {.index = forms[i].index, .torch = forms[i].torch};
        char beginning[64];

        snprintf(beginning, sizeof beginning, "%s%s", stem_of(family, found.torch),
                 forms[i].after_stem);
        if (has_form(&found, name, beginning, forms[i].ending))
            return is_shard(&found, name) ? PB_OK : add_candidate(c, &found, name, error);
    }
    return PB_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const candidate *)a)->name, ((const candidate *)b)->name);
}

/* Adds a file, to the candidates or to those of other formats, or to neither. */
static pb_status consider(candidates *c, const char *name, pb_family family, pb_error *error)
{
    static const char *const others[] = {".ckpt", ".pt", ".pth", ".msgpack", ".h5", ".onnx"};

    PB_TRY(examine(c, name, family, error));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (pb_ends_with(name, others[i]))
            c->foreign = pb_list_add(c->foreign, name);
    return PB_OK;
}

static void sort(candidates *c)
{
    if (c->count)
        qsort(c->list, c->count, sizeof *c->list, by_name); /* a folder has no order */
}

static pb_status gather(candidates *c, const char *folder, pb_family family, pb_error *error)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    pb_status status = PB_OK;

    if (!directory)
        return pb_fail_system(error, folder, NULL);
    while (status == PB_OK && (entry = readdir(directory)) != NULL)
        status = consider(c, entry->d_name, family, error);
    closedir(directory);
    sort(c);
    return status;
}

static bool same_variant(const candidate *a, const candidate *b)
{
    return a->length == b->length && !memcmp(a->name + a->variant, b->name + b->variant, a->length);
}

/* The first of the candidates of a variant: safetensors before the others; of those an index or a
 * single file before the other, and of the others a single file. */
static const candidate *pick(const candidates *c, const candidate *like, bool index_first)
{
    const struct {
        bool torch, index;
    } order[] = {{false, index_first}, {false, !index_first}, {true, false}, {true, true}};

    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < c->count; i++)
            if (same_variant(&c->list[i], like) && c->list[i].torch == order[k].torch &&
                c->list[i].index == order[k].index)
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

/* The only variant of those in a format; *chosen stays NULL where there is none. */
static pb_status choose_variant(const candidate **chosen, const candidates *c, const char *folder,
                                const char *stem, bool torch, bool index_first, pb_error *error)
{
    const candidate *first = NULL;

    for (size_t i = 0; i < c->count; i++) {
        const candidate *one = &c->list[i];
        if (one->torch != torch)
            continue;
        if (first && !same_variant(one, first))
            return fail_ambiguous(c, folder, stem, error);
        first = first ? first : one;
    }
    if (first)
        *chosen = pick(c, first, index_first);
    return PB_OK;
}

static pb_status choose(const candidate **chosen, const candidates *c, const char *folder,
                        pb_family family, pb_error *error)
{
    const char *stem = stem_of(family, false), *torch_stem = stem_of(family, true);
    const bool index_first = family == PB_DIFFUSERS;
    const candidate plain = {.name = ""};

    *chosen = pick(c, &plain, index_first);
    for (int torch = 0; !*chosen && torch < 2; torch++)
        PB_TRY(choose_variant(chosen, c, folder, stem, torch, index_first, error));
    if (*chosen)
        return PB_OK;
    if (c->foreign)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: weights under these names are not read: %s: expected %s.safetensors or "
                       "%s.bin (save_pretrained writes the first)",
                       folder, c->foreign, stem, torch_stem);
    return pb_fail(error, PB_IO,
                   "%s: no weights: expected %s.safetensors or %s.bin, one file or sharded", folder,
                   stem, torch_stem);
}

static pb_status note(char **unused, const char *folder, const char *name, pb_error *error)
{
    char *path = pb_sprintf("%s/%s", folder, name);

    *unused = path ? pb_list_add(*unused, path) : *unused;
    pb_free(path);
    return path && *unused ? PB_OK : pb_fail_memory(error, strlen(name), "a list of files");
}

pb_status pb_weights_locate(char **path, char **unused, const char *folder, pb_family family,
                            pb_error *error)
{
    candidates c = {0};
    const candidate *chosen;
    pb_status status = gather(&c, folder, family, error);

    *path = NULL;
    if (status == PB_OK)
        status = choose(&chosen, &c, folder, family, error);
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
    candidates c = {0};
    const candidate *chosen = NULL;
    pb_status status = PB_OK;

    *name = NULL;
    for (size_t i = 0; status == PB_OK && i < count; i++)
        status = consider(&c, names[i], family, error);
    sort(&c);
    if (status == PB_OK && variant) {
        const candidate like = {.name = (char *)variant, .length = strlen(variant)};
        chosen = pick(&c, &like, index_first);
    } else if (status == PB_OK)
        status = choose(&chosen, &c, folder, family, error);
    if (chosen && status == PB_OK)
        *name = name_among(chosen->name, count, names);
    clear(&c);
    return status;
}

pb_weights_hint pb_weights_in(const char *folder)
{
    DIR *directory = opendir(folder);
    pb_weights_hint hint = {""};
    char first[256] = "", several[40] = "";
    struct dirent *entry;
    size_t count = 0;

    while (directory && (entry = readdir(directory)) != NULL)
        if (pb_names_weights(entry->d_name) && (count++ == 0 || strcmp(entry->d_name, first) < 0))
            snprintf(first, sizeof first, "%s", entry->d_name);
    if (directory)
        closedir(directory);
    if (count > 1)
        snprintf(several, sizeof several, ", one of %zu there", count);
    if (count)
        snprintf(hint.text, sizeof hint.text, " (a file is given by its path: %.250s/%s%s)", folder,
                 first, several);
    return hint;
}
