/*
 * A program against the rules that it was made of. libseccomp 2.5 mixes up rules that compare different
 * arguments of one call, or one argument by order: the filter then decides by a rule that does not apply, and
 * nobody is told. So calls with more than one rule about arguments are tried out, on the native architecture:
 * what a comparison can tell apart are the values around those that it compares with, in the two halves in
 * which BPF sees them; all combinations of these (of very many a sample) are decided as the rules say, or the
 * profile is refused. A call with one such rule needs no proof, so a usual profile has three or four to try,
 * once: the program is kept.
 */
#ifndef WHERRY_RUNTIME_FILTER_VERIFY_H
#define WHERRY_RUNTIME_FILTER_VERIFY_H

#include "lib/err.h"
#include "runtime/process/process.h"
#include <seccomp.h>

struct filter_rule { /* as libseccomp was told it */
    int nr;          /* native */
    const char *name;
    uint32_t action;
    const struct scmp_arg_cmp *args; /* all of them must hold */
    size_t n;
};
struct filter_rules {
    struct filter_rule *v;
    size_t n, room;
};

void filter_rules_add(struct filter_rules *l, struct arena *a, const struct filter_rule *r);
/* Pure. Of rules with different actions that hold both, either may win. ERR_UNSUPPORTED names the call. */
struct err *filter_verify(const struct filter_rules *l, uint32_t standard, const struct process_filter *f)
    __attribute__((warn_unused_result));

#endif
