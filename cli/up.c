/*
 * `wherry up`: makes this host a node, with a master of its own unless it joins one, and returns when the
 * node is Ready. Level-triggered: on a node that runs it changes nothing and says so; after a crash of the
 * supervisor it replaces it.
 */
#include "cli/cli.h"
#include "cli/node.h"

#include "lib/api/paths.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/http_client.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/netlink.h"
#include "lib/spawn.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { WAIT_STEP_MS = 20, FETCH_MS = 2000, ANSWER_MAX = 1 << 20 };

struct up {
    struct cli *cli;
    struct arena *a;
    const char *name, *ip, *cgroup, *join, *pod_cidr;
    int64_t api_port, kubelet_port, timeout_s, node_grace_s;
    bool no_master; /* manifests only */
};

/* --- what the host must offer */

static struct err *check_filesystem(const char *name)
{
    auto_free char *text = NULL;
    TRY(file_read(AT_FDCWD, "/proc/filesystems", 64 * 1024, &text, NULL));
    auto_free char *line = mem_printf("\t%s\n", name);
    if (strstr(text, line))
        return NULL;
    return err_new(ERR_UNSUPPORTED, "this kernel has no %s filesystem (try: modprobe %s)", name, name);
}

static struct err *check_host(void)
{
    if (geteuid() != 0)
        return err_new(ERR_DENIED, "wherry up needs root: it makes namespaces, mounts and cgroups");
    struct utsname u;
    unsigned major = 0, minor = 0;
    if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
        return err_sys(errno, "uname");
    if (major < 5 || (major == 5 && minor < 14))
        return err_new(ERR_UNSUPPORTED,
            "kernel %s is too old: 5.14 or newer is needed (mount_setattr, cgroup.kill)", u.release);
    static const char *const namespaces[] = {"mnt", "net", "ipc", "uts", "pid", "cgroup", "user"};
    for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
        auto_free char *path = mem_printf("/proc/self/ns/%s", namespaces[i]);
        if (access(path, F_OK) < 0)
            return err_new(ERR_UNSUPPORTED, "this kernel has no %s namespaces", namespaces[i]);
    }
    return check_filesystem("overlay");
}

/* --- the node's address */

struct found_address {
    int loopback;
    char text[64];
};

static void take_first_address(void *arg, int index, const struct net_addr *addr)
{
    struct found_address *f = arg;
    if (addr->family == AF_INET && index != f->loopback && !f->text[0])
        net_addr_text(addr, false, f->text);
}

/* The address that faces the default route; where there is none, the first that is not the loopback's. */
static struct err *own_address(struct arena *a, const char **ret)
{
    struct found_address found = {.loopback = (int)if_nametoindex("lo")};
    auto_close s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(9)}, near;
    socklen_t len = sizeof(near);
    inet_pton(AF_INET, "192.0.2.1", &far.sin_addr); /* connect(2) of a datagram socket sends nothing */
    if (s >= 0 && connect(s, (struct sockaddr *)&far, sizeof(far)) == 0 &&
        getsockname(s, (struct sockaddr *)&near, &len) == 0) {
        inet_ntop(AF_INET, &near.sin_addr, found.text, sizeof(found.text));
    } else {
        struct netlink *nl;
        TRY(netlink_open(-1, &nl));
        struct err *e = netlink_addr_each(nl, 0, take_first_address, &found);
        netlink_close(nl);
        TRY(e);
    }
    if (!found.text[0])
        return err_new(ERR_INVALID, "this host has no IPv4 address but the loopback's: give one with --ip");
    *ret = arena_strdup(a, found.text);
    return NULL;
}

static struct err *check_port_free(const char *what, int64_t port)
{
    auto_close s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return err_sys(errno, "socket");
    if (bind(s, (struct sockaddr *)&any, sizeof(any)) == 0)
        return NULL;
    if (errno == EADDRINUSE)
        return err_new(ERR_EXISTS, "port %lld (%s) is taken by another program", (long long)port, what);
    return err_sys(errno, "port %lld (%s)", (long long)port, what);
}

