/*
 * Device rules: what a list of rules means (the last that speaks of a device and a kind of access decides;
 * what every container has is allowed after them), against the eBPF program and against the v1 files, whose
 * kernel is played here.
 */
#include "lib/mem.h"
#include "runtime/cgroup/device_rules.h"
#include "tests/fuzz/runtime/programs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define RULES_MAX 6

static const int64_t majors[] = {-1, 1, 5, 8, 10, 136, 4294967295}, minors[] = {-1, 0, 2, 3, 200, 4294967295};

static void require(bool good)
{
    if (!good)
        abort();
}

/* --- rules out of bytes: four each */

static size_t read_rules(struct arena *a, const uint8_t *data, size_t n, struct oci_resources *r)
{
    static const char *const types[] = {"a", "b", "c", NULL};
    struct oci_device_rule *v = arena_array(a, RULES_MAX, sizeof(*v));
    size_t count = 0, at = 1;
    size_t wanted = n ? data[0] % (RULES_MAX + 1) : 0;
    for (; count < wanted && at + 4 <= n; at += 4) {
        char *access = arena_printf(a, "%s%s%s", data[at + 3] & 1 ? "r" : "", data[at + 3] & 2 ? "w" : "",
            data[at + 3] & 4 ? "m" : "");
        int64_t major = majors[data[at + 1] % ARRAY_SIZE(majors)],
                minor = minors[data[at + 2] % ARRAY_SIZE(minors)];
        v[count++] = (struct oci_device_rule){.allow = {true, data[at] & 1},
            .type = types[data[at] >> 1 & 3],
            .major = {major >= 0, major},
            .minor = {minor >= 0, minor},
            .access = *access ? access : NULL};
    }
    *r = (struct oci_resources){0};
    r->devices.v = v;
    r->devices.n = count;
    return at < n ? at : n;
}

struct probe {
    char type;
    uint32_t major, minor;
    unsigned access;
};

/* --- what the list means, one kind of access at a time */

static bool speaks_of(const struct oci_device_rule *r, const struct probe *p, unsigned bit)
{
    static const char letters[] = {[DEVICE_MKNOD] = 'm', [DEVICE_READ] = 'r', [DEVICE_WRITE] = 'w'};
    return (!r->type || *r->type == 'a' || *r->type == p->type) &&
           (!r->major.set || r->major.v == p->major) && (!r->minor.set || r->minor.v == p->minor) &&
           (!r->access || strchr(r->access, letters[bit]));
}

static bool always(const struct probe *p, unsigned bit)
{
    if (bit == DEVICE_MKNOD)
        return true;
    if (p->type != 'c')
        return false;
    return (p->major == 1 && (p->minor == 3 || p->minor == 5 || (p->minor >= 7 && p->minor <= 9))) ||
           (p->major == 5 && (p->minor == 0 || p->minor == 2)) || p->major == 136;
}

static bool meant(const struct oci_resources *r, const struct probe *p)
{
    for (unsigned bit = 1; bit <= DEVICE_WRITE; bit <<= 1) {
        bool allow = false;
        for (size_t i = 0; i < r->devices.n; i++)
            if (speaks_of(&r->devices.v[i], p, bit))
                allow = r->devices.v[i].allow.v;
        if (p->access & bit && !allow && !always(p, bit))
            return false;
    }
    return true;
}

/* --- the v1 controller */

struct v1 {
    bool allow;
    struct device_rule v[8 * RULES_MAX + 32];
    size_t n;
};

static struct device_rule *exception(struct v1 *k, const struct device_rule *r)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->v[i].type == r->type && k->v[i].major == r->major && k->v[i].minor == r->minor)
            return &k->v[i];
    return NULL;
}

static void v1_write(struct arena *a, struct v1 *k, const char *line)
{
    struct device_table t;
    bool allow = line[0] == 'a';
    if (!strcmp(line + 1, "a")) {
        k->allow = allow;
        k->n = 0;
        return;
    }
    auto_err *e = device_rules_parse(a, line + 1, &t);
    require(!e && t.n == 1);
    struct device_rule *old = exception(k, &t.v[0]);
    if (allow != k->allow && old) {
        old->access |= t.v[0].access;
    } else if (allow != k->allow) {
        require(k->n < ARRAY_SIZE(k->v));
        k->v[k->n++] = t.v[0];
    } else if (old) {
        old->access &= ~t.v[0].access;
    }
}

static bool v1_allows(const struct v1 *k, const struct probe *p)
{
    for (size_t i = 0; i < k->n; i++) {
        const struct device_rule *r = &k->v[i];
        if (r->type != p->type || (r->major >= 0 && r->major != p->major) ||
            (r->minor >= 0 && r->minor != p->minor))
            continue;
        if (k->allow ? r->access & p->access : !(p->access & ~r->access))
            return !k->allow;
    }
    return k->allow;
}

