/* See device_rules.h. */
#include "runtime/cgroup/device_rules.h"
#include "lib/mem.h"
#include <stdlib.h>
#include <string.h>

static bool covers(const struct device_rule *wide, const struct device_rule *r)
{
    return wide->type == r->type && (wide->major < 0 || wide->major == r->major) &&
           (wide->minor < 0 || wide->minor == r->minor);
}

static bool same(const struct device_rule *a, const struct device_rule *b)
{
    return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static bool overlaps(const struct device_rule *a, const struct device_rule *b)
{
    return a->type == b->type && (a->major < 0 || b->major < 0 || a->major == b->major) &&
           (a->minor < 0 || b->minor < 0 || a->minor == b->minor);
}

static void add(struct device_table *t, const struct device_rule *r)
{
    for (size_t i = 0; i < t->n; i++)
        if (same(&t->v[i], r)) {
            t->v[i].access |= r->access;
            return;
        }
    t->v[t->n++] = *r;
}

/* The default is said again of some devices: exceptions that they cover end. A part of a wider exception
 * cannot be taken out, as the v1 controller has no way to say so. */
static struct err *take_out(struct device_table *t, const struct device_rule *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct device_rule e = t->v[i];
        if (covers(r, &e))
            e.access &= ~r->access;
        else if (overlaps(r, &e) && e.access & r->access)
            return err_new(
                ERR_UNSUPPORTED, "a device cannot be excepted from an earlier rule with a wildcard");
        if (e.access)
            t->v[kept++] = e;
    }
    t->n = kept;
    return NULL;
}

static struct err *apply(struct device_table *t, bool allow, const struct device_rule *r)
{
    if (allow == t->allow)
        return take_out(t, r);
    add(t, r);
    return NULL;
}

static struct err *parse_access(const char *text, unsigned *ret)
{
    unsigned access = 0;
    for (const char *p = text ? text : "rwm"; *p; p++) {
        unsigned bit = *p == 'r' ? DEVICE_READ : *p == 'w' ? DEVICE_WRITE : *p == 'm' ? DEVICE_MKNOD : 0;
        if (!bit)
            return err_new(ERR_INVALID, "access: \"%s\": must be of r, w, m", text);
        access |= bit;
    }
    *ret = access ? access : DEVICE_ALL;
    return NULL;
}

static struct err *apply_oci(struct device_table *t, const struct oci_device_rule *o)
{
    struct device_rule r = {.major = opt_int_or(o->major, -1), .minor = opt_int_or(o->minor, -1)};
    TRY(parse_access(o->access, &r.access));
    const char *type = o->type && *o->type ? o->type : "a";
    bool allow = opt_bool_or(o->allow, false);
    if (!strcmp(type, "a") && r.access == DEVICE_ALL && r.major < 0 && r.minor < 0) {
        t->allow = allow;
        t->n = 0;
        return NULL;
    }
    if (strcmp(type, "a") && strcmp(type, "b") && strcmp(type, "c"))
        return err_new(ERR_INVALID, "type: \"%s\": must be a, b or c", type);
    for (const char *each = *type == 'a' ? "bc" : type; *each; each++) {
        r.type = *each;
        TRY(apply(t, allow, &r));
    }
    return NULL;
}

struct err *device_rules_table(struct arena *a, const struct oci_resources *r, struct device_table *ret)
{
    static const struct device_rule always[] = {
        {'c', -1, -1, DEVICE_MKNOD},
        {'b', -1, -1, DEVICE_MKNOD},
        {'c', 1, 3, DEVICE_ALL},
        {'c', 1, 5, DEVICE_ALL},
        {'c', 1, 7, DEVICE_ALL},
        {'c', 1, 8, DEVICE_ALL},
        {'c', 1, 9, DEVICE_ALL},
        {'c', 5, 0, DEVICE_ALL},
        {'c', 5, 2, DEVICE_ALL},
        {'c', 136, -1, DEVICE_ALL},
    };
    size_t n = r ? r->devices.n : 0;
    struct device_table t = {.v = arena_array(a, 2 * n + ARRAY_SIZE(always), sizeof(*t.v))};
    for (size_t i = 0; i < n; i++)
        TRY_WRAP(apply_oci(&t, &r->devices.v[i]), "linux.resources.devices[%zu]", i);
    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        TRY_WRAP(apply(&t, true, &always[i]), "linux.resources.devices: a device that every container has");
    *ret = t;
    return NULL;
}

/* --- v1 */

static struct err *parse_number(const char *text, char **end, int64_t *ret)
{
    if (*text == '*') {
        *ret = -1;
        *end = (char *)text + 1;
        return NULL;
    }
    unsigned long n = strtoul(text, end, 10);
    if (*text < '0' || *text > '9' || n > UINT32_MAX)
        return err_new(ERR_INVALID, "\"%.20s\" is no device number", text);
    *ret = (int64_t)n;
    return NULL;
}

