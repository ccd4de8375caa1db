/* A small cluster and one packet to its name server: what the fuzz target and the unit test share. */
#ifndef WHERRY_DNS_WORLD_H
#define WHERRY_DNS_WORLD_H

#include "lib/mem.h"
#include "proxy/dns_zone.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static void ignore_service(void *arg, struct model_service *s)
{
    (void)arg, (void)s;
}

static void ignore_nodes(void *arg)
{
    (void)arg;
}

static void learn(struct model *m, enum model_kind kind, const char *text)
{
    auto_arena *a = arena_new();
    const struct json *j;
    auto_err *e = json_parse(a, text, strlen(text), NULL, &j);
    auto_err *f = e ? NULL : model_set(m, kind, j);
    if (e || f)
        abort();
}

static const struct model *world(void)
{
    static const struct model_events none = {ignore_service, ignore_nodes};
    static struct model *m;
    if (m)
        return m;
    m = model_new(&none, NULL);
    learn(m, MODEL_SERVICES,
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"d\"},\"spec\":{\"clusterIP\":\"10.96.1.1\","
        "\"ports\":[{\"name\":\"http\",\"port\":80}]}}");
    learn(m, MODEL_SERVICES,
        "{\"metadata\":{\"name\":\"h\",\"namespace\":\"d\"},\"spec\":{\"clusterIP\":\"None\","
        "\"ports\":[{\"name\":\"http\",\"port\":80}]}}");
    learn(m, MODEL_SERVICES,
        "{\"metadata\":{\"name\":\"x\",\"namespace\":\"d\"},\"spec\":{\"type\":\"ExternalName\","
        "\"externalName\":"
        "\"a.example\"}}");
    learn(m, MODEL_SLICES,
        "{\"metadata\":{\"name\":\"h\",\"namespace\":\"d\",\"labels\":{\"kubernetes.io/"
        "service-name\":\"h\"}},"
        "\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"http\",\"port\":80}],\"endpoints\":[{\"addresses\":["
        "\"10.1.0.2\"],\"hostname\":\"one\"},{\"addresses\":[\"10.1.0.3\"]}]}");
    return m;
}

/* Any packet is read, and what is one of ours answered, within the size that the asker takes; and what an
 * upstream may have said is copied into another answer. */
static int dns_try(const uint8_t *data, size_t n)
{
    const struct dns_zone zone = {world(), "cluster.local", htonl(0x0a600000), htonl(0xffff0000)};
    struct dns_query q;
    struct dns_writer w;
    const char *target;
    uint8_t question[DNS_UDP_PLAIN], copy[DNS_UDP_PLAIN];
    if (dns_query_read(question, dns_question(question, "a.example", DNS_A), &q) != DNS_READ)
        abort();
    dns_begin(&w, copy, sizeof(copy), question, &q);
    (void)dns_copy_answers(&w, data, n);
    if (w.len > sizeof(copy))
        abort();
    if (dns_query_read(data, n, &q) != DNS_READ)
        return 0;
    if (q.udp_size < DNS_UDP_PLAIN || q.udp_size > DNS_UDP_MAX || q.question_end > n)
        abort();
    uint8_t *out = mem_zalloc(q.udp_size); /* exactly as much, for the sanitizer */
    dns_begin(&w, out, q.udp_size, data, &q);
    if (dns_zone_answer(&zone, &q, &w, &target) == DNS_ANSWERED && w.len > q.udp_size)
        abort();
    free(out);
    return 0;
}

#endif
