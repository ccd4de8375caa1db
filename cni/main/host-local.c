/*
 * host-local: an IPAM plugin that gives addresses out of ranges of this host and remembers them in files. ADD
 * is idempotent: a container that holds addresses gets the same ones again, so that a caller killed halfway
 * may ask once more. Configuration ("ipam"): subnet, rangeStart, rangeEnd, gateway, ranges, routes, dataDir,
 * resolvConf; addresses asked for: args.cni.ips, runtimeConfig.ips, CNI_ARGS IP=.
 */
#include "cni/leases.h"
#include "cni/plugin.h"
#include "cni/ranges.h"
#include "lib/file.h"
#include <fcntl.h>
#include <string.h>

enum { ADDRESSES_MAX = 64, RESOLV_MAX = 64 << 10 };

struct ipam {
    const char *data_dir, *resolv_conf;
    FIELD_LIST(struct cni_route) routes;
    struct range_sets sets;
    size_t n_asked; /* addresses that the caller wants */
    struct net_addr asked[ADDRESSES_MAX];
};

struct ipam_text {
    const char *data_dir, *resolv_conf;
    FIELD_LIST(struct cni_route) routes;
};
static FIELDS_DEFINE(ipam_fields, ipam_text, FIELD(ipam_text, data_dir, "dataDir", FIELD_STR),
    FIELD(ipam_text, resolv_conf, "resolvConf", FIELD_STR),
    FIELD_OF(ipam_text, routes, "routes", FIELD_STRUCTS, &cni_route_fields));

static struct err *ask(struct ipam *c, const char *text)
{
    if (c->n_asked == ADDRESSES_MAX)
        return err_new(ERR_INVALID, "more than %d addresses are asked for", ADDRESSES_MAX);
    TRY_WRAP(net_addr_parse(text, &c->asked[c->n_asked]), "address asked for");
    c->n_asked++;
    return NULL;
}

static struct err *ask_list(struct ipam *c, const char *name, const struct json *list)
{
    if (list && list->type != JSON_ARRAY)
        return err_new(ERR_INVALID, "%s: not an array", name);
    json_each_item (it, list) {
        if (!json_str(it))
            return err_new(ERR_INVALID, "%s: not a string", name);
        TRY_WRAP(ask(c, json_str(it)), "%s", name);
    }
    return NULL;
}

static struct err *parse_asked(const struct plugin_call *call, struct ipam *c)
{
    const char *one = str_map_get(&call->args, "IP");
    if (one && *one)
        TRY_WRAP(ask(c, one), "CNI_ARGS IP");
    TRY(ask_list(c, "args.cni.ips", json_at(call->config, "args", "cni", "ips", NULL)));
    return ask_list(c, "runtimeConfig.ips", json_at(call->config, "runtimeConfig", "ips", NULL));
}

static struct err *parse(const struct plugin_call *call, struct ipam *ret)
{
    const struct json *j = json_get(call->config, "ipam");
    struct ipam_text t;
    if (!j || j->type != JSON_OBJECT)
        return err_new(ERR_INVALID, "ipam: missing");
    TRY_WRAP(fields_decode(&ipam_fields, call->arena, j, &t), "ipam");
    *ret = (struct ipam){
        .data_dir = t.data_dir && *t.data_dir ? t.data_dir : LEASES_DIR, .resolv_conf = t.resolv_conf};
    ret->routes.n = t.routes.n;
    ret->routes.v = t.routes.v;
    TRY(ranges_parse(call->arena, j, json_at(call->config, "runtimeConfig", "ipRanges", NULL), &ret->sets));
    return parse_asked(call, ret);
}

/* --- who holds what --- */

struct held {
    const struct plugin_call *call;
    size_t n;
    struct net_addr ip[ADDRESSES_MAX];
};

static void note_ours(void *arg, const struct net_addr *ip, const char *container_id, const char *ifname)
{
    struct held *h = arg;
    bool same_if = !*ifname || !strcmp(ifname, h->call->ifname);
    if (same_if && !strcmp(container_id, h->call->container_id) && h->n < ADDRESSES_MAX)
        h->ip[h->n++] = *ip;
}

static struct err *find_held(struct leases *l, const struct plugin_call *call, struct held *ret)
{
    *ret = (struct held){.call = call};
    return leases_each(l, note_ours, ret);
}

/* --- ADD --- */

static const struct net_addr *asked_in(const struct ipam *c, const struct range_set *s)
{
    for (size_t i = 0; i < c->n_asked; i++)
        if (ranges_find(s, &c->asked[i]))
            return &c->asked[i];
    return NULL;
}

