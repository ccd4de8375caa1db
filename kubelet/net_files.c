/* /etc/hostname, hosts and resolv.conf of a Pod, see net_files.h. */
#include "kubelet/net_files.h"
#include "lib/file.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { NET_FILES_MAX = 1 << 20, NET_FILES_SEARCHES = 32 };

static bool is(const char *s, const char *what)
{
    return s && strcmp(s, what) == 0;
}

struct err *net_files_names(struct arena *a, const struct pod *p, const char *node_hostname,
    const char *cluster_domain, struct net_names *ret)
{
    const struct pod_spec *s = p->spec;
    *ret = (struct net_names){.hostname = node_hostname};
    if (s->hostname_override && *s->hostname_override) {
        ret->hostname = s->hostname_override;
        return NULL;
    }
    if (opt_bool_or(s->host_network, false))
        return NULL;
    const char *name = s->hostname && *s->hostname ? s->hostname : p->metadata->name;
    size_t n = strlen(name) < 63 ? strlen(name) : 63;
    while (n && (name[n - 1] == '-' || name[n - 1] == '.'))
        n--; /* a cut name must still be a label */
    ret->hostname = arena_strndup(a, name, n);
    if (s->subdomain && *s->subdomain)
        ret->fqdn = arena_printf(
            a, "%s.%s.%s.svc.%s", ret->hostname, s->subdomain, p->metadata->namespace_, cluster_domain);
    if (!ret->fqdn || !opt_bool_or(s->set_hostname_as_fqdn, false))
        return NULL;
    if (strlen(ret->fqdn) > NET_FILES_HOSTNAME_MAX)
        return err_new(ERR_INVALID,
            "failed to construct FQDN from pod hostname and cluster domain, FQDN %s is too long (64 "
            "characters is "
            "the max, %zu characters requested)",
            ret->fqdn, strlen(ret->fqdn));
    ret->hostname = ret->fqdn;
    return NULL;
}

void net_files_hosts(
    const struct pod *p, const struct net_names *n, const char *ip, const char *host_hosts, struct buf *out)
{
    if (opt_bool_or(p->spec->host_network, false)) {
        buf_addf(out, "# Kubernetes-managed hosts file (host network).\n%s", host_hosts ? host_hosts : "");
    } else {
        buf_adds(out, "# Kubernetes-managed hosts file.\n"
                      "127.0.0.1\tlocalhost\n"
                      "::1\tlocalhost ip6-localhost ip6-loopback\n"
                      "fe00::0\tip6-localnet\n"
                      "fe00::0\tip6-mcastprefix\n"
                      "fe00::1\tip6-allnodes\n"
                      "fe00::2\tip6-allrouters\n");
        if (n->fqdn) {
            const char *dot = strchr(n->hostname, '.');
            int bare = dot ? (int)(dot - n->hostname) : (int)strlen(n->hostname);
            buf_addf(out, "%s\t%s\t%.*s\n", ip, n->fqdn, bare, n->hostname);
        } else {
            buf_addf(out, "%s\t%s\n", ip, n->hostname);
        }
    }
    for (size_t i = 0; i < p->spec->host_aliases.n; i++) {
        const struct host_alias *h = &p->spec->host_aliases.v[i];
        if (i == 0)
            buf_adds(out, "\n# Entries added by HostAliases.\n");
        buf_adds(out, h->ip ? h->ip : "");
        for (size_t j = 0; j < h->hostnames.n; j++)
            buf_addf(out, "\t%s", h->hostnames.v[j]);
        buf_addc(out, '\n');
    }
}

struct resolv {
    const char *servers[8], *searches[NET_FILES_SEARCHES], *options[NET_FILES_SEARCHES];
    size_t n_servers, n_searches, n_options;
};

static void add(const char **list, size_t *n, size_t max, const char *word)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i], word) == 0)
            return;
    if (*n < max)
        list[(*n)++] = word;
}

static void resolv_server(struct resolv *r, const char *word)
{
    add(r->servers, &r->n_servers, 3, word); /* a resolver looks at three */
}

static void resolv_search(struct resolv *r, const char *word)
{
    add(r->searches, &r->n_searches, ARRAY_SIZE(r->searches), word);
}

/* An option without its value replaces one with another value: ndots:5, ndots:2. */
static void resolv_option(struct resolv *r, const char *word)
{
    size_t n = strcspn(word, ":");
    for (size_t i = 0; i < r->n_options; i++)
        if (strncmp(r->options[i], word, n) == 0 && (r->options[i][n] == ':' || !r->options[i][n])) {
            r->options[i] = word;
            return;
        }
    if (r->n_options < ARRAY_SIZE(r->options))
        r->options[r->n_options++] = word;
}

