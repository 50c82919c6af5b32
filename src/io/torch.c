#include "io/torch.h"

#include <stdlib.h>
#include <string.h>

#include "base/ending.h"
#include "base/memory.h"
#include "io/archive.h"
#include "io/json.h"
#include "io/torch_tensors.h"

#define PICKLE "/data.pkl"

/* What is known of a file. */
typedef struct inside {
    pb_torch_tensors tensors; /* by storage, and there by name */
    size_t unpacked_count;
    pb_bytes *unpacked; /* storages that are compressed in the file; room for one of each tensor */
} inside;

static inside *of(const pb_shard *s)
{
    return s->inside;
}

/* -- what it begins like ----------------------------------------------------------------------- */

bool pb_torch_knows(const unsigned char *first, size_t count)
{
    return count >= 4 && (!memcmp(first, "PK\3\4", 4) || !memcmp(first, "PK\5\6", 4));
}

const char *pb_torch_other(const unsigned char *first, size_t count)
{
    /* The number that begins PyTorch's own, pickled: after its protocol, and perhaps a frame. */
    static const unsigned char magic[] = {0x8A, '\n', 'l',  0xFC, 0x9C, 'F', 0xF9,
                                          ' ',  'j',  0xA8, 'P',  0x19, '.'};
    static const size_t places[] = {2, 2 + 9};

    for (size_t i = 0; i < 2; i++)
        if (count >= places[i] + sizeof magic && !memcmp(first + places[i], magic, sizeof magic))
            return "PyTorch's older form, without a zip archive";
    if (count >= 262 && !memcmp(first + 257, "ustar", 5))
        return "a tar archive, PyTorch's oldest form";
    if (count >= 2 && first[0] == 0x80 && first[1] >= 2 && first[1] <= 5)
        return "a pickle without a zip archive";
    return NULL;
}

/* -- members ----------------------------------------------------------------------------------- */

/* The folder in the archive, by the pickle in it; pb_free's. */
static pb_status find_folder(const pb_shard *s, const pb_archive *a, char **out, pb_error *error)
{
    const char *found = NULL, *name;

    *out = NULL;
    for (size_t i = 0; i < pb_archive_count(a); i++) {
        name = pb_archive_name(a, i);
        if (!pb_ends_with(name, PICKLE) || strchr(name, '/') != strrchr(name, '/'))
            continue;
        if (found)
            return pb_fail(error, PB_FORMAT, "%s: expected one pickle, found %s and %s", s->path,
                           pb_quote(found).text, pb_quote(name).text);
        found = name;
    }
    if (!found)
        return pb_fail(error, PB_FORMAT,
                       "%s: expected an archive of torch.save, found no data.pkl in a folder of it",
                       s->path);
    *out = pb_sprintf("%.*s", (int)(strlen(found) - strlen(PICKLE)), found);
    return *out ? PB_OK : pb_fail_memory(error, strlen(found), "a name");
}

/* Finds FOLDER/NAME. */
static pb_status find_member(pb_archive *a, const char *folder, const char *name, pb_member *out,
                             pb_error *error)
{
    char *full = pb_sprintf("%s/%s", folder, name);
    pb_status status =
        full ? pb_archive_find(a, full, out, error) : pb_fail_memory(error, strlen(name), "a name");

    pb_free(full);
    return status;
}

/* Is there FOLDER/NAME? */
static pb_status has_member(const pb_archive *a, const char *folder, const char *name, bool *out,
                            pb_error *error)
{
    char *full = pb_sprintf("%s/%s", folder, name);

    if (!full)
        return pb_fail_memory(error, strlen(name), "a name");
    *out = pb_archive_has(a, full);
    pb_free(full);
    return PB_OK;
}

/* Are numbers little-endian, and is it tensors at all? */
static pb_status check_kind(const pb_shard *s, pb_archive *a, const char *folder, pb_error *error)
{
    pb_status status = PB_OK;
    bool program = false, ordered = false;
    pb_bytes order;
    pb_member m;

    PB_TRY(has_member(a, folder, "constants.pkl", &program, error));
    PB_TRY(has_member(a, folder, "byteorder", &ordered, error));
    if (program)
        return pb_fail(error, PB_UNSUPPORTED,
                       "%s: a program of TorchScript, which is not read: expected the state_dict() "
                       "of its model, saved by torch.save",
                       s->path);
    if (!ordered)
        return PB_OK;
    PB_TRY(find_member(a, folder, "byteorder", &m, error));
    PB_TRY(pb_archive_take(a, &m, &order, error));
    if (order.size != 6 || memcmp(order.data, "little", 6))
        status = pb_fail(error, PB_UNSUPPORTED, "%s: byteorder: expected \"little\", found %s",
                         s->path, pb_quote((const char *)order.data).text);
    pb_bytes_clear(&order);
    return status;
}

/* -- storages ---------------------------------------------------------------------------------- */

static int by_storage(const void *a, const void *b)
{
    const pb_torch_tensor *p = a, *q = b;
    int order = strcmp(p->storage, q->storage);

    return order ? order : strcmp(p->name, q->name);
}

static int by_place(const void *a, const void *b)
{
    const pb_member *p = a, *q = b;

    return (p->offset > q->offset) - (p->offset < q->offset);
}

/* Do members lie apart? Sorts them by place. */
static pb_status check_apart(const pb_shard *s, pb_member *members, size_t count, pb_error *error)
{
    const pb_member *before = NULL;

    qsort(members, count, sizeof *members, by_place);
    for (size_t i = 0; i < count; i++) {
        const pb_member *m = &members[i];
        if (m->bytes == 0)
            continue;
        if (before && m->offset - before->offset < before->bytes)
            return pb_fail(error, PB_FORMAT, "%s: member %s: overlaps member %s", s->path,
                           pb_quote(m->name).text, pb_quote(before->name).text);
        before = m;
    }
    return PB_OK;
}

