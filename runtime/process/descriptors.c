/* See descriptors.h. */
#include "runtime/process/descriptors.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRESERVE_MAX 300

struct err *descriptors_preserved(int64_t option, int *ret, int *ret_listen)
{
    const char *listen = getenv("LISTEN_FDS");
    long n = listen ? strtol(listen, NULL, 10) : 0;
    if (n < 0 || n > PRESERVE_MAX || option < 0 || option > PRESERVE_MAX)
        return err_new(
            ERR_INVALID, "--preserve-fds: must be 0 to %d, with those of LISTEN_FDS", PRESERVE_MAX);
    *ret = (int)(n + option);
    *ret_listen = (int)n;
    for (int fd = 3; fd < 3 + *ret; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0 || flags & FD_CLOEXEC) /* ours, in the place of one that is not there */
            return err_sys(EBADF, "--preserve-fds: preserved-fd %d (descriptor %d)", fd - 3, fd);
    }
    return NULL;
}

struct err *descriptors_close(int preserve, int *const *keep, int n)
{
    int first = 3 + preserve, next = first;
    for (int i = 0; i < n; i++) { /* out of the way of each other first */
        if (*keep[i] < 0)
            continue;
        int moved = fcntl(*keep[i], F_DUPFD_CLOEXEC, first + n);
        if (moved < 0)
            return err_sys(errno, "move a descriptor");
        *keep[i] = moved;
    }
    for (int i = 0; i < n; i++) {
        if (*keep[i] < 0)
            continue;
        if (dup3(*keep[i], next, O_CLOEXEC) < 0)
            return err_sys(errno, "move a descriptor");
        *keep[i] = next++;
    }
    if (syscall(SYS_close_range, next, ~0U, 0) < 0)
        return err_sys(errno, "close_range");
    return NULL;
}
