/* CNI operations: one plugin after the other, each a process with a deadline. See cni.h. */
#include "kubelet/cni.h"
#include "kubelet/limiter.h"
#include "kubelet/node_agent.h"
#include "lib/api/cni.h"
#include "lib/api/paths.h"
#include "lib/file.h"
#include "lib/loop.h"
#include "lib/spawn.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CNI_OUT = 1 << 20 };

struct cni_op {
    struct kubelet *kubelet;
    struct arena *arena;
    char *uid;
    const char *ns, *name;
    bool del;
    int64_t shim_pid;
    struct cni_list list;
    const char *list_text;
    size_t list_len;
    const struct json *capability_args; /* may be NULL */
    const struct json *result;          /* of the last plugin (ADD), of ADD (DEL) */
    size_t done_plugins;
    struct ticket *ticket;
    struct spawn *spawn;
    struct deferred *end; /* the answer, where nothing has to be run */
    struct err *error;
    cni_done_fn *done;
    void *arg;
};

static void op_free(struct cni_op *op)
{
    spawn_cancel(op->spawn);
    limiter_end(op->ticket);
    deferred_free(op->end);
    err_free(op->error);
    arena_free(op->arena);
    free(op->uid);
    free(op);
}

void cni_cancel(struct cni_op *op)
{
    if (op)
        op_free(op);
}

/* --- the list */

static int is_list(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return d->d_name[0] != '.' && dot && (strcmp(dot, ".conflist") == 0 || strcmp(dot, ".conf") == 0);
}

/* The first list of the user's; *ret NULL: there is none. */
static struct err *user_list(struct cni_op *op, const char **ret, size_t *ret_len)
{
    auto_free char *dir = mem_printf("%s/net.d", op->kubelet->path.cni_state);
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_list, alphasort);
    struct err *e = NULL;
    *ret = NULL;
    if (n > 0) {
        auto_free char *path = mem_printf("%s/%s", dir, names[0]->d_name);
        auto_free char *text = NULL;
        e = file_read(AT_FDCWD, path, CNI_OUT, &text, ret_len);
        if (!e)
            *ret = arena_strndup(op->arena, text, *ret_len);
    }
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return e;
}

