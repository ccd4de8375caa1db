/* See filter_search.h. Jumps go forward only, and a conditional one over no more than 255 instructions: so
 * the program is written from its end, where every target is known, and a jump too far goes by way of another
 * one just behind it. A place is counted from the end: 1 is the last instruction. */
#include "runtime/process/filter_search.h"
#include "lib/mem.h"
#include "runtime/process/filter_check.h"
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>

#define REACH 254 /* of a jump; one more may come between */
#define NOWHERE SIZE_MAX
#define OTHER_ARCH 0

struct range { /* up to the next one's start */
    uint32_t start;
    size_t leaf; /* the old instruction to go on with */
};
struct ranges {
    struct range *v;
    size_t n;
};
struct search {
    const struct process_filter *old;
    struct arena *a;
    size_t *place; /* of an old instruction: its newest copy */
    struct sock_filter *v;
    size_t n;
    bool failed;
};

/* --- the old program, followed */

static bool is_taken(const struct sock_filter *i, uint32_t acc)
{
    switch (BPF_OP(i->code)) {
    case BPF_JEQ:
        return acc == i->k;
    case BPF_JGT:
        return acc > i->k;
    case BPF_JGE:
        return acc >= i->k;
    default:
        return acc & i->k;
    }
}

/* Whether what is known of the intervals and the architectures answers this comparison. */
static bool is_known(const struct sock_filter *i, size_t loaded)
{
    if (BPF_CLASS(i->code) != BPF_JMP || BPF_SRC(i->code) != BPF_K)
        return false;
    if (loaded == offsetof(struct seccomp_data, arch))
        return BPF_OP(i->code) == BPF_JEQ;
    return loaded == offsetof(struct seccomp_data, nr) &&
           (BPF_OP(i->code) != BPF_JSET || i->k == FILTER_X32_BIT);
}

/* Equal answers are one. */
static size_t first_return(const struct process_filter *f, uint32_t answer)
{
    size_t i = 0;
    while (f->v[i].code != (BPF_RET | BPF_K) || f->v[i].k != answer)
        i++;
    return i;
}

static size_t follow(const struct process_filter *f, uint32_t arch, uint32_t nr)
{
    uint32_t acc = 0;
    size_t loaded = NOWHERE;
    for (size_t pc = 0; pc < f->n; pc++) {
        const struct sock_filter *i = &f->v[pc];
        if (i->code == (BPF_RET | BPF_K))
            return first_return(f, i->k);
        if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
            loaded = i->k;
            if (loaded != offsetof(struct seccomp_data, arch) && loaded != offsetof(struct seccomp_data, nr))
                return pc;
            acc = loaded == offsetof(struct seccomp_data, arch) ? arch : nr;
        } else if (i->code == (BPF_JMP | BPF_JA)) {
            pc += i->k;
        } else if (is_known(i, loaded)) {
            pc += is_taken(i, acc) ? i->jt : i->jf;
        } else {
            return NOWHERE;
        }
    }
    return NOWHERE;
}

/* --- the intervals */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Where an interval may begin: more than is needed, as what is compared with each constant is not asked. */
static size_t starts(const struct process_filter *f, struct arena *a, uint32_t **ret)
{
    uint32_t *v = arena_array(a, 2 * (size_t)f->n + 4, sizeof(*v));
    size_t n = 0;
    for (uint32_t bits = 0; bits < 4; bits++)
        v[n++] = bits * FILTER_X32_BIT;
    for (size_t i = 0; i < f->n; i++)
        if (BPF_CLASS(f->v[i].code) == BPF_JMP && BPF_OP(f->v[i].code) != BPF_JA) {
            v[n++] = f->v[i].k;
            v[n++] = f->v[i].k + 1;
        }
    qsort(v, n, sizeof(*v), by_number);
    *ret = v;
    return n;
}

static struct ranges ranges_of(struct search *s, uint32_t arch, const uint32_t *start, size_t n)
{
    struct ranges r = {.v = arena_array(s->a, n, sizeof(*r.v))};
    for (size_t i = 0; i < n; i++) {
        size_t leaf = follow(s->old, arch, start[i]);
        s->failed |= leaf == NOWHERE;
        if (!r.n || r.v[r.n - 1].leaf != leaf)
            r.v[r.n++] = (struct range){start[i], leaf};
    }
    return r;
}

/* --- the new program, from its end */

static size_t emit(struct search *s, struct sock_filter i)
{
    if (s->n == BPF_MAXINSNS)
        s->failed = true;
    else
        s->v[BPF_MAXINSNS - ++s->n] = i;
    return s->n;
}

/* A place that is not farther than so many instructions and leads where the given one does. */
static size_t within(struct search *s, size_t place, size_t reach)
{
    const struct sock_filter *i = &s->v[BPF_MAXINSNS - place];
    if (s->n - place <= reach)
        return place;
    if (i->code == (BPF_RET | BPF_K))
        return emit(s, *i);
    return emit(s, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(s->n - place)));
}

