#include "master/sched_plan.h"

#include "lib/api/quantity.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* --- what a Pod takes */

static void add_ports(struct arena *a, struct sched_pod *p, const struct container *c, bool host_network)
{
    for (size_t i = 0; i < c->ports.n; i++) {
        const struct container_port *port = &c->ports.v[i];
        int64_t number = opt_int_or(port->host_port, host_network ? opt_int_or(port->container_port, 0) : 0);
        if (number > 0)
            p->ports[p->n_ports++] =
                (struct sched_port){arena_strdup(a, port->protocol ? port->protocol : "TCP"),
                    arena_strdup(a, port->host_ip), number};
    }
}

struct sched_pod *sched_pod_new(const struct pod *pod)
{
    struct arena *a = arena_new();
    struct sched_pod *p = arena_new_obj(a, struct sched_pod);
    const struct owner_reference *owner = meta_controller(pod->metadata);
    p->arena = a;
    p->uid = arena_strdup(a, pod->metadata->uid);
    p->controller = owner ? arena_strdup(a, owner->uid) : NULL;
    p->cpu = pod_request(pod->spec, "cpu");
    p->memory = pod_request(pod->spec, "memory");
    size_t ports = 0;
    for (size_t i = 0; i < pod->spec->containers.n; i++)
        ports += pod->spec->containers.v[i].ports.n;
    p->ports = arena_array(a, ports, sizeof(*p->ports));
    for (size_t i = 0; i < pod->spec->containers.n; i++)
        add_ports(a, p, &pod->spec->containers.v[i], opt_bool_or(pod->spec->host_network, false));
    return p;
}

void sched_pod_free(struct sched_pod *p)
{
    if (p)
        arena_free(p->arena);
}

/* --- filters */

bool sched_tolerates(const struct pod_spec *spec, const struct taint *t)
{
    for (size_t i = 0; i < spec->tolerations.n; i++) {
        const struct toleration *l = &spec->tolerations.v[i];
        bool exists = same(l->operator_, "Exists");
        if (l->effect && *l->effect && !same(l->effect, t->effect))
            continue;
        if (!l->key || !*l->key ? exists : same(l->key, t->key) && (exists || same(l->value, t->value)))
            return true;
    }
    return false;
}

static const struct taint *untolerated(const struct sched_node *n, const struct pod_spec *spec)
{
    for (size_t i = 0; n->node->spec && i < n->node->spec->taints.n; i++) {
        const struct taint *t = &n->node->spec->taints.v[i];
        bool hard = same(t->effect, "NoSchedule") || same(t->effect, "NoExecute");
        if (hard && !sched_tolerates(spec, t))
            return t;
    }
    return NULL;
}

static bool is_unschedulable(const struct sched_node *n, const struct pod_spec *spec)
{
    const struct taint cordon = {.key = "node.kubernetes.io/unschedulable", .effect = "NoSchedule"};
    return n->node->spec && opt_bool_or(n->node->spec->unschedulable, false) &&
           !sched_tolerates(spec, &cordon);
}

static bool holds(const struct str_list *values, const char *v)
{
    for (size_t i = 0; i < values->n; i++)
        if (same(values->v[i], v))
            return true;
    return false;
}

/* core/v1 NodeSelectorRequirement: actual is NULL where the node has no such label. */
static bool requirement_matches(const struct node_selector_requirement *r, const char *actual)
{
    if (same(r->operator_, "In"))
        return actual && holds(&r->values, actual);
    if (same(r->operator_, "NotIn"))
        return !actual || !holds(&r->values, actual);
    if (same(r->operator_, "Exists"))
        return actual != NULL;
    if (same(r->operator_, "DoesNotExist"))
        return actual == NULL;
    if (!actual || r->values.n != 1)
        return false;
    char *end_a, *end_b;
    long long a = strtoll(actual, &end_a, 10), b = strtoll(r->values.v[0], &end_b, 10);
    if (*end_a || *end_b || end_a == actual || end_b == r->values.v[0])
        return false;
    return same(r->operator_, "Gt") ? a > b : same(r->operator_, "Lt") && a < b;
}

/* An empty term matches nothing. */
static bool term_matches(const struct node_selector_term *t, const struct sched_node *n)
{
    if (t->match_expressions.n + t->match_fields.n == 0)
        return false;
    for (size_t i = 0; i < t->match_expressions.n; i++)
        if (!requirement_matches(
                &t->match_expressions.v[i], meta_label(n->node->metadata, t->match_expressions.v[i].key)))
            return false;
    for (size_t i = 0; i < t->match_fields.n; i++)
        if (!requirement_matches(
                &t->match_fields.v[i], same(t->match_fields.v[i].key, "metadata.name") ? n->name : NULL))
            return false;
    return true;
}

