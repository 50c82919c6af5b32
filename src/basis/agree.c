#include "basis/agree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/shape.h"
#include "io/loras.h"

#define MOST 400 /* bytes of a value in a message, about */

typedef struct field field;

/* A field of a basis: when two agree in it, and how one is told. */
struct field {
    const char *name;
    bool (*same)(const field *f, const pb_basis *a, const pb_basis *b);
    void (*say)(const field *f, const pb_basis *b, char text[MOST]);
    size_t at, shown; /* offsetof a basis */
    unsigned uses;    /* in which it must agree */
};

/* -- texts ----------------------------------------------------------------------------------- */

static const char *text_of(const pb_basis *b, size_t at)
{
    const char *text = *(char *const *)((const char *)b + at);

    return text ? text : "";
}

static bool same_text(const field *f, const pb_basis *a, const pb_basis *b)
{
    const char *of_a = text_of(a, f->at), *of_b = text_of(b, f->at);

    return !*of_a || !*of_b || !strcmp(of_a, of_b);
}

static void say_text(const field *f, const pb_basis *b, char text[MOST])
{
    snprintf(text, MOST, "%s", text_of(b, f->at));
}

/* A hash is told by its first digits, behind the name of what it is of. */
static void say_hash(const field *f, const pb_basis *b, char text[MOST])
{
    const char *name = text_of(b, f->shown);

    snprintf(text, MOST, "%.300s%s(%.8s)", name, *name ? " " : "", text_of(b, f->at));
}

/* A model's, with its LoRAs. */
static void say_model(const field *f, const pb_basis *b, char text[MOST])
{
    size_t length;

    say_hash(f, b, text);
    length = strlen(text);
    if (b->loras)
        snprintf(text + length, MOST - length, " with %s", pb_loras_words(b->loras).text);
}

/* -- shapes ---------------------------------------------------------------------------------- */

static const pb_tensor *tensor_of(const pb_basis *b, size_t at)
{
    return (const pb_tensor *)((const char *)b + at);
}

/* Of each direction; how many there are is another field. */
static bool same_shape(const field *f, const pb_basis *a, const pb_basis *b)
{
    const pb_tensor *of_a = tensor_of(a, f->at), *of_b = tensor_of(b, f->at);

    return !of_a->data || !of_b->data ||
           (of_a->rank == of_b->rank &&
            (of_a->rank != 4 || !memcmp(of_a->shape + 1, of_b->shape + 1, 3 * sizeof(size_t))));
}

static void say_shape(const field *f, const pb_basis *b, char text[MOST])
{
    const pb_tensor *t = tensor_of(b, f->at);

    if (t->rank == 4)
        snprintf(text, MOST, "%zu x %zu x %zu", t->shape[1], t->shape[2], t->shape[3]);
    else
        snprintf(text, MOST, "of %zu dimensions", t->rank);
}

static bool same_count(const field *f, const pb_basis *a, const pb_basis *b)
{
    const pb_tensor *of_a = tensor_of(a, f->at), *of_b = tensor_of(b, f->at);

    return !of_a->data || !of_b->data || of_a->shape[0] == of_b->shape[0];
}

static void say_count(const field *f, const pb_basis *b, char text[MOST])
{
    snprintf(text, MOST, "%zu", tensor_of(b, f->at)->shape[0]);
}

/* A mean has lost its samples' masks. */
static bool same_mask(const field *f, const pb_basis *a, const pb_basis *b)
{
    return a->samples || b->samples || pb_tensor_same(tensor_of(a, f->at), tensor_of(b, f->at));
}

static void say_mask(const field *f, const pb_basis *b, char text[MOST])
{
    const pb_tensor *t = tensor_of(b, f->at);
    size_t count = 0;

    if (!t->data || t->rank != 2) {
        snprintf(text, MOST, "none");
        return;
    }
    for (size_t i = 0; i < pb_tensor_count(t); i++)
        count += t->data[i] > 0;
    snprintf(text, MOST, "of %zu of %zu x %zu positions", count, t->shape[0], t->shape[1]);
}

/* -- numbers --------------------------------------------------------------------------------- */

static bool same_guided(const field *f, const pb_basis *a, const pb_basis *b)
{
    (void)f;
    return !a->guided == !b->guided;
}

static void say_guided(const field *f, const pb_basis *b, char text[MOST])
{
    (void)f;
    snprintf(text, MOST, "%s", b->guided ? "yes" : "no");
}

static bool same_class(const field *f, const pb_basis *a, const pb_basis *b)
{
    (void)f;
    return a->class_label == b->class_label;
}

