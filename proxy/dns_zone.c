#include "proxy/dns_zone.h"

#include "lib/mem.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_MAX = 8 };

struct lookup {
    const struct dns_zone *zone;
    const struct dns_query *q;
    struct dns_writer *w;
    bool exists;       /* the name is there, if perhaps without such a record */
    const char *alias; /* of whom */
};

/* --- small things */

static bool wants(const struct lookup *l, enum dns_type type)
{
    return l->q->type == type || l->q->type == DNS_ANY;
}

static bool parse_ip(const char *text, uint32_t *ret)
{
    return text && inet_pton(AF_INET, text, ret) == 1;
}

static bool is_headless(const struct service_spec *s)
{
    return s->cluster_ip && strcmp(s->cluster_ip, "None") == 0;
}

static bool is_ready(const struct endpoint *e)
{
    return !e->conditions || opt_bool_or(e->conditions->ready, true);
}

/* An endpoint's name below its Service: its hostname, or its address with dashes. */
static void endpoint_label(const struct endpoint *e, const char *address, char label[64])
{
    snprintf(label, 64, "%s", e->hostname ? e->hostname : address);
    for (char *p = label; !e->hostname && *p; p++)
        if (*p == '.')
            *p = '-';
}

/* Calls fn for each ready IPv4 endpoint address with the slice it is in. */
static void each_endpoint(const struct model_service *s,
    void (*fn)(struct lookup *l, const struct model_service *s, const struct endpoint_slice *slice,
        const struct endpoint *e, uint32_t ip, void *arg),
    struct lookup *l, void *arg)
{
    for (size_t i = 0; i < s->n_slices; i++)
        for (size_t j = 0; j < s->slices[i]->endpoints.n; j++) {
            const struct endpoint *e = &s->slices[i]->endpoints.v[j];
            uint32_t ip;
            for (size_t k = 0; k < e->addresses.n && is_ready(e); k++)
                if (parse_ip(e->addresses.v[k], &ip))
                    fn(l, s, s->slices[i], e, ip, arg);
        }
}

/* --- Services */

static void add_endpoint(struct lookup *l, const struct model_service *s, const struct endpoint_slice *slice,
    const struct endpoint *e, uint32_t ip, void *arg)
{
    (void)s;
    (void)slice;
    (void)e;
    (void)arg;
    l->exists = true;
    if (wants(l, DNS_A))
        dns_add_a(l->w, DNS_ANSWER, l->q->name, DNS_TTL, ip);
}

static void add_if_named(struct lookup *l, const struct model_service *s, const struct endpoint_slice *slice,
    const struct endpoint *e, uint32_t ip, void *arg)
{
    char label[64], address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &ip, address, sizeof(address));
    endpoint_label(e, address, label);
    if (strcmp(label, arg) == 0)
        add_endpoint(l, s, slice, e, ip, NULL);
}

static void service_name(const struct lookup *l, const struct model_service *s, char *text, size_t n)
{
    size_t ns = (size_t)(s->name - s->key) - 1;
    snprintf(text, n, "%s.%.*s.svc.%s", s->name, (int)ns, s->key, l->zone->domain);
}

struct port_match {
    const char *name, *protocol; /* NULL: every port */
};

static bool same_protocol(const char *actual, const char *wanted)
{
    return strcasecmp(actual ? actual : "TCP", wanted) == 0;
}

static void add_srv_of_endpoint(struct lookup *l, const struct model_service *s,
    const struct endpoint_slice *slice, const struct endpoint *e, uint32_t ip, void *arg)
{
    const struct port_match *m = arg;
    char label[64], address[INET_ADDRSTRLEN], service[DNS_NAME_MAX + 1], target[DNS_NAME_MAX + 72];
    inet_ntop(AF_INET, &ip, address, sizeof(address));
    endpoint_label(e, address, label);
    service_name(l, s, service, sizeof(service));
    snprintf(target, sizeof(target), "%s.%s", label, service);
    for (size_t i = 0; i < slice->ports.n; i++) {
        const struct endpoint_port *p = &slice->ports.v[i];
        if (m->name &&
            (strcmp(p->name ? p->name : "", m->name) != 0 || !same_protocol(p->protocol, m->protocol)))
            continue;
        l->exists = true;
        if (wants(l, DNS_SRV)) {
            dns_add_srv(l->w, DNS_ANSWER, l->q->name, DNS_TTL, (uint16_t)opt_int_or(p->port, 0), 100, target);
            dns_add_a(l->w, DNS_ADDITIONAL, target, DNS_TTL, ip);
        }
    }
}