static bool affinity_matches(const struct sched_node *n, const struct pod_spec *spec)
{
    for (size_t i = 0; i < spec->node_selector.n; i++) {
        const char *actual = meta_label(n->node->metadata, spec->node_selector.v[i].name);
        if (!actual || !same(actual, spec->node_selector.v[i].value))
            return false;
    }
    if (!spec->affinity || !spec->affinity->node_affinity || !spec->affinity->node_affinity->required)
        return true;
    const struct node_selector *required = spec->affinity->node_affinity->required;
    for (size_t i = 0; i < required->node_selector_terms.n; i++)
        if (term_matches(&required->node_selector_terms.v[i], n))
            return true;
    return false;
}

static bool is_any_address(const char *ip)
{
    return !ip || !*ip || same(ip, "0.0.0.0") || same(ip, "::");
}

static bool ports_clash(const struct sched_node *n, const struct sched_pod *needs)
{
    for (size_t i = 0; i < needs->n_ports; i++)
        for (size_t p = 0; p < n->n_pods; p++)
            for (size_t j = 0; j < n->pods[p]->n_ports; j++) {
                const struct sched_port *a = &needs->ports[i], *b = &n->pods[p]->ports[j];
                if (a->port == b->port && same(a->protocol, b->protocol) &&
                    (is_any_address(a->ip) || is_any_address(b->ip) || same(a->ip, b->ip)))
                    return true;
            }
    return false;
}

/* A resource that no scheduler accounts for here (devices): the node must offer it at all. */
static const char *missing_extended(const struct sched_node *n, const struct pod_spec *spec)
{
    for (size_t i = 0; i < spec->containers.n; i++) {
        const struct resource_requirements *r = spec->containers.v[i].resources;
        for (size_t j = 0; r && j < r->requests.n; j++) {
            const char *name = r->requests.v[j].name;
            bool extended = strchr(name, '/') && strncmp(name, "kubernetes.io/", 14) != 0;
            if (extended &&
                pod_request(spec, name) > quantity_units_of(&n->node->status->allocatable, name, 0))
                return name;
        }
    }
    return NULL;
}

static struct sched_verdict filter_resources(
    struct arena *a, const struct sched_node *n, const struct pod *pod, const struct sched_pod *needs)
{
    static const struct str_map none;
    const struct str_map *offered = n->node->status ? &n->node->status->allocatable : &none;
    if ((int64_t)n->n_pods + 1 > quantity_units_of(offered, "pods", 0))
        return (struct sched_verdict){SCHED_TOO_MANY_PODS, NULL};
    if (needs->cpu > 0 && n->cpu + needs->cpu > quantity_millis_of(offered, "cpu", 0))
        return (struct sched_verdict){SCHED_CPU, NULL};
    if (needs->memory > 0 && n->memory + needs->memory > quantity_units_of(offered, "memory", 0))
        return (struct sched_verdict){SCHED_MEMORY, NULL};
    const char *extended = n->node->status ? missing_extended(n, pod->spec) : NULL;
    if (extended)
        return (struct sched_verdict){SCHED_EXTENDED, arena_strdup(a, extended)};
    return (struct sched_verdict){SCHED_FITS, NULL};
}

struct sched_verdict sched_filter(
    struct arena *a, const struct sched_node *n, const struct pod *pod, const struct sched_pod *needs)
{
    if (is_unschedulable(n, pod->spec))
        return (struct sched_verdict){SCHED_UNSCHEDULABLE, NULL};
    const struct taint *t = untolerated(n, pod->spec);
    if (t)
        return (struct sched_verdict){
            SCHED_TAINT, arena_printf(a, "{%s: %s}", t->key, t->value ? t->value : "")};
    if (!affinity_matches(n, pod->spec))
        return (struct sched_verdict){SCHED_AFFINITY, NULL};
    if (ports_clash(n, needs))
        return (struct sched_verdict){SCHED_PORTS, NULL};
    return filter_resources(a, n, pod, needs);
}

/* --- scores */

enum { SCORE_MAX = 100, WEIGHT_EMPTY = 1, WEIGHT_SPREAD = 2, WEIGHT_AFFINITY = 2, WEIGHT_TAINT = 3 };

/* How much would be left of a resource, in hundredths. */
static int64_t left(int64_t offered, int64_t used)
{
    return offered > 0 && used < offered ? (int64_t)((double)(offered - used) * SCORE_MAX / (double)offered)
                                         : 0;
}

static int64_t score_empty(const struct sched_node *n, const struct sched_pod *needs)
{
    const struct str_map *offered = &n->node->status->allocatable;
    return (left(quantity_millis_of(offered, "cpu", 0), n->cpu + needs->cpu) +
               left(quantity_units_of(offered, "memory", 0), n->memory + needs->memory)) /
           2;
}

