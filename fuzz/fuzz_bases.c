/* Any basis, mean or noisy image as a file through the commands that read them: edit, transport,
 * compare, mean, basis, eval and sample end with status 0 and what was asked for, or with a message
 * and no output.
 *
 * The input is a list of choices, a byte each: the command, a file that a command made, how it is
 * used, and what is changed in it: a tensor's shape (with directions of length 1 again, so that
 * reading passes and the use is reached), an entry, what the metadata says, a byte of the file. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pullback/pullback.h>

#include "base/memory.h"
#include "feed.h"
#include "terminal/command.h"

#define MODEL PB_SOURCE_DIR "/tests/golden/unet2d-ddpm"
#define LENGTH 256 /* of a path */
#define WORDS 32
#define MOST_CHANGES 12

/* -- choices --------------------------------------------------------------------------------- */

typedef struct choices {
    const uint8_t *data;
    size_t size;
} choices;

/* 0 … n-1; 0 when there are no more. */
static size_t choose(choices *c, size_t n)
{
    if (c->size == 0)
        return 0;
    c->size--;
    return *c->data++ % n;
}

#define ONE_OF(choices, list) ((list)[choose(choices, sizeof(list) / sizeof *(list))])

/* -- running commands -------------------------------------------------------------------------- */

static char folder[LENGTH];
static size_t accepted, refused;

static void path_of(char path[LENGTH], const char *name)
{
    HOLD(snprintf(path, LENGTH, "%s/%s", folder, name) < LENGTH);
}

/* Runs a command line, in which an @ stands for the folder. What it prints is kept from the
 * streams: *said is how much went to stderr. */
static int command(const char *line, size_t *said)
{
    char words[WORDS][LENGTH], copy[1024], *out_text, *error_text, *save;
    char *arguments[WORDS + 1] = {NULL};
    FILE *out = stdout, *error = stderr;
    size_t out_size;
    int count = 0, status;

    HOLD(strlen(line) < sizeof copy);
    strcpy(copy, line);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        HOLD(count < WORDS);
        if (*word == '@')
            path_of(words[count], word + 1);
        else
            snprintf(words[count], LENGTH, "%s", word);
        arguments[count] = words[count];
        count++;
    }
    HOLD(pb_command_named(arguments[0]));
    stdout = open_memstream(&out_text, &out_size);
    stderr = open_memstream(&error_text, said);
    HOLD(stdout && stderr);
    status = pb_command_named(arguments[0])->run(count, arguments);
    fclose(stdout);
    fclose(stderr);
    stdout = out;
    stderr = error;
    free(out_text);
    free(error_text);
    return status;
}

static int exists(const char *name)
{
    char path[LENGTH];

    path_of(path, name);
    return access(path, F_OK) == 0;
}

/* -- files to begin with ----------------------------------------------------------------------- */

#define BASIS "basis --model " MODEL " --steps 3 -q -k 3 --no-pictures --threads 1 "

static const char *const files[] = {"a", "b", "up", "inner", "wide", "mask", "mh", "mx", "mm"};
#define FILES (sizeof files / sizeof *files)

static pb_basis bases[FILES];

static void make_mask(void)
{
    pb_tensor mask = PB_TENSOR_EMPTY;
    char path[LENGTH];

    path_of(path, "mask.npy");
    HOLD(pb_tensor_new(&mask, 2, (size_t[]){8, 8}, NULL) == PB_OK);
    for (size_t i = 0; i < 32; i++)
        mask.data[i] = 1;
    HOLD(pb_npy_write(&mask, path, NULL) == PB_OK);
    pb_tensor_clear(&mask);
}

static void clean_up(void)
{
    DIR *list = opendir(folder);
    char path[2 * LENGTH];

    for (struct dirent *entry; list && (entry = readdir(list));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            remove(path);
    }
    if (list)
        closedir(list);
    rmdir(folder);
    for (size_t i = 0; i < FILES; i++)
        pb_basis_clear(&bases[i]);
    fprintf(stderr, "%zu accepted, %zu refused\n", accepted, refused);
}

