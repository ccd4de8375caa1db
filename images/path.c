/* Names in a layer. */
#include "images/path.h"
#include <limits.h>
#include <string.h>

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void path_parent(const char *path, char parent[LIMITS_PATH])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    memmove(parent, path, n);
    parent[n] = '\0';
}

bool path_join(char out[LIMITS_PATH], const char *parent, const char *base, size_t base_len)
{
    size_t n = strlen(parent), sep = n > 0;
    if (n + sep + base_len >= LIMITS_PATH)
        return false;
    memmove(out, parent, n);
    if (sep)
        out[n] = '/';
    memcpy(out + n + sep, base, base_len);
    out[n + sep + base_len] = '\0';
    return true;
}

struct err *path_clean(const char *name, char path[LIMITS_PATH])
{
    size_t out = 0, len = strlen(name);
    if (len >= LIMITS_PATH)
        return err_new(ERR_INVALID, "%.40s...: a name of %zu bytes", name, len);
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && !memcmp(p, "..", 2))
            return err_new(ERR_INVALID, "%s: a name with ..", name);
        if (n > NAME_MAX)
            return err_new(ERR_INVALID, "%.40s...: a part of %zu bytes", name, n);
        if (n && !(n == 1 && *p == '.')) {
            if (out)
                path[out++] = '/';
            memcpy(path + out, p, n);
            out += n;
        }
        p += n + (p[n] == '/');
    }
    path[out] = '\0';
    return NULL;
}

/* path ends in a .wh. name: understood, and path cut down to what it is about. */
static struct err *judge_whiteout(const char *name, char path[LIMITS_PATH], enum path_kind *ret)
{
    char *base = path + (path_base(path) - path);
    if (!strcmp(base, WHITEOUT_OPAQUE)) {
        path_parent(path, path);
        *ret = PATH_OPAQUE;
        return NULL;
    }
    if (!strncmp(base, WHITEOUT_META, strlen(WHITEOUT_META))) {
        *ret = PATH_SKIP;
        return NULL;
    }
    const char *gone = base + strlen(WHITEOUT);
    if (!*gone || !strcmp(gone, ".") || !strcmp(gone, ".."))
        return err_new(ERR_INVALID, "%s: a whiteout of no name", name);
    memmove(base, gone, strlen(gone) + 1);
    *ret = PATH_WHITEOUT;
    return NULL;
}

/* Something below a folder of a .wh. name: AUFS keeps its hard links in .wh..wh.plnk; nothing else is so. */
static struct err *judge_parents(const char *name, const char *path, bool *ret_skip)
{
    const char *slash;
    *ret_skip = false;
    for (const char *p = path; (slash = strchr(p, '/')); p = slash + 1) {
        if (strncmp(p, WHITEOUT, strlen(WHITEOUT)))
            continue;
        if (strncmp(p, WHITEOUT_META, strlen(WHITEOUT_META)))
            return err_new(ERR_INVALID, "%s: an entry below a whiteout", name);
        *ret_skip = true;
        return NULL;
    }
    return NULL;
}

struct err *path_judge(const char *name, char path[LIMITS_PATH], enum path_kind *ret)
{
    bool skip;
    TRY(path_clean(name, path));
    TRY(judge_parents(name, path, &skip));
    if (!skip && !strncmp(path_base(path), WHITEOUT, strlen(WHITEOUT)))
        return judge_whiteout(name, path, ret);
    *ret = skip ? PATH_SKIP : *path ? PATH_ENTRY : PATH_ROOT;
    return NULL;
}
