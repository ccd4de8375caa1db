/*
 * Files: reading with a ceiling, writing whole or not at all, opening below a root, locks. Trees of folders
 * (mkdir -p, rm -r) are in file_tree.c.
 */
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct err *read_all(int fd, size_t max, size_t chunk, char **ret, size_t *ret_len)
{
    auto_buf b = BUF_INIT(max);
    for (;;) {
        size_t room = max - b.len < chunk ? max - b.len : chunk;
        char probe = 0;
        char *to = room ? buf_room(&b, room) : &probe; /* full: is there one byte more? */
        ssize_t n = read(fd, to, room ? room : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(errno, "read");
        if (n == 0)
            break;
        if (!room)
            return err_new(ERR_LIMIT, "larger than %zu bytes", max);
        buf_grown(&b, (size_t)n);
    }
    if (ret_len)
        *ret_len = b.len;
    *ret = buf_take(&b);
    return NULL;
}

struct err *file_read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(errno, "stat");
    if (!S_ISREG(st.st_mode))
        return err_new(ERR_INVALID, "not a regular file");
    /* procfs and friends say size 0: what they hold is known only by reading */
    bool sized = st.st_size > 0 && (size_t)st.st_size < max;
    return read_all(fd, max, sized ? (size_t)st.st_size + 1 : 4096, ret, ret_len);
}

struct err *file_read_stream(int fd, size_t max, char **ret, size_t *ret_len)
{
    return read_all(fd, max, 16384, ret, ret_len);
}

struct err *file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
{
    /* O_NONBLOCK: opening a FIFO or a device must not wait */
    auto_close fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_sys(errno, "open %s", path);
    return err_wrap(file_read_fd(fd, max, ret, ret_len), "read %s", path);
}

struct err *file_put(int dirfd, const char *path, const char *text)
{
    auto_close fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(errno, "open %s", path);
    size_t len = strlen(text);
    ssize_t n = write(fd, text, len);
    if (n < 0)
        return err_sys(errno, "write \"%.100s\" to %s", text, path);
    if ((size_t)n != len)
        return err_new(ERR_SYSTEM, "write to %s: only %zd of %zu bytes were taken", path, n, len);
    return NULL;
}

struct err *file_write_all(int fd, const void *data, size_t n)
{
    for (const char *p = data; n;) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_sys(errno, "write");
        p += done;
        n -= (size_t)done;
    }
    return NULL;
}

bool file_exists(int dirfd, const char *path)
{
    return faccessat(dirfd, path, F_OK, 0) == 0;
}

/*
 * The temporary file has one name for all writers, so that what a killed one left is taken over by the next
 * instead of staying for ever, and is written under a lock, so that it belongs to one of them at a time. A
 * lock on a file that the one before has renamed meanwhile is worth nothing: again.
 */
#define TEMP_LOCK_MS 10000

static struct err *claim_temp(int dir, const char *temp, int *ret_fd)
{
    for (;;) {
        auto_close fd = -1;
        struct stat own, now;
        TRY(file_lock(dir, temp, TEMP_LOCK_MS, &fd));
        if (fstat(fd, &own) < 0)
            return err_sys(errno, "stat %s", temp);
        if (fstatat(dir, temp, &now, AT_SYMLINK_NOFOLLOW) < 0 || now.st_ino != own.st_ino)
            continue;
        *ret_fd = take_fd(fd);
        return own.st_size && ftruncate(*ret_fd, 0) < 0 ? err_sys(errno, "truncate %s", temp) : NULL;
    }
}

static struct err *fill(int fd, const void *data, size_t n, mode_t mode, bool sync)
{
    TRY(file_write_all(fd, data, n));
    if (fchmod(fd, mode) < 0)
        return err_sys(errno, "chmod");
    return sync && fsync(fd) < 0 ? err_sys(errno, "fsync") : NULL;
}

struct err *file_write_atomic(
    int dirfd, const char *path, const void *data, size_t n, mode_t mode, enum file_sync sync)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    auto_free char *parent = !slash          ? mem_strdup(".")
                             : slash == path ? mem_strdup("/")
                                             : mem_strndup(path, (size_t)(slash - path));
    auto_close dir = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(errno, "open %s", parent);
    auto_free char *temp = mem_printf(".%.200s.tmp", base);
    auto_close fd = -1;
    TRY_WRAP(claim_temp(dir, temp, &fd), "write %s", path);
    struct err *e = fill(fd, data, n, mode, sync == FILE_FSYNC);
    if (!e && renameat(dir, temp, dir, base) < 0)
        e = err_sys(errno, "rename to %s", base);
    if (e) {
        unlinkat(dir, temp, 0);
        return err_wrap(e, "write %s", path);
    }
    if (sync == FILE_FSYNC && fsync(dir) < 0)
        return err_sys(errno, "fsync %s", parent);
    return NULL;
}

static struct err *open_resolved(
    int rootfd, const char *path, int flags, mode_t mode, uint64_t resolve, int *ret_fd)
{
    bool creates = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .mode = creates ? mode : 0,
        .resolve = resolve,
    };
    long fd = -1;
    /* EAGAIN: something was renamed while ".." was resolved (openat2(2)) */
    for (int i = 0; i < 64; i++) {
        fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    if (fd < 0)
        return err_sys(errno, "open %s", path);
    *ret_fd = (int)fd;
    return NULL;
}

struct err *file_open_in_root(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd)
{
    return open_resolved(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, ret_fd);
}

struct err *file_open_beneath(int rootfd, const char *path, int flags, mode_t mode, int *ret_fd)
{
    return open_resolved(rootfd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, ret_fd);
}

static void on_alarm(int sig)
{
    (void)sig; /* its only purpose is EINTR */
}

/* flock(2) knows no deadline: a timer interrupts it, as flock(1) does. It fires again and again, so that a
 * signal just before the call cannot be the only one. */
static int lock_until(int fd, unsigned timeout_ms)
{
    struct sigaction on = {.sa_handler = on_alarm}, old;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec when = {
        .it_value = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000},
        .it_interval = {0, 20 * 1000000},
    };
    struct timespec start, now;
    timer_t timer;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (timer_create(CLOCK_MONOTONIC, &ev, &timer) < 0)
        return errno;
    sigaction(SIGALRM, &on, &old);
    timer_settime(timer, 0, &when, NULL);
    int failed;
    for (;;) {
        failed = flock(fd, LOCK_EX) < 0 ? errno : 0;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t ms = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
        if (failed != EINTR)
            break;
        if (ms >= timeout_ms) {
            failed = ETIMEDOUT;
            break;
        }
    }
    timer_delete(timer);
    sigaction(SIGALRM, &old, NULL);
    return failed;
}

struct err *file_lock(int dirfd, const char *path, unsigned timeout_ms, int *ret_fd)
{
    auto_close fd = openat(dirfd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return err_sys(errno, "open %s", path);
    int failed = flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
    if (failed == EWOULDBLOCK)
        failed = timeout_ms ? lock_until(fd, timeout_ms) : ETIMEDOUT;
    if (failed == ETIMEDOUT)
        return err_new(ERR_TIMEOUT, "lock %s: held by another for %u ms", path, timeout_ms);
    if (failed)
        return err_sys(failed, "lock %s", path);
    *ret_fd = take_fd(fd);
    return NULL;
}
