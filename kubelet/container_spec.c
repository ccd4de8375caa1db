/* Pod -> config.json, see container_spec.h. */
#include "kubelet/container_spec.h"
#include "kubelet/cgroups.h"
#include "kubelet/env.h"
#include "kubelet/mounts_spec.h"
#include "kubelet/node_agent.h"
#include "kubelet/objects.h"
#include "kubelet/sandbox.h"
#include "kubelet/seccomp_default.h"
#include "kubelet/services.h"
#include "lib/api/quantity.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is(const char *s, const char *what)
{
    return s && strcmp(s, what) == 0;
}

/* What builds one config: everything that its parts need. */
struct build {
    struct instance *instance;
    struct worker *worker;
    struct kubelet *kubelet;
    const struct pod *pod;
    const struct container *c;
    const struct security_context *sc;      /* of the container; never NULL */
    const struct pod_security_context *psc; /* never NULL */
    struct held_image *image;
    struct arena *a;
    struct str_list caps;
    struct str_map vars;
    struct container_spec *out;
    bool privileged;
};

/* --- the process */

static const struct json *lookup_object(void *arg, bool secret, const char *ns, const char *name)
{
    struct build *b = arg;
    return objects_get(b->kubelet->objects, secret, ns, name);
}

static struct err *build_env(struct build *b, struct oci_process *p)
{
    struct kubelet *k = b->kubelet;
    struct field_context x = {.node_name = k->o.node_name,
        .host_ip = k->o.node_ip,
        .pod_ip = b->worker->pod_ip,
        .node_milli_cpu = node_agent_milli_cpu(k),
        .node_memory = node_agent_memory(k),
        .node_storage = node_agent_storage(k)};
    struct str_map service_env = {0};
    services_env(k->services, b->a, b->worker->ns, opt_bool_or(b->pod->spec->enable_service_links, true),
        &service_env);
    const struct image_config *config = b->image->image.config;
    struct env_in in = {.pod = b->pod,
        .container = b->c,
        .fields = &x,
        .image_env = config ? &config->env : NULL,
        .hostname = sandbox_hostname(b->worker),
        .service_env = &service_env,
        .object = lookup_object,
        .arg = b};
    TRY(env_build(b->a, &in, &p->env, &b->vars));
    if (opt_bool_or(b->c->tty, false))
        env_for_terminal(b->a, &p->env);
    return NULL;
}

static struct err *build_args(struct build *b, struct oci_process *p)
{
    const struct image_config *config = b->image->image.config;
    const struct str_list none = {0};
    const struct str_list *command = &b->c->command, *args = &b->c->args;
    if (command->n == 0) {
        command = config ? &config->entrypoint : &none;
        if (args->n == 0 && config)
            args = &config->cmd;
    }
    bool own_command = b->c->command.n > 0, own_args = b->c->args.n > 0;
    p->args.v = arena_array(b->a, command->n + args->n + 1, sizeof(*p->args.v));
    for (size_t i = 0; i < command->n; i++)
        p->args.v[p->args.n++] = own_command ? env_expand(b->a, command->v[i], &b->vars) : command->v[i];
    for (size_t i = 0; i < args->n; i++)
        p->args.v[p->args.n++] = own_args ? env_expand(b->a, args->v[i], &b->vars) : args->v[i];
    if (p->args.n == 0)
        return err_new(ERR_INVALID, "no command specified");
    return NULL;
}

static void add_group(struct int_list *l, int64_t gid)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == gid)
            return;
    l->v[l->n++] = gid;
}

static struct err *build_user(struct build *b, struct oci_process *p)
{
    struct account_user *u = &b->out->user;
    const struct image_config *config = b->image->image.config;
    const char *image_user = config && config->user ? config->user : "";
    struct opt_int uid = b->sc->run_as_user.set ? b->sc->run_as_user : b->psc->run_as_user;
    struct opt_int gid = b->sc->run_as_group.set ? b->sc->run_as_group : b->psc->run_as_group;
    bool non_root =
        b->sc->run_as_non_root.set ? b->sc->run_as_non_root.v : opt_bool_or(b->psc->run_as_non_root, false);
    TRY(accounts_resolve(b->image, b->a, image_user, uid, gid, u));
    if (non_root && !uid.set && u->by_name)
        return err_new(ERR_DENIED,
            "container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root "
            "(pod: "
            "\"%s_%s(%s)\", container: %s)",
            image_user, b->worker->name, b->worker->ns, b->worker->uid, b->c->name);
    if (non_root && u->uid == 0)
        return err_new(ERR_DENIED, "container has runAsNonRoot and %s (pod: \"%s_%s(%s)\", container: %s)",
            uid.set ? "runAsUser is root" : "image will run as root", b->worker->name, b->worker->ns,
            b->worker->uid, b->c->name);
    struct int_list groups = {
        .v = arena_array(b->a, u->groups.n + b->psc->supplemental_groups.n + 3, sizeof(int64_t))};
    add_group(&groups, u->gid);
    if (!is(b->psc->supplemental_groups_policy, "Strict"))
        for (size_t i = 0; i < u->groups.n; i++)
            add_group(&groups, u->groups.v[i]);
    for (size_t i = 0; i < b->psc->supplemental_groups.n; i++)
        add_group(&groups, b->psc->supplemental_groups.v[i]);
    if (b->psc->fs_group.set)
        add_group(&groups, b->psc->fs_group.v);
    u->groups = groups;
    p->user = arena_new_obj(b->a, struct oci_user);
    *p->user = (struct oci_user){.uid = {true, u->uid}, .gid = {true, u->gid}, .additional_gids = groups};
    return NULL;
}