static int64_t score_spread(const struct sched_node *n, const struct sched_pod *needs)
{
    int64_t siblings = 0;
    for (size_t i = 0; needs->controller && i < n->n_pods; i++)
        siblings += same(n->pods[i]->controller, needs->controller);
    return SCORE_MAX / (1 + siblings);
}

static int64_t score_affinity(const struct sched_node *n, const struct pod_spec *spec)
{
    int64_t sum = 0, all = 0;
    if (!spec->affinity || !spec->affinity->node_affinity)
        return 0;
    for (size_t i = 0; i < spec->affinity->node_affinity->preferred.n; i++) {
        const struct preferred_scheduling_term *p = &spec->affinity->node_affinity->preferred.v[i];
        all += opt_int_or(p->weight, 0);
        if (p->preference && term_matches(p->preference, n))
            sum += opt_int_or(p->weight, 0);
    }
    return all > 0 ? sum * SCORE_MAX / all : 0;
}

static int64_t score_taints(const struct sched_node *n, const struct pod_spec *spec)
{
    int64_t soft = 0;
    for (size_t i = 0; n->node->spec && i < n->node->spec->taints.n; i++) {
        const struct taint *t = &n->node->spec->taints.v[i];
        soft += same(t->effect, "PreferNoSchedule") && !sched_tolerates(spec, t);
    }
    return SCORE_MAX / (1 + soft);
}

int64_t sched_score(const struct sched_node *n, const struct pod *pod, const struct sched_pod *needs)
{
    return WEIGHT_EMPTY * score_empty(n, needs) + WEIGHT_SPREAD * score_spread(n, needs) +
           WEIGHT_AFFINITY * score_affinity(n, pod->spec) + WEIGHT_TAINT * score_taints(n, pod->spec);
}

/* --- the choice */

static const char *reason_text(struct arena *a, const struct sched_verdict *v)
{
    switch (v->reason) {
    case SCHED_UNSCHEDULABLE:
        return "node(s) were unschedulable";
    case SCHED_TAINT:
        return arena_printf(a, "node(s) had untolerated taint %s", v->detail);
    case SCHED_AFFINITY:
        return "node(s) didn't match Pod's node affinity/selector";
    case SCHED_PORTS:
        return "node(s) didn't have free ports for the requested pod ports";
    case SCHED_TOO_MANY_PODS:
        return "Too many pods";
    case SCHED_CPU:
        return "Insufficient cpu";
    case SCHED_MEMORY:
        return "Insufficient memory";
    case SCHED_EXTENDED:
        return arena_printf(a, "Insufficient %s", v->detail);
    case SCHED_FITS:
    case SCHED_REASONS:
        break;
    }
    return "";
}

struct tally {
    const char *text;
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct tally *)a)->text, ((const struct tally *)b)->text);
}

/* "0/3 nodes are available: 2 Insufficient cpu, 1 node(s) were unschedulable." Sorted, as kube-scheduler
 * does; there is no preemption here, and the message says nothing of it. */
static const char *explain(struct arena *a, const struct sched_verdict *verdicts, size_t n)
{
    struct tally *tallies = arena_array(a, n, sizeof(*tallies));
    size_t used = 0;
    auto_buf b = BUF_INIT(16 * 1024);
    if (n == 0)
        return "no nodes available to schedule pods";
    for (size_t i = 0; i < n; i++) {
        const char *text = reason_text(a, &verdicts[i]);
        size_t t = 0;
        while (t < used && strcmp(tallies[t].text, text) != 0)
            t++;
        if (t == used)
            tallies[used++].text = text;
        tallies[t].n++;
    }
    for (size_t t = 0; t < used; t++)
        tallies[t].text = arena_printf(a, "%zu %s", tallies[t].n, tallies[t].text);
    qsort(tallies, used, sizeof(*tallies), by_text);
    buf_addf(&b, "0/%zu nodes are available: ", n);
    for (size_t t = 0; t < used; t++)
        buf_addf(&b, "%s%s", t ? ", " : "", tallies[t].text);
    buf_addc(&b, '.');
    return arena_strdup(a, buf_str(&b));
}

const struct sched_node *sched_choose(struct arena *a, struct sched_node *const *nodes, size_t n,
    const struct pod *pod, const struct sched_pod *needs, const char **ret_message)
{
    struct sched_verdict *verdicts = arena_array(a, n, sizeof(*verdicts));
    const struct sched_node *best = NULL;
    int64_t best_score = -1;
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = sched_filter(a, nodes[i], pod, needs);
        if (verdicts[i].reason != SCHED_FITS)
            continue;
        int64_t score = sched_score(nodes[i], pod, needs);
        if (score > best_score || (score == best_score && nodes[i]->n_pods < best->n_pods)) {
            best = nodes[i];
            best_score = score;
        }
    }
    if (!best)
        *ret_message = explain(a, verdicts, n);
    return best;
}
