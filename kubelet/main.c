/*
 * wherry-kubelet: makes this node match its desired Pods. Started at any moment, on any state: it takes over
 * what runs, then listens to its two sources, the master and the folder of manifests. Ended at any moment:
 * the Pods run on.
 *
 *   wherry-kubelet [OPTION]...             the daemon
 *   wherry-kubelet teardown [OPTION]...    ends every Pod of this node, removes what they left in the kernel
 */
#include "kubelet/cgroups.h"
#include "kubelet/cni.h"
#include "kubelet/egress.h"
#include "kubelet/events.h"
#include "kubelet/images.h"
#include "kubelet/limiter.h"
#include "kubelet/log_rotate.h"
#include "kubelet/manifests.h"
#include "kubelet/node_agent.h"
#include "kubelet/objects.h"
#include "kubelet/pods.h"
#include "kubelet/restore.h"
#include "kubelet/server.h"
#include "kubelet/services.h"
#include "kubelet/trash.h"
#include "lib/api/kube.h"
#include "lib/api/paths.h"
#include "lib/args.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mem.h"
#include "lib/netlink.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_MS = 10000, SPAWNS_AT_ONCE = 8, TEARDOWN_MS = 100000 };

/* --- settings */

struct settings {
    struct kubelet_options o;
    const char *log_level, *log_format;
    bool teardown;
};

/* Where our programs are: --libexec, else beside this one. */
static char *find_libexec(const char *given)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (given)
        return mem_strdup(given);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    return slash ? mem_strndup(self, (size_t)(slash - self)) : mem_strdup(".");
}

static char *program(const char *libexec, const char *name)
{
    auto_free char *above = mem_printf("%s/../../bin/%s", libexec, name); /* an installation: PREFIX/bin */
    char *beside = mem_printf("%s/%s", libexec, name);
    if (access(beside, X_OK) == 0 || access(above, X_OK) != 0)
        return beside;
    free(beside);
    return take_ptr(above);
}

static void make_paths(struct kubelet *k)
{
    auto_free char *libexec = find_libexec(k->o.libexec);
    const char *s = k->o.state, *r = k->o.run;
    k->path = (struct kubelet_paths){.shim = program(libexec, "wherry-shim"),
        .runtime = program(libexec, "wherry-runtime"),
        .images = program(libexec, "wherry-images"),
        .cni = mem_printf("%s/cni", libexec),
        .pods = mem_printf("%s/pods", s),
        .logs = mem_printf("%s/logs/pods", s),
        .manifests = mem_printf("%s/manifests", s),
        .cni_state = mem_printf("%s/cni", s),
        .image_root = mem_printf("%s/images", s),
        .seccomp = mem_printf("%s/seccomp", s),
        .run_pods = mem_printf("%s/pods", r),
        .runtime_root = mem_printf("%s/runtime", r)};
}

static void free_paths(struct kubelet *k)
{
    char *all[] = {k->path.shim, k->path.runtime, k->path.images, k->path.cni, k->path.pods, k->path.logs,
        k->path.manifests, k->path.cni_state, k->path.image_root, k->path.seccomp, k->path.run_pods,
        k->path.runtime_root};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        free(all[i]);
}

static struct err *make_folders(struct kubelet *k)
{
    auto_free char *results = mem_printf("%s/results", k->path.cni_state);
    auto_free char *pins = mem_printf("%s/pins", k->path.image_root);
    const char *const closed[] = {
        k->path.pods, results, pins, k->path.manifests, k->path.run_pods, k->path.runtime_root};
    for (size_t i = 0; i < ARRAY_SIZE(closed); i++)
        TRY(file_mkdirs(AT_FDCWD, closed[i], 0700, NULL));
    return file_mkdirs(AT_FDCWD, k->path.logs, 0755, NULL);
}

/* The master makes it at its first start: until then there is nothing to do but wait for it. */
static struct err *wait_for_file(const char *path)
{
    auto_free char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/'), drop[4096];
    auto_close fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (slash)
        *slash = 0;
    if (fd < 0 || inotify_add_watch(fd, slash ? folder : ".", IN_CREATE | IN_MOVED_TO) < 0)
        return err_sys(errno, "watch %s", slash ? folder : ".");
    if (!file_exists(AT_FDCWD, path))
        log_info("", "waiting for %s", path);
    while (!file_exists(AT_FDCWD, path)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, -1) < 0)
            return err_sys(errno, "wait for %s", path);
        while (read(fd, drop, sizeof(drop)) > 0)
            ;
    }
    return NULL;
}

/* --- the parts */

