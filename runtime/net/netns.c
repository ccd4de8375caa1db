/*
 * See netns.h. Of all that the kernel does for a container, a network namespace takes the longest: 0.35 ms,
 * where the five other namespaces of clone3(2) take 0.03 together. Nothing of it is needed before sysfs is
 * mounted. So a child that shares our memory and descriptors makes it on another processor, while the
 * container is recorded and cloned; init gets it with its cgroups, and joins.
 */
#include "runtime/net/netns.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define NETNS_FD 701 /* where both find it: beyond what --preserve-fds may pass, beside SEAL_FD */

/* In our memory, on a stack of its own: it leaves everything alone but errno, and that only when it fails. */
static int make(void *unused)
{
    (void)unused;
    if (unshare(CLONE_NEWNET) < 0)
        return errno;
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup3(fd, NETNS_FD, O_CLOEXEC) < 0)
        return errno;
    close(fd);
    return 0;
}

struct err *netns_begin(pid_t *ret_maker)
{
    static _Alignas(16) char stack[16 << 10];
    pid_t pid = clone(make, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
    if (pid < 0)
        return err_sys(errno, "clone the maker of a network namespace");
    *ret_maker = pid;
    return NULL;
}

void netns_abandon(pid_t maker)
{
    while (maker > 0 && waitpid(maker, NULL, 0) < 0 && errno == EINTR)
        ;
}

struct err *netns_end(pid_t *maker, int *ret_fd)
{
    int status;
    while (waitpid(*maker, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(errno, "wait for the maker of a network namespace");
    *maker = 0;
    if (!WIFEXITED(status))
        return err_new(
            ERR_SYSTEM, "the maker of a network namespace was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return err_sys(WEXITSTATUS(status), "make a network namespace");
    *ret_fd = NETNS_FD;
    return NULL;
}
