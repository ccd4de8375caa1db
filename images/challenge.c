/* Parsing challenges and URLs, and the rules of trust between hosts. */
#include "images/challenge.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- WWW-Authenticate --- */

static const char *skip(const char *p, const char *set)
{
    return p + strspn(p, set);
}

/* name=token or name="quoted"; NULL where p is not at a parameter (but at the next scheme). */
static const char *parameter(struct arena *a, const char *p, const char **ret_name, const char **ret_value)
{
    size_t n = strcspn(p, "= ,\t\"");
    const char *eq = skip(p + n, " \t");
    if (!n || *eq != '=')
        return NULL;
    *ret_name = arena_strndup(a, p, n);
    p = skip(eq + 1, " \t");
    if (*p != '"') {
        n = strcspn(p, ", \t");
        *ret_value = arena_strndup(a, p, n);
        return p + n;
    }
    char *out = arena_alloc(a, strlen(p) + 1);
    *ret_value = out;
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        *out++ = *p;
    }
    return *p ? p + 1 : p;
}

static const char *parameters(struct arena *a, const char *p, struct challenge *c)
{
    const char *name, *value, *next;
    for (p = skip(p, " \t,"); *p && (next = parameter(a, p, &name, &value)); p = skip(next, " \t,")) {
        if (!strcasecmp(name, "realm"))
            c->realm = value;
        else if (!strcasecmp(name, "service"))
            c->service = value;
        else if (!strcasecmp(name, "scope"))
            c->scope = value;
    }
    return p;
}

struct challenge challenge_parse(struct arena *a, const char *header)
{
    struct challenge best = {0};
    for (const char *p = skip(header, " \t,"); *p;) {
        size_t n = strcspn(p, " \t,");
        struct challenge c = {0};
        if (n == 6 && !strncasecmp(p, "Bearer", n))
            c.kind = CHALLENGE_BEARER;
        else if (n == 5 && !strncasecmp(p, "Basic", n))
            c.kind = CHALLENGE_BASIC;
        const char *next = parameters(a, p + n, &c);
        if (c.kind > best.kind && (c.kind != CHALLENGE_BEARER || c.realm))
            best = c;
        if (next == p)
            break;
        p = next;
    }
    return best;
}

/* --- URLs --- */

struct err *url_parse(struct arena *a, const char *text, struct url *ret)
{
    const char *colon = strstr(text, "://");
    if (!colon || colon == text || strpbrk(text, " \t\r\n\\"))
        return err_new(ERR_INVALID, "%.200s: not a URL", text);
    struct url u = {.scheme = arena_strndup(a, text, (size_t)(colon - text))};
    const char *host = colon + 3;
    size_t n = strcspn(host, "/?#");
    char *authority = arena_strndup(a, host, n);
    if (strchr(authority, '@'))
        return err_new(ERR_INVALID, "a URL with a user name in it");
    char *port = strrchr(authority, ':');
    if (port && !strchr(port, ']')) {
        char *end;
        unsigned long v = strtoul(port + 1, &end, 10);
        if (*end || !port[1] || v == 0 || v > 65535)
            return err_new(ERR_INVALID, "%.200s: not a URL", text);
        u.port = (unsigned)v;
        *port = '\0';
    } else {
        u.port = strcasecmp(u.scheme, "http") ? 443 : 80;
    }
    if (!*authority)
        return err_new(ERR_INVALID, "%.200s: a URL without a host", text);
    u.host = authority;
    *ret = u;
    return NULL;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return !strcasecmp(a->scheme, b->scheme) && !strcasecmp(a->host, b->host) && a->port == b->port;
}

bool host_is_local(const char *host)
{
    size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    return (n == 9 && !strncasecmp(host, "localhost", 9)) || (n == 5 && !strncmp(host, "[::1]", 5)) ||
           (!strncmp(host, "127.", 4) && strspn(host, "0123456789.") >= n);
}

/* --- who may be asked, and told what --- */

struct err *challenge_check_realm(const struct url *base, const struct url *realm)
{
    bool https = !strcasecmp(realm->scheme, "https"), http = !strcasecmp(realm->scheme, "http");
    if (!https && !http)
        return err_new(ERR_DENIED, "token server with the scheme %.20s", realm->scheme);
    if (http && !strcasecmp(base->scheme, "https"))
        return err_new(ERR_DENIED, "token server %s without TLS", realm->host);
    return NULL;
}

static bool is_address(const char *host)
{
    struct in_addr v4;
    return *host == '[' || inet_pton(AF_INET, host, &v4) == 1;
}

/* The last `n` labels, or all there are. */
static const char *last_labels(const char *host, unsigned n)
{
    const char *p = host + strlen(host);
    while (p > host && n) {
        p--;
        if (*p == '.' && !--n)
            return p + 1;
    }
    return host;
}

/* example.com, and example.co.uk: what one owner holds, as well as it can be known without a list. */
static const char *domain_of(const char *host)
{
    const char *two = last_labels(host, 2), *dot = strchr(two, '.');
    bool suffix = dot && strlen(dot + 1) == 2 && dot - two <= 3;
    return suffix ? last_labels(host, 3) : two;
}

bool challenge_may_have_password(const char *registry, const char *realm)
{
    if (!strcasecmp(registry, realm))
        return true;
    if (is_address(registry) || is_address(realm) || !strchr(registry, '.') || !strchr(realm, '.'))
        return false;
    const char *a = domain_of(registry), *b = domain_of(realm);
    return strchr(a, '.') && !strcasecmp(a, b);
}

static bool v4_is_private_to_host(const unsigned char *b)
{
    return b[0] == 127 || b[0] == 0 || (b[0] == 169 && b[1] == 254);
}

bool address_is_private_to_host(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return v4_is_private_to_host((const unsigned char *)&((const struct sockaddr_in *)sa)->sin_addr);
    if (sa->sa_family != AF_INET6)
        return true;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6))
        return v4_is_private_to_host(v6->s6_addr + 12);
    return IN6_IS_ADDR_LOOPBACK(v6) || IN6_IS_ADDR_LINKLOCAL(v6) || IN6_IS_ADDR_UNSPECIFIED(v6);
}
