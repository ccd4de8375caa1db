/* overlayfs's lookup, done by hand over folders that are not mounted. */
#include "images/merge.h"
#include "images/at.h"
#include "images/path.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum cut {
    CUT_NONE,  /* the folder is there, or is not: what lies below may show */
    CUT_BELOW, /* opaque: this layer may show it, those below do not */
    CUT_HERE,  /* a whiteout or no folder: neither does */
};

/* Walks the folders above the last part of path in one layer. *ret_missing: the layer has not all of them. */
static int cut_of(int root, const char *path, enum cut *ret, bool *ret_missing)
{
    char prefix[LIMITS_PATH];
    *ret = CUT_NONE;
    *ret_missing = false;
    for (const char *p = path; (p = strchr(p, '/')); p++) {
        struct stat st;
        size_t n = (size_t)(p - path);
        memcpy(prefix, path, n);
        prefix[n] = '\0';
        int r = at_stat(root, prefix, &st);
        if (r == -ENOENT) {
            *ret_missing = true;
            return 0;
        }
        if (r < 0)
            return r;
        if (!S_ISDIR(st.st_mode)) {
            *ret = CUT_HERE;
            return 0;
        }
        int fd = at_open_dir(root, prefix);
        if (fd < 0)
            return fd;
        if (at_is_opaque(fd))
            *ret = CUT_BELOW;
        close(fd);
    }
    return 0;
}

int merge_lookup(const struct merge *m, const char *path, struct merge_found *ret)
{
    enum cut cut;
    bool missing;
    int r = m->n ? cut_of(m->upper, path, &cut, &missing) : 0;
    if (r < 0 || !m->n)
        return r;
    for (size_t i = 0; i < m->n && cut == CUT_NONE; i++) {
        if ((r = cut_of(m->lower[i], path, &cut, &missing)) < 0)
            return r;
        if (missing)
            continue;
        if (cut == CUT_HERE)
            return 0;
        r = at_stat(m->lower[i], path, &ret->st);
        if (r == 0) {
            ret->layer = i;
            return at_is_whiteout(&ret->st) ? 0 : 1;
        }
        if (r != -ENOENT)
            return r;
    }
    return 0;
}
