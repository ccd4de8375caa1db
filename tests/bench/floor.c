/*
 * The kernel's floor for a container: one static program that does just what the default bundle asks the
 * kernel for (six namespaces, seven mounts, devices, masks, read-only paths, pivot_root, exec) and nothing
 * that a runtime does besides: no configuration, no state, no cgroups, no checks, no errors told.
 *
 *     floor ROOTFS PROGRAM ARG...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int rc, const char *what)
{
    if (rc < 0) {
        perror(what);
        _exit(125);
    }
}

static void devices(void)
{
    static const struct {
        const char *path;
        unsigned minor;
    } nodes[] = {{"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}, {"dev/urandom", 9}};
    for (unsigned i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
        must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(1, nodes[i].minor)), nodes[i].path);
    must(mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)), "dev/tty");
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
        {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};
    for (unsigned i = 0; i < sizeof(links) / sizeof(*links); i++)
        must(symlink(links[i][0], links[i][1]), links[i][1]);
}

static void masks(void)
{
    static const char *const files[] = {"proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats",
        "proc/timer_list", "proc/timer_stats", "proc/sched_debug"},
                             *const folders[] = {"proc/acpi", "proc/asound", "proc/scsi", "sys/firmware",
                                 "sys/devices/virtual/powercap"},
                             *const readonly[] = {
                                 "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    for (unsigned i = 0; i < sizeof(readonly) / sizeof(*readonly); i++)
        if (!mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL))
            mount(NULL, readonly[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
    for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++)
        mount("dev/null", files[i], NULL, MS_BIND, NULL); /* those that this kernel has */
    for (unsigned i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        mount("tmpfs", folders[i], "tmpfs", MS_RDONLY, "size=4k");
}

static void child(const char *rootfs, char **argv)
{
    must(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL), "slave");
    must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind");
    must(chdir(rootfs), "chdir");
    must(mount("proc", "proc", "proc", 0, NULL), "proc");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "dev");
    must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "mkdir");
    must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
             "newinstance,ptmxmode=0666,mode=0620,gid=5"),
        "pts");
    must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"), "shm");
    must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL), "mqueue");
    must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL), "sysfs");
    must(mount("/sys/fs/cgroup", "sys/fs/cgroup", NULL, MS_BIND, NULL), "cgroup");
    devices();
    masks();
    mount(NULL, ".", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
    must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    must(chdir("/"), "chdir");
    must(sethostname("floor", 5), "hostname");
    execv(argv[0], argv);
    must(-1, argv[0]);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct clone_args a = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &a, sizeof(a));
    must((int)pid, "clone3");
    if (!pid)
        child(argv[1], argv + 2);
    int status;
    waitpid((pid_t)pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
