/*
 * portmap: leads ports of the host to the container that the plugins before it have given an address.
 * Configuration: snat (default true), masqAll, runtimeConfig.portMappings [{hostPort, containerPort,
 * protocol, hostIP}], backend
 * ("nftables"). What only iptables can do is refused.
 */
#include "cni/hostports.h"
#include "cni/owner.h"
#include "cni/plugin.h"
#include <netinet/in.h>
#include <string.h>

struct mapping {
    struct opt_int host_port, container_port;
    const char *protocol, *host_ip;
};
static FIELDS_DEFINE(mapping_fields, mapping,
    {"hostPort", FIELD_INT, offsetof(struct mapping, host_port), .flags = FIELD_REQUIRED, .max = 65535},
    {"containerPort", FIELD_INT, offsetof(struct mapping, container_port), .flags = FIELD_REQUIRED, .min = 1,
        .max = 65535},
    FIELD(mapping, protocol, "protocol", FIELD_STR), FIELD(mapping, host_ip, "hostIP", FIELD_STR));

struct runtime_config {
    FIELD_LIST(struct mapping) mappings;
};
static FIELDS_DEFINE(runtime_fields, runtime_config,
    FIELD_OF(runtime_config, mappings, "portMappings", FIELD_STRUCTS, &mapping_fields));

struct portmap {
    const char *backend, *external_chain;
    struct opt_bool snat, masq_all;
    struct str_list conditions4, conditions6;
    struct runtime_config *runtime;
};
static FIELDS_DEFINE(portmap_fields, portmap, FIELD(portmap, backend, "backend", FIELD_STR),
    FIELD(portmap, external_chain, "externalSetMarkChain", FIELD_STR),
    FIELD(portmap, snat, "snat", FIELD_BOOL), FIELD(portmap, masq_all, "masqAll", FIELD_BOOL),
    FIELD(portmap, conditions4, "conditionsV4", FIELD_STRS),
    FIELD(portmap, conditions6, "conditionsV6", FIELD_STRS),
    FIELD_OF(portmap, runtime, "runtimeConfig", FIELD_STRUCT, &runtime_fields));

static struct err *parse(const struct plugin_call *c, struct portmap *p)
{
    TRY(fields_decode(&portmap_fields, c->arena, c->config, p));
    if (p->backend && *p->backend && strcmp(p->backend, "nftables"))
        return err_new(ERR_UNSUPPORTED, "backend: %s: only nftables is there", p->backend);
    if (p->external_chain && *p->external_chain)
        return err_new(ERR_UNSUPPORTED, "externalSetMarkChain: %s: is of iptables", p->external_chain);
    if (p->conditions4.n || p->conditions6.n)
        return err_new(ERR_UNSUPPORTED, "conditionsV4, conditionsV6: rules as text are not taken");
    return NULL;
}

static bool protocol_number(const char *name, unsigned char *ret)
{
    if (!name || !*name || !strcasecmp(name, "tcp"))
        *ret = IPPROTO_TCP;
    else if (!strcasecmp(name, "udp"))
        *ret = IPPROTO_UDP;
    else if (!strcasecmp(name, "sctp"))
        *ret = IPPROTO_SCTP;
    else
        return false;
    return true;
}

static struct err *read_mapping(const struct mapping *m, struct hostport *h)
{
    *h = (struct hostport){
        .host_port = (uint16_t)m->host_port.v, .container_port = (uint16_t)m->container_port.v};
    if (!protocol_number(m->protocol, &h->protocol))
        return err_new(ERR_INVALID, "protocol: %s: not tcp, udp or sctp", m->protocol);
    if (!m->host_ip || !*m->host_ip)
        return NULL;
    TRY_WRAP(net_addr_parse(m->host_ip, &h->host_ip), "hostIP");
    static const unsigned char any[16];
    if (strchr(m->host_ip, '/'))
        return err_new(ERR_INVALID, "hostIP: %s: not an address", m->host_ip);
    if (!memcmp(h->host_ip.ip, any, h->host_ip.family == AF_INET ? 4 : 16))
        h->host_ip.family = 0;
    return NULL;
}

