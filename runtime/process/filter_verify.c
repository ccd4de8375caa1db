/* See filter_verify.h. */
#include "runtime/process/filter_verify.h"
#include "lib/mem.h"
#include <linux/seccomp.h>
#include <string.h>

#define ARGS 6
#define VALUES_MAX 96
#define TRIALS_MAX 20000

void filter_rules_add(struct filter_rules *l, struct arena *a, const struct filter_rule *r)
{
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct filter_rule *v = arena_array(a, room, sizeof(*v));
        if (l->n)
            memcpy(v, l->v, l->n * sizeof(*v));
        l->v = v;
        l->room = room;
    }
    l->v[l->n++] = *r;
}

/* --- what the program decides: the instructions that libseccomp makes */

static uint32_t decide(const struct process_filter *f, const struct seccomp_data *d)
{
    uint32_t acc = 0;
    for (size_t pc = 0; pc < f->n; pc++) {
        const struct sock_filter *i = &f->v[pc];
        bool taken;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&acc, (const char *)d + (i->k < sizeof(*d) ? i->k : 0), sizeof(acc));
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            acc &= i->k;
            continue;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            taken = acc == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            taken = acc > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            taken = acc >= i->k;
            break;
        default:
            taken = i->code == (BPF_JMP | BPF_JSET | BPF_K) && acc & i->k;
        }
        pc += taken ? i->jt : i->jf;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

/* --- what the rules decide */

static bool holds(const struct scmp_arg_cmp *c, const uint64_t args[ARGS])
{
    uint64_t is = args[c->arg];
    switch (c->op) {
    case SCMP_CMP_NE:
        return is != c->datum_a;
    case SCMP_CMP_LT:
        return is < c->datum_a;
    case SCMP_CMP_LE:
        return is <= c->datum_a;
    case SCMP_CMP_EQ:
        return is == c->datum_a;
    case SCMP_CMP_GE:
        return is >= c->datum_a;
    case SCMP_CMP_GT:
        return is > c->datum_a;
    default: /* MASKED_EQ */
        return (is & c->datum_a) == (c->datum_b & c->datum_a);
    }
}

static bool is_meant(
    const struct filter_rules *l, int nr, uint32_t standard, const uint64_t args[ARGS], uint32_t verdict)
{
    bool matched = false;
    for (size_t i = 0; i < l->n; i++) {
        const struct filter_rule *r = &l->v[i];
        size_t held = 0;
        if (r->nr != nr)
            continue;
        while (held < r->n && holds(&r->args[held], args))
            held++;
        if (held < r->n)
            continue;
        if (r->action == verdict)
            return true;
        matched = true;
    }
    return !matched && verdict == standard;
}

/* --- values worth a trial */

struct values {
    uint64_t v[VALUES_MAX];
    size_t n;
};

static void add_value(struct values *l, uint64_t v)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i] == v)
            return;
    if (l->n < VALUES_MAX)
        l->v[l->n++] = v;
}

static void add_values(struct values *l, const struct scmp_arg_cmp *c)
{
    if (c->op == SCMP_CMP_MASKED_EQ) {
        uint64_t right = c->datum_a & c->datum_b;
        add_value(l, right);
        add_value(l, right | ~c->datum_a);
        add_value(l, right ^ c->datum_a);
        add_value(l, right ^ (c->datum_a & -c->datum_a)); /* one bit wrong */
        return;
    }
    for (uint32_t high = -1U; high != 2; high++)
        for (uint32_t low = -1U; low != 2; low++)
            add_value(
                l, (uint64_t)((uint32_t)(c->datum_a >> 32) + high) << 32 | ((uint32_t)c->datum_a + low));
}

static struct err *try_call(
    const struct filter_rules *l, const char *name, int nr, uint32_t standard, const struct process_filter *f)
{
    struct values at[ARGS] = {0};
    struct seccomp_data d = {.nr = nr, .arch = seccomp_arch_native()};
    uint64_t total = 1, args[ARGS];
    for (size_t i = 0; i < l->n; i++)
        for (size_t j = 0; l->v[i].nr == nr && j < l->v[i].n; j++)
            add_values(&at[l->v[i].args[j].arg], &l->v[i].args[j]);
    for (int i = 0; i < ARGS; i++) {
        add_value(&at[i], 0);
        total *= at[i].n;
    }
    uint64_t step = total / TRIALS_MAX | 1; /* more than that: a sample */
    for (uint64_t k = 0; k < total; k += step) {
        uint64_t rest = k;
        for (int i = 0; i < ARGS; rest /= at[i++].n)
            args[i] = at[i].v[rest % at[i].n];
        memcpy(d.args, args, sizeof(args));
        if (!is_meant(l, nr, standard, args, decide(f, &d)))
            return err_new(
                ERR_UNSUPPORTED, "%s: this libseccomp makes a wrong program of the rules for it", name);
    }
    return NULL;
}

struct err *filter_verify(const struct filter_rules *l, uint32_t standard, const struct process_filter *f)
{
    if (sizeof(long) < sizeof(uint64_t))
        return NULL; /* of narrow arguments libseccomp compares half of what is said */
    for (size_t i = 0; i < l->n; i++) {
        size_t before = 0, after = 0;
        if (l->v[i].nr < 0)
            continue; /* a call of other architectures */
        for (size_t j = 0; l->v[i].n && j < l->n; j++)
            if (l->v[j].nr == l->v[i].nr && l->v[j].n)
                *(j < i ? &before : &after) += 1;
        if (!before && after > 1)
            TRY(try_call(l, l->v[i].name, l->v[i].nr, standard, f));
    }
    return NULL;
}