static void resolv_parse(struct resolv *r, struct arena *a, const char *text)
{
    char *copy = arena_strdup(a, text ? text : ""), *line_end;
    for (char *line = strtok_r(copy, "\n", &line_end); line; line = strtok_r(NULL, "\n", &line_end)) {
        char *end, *key = strtok_r(line, " \t\r", &end);
        if (!key || *key == '#' || *key == ';')
            continue;
        if (is(key, "search") || is(key, "domain"))
            r->n_searches = 0;
        for (char *word; (word = strtok_r(NULL, " \t\r", &end));) {
            if (is(key, "nameserver"))
                resolv_server(r, word);
            else if (is(key, "search") || is(key, "domain"))
                resolv_search(r, word);
            else if (is(key, "options"))
                resolv_option(r, word);
        }
    }
}

static void resolv_cluster(
    struct resolv *r, struct arena *a, const struct pod *p, const char *cluster_dns, const char *domain)
{
    struct resolv host = *r;
    *r = (struct resolv){0};
    resolv_server(r, cluster_dns);
    resolv_search(r, arena_printf(a, "%s.svc.%s", p->metadata->namespace_, domain));
    resolv_search(r, arena_printf(a, "svc.%s", domain));
    resolv_search(r, domain);
    for (size_t i = 0; i < host.n_searches; i++)
        resolv_search(r, host.searches[i]);
    resolv_option(r, "ndots:5");
}

static void resolv_own(struct resolv *r, struct arena *a, const struct pod_dns_config *c)
{
    for (size_t i = 0; i < c->nameservers.n; i++)
        resolv_server(r, c->nameservers.v[i]);
    for (size_t i = 0; i < c->searches.n; i++)
        resolv_search(r, c->searches.v[i]);
    for (size_t i = 0; i < c->options.n; i++) {
        const struct dns_option *o = &c->options.v[i];
        const char *name = o->name ? o->name : "";
        resolv_option(r, o->value ? arena_printf(a, "%s:%s", name, o->value) : name);
    }
}

static void resolv_line(struct buf *out, const char *key, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s %s", i ? "" : key, words[i]);
    if (n)
        buf_addc(out, '\n');
}

void net_files_resolv(const struct pod *p, const char *cluster_dns, const char *cluster_domain,
    const char *host_resolv, struct buf *out)
{
    auto_arena *a = arena_new();
    struct resolv r = {0};
    const char *policy = p->spec->dns_policy;
    bool cluster = !policy || is(policy, "ClusterFirst") || is(policy, "ClusterFirstWithHostNet");
    if (opt_bool_or(p->spec->host_network, false) && !is(policy, "ClusterFirstWithHostNet"))
        cluster = false;
    if (!is(policy, "None"))
        resolv_parse(&r, a, host_resolv);
    if (cluster && cluster_dns && *cluster_dns)
        resolv_cluster(&r, a, p, cluster_dns, cluster_domain);
    if (p->spec->dns_config)
        resolv_own(&r, a, p->spec->dns_config);
    resolv_line(out, "search", r.searches, r.n_searches);
    for (size_t i = 0; i < r.n_servers; i++)
        buf_addf(out, "nameserver %s\n", r.servers[i]);
    resolv_line(out, "options", r.options, r.n_options);
}

static char *host_file(const char *path)
{
    char *text = NULL;
    err_free(file_read(AT_FDCWD, path, NET_FILES_MAX, &text, NULL)); /* none is as good as an empty one */
    return text;
}

static struct err *put(const char *path, const struct buf *b)
{
    TRY(buf_check(b, path));
    return file_write_atomic(AT_FDCWD, path, buf_str(b), b->len, 0644, FILE_NO_FSYNC);
}

struct err *net_files_write(struct worker *w, const char *ip)
{
    struct kubelet *k = w->kubelet;
    const struct pod *p = w->desired->pod;
    auto_arena *a = arena_new();
    auto_free char *hosts = host_file("/etc/hosts"), *resolv = host_file("/etc/resolv.conf");
    auto_buf b = BUF_INIT(NET_FILES_MAX);
    char node[256] = "localhost";
    struct net_names names;
    gethostname(node, sizeof(node) - 1);
    TRY(net_files_names(a, p, node, k->o.cluster_domain, &names));
    buf_addf(&b, "%s\n", names.hostname);
    TRY(put(arena_printf(a, "%s/%s/hostname", k->path.run_pods, w->uid), &b));
    buf_clear(&b);
    net_files_resolv(p, k->o.cluster_dns, k->o.cluster_domain, resolv, &b);
    TRY(put(arena_printf(a, "%s/%s/resolv.conf", k->path.run_pods, w->uid), &b));
    buf_clear(&b);
    net_files_hosts(p, &names, ip, hosts, &b);
    return put(arena_printf(a, "%s/%s/etc-hosts", k->path.pods, w->uid), &b);
}