/* The mappings without those that name no host port. */
static struct err *read_mappings(const struct plugin_call *c, const struct portmap *p, struct hostports *ret)
{
    size_t n = p->runtime ? p->runtime->mappings.n : 0;
    struct hostport *v = arena_array(c->arena, n, sizeof(*v));
    *ret = (struct hostports){
        .v = v, .snat = opt_bool_or(p->snat, true), .snat_all = opt_bool_or(p->masq_all, false)};
    for (size_t i = 0; i < n; i++) {
        const struct mapping *m = &p->runtime->mappings.v[i];
        if (m->host_port.v == 0)
            continue;
        TRY_WRAP(read_mapping(m, &v[ret->n]), "runtimeConfig.portMappings[%zu]", i);
        for (size_t k = 0; k < ret->n; k++)
            if (v[k].host_port == v[ret->n].host_port && v[k].protocol == v[ret->n].protocol &&
                !memcmp(&v[k].host_ip, &v[ret->n].host_ip, sizeof(v[k].host_ip)))
                return err_new(ERR_INVALID, "runtimeConfig.portMappings[%zu].hostPort: %u: given twice", i,
                    v[k].host_port);
        ret->n++;
    }
    return NULL;
}

/* The first address of the wanted family on an interface of the container; family 0: there is none. */
static struct err *container_ip(const struct plugin_call *c, int family, struct net_addr *ret)
{
    const struct cni_result *r = c->prev;
    *ret = (struct net_addr){0};
    for (size_t i = 0; r && i < r->ips.n; i++) {
        const struct cni_ip *ip = &r->ips.v[i];
        struct net_addr a;
        if (ip->interface.set) {
            const char *sandbox = r->interfaces.v[ip->interface.v].sandbox;
            if (!sandbox || !*sandbox)
                continue; /* the host's own end */
        }
        TRY_WRAP(net_addr_parse(ip->address, &a), "prevResult.ips[%zu].address", i);
        if (a.family == family) {
            *ret = a;
            return NULL;
        }
    }
    return NULL;
}

typedef struct err *apply_fn(const char *owner, const struct hostports *p);

static struct err *for_each_family(struct plugin_call *c, apply_fn *apply)
{
    struct portmap p;
    struct hostports ports;
    char owner[OWNER_MAX];
    TRY(parse(c, &p));
    TRY(read_mappings(c, &p, &ports));
    owner_of_call(c, owner);
    if (!ports.n)
        return NULL;
    static const int families[] = {AF_INET, AF_INET6};
    bool any = false;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        TRY(container_ip(c, families[i], &ports.ip));
        if (ports.ip.family)
            TRY(apply(owner, &ports));
        any |= ports.ip.family != 0;
    }
    return any ? NULL : err_new(ERR_INVALID, "prevResult.ips: no address of the container");
}

static struct err *apply_add(const char *owner, const struct hostports *p)
{
    TRY(hostports_add(owner, p));
    return hostports_forget_flows(p);
}

static struct err *add(struct plugin_call *c, struct cni_result *ret)
{
    char owner[OWNER_MAX];
    owner_of_call(c, owner);
    struct err *e = for_each_family(c, apply_add);
    if (e) {
        auto_err *stays = hostports_remove(owner);
        return e;
    }
    *ret = *c->prev;
    return NULL;
}

static struct err *del(struct plugin_call *c)
{
    char owner[OWNER_MAX];
    struct portmap p;
    struct hostports ports;
    TRY(parse(c, &p));
    owner_of_call(c, owner);
    TRY(hostports_remove(owner));
    TRY(read_mappings(c, &p, &ports));
    ports.ip.family = AF_INET;
    return hostports_forget_flows(&ports);
}

static struct err *check(struct plugin_call *c)
{
    return for_each_family(c, hostports_check);
}

static struct err *gc(struct plugin_call *c)
{
    return hostports_remove_invalid(c);
}

int main(void)
{
    static const struct plugin p = {
        .name = "portmap", .chained = true, .add = add, .del = del, .check = check, .gc = gc};
    return plugin_main(&p);
}