static struct err *take_asked(struct leases *l, const struct plugin_call *call, const struct range *r,
    const struct net_addr *ip, struct net_addr *ret)
{
    char text[64];
    bool taken;
    net_addr_text(ip, false, text);
    if (!memcmp(ip->ip, r->gateway, sizeof(r->gateway)))
        return err_new(ERR_INVALID, "address %s: asked for, but it is the gateway's", text);
    TRY(leases_reserve(l, ip, call->container_id, call->ifname, &taken));
    if (taken)
        return err_new(ERR_CONFLICT, "address %s: asked for, but not free", text);
    *ret = *ip;
    ret->prefix = r->subnet.prefix;
    return NULL;
}

static struct err *take_free(struct leases *l, const struct plugin_call *call, const struct range_set *s,
    unsigned number, struct net_addr *ret, const struct range **ret_range)
{
    struct net_addr last;
    leases_last(l, number, &last);
    struct range_walk w = ranges_walk(s, &last);
    while (ranges_next(&w, ret, ret_range)) {
        bool taken;
        TRY(leases_reserve(l, ret, call->container_id, call->ifname, &taken));
        if (!taken)
            return leases_set_last(l, number, ret);
    }
    auto_buf text = BUF_INIT(4096);
    ranges_text(s, &text);
    return err_new(ERR_LIMIT, "no address is free in %s", buf_str(&text));
}

static struct err *take_one(struct leases *l, const struct plugin_call *call, const struct ipam *c,
    unsigned number, const struct held *held, struct cni_ip *ret)
{
    const struct range_set *s = &c->sets.v[number];
    const struct range *r = NULL;
    struct net_addr ip = {0};
    const struct net_addr *asked = asked_in(c, s);
    for (size_t i = 0; i < held->n && !r; i++)
        if ((r = ranges_find(s, &held->ip[i])))
            ip = held->ip[i];
    if (r)
        ip.prefix = r->subnet.prefix;
    else if (asked)
        TRY(take_asked(l, call, r = ranges_find(s, asked), asked, &ip));
    else
        TRY(take_free(l, call, s, number, &ip, &r));
    char text[64];
    net_addr_text(&ip, true, text);
    ret->address = arena_strdup(call->arena, text);
    struct net_addr gateway = ip;
    memcpy(gateway.ip, r->gateway, sizeof(gateway.ip));
    net_addr_text(&gateway, false, text);
    ret->gateway = arena_strdup(call->arena, text);
    return NULL;
}

static struct err *check_asked(const struct ipam *c)
{
    for (size_t i = 0; i < c->n_asked; i++) {
        bool found = false;
        for (size_t k = 0; k < c->sets.n; k++)
            found |= ranges_find(&c->sets.v[k], &c->asked[i]) != NULL;
        char text[64];
        net_addr_text(&c->asked[i], false, text);
        if (!found)
            return err_new(ERR_INVALID, "address %s: asked for, but in no range", text);
    }
    return NULL;
}

/* All sets or none: what this call reserved is given back when a later set has nothing. */
static struct err *take_all(
    struct leases *l, struct plugin_call *call, const struct ipam *c, struct cni_result *ret)
{
    struct held held;
    TRY(find_held(l, call, &held));
    ret->ips.v = arena_array(call->arena, c->sets.n, sizeof(*ret->ips.v));
    for (unsigned i = 0; i < c->sets.n; i++) {
        struct err *e = take_one(l, call, c, i, &held, &ret->ips.v[i]);
        for (unsigned k = 0; e && k < i && !held.n; k++) {
            struct net_addr ip;
            auto_err *bad = net_addr_parse(ret->ips.v[k].address, &ip);
            auto_err *stays = bad ? NULL : leases_release(l, &ip);
        }
        TRY(e);
        ret->ips.n++;
    }
    return NULL;
}

/* "nameserver", "domain", "search" and "options" of a resolv.conf. */
static struct err *read_dns(struct plugin_call *call, const char *path, struct cni_dns **ret)
{
    char *text;
    TRY_WRAP(file_read(AT_FDCWD, path, RESOLV_MAX, &text, NULL), "ipam.resolvConf");
    struct cni_dns *dns = arena_new_obj(call->arena, struct cni_dns);
    size_t words = strlen(text) / 2 + 1;
    struct str_list *lists[] = {&dns->nameservers, &dns->search, &dns->options};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        lists[i]->v = arena_array(call->arena, words, sizeof(char *));
    char *line_at = NULL;
    for (char *line = strtok_r(text, "\n", &line_at); line; line = strtok_r(NULL, "\n", &line_at)) {
        char *at = NULL, *key = strtok_r(line, " \t\r", &at), *word;
        if (!key || *key == '#' || *key == ';')
            continue;
        struct str_list *to = !strcmp(key, "nameserver") ? lists[0]
                              : !strcmp(key, "search")   ? lists[1]
                              : !strcmp(key, "options")  ? lists[2]
                                                         : NULL;
        if (to == lists[1])
            to->n = 0; /* the last one counts */
        while ((word = strtok_r(NULL, " \t\r", &at))) {
            if (to)
                to->v[to->n++] = arena_strdup(call->arena, word);
            else if (!strcmp(key, "domain"))
                dns->domain = arena_strdup(call->arena, word);
        }
    }
    mem_cleanup(&text);
    *ret = dns;
    return NULL;
}

