/* See console.h. */
#include "runtime/process/console.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/handover.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct err *open_master(int root, int *ret_fd)
{
    auto_close fd = -1;
    TRY_WRAP(file_open_in_root(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0, &fd), "/dev/pts/ptmx");
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
        return err_new(ERR_DENIED, "/dev/pts/ptmx: not the device 5:2");
    *ret_fd = take_fd(fd);
    return NULL;
}

struct err *console_make(int root, int sock, const struct process_plan *p, int *ret_slave)
{
    auto_close master = -1;
    TRY(open_master(root, &master));
    int unlock = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return err_sys(errno, "unlock the terminal");
    auto_close slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return err_sys(errno, "open the terminal");
    const struct oci_console_size *size = p->oci->console_size;
    if (size) {
        struct winsize ws = {.ws_row = (unsigned short)opt_int_or(size->height, 0),
            .ws_col = (unsigned short)opt_int_or(size->width, 0)};
        if (ioctl(master, TIOCSWINSZ, &ws) < 0)
            return err_sys(errno, "process.consoleSize");
    }
    if (p->uid && fchown(slave, p->uid, (gid_t)-1) < 0)
        return err_sys(errno, "chown the terminal");
    TRY(handover_send(sock, "/dev/ptmx", master)); /* what runc calls it */
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return err_sys(errno, "take the terminal");
    for (int i = 0; i < 3; i++)
        if (dup2(slave, i) < 0)
            return err_sys(errno, "dup2");
    *ret_slave = take_fd(slave);
    return NULL;
}

struct err *console_receive(int sock, int *ret_master)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char name[64];
    struct iovec iov = {name, sizeof(name)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
        return err_new(ERR_SYSTEM, "no terminal came out of the container");
    memcpy(ret_master, CMSG_DATA(c), sizeof(int));
    return NULL;
}