/* --- the daemons' command lines */

static void add_daemon(struct up *u, struct node *n, const char *name, const char *const *more)
{
    size_t count = 0;
    while (more[count])
        count++;
    struct node_daemon *d = &n->daemons.v[n->daemons.n++];
    auto_free char *program = mem_printf("wherry-%s", name);
    auto_free char *path = cli_program(u->cli, program);
    const char *common[] = {arena_strdup(u->a, path), "--state", u->cli->state, "--run", u->cli->run};
    d->name = name;
    d->argv.n = ARRAY_SIZE(common) + count;
    d->argv.v = arena_array(u->a, d->argv.n, sizeof(char *));
    memcpy(d->argv.v, common, sizeof(common));
    memcpy(d->argv.v + ARRAY_SIZE(common), more, count * sizeof(char *));
}

static void plan(struct up *u, struct node *n)
{
    const char *creds = u->join ? u->join : u->cli->state;
    const char *api_port = arena_printf(u->a, "%lld", (long long)u->api_port);
    const char *kubelet_port = arena_printf(u->a, "%lld", (long long)u->kubelet_port);
    *n = (struct node){.name = u->name,
        .ip = u->ip,
        .state = u->cli->state,
        .run = u->cli->run,
        .cgroup = u->cgroup,
        .api_port = {true, u->api_port},
        .kubelet_port = {true, u->kubelet_port},
        .has_master = {true, !u->join && !u->no_master}};
    n->daemons.v = arena_array(u->a, 3, sizeof(struct node_daemon));
    if (n->has_master.v)
        add_daemon(u, n, "master",
            (const char *[]){"--port", api_port, "--advertise", u->ip, "--node-name", u->name,
                "--node-monitor-grace-period", arena_printf(u->a, "%lld", (long long)u->node_grace_s), NULL});
    const char *kubelet[] = {"--node-name", u->name, "--node-ip", u->ip, "--cgroup", u->cgroup, "--port",
        kubelet_port, NULL, NULL, NULL, NULL, NULL};
    size_t at = ARRAY_SIZE(kubelet) - 5;
    if (!u->no_master) {
        kubelet[at++] = "--kubeconfig";
        kubelet[at++] = arena_printf(u->a, "%s/kubelet.kubeconfig", creds);
    }
    if (u->pod_cidr) {
        kubelet[at++] = "--pod-cidr";
        kubelet[at++] = u->pod_cidr;
    }
    add_daemon(u, n, "kubelet", kubelet);
    if (!u->no_master)
        add_daemon(u, n, "proxy",
            (const char *[]){"--node-name", u->name, "--node-ip", u->ip, "--kubeconfig",
                arena_printf(u->a, "%s/proxy.kubeconfig", creds), NULL});
}

/* --- starting, and waiting until the node is Ready */

static struct err *make_folders(const struct node *n)
{
    auto_close state = -1, run = -1;
    TRY_WRAP(file_mkdirs(AT_FDCWD, n->state, 0755, &state), "--state %s", n->state);
    TRY_WRAP(file_mkdirs(AT_FDCWD, n->run, 0755, &run), "--run %s", n->run);
    return NULL;
}

static struct err *start_supervisor(struct up *u, const struct node *n)
{
    auto_free char *self = cli_program(u->cli, "wherry");
    auto_free char *log = mem_printf("%s/supervisor.log", n->run);
    auto_close fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return err_sys(errno, "open %s", log);
    pid_t pid;
    return spawn_daemon(
        (const char *[]){self, "--state", n->state, "--run", n->run, "supervise", NULL}, NULL, fd, -1, &pid);
}