static struct err *add(struct plugin_call *call, struct cni_result *ret)
{
    struct ipam c;
    TRY(parse(call, &c));
    TRY(check_asked(&c));
    if (c.resolv_conf && *c.resolv_conf)
        TRY(read_dns(call, c.resolv_conf, &ret->dns));
    struct leases *l;
    TRY(leases_open(c.data_dir, call->network, &l));
    struct err *e = take_all(l, call, &c, ret);
    leases_close(l);
    ret->routes.n = c.routes.n;
    ret->routes.v = c.routes.v;
    return e;
}

/* --- DEL, CHECK, GC, STATUS --- */

static struct err *release_held(struct leases *l, const struct plugin_call *call)
{
    struct held held;
    TRY(find_held(l, call, &held));
    for (size_t i = 0; i < held.n; i++)
        TRY(leases_release(l, &held.ip[i]));
    return NULL;
}

static struct err *del(struct plugin_call *call)
{
    struct ipam c;
    struct leases *l;
    TRY(parse(call, &c));
    TRY(leases_open(c.data_dir, call->network, &l));
    struct err *e = release_held(l, call);
    leases_close(l);
    return e;
}

static struct err *check(struct plugin_call *call)
{
    struct ipam c;
    struct leases *l;
    struct held held;
    TRY(parse(call, &c));
    TRY(leases_open(c.data_dir, call->network, &l));
    struct err *e = find_held(l, call, &held);
    leases_close(l);
    TRY(e);
    return held.n ? NULL
                  : err_new(ERR_NOT_FOUND, "container %s holds no address of network %s", call->container_id,
                        call->network);
}

struct sweep {
    const struct plugin_call *call;
    struct leases *l;
    struct err *e;
};

static void release_unknown(
    void *arg, const struct net_addr *ip, const char *container_id, const char *ifname)
{
    struct sweep *s = arg;
    if (!s->e && !plugin_is_valid(s->call, container_id, ifname))
        s->e = leases_release(s->l, ip);
}

static struct err *gc(struct plugin_call *call)
{
    struct ipam c;
    struct sweep s = {.call = call};
    TRY(parse(call, &c));
    TRY(leases_open(c.data_dir, call->network, &s.l));
    struct err *e = leases_each(s.l, release_unknown, &s);
    leases_close(s.l);
    err_free(e ? s.e : NULL);
    return e ? e : s.e;
}

struct used {
    const struct range_sets *sets;
    size_t n[ADDRESSES_MAX];
};

static void count(void *arg, const struct net_addr *ip, const char *container_id, const char *ifname)
{
    struct used *u = arg;
    (void)container_id, (void)ifname;
    for (size_t i = 0; i < u->sets->n; i++)
        u->n[i] += ranges_find(&u->sets->v[i], ip) != NULL;
}

/* Ready while each set has more addresses than leases. */
static struct err *status(struct plugin_call *call)
{
    struct ipam c;
    struct leases *l;
    struct used used = {.sets = &c.sets};
    TRY(parse(call, &c));
    TRY(leases_open(c.data_dir, call->network, &l));
    struct err *e = leases_each(l, count, &used);
    leases_close(l);
    TRY(e);
    for (size_t i = 0; i < c.sets.n; i++) {
        struct range_walk w = ranges_walk(&c.sets.v[i], NULL);
        struct net_addr ip;
        const struct range *r;
        size_t room = 0;
        while (room <= used.n[i] && ranges_next(&w, &ip, &r))
            room++;
        if (room <= used.n[i])
            return err_new(ERR_LIMIT, "no address is free in range set %zu", i);
    }
    return NULL;
}

int main(void)
{
    static const char *const args[] = {"IP", NULL};
    static const struct plugin p = {.name = "host-local",
        .args = args,
        .add = add,
        .del = del,
        .check = check,
        .gc = gc,
        .status = status};
    return plugin_main(&p);
}
