/* Certificates. Keys never leave pki/ but in kubeconfigs, which are as secret (0600). */
#include "master/pki.h"
#include "lib/api/paths.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CA_DAYS 3650
#define LEAF_DAYS 365
#define PEM_MAX 65536

struct making {
    const struct pki_opts *o;
    const char *ca_cert, *ca_key; /* paths */
    const char *dir;              /* where pairs go */
    struct arena *a;
    const char *configs; /* where kubeconfigs go */
};

static const char *in_dir(struct making *m, const char *name, const char *suffix)
{
    return arena_printf(m->a, "%s/%s%s", m->dir, name, suffix);
}

static struct err *make_leaf(struct making *m, const char *name, const struct tls_leaf *leaf)
{
    return err_wrap(
        tls_leaf_ensure(m->ca_cert, m->ca_key, leaf, in_dir(m, name, ".crt"), in_dir(m, name, ".key")),
        "certificate %s", name);
}

static struct err *make_client(struct making *m, const char *name, const char *user, const char *group)
{
    struct tls_leaf leaf = {.subject = {user, {group ? 1 : 0, &group}}, .client = true, .days = LEAF_DAYS};
    return make_leaf(m, name, &leaf);
}

static struct err *make_api_server(struct making *m, const char *node)
{
    const char *names[] = {"kubernetes", "kubernetes.default", "kubernetes.default.svc",
        "kubernetes.default.svc." PATHS_CLUSTER_DOMAIN, "localhost", node};
    const char *ips[] = {m->o->kubernetes_ip, "127.0.0.1", m->o->advertise};
    struct tls_leaf leaf = {.subject = {"kube-apiserver", {0}},
        .dns_names = {ARRAY_SIZE(names), names},
        .ip_addresses = {ARRAY_SIZE(ips), ips},
        .server = true,
        .days = LEAF_DAYS};
    return make_leaf(m, "apiserver", &leaf);
}

static struct err *make_kubelet(struct making *m, const char *node, const char *ip)
{
    const char *user = arena_printf(m->a, "system:node:%s", node);
    TRY(make_client(m, "kubelet", user, "system:nodes"));
    struct tls_leaf leaf = {.subject = {node, {0}},
        .dns_names = {1, &node},
        .ip_addresses = {1, &ip},
        .server = true,
        .days = LEAF_DAYS};
    return make_leaf(m, "kubelet-server", &leaf);
}

static struct err *add_file(struct buf *b, const char *key, const char *path)
{
    auto_free char *pem = NULL;
    size_t len;
    TRY(file_read(AT_FDCWD, path, PEM_MAX, &pem, &len));
    buf_addf(b, "%s: ", key);
    base64_encode(pem, len, b);
    buf_addc(b, '\n');
    return NULL;
}

static struct err *write_kubeconfig(struct making *m, const char *name, const char *user)
{
    auto_buf b = BUF_INIT(8 * PEM_MAX);
    buf_adds(&b, "apiVersion: v1\nkind: Config\nclusters:\n- name: wherry\n  cluster:\n");
    buf_addf(&b, "    server: https://%s:%u\n", m->o->advertise, m->o->port);
    TRY(add_file(&b, "    certificate-authority-data", m->ca_cert));
    buf_addf(&b, "users:\n- name: %s\n  user:\n", user);
    TRY(add_file(&b, "    client-certificate-data", in_dir(m, name, ".crt")));
    TRY(add_file(&b, "    client-key-data", in_dir(m, name, ".key")));
    buf_addf(&b,
        "contexts:\n- name: wherry\n  context:\n    cluster: wherry\n    user: %s\n"
        "current-context: wherry\n",
        user);
    const char *path = arena_printf(m->a, "%s/%s.kubeconfig", m->configs, name);
    auto_free char *there = NULL; /* unchanged: not written again */
    auto_err *e = file_read(AT_FDCWD, path, 8 * PEM_MAX, &there, NULL);
    if (!e && !strcmp(there, buf_str(&b)))
        return NULL;
    return file_write_atomic(AT_FDCWD, path, b.data, b.len, 0600, FILE_FSYNC);
}

static const char *this_host(struct arena *a)
{
    char name[256] = "localhost";
    gethostname(name, sizeof(name) - 1);
    for (char *p = name; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    return arena_strdup(a, name);
}

static void begin(struct making *m, const struct pki_opts *o, const char *dir)
{
    m->o = o;
    m->ca_cert = arena_printf(m->a, "%s/pki/ca.crt", o->state);
    m->ca_key = arena_printf(m->a, "%s/pki/ca.key", o->state);
    m->dir = dir ? dir : arena_printf(m->a, "%s/pki", o->state);
    m->configs = dir ? dir : o->state;
}

struct err *pki_ensure(const struct pki_opts *o)
{
    auto_arena *a = arena_new();
    struct making m = {.a = a};
    begin(&m, o, NULL);
    const char *node = o->node ? o->node : this_host(a);
    TRY(file_mkdirs(AT_FDCWD, m.dir, 0700, NULL));
    TRY_WRAP(tls_ca_ensure(m.ca_cert, m.ca_key, "wherry", CA_DAYS), "the CA");
    TRY(make_api_server(&m, node));
    TRY(make_client(&m, "admin", "admin", "system:masters"));
    TRY(make_client(&m, "apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"));
    TRY(make_client(&m, "proxy", "system:kube-proxy", "system:node-proxier"));
    TRY(make_kubelet(&m, node, o->node_ip ? o->node_ip : o->advertise));
    TRY(write_kubeconfig(&m, "admin", "admin"));
    TRY(write_kubeconfig(&m, "kubelet", "kubelet"));
    return write_kubeconfig(&m, "proxy", "proxy");
}

struct err *pki_node_credentials(const struct pki_opts *o, const char *out)
{
    auto_arena *a = arena_new();
    struct making m = {.a = a};
    begin(&m, o, out);
    if (!file_exists(AT_FDCWD, m.ca_key))
        return err_new(
            ERR_NOT_FOUND, "%s: no CA here: was a master ever started with this --state?", m.ca_key);
    auto_free char *ca = NULL;
    size_t len;
    TRY(file_mkdirs(AT_FDCWD, out, 0700, NULL));
    TRY(file_read(AT_FDCWD, m.ca_cert, PEM_MAX, &ca, &len));
    TRY(file_write_atomic(AT_FDCWD, in_dir(&m, "ca", ".crt"), ca, len, 0644, FILE_FSYNC));
    TRY(make_kubelet(&m, o->node, o->node_ip));
    TRY(make_client(&m, "proxy", "system:kube-proxy", "system:node-proxier"));
    TRY(write_kubeconfig(&m, "kubelet", "kubelet"));
    return write_kubeconfig(&m, "proxy", "proxy");
}