static void begin(void)
{
    static const char *const lines[] = {
        BASIS "--seed 1 --height 8 --width 8 -o @a.safetensors",
        BASIS "--seed 2 --height 8 --width 8 -o @b.safetensors",
        BASIS "--seed 1 --height 8 --width 8 --tap up.0 -o @up.safetensors",
        BASIS "--seed 1 --height 8 --width 8 --from down.1 -o @inner.safetensors",
        BASIS "--seed 1 --height 8 --width 12 -o @wide.safetensors",
        BASIS "--seed 1 --height 8 --width 8 --mask @mask.npy --null-rank 2 -o @mask.safetensors",
        "mean -q @a.safetensors @b.safetensors -o @mh.safetensors",
        "mean -q @a.safetensors @b.safetensors --space X -o @mx.safetensors",
        "mean -q @a.safetensors @b.safetensors --kind matched -o @mm.safetensors"};
    const char *memory = "/dev/shm";
    size_t said;

    snprintf(folder, sizeof folder, "%s/pullback-fuzz-XXXXXX",
             access(memory, W_OK) == 0 ? memory : "/tmp");
    HOLD(mkdtemp(folder));
    HOLD(atexit(clean_up) == 0);
    make_mask();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        HOLD(command(lines[i], &said) == 0);
    for (size_t i = 0; i < FILES; i++) {
        char name[32], path[LENGTH];
        snprintf(name, sizeof name, "%s.safetensors", files[i]);
        path_of(path, name);
        bases[i] = PB_BASIS_EMPTY;
        HOLD(pb_basis_read(&bases[i], path, NULL) == PB_OK);
        /* Without it, for the hash reads all of the model each time. */
        HOLD(pb_basis_set_model(&bases[i], MODEL, "", NULL) == PB_OK);
        HOLD(pb_basis_write(&bases[i], path, NULL) == PB_OK);
    }
}

/* -- changes ------------------------------------------------------------------------------------
 */

static pb_basis copy_basis(const pb_basis *b)
{
    pb_basis c = PB_BASIS_EMPTY;

    HOLD(pb_basis_copy(&c, b, NULL) == PB_OK);
    return c;
}

static pb_tensor *tensor_of(pb_basis *b, size_t i)
{
    pb_tensor *const all[] = {&b->u,           &b->v, &b->s,    &b->residual,
                              &b->angle_bound, &b->x, &b->mask, &b->agreement};

    return all[i];
}
#define TENSORS 8

/* Directions of length 1; all else stays. */
static void normalise(pb_tensor *t)
{
    size_t k = t->rank == 4 ? t->shape[0] : 0, n = k ? pb_tensor_count(t) / k : 0;

    for (size_t i = 0; i < k; i++) {
        double square = 0;
        for (size_t l = 0; l < n; l++)
            square += (double)t->data[i * n + l] * (double)t->data[i * n + l];
        for (size_t l = 0; l < n && square > 0; l++)
            t->data[i * n + l] = (float)((double)t->data[i * n + l] / sqrt(square));
    }
}

/* Another shape, with the entries over and over; singular values that fall. */
static void reshape(pb_basis *b, pb_tensor *t, size_t rank, const size_t *shape)
{
    pb_tensor old = *t;

    HOLD(pb_tensor_new(t, rank, shape, NULL) == PB_OK);
    for (size_t i = 0; old.data && i < pb_tensor_count(t); i++)
        t->data[i] = t == &b->s && i ? t->data[i - 1] / 2 : old.data[i % pb_tensor_count(&old)];
    pb_tensor_clear(&old);
    normalise(t);
}

static const size_t lengths[] = {1, 2, 3, 4, 5, 8, 12, 16, 32, 33};

/* One dimension of one tensor, or of every tensor that has it: the rank, the channels, the size. */
static void change_shape(pb_basis *b, choices *c)
{
    size_t which = choose(c, TENSORS + 4), at = choose(c, 4), to = ONE_OF(c, lengths);

    for (size_t i = 0; i < TENSORS; i++) {
        pb_tensor *t = tensor_of(b, i);
        size_t shape[PB_MAX_RANK], d = t->rank ? at % t->rank : 0;
        int image = t->rank >= 3 && (t == &b->v || t == &b->x);
        if (!t->data || (which < TENSORS && i != which))
            continue;
        if (which == TENSORS && t != &b->mask && t != &b->x) /* the rank of all */
            d = 0;
        else if (which > TENSORS && image) /* a channel, height or width of the image */
            d = t->rank - 3 + at % 3;
        else if (which == TENSORS + 2 && t == &b->u && t->rank >= 3)
            d = t->rank - 3 + at % 3;
        else if (which >= TENSORS)
            continue;
        memcpy(shape, t->shape, sizeof shape);
        shape[d] = to;
        reshape(b, t, t->rank, shape);
    }
}

