/* Facts of this machine, see node_facts.h. */
#include "kubelet/node_facts.h"
#include "lib/api/node.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/version.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { FACTS_FILE = 64 << 10 };

static char *read_line(const char *path)
{
    char *text = NULL;
    err_free(file_read(AT_FDCWD, path, FACTS_FILE, &text, NULL));
    if (!text)
        return mem_strdup("");
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* "MemTotal:  123 kB" in bytes. */
static int64_t meminfo(const char *name)
{
    auto_free char *text = NULL;
    err_free(file_read(AT_FDCWD, "/proc/meminfo", FACTS_FILE, &text, NULL));
    const char *p = text ? strstr(text, name) : NULL;
    return p ? strtoll(p + strlen(name), NULL, 10) * 1024 : 0;
}

static char *os_name(void)
{
    auto_free char *text = NULL;
    err_free(file_read(AT_FDCWD, "/etc/os-release", FACTS_FILE, &text, NULL));
    const char *p = text ? strstr(text, "PRETTY_NAME=\"") : NULL;
    if (!p)
        return mem_strdup("Linux");
    p += strlen("PRETTY_NAME=\"");
    return mem_strndup(p, strcspn(p, "\"\n"));
}

void node_facts_read(struct kubelet *k, struct node_facts *f)
{
    struct utsname u;
    struct statvfs fs;
    uname(&u);
    *f = (struct node_facts){.cpus = sysconf(_SC_NPROCESSORS_ONLN), .memory = meminfo("MemTotal:")};
    if (statvfs(k->o.state, &fs) == 0)
        f->storage = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
    f->machine_id = read_line("/etc/machine-id");
    f->system_uuid = read_line("/sys/class/dmi/id/product_uuid");
    if (!*f->system_uuid) {
        free(f->system_uuid);
        f->system_uuid = mem_strdup(f->machine_id);
    }
    f->boot_id = read_line("/proc/sys/kernel/random/boot_id");
    f->os_image = os_name();
    f->kernel = mem_strdup(u.release);
    f->machine = mem_strdup(strcmp(u.machine, "x86_64") == 0    ? "amd64"
                            : strcmp(u.machine, "aarch64") == 0 ? "arm64"
                                                                : u.machine);
    f->hostname = mem_strdup(u.nodename);
}

void node_facts_done(struct node_facts *f)
{
    free(f->machine_id);
    free(f->system_uuid);
    free(f->boot_id);
    free(f->os_image);
    free(f->kernel);
    free(f->machine);
    free(f->hostname);
}

/* Below 100 MiB of memory, 5 % of the disk or of its inodes, 5 % of process ids. */
struct node_pressure node_facts_pressure(struct kubelet *k)
{
    struct node_pressure p = {0};
    struct statvfs fs;
    auto_free char *max = read_line("/proc/sys/kernel/pid_max"), *load = read_line("/proc/loadavg");
    int64_t available = meminfo("MemAvailable:");
    p.memory = available > 0 && available < (100LL << 20);
    if (statvfs(k->o.state, &fs) == 0)
        p.disk = fs.f_bavail * 20 < fs.f_blocks || (fs.f_files && fs.f_favail * 20 < fs.f_files);
    const char *slash = strchr(load, '/');
    int64_t pid_max = atoll(max), pids = slash ? atoll(slash + 1) : 0;
    p.pids = pid_max > 0 && pids * 20 > pid_max * 19;
    return p;
}

struct texts {
    char now[CLOCK_TEXT], changed[NODE_CONDITIONS][CLOCK_TEXT], cpu[32], memory[32], storage[32], pods[32],
        runtime[64];
};

static void fill_conditions(const struct node_pressure *p, const int64_t changed_ns[NODE_CONDITIONS],
    struct texts *t, struct node_condition c[NODE_CONDITIONS])
{
    for (size_t i = 0; i < NODE_CONDITIONS; i++)
        clock_rfc3339(changed_ns[i], t->changed[i]);
    c[0] = (struct node_condition){.type = "MemoryPressure",
        .status = p->memory ? "True" : "False",
        .reason = p->memory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
        .message = p->memory ? "kubelet has insufficient memory available"
                             : "kubelet has sufficient memory available"};
    c[1] = (struct node_condition){.type = "DiskPressure",
        .status = p->disk ? "True" : "False",
        .reason = p->disk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
        .message = p->disk ? "kubelet has disk pressure" : "kubelet has no disk pressure"};
    c[2] = (struct node_condition){.type = "PIDPressure",
        .status = p->pids ? "True" : "False",
        .reason = p->pids ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID",
        .message =
            p->pids ? "kubelet has insufficient PID available" : "kubelet has sufficient PID available"};
    c[3] = (struct node_condition){.type = "Ready",
        .status = "True",
        .reason = "KubeletReady",
        .message = "kubelet is posting ready status"};
    for (size_t i = 0; i < NODE_CONDITIONS; i++) {
        c[i].last_heartbeat_time = t->now;
        c[i].last_transition_time = t->changed[i];
    }
}

/* Everything of the status on the caller's frame: encoded before it is left. */
struct parts {
    struct texts t;
    struct node_condition conditions[NODE_CONDITIONS];
    struct node_address addresses[2];
    struct str_pair resources[4];
    struct node_system_info info;
    struct daemon_endpoint endpoint;
    struct node_daemon_endpoints endpoints;
    struct node_status status;
};

static void fill(struct kubelet *k, const struct node_facts *f, const struct node_pressure *p,
    const int64_t changed_ns[NODE_CONDITIONS], struct parts *x)
{
    struct texts *t = &x->t;
    clock_rfc3339(clock_now_ns(), t->now);
    fill_conditions(p, changed_ns, t, x->conditions);
    snprintf(t->cpu, sizeof(t->cpu), "%lld", (long long)f->cpus);
    snprintf(t->memory, sizeof(t->memory), "%lldKi", (long long)f->memory / 1024);
    snprintf(t->storage, sizeof(t->storage), "%lldKi", (long long)f->storage / 1024);
    snprintf(t->pods, sizeof(t->pods), "%d", NODE_MAX_PODS);
    snprintf(t->runtime, sizeof(t->runtime), "wherry://%s", wherry_version());
    x->resources[0] = (struct str_pair){"cpu", t->cpu};
    x->resources[1] = (struct str_pair){"ephemeral-storage", t->storage};
    x->resources[2] = (struct str_pair){"memory", t->memory};
    x->resources[3] = (struct str_pair){"pods", t->pods};
    x->addresses[0] = (struct node_address){"InternalIP", k->o.node_ip};
    x->addresses[1] = (struct node_address){"Hostname", k->o.node_name};
    x->info = (struct node_system_info){.machine_id = f->machine_id,
        .system_uuid = f->system_uuid,
        .boot_id = f->boot_id,
        .kernel_version = f->kernel,
        .os_image = f->os_image,
        .container_runtime_version = t->runtime,
        .kubelet_version = WHERRY_KUBERNETES_VERSION,
        .kube_proxy_version = "",
        .operating_system = "linux",
        .architecture = f->machine};
    x->endpoint.port = (struct opt_int){true, k->o.port};
    x->endpoints.kubelet_endpoint = &x->endpoint;
    x->status = (struct node_status){.capacity = {4, x->resources},
        .allocatable = {4, x->resources},
        .daemon_endpoints = &x->endpoints,
        .node_info = &x->info};
    x->status.conditions.n = NODE_CONDITIONS;
    x->status.conditions.v = x->conditions;
    x->status.addresses.n = 2;
    x->status.addresses.v = x->addresses;
}

void node_facts_write_status(struct kubelet *k, const struct node_facts *f, const struct node_pressure *p,
    const int64_t changed_ns[NODE_CONDITIONS], struct buf *out)
{
    struct parts x = {0};
    struct json_out o = {.buf = out};
    fill(k, f, p, changed_ns, &x);
    fields_encode(&node_status_fields, &x.status, &o, NULL);
}

void node_facts_write_node(struct kubelet *k, const struct node_facts *f, const struct node_pressure *p,
    const int64_t changed_ns[NODE_CONDITIONS], struct buf *out)
{
    struct parts x = {0};
    struct str_pair labels[] = {{"beta.kubernetes.io/arch", f->machine}, {"beta.kubernetes.io/os", "linux"},
        {"kubernetes.io/arch", f->machine}, {"kubernetes.io/hostname", k->o.node_name},
        {"kubernetes.io/os", "linux"}};
    struct object_meta meta = {.name = k->o.node_name, .labels = {ARRAY_SIZE(labels), labels}};
    struct node_spec spec = {.pod_cidr = k->o.pod_cidr && *k->o.pod_cidr ? k->o.pod_cidr : NULL};
    struct node node = {
        .api_version = "v1", .kind = "Node", .metadata = &meta, .spec = &spec, .status = &x.status};
    struct json_out o = {.buf = out};
    fill(k, f, p, changed_ns, &x);
    fields_encode(&node_fields, &node, &o, NULL);
}
