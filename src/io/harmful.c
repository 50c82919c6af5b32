#include "io/harmful.h"

#include <stdlib.h>
#include <string.h>

/* In order of strcmp. */
static const char *const modules[] = {
    "_io",       "_osx_support", "_pickle",      "_posixsubprocess",
    "_thread",   "aiohttp",      "asyncio",      "bdb",
    "cProfile",  "cloudpickle",  "code",         "codeop",
    "commands",  "concurrent",   "ctypes",       "dill",
    "distutils", "ensurepip",    "ftplib",       "gc",
    "glob",      "http",         "httplib",      "httpx",
    "imp",       "importlib",    "inspect",      "io",
    "joblib",    "linecache",    "marshal",      "multiprocessing",
    "nt",        "ntpath",       "operator",     "os",
    "pdb",       "pickle",       "pip",          "pipes",
    "pkgutil",   "platform",     "popen2",       "posix",
    "posixpath", "profile",      "pty",          "py_compile",
    "pydoc",     "requests",     "runpy",        "setuptools",
    "shelve",    "shutil",       "signal",       "site",
    "smtplib",   "socket",       "socketserver", "sqlite3",
    "ssl",       "subprocess",   "sys",          "tempfile",
    "threading", "timeit",       "trace",        "urllib",
    "urllib2",   "urllib3",      "venv",         "webbrowser",
    "winreg",    "xmlrpc",       "zipimport",
};

/* Of Python's own, what values are made of. */
static const char *const types[] = {
    "Ellipsis",  "bool", "bytearray", "bytes", "complex", "dict",   "float",
    "frozenset", "int",  "list",      "long",  "object",  "range",  "set",
    "slice",     "str",  "tuple",     "type",  "unicode", "xrange",
};

typedef struct piece {
    const char *text;
    size_t count;
} piece;

static int compare(const void *key, const void *item)
{
    const piece *p = key;
    const char *text = *(const char *const *)item;
    int order = strncmp(p->text, text, p->count);

    return order ? order : -(text[p->count] != '\0');
}

static bool is_among(const char *text, size_t count, const char *const *list, size_t length)
{
    const piece p = {text, count};

    return bsearch(&p, list, length, sizeof *list, compare) != NULL;
}

bool pb_is_harmful_module(const char *name, size_t count)
{
    return is_among(name, count, modules, sizeof modules / sizeof *modules);
}

static bool is_own(const char *text, size_t count)
{
    return (count == 8 && !strncmp(text, "builtins", 8)) ||
           (count == 11 && !strncmp(text, "__builtin__", 11));
}

bool pb_is_harmful(const char *global, size_t module)
{
    const char *name = global + module + 1, *end;

    if (pb_is_harmful_module(global, strcspn(global, ".")))
        return true;
    if (is_own(global, module))
        return !is_among(name, strlen(name), types, sizeof types / sizeof *types);
    for (; (end = strchr(name, '.')) != NULL; name = end + 1) /* by way of another */
        if (pb_is_harmful_module(name, (size_t)(end - name)) || is_own(name, (size_t)(end - name)) ||
            (end - name > 4 && !strncmp(name, "__", 2)))
            return true;
    return false;
}