static struct err *open_parts(struct kubelet *k)
{
    TRY(make_folders(k));
    TRY_WRAP(cgroups_start(k), "cgroups");
    if (k->o.kubeconfig)
        TRY(kube_open(k->loop, k->o.kubeconfig, &k->kube));
    k->probe_client = http_client_new(k->loop, &(struct http_client_tls){.insecure_server = true});
    k->trash = trash_new(k);
    k->logs = log_rotate_new(k);
    k->spawns = limiter_new(k->loop, SPAWNS_AT_ONCE);
    k->events = events_new(k);
    k->images = images_new(k);
    k->node = node_agent_new(k);
    k->pods = pods_new(k);
    k->manifests = manifests_new(k);
    k->objects = objects_new(k);
    k->services = services_new(k);
    restore_all(k);
    return NULL;
}

static void close_parts(struct kubelet *k)
{
    k->stopping = true;
    server_free(k->server);
    manifests_free(k->manifests);
    pods_free(k->pods);
    log_rotate_free(k->logs);
    services_free(k->services);
    objects_free(k->objects);
    node_agent_free(k->node);
    images_free(k->images);
    events_free(k->events);
    limiter_free(k->spawns);
    trash_free(k->trash);
    http_client_free(k->probe_client);
    kube_close(k->kube);
    cgroup_host_free(k->cgroups);
}

static void stop(void *arg)
{
    struct kubelet *k = arg;
    log_info("", "ending; the Pods run on");
    uv_stop(k->loop);
}

