/* Pod address ranges. */
#include "master/system_plan.h"
#include "lib/mem.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse(const char *text, uint32_t *ret_ip, unsigned long *ret_prefix)
{
    char ip[32], *end;
    struct in_addr a;
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof(ip))
        return false;
    memcpy(ip, text, (size_t)(slash - text));
    ip[slash - text] = 0;
    *ret_prefix = strtoul(slash + 1, &end, 10);
    if (end == slash + 1 || *end || *ret_prefix > 32 || inet_pton(AF_INET, ip, &a) != 1)
        return false;
    *ret_ip = ntohl(a.s_addr);
    return true;
}

struct err *cidr_pool_init(struct cidr_pool *p, const char *cluster_cidr)
{
    unsigned long prefix;
    if (!parse(cluster_cidr, &p->base, &prefix) || prefix < 8 || prefix > 24)
        return err_new(ERR_INVALID, "--cluster-cidr: \"%s\" is no IPv4 range of /8 to /24", cluster_cidr);
    p->n = 1u << (24 - prefix);
    p->base &= ~((p->n << 8) - 1);
    p->taken = mem_array(p->n, sizeof(*p->taken));
    return NULL;
}

void cidr_pool_clear(struct cidr_pool *p)
{
    memset(p->taken, 0, p->n * sizeof(*p->taken));
}

void cidr_pool_take(struct cidr_pool *p, const char *cidr)
{
    uint32_t ip;
    unsigned long prefix;
    if (!parse(cidr, &ip, &prefix))
        return;
    uint32_t first = (ip - p->base) >> 8, count = prefix >= 24 ? 1 : 1u << (24 - prefix);
    for (uint32_t i = 0; i < count && first + i < p->n; i++)
        p->taken[first + i] = true;
}

bool cidr_pool_choose(struct cidr_pool *p, char cidr[32])
{
    for (uint32_t i = 0; i < p->n; i++)
        if (!p->taken[i]) {
            struct in_addr a = {.s_addr = htonl(p->base + (i << 8))};
            char ip[16];
            inet_ntop(AF_INET, &a, ip, sizeof(ip));
            snprintf(cidr, 32, "%s/24", ip);
            return true;
        }
    return false;
}

void cidr_pool_done(struct cidr_pool *p)
{
    free(p->taken);
    p->taken = NULL;
}