/* No guarantee: may be killed for memory first, the more so the less it asked for. */
int64_t container_spec_oom_score(const struct pod_spec *s, const struct container *c, int64_t node_memory)
{
    if (is(s->priority_class_name, "system-node-critical"))
        return -997;
    switch (pod_qos(s)) {
    case POD_GUARANTEED:
        return -997;
    case POD_BEST_EFFORT:
        return 1000;
    default:
        break;
    }
    int64_t request = container_request(c, "memory");
    int64_t score = node_memory > 0 ? 1000 - 1000 * request / node_memory : 1000;
    return score < 3 ? 3 : score > 999 ? 999 : score;
}

static struct err *build_process(struct build *b, struct oci_process *p)
{
    const struct image_config *config = b->image->image.config;
    TRY(build_user(b, p));
    TRY(build_env(b, p));
    TRY(build_args(b, p));
    p->terminal = (struct opt_bool){true, opt_bool_or(b->c->tty, false)};
    p->cwd = b->c->working_dir && *b->c->working_dir ? env_expand(b->a, b->c->working_dir, &b->vars)
             : config && config->working_dir && *config->working_dir ? config->working_dir
                                                                     : "/";
    container_spec_caps(b->a, b->c->security_context, &b->caps);
    p->capabilities = arena_new_obj(b->a, struct oci_capabilities);
    *p->capabilities =
        (struct oci_capabilities){.bounding = b->caps, .effective = b->caps, .permitted = b->caps};
    /* Asked not to escalate: set; a user that is root or has nothing to gain keeps what Kubernetes does. */
    p->no_new_privileges = (struct opt_bool){
        true, b->sc->allow_privilege_escalation.set && !b->sc->allow_privilege_escalation.v};
    p->oom_score_adj =
        (struct opt_int){true, container_spec_oom_score(b->pod->spec, b->c, node_agent_memory(b->kubelet))};
    return NULL;
}

/* --- linux */

static const char *const masked[] = {"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore",
    "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
    "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"};