static size_t emit_comparison(struct search *s, unsigned short code, uint32_t k, size_t yes, size_t no)
{
    yes = within(s, yes, REACH);
    no = within(s, no, REACH);
    return emit(s, (struct sock_filter)BPF_JUMP(code, k, (uint8_t)(s->n - yes), (uint8_t)(s->n - no)));
}

static size_t emit_tree(struct search *s, const struct range *r, size_t n)
{
    if (n == 1)
        return s->place[r->leaf] = within(s, s->place[r->leaf], REACH);
    size_t half = n / 2;
    size_t high = emit_tree(s, r + half, n - half), low = emit_tree(s, r, half);
    return emit_comparison(s, BPF_JMP | BPF_JGE | BPF_K, r[half].start, high, low);
}

static size_t emit_section(struct search *s, const struct ranges *r)
{
    size_t tree = emit_tree(s, r->v, r->n);
    if (r->n == 1)
        return tree;
    return emit(s, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
}

static void copy_instruction(struct search *s, size_t pc)
{
    const struct sock_filter *i = &s->old->v[pc];
    size_t next[2], n = filter_successors(i, pc, next);
    if (n == 2) {
        s->place[pc] = emit_comparison(s, i->code, i->k, s->place[next[0]], s->place[next[1]]);
    } else if (i->code == (BPF_JMP | BPF_JA)) {
        s->place[pc] = s->place[next[0]];
    } else {
        if (n)
            within(s, s->place[next[0]], 0);
        s->place[pc] = emit(s, *i);
    }
}

/* What the leaves of all sections lead to. */
static void copy_leaves(struct search *s, const struct ranges *sections, size_t n)
{
    bool *reached = arena_array(s->a, s->old->n, sizeof(*reached));
    size_t next[2];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < sections[i].n; j++)
            reached[sections[i].v[j].leaf] = true;
    for (size_t pc = 0; pc < s->old->n; pc++)
        for (size_t k = reached[pc] ? filter_successors(&s->old->v[pc], pc, next) : 0; k-- > 0;)
            reached[next[k]] = true;
    for (size_t pc = s->old->n; pc-- > 0;)
        if (reached[pc])
            copy_instruction(s, pc);
}

/* Each once, and the one that is none of them. */
static struct filter_archs distinct(struct arena *a, const struct filter_archs *l)
{
    struct filter_archs d = {.v = arena_array(a, l->n + 1, sizeof(*d.v))};
    for (size_t i = 0, j; i < l->n; i++) {
        uint32_t arch = filter_audit_arch(l->v[i]);
        for (j = 0; j < d.n && d.v[j] != arch; j++)
            ;
        if (j == d.n)
            d.v[d.n++] = arch;
    }
    d.v[d.n++] = OTHER_ARCH;
    return d;
}

/* The new program compares with nothing but the starts of the old one's ranges, so one number of each tells.
 */
static struct err *verify(
    const struct search *s, const struct process_filter *f, uint32_t arch, const struct ranges *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct sock_filter *was = &s->old->v[r->v[i].leaf];
        size_t leaf = follow(f, arch, r->v[i].start);
        if (leaf == NOWHERE || f->v[leaf].code != was->code || f->v[leaf].k != was->k)
            return err_new(
                ERR_BUG, "the search for call %#x of architecture %#x goes astray", r->v[i].start, arch);
    }
    return NULL;
}

struct err *filter_search(struct arena *a, const struct filter_archs *l, struct process_filter *f)
{
    struct search s = {.old = f,
        .a = a,
        .place = arena_array(a, f->n, sizeof(*s.place)),
        .v = arena_array(a, BPF_MAXINSNS, sizeof(*s.v))};
    struct filter_archs archs = distinct(a, l);
    struct ranges *sections = arena_array(a, archs.n, sizeof(*sections));
    uint32_t *start;
    size_t n = starts(f, a, &start);
    for (size_t i = 0; i < archs.n; i++)
        sections[i] = ranges_of(&s, archs.v[i], start, n);
    if (s.failed)
        return NULL;
    copy_leaves(&s, sections, archs.n);
    size_t next = emit_section(&s, &sections[archs.n - 1]);
    for (size_t i = archs.n - 1; i-- > 0;)
        next =
            emit_comparison(&s, BPF_JMP | BPF_JEQ | BPF_K, archs.v[i], emit_section(&s, &sections[i]), next);
    emit(&s, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    if (s.failed)
        return NULL;
    struct process_filter made = {s.v + BPF_MAXINSNS - s.n, (unsigned short)s.n, f->flags};
    for (size_t i = 0; i < archs.n; i++)
        TRY(verify(&s, &made, archs.v[i], &sections[i]));
    *f = made;
    return NULL;
}
