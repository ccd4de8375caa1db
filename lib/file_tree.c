/*
 * Trees of folders by descriptor: mkdir -p (plain, and as seen inside a root) and rm -r.
 *
 * rm -r must end with a bounded number of descriptors whatever a container left behind, also with folders
 * nested ten thousand deep: below TREE_DEPTH a folder is first moved up, next to the top of the tree that is
 * going anyway, and emptied from there.
 */
#include "lib/file.h"
#include "lib/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TREE_DEPTH = 64, TREE_RESCANS = 16, LINKS_MAX = 40 };

struct err *file_mkdirs(int dirfd, const char *path, mode_t mode, int *ret_fd)
{
    auto_close at = openat(dirfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 && errno == ENOENT) {
        at = openat(dirfd, *path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        auto_free char *copy = mem_strdup(path);
        char *save;
        for (char *name = strtok_r(copy, "/", &save); name && at >= 0; name = strtok_r(NULL, "/", &save)) {
            if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
                return err_sys(errno, "mkdir %s", path);
            int next = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            int failed = errno;
            close(at);
            at = next;
            errno = failed;
        }
    }
    if (at < 0)
        return err_sys(errno, "mkdir %s", path);
    if (ret_fd)
        *ret_fd = take_fd(at);
    return NULL;
}

/* The text of the link `name` in dir, NULL where it is none. */
static char *link_text(int dir, const char *name)
{
    char text[4096];
    ssize_t n = readlinkat(dir, name, text, sizeof(text));
    return n > 0 && (size_t)n < sizeof(text) ? mem_strndup(text, (size_t)n) : NULL;
}

/* Walks to the first part of path that is not there, making folders. Where that part is a link to nowhere,
 * *ret_next is the path with the link's text in its place, and the caller begins again. */
static struct err *walk_in_root(int rootfd, const char *path, mode_t mode, int *ret_fd, char **ret_next)
{
    auto_close parent = -1;
    TRY(file_open_in_root(rootfd, ".", O_PATH | O_DIRECTORY, 0, &parent));
    for (const char *p = path + strspn(path, "/"); *p;) {
        size_t n = strcspn(p, "/");
        auto_free char *name = mem_strndup(p, n), *prefix = mem_strndup(path, (size_t)(p - path) + n);
        int next = -1;
        struct err *e = file_open_in_root(rootfd, prefix, O_PATH | O_DIRECTORY, 0, &next);
        if (e && err_errno(e) == ENOENT) {
            err_free(e);
            if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
                return err_sys(errno, "mkdir %s", prefix);
            e = file_open_beneath(parent, name, O_PATH | O_DIRECTORY, 0, &next);
            auto_free char *text = e && err_errno(e) == ELOOP ? link_text(parent, name) : NULL;
            if (text) {
                err_free(e);
                *ret_next = *text == '/' ? mem_printf("%s%s", text, p + n)
                                         : mem_printf("%.*s%s%s", (int)(p - path), path, text, p + n);
                return NULL;
            }
        }
        if (e)
            return e;
        close(parent);
        parent = next;
        p += n;
        p += strspn(p, "/");
    }
    *ret_fd = take_fd(parent);
    return NULL;
}

struct err *file_mkdirs_in_root(int rootfd, const char *path, mode_t mode, int *ret_fd)
{
    auto_free char *now = mem_strdup(path);
    for (int links = 0; links < LINKS_MAX; links++) {
        auto_close fd = -1;
        char *next = NULL;
        TRY_WRAP(walk_in_root(rootfd, now, mode, &fd, &next), "mkdir %s", path);
        if (fd >= 0) {
            if (ret_fd)
                *ret_fd = take_fd(fd);
            return NULL;
        }
        free(now);
        now = next;
    }
    return err_sys(ELOOP, "mkdir %s", path);
}

struct removal {
    int top; /* the folder that deep ones are moved to */
    unsigned moved;
};

static struct err *empty_dir(struct removal *r, int dir, unsigned depth);

/* The folder `name` itself, not what is mounted on it. */
static struct err *open_plain_dir(int parent, const char *name, int *ret_fd)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
    };
    long fd = syscall(SYS_openat2, parent, name, &how, sizeof(how));
    if (fd < 0 && errno == EXDEV)
        return err_new(ERR_CONFLICT, "%s: something is mounted there", name);
    if (fd < 0)
        return err_sys(errno, "open %s", name);
    *ret_fd = (int)fd;
    return NULL;
}

static struct err *removal_failed(int errnum, const char *name)
{
    if (errnum == EBUSY)
        return err_new(ERR_CONFLICT, "remove %s: something is mounted there", name);
    return err_sys(errnum, "remove %s", name);
}

static struct err *remove_dir(struct removal *r, int parent, const char *name, unsigned depth)
{
    if (depth > TREE_DEPTH) {
        char moved[40];
        for (unsigned i = 0; i < 1000; i++) {
            snprintf(moved, sizeof(moved), ".wherry-removed-%u", r->moved++);
            if (syscall(SYS_renameat2, parent, name, r->top, moved, 1 /* RENAME_NOREPLACE */) == 0)
                return NULL;
            if (errno != EEXIST)
                break;
        }
        return removal_failed(errno, name);
    }
    for (int i = 0; i < TREE_RESCANS; i++) {
        auto_close dir = -1;
        TRY(open_plain_dir(parent, name, &dir));
        if (!depth)
            r->top = dir;
        TRY_WRAP(empty_dir(r, dir, depth), "%s", name);
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return NULL;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return removal_failed(errno, name);
        if (!depth)
            i = r->moved ? 0 : i; /* deep folders were moved here: that is progress */
        r->moved = 0;
    }
    return err_new(ERR_CONFLICT, "remove %s: somebody keeps filling it", name);
}

static struct err *remove_entry(struct removal *r, int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return NULL;
    if (errno != EISDIR && errno != EPERM) /* EPERM: POSIX's word for a folder */
        return removal_failed(errno, name);
    int failed = errno;
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
        return removal_failed(failed, name);
    return remove_dir(r, parent, name, depth);
}

static struct err *empty_dir(struct removal *r, int dir, unsigned depth)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0)
        return err_sys(errno, "open");
    auto_closedir *d = fdopendir(copy);
    if (!d) {
        close(copy);
        return err_sys(errno, "opendir");
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        TRY(remove_entry(r, dir, entry->d_name, depth + 1));
    }
    return NULL;
}

struct err *file_remove_tree(int dirfd, const char *path)
{
    auto_free char *copy = mem_strdup(path);
    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
        copy[n - 1] = 0;
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
        return err_new(ERR_INVALID, "remove \"%s\": names no entry of a folder", path);
    auto_close parent = dirfd;
    if (slash) {
        char *up = slash == copy ? mem_strdup("/") : mem_strndup(copy, (size_t)(slash - copy));
        parent = openat(dirfd, up, O_PATH | O_DIRECTORY | O_CLOEXEC);
        free(up);
        if (parent < 0)
            return errno == ENOENT ? NULL : err_sys(errno, "remove %s", path);
    } else {
        parent =
            dirfd == AT_FDCWD ? openat(AT_FDCWD, ".", O_PATH | O_CLOEXEC) : fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
        if (parent < 0)
            return err_sys(errno, "remove %s", path);
    }
    struct removal r = {.top = -1};
    return err_wrap(remove_entry(&r, parent, name, 0), "remove %s", path);
}
