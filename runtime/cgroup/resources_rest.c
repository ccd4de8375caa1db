/* See resources.h: block devices, huge pages, network, RDMA, and cgroup2 files by their names. */
#include "lib/mem.h"
#include "runtime/cgroup/resources_internal.h"
#include <stdlib.h>
#include <string.h>

/* --- block devices. The weight is the same number under the name that the host's scheduler gives it. */

static const char *device(struct resources_plan *p, struct opt_int major, struct opt_int minor)
{
    return arena_printf(p->a, "%lld:%lld", (long long)opt_int_or(major, 0), (long long)opt_int_or(minor, 0));
}

static void throttle(
    struct resources_plan *p, const struct oci_throttle_list *l, const char *v1_file, const char *v2_key)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct oci_throttle_device *d = &l->v[i];
        const char *dev = device(p, d->major, d->minor);
        int64_t rate = opt_int_or(d->rate, 0);
        if (!plan_is_v2(p, "blkio"))
            plan_put(p, "blkio", v1_file, arena_printf(p->a, "%s %lld", dev, (long long)rate), RESOURCE_MUST);
        else
            plan_put(p, "io", "io.max",
                arena_printf(p->a, "%s %s=%s", dev, v2_key, rate > 0 ? plan_num(p, rate) : "max"),
                RESOURCE_MUST);
    }
}

static void weights_v1(struct resources_plan *p, const struct oci_block_io *b)
{
    if (opt_int_or(b->weight, 0)) {
        plan_put(p, "blkio", "blkio.weight", plan_num(p, b->weight.v), RESOURCE_OR_NEXT);
        plan_put(p, "blkio", "blkio.bfq.weight", plan_num(p, b->weight.v), RESOURCE_MUST);
    }
    if (opt_int_or(b->leaf_weight, 0))
        plan_put(p, "blkio", "blkio.leaf_weight", plan_num(p, b->leaf_weight.v), RESOURCE_MUST);
    for (size_t i = 0; i < b->weight_device.n; i++) {
        const struct oci_weight_device *d = &b->weight_device.v[i];
        const char *dev = device(p, d->major, d->minor);
        if (opt_int_or(d->weight, 0)) {
            const char *text = arena_printf(p->a, "%s %lld", dev, (long long)d->weight.v);
            plan_put(p, "blkio", "blkio.weight_device", text, RESOURCE_OR_NEXT);
            plan_put(p, "blkio", "blkio.bfq.weight_device", text, RESOURCE_MUST);
        }
        if (opt_int_or(d->leaf_weight, 0))
            plan_put(p, "blkio", "blkio.leaf_weight_device",
                arena_printf(p->a, "%s %lld", dev, (long long)d->leaf_weight.v), RESOURCE_MUST);
    }
}