/* A GET whose failure is an answer too: false until it is 200 with a body that satisfies `ready`. */
static bool is_ready(const struct http_client_tls *tls, const struct http_client_request *r,
    bool (*ready)(const struct json *))
{
    struct http_client_result res = {0};
    struct err *e = http_fetch(tls, r, &res);
    bool yes = !e && res.status == 200;
    if (yes && ready) {
        auto_arena *a = arena_new();
        const struct json *body = NULL;
        struct err *bad = json_parse(a, buf_str(&res.body), res.body.len, NULL, &body);
        yes = !bad && ready(body);
        err_free(bad);
    }
    err_free(e);
    http_client_result_done(&res);
    return yes;
}

static bool node_is_ready(const struct json *node)
{
    json_each_item (c, json_at(node, "status", "conditions", NULL)) {
        const char *type = json_str(json_get(c, "type")), *status = json_str(json_get(c, "status"));
        if (type && status && strcmp(type, "Ready") == 0)
            return strcmp(status, "True") == 0;
    }
    return false;
}

static bool kubelet_answers(const struct node *n)
{
    auto_free char *socket = mem_printf("%s/kubelet.sock", n->run);
    return is_ready(NULL,
        &(struct http_client_request){.method = "GET",
            .url = "http://kubelet/healthz",
            .unix_socket = socket,
            .timeout_ms = FETCH_MS,
            .max_body = ANSWER_MAX},
        NULL);
}

static bool master_says_ready(struct up *u, const struct node *n)
{
    auto_free char *ca = mem_printf("%s/pki/ca.crt", n->state),
                   *cert = mem_printf("%s/pki/admin.crt", n->state),
                   *key = mem_printf("%s/pki/admin.key", n->state);
    auto_free char *url =
        mem_printf("https://%s:%lld/api/v1/nodes/%s", n->ip, (long long)u->api_port, n->name);
    if (!file_exists(AT_FDCWD, ca) || !file_exists(AT_FDCWD, key) || !file_exists(AT_FDCWD, cert))
        return false;
    return is_ready(&(struct http_client_tls){.ca_file = ca, .cert_file = cert, .key_file = key},
        &(struct http_client_request){
            .method = "GET", .url = url, .timeout_ms = FETCH_MS, .max_body = ANSWER_MAX},
        node_is_ready);
}

/* The end of a daemon's log, for the person whose node did not come up. */
static void print_log_tail(const struct node *n, const char *name)
{
    auto_free char *path = mem_printf("%s/%s.log", n->run, name), *text = NULL;
    struct err *e = file_read(AT_FDCWD, path, 64 << 20, &text, NULL);
    if (e) {
        err_free(e);
        return;
    }
    const char *p = text + strlen(text);
    for (int lines = 0; p > text && lines < 6; p--)
        lines += p[-1] == '\n';
    fprintf(stderr, "--- %s\n%s", path, p > text ? p + 1 : p);
}

static struct err *wait_ready(struct up *u, const struct node *n)
{
    int64_t deadline = clock_mono_ms() + u->timeout_s * 1000;
    bool alone = !opt_bool_or(n->has_master, false);
    while (clock_mono_ms() < deadline) {
        if (kubelet_answers(n) && (alone || master_says_ready(u, n)))
            return NULL;
        (void)poll(NULL, 0, WAIT_STEP_MS);
    }
    for (size_t i = 0; i < n->daemons.n; i++)
        print_log_tail(n, n->daemons.v[i].name);
    return err_new(ERR_TIMEOUT,
        "node %s was not Ready within %lld s; its daemons go on trying (wherry down ends them)", n->name,
        (long long)u->timeout_s);
}

static void print_next_steps(const struct node *n)
{
    printf("node %s is Ready\n", n->name);
    if (opt_bool_or(n->has_master, false))
        printf("  export KUBECONFIG=%s/admin.kubeconfig    # for kubectl and wherry\n"
               "  wherry load IMAGE.tar; wherry apply -f POD.yaml; wherry get pods\n",
            n->state);
    else
        printf("  wherry ps    # the Pods of this node\n");
}