static const char *const readonly[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

static void build_namespaces(struct build *b, struct oci_linux *l)
{
    const struct pod_spec *s = b->pod->spec;
    struct oci_namespace *ns = arena_array(b->a, 4, sizeof(*ns));
    size_t n = 0;
    ns[n++].type = "mount";
    if (opt_bool_or(s->share_process_namespace, false))
        ns[n++] = (struct oci_namespace){
            "pid", arena_printf(b->a, "/proc/%lld/ns/pid", (long long)sandbox_pause_pid(b->worker))};
    else if (!opt_bool_or(s->host_pid, false))
        ns[n++].type = "pid";
    if (cgroup_host_mode(b->kubelet->cgroups) == CGROUP_V2 && !b->privileged)
        ns[n++].type = "cgroup";
    l->namespaces.v = ns;
    l->namespaces.n = n;
}

static void build_devices(struct build *b, struct oci_resources *r)
{
    static const struct {
        const char *type;
        int major, minor;
    } usual[] = {{"c", 1, 3}, {"c", 1, 5}, {"c", 1, 7}, {"c", 1, 8}, {"c", 1, 9}, {"c", 5, 0}, {"c", 5, 2},
        {"c", 136, -1}};
    struct oci_device_rule *v = arena_array(b->a, ARRAY_SIZE(usual) + 3, sizeof(*v));
    size_t n = 0;
    v[n++] = (struct oci_device_rule){.allow = {true, b->privileged}, .access = "rwm"};
    for (size_t i = 0; !b->privileged && i < ARRAY_SIZE(usual); i++)
        v[n++] = (struct oci_device_rule){.allow = {true, true},
            .type = usual[i].type,
            .major = {true, usual[i].major},
            .minor = {usual[i].minor >= 0, usual[i].minor},
            .access = "rwm"};
    if (!b->privileged) { /* a node may be made (CAP_MKNOD), not used */
        v[n++] = (struct oci_device_rule){.allow = {true, true}, .type = "c", .access = "m"};
        v[n++] = (struct oci_device_rule){.allow = {true, true}, .type = "b", .access = "m"};
    }
    r->devices.v = v;
    r->devices.n = n;
}

static void build_resources(struct build *b, struct oci_linux *l)
{
    struct oci_resources *r = l->resources = arena_new_obj(b->a, struct oci_resources);
    int64_t cpu = container_request(b->c, "cpu"), limit = container_limit(b->c, "cpu"),
            memory = container_limit(b->c, "memory");
    build_devices(b, r);
    r->cpu = arena_new_obj(b->a, struct oci_cpu);
    r->cpu->shares = (struct opt_int){true, cgroups_shares(cpu)};
    if (limit > 0) {
        r->cpu->quota = (struct opt_int){true, cgroups_quota(limit)};
        r->cpu->period = (struct opt_int){true, 100000};
    }
    if (memory > 0) {
        r->memory = arena_new_obj(b->a, struct oci_memory);
        r->memory->limit = (struct opt_int){true, memory};
        r->memory->swap = (struct opt_int){true, memory}; /* memory and swap in all: no swap */
    }
    if (cgroup_host_mode(b->kubelet->cgroups) == CGROUP_V2) {
        struct str_pair *u = arena_array(b->a, 1, sizeof(*u));
        u[0] = (struct str_pair){"memory.oom.group", "1"};
        r->unified = (struct str_map){.n = memory > 0, .v = u};
    }
}

static struct err *build_seccomp(struct build *b, struct oci_linux *l, bool *ret_create)
{
    const struct seccomp_profile *p =
        b->sc->seccomp_profile ? b->sc->seccomp_profile : b->psc->seccomp_profile;
    const char *type = p && p->type ? p->type : "RuntimeDefault";
    if (b->privileged || strcmp(type, "Unconfined") == 0)
        return NULL;
    *ret_create = true;
    if (strcmp(type, "Localhost") == 0)
        return seccomp_localhost(
            b->a, b->kubelet->path.seccomp, p->localhost_profile ? p->localhost_profile : "", &l->seccomp);
    if (strcmp(type, "RuntimeDefault") != 0)
        return err_new(ERR_INVALID, "seccompProfile.type: \"%s\" is unknown", type);
    TRY(seccomp_default(b->a, &b->caps, &l->seccomp));
    *ret_create = false;
    return NULL;
}

static struct err *build_linux(struct build *b, struct oci_linux *l, bool *ret_create)
{
    auto_free char *pod_cgroup = cgroups_pod_path(b->worker);
    l->cgroups_path = arena_printf(b->a, "%s/%s", pod_cgroup, b->instance->cid);
    build_namespaces(b, l);
    build_resources(b, l);
    TRY(build_seccomp(b, l, ret_create));
    if (!b->privileged && !is(b->sc->proc_mount, "Unmasked")) {
        l->masked_paths = (struct str_list){ARRAY_SIZE(masked), (const char **)masked};
        l->readonly_paths = (struct str_list){ARRAY_SIZE(readonly), (const char **)readonly};
    }
    return NULL;
}

static struct err *build(struct build *b, bool *ret_create)
{
    struct oci_config *c = &b->out->config;
    c->oci_version = OCI_VERSION;
    c->process = arena_new_obj(b->a, struct oci_process);
    c->root = arena_new_obj(b->a, struct oci_root);
    c->root->path = "rootfs";
    c->root->readonly = (struct opt_bool){true, opt_bool_or(b->sc->read_only_root_filesystem, false)};
    c->linux_ = arena_new_obj(b->a, struct oci_linux);
    TRY(build_process(b, c->process));
    TRY(build_linux(b, c->linux_, ret_create));
    struct mounts_spec_in in = {.instance = b->instance,
        .vars = &b->vars,
        .privileged = b->privileged,
        .arena = b->a,
        .fds = b->out->fds,
        .n_fds = &b->out->n_fds};
    struct mounts_spec_out m = {0};
    TRY(mounts_spec_build(&in, &m, ret_create));
    c->mounts.n = m.n;
    c->mounts.v = m.v;
    c->linux_->rootfs_propagation = m.rootfs_propagation;
    return NULL;
}

struct err *container_spec_build(struct instance *i, struct held_image *image, struct arena *a,
    struct container_spec *ret, bool *ret_create)
{
    static const struct security_context no_sc;
    static const struct pod_security_context no_psc;
    const struct pod *pod = i->worker->desired->pod;
    *ret = (struct container_spec){0};
    *ret_create = false;
    struct build b = {.instance = i,
        .worker = i->worker,
        .kubelet = i->worker->kubelet,
        .pod = pod,
        .c = i->spec,
        .sc = i->spec->security_context ? i->spec->security_context : &no_sc,
        .psc = pod->spec->security_context ? pod->spec->security_context : &no_psc,
        .image = image,
        .a = a,
        .out = ret};
    b.privileged = opt_bool_or(b.sc->privileged, false);
    struct err *e = build(&b, ret_create);
    if (e)
        container_spec_close(ret);
    return e;
}

void container_spec_close(struct container_spec *s)
{
    while (s->n_fds)
        close(s->fds[--s->n_fds]);
}

char *container_spec_termination_log(const struct instance *i, const char *cid)
{
    return mem_printf("%s/%s/containers/%s/%s", i->worker->kubelet->path.pods, i->worker->uid, i->name, cid);
}
