/* See netns.h. */
#include "cni/netns.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct err *set_one(int dir, const struct netns_sysctl *s)
{
    char now[64];
    auto_close fd = openat(dir, s->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT && s->optional ? NULL : err_sys(errno, "sysctl net/%s", s->path);
    ssize_t n = read(fd, now, sizeof(now) - 1);
    now[n > 0 ? n : 0] = 0;
    now[strcspn(now, "\n")] = 0;
    if (n >= 0 && !strcmp(now, s->value))
        return NULL;
    if (pwrite(fd, s->value, strlen(s->value), 0) < 0)
        return err_sys(errno, "sysctl net/%s = %s", s->path, s->value);
    return NULL;
}

static struct err *set_all(const struct netns_sysctl *list)
{
    struct statfs fs;
    auto_close dir = open("/proc/sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0 || fstatfs(dir, &fs) < 0)
        return err_sys(errno, "open /proc/sys/net");
    if (fs.f_type != PROC_SUPER_MAGIC)
        return err_new(ERR_DENIED, "/proc/sys/net: not a procfs");
    for (; list->path; list++)
        TRY(set_one(dir, list));
    return NULL;
}

struct err *netns_sysctls(int fd, const struct netns_sysctl *list)
{
    if (fd < 0)
        return set_all(list);
    auto_close home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0 || setns(fd, CLONE_NEWNET) < 0)
        return err_sys(errno, "enter the network namespace");
    struct err *e = set_all(list);
    if (setns(home, CLONE_NEWNET) < 0) {
        err_free(e);
        return err_sys(errno, "leave the network namespace");
    }
    return e;
}
