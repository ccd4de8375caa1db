/*
 * See seal.h. A process of ours that has entered a container can be found there, and a container's program
 * may be "/proc/self/exe": either way somebody holds a descriptor of our binary, and may write to it once
 * nobody executes it (CVE-2019-5736). A descriptor remembers the mount that it was opened through. So
 * whatever enters a container runs from a read-only, detached copy of the binary's mount, which is nowhere in
 * any tree and cannot be remounted: the same pages, no copy of the binary, one more execve. Where the binary
 * is on a read-only mount anyway there is nothing to do; most often entry.c has done it.
 */
#include "runtime/seal.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Letting go of the mount costs the kernel an RCU grace period (expedited, 0.1 ms): so the descriptor
 * survives the exec, out of the way of those that are passed on, and is closed while we wait for something
 * else. */
static int seal = -1;

/* What we were executed from, if it was by seal_self() or entry.c; else -1. "/dev/fd/N" is execveat(2)'s name
 * for it. */
static int executed_from(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    int fd = name && !strncmp(name, "/dev/fd/", 8) && !strchr(name + 8, '/') ? atoi(name + 8) : -1;
    return fd >= SEAL_FD ? fd : -1;
}

static void adopt(int fd)
{
    seal = fd;
    if (seal >= 0)
        fcntl(seal, F_SETFD, FD_CLOEXEC);
}

void seal_release(void)
{
    if (seal >= 0)
        close(take_fd(seal));
}

/* access(2) tells without the counting of blocks that statfs(2) does; but to one who may not write it says
 * only that. */
static struct err *look(int from, bool *ret_readonly)
{
    struct statvfs vfs;
    int rc =
        from >= 0 ? faccessat(from, "", W_OK, AT_EMPTY_PATH) : faccessat(AT_FDCWD, "/proc/self/exe", W_OK, 0);
    *ret_readonly = rc < 0 && errno == EROFS;
    if (!rc || *ret_readonly)
        return NULL;
    if (statvfs("/proc/self/exe", &vfs) < 0)
        return err_sys(errno, "/proc/self/exe");
    *ret_readonly = vfs.f_flag & ST_RDONLY;
    return NULL;
}

struct err *seal_self(char **argv)
{
    int from = executed_from();
    bool readonly;
    TRY(look(from, &readonly));
    if (readonly) {
        adopt(from);
        return NULL;
    }
    int tree = open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 && errno == EPERM)
        return NULL; /* no rights over mounts: none over the binary either */
    struct mount_attr a = {.attr_set = MOUNT_ATTR_RDONLY};
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0)
        return err_sys(errno, "a read-only mount of our own binary");
    int high = fcntl(tree, F_DUPFD, SEAL_FD);
    if (high >= 0) /* else it goes at the exec */
        tree = high;
    syscall(SYS_execveat, tree, "", argv, environ, AT_EMPTY_PATH);
    return err_sys(errno, "execute our own binary from a read-only mount");
}
