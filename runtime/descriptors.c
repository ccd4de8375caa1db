/* See descriptors.h. */
#include "runtime/descriptors.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

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
