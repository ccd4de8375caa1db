/* sandbox.json, see sandbox_spec.h. */
#include "kubelet/sandbox_spec.h"
#include "kubelet/cgroups.h"
#include "lib/api/shim.h"
#include "lib/file.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SANDBOX_SPEC_MAX = 1 << 20 };

struct err *sandbox_spec_names(struct arena *a, const struct worker *w, struct net_names *ret)
{
    char node[256] = "localhost";
    gethostname(node, sizeof(node) - 1);
    return net_files_names(a, w->desired->pod, node, w->kubelet->o.cluster_domain, ret);
}

static void add_sysctls(struct arena *a, const struct pod_spec *s, struct str_map *ret)
{
    const struct pod_security_context *sc = s->security_context;
    size_t own = sc ? sc->sysctls.n : 0;
    ret->v = arena_array(a, own + 2, sizeof(*ret->v));
    /* Ports below 1024 and ping need no capability inside a Pod. */
    if (!opt_bool_or(s->host_network, false)) {
        ret->v[ret->n++] = (struct str_pair){"net.ipv4.ip_unprivileged_port_start", "0"};
        ret->v[ret->n++] = (struct str_pair){"net.ipv4.ping_group_range", "0 2147483647"};
    }
    for (size_t i = 0; i < own; i++) {
        size_t at = 0;
        while (at < ret->n && strcmp(ret->v[at].name, sc->sysctls.v[i].name) != 0)
            at++;
        ret->v[at] = (struct str_pair){sc->sysctls.v[i].name, sc->sysctls.v[i].value};
        if (at == ret->n)
            ret->n++;
    }
}

struct err *sandbox_spec_write(const struct worker *w, const char *dir, const struct net_names *names)
{
    const struct pod_spec *spec = w->desired->pod->spec;
    auto_arena *a = arena_new();
    auto_free char *cgroup = cgroups_pod_path(w), *path = mem_printf("%s/sandbox.json", dir);
    struct shim_sandbox box = {.uid = w->uid,
        .name = w->name,
        .ns = w->ns,
        .hostname = opt_bool_or(spec->host_network, false) ? NULL : names->hostname,
        .cgroup = cgroup,
        .host_network = spec->host_network,
        .host_ipc = spec->host_ipc,
        .share_pid = spec->share_process_namespace};
    add_sysctls(a, spec, &box.sysctls);
    auto_buf b = BUF_INIT(SANDBOX_SPEC_MAX);
    struct json_out o = {.buf = &b};
    fields_encode(&shim_sandbox_fields, &box, &o, NULL);
    TRY(buf_check(&b, "sandbox.json"));
    return file_write_atomic(AT_FDCWD, path, buf_str(&b), b.len, 0600, FILE_NO_FSYNC);
}
