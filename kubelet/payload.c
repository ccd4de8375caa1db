/* Atomic folders of small files, see payload.h. */
#include "kubelet/payload.h"
#include "lib/clock.h"
#include "lib/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAYLOAD_FILE_MAX = 4 << 20 };

static bool path_is_good(const char *path)
{
    if (!*path || *path == '/' || strlen(path) > 4000)
        return false;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n >= 2 && p[0] == '.' && p[1] == '.') || n > 255)
            return false;
        p += n;
        if (*p == '/' && !*++p)
            return false;
    }
    return true;
}

struct err *payload_add(struct payload *p, const char *path, const void *data, size_t n, mode_t mode)
{
    if (!path_is_good(path))
        return err_new(ERR_INVALID, "path \"%s\" must be relative and not contain \"..\"", path);
    struct payload_file f = {path, data, n, mode};
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i].path, path) == 0) {
            p->v[i] = f;
            return NULL;
        }
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 16;
        struct payload_file *grown = arena_array(p->arena, cap, sizeof(*grown));
        if (p->n)
            memcpy(grown, p->v, p->n * sizeof(*grown));
        p->v = grown;
        p->cap = cap;
    }
    p->v[p->n++] = f;
    return NULL;
}

static size_t count_files(int dirfd)
{
    size_t n = 0;
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (e->d_type != DT_DIR) {
            n++;
            continue;
        }
        int sub = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub >= 0) {
            n += count_files(sub);
            close(sub);
        }
    }
    return n;
}

static bool file_is_same(int dirfd, const struct payload_file *f, int64_t gid)
{
    auto_free char *text = NULL;
    struct stat st;
    size_t n;
    int fd;
    struct err *e = file_open_beneath(dirfd, f->path, O_RDONLY, 0, &fd);
    if (!e) {
        bool attributes =
            fstat(fd, &st) == 0 && (st.st_mode & 07777) == f->mode && (gid < 0 || st.st_gid == (gid_t)gid);
        e = attributes ? file_read_fd(fd, PAYLOAD_FILE_MAX, &text, &n) : err_new(ERR_CONFLICT, "changed");
        close(fd);
    }
    bool same = !e && n == f->n && memcmp(text, f->data, n) == 0;
    err_free(e);
    return same;
}

/* Does the present version hold exactly this? */
static bool is_same(int dirfd, const struct payload *p)
{
    int data = openat(dirfd, "..data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data < 0)
        return false;
    bool same = count_files(data) == p->n;
    for (size_t i = 0; same && i < p->n; i++)
        same = file_is_same(data, &p->v[i], p->gid);
    close(data);
    return same;
}

static struct err *write_file(int dirfd, const struct payload_file *f, int64_t gid)
{
    const char *slash = strrchr(f->path, '/');
    int fd;
    if (slash) {
        auto_free char *parent = mem_strndup(f->path, (size_t)(slash - f->path));
        TRY(file_mkdirs(dirfd, parent, 0755, NULL));
    }
    TRY(file_open_beneath(dirfd, f->path, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd));
    struct err *e = file_write_all(fd, f->data, f->n);
    if (!e && gid >= 0 && fchown(fd, (uid_t)-1, (gid_t)gid) < 0)
        e = err_sys(errno, "chown %s", f->path);
    if (!e && fchmod(fd, f->mode) < 0)
        e = err_sys(errno, "chmod %s", f->path);
    close(fd);
    return e;
}

static void version_name(char *text, size_t n)
{
    int64_t now = clock_now_ns();
    time_t seconds = (time_t)(now / 1000000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(text, n, "..%04d_%02d_%02d_%02d_%02d_%02d.%09lld", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
        tm.tm_hour, tm.tm_min, tm.tm_sec, (long long)(now % 1000000000));
}

/* Points `name` to `to`, over whatever link was there. */
static struct err *link_over(int dirfd, const char *to, const char *name)
{
    const char *tmp = "..data_tmp";
    unlinkat(dirfd, tmp, 0);
    if (symlinkat(to, dirfd, tmp) < 0)
        return err_sys(errno, "symlink %s", name);
    if (renameat(dirfd, tmp, dirfd, name) < 0)
        return err_sys(errno, "rename %s", name);
    return NULL;
}

/* A link at the top for the first component of each path. */
static struct err *link_names(int dirfd, const struct payload *p)
{
    for (size_t i = 0; i < p->n; i++) {
        char to[512], have[512], top[256];
        snprintf(top, sizeof(top), "%.*s", (int)strcspn(p->v[i].path, "/"), p->v[i].path);
        snprintf(to, sizeof(to), "..data/%s", top);
        ssize_t n = readlinkat(dirfd, top, have, sizeof(have) - 1);
        if (n > 0) {
            have[n] = '\0';
            if (strcmp(have, to) == 0)
                continue;
        }
        TRY(link_over(dirfd, to, top));
    }
    return NULL;
}

static bool is_wanted(const struct payload *p, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < p->n; i++)
        if (strcspn(p->v[i].path, "/") == n && strncmp(p->v[i].path, name, n) == 0)
            return true;
    return false;
}

/* Removes old versions and links to what is no more. */
static struct err *sweep(int dirfd, const char *version, const struct payload *p)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir *d = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *name = e->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, version) == 0 ||
            strcmp(name, "..data") == 0)
            continue;
        if (name[0] == '.' && name[1] == '.')
            TRY(file_remove_tree(dirfd, name));
        else if (e->d_type == DT_LNK && !is_wanted(p, name))
            unlinkat(dirfd, name, 0);
    }
    return NULL;
}

struct err *payload_write(const char *dir, const struct payload *p)
{
    char version[64];
    int fd;
    auto_close dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dirfd < 0)
        return err_sys(errno, "open %s", dir);
    if (is_same(dirfd, p))
        return NULL;
    version_name(version, sizeof(version));
    if (mkdirat(dirfd, version, 0755) < 0)
        return err_sys(errno, "mkdir %s", version);
    fd = openat(dirfd, version, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open %s", version);
    struct err *e = fchmod(fd, 0755) < 0 ? err_sys(errno, "chmod %s", version) : NULL;
    for (size_t i = 0; !e && i < p->n; i++)
        e = write_file(fd, &p->v[i], p->gid);
    close(fd);
    if (!e)
        e = link_over(dirfd, version, "..data");
    if (!e)
        e = link_names(dirfd, p);
    return e ? e : sweep(dirfd, version, p);
}