static struct err *own_list(struct cni_op *op, const char **ret, size_t *ret_len)
{
    struct kubelet *k = op->kubelet;
    const char *cidr = node_agent_pod_cidr(k);
    if (!cidr)
        return err_new(ERR_UNAVAILABLE, "this node has no podCIDR yet");
    auto_buf b = BUF_INIT(CNI_OUT);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_str(&o, "cniVersion", "1.0.0");
    json_out_str(&o, "name", "wherry");
    json_out_array(&o, "plugins");
    json_out_object(&o, NULL);
    json_out_str(&o, "type", "bridge");
    json_out_str(&o, "bridge", "wherry0");
    json_out_bool(&o, "isDefaultGateway", true);
    /* Pods of one node talk through the host's IP stack, where Services turn their answers around too. */
    json_out_bool(&o, "viaGateway", true);
    json_out_array(&o, "nonMasqueradeCIDRs");
    json_out_str(&o, NULL, PATHS_CLUSTER_CIDR);
    json_out_end_array(&o);
    json_out_object(&o, "ipam");
    json_out_str(&o, "type", "host-local");
    json_out_array(&o, "ranges");
    json_out_array(&o, NULL);
    json_out_object(&o, NULL);
    json_out_str(&o, "subnet", cidr);
    json_out_end_object(&o);
    json_out_end_array(&o);
    json_out_end_array(&o);
    auto_free char *data = mem_printf("%s/networks", k->path.cni_state);
    json_out_str(&o, "dataDir", data);
    json_out_end_object(&o);
    json_out_end_object(&o);
    /* Without ports to map the plugin would do nothing: its process is saved. */
    if (op->capability_args) {
        json_out_object(&o, NULL);
        json_out_str(&o, "type", "portmap");
        json_out_object(&o, "capabilities");
        json_out_bool(&o, "portMappings", true);
        json_out_end_object(&o);
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    *ret_len = b.len;
    *ret = arena_strndup(op->arena, buf_str(&b), b.len);
    return NULL;
}

static struct err *op_list(struct cni_op *op)
{
    TRY_WRAP(user_list(op, &op->list_text, &op->list_len), "CNI list");
    if (!op->list_text)
        TRY(own_list(op, &op->list_text, &op->list_len));
    return err_wrap(cni_list_parse(op->arena, op->list_text, op->list_len, &op->list), "CNI list");
}

/* hostPorts of all containers, as the capability portMappings; NULL: none. */
static const struct json *port_mappings(struct arena *a, const struct pod_spec *s)
{
    auto_buf b = BUF_INIT(CNI_OUT);
    struct json_out o = {.buf = &b};
    size_t n = 0;
    json_out_object(&o, NULL);
    json_out_array(&o, "portMappings");
    for (size_t i = 0; i < s->containers.n + s->init_containers.n; i++) {
        const struct container *c =
            i < s->containers.n ? &s->containers.v[i] : &s->init_containers.v[i - s->containers.n];
        for (size_t p = 0; p < c->ports.n; p++) {
            const struct container_port *x = &c->ports.v[p];
            if (opt_int_or(x->host_port, 0) == 0)
                continue;
            const char *udp = x->protocol && strcmp(x->protocol, "UDP") == 0 ? "udp" : "tcp";
            json_out_object(&o, NULL);
            json_out_int(&o, "hostPort", x->host_port.v);
            json_out_int(&o, "containerPort", x->container_port.v);
            json_out_str(&o, "protocol", x->protocol && strcmp(x->protocol, "SCTP") == 0 ? "sctp" : udp);
            if (x->host_ip && *x->host_ip)
                json_out_str(&o, "hostIP", x->host_ip);
            json_out_end_object(&o);
            n++;
        }
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
    const struct json *j = NULL;
    if (n)
        err_free(json_parse(a, buf_str(&b), b.len, NULL, &j));
    return j;
}

/* --- what is kept */

static char *kept_path(struct kubelet *k, const char *uid)
{
    return mem_printf("%s/results/%s.json", k->path.cni_state, uid);
}

static struct err *keep(struct cni_op *op)
{
    auto_buf b = BUF_INIT(4 * CNI_OUT);
    struct json_out o = {.buf = &b};
    json_out_object(&o, NULL);
    json_out_int(&o, "version", 1);
    json_out_str(&o, "namespace", op->ns);
    json_out_str(&o, "name", op->name);
    json_out_raw(&o, "list", op->list_text, op->list_len);
    if (op->capability_args)
        json_out_value(&o, "capabilityArgs", op->capability_args);
    if (op->result)
        json_out_value(&o, "result", op->result);
    json_out_end_object(&o);
    auto_free char *path = kept_path(op->kubelet, op->uid);
    return file_write_atomic(AT_FDCWD, path, buf_str(&b), b.len, 0600, FILE_NO_FSYNC);
}

/* *ret NULL: nothing is kept. */
static struct err *kept_read(struct kubelet *k, const char *uid, struct arena *a, const struct json **ret)
{
    auto_free char *path = kept_path(k, uid), *text = NULL;
    size_t len;
    *ret = NULL;
    struct err *e = file_read(AT_FDCWD, path, 4 * CNI_OUT, &text, &len);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_free(e);
        return NULL;
    }
    if (!e)
        e = json_parse(a, text, len, NULL, ret);
    return err_wrap(e, "%s", path);
}

static const char *result_ip(struct arena *a, const struct json *result)
{
    struct cni_result r;
    struct err *e = result ? cni_result_decode(a, result, &r) : NULL;
    if (e || !result || r.ips.n == 0 || !r.ips.v[0].address) {
        err_free(e);
        return NULL;
    }
    const char *address = r.ips.v[0].address;
    return arena_strndup(a, address, strcspn(address, "/"));
}

char *cni_kept_ip(struct kubelet *k, const char *uid)
{
    auto_arena *a = arena_new();
    const struct json *kept;
    struct err *e = kept_read(k, uid, a, &kept);
    const char *ip = e ? NULL : result_ip(a, json_get(kept, "result"));
    err_free(e);
    return mem_strdup(ip);
}

bool cni_is_kept(struct kubelet *k, const char *uid)
{
    auto_free char *path = kept_path(k, uid);
    return file_exists(AT_FDCWD, path);
}

void cni_each_kept(struct kubelet *k, void (*fn)(void *arg, const char *uid), void *arg)
{
    auto_free char *dir = mem_printf("%s/results", k->path.cni_state);
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *dot = strrchr(names[i]->d_name, '.');
        if (dot && dot != names[i]->d_name && strcmp(dot, ".json") == 0) {
            *dot = '\0';
            fn(arg, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
}

/* --- running */

static void op_end(void *arg)
{
    struct cni_op *op = arg;
    cni_done_fn *done = op->done;
    void *done_arg = op->arg;
    auto_err *e = take_ptr(op->error);
    auto_free char *ip = e || op->del ? NULL : mem_strdup(result_ip(op->arena, op->result));
    op_free(op);
    done(done_arg, e, ip);
}

static void op_fail(struct cni_op *op, struct err *e)
{
    op->error = e;
    op_end(op);
}

static void op_next(struct cni_op *op);

static struct err *plugin_error(const struct spawn_result *r, const char *type)
{
    if (!r->timed_out && r->out.len) {
        struct err *e = cni_error_decode(buf_str(&r->out), r->out.len);
        if (e)
            return err_wrap(e, "plugin %s", type);
    }
    auto_free char *what = mem_printf("plugin %s", type);
    return spawn_result_err(r, what);
}

static void plugin_done(void *arg, const struct spawn_result *r)
{
    struct cni_op *op = arg;
    size_t i = op->del ? op->list.n - 1 - op->done_plugins : op->done_plugins;
    const char *type = op->list.plugins[i].type;
    op->spawn = NULL;
    auto_err *status = spawn_result_err(r, type);
    if (status) {
        op_fail(op, plugin_error(r, type));
        return;
    }
    if (!op->del) {
        struct err *e = json_parse(op->arena, buf_str(&r->out), r->out.len, NULL, &op->result);
        if (e) {
            op_fail(op, err_wrap(e, "plugin %s: result", type));
            return;
        }
    }
    op->done_plugins++;
    op_next(op);
}

static struct err *plugin_start(struct cni_op *op, size_t i)
{
    struct kubelet *k = op->kubelet;
    struct arena *a = op->arena;
    const char *type = op->list.plugins[i].type;
    auto_buf in = BUF_INIT(4 * CNI_OUT);
    cni_request(&op->list, i, op->capability_args, op->result, NULL, &in);
    TRY(buf_check(&in, "plugin's configuration"));
    const char *netns = op->shim_pid ? arena_printf(a, "/proc/%lld/ns/net", (long long)op->shim_pid) : "";
    const char *envp[] = {
        op->del ? "CNI_COMMAND=DEL" : "CNI_COMMAND=ADD",
        arena_printf(a, "CNI_CONTAINERID=%s", op->uid),
        arena_printf(a, "CNI_NETNS=%s", netns),
        "CNI_IFNAME=eth0",
        arena_printf(a,
            "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=%s;K8S_"
            "POD_UID=%s",
            op->ns, op->name, op->uid, op->uid),
        arena_printf(a, "CNI_PATH=%s", k->path.cni),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        NULL,
    };
    /* The user's folder of plugins comes after ours. */
    const char *program = arena_printf(a, "%s/%s", k->path.cni, type);
    if (strchr(type, '/') || access(program, X_OK) != 0)
        return err_new(ERR_NOT_FOUND, "plugin %s: not found in %s", type, k->path.cni);
    const char *argv[] = {program, NULL};
    struct spawn_opts o = {.argv = argv,
        .envp = envp,
        .in = buf_str(&in),
        .in_len = in.len,
        .out_max = CNI_OUT,
        .err_max = 4096,
        .deadline_ms = (uint64_t)k->o.cni_timeout * 1000};
    return err_wrap(spawn_start(k->loop, &o, plugin_done, op, &op->spawn), "plugin %s", type);
}

static void op_next(struct cni_op *op)
{
    struct err *e = NULL;
    if (op->done_plugins < op->list.n) {
        e = plugin_start(op, op->del ? op->list.n - 1 - op->done_plugins : op->done_plugins);
        if (e)
            op_fail(op, e);
        return;
    }
    if (op->del) {
        auto_free char *path = kept_path(op->kubelet, op->uid);
        unlink(path);
    } else {
        e = keep(op);
    }
    op_fail(op, e);
}

static void op_turn(void *arg)
{
    op_next(arg);
}

static struct cni_op *op_new(struct kubelet *k, const char *uid, bool del, cni_done_fn *done, void *arg)
{
    struct cni_op *op = mem_new(struct cni_op);
    *op = (struct cni_op){.kubelet = k, .arena = arena_new(), .del = del, .done = done, .arg = arg};
    op->uid = mem_strdup(uid);
    op->end = deferred_new(k->loop, op_end, op);
    return op;
}

struct cni_op *cni_add(struct worker *w, int64_t shim_pid, cni_done_fn *done, void *arg)
{
    struct cni_op *op = op_new(w->kubelet, w->uid, false, done, arg);
    op->ns = arena_strdup(op->arena, w->ns);
    op->name = arena_strdup(op->arena, w->name);
    op->shim_pid = shim_pid;
    op->capability_args = port_mappings(op->arena, w->desired->pod->spec);
    op->error = op_list(op);
    if (!op->error)
        op->error = keep(op);
    if (op->error)
        deferred_call(op->end);
    else
        op->ticket = limiter_begin(w->kubelet->spawns, op_turn, op);
    return op;
}

struct cni_op *cni_del(struct kubelet *k, const char *uid, int64_t shim_pid, cni_done_fn *done, void *arg)
{
    struct cni_op *op = op_new(k, uid, true, done, arg);
    const struct json *kept = NULL;
    op->shim_pid = shim_pid;
    op->error = kept_read(k, uid, op->arena, &kept);
    if (!op->error && kept) {
        const char *ns = json_str(json_get(kept, "namespace")), *name = json_str(json_get(kept, "name"));
        op->ns = ns ? ns : "";
        op->name = name ? name : "";
        op->capability_args = json_get(kept, "capabilityArgs");
        op->result = json_get(kept, "result");
        struct buf text = BUF_INIT(CNI_OUT);
        json_write(&text, json_get(kept, "list"), 0);
        op->list_text = arena_strndup(op->arena, buf_str(&text), text.len);
        op->list_len = text.len;
        buf_done(&text);
        op->error = cni_list_parse(op->arena, op->list_text, op->list_len, &op->list);
    }
    if (op->error || !kept)
        deferred_call(op->end);
    else
        op->ticket = limiter_begin(k->spawns, op_turn, op);
    return op;
}
