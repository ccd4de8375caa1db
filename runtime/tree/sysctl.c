/* See sysctl.h. */
#include "runtime/tree/sysctl.h"
#include "lib/mem.h"
#include "runtime/tree/procfs.h"
#include <sched.h>
#include <string.h>

#define NAME_MAX_ 256
#define VALUE_MAX 4096

static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
    "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};

static bool starts(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

/* "net/ipv4/ip_forward" and "net.ipv4.ip_forward" are the same; a name with a slash first uses slashes, so
 * that an interface may have a dot: net/ipv4/conf/eth0.1/forwarding. */
static bool slashed(const char *name)
{
    size_t first = strcspn(name, "./");
    return name[first] == '/';
}

static int namespace_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(ipc); i++)
        if (!strcmp(name, ipc[i]))
            return CLONE_NEWIPC;
    if (starts(name, "fs.mqueue."))
        return CLONE_NEWIPC;
    if (starts(name, "net."))
        return CLONE_NEWNET;
    if (starts(name, "user."))
        return CLONE_NEWUSER;
    if (!strcmp(name, "kernel.domainname"))
        return CLONE_NEWUTS;
    return 0;
}

static struct err *check_one(const char *name, const char *value, int ns)
{
    char dotted[NAME_MAX_];
    size_t n = strlen(name);
    if (!n || n >= sizeof(dotted) || strstr(name, "..") || strstr(name, "//") || *name == '/' || *name == '.')
        return err_new(ERR_INVALID, "not the name of a sysctl");
    if (strlen(value) > VALUE_MAX || strpbrk(value, "\n\r"))
        return err_new(ERR_INVALID, "the value is too long or has more than one line");
    memcpy(dotted, name, n + 1);
    for (char *p = dotted; slashed(name) && *p; p++)
        *p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
    if (!strcmp(dotted, "kernel.hostname"))
        return err_new(ERR_INVALID, "is not allowed as it conflicts with the OCI \"hostname\" field");
    int need = namespace_of(dotted);
    if (!need)
        return err_new(ERR_DENIED, "is not in a namespace: it would be the host's");
    if (!(ns & need))
        return err_new(ERR_DENIED, "needs a %s namespace of the container's own",
            need == CLONE_NEWIPC    ? "ipc"
            : need == CLONE_NEWNET  ? "network"
            : need == CLONE_NEWUSER ? "user"
                                    : "uts");
    return NULL;
}

struct err *sysctl_check(const struct str_map *m, int ns)
{
    for (size_t i = 0; i < m->n; i++)
        TRY_WRAP(check_one(m->v[i].name, m->v[i].value, ns), "linux.sysctl: \"%.256s\"", m->v[i].name);
    return NULL;
}

struct err *sysctl_write(const struct str_map *m, int procfs)
{
    for (size_t i = 0; i < m->n; i++) {
        const char *name = m->v[i].name;
        auto_free char *path = mem_printf("sys/%s", name);
        for (char *p = path + 4; !slashed(name) && *p; p++)
            *p = *p == '.' ? '/' : *p;
        TRY_WRAP(procfs_put(procfs, path, m->v[i].value), "linux.sysctl: \"%s\"", name);
    }
    return NULL;
}