static void change_rank(pb_basis *b, choices *c)
{
    pb_tensor *t = tensor_of(b, choose(c, TENSORS));
    size_t rank = 1 + choose(c, 5), shape[5];

    for (size_t i = 0; i < rank; i++)
        shape[i] = ONE_OF(c, lengths) % 9;
    if (choose(c, 4) == 0)
        pb_tensor_clear(t);
    else
        reshape(b, t, rank, shape);
}

static void change_entry(pb_basis *b, choices *c)
{
    static const float values[] = {0, -1, 1, 2, INFINITY, NAN, 1e30f, 1e-30f, -0.0f, 3e38f};
    pb_tensor *t = tensor_of(b, choose(c, TENSORS));
    size_t at = choose(c, 256) * 7;
    float value = ONE_OF(c, values);

    if (!t->data)
        return;
    if (choose(c, 4) == 0) /* all of them: of directions none has a length then */
        for (size_t i = 0; i < pb_tensor_count(t); i++)
            t->data[i] = value;
    else if (pb_tensor_count(t))
        t->data[at % pb_tensor_count(t)] = value;
    if (choose(c, 2))
        normalise(t);
}

static void set_text(char **place, const char *text)
{
    pb_free(*place);
    *place = pb_strdup(text);
}

static void change_text(pb_basis *b, choices *c)
{
    static const char *const taps[] = {"x",   "mid", "up.0", "down.1", "down.0", "up.2",
                                       "out", "eps", "x0",   "mud",    ""};
    static const char *const spaces[] = {"", "H", "X", "Y"};
    static const char *const others[] = {"", "x", "0123", "nan", "/dev/null", "krylov"};
    char **const other[] = {
        &b->model,      &b->model_hash, &b->method,        &b->prompt,  &b->trajectory_prompt,
        &b->prediction, &b->schedule,   &b->schedule_hash, &b->version, &b->loras};

    switch (choose(c, 4)) {
    case 0:
        set_text(&b->from, ONE_OF(c, taps));
        break;
    case 1:
        set_text(&b->to, ONE_OF(c, taps));
        break;
    case 2:
        set_text(&b->space, ONE_OF(c, spaces));
        break;
    default:
        set_text(ONE_OF(c, other), ONE_OF(c, others));
        break;
    }
}

static void change_number(pb_basis *b, choices *c)
{
    static const double numbers[] = {0,   1,    -1,  2,   0.5,  499,      998.5,
                                     999, 1000, 1e9, NAN, 1e20, INFINITY, -1e9};
    static const size_t counts[] = {0, 1, 2, 3, 4, 189, 190, 191, 192, 193, 1000000000};

    switch (choose(c, 9)) {
    case 0:
        b->timestep = ONE_OF(c, numbers);
        break;
    case 1:
        b->t = ONE_OF(c, numbers);
        break;
    case 2:
        b->tolerance = ONE_OF(c, numbers);
        break;
    case 3:
        b->guidance_scale = ONE_OF(c, numbers);
        break;
    case 4:
        b->class_label = (long)choose(c, 5) - 2;
        break;
    case 5:
        b->guided = (int)choose(c, 3);
        break;
    case 6:
        b->converged = ONE_OF(c, counts);
        break;
    case 7:
        b->null_rank = ONE_OF(c, counts);
        break;
    default:
        b->samples = ONE_OF(c, counts);
        break;
    }
}

/* A byte of the file, near its beginning or anywhere; or its end is lost. */
static void change_bytes(const char *path, choices *c)
{
    struct stat info;
    FILE *file = fopen(path, "r+b");
    size_t where = choose(c, 256) * 256 + choose(c, 256), value = choose(c, 256);
    long at;

    HOLD(file && fstat(fileno(file), &info) == 0);
    if (info.st_size == 0) {
        fclose(file);
        return;
    }
    at = (long)((choose(c, 2) ? where : where % 2048) % (size_t)info.st_size);
    if (choose(c, 8) == 0)
        HOLD(ftruncate(fileno(file), at) == 0);
    else {
        HOLD(fseek(file, at, SEEK_SET) == 0);
        HOLD(putc((int)value, file) != EOF);
    }
    HOLD(fclose(file) == 0);
}

