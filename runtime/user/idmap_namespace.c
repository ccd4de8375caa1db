/* A user namespace for the sake of its maps: made by a child that waits in it until we hold it. See idmap.h.
 */
#include "lib/mem.h"
#include "runtime/clone.h"
#include "runtime/tree/procfs.h"
#include "runtime/user/idmap.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for_death(void) __attribute__((noreturn));
static void wait_for_death(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;)
        pause();
}

static struct err *fill(pid_t pid, const char *uids, const char *gids, int *ret_fd)
{
    auto_close proc = -1;
    TRY(procfs_process(pid, &proc));
    TRY_WRAP(procfs_put(proc, "uid_map", uids), "uidMappings");
    TRY_WRAP(procfs_put(proc, "gid_map", gids), "gidMappings");
    int fd = openat(proc, "ns/user", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(errno, "open its user namespace");
    *ret_fd = fd;
    return NULL;
}

struct err *idmap_namespace(const char *uids, const char *gids, int *ret_fd)
{
    pid_t pid = clone_raw(CLONE_NEWUSER, -1, NULL);
    if (pid == 0)
        wait_for_death();
    if (pid < 0)
        return err_sys(errno, "make a user namespace for the mount");
    struct err *e = fill(pid, uids, gids, ret_fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return e;
}
