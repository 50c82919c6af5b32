#include "explore/shelf.h"

#include <string.h>

#include "base/memory.h"
#include "explore/random.h"
#include "picture/pixels.h"

typedef struct file {
    char *url, *name;
    GBytes *bytes;
    unsigned long tab;
} file;

struct pb_shelf {
    GMutex lock;
    GQueue files; /* of file, the oldest first */
    size_t most, bytes;
};

pb_shelf *pb_shelf_new(size_t most)
{
    pb_shelf *shelf = g_new0(pb_shelf, 1);

    g_mutex_init(&shelf->lock);
    g_queue_init(&shelf->files);
    shelf->most = most;
    return shelf;
}

static void drop(pb_shelf *shelf, file *f)
{
    g_queue_remove(&shelf->files, f);
    shelf->bytes -= g_bytes_get_size(f->bytes);
    g_bytes_unref(f->bytes);
    g_free(f->url);
    g_free(f->name);
    g_free(f);
}

void pb_shelf_free(pb_shelf *shelf)
{
    if (!shelf)
        return;
    while (shelf->files.head)
        drop(shelf, shelf->files.head->data);
    g_mutex_clear(&shelf->lock);
    g_free(shelf);
}

static void free_bytes(gpointer data)
{
    pb_bytes bytes = {data, 0};

    pb_bytes_clear(&bytes);
}

GBytes *pb_share_bytes(pb_bytes *bytes)
{
    GBytes *shared = g_bytes_new_with_free_func(bytes->data, bytes->size, free_bytes, bytes->data);

    *bytes = (pb_bytes){NULL, 0};
    return shared;
}

pb_status pb_copy_bytes(GBytes *shared, pb_bytes *copy, pb_error *error)
{
    gsize size;
    const void *data = g_bytes_get_data(shared, &size);

    *copy = (pb_bytes){pb_malloc(size + 1, 1), size};
    if (!copy->data)
        return pb_fail_memory(error, size, "a file");
    if (size)
        memcpy(copy->data, data, size);
    copy->data[size] = '\0';
    return PB_OK;
}

char *pb_shelf_put(pb_shelf *shelf, unsigned long tab, pb_bytes *bytes, const char *name)
{
    file *f = g_new0(file, 1);
    char *url;

    f->bytes = pb_share_bytes(bytes);
    f->name = g_strdup(name);
    f->tab = tab;
    g_mutex_lock(&shelf->lock);
    f->url = g_strdup_printf("/api/files/%lu%s", pb_random_id(),
                             pb_picture_ending(name) ? pb_picture_ending(name) : "");
    url = g_strdup(f->url);
    g_queue_push_tail(&shelf->files, f);
    shelf->bytes += g_bytes_get_size(f->bytes);
    while (shelf->bytes > shelf->most && shelf->files.length > 1)
        drop(shelf, shelf->files.head->data);
    g_mutex_unlock(&shelf->lock);
    return url;
}

/* With the lock. */
static const file *find(const pb_shelf *shelf, const char *url)
{
    for (GList *at = shelf->files.head; at; at = at->next)
        if (g_str_equal(((file *)at->data)->url, url))
            return at->data;
    return NULL;
}

int pb_shelf_has(pb_shelf *shelf, const char *url)
{
    int has;

    g_mutex_lock(&shelf->lock);
    has = find(shelf, url) != NULL;
    g_mutex_unlock(&shelf->lock);
    return has;
}

GBytes *pb_shelf_get(pb_shelf *shelf, const char *url, char **name)
{
    GBytes *bytes = NULL;
    const file *f;

    *name = NULL;
    g_mutex_lock(&shelf->lock);
    f = find(shelf, url);
    if (f) {
        bytes = g_bytes_ref(f->bytes);
        *name = g_strdup(f->name);
    }
    g_mutex_unlock(&shelf->lock);
    return bytes;
}

void pb_shelf_drop(pb_shelf *shelf, unsigned long tab)
{
    GList *at;

    g_mutex_lock(&shelf->lock);
    at = shelf->files.head;
    while (at) {
        GList *next = at->next;
        if (((file *)at->data)->tab == tab)
            drop(shelf, at->data);
        at = next;
    }
    g_mutex_unlock(&shelf->lock);
}