static void add_srv(struct lookup *l, const struct model_service *s, const struct port_match *m)
{
    char target[DNS_NAME_MAX + 1];
    uint32_t ip;
    if (is_headless(s->service->spec)) {
        each_endpoint(s, add_srv_of_endpoint, l, (void *)m);
        return;
    }
    service_name(l, s, target, sizeof(target));
    for (size_t i = 0; i < s->service->spec->ports.n; i++) {
        const struct service_port *p = &s->service->spec->ports.v[i];
        if (m->name &&
            (strcmp(p->name ? p->name : "", m->name) != 0 || !same_protocol(p->protocol, m->protocol)))
            continue;
        l->exists = true;
        if (!wants(l, DNS_SRV))
            continue;
        dns_add_srv(l->w, DNS_ANSWER, l->q->name, DNS_TTL, (uint16_t)opt_int_or(p->port, 0), 100, target);
        if (parse_ip(s->service->spec->cluster_ip, &ip))
            dns_add_a(l->w, DNS_ADDITIONAL, target, DNS_TTL, ip);
    }
}

static void answer_service(struct lookup *l, const struct model_service *s)
{
    const struct service_spec *spec = s->service->spec;
    uint32_t ip;
    l->exists = true;
    if (spec->type && strcmp(spec->type, "ExternalName") == 0) {
        l->alias = spec->external_name;
        if (l->alias)
            dns_add_name(l->w, DNS_ANSWER, l->q->name, DNS_CNAME, DNS_TTL, spec->external_name);
        return;
    }
    if (l->q->type == DNS_SRV)
        add_srv(l, s, &(struct port_match){0});
    else if (is_headless(spec))
        each_endpoint(s, add_endpoint, l, NULL);
    else if (wants(l, DNS_A) && parse_ip(spec->cluster_ip, &ip))
        dns_add_a(l->w, DNS_ANSWER, l->q->name, DNS_TTL, ip);
}

/* part[0] is the namespace, part[1] the Service, and so on, from the right. */
static void answer_svc(struct lookup *l, char *const *part, size_t n)
{
    l->exists = n == 0 || (n == 1 && model_has_namespace(l->zone->model, part[0]));
    struct model_service *s = n >= 2 ? model_service(l->zone->model, part[0], part[1]) : NULL;
    if (!s || !s->service || !s->service->spec)
        return;
    if (n == 2)
        answer_service(l, s);
    else if (n == 3 && part[2][0] == '_')
        l->exists = true;
    else if (n == 3)
        each_endpoint(s, add_if_named, l, part[2]);
    else if (n == 4 && part[2][0] == '_' && part[3][0] == '_')
        add_srv(l, s, &(struct port_match){part[3] + 1, part[2] + 1});
}

static void answer_pod(struct lookup *l, char *const *part, size_t n)
{
    uint32_t ip;
    l->exists = n == 0 || (n == 1 && model_has_namespace(l->zone->model, part[0]));
    if (n != 2 || !model_has_namespace(l->zone->model, part[0]))
        return;
    for (char *p = part[1]; *p; p++)
        if (*p == '-')
            *p = '.';
    l->exists = parse_ip(part[1], &ip);
    if (l->exists && wants(l, DNS_A))
        dns_add_a(l->w, DNS_ANSWER, l->q->name, DNS_TTL, ip);
}

/* --- addresses back to names */

struct reverse {
    uint32_t ip;
    bool found;
};

