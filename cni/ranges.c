/* See ranges.h. Addresses are compared and counted as big-endian numbers of 4 or 16 bytes. */
#include "cni/ranges.h"
#include "lib/fields.h"
#include <string.h>

enum { RANGES_MAX = 64 };

static size_t bytes_of(int family)
{
    return family == AF_INET ? 4 : 16;
}

static void add_one(unsigned char *ip, size_t n)
{
    for (size_t i = n; i > 0 && ++ip[i - 1] == 0; i--)
        ;
}

static void subtract_one(unsigned char *ip, size_t n)
{
    for (size_t i = n; i > 0 && ip[i - 1]-- == 0; i--)
        ;
}

static bool in_subnet(const struct net_addr *subnet, const unsigned char *ip)
{
    for (unsigned bit = 0; bit < subnet->prefix; bit++)
        if ((subnet->ip[bit / 8] ^ ip[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

static bool range_holds(const struct range *r, const struct net_addr *ip)
{
    size_t n = bytes_of(r->subnet.family);
    return ip->family == r->subnet.family && in_subnet(&r->subnet, ip->ip) &&
           memcmp(ip->ip, r->start, n) >= 0 && memcmp(ip->ip, r->end, n) <= 0;
}

/* The host part is all zeroes (or, with `last`, all ones). */
static void edge(const struct net_addr *subnet, bool last, unsigned char *ip)
{
    memcpy(ip, subnet->ip, 16);
    for (unsigned bit = subnet->prefix; bit < bytes_of(subnet->family) * 8; bit++)
        ip[bit / 8] = last ? ip[bit / 8] | (0x80 >> bit % 8) : ip[bit / 8] & ~(0x80 >> bit % 8);
}

static struct err *parse_subnet(const char *text, struct net_addr *ret)
{
    if (!text)
        return err_new(ERR_INVALID, "subnet: missing");
    TRY_WRAP(net_addr_parse(text, ret), "subnet");
    if (!strchr(text, '/'))
        return err_new(ERR_INVALID, "subnet: %s: no prefix length", text);
    if (ret->prefix > bytes_of(ret->family) * 8 - 2)
        return err_new(ERR_INVALID, "subnet: %s: too small to give addresses from", text);
    unsigned char first[16];
    edge(ret, false, first);
    if (memcmp(first, ret->ip, bytes_of(ret->family)))
        return err_new(ERR_INVALID, "subnet: %s: bits beyond the prefix are set", text);
    return NULL;
}

static struct err *parse_member(
    const struct json *j, const char *name, const struct net_addr *subnet, unsigned char ip[16])
{
    const char *text = json_str(json_get(j, name));
    if (!text || !*text)
        return NULL;
    struct net_addr a;
    TRY_WRAP(net_addr_parse(text, &a), "%s", name);
    if (a.family != subnet->family || strchr(text, '/') || !in_subnet(subnet, a.ip))
        return err_new(ERR_INVALID, "%s: %s: not an address of the subnet", name, text);
    memcpy(ip, a.ip, 16);
    return NULL;
}

static struct err *parse_range(const struct json *j, struct range *r)
{
    *r = (struct range){0};
    TRY(parse_subnet(json_str(json_get(j, "subnet")), &r->subnet));
    size_t n = bytes_of(r->subnet.family);
    edge(&r->subnet, false, r->start);
    add_one(r->start, n);
    memcpy(r->gateway, r->start, 16);
    edge(&r->subnet, true, r->end);
    if (r->subnet.family == AF_INET)
        subtract_one(r->end, n); /* the broadcast address */
    TRY(parse_member(j, "rangeStart", &r->subnet, r->start));
    TRY(parse_member(j, "rangeEnd", &r->subnet, r->end));
    TRY(parse_member(j, "gateway", &r->subnet, r->gateway));
    if (memcmp(r->start, r->end, n) > 0)
        return err_new(ERR_INVALID, "rangeEnd: before rangeStart");
    return NULL;
}

static bool overlap(const struct range *a, const struct range *b)
{
    size_t n = bytes_of(a->subnet.family);
    return a->subnet.family == b->subnet.family && memcmp(a->start, b->end, n) <= 0 &&
           memcmp(b->start, a->end, n) <= 0;
}

static struct err *parse_set(struct arena *a, const struct json *j, struct range_set *s)
{
    if (j->type != JSON_ARRAY || j->n == 0 || j->n > RANGES_MAX)
        return err_new(ERR_INVALID, "not an array of 1 to %d ranges", RANGES_MAX);
    s->v = arena_array(a, j->n, sizeof(*s->v));
    json_each_item (it, j) {
        TRY_WRAP(parse_range(it, &s->v[s->n]), "[%zu]", s->n);
        if (s->v[s->n].subnet.family != s->v[0].subnet.family)
            return err_new(ERR_INVALID, "[%zu]: IPv4 and IPv6 in one set", s->n);
        for (size_t i = 0; i < s->n; i++)
            if (overlap(&s->v[i], &s->v[s->n]))
                return err_new(ERR_INVALID, "[%zu]: overlaps with [%zu]", s->n, i);
        s->n++;
    }
    return NULL;
}

static struct err *check_sets(const struct range_sets *s)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < i; k++)
            for (size_t x = 0; x < s->v[i].n; x++)
                for (size_t y = 0; y < s->v[k].n; y++)
                    if (overlap(&s->v[i].v[x], &s->v[k].v[y]))
                        return err_new(ERR_INVALID, "ranges: set %zu overlaps with set %zu", i, k);
    return NULL;
}

static struct err *parse_sets(struct arena *a, const char *name, const struct json *j, struct range_sets *s)
{
    if (!j || j->type == JSON_NULL)
        return NULL;
    if (j->type != JSON_ARRAY)
        return err_new(ERR_INVALID, "%s: not an array of arrays", name);
    size_t i = 0;
    json_each_item (it, j) {
        if (s->n == RANGES_MAX)
            return err_new(ERR_INVALID, "%s: more than %d sets", name, RANGES_MAX);
        TRY_WRAP(parse_set(a, it, &s->v[s->n++]), "%s[%zu]", name, i++);
    }
    return NULL;
}

struct err *ranges_parse(
    struct arena *a, const struct json *ipam, const struct json *more, struct range_sets *ret)
{
    struct range_sets s = {.v = arena_array(a, RANGES_MAX, sizeof(*s.v))};
    TRY(parse_sets(a, "runtimeConfig.ipRanges", more, &s));
    if (json_get(ipam, "subnet") && s.n < RANGES_MAX) {
        struct range_set *one = &s.v[s.n++];
        *one = (struct range_set){1, arena_new_obj(a, struct range)};
        TRY_WRAP(parse_range(ipam, one->v), "ipam");
    }
    TRY_WRAP(parse_sets(a, "ranges", json_get(ipam, "ranges"), &s), "ipam");
    if (!s.n)
        return err_new(ERR_INVALID, "ipam.ranges: no range is given");
    TRY_WRAP(check_sets(&s), "ipam");
    *ret = s;
    return NULL;
}

const struct range *ranges_find(const struct range_set *s, const struct net_addr *ip)
{
    for (size_t i = 0; i < s->n; i++)
        if (range_holds(&s->v[i], ip))
            return &s->v[i];
    return NULL;
}

static void step(struct range_walk *w)
{
    const struct range *r = &w->set->v[w->i];
    size_t n = bytes_of(r->subnet.family);
    if (memcmp(w->next, r->end, n)) {
        add_one(w->next, n);
        return;
    }
    w->i = (w->i + 1) % w->set->n;
    memcpy(w->next, w->set->v[w->i].start, 16);
}

struct range_walk ranges_walk(const struct range_set *s, const struct net_addr *last)
{
    struct range_walk w = {.set = s};
    const struct range *r = last && last->family ? ranges_find(s, last) : NULL;
    memcpy(w.next, r ? last->ip : s->v[0].start, 16);
    w.i = r ? (size_t)(r - s->v) : 0;
    if (r)
        step(&w);
    w.first_i = w.i;
    memcpy(w.first, w.next, 16);
    return w;
}

bool ranges_next(struct range_walk *w, struct net_addr *ret, const struct range **ret_range)
{
    for (;;) {
        const struct range *r = &w->set->v[w->i];
        size_t n = bytes_of(r->subnet.family);
        if (w->begun && w->i == w->first_i && !memcmp(w->next, w->first, n))
            return false;
        w->begun = true;
        struct net_addr a = {.family = r->subnet.family, .prefix = r->subnet.prefix};
        memcpy(a.ip, w->next, n);
        step(w);
        if (!memcmp(a.ip, r->gateway, n))
            continue;
        *ret = a;
        *ret_range = r;
        return true;
    }
}

void ranges_text(const struct range_set *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        struct net_addr a = s->v[i].subnet;
        char from[64], to[64];
        memcpy(a.ip, s->v[i].start, 16);
        net_addr_text(&a, false, from);
        memcpy(a.ip, s->v[i].end, 16);
        net_addr_text(&a, false, to);
        buf_addf(out, "%s%s-%s", i ? ", " : "", from, to);
    }
}
