/*
 * Where procfs and sysfs are, and what may be mounted there. They are where a container's programs, and the
 * paths that are masked, expect them: at an ordinary folder, not where a link of the image leads to. And a
 * program that reads its own state, limits or labels in /proc reads the kernel's: nothing is mounted in it
 * but files that describe the machine, which is what lxcfs does, as runc has it (CVE-2019-16884).
 */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/tree/rootfs_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char *const machine[] = {"cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg",
    "slabinfo", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"};

static int open_plain(int root, const char *path, uint64_t resolve)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | resolve};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static struct err *refused(void)
{
    if (errno != ELOOP && errno != ENOTDIR)
        return err_sys(errno, "open");
    return err_new(ERR_DENIED, "must be mounted on ordinary directory, not on a link");
}

struct err *rootfs_plain_target(int root, const char *path, int *ret_fd)
{
    auto_close fd = open_plain(root, path, RESOLVE_IN_ROOT);
    if (fd < 0 && errno == ENOENT) {
        TRY(file_mkdirs_in_root(root, path, 0755, NULL));
        fd = open_plain(root, path, RESOLVE_IN_ROOT);
    }
    if (fd < 0)
        return refused();
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *is_same(int a, int b, bool *ret)
{
    struct stat x, y;
    if (fstat(a, &x) < 0 || fstat(b, &y) < 0)
        return err_sys(errno, "stat");
    *ret = x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    return NULL;
}

struct err *rootfs_is_in_place(int root, const char *path, int tree)
{
    auto_close fd = open_plain(root, path, RESOLVE_IN_ROOT);
    bool same;
    if (fd < 0)
        return refused();
    TRY(is_same(fd, tree, &same));
    return same ? NULL : err_new(ERR_DENIED, "the destination was changed meanwhile");
}

static struct err *is_procfs(int fd, bool *ret)
{
    struct statfs fs;
    if (fd >= 0 && fstatfs(fd, &fs) < 0)
        return err_sys(errno, "statfs");
    *ret = fd >= 0 && fs.f_type == PROC_SUPER_MAGIC;
    return NULL;
}

static bool names_proc(const char *path)
{
    path += strspn(path, "/");
    return !strncmp(path, "proc", 4) && !path[4 + strspn(path + 4, "/")];
}

struct err *rootfs_check_proc(int root, const char *destination, int tree, int to)
{
    bool from_proc, in_proc;
    TRY(is_procfs(tree, &from_proc));
    TRY(is_procfs(to, &in_proc));
    if (names_proc(destination))
        return from_proc ? NULL : err_new(ERR_DENIED, "/proc must be a procfs");
    if (!in_proc)
        return NULL;
    auto_close proc = open_plain(root, "proc", RESOLVE_IN_ROOT);
    for (size_t i = 0; proc >= 0 && i < ARRAY_SIZE(machine); i++) {
        auto_close file = open_plain(proc, machine[i], RESOLVE_BENEATH | RESOLVE_NO_XDEV);
        bool same = false;
        if (file >= 0)
            TRY(is_same(file, to, &same));
        if (same)
            return NULL;
    }
    return err_new(ERR_DENIED, "inside /proc nothing is mounted but files like cpuinfo and meminfo");
}