static void say_class(const field *f, const pb_basis *b, char text[MOST])
{
    (void)f;
    if (b->class_label < 0)
        snprintf(text, MOST, "none");
    else
        snprintf(text, MOST, "%ld", b->class_label);
}

static bool same_null_rank(const field *f, const pb_basis *a, const pb_basis *b)
{
    (void)f;
    return a->null_rank == b->null_rank;
}

static void say_null_rank(const field *f, const pb_basis *b, char text[MOST])
{
    (void)f;
    snprintf(text, MOST, "%zu", b->null_rank);
}

/* -- all ------------------------------------------------------------------------------------- */

#define BIT(use) (1u << PB_FOR_##use)
#define MEAN (BIT(MEAN_H) | BIT(MEAN_X))
#define IN_H (BIT(COMPARING_H) | BIT(MEAN_H) | BIT(TRANSPORT))
#define IN_X (BIT(COMPARING_X) | BIT(MEAN_X) | BIT(EDITING))
#define ANY (IN_H | IN_X)

#define AT(member) offsetof(pb_basis, member)
#define MODEL(hash, name) same_text, say_model, AT(hash), AT(name)
#define HASH(hash, name) same_text, say_hash, AT(hash), AT(name)
#define TEXT(member) same_text, say_text, AT(member), 0
#define SHAPE(member) same_shape, say_shape, AT(member), 0

#define OF_MODELS 3 /* of the fields, the first */

/* The table of basis.h. */
static const field fields[] = {
    {"model", MODEL(model_hash, model), ANY},
    {"prediction", TEXT(prediction), ANY},
    {"schedule", HASH(schedule_hash, schedule), ANY},
    {"from", TEXT(from), IN_X | MEAN},
    {"tap", TEXT(to), IN_H | MEAN},
    {"u", SHAPE(u), IN_H},
    {"v", SHAPE(v), IN_X},
    {"directions", same_count, say_count, AT(s), 0, MEAN},
    {"guided", same_guided, say_guided, 0, 0, MEAN | BIT(TRANSPORT)},
    {"class", same_class, say_class, 0, 0, MEAN},
    {"mask", same_mask, say_mask, AT(mask), 0, MEAN},
    {"null rank", same_null_rank, say_null_rank, 0, 0, MEAN},
};

#define FIELDS (sizeof fields / sizeof *fields)

/* Lists in which fields the two differ, "tap mid and up.0; guided yes and no"; returns the number
 * of them. */
static size_t list(char *text, size_t size, const pb_basis *a, const pb_basis *b, size_t first,
                   size_t end, unsigned uses)
{
    size_t count = 0, length = 0;
    char of_a[MOST], of_b[MOST];

    *text = '\0';
    for (size_t i = first; i < end; i++) {
        const field *f = &fields[i];
        if (!(f->uses & uses) || f->same(f, a, b))
            continue;
        f->say(f, a, of_a);
        f->say(f, b, of_b);
        if (length < size)
            length += (size_t)snprintf(text + length, size - length, "%s%s %s and %s",
                                       count ? "; " : "", f->name, of_a, of_b);
        count++;
    }
    return count;
}

pb_status pb_bases_agree(const pb_basis *a, const pb_basis *b, pb_basis_use use, int across,
                         pb_error *error)
{
    static const char *const uses[PB_BASIS_USES] = {"to be compared in H", "to be compared in X",
                                                    "for a mean in H",     "for a mean in X",
                                                    "for a transport",     "for an edit"};
    char text[sizeof error->message];

    if (!list(text, sizeof text, a, b, across ? OF_MODELS : 0, FIELDS, 1u << use))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "%s and %s do not go together %s: %s",
                   a->file ? a->file : "a basis", b->file ? b->file : "another", uses[use], text);
}

pb_status pb_basis_agrees(const pb_basis *basis, const pb_basis *model, pb_error *error)
{
    char text[sizeof error->message];

    if (!list(text, sizeof text, basis, model, 1, OF_MODELS, ANY))
        return PB_OK;
    return pb_fail(error, PB_INVALID, "the basis and the model differ: %s", text);
}

pb_status pb_bases_compatible(const pb_basis *a, const pb_basis *b, pb_basis_use use,
                              pb_error *error)
{
    PB_NEED(a, "a basis");
    PB_NEED(b, "a basis");
    if ((unsigned)use >= PB_BASIS_USES)
        return pb_fail(error, PB_INVALID, "use %d is not known", (int)use);
    return pb_bases_agree(a, b, use, 0, error);
}