/* Writes f.safetensors: one of the files, changed by all the choices that are left. */
static void write_file(size_t which, choices *c)
{
    pb_basis basis = copy_basis(&bases[which]);
    char path[LENGTH];
    int raw = 0;

    for (size_t n = 0; c->size && n < MOST_CHANGES && !raw; n++)
        switch (choose(c, 8)) {
        case 0:
        case 1:
        case 2:
            change_shape(&basis, c);
            break;
        case 3:
            change_rank(&basis, c);
            break;
        case 4:
            change_entry(&basis, c);
            break;
        case 5:
            change_text(&basis, c);
            break;
        case 6:
            change_number(&basis, c);
            break;
        default:
            raw = 1;
            break;
        }
    path_of(path, "f.safetensors");
    HOLD(pb_basis_write(&basis, path, NULL) == PB_OK);
    pb_basis_clear(&basis);
    while (raw && c->size)
        change_bytes(path, c);
}

/* -- the target -------------------------------------------------------------------------------- */

#define AT "--model " MODEL " --threads 1 -q "
#define GO "--steps 3 --edit-iterations 2 --stages 1 --boost 0 "
#define SMALL "--seed 3 --height 8 --width 8 "
#define F "@f.safetensors "

/* What each of them makes is its last word. */
static const char *const uses[] = {
    "edit " AT GO "--basis " F "-o @o.npy",
    "edit " AT GO "--basis " F SMALL "-o @o.npy",
    "edit " AT GO "--basis " F SMALL "--project -o @o.npy",
    "edit " AT GO "--basis " F "--seed 3 --project -o @o.npy",
    "edit " AT GO "--basis " F SMALL "--form pseudo-inverse --direction 0-2 -o @o.npy",
    "edit " AT GO "--basis " F "--mode relinearise --direction 2 -o @o.npy",
    "edit " AT GO SMALL "--u " F "--direction 0,1 -o @o.npy",
    "edit " AT GO "--x " F "--basis @mh.safetensors -o @o.npy",
    "edit " AT GO "--x " F "-o @o.npy",
    "transport " AT GO "--basis @a.safetensors --onto-basis " F "-o @o.png",
    "transport " AT GO "--basis " F "--onto-basis @b.safetensors --direction 1 -o @o.png",
    "transport " AT GO "--basis " F "--onto-t 0.5 --form pseudo-inverse -o @o.png",
    "transport " AT GO "--basis @a.safetensors --onto-basis " F "--direction 0-2 -o @o.png",
    "compare -q " F "@a.safetensors --json -o @o.csv",
    "compare -q @a.safetensors " F "@b.safetensors -o @o.csv",
    "compare -q " F F "-k 2 --across-models -o @o.csv",
    "compare -q " F "@mx.safetensors -o @o.csv",
    "mean -q " F "@a.safetensors -o @o.safetensors",
    "mean -q @a.safetensors " F "--space X -o @o.safetensors",
    "mean -q " F "@b.safetensors --kind matched -o @o.safetensors",
    "mean -q @a.safetensors " F F "--kind matched --space X -o @o.safetensors",
    BASIS SMALL "--start " F "-o @o.safetensors",
    BASIS "--x " F "-o @o.safetensors",
    "eval " AT "--tap mid --x " F "-o @o.npy",
    "sample " AT "--steps 3 --x " F "-o @o.npy"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choices c = {data, size};
    const char *line, *out;
    char path[LENGTH];
    size_t which, said;
    int status;

    if (!*folder)
        begin();
    line = ONE_OF(&c, uses);
    which = choose(&c, FILES);
    out = strrchr(line, '@') + 1;
    write_file(which, &c);
    status = command(line, &said);
    HOLD(status == 0 || ((status == 1 || status == 2) && said > 0));
    HOLD(exists(out) == (status == 0));
    path_of(path, out);
    remove(path);
    if (status == 0)
        accepted++;
    else
        refused++;
    return 0;
}
