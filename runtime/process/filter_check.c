/* See filter_check.h. Jumps go forward only: one pass tells what is loaded at every instruction. */
#include "runtime/process/filter_check.h"
#include "lib/mem.h"
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>

enum loaded { UNREACHED, NOTHING, WORD, SEVERAL };
struct state {
    enum loaded what;
    uint32_t offset, mask; /* of a WORD */
};

static void reach(struct state *at, struct state from)
{
    if (at->what == UNREACHED)
        *at = from;
    else if (at->what != from.what || at->offset != from.offset || at->mask != from.mask)
        at->what = SEVERAL;
}

static bool compares(const struct sock_filter *i)
{
    return BPF_CLASS(i->code) == BPF_JMP && BPF_OP(i->code) != BPF_JA;
}

size_t filter_successors(const struct sock_filter *i, size_t at, size_t next[2])
{
    if (BPF_CLASS(i->code) == BPF_RET)
        return 0;
    next[0] = at + 1;
    if (BPF_CLASS(i->code) != BPF_JMP)
        return 1;
    if (!compares(i)) {
        next[0] += i->k;
        return 1;
    }
    next[1] = next[0] + i->jf;
    next[0] += i->jt;
    return 2;
}

static struct state after(const struct sock_filter *i, struct state s)
{
    if (i->code == (BPF_LD | BPF_W | BPF_ABS))
        return (struct state){WORD, i->k, UINT32_MAX};
    if (i->code == (BPF_ALU | BPF_AND | BPF_K))
        s.mask &= i->k;
    return s;
}

static bool is_arch(const struct filter_archs *l, uint32_t k)
{
    for (size_t i = 0; i < l->n; i++)
        if (filter_audit_arch(l->v[i]) == k)
            return true;
    return false;
}

static bool is_right(const struct sock_filter *i, const struct state *s, const struct filter_archs *l)
{
    return s->what == WORD && (s->offset != offsetof(struct seccomp_data, arch) || is_arch(l, i->k));
}

struct err *filter_check(const struct sock_filter *v, size_t n, const struct filter_archs *l)
{
    auto_free struct state *at = mem_zalloc((n + 1) * sizeof(*at));
    at[0].what = NOTHING;
    for (size_t i = 0; i < n; i++) {
        size_t next[2], count = filter_successors(&v[i], i, next);
        if (at[i].what == UNREACHED)
            continue;
        if (compares(&v[i]) && !is_right(&v[i], &at[i], l))
            return err_new(ERR_UNSUPPORTED, "this libseccomp makes a wrong program of these rules");
        for (size_t k = 0; k < count; k++) {
            if (next[k] >= n)
                return err_new(ERR_UNSUPPORTED, "this libseccomp makes a program without an end");
            reach(&at[next[k]], after(&v[i], at[i]));
        }
    }
    return NULL;
}
