/* See procfs.h. */
#include "runtime/tree/procfs.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ROOT_INODE 1 /* PROC_ROOT_INO */

struct err *procfs_private(int *ret_fd)
{
    struct statfs st;
    auto_close fs = fsopen("proc", FSOPEN_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return err_sys(errno, "a procfs of our own");
    auto_close fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    if (fd < 0 || fstatfs(fd, &st) < 0)
        return err_sys(errno, "a procfs of our own");
    if (st.f_type != PROC_SUPER_MAGIC)
        return err_new(ERR_DENIED, "a procfs of our own: it is none");
    *ret_fd = take_fd(fd);
    return NULL;
}

static struct err *open_in(int procfs, const char *path, int flags, int *ret_fd)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    *ret_fd = (int)syscall(SYS_openat2, procfs, path, &how, sizeof(how));
    return *ret_fd < 0 ? err_sys(errno, "open %s", path) : NULL;
}

static struct err *mounted(int *ret_fd)
{
    struct statfs fs;
    struct stat st;
    auto_close fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        return err_sys(errno, "open /proc");
    if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != ROOT_INODE)
        return err_new(ERR_DENIED, "/proc is not a procfs");
    *ret_fd = take_fd(fd);
    return NULL;
}

struct err *procfs_process(pid_t pid, int *ret_fd)
{
    auto_close procfs = -1;
    char name[16];
    TRY(mounted(&procfs));
    ssize_t n = pid ? snprintf(name, sizeof(name), "%d", (int)pid)
                    : readlinkat(procfs, "self", name, sizeof(name) - 1);
    if (n < 0)
        return err_sys(errno, "read /proc/self");
    name[n] = '\0';
    return err_wrap(open_in(procfs, name, O_PATH | O_DIRECTORY, ret_fd), "/proc");
}

struct err *procfs_put(int procfs, const char *path, const char *text)
{
    auto_close fd = -1;
    TRY(open_in(procfs, path, O_WRONLY | O_NOCTTY, &fd));
    return write(fd, text, strlen(text)) < 0 ? err_sys(errno, "write \"%s\"", text) : NULL;
}
