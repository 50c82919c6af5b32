#include "base/threads.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines of /proc/self/mountinfo may be long; one that is longer than this is passed over. */
#define LINE_SIZE (2 * PATH_MAX + 256)

typedef struct hierarchy {
    char group[PATH_MAX]; /* this process's control group; "": not found */
    char root[PATH_MAX];  /* the group that is mounted, and where */
    char mount[PATH_MAX];
} hierarchy;

static bool has_option(const char *list, const char *option)
{
    size_t n = strlen(option);

    for (;;) {
        size_t length = strcspn(list, ",\n");
        if (length == n && !strncmp(list, option, n))
            return true;
        if (list[length] != ',')
            return false;
        list += length + 1;
    }
}

static bool copy(char out[PATH_MAX], const char *text)
{
    return snprintf(out, PATH_MAX, "%s", text) < PATH_MAX;
}

static FILE *open_under(const char *root, const char *path)
{
    char full[PATH_MAX];

    if (snprintf(full, sizeof full, "%s%s", root, path) >= (int)sizeof full)
        return NULL;
    return fopen(full, "re");
}

/* Reads lines "ID:CONTROLLERS:GROUP" of /proc/self/cgroup. Version 2 has ID 0 and no
 * controllers. */
static void read_groups(const char *root, hierarchy *v1, hierarchy *v2)
{
    FILE *file = open_under(root, "/proc/self/cgroup");
    char line[LINE_SIZE];

    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *group;
        hierarchy *h = NULL;

        if (!controllers || !(group = strchr(controllers + 1, ':')))
            continue;
        *controllers++ = '\0';
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (!strcmp(line, "0") && !controllers[0])
            h = v2;
        else if (has_option(controllers, "cpu"))
            h = v1;
        /* ".." in a group means one outside this process's view: only what is mounted counts. */
        if (h && !copy(h->group, strstr(group, "/..") ? "/" : group))
            h->group[0] = '\0';
    }
    fclose(file);
}

/* Reads lines "ID PARENT DEVICE ROOT MOUNT OPTIONS [FIELD...] - TYPE SOURCE SUPEROPTIONS". */
static void read_mounts(const char *root, hierarchy *v1, hierarchy *v2)
{
    FILE *file = open_under(root, "/proc/self/mountinfo");
    char line[LINE_SIZE];

    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        char *place = NULL, *word, *words[5], *after = strstr(line, " - ");
        char *type, *options;
        hierarchy *h = NULL;
        size_t n = 0;

        if (!after)
            continue;
        *after = '\0';
        for (word = strtok_r(line, " ", &place); word && n < 5; word = strtok_r(NULL, " ", &place))
            words[n++] = word;
        type = strtok_r(after + 3, " \n", &place);
        if (n < 5 || !type || !strtok_r(NULL, " \n", &place))
            continue;
        options = strtok_r(NULL, " \n", &place);
        if (!strcmp(type, "cgroup2"))
            h = v2;
        else if (!strcmp(type, "cgroup") && options && has_option(options, "cpu"))
            h = v1;
        if (h && !h->mount[0] && !(copy(h->root, words[3]) && copy(h->mount, words[4])))
            h->mount[0] = '\0';
    }
    fclose(file);
}

/* One number of a file, or -1 where there is none ("max", no such file). second: the number after
 * it, left alone where there is none. */
static double read_number(const char *root, const char *folder, const char *name, double *second)
{
    char path[PATH_MAX], text[128] = "", *end;
    double value;
    FILE *file;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -1;
    file = open_under(root, path);
    if (!file)
        return -1;
    if (!fgets(text, sizeof text, file))
        text[0] = '\0';
    fclose(file);
    value = (double)strtoll(text, &end, 10);
    if (end == text)
        return -1;
    if (second)
        *second = (double)strtoll(end, NULL, 10);
    return value;
}

/* The quota of one group in processors, or 0. */
static double read_quota(const char *root, const char *folder, bool is_v2)
{
    double quota, period = 0;

    if (is_v2) {
        quota = read_number(root, folder, "cpu.max", &period);
    } else {
        quota = read_number(root, folder, "cpu.cfs_quota_us", NULL);
        period = read_number(root, folder, "cpu.cfs_period_us", NULL);
    }
    return quota > 0 && period > 0 ? quota / period : 0;
}

static double smaller(double a, double b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The smallest quota from the process's group up to the one that is mounted. */
static double walk(const char *root, const hierarchy *h, bool is_v2)
{
    const char *group = h->group;
    size_t n = strlen(h->root);
    char folder[PATH_MAX];
    double result = 0;
    size_t top;

    if (!h->mount[0] || !group[0])
        return 0;
    /* The mount shows the groups below its root: take that part off the name. */
    if (n > 1 && !strncmp(group, h->root, n) && (group[n] == '/' || !group[n]))
        group += n;
    if (snprintf(folder, sizeof folder, "%s%s", h->mount, group) >= (int)sizeof folder)
        return 0;
    top = strlen(h->mount);
    for (;;) {
        char *slash;

        result = smaller(result, read_quota(root, folder, is_v2));
        slash = strrchr(folder + top, '/');
        if (!slash)
            return result;
        *slash = '\0';
    }
}

double pb_cgroup_processors(const char *root)
{
    hierarchy v1 = {.group = ""}, v2 = {.group = ""};

    read_groups(root, &v1, &v2);
    read_mounts(root, &v1, &v2);
    return smaller(walk(root, &v1, false), walk(root, &v2, true));
}

/* The processors of the affinity mask, or 0. */
static unsigned count_affinity(void)
{
    /* The kernel refuses a set smaller than its own, whose size it does not tell. */
    for (size_t processors = 1024; processors <= (size_t)1 << 20; processors *= 2) {
        cpu_set_t *set = CPU_ALLOC(processors);
        size_t size = CPU_ALLOC_SIZE(processors);
        unsigned count = 0;

        if (!set)
            return 0;
        if (!sched_getaffinity(0, size, set))
            count = (unsigned)CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (count > 0)
            return count;
    }
    return 0;
}

static void *pass(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

bool pb_threads_can_have(unsigned threads)
{
    pthread_t *probes = calloc(threads, sizeof *probes);
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    unsigned made = 0;

    if (!probes)
        return false;
    pthread_mutex_lock(&gate);
    while (made < threads && pthread_create(&probes[made], NULL, pass, &gate) == 0)
        made++;
    pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < made; i++)
        pthread_join(probes[i], NULL);
    free(probes);
    return made == threads;
}

unsigned pb_threads_available(void)
{
    unsigned threads = count_affinity();
    double quota = pb_cgroup_processors("");

    if (threads == 0)
        threads = 1;
    if (quota > 0 && ceil(quota) < threads)
        threads = (unsigned)ceil(quota);
    return threads;
}