static const char *v1_list(struct arena *a, const struct v1 *k)
{
    const char *text = k->allow ? "a *:* rwm\n" : "";
    for (size_t i = 0; !k->allow && i < k->n; i++) {
        const struct device_rule *r = &k->v[i];
        if (!r->access)
            continue;
        text = arena_printf(a, "%s%c %s:%s %s%s%s\n", text, r->type,
            r->major < 0 ? "*" : arena_printf(a, "%lld", (long long)r->major),
            r->minor < 0 ? "*" : arena_printf(a, "%lld", (long long)r->minor),
            r->access & DEVICE_READ ? "r" : "", r->access & DEVICE_WRITE ? "w" : "",
            r->access & DEVICE_MKNOD ? "m" : "");
    }
    return text;
}

/* --- all devices that a rule may name, and one beside each */

typedef void each_fn(void *arg, const struct probe *p);

static void each_probe(each_fn *f, void *arg)
{
    static const uint32_t more[] = {7, 4294967295};
    for (const char *type = "bc"; *type; type++)
        for (size_t i = 1; i < ARRAY_SIZE(majors) + ARRAY_SIZE(more); i++)
            for (size_t j = 1; j < ARRAY_SIZE(minors) + ARRAY_SIZE(more); j++)
                for (unsigned access = 1; access <= DEVICE_ALL; access++)
                    f(arg, &(struct probe){*type,
                               i < ARRAY_SIZE(majors) ? (uint32_t)majors[i] : more[i - ARRAY_SIZE(majors)],
                               j < ARRAY_SIZE(minors) ? (uint32_t)minors[j] : more[j - ARRAY_SIZE(minors)],
                               access});
}

struct world {
    const struct oci_resources *rules;
    const struct device_table *table;
    const struct bpf_insn *program;
    size_t n;
    struct v1 *v1;
    struct v1 *before, *after; /* of a way from one to the other: what both allow is allowed on it */
};

static bool program_allows(const struct world *w, const struct probe *p)
{
    const uint32_t ctx[3] = {
        p->access << 16 | (p->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), p->major, p->minor};
    return device_run(w->program, w->n, ctx);
}

/* Of two kinds of access at once the kernel wants one exception that holds both: less than what is meant may
 * be allowed then, never more. */
static void compare(void *arg, const struct probe *p)
{
    const struct world *w = arg;
    bool allowed = program_allows(w, p), ought = meant(w->rules, p);
    bool single = !(p->access & (p->access - 1));
    require(single ? allowed == ought : !allowed || ought);
    require(v1_allows(w->v1, p) == allowed);
}

static void no_gap(void *arg, const struct probe *p)
{
    const struct world *w = arg;
    if (!v1_allows(w->v1, p))
        require(!v1_allows(w->before, p) || !v1_allows(w->after, p));
}

static void same(void *arg, const struct probe *p)
{
    const struct world *w = arg;
    require(v1_allows(w->v1, p) == v1_allows(w->after, p));
}

static bool lay_down(struct arena *a, const struct oci_resources *r, struct v1 *k, struct device_table *t)
{
    struct err *e = device_rules_table(a, r, t);
    if (e) {
        require(err_kind(e) == ERR_UNSUPPORTED);
        err_free(e);
        return false;
    }
    struct world w = {.rules = r, .table = t, .v1 = k};
    w.program = device_rules_ebpf(a, t, &w.n);
    struct str_list lines = device_rules_v1(a, t, NULL);
    *k = (struct v1){.allow = true};
    for (size_t i = 0; i < lines.n; i++)
        v1_write(a, k, lines.v[i]);
    each_probe(compare, &w);
    return true;
}

static void update(struct arena *a, struct v1 *before, struct v1 *after, const struct device_table *t)
{
    struct device_table now;
    auto_err *e = device_rules_parse(a, v1_list(a, before), &now);
    require(!e);
    struct v1 *k = arena_new_obj(a, struct v1);
    *k = *before;
    struct world w = {.v1 = k, .before = before, .after = after};
    bool in_place = !before->allow && !after->allow;
    struct str_list lines = device_rules_v1(a, t, &now);
    for (size_t i = 0; i < lines.n; i++) {
        v1_write(a, k, lines.v[i]);
        if (in_place && lines.v[i][0] == 'd')
            each_probe(no_gap, &w);
    }
    each_probe(same, &w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    auto_arena *a = arena_new();
    struct oci_resources first, second;
    struct device_table t1, t2;
    struct v1 *k1 = arena_new_obj(a, struct v1), *k2 = arena_new_obj(a, struct v1);
    size_t used = read_rules(a, data, n, &first);
    read_rules(a, data + used, n - used, &second);
    bool one = lay_down(a, &first, k1, &t1), two = lay_down(a, &second, k2, &t2);
    if (one && two)
        update(a, k1, k2, &t2);
    return 0;
}
