/* The pause process: see pause.h. */
#include "runtime/shim/pause.h"
#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65535 };

/* An empty, read-only root, so that /proc/1/root leads nowhere. */
static int leave_file_system(void)
{
    int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    int mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV);
    if (mnt < 0 || move_mount(mnt, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(mnt) < 0)
        return -1;
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return -1;
    return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -1 : 0;
}

static int drop_privileges(void)
{
    for (int cap = 0; cap <= 63; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
            return -1;
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) < 0 ||
        syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) < 0)
        return -1;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &header, none) < 0)
        return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static __attribute__((noreturn)) void pause_main(int argc, char **argv, int ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (leave_file_system() < 0 || drop_privileges() < 0)
        _exit(1);
    prctl(PR_SET_NAME, "pause");
    size_t room = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
    memset(argv[0], 0, room);
    memcpy(argv[0], "pause", room < 5 ? room : 5);
    /* Changing credentials has cleared the signal of a dying parent. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    if (write(ready, "", 1) != 1)
        _exit(1);
    close_range(0, ~0U, 0);
    for (;;)
        pause();
}

struct err *pause_start(int argc, char **argv, pid_t *ret_pid)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        return err_sys(errno, "pipe");
    struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWNS, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        pause_main(argc, argv, ready[1]);
    int errnum = errno;
    close(ready[1]);
    char byte;
    ssize_t n = pid < 0 ? -1 : read(ready[0], &byte, 1);
    close(ready[0]);
    if (pid < 0)
        return err_sys(errnum, "make a PID namespace");
    if (n != 1)
        return err_new(ERR_SYSTEM, "the pause process did not start");
    *ret_pid = pid;
    return NULL;
}
