/* See procfs.h. */
#include "runtime/procfs.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

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

struct err *procfs_put(int procfs, const char *path, const char *text)
{
    auto_close fd = -1;
    TRY(file_open_beneath(procfs, path, O_WRONLY | O_CLOEXEC, 0, &fd));
    return write(fd, text, strlen(text)) < 0 ? err_sys(errno, "write \"%s\"", text) : NULL;
}