/* Says of the tensors of one storage where they lie. */
static pb_status place_storage(const pb_shard *s, pb_archive *a, const char *folder,
                               pb_torch_tensor *tensors, size_t count, pb_member *m,
                               pb_error *error)
{
    char *name = pb_sprintf("data/%s", tensors->storage);
    pb_bytes *unpacked = NULL;
    pb_status status;

    status = name ? find_member(a, folder, name, m, error)
                  : pb_fail_memory(error, strlen(tensors->storage), "a name");
    pb_free(name);
    PB_TRY(status);
    for (size_t i = 0; i < count; i++)
        if (tensors[i].storage_bytes != m->size)
            return pb_fail(error, PB_FORMAT,
                           "%s: tensor %s: expected a storage of %zu bytes, found %s of %zu",
                           s->path, pb_quote(tensors[i].name).text, tensors[i].storage_bytes,
                           pb_quote(m->name).text, m->size);
    if (m->packed) {
        unpacked = &of(s)->unpacked[of(s)->unpacked_count];
        PB_TRY(pb_archive_take(a, m, unpacked, error));
        of(s)->unpacked_count++;
    }
    for (size_t i = 0; i < count; i++) {
        if (unpacked)
            tensors[i].stored.data = unpacked->data + tensors[i].stored.offset;
        tensors[i].stored.offset += m->offset;
    }
    return PB_OK;
}

/* members: room for one of each tensor; so many are found. */
static pb_status place_all(const pb_shard *s, pb_archive *a, const char *folder, pb_member *members,
                           size_t *found, pb_error *error)
{
    pb_torch_tensors *all = &of(s)->tensors;
    size_t next;

    qsort(all->list, all->count, sizeof *all->list, by_storage);
    for (size_t i = 0; i < all->count; i = next) {
        pb_torch_tensor *first = &all->list[i];
        for (next = i + 1; next < all->count; next++)
            if (strcmp(all->list[next].storage, first->storage))
                break;
        PB_TRY(place_storage(s, a, folder, first, next - i, &members[(*found)++], error));
    }
    return PB_OK;
}

static pb_status place(const pb_shard *s, pb_archive *a, const char *folder,
                       const pb_member *pickle, pb_error *error)
{
    const size_t count = of(s)->tensors.count;
    pb_member *members = pb_calloc(count + 1, sizeof *members);
    size_t found = 1;
    pb_status status;

    of(s)->unpacked = pb_calloc(count, sizeof *of(s)->unpacked);
    if (members && of(s)->unpacked) {
        members[0] = *pickle;
        status = place_all(s, a, folder, members, &found, error);
    } else {
        status = pb_fail_memory(error, count * sizeof *members, s->path);
    }
    if (status == PB_OK)
        status = check_apart(s, members, found, error);
    pb_free(members);
    return status;
}

/* -- all --------------------------------------------------------------------------------------- */

/* Reads the pickle, of which nothing is kept but the tensors. */
static pb_status read_pickle(pb_shard *s, pb_archive *a, const char *folder, pb_error *error)
{
    pb_pickle *pickle = NULL;
    pb_status status;
    pb_bytes bytes;
    pb_member m;

    PB_TRY(find_member(a, folder, "data.pkl", &m, error));
    if (m.size > PB_PICKLE_MOST)
        return pb_fail(error, PB_UNSUPPORTED, "%s: %s: expected at most %zu bytes, found %zu",
                       s->path, pb_quote(m.name).text, PB_PICKLE_MOST, m.size);
    PB_TRY(pb_archive_take(a, &m, &bytes, error));
    status = pb_pickle_read(&pickle, s->path, bytes.data, bytes.size, error);
    pb_bytes_clear(&bytes);
    if (status == PB_OK)
        status = pb_torch_gather(&of(s)->tensors, s->path, pb_pickle_value(pickle), error);
    if (status == PB_OK)
        status = place(s, a, folder, &m, error);
    pb_pickle_free(pickle);
    return status;
}

static pb_status open_file(pb_shard *s, pb_error *error)
{
    pb_archive *a;
    char *folder = NULL;
    pb_status status;

    s->inside = pb_calloc(1, sizeof(inside));
    if (!s->inside)
        return pb_fail_memory(error, sizeof(inside), s->path);
    PB_TRY(pb_archive_open(&a, &s->file, error));
    status = find_folder(s, a, &folder, error);
    if (status == PB_OK)
        status = check_kind(s, a, folder, error);
    if (status == PB_OK)
        status = read_pickle(s, a, folder, error);
    s->count = of(s)->tensors.count;
    pb_free(folder);
    pb_archive_close(a);
    return status;
}

static pb_status fill(const pb_shard *s, pb_stored *tensors, pb_error *error)
{
    (void)error;
    for (size_t i = 0; i < s->count; i++) {
        const pb_torch_tensor *t = &of(s)->tensors.list[i];
        tensors[i] = t->stored;
        tensors[i].name = t->name;
        tensors[i].file = s->path;
        tensors[i].source = &s->file;
        tensors[i].layout = t->layout.rank ? &t->layout : NULL;
    }
    return PB_OK;
}

static void close_file(pb_shard *s)
{
    if (!s->inside)
        return;
    pb_torch_clear(&of(s)->tensors);
    for (size_t i = 0; i < of(s)->unpacked_count; i++)
        pb_bytes_clear(&of(s)->unpacked[i]);
    pb_free(of(s)->unpacked);
    pb_free(s->inside);
}

const pb_reader pb_torch_reader = {open_file, fill, NULL, close_file};