static struct err *fill_in(struct up *u)
{
    char host[256];
    if (!u->name) {
        if (gethostname(host, sizeof(host)) < 0)
            return err_sys(errno, "gethostname");
        host[sizeof(host) - 1] = 0;
        u->name = arena_strdup(u->a, host);
    }
    if (!u->ip)
        return own_address(u->a, &u->ip);
    struct net_addr parsed;
    TRY_WRAP(net_addr_parse(u->ip, &parsed), "--ip %s", u->ip);
    return parsed.family == AF_INET ? NULL : err_new(ERR_INVALID, "--ip %s: not an IPv4 address", u->ip);
}

static struct err *bring_up(struct up *u)
{
    TRY(check_host());
    TRY(fill_in(u));
    struct node n;
    auto_close running = node_pid_open(u->cli->run, "supervisor", NULL);
    if (running >= 0) {
        TRY(node_load(u->cli->run, u->a, &n));
        printf("node %s runs already\n", n.name);
        u->api_port = n.api_port.v;
        return wait_ready(u, &n);
    }
    plan(u, &n);
    TRY(make_folders(&n));
    auto_close orphan =
        node_pid_open(n.run, "kubelet", NULL); /* of a killed supervisor: its ports are ours */
    if (orphan < 0) {
        if (n.has_master.v)
            TRY(check_port_free("the API server; --port chooses another", u->api_port));
        TRY(check_port_free("the kubelet; --kubelet-port chooses another", u->kubelet_port));
    }
    TRY(node_save(&n));
    TRY(start_supervisor(u, &n));
    TRY(wait_ready(u, &n));
    print_next_steps(&n);
    return NULL;
}

struct err *cli_up(struct cli *cli, int argc, char **argv)
{
    struct up u = {.cli = cli,
        .cgroup = PATHS_CGROUP,
        .api_port = PATHS_API_PORT,
        .kubelet_port = PATHS_KUBELET_PORT,
        .timeout_s = 60,
        .node_grace_s = 40};
    const struct arg_option options[] = {
        {"name", 0, ARG_STR, &u.name, "NODE", "name of the node (default: the host's name)"},
        {"ip", 0, ARG_STR, &u.ip, "ADDRESS",
            "its IPv4 address (default: the one that faces the default route)"},
        {"port", 0, ARG_INT, &u.api_port, "PORT", "of the API server"},
        {"kubelet-port", 0, ARG_INT, &u.kubelet_port, "PORT", "of the kubelet"},
        {"cgroup", 0, ARG_STR, &u.cgroup, "PATH", "the cgroup below which all Pods live"},
        {"pod-cidr", 0, ARG_STR, &u.pod_cidr, "CIDR",
            "addresses of this node's Pods (default: the master gives a /24)"},
        {"join", 0, ARG_STR, &u.join, "FOLDER",
            "no master here: credentials made by `wherry-master node-credentials`"},
        {"no-master", 0, ARG_FLAG, &u.no_master, NULL,
            "no master at all: Pods are what `wherry run` and STATE/manifests say"},
        {"node-monitor-grace-period", 0, ARG_INT, &u.node_grace_s, "SECONDS",
            "of the master: a node that is silent for so long is lost (40)"},
        {"timeout", 0, ARG_INT, &u.timeout_s, "SECONDS", "how long to wait for the node to be Ready"},
        {0},
    };
    const struct arg_spec spec = {"wherry up [OPTION]...",
        "Makes this host a node, with a master of its own, and waits until it is Ready.", options, 0, 0,
        false};
    char **operands;
    int n;
    TRY(args_parse(&spec, argc, argv, &operands, &n));
    if (u.join && u.no_master)
        return err_new(ERR_INVALID, "up: --join and --no-master exclude each other");
    auto_arena *a = arena_new();
    u.a = a;
    return bring_up(&u);
}
