/* Sysctls of a Pod: see sysctl.h. */
#include "runtime/shim/sysctl.h"
#include "lib/file.h"
#include "lib/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What lives in a namespace (a prefix that ends in '/' or not, or the whole path). */
static const struct {
    const char *path;
    bool whole, net;
} namespaced[] = {
    {"net/", false, true},
    {"kernel/shm", false, false},
    {"kernel/msg", false, false},
    {"kernel/sem", true, false},
    {"fs/mqueue/", false, false},
};

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The first separator says which one separates; the other then stands for a dot inside of a name. */
static bool key_to_path(const char *key, char path[SYSCTL_PATH])
{
    size_t n = strlen(key), sep = strcspn(key, "./");
    if (n == 0 || n >= SYSCTL_PATH || sep == n)
        return false;
    bool after_separator = true;
    for (size_t i = 0; i < n; i++) {
        bool separates = key[i] == key[sep];
        bool dot = !separates && (key[i] == '.' || key[i] == '/');
        if (!separates && !dot && !name_char(key[i]))
            return false;
        if (after_separator && (separates || dot)) /* "a..b", "a/.b", "/a" */
            return false;
        path[i] = separates ? '/' : dot ? '.' : key[i];
        after_separator = separates;
    }
    path[n] = '\0';
    return !after_separator;
}

static bool value_is_plain(const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t.,-_:";
    size_t n = strlen(value);
    return n > 0 && n <= SYSCTL_VALUE && strspn(value, allowed) == n;
}

struct err *sysctl_check(
    const char *key, const char *value, bool own_net, bool own_ipc, char ret_path[SYSCTL_PATH])
{
    char path[SYSCTL_PATH];
    if (!key_to_path(key, path))
        return err_new(ERR_INVALID, "sysctl \"%.64s\": not a sysctl name", key);
    if (!value_is_plain(value))
        return err_new(
            ERR_INVALID, "sysctl %s: value \"%.64s\": only letters, digits, blanks and .,-_:", key, value);
    for (size_t i = 0; i < ARRAY_SIZE(namespaced); i++) {
        const char *p = namespaced[i].path;
        if (namespaced[i].whole ? strcmp(path, p) != 0 : strncmp(path, p, strlen(p)) != 0)
            continue;
        if (namespaced[i].net ? !own_net : !own_ipc)
            return err_new(ERR_DENIED, "sysctl %s: the Pod uses the host's %s", key,
                namespaced[i].net ? "network" : "IPC");
        memcpy(ret_path, path, strlen(path) + 1);
        return NULL;
    }
    return err_new(ERR_DENIED, "sysctl %s: not a namespaced sysctl", key);
}

/* /proc of a mount of our own: nothing can be mounted over it. */
static struct err *open_proc_sys(int *ret_fd)
{
    auto_close fs = fsopen("proc", FSOPEN_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return err_sys(errno, "make a procfs");
    auto_close proc = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV);
    struct statfs st;
    if (proc < 0 || fstatfs(proc, &st) < 0)
        return err_sys(errno, "mount a procfs");
    if (st.f_type != PROC_SUPER_MAGIC)
        return err_new(ERR_BUG, "the procfs is none");
    *ret_fd = openat(proc, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(errno, "open sys of the procfs") : NULL;
}

static struct err *write_sysctl(int sys, const char *path, const char *value)
{
    auto_close fd = -1;
    TRY_WRAP(file_open_beneath(sys, path, O_WRONLY, 0, &fd), "sysctl %s", path);
    ssize_t n = write(fd, value, strlen(value));
    return n < 0 ? err_sys(errno, "sysctl %s: write \"%s\"", path, value) : NULL;
}

struct err *sysctl_apply(const struct str_map *sysctls, bool own_net, bool own_ipc)
{
    char path[SYSCTL_PATH];
    for (size_t i = 0; i < sysctls->n; i++)
        TRY(sysctl_check(sysctls->v[i].name, sysctls->v[i].value, own_net, own_ipc, path));
    if (!own_net && !sysctls->n)
        return NULL;
    auto_close sys = -1;
    TRY(open_proc_sys(&sys));
    if (own_net) {
        TRY(write_sysctl(sys, "net/ipv4/ip_unprivileged_port_start", "0"));
        TRY(write_sysctl(sys, "net/ipv4/ping_group_range", "0 2147483647"));
    }
    for (size_t i = 0; i < sysctls->n; i++) {
        TRY(sysctl_check(sysctls->v[i].name, sysctls->v[i].value, own_net, own_ipc, path));
        TRY(write_sysctl(sys, path, sysctls->v[i].value));
    }
    return NULL;
}
