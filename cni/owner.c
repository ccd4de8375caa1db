/* See owner.h. */
#include "cni/owner.h"
#include <stdio.h>
#include <string.h>

enum { NETWORK_MAX = 30, ID_MAX = 64, PART_MAX = 72 };

/* FNV-1a, with the terminating NUL: spreads names, protects nothing. */
static uint64_t hash(uint64_t h, const char *s)
{
    do {
        h ^= (unsigned char)*s;
        h *= 0x100000001b3;
    } while (*s++);
    return h;
}
static const uint64_t hash_begin = 0xcbf29ce484222325;

static void shorten(const char *s, size_t max, char ret[PART_MAX])
{
    if (strlen(s) <= max)
        snprintf(ret, PART_MAX, "%s", s);
    else
        snprintf(ret, PART_MAX, "%016llx", (unsigned long long)hash(hash_begin, s));
}

void owner_text(const char *network, const char *container_id, const char *ifname, char ret[OWNER_MAX])
{
    char net[PART_MAX], id[PART_MAX];
    shorten(network, NETWORK_MAX, net);
    shorten(container_id, ID_MAX, id);
    snprintf(ret, OWNER_MAX, "%.30s/%.64s/%.15s", net, id, ifname);
}

void owner_of_call(const struct plugin_call *c, char ret[OWNER_MAX])
{
    owner_text(c->network, c->container_id, c->ifname, ret);
}

bool owner_is_gone(const struct plugin_call *c, const char *owner)
{
    char net[PART_MAX], valid[OWNER_MAX];
    shorten(c->network, NETWORK_MAX, net);
    size_t n = strlen(net);
    if (strncmp(owner, net, n) || owner[n] != '/')
        return false;
    for (size_t i = 0; i < c->n_valid; i++) {
        owner_text(c->network, c->valid[i].container_id, c->valid[i].ifname, valid);
        if (!strcmp(valid, owner))
            return false;
    }
    return true;
}

void owner_veth(const char *network, const char *container_id, const char *ifname, char ret[16])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    uint64_t h = hash(hash(hash(hash_begin, network), container_id), ifname);
    snprintf(ret, 16, "wh");
    for (int i = 2; i < 15; i++, h >>= 5)
        ret[i] = digits[h & 31];
    ret[15] = 0;
}