static void match_reverse(struct lookup *l, const struct model_service *s, const struct endpoint_slice *slice,
    const struct endpoint *e, uint32_t ip, void *arg)
{
    struct reverse *r = arg;
    char service[DNS_NAME_MAX + 1], target[DNS_NAME_MAX + 72];
    (void)slice;
    if (ip != r->ip || r->found || !e->hostname)
        return;
    r->found = true;
    service_name(l, s, service, sizeof(service));
    snprintf(target, sizeof(target), "%s.%s", e->hostname, service);
    if (wants(l, DNS_PTR))
        dns_add_name(l->w, DNS_ANSWER, l->q->name, DNS_PTR, DNS_TTL, target);
}

static bool parse_reverse(const char *name, uint32_t *ret)
{
    unsigned b[4];
    int n = 0;
    if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[3], &b[2], &b[1], &b[0], &n) != 4 || n == 0 ||
        name[n])
        return false;
    for (int i = 0; i < 4; i++)
        if (b[i] > 255)
            return false;
    *ret = htonl(b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]);
    return true;
}

/* False: not an address of the cluster's. */
static bool answer_reverse(struct lookup *l, uint32_t ip)
{
    struct model_service *s = model_service_by_ip(l->zone->model, ip);
    struct reverse r = {ip, false};
    char target[DNS_NAME_MAX + 1];
    if (s) {
        service_name(l, s, target, sizeof(target));
        l->exists = true;
        if (wants(l, DNS_PTR))
            dns_add_name(l->w, DNS_ANSWER, l->q->name, DNS_PTR, DNS_TTL, target);
        return true;
    }
    for (size_t at = 0; !r.found && model_next_service(l->zone->model, &at, &s);)
        if (s->service && s->service->spec && is_headless(s->service->spec))
            each_endpoint(s, match_reverse, l, &r);
    l->exists = r.found;
    return r.found || (ip & l->zone->service_mask) == l->zone->service_net;
}

/* --- the zone */

/* Cuts "a.b.c" into parts from the right; more than there may be are no name of ours. */
static size_t split(char *text, char **part)
{
    size_t n = 0;
    while (*text && n < PARTS_MAX) {
        char *dot = strrchr(text, '.');
        part[n++] = dot ? dot + 1 : text;
        if (!dot)
            break;
        *dot = 0;
    }
    return n;
}

static void answer_zone(struct lookup *l, size_t below)
{
    char text[DNS_NAME_MAX + 1], *part[PARTS_MAX];
    memcpy(text, l->q->name, below);
    text[below ? below - 1 : 0] = 0; /* without the dot before the domain */
    size_t n = split(text, part);
    if (n == 0)
        l->exists = true;
    else if (strcmp(part[0], "svc") == 0)
        answer_svc(l, part + 1, n - 1);
    else if (strcmp(part[0], "pod") == 0)
        answer_pod(l, part + 1, n - 1);
    else if (n == 1 && strcmp(part[0], "dns-version") == 0) {
        l->exists = true;
        if (wants(l, DNS_TXT))
            dns_add_txt(l->w, DNS_ANSWER, l->q->name, DNS_TTL, "1.1.0");
    }
}

enum dns_verdict dns_zone_answer(
    const struct dns_zone *z, const struct dns_query *q, struct dns_writer *w, const char **ret_target)
{
    struct lookup l = {z, q, w, false, NULL};
    size_t name = strlen(q->name), domain = strlen(z->domain);
    const char *zone = z->domain;
    uint32_t ip;
    bool inside = name >= domain && strcmp(q->name + name - domain, z->domain) == 0 &&
                  (name == domain || q->name[name - domain - 1] == '.');
    if (inside) {
        answer_zone(&l, name - domain);
    } else if (parse_reverse(q->name, &ip)) {
        if (!answer_reverse(&l, ip))
            return DNS_FOREIGN;
        zone = "in-addr.arpa";
    } else {
        return DNS_FOREIGN;
    }
    if (l.alias && !wants(&l, DNS_CNAME)) {
        *ret_target = l.alias;
        return DNS_ALIASED;
    }
    if (w->counts[DNS_ANSWER] == 0 && !w->truncated)
        dns_add_soa(w, zone, DNS_TTL);
    dns_end(w, q, l.exists ? DNS_NOERROR : DNS_NXDOMAIN, true);
    return DNS_ANSWERED;
}