/* [10, 1000] onto [1, 10000]; bfq keeps the scale. */
static int64_t io_weight(int64_t weight)
{
    return weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static struct err *weights_v2(struct resources_plan *p, const struct oci_block_io *b)
{
    if (opt_int_or(b->leaf_weight, 0))
        return err_new(ERR_UNSUPPORTED, "leafWeight: cgroup v2 has none");
    if (opt_int_or(b->weight, 0)) {
        plan_put(p, "io", "io.bfq.weight", plan_num(p, b->weight.v), RESOURCE_OR_NEXT);
        plan_put(p, "io", "io.weight", plan_num(p, io_weight(b->weight.v)), RESOURCE_MUST);
    }
    for (size_t i = 0; i < b->weight_device.n; i++) {
        const struct oci_weight_device *d = &b->weight_device.v[i];
        const char *dev = device(p, d->major, d->minor);
        int64_t weight = opt_int_or(d->weight, 0);
        if (opt_int_or(d->leaf_weight, 0))
            return err_new(ERR_UNSUPPORTED, "weightDevice[%zu].leafWeight: cgroup v2 has none", i);
        if (!weight)
            continue;
        plan_put(p, "io", "io.bfq.weight", arena_printf(p->a, "%s %lld", dev, (long long)weight),
            RESOURCE_OR_NEXT);
        plan_put(p, "io", "io.weight", arena_printf(p->a, "%s %lld", dev, (long long)io_weight(weight)),
            RESOURCE_MUST);
    }
    return NULL;
}

static struct err *block_io(struct resources_plan *p, const struct oci_block_io *b)
{
    if (plan_is_v2(p, "blkio"))
        TRY(weights_v2(p, b));
    else
        weights_v1(p, b);
    throttle(p, &b->throttle_read_bps, "blkio.throttle.read_bps_device", "rbps");
    throttle(p, &b->throttle_write_bps, "blkio.throttle.write_bps_device", "wbps");
    throttle(p, &b->throttle_read_iops, "blkio.throttle.read_iops_device", "riops");
    throttle(p, &b->throttle_write_iops, "blkio.throttle.write_iops_device", "wiops");
    return NULL;
}

/* --- huge pages: those in use, and, where the kernel counts them, those reserved */

static struct err *huge_pages(struct resources_plan *p, const struct oci_resources *r)
{
    bool unified = plan_is_v2(p, "hugetlb");
    const char *end = unified ? "max" : "limit_in_bytes";
    for (size_t i = 0; i < r->hugepage_limits.n; i++) {
        const struct oci_hugepage_limit *h = &r->hugepage_limits.v[i];
        int64_t limit = opt_int_or(h->limit, 0);
        size_t digits = strspn(h->page_size, "0123456789");
        const char *unit = h->page_size + digits;
        if (!digits || (strcmp(unit, "KB") && strcmp(unit, "MB") && strcmp(unit, "GB")))
            return err_new(ERR_INVALID,
                "hugepageLimits[%zu].pageSize: \"%s\": must be a number with KB, MB or GB", i, h->page_size);
        const char *text = unified ? plan_num_or_max(p, limit) : plan_num(p, limit);
        plan_put(p, "hugetlb", arena_printf(p->a, "hugetlb.%s.%s", h->page_size, end), text, RESOURCE_MUST);
        plan_put(p, "hugetlb", arena_printf(p->a, "hugetlb.%s.rsvd.%s", h->page_size, end), text,
            RESOURCE_OPTIONAL);
    }
    return NULL;
}

/* --- network: v1 only */

static struct err *network(struct resources_plan *p, const struct oci_network *n)
{
    if (opt_int_or(n->class_id, 0)) {
        if (plan_is_v2(p, "net_cls"))
            return err_new(ERR_UNSUPPORTED, "network.classID: needs the v1 controller net_cls");
        plan_put(p, "net_cls", "net_cls.classid", plan_num(p, n->class_id.v), RESOURCE_MUST);
    }
    if (n->priorities.n && plan_is_v2(p, "net_prio"))
        return err_new(ERR_UNSUPPORTED, "network.priorities: needs the v1 controller net_prio");
    for (size_t i = 0; i < n->priorities.n; i++)
        plan_put(p, "net_prio", "net_prio.ifpriomap",
            arena_printf(p->a, "%s %lld", n->priorities.v[i].name,
                (long long)opt_int_or(n->priorities.v[i].priority, 0)),
            RESOURCE_MUST);
    return NULL;
}

/* --- RDMA: device -> limits */

struct rdma_limits {
    struct opt_int handles, objects;
};
static FIELDS_DEFINE(rdma_fields, rdma_limits, FIELD(rdma_limits, handles, "hcaHandles", FIELD_INT),
    FIELD(rdma_limits, objects, "hcaObjects", FIELD_INT));

static struct err *rdma_device(struct resources_plan *p, const char *name, const struct json *value)
{
    struct rdma_limits l;
    if (!*name || strpbrk(name, " \n"))
        return err_new(ERR_INVALID, "not the name of a device");
    TRY(fields_decode(&rdma_fields, p->a, value, &l));
    const char *text = name;
    if (l.handles.set)
        text = arena_printf(p->a, "%s hca_handle=%lld", text, (long long)l.handles.v);
    if (l.objects.set)
        text = arena_printf(p->a, "%s hca_object=%lld", text, (long long)l.objects.v);
    if (text != name)
        plan_put(p, "rdma", "rdma.max", text, RESOURCE_MUST);
    return NULL;
}

static struct err *rdma(struct resources_plan *p, const struct json *limits)
{
    if (!limits || limits->type == JSON_NULL)
        return NULL;
    if (limits->type != JSON_OBJECT)
        return err_new(ERR_INVALID, "rdma: not an object");
    json_each_member (m, limits)
        TRY_WRAP(rdma_device(p, m->name, &m->value), "rdma.%s", m->name);
    return NULL;
}

/* --- unified: files of cgroup2 by name, a write per line. What moves, ends or stops processes is no limit.
 */

static struct err *check_unified(const struct resources_plan *p, const char *name, const char *controller)
{
    static const char *const none[] = {"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze",
        "cgroup.type", "cgroup.subtree_control"};
    if (strchr(name, '/') || !strcmp(controller, name) || !*controller)
        return err_new(ERR_INVALID, "unified: \"%s\": must be the name of a file, CONTROLLER.NAME", name);
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        if (!strcmp(name, none[i]))
            return err_new(ERR_INVALID, "unified: \"%s\" is no limit", name);
    if (!plan_is_v2(p, controller))
        return err_new(ERR_INVALID,
            "unified: \"%s\": invalid configuration: the controller %s is not in a cgroup2 hierarchy here",
            name, controller);
    return NULL;
}

static struct err *unified(struct resources_plan *p, const struct oci_resources *r)
{
    for (size_t i = 0; i < r->unified.n; i++) {
        const char *name = r->unified.v[i].name;
        const char *controller = arena_strndup(p->a, name, strcspn(name, "."));
        TRY(check_unified(p, name, controller));
        char *save = NULL, *text = arena_strdup(p->a, r->unified.v[i].value);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            plan_put(p, controller, name, line, RESOURCE_MUST);
    }
    return NULL;
}

struct err *resources_rest(struct resources_plan *p, const struct oci_resources *r)
{
    if (r->block_io)
        TRY_WRAP(block_io(p, r->block_io), "blockIO");
    TRY(huge_pages(p, r));
    if (r->network)
        TRY(network(p, r->network));
    TRY(rdma(p, r->rdma));
    return unified(p, r);
}