static struct err *serve(struct kubelet *k)
{
    if (k->o.kubeconfig)
        TRY(wait_for_file(k->o.kubeconfig));
    TRY(open_parts(k));
    TRY(server_start(k));
    pods_start(k);
    node_agent_start(k);
    manifests_start(k);
    loop_on_stop(k->loop, stop, k);
    log_info("", "node %s: %s", k->o.node_name, k->kube ? kube_server(k->kube) : "no master, manifests only");
    uv_run(k->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* --- teardown */

static void count_kept(void *arg, const char *uid)
{
    (void)uid;
    ++*(size_t *)arg;
}

static void check_torn_down(uv_check_t *h)
{
    struct kubelet *k = h->data;
    size_t kept = 0;
    cni_each_kept(k, count_kept, &kept);
    if (!pods_first(k) && kept == 0)
        uv_stop(k->loop);
}

static void give_up(void *arg)
{
    struct kubelet *k = arg;
    log_error("", "not all Pods could be ended within %d s", TEARDOWN_MS / 1000);
    uv_stop(k->loop);
}

static struct err *remove_bridge(void)
{
    struct netlink *nl;
    struct net_link link;
    TRY(netlink_open(-1, &nl));
    struct err *e = netlink_link_get(nl, PATHS_BRIDGE, &link);
    if (!e && link.index)
        e = netlink_link_delete(nl, link.index);
    netlink_close(nl);
    return e;
}

/* Nobody is asked and nobody is told: there is no master here. */
static void end_all(struct kubelet *k)
{
    for (struct worker *w = pods_first(k); w; w = w->next)
        worker_leave(w, 0, true);
}

static struct err *teardown(struct kubelet *k)
{
    uv_check_t check;
    TRY(open_parts(k));
    restore_sweep(k);
    end_all(k);
    uv_check_init(k->loop, &check);
    check.data = k;
    uv_check_start(&check, check_torn_down);
    struct timer *deadline = timer_new(k->loop, give_up, k);
    timer_start(deadline, TEARDOWN_MS);
    deferred_call(deferred_new(k->loop, (loop_fn *)pods_turn, k));
    uv_run(k->loop, UV_RUN_DEFAULT);
    timer_free(deadline);
    bool whole = !pods_first(k);
    TRY(egress_remove());
    TRY_WRAP(remove_bridge(), "bridge %s", PATHS_BRIDGE);
    TRY_WRAP(cgroup_remove(k->cgroups, k->o.cgroup, 5000), "cgroup %s", k->o.cgroup);
    return whole ? NULL : err_new(ERR_TIMEOUT, "some Pods did not end");
}

/* --- main */

static struct err *run(struct settings *s)
{
    struct kubelet k = {.loop = uv_default_loop(), .o = s->o};
    auto_free char *lock = mem_printf("%s/kubelet.lock", s->o.run);
    auto_close fd = -1;
    umask(022);
    TRY(file_mkdirs(AT_FDCWD, s->o.state, 0755, NULL));
    TRY(file_mkdirs(AT_FDCWD, s->o.run, 0755, NULL));
    TRY_WRAP(file_lock(AT_FDCWD, lock, LOCK_MS, &fd), "another kubelet runs with --run %s", s->o.run);
    make_paths(&k);
    struct err *e = s->teardown ? teardown(&k) : serve(&k);
    close_parts(&k);
    free_paths(&k);
    return e;
}

static struct err *check(struct settings *s, char **operands, int n)
{
    struct net_addr ip;
    if (n && strcmp(operands[0], "teardown") != 0)
        return err_new(ERR_INVALID, "unknown command \"%s\"", operands[0]);
    s->teardown = n > 0;
    if (s->teardown) {
        s->o.kubeconfig = NULL;
        s->o.node_name = "teardown";
        s->o.node_ip = "127.0.0.1";
    }
    if (!s->o.node_name || !*s->o.node_name)
        return err_new(ERR_INVALID, "--node-name: required");
    if (!s->o.node_ip)
        return err_new(ERR_INVALID, "--node-ip: required");
    TRY_WRAP(net_addr_parse(s->o.node_ip, &ip), "--node-ip %s", s->o.node_ip);
    if (s->o.port < 1 || s->o.port > 65535)
        return err_new(ERR_INVALID, "--port: %lld is no port", (long long)s->o.port);
    if (s->o.cni_timeout < 1 || s->o.cni_timeout > 600)
        return err_new(ERR_INVALID, "--cni-timeout: %lld: 1 to 600 seconds", (long long)s->o.cni_timeout);
    if (s->o.cgroup[0] != '/' || !s->o.cgroup[1])
        return err_new(
            ERR_INVALID, "--cgroup %s: an absolute path below the root is wanted, like /wherry", s->o.cgroup);
    if (geteuid() != 0)
        return err_new(ERR_DENIED, "the kubelet needs root: it makes namespaces, mounts and cgroups");
    if (!s->o.kubeconfig && !s->o.pod_cidr)
        s->o.pod_cidr = PATHS_LONE_POD_CIDR;
    return NULL;
}

int main(int argc, char **argv)
{
    struct settings s = {.o = {.state = PATHS_STATE,
                             .run = PATHS_RUN,
                             .cgroup = PATHS_CGROUP,
                             .cluster_dns = PATHS_DNS_IP,
                             .cluster_domain = PATHS_CLUSTER_DOMAIN,
                             .cluster_cidr = PATHS_CLUSTER_CIDR,
                             .port = PATHS_KUBELET_PORT,
                             .cni_timeout = 20},
        .log_level = "info",
        .log_format = "text"};
    const struct arg_option options[] = {
        {"state", 0, ARG_STR, &s.o.state, "DIR", "what survives a reboot (" PATHS_STATE ")"},
        {"run", 0, ARG_STR, &s.o.run, "DIR", "what does not (" PATHS_RUN ")"},
        {"node-name", 0, ARG_STR, &s.o.node_name, "NAME", "name of this node"},
        {"node-ip", 0, ARG_STR, &s.o.node_ip, "IP", "its address"},
        {"cgroup", 0, ARG_STR, &s.o.cgroup, "PATH",
            "the cgroup below which all Pods live (" PATHS_CGROUP ")"},
        {"kubeconfig", 0, ARG_STR, &s.o.kubeconfig, "FILE",
            "how to reach the master; without: manifests only"},
        {"pod-cidr", 0, ARG_STR, &s.o.pod_cidr, "CIDR",
            "addresses of Pods here (default: as the master says)"},
        {"cluster-dns", 0, ARG_STR, &s.o.cluster_dns, "IP", "name server of Pods (" PATHS_DNS_IP ")"},
        {"cluster-domain", 0, ARG_STR, &s.o.cluster_domain, "NAME", "(" PATHS_CLUSTER_DOMAIN ")"},
        {"cluster-cidr", 0, ARG_STR, &s.o.cluster_cidr, "CIDR",
            "addresses of all Pods, never masqueraded (" PATHS_CLUSTER_CIDR ")"},
        {"port", 0, ARG_INT, &s.o.port, "PORT", "of the HTTPS server (10250)"},
        {"cni-timeout", 0, ARG_INT, &s.o.cni_timeout, "SECONDS", "for one run of a CNI plugin (20)"},
        {"libexec", 0, ARG_STR, &s.o.libexec, "DIR", "folder of the other programs"},
        {"log-level", 0, ARG_STR, &s.log_level, "LEVEL", "error, warn, info, debug"},
        {"log-format", 0, ARG_STR, &s.log_format, "FORMAT", "text, json"},
        {0},
    };
    const struct arg_spec spec = {"wherry-kubelet [teardown] --node-name NAME --node-ip IP",
        "Makes this node match its desired Pods.\nteardown: ends every Pod of this node.", options, 0, 1,
        false};
    char **operands;
    int n;
    if (argc == 3 && strcmp(argv[1], "--empty-trash") == 0)
        return trash_empty(argv[2]);
    log_init("kubelet", LOG_INFO, LOG_TEXT);
    struct err *e = args_parse(&spec, argc, argv, &operands, &n);
    if (!e)
        e = log_init_text("kubelet", s.log_level, s.log_format);
    if (!e)
        e = check(&s, operands, n);
    int usage = e != NULL;
    if (!e)
        e = run(&s);
    int status = e ? usage ? 2 : 1 : 0;
    log_err(LOG_ERROR, "", e);
    return status;
}
