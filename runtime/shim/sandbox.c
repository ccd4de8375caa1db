/* The sandbox: see sandbox.h. */
#include "runtime/shim/sandbox.h"
#include "lib/api/shim.h"
#include "lib/cgroup.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/shim/mount.h"
#include "runtime/shim/pause.h"
#include "runtime/shim/sysctl.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SANDBOX_JSON_MAX = 256 * 1024 };
#define SHM_DEFAULT (64LL * 1024 * 1024)

static struct err *check(const struct shim_sandbox *b)
{
    bool own_net = !opt_bool_or(b->host_network, false), own_ipc = !opt_bool_or(b->host_ipc, false);
    char path[SYSCTL_PATH];
    for (size_t i = 0; i < b->sysctls.n; i++)
        TRY(sysctl_check(b->sysctls.v[i].name, b->sysctls.v[i].value, own_net, own_ipc, path));
    if (b->hostname && (!*b->hostname || strlen(b->hostname) > 64))
        return err_new(ERR_INVALID, "hostname: not 1 to 64 bytes long");
    if (b->cgroup && (*b->cgroup != '/' || strstr(b->cgroup, "..")))
        return err_new(ERR_INVALID, "cgroup: \"%.200s\": not an absolute path", b->cgroup);
    if (b->shm_bytes.set && b->shm_bytes.v < 0)
        return err_new(ERR_INVALID, "shmBytes: negative");
    return NULL;
}

static struct err *enter_namespaces(const struct shim_sandbox *b)
{
    int flags = CLONE_NEWNS;
    bool host_network = opt_bool_or(b->host_network, false);
    if (!host_network)
        flags |= CLONE_NEWNET;
    if (!host_network || b->hostname)
        flags |= CLONE_NEWUTS;
    if (!opt_bool_or(b->host_ipc, false))
        flags |= CLONE_NEWIPC;
    if (unshare(flags) < 0)
        return err_sys(errno, "make the Pod's namespaces");
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return err_sys(errno, "make mounts slaves");
    if (b->hostname && sethostname(b->hostname, strlen(b->hostname)) < 0)
        return err_sys(errno, "set hostname %s", b->hostname);
    return NULL;
}

static struct err *make_shm(struct shim *s, int64_t bytes)
{
    auto_free char *target = mem_printf("%s/shm", s->run_dir);
    auto_free char *options =
        mem_printf("source=shm,mode=1777,nosuid,nodev,noexec,size=%lld", (long long)bytes);
    TRY(mount_make(&(struct shim_mount){.type = "tmpfs", .options = options}, target));
    s->has_shm = true;
    return NULL;
}

static struct err *make_in(struct shim *s, const struct shim_sandbox *b, int argc, char **argv)
{
    TRY(check(b));
    TRY(enter_namespaces(b));
    bool own_net = !opt_bool_or(b->host_network, false), own_ipc = !opt_bool_or(b->host_ipc, false);
    TRY(sysctl_apply(&b->sysctls, own_net, own_ipc));
    if (own_ipc)
        TRY(make_shm(s, opt_int_or(b->shm_bytes, SHM_DEFAULT)));
    if (b->cgroup) {
        s->cgroup = mem_strdup(b->cgroup);
        TRY(cgroup_host_new(&s->cgroups));
    }
    return opt_bool_or(b->share_pid, false) ? pause_start(argc, argv, &s->pause_pid) : NULL;
}

struct err *sandbox_make(struct shim *s, int argc, char **argv)
{
    auto_free char *text = NULL;
    size_t len;
    TRY(file_read(s->run_fd, "sandbox.json", SANDBOX_JSON_MAX, &text, &len));
    auto_arena *a = arena_new();
    struct shim_sandbox b;
    TRY_WRAP(fields_parse(&shim_sandbox_fields, a, text, len, &b), "%s/sandbox.json", s->run_dir);
    return err_wrap(
        make_in(s, &b, argc, argv), "sandbox of pod %s/%s", b.ns ? b.ns : "", b.name ? b.name : "");
}

void sandbox_remove(struct shim *s)
{
    if (s->pause_pid > 0) {
        kill(s->pause_pid, SIGKILL);
        waitpid(s->pause_pid, NULL, 0);
    }
    if (s->has_shm) {
        auto_free char *shm = mem_printf("%s/shm", s->run_dir);
        err_free(mount_remove(shm)); /* it goes with us in any case; then its folder stays */
        unlinkat(s->run_fd, "shm", AT_REMOVEDIR);
    }
    unlinkat(s->run_fd, "shim.json", 0);
}
