/*
 * libseccomp's program compares the number of a call with every number that a rule names, one after the
 * other. Whoever installs it pays for that: the kernel translates each comparison, and tries the program on
 * every number of every architecture, to remember what is always allowed. With the profile of every container
 * that is 1000 instructions and 250 000 steps, 1.2 ms. So the same decisions are written again as a search
 * among ranges of numbers that lead to the same place: 350 instructions, a dozen steps a number, 0.2 ms.
 *
 * What a program does with a number changes only at the constants that it compares something with. So it is
 * followed for one number of each interval between these, with each architecture it knows and with another
 * one, until it returns or loads something else than these two; from there on its instructions are copied.
 */
#ifndef WHERRY_RUNTIME_FILTER_SEARCH_H
#define WHERRY_RUNTIME_FILTER_SEARCH_H

#include "runtime/process/filter_newer.h"
#include "runtime/process/process.h"

/* Pure. f is what filter_check() found right, l the architectures that it was made for. A program of another
 * shape than libseccomp's, or one that would become too long, stays as it is. */
struct err *filter_search(struct arena *a, const struct filter_archs *l, struct process_filter *f)
    __attribute__((warn_unused_result));

#endif