/* "c 1:3 rwm" */
static struct err *parse_line(const char *line, struct device_rule *ret)
{
    char *end;
    if (!strchr("abc", line[0]) || line[0] == '\0' || line[1] != ' ')
        return err_new(ERR_INVALID, "\"%.40s\" is no device rule", line);
    ret->type = line[0];
    TRY(parse_number(line + 2, &end, &ret->major));
    if (*end != ':')
        return err_new(ERR_INVALID, "\"%.40s\" is no device rule", line);
    TRY(parse_number(end + 1, &end, &ret->minor));
    if (*end != ' ')
        return err_new(ERR_INVALID, "\"%.40s\" is no device rule", line);
    return parse_access(end + 1, &ret->access);
}

struct err *device_rules_parse(struct arena *a, const char *list, struct device_table *ret)
{
    char *save = NULL, *text = arena_strdup(a, list);
    struct device_table t = {.v = arena_array(a, strlen(list) / 2 + 1, sizeof(*t.v))};
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct device_rule r;
        TRY(parse_line(line, &r));
        if (r.type == 'a')
            t.allow = true;
        else
            t.v[t.n++] = r;
    }
    *ret = t;
    return NULL;
}

static const char *number(struct arena *a, int64_t n)
{
    return n < 0 ? "*" : arena_printf(a, "%lld", (long long)n);
}

static const char *line_v1(struct arena *a, bool allow, const struct device_rule *r, unsigned access)
{
    return arena_printf(a, "%c%c %s:%s %s%s%s", allow ? 'a' : 'd', r->type, number(a, r->major),
        number(a, r->minor), access & DEVICE_READ ? "r" : "", access & DEVICE_WRITE ? "w" : "",
        access & DEVICE_MKNOD ? "m" : "");
}

static unsigned access_of(const struct device_table *t, const struct device_rule *r)
{
    for (size_t i = 0; i < t->n; i++)
        if (same(&t->v[i], r))
            return t->v[i].access;
    return 0;
}

struct str_list device_rules_v1(struct arena *a, const struct device_table *t, const struct device_table *now)
{
    bool differs_only = now && !now->allow && !t->allow;
    struct str_list out = {.v = arena_array(a, t->n + (now ? now->n : 0) + 1, sizeof(*out.v))};
    if (!differs_only)
        out.v[out.n++] = t->allow ? "aa" : "da";
    for (size_t i = 0; i < t->n; i++)
        out.v[out.n++] = line_v1(a, !t->allow, &t->v[i], t->v[i].access);
    for (size_t i = 0; differs_only && i < now->n; i++) {
        unsigned gone = now->v[i].access & ~access_of(t, &now->v[i]);
        if (gone)
            out.v[out.n++] = line_v1(a, false, &now->v[i], gone);
    }
    return out;
}

/* --- eBPF */

struct program {
    struct bpf_insn *v;
    size_t n;
};

static void emit(struct program *p, unsigned char code, unsigned dst, unsigned src, short off, int imm)
{
    p->v[p->n++] =
        (struct bpf_insn){.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm};
}

enum { R_RESULT = BPF_REG_0, R_CTX = BPF_REG_1, R_TYPE, R_ACCESS, R_MAJOR, R_MINOR, R_TEMP };

static void emit_prologue(struct program *p)
{
    /* struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; } */
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_TYPE, R_CTX, 0, 0);
    emit(p, BPF_ALU | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_ACCESS, R_CTX, 0, 0);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_MAJOR, R_CTX, 4, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_MINOR, R_CTX, 8, 0);
}

static void emit_return(struct program *p, bool allow)
{
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, allow);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* One exception. An allowing one must hold every access that is asked for, a denying one any of them. */
static void emit_rule(struct program *p, const struct device_rule *r, bool allow)
{
    size_t jumps[5], n = 0;
    jumps[n++] = p->n;
    emit(p, BPF_JMP | BPF_JNE | BPF_K, R_TYPE, 0, 0,
        r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (r->access != DEVICE_ALL) {
        emit(p, BPF_ALU | BPF_MOV | BPF_X, R_TEMP, R_ACCESS, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, R_TEMP, 0, 0, (int)(allow ? DEVICE_ALL & ~r->access : r->access));
        jumps[n++] = p->n;
        emit(p, BPF_JMP | (allow ? BPF_JNE : BPF_JEQ) | BPF_K, R_TEMP, 0, 0, 0);
    }
    if (r->major >= 0) {
        jumps[n++] = p->n;
        emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_MAJOR, 0, 0, (int)r->major);
    }
    if (r->minor >= 0) {
        jumps[n++] = p->n;
        emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_MINOR, 0, 0, (int)r->minor);
    }
    emit_return(p, allow);
    for (size_t i = 0; i < n; i++)
        p->v[jumps[i]].off = (short)(p->n - jumps[i] - 1);
}

struct bpf_insn *device_rules_ebpf(struct arena *a, const struct device_table *t, size_t *ret_n)
{
    struct program p = {.v = arena_array(a, 8 + 8 * t->n, sizeof(*p.v))};
    emit_prologue(&p);
    for (size_t i = 0; i < t->n; i++)
        emit_rule(&p, &t->v[i], !t->allow);
    emit_return(&p, t->allow);
    *ret_n = p.n;
    return p.v;
}
