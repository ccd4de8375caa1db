/*
 * linux.resources.devices: the rules, in their order, become one table (a default and its exceptions), and
 * the table becomes lines for the v1 controller or an eBPF program for v2. Pure.
 *
 * Whatever the rules say, what a container cannot do without is allowed after them (mknod of anything, which
 * opens nothing; null, zero, full, random, urandom, tty, ptmx, pts/N); a list that allows nothing denies all
 * the rest.
 */
#ifndef WHERRY_RUNTIME_DEVICE_RULES_H
#define WHERRY_RUNTIME_DEVICE_RULES_H

#include "lib/api/oci.h"
#include <linux/bpf.h>

enum {
    DEVICE_MKNOD = 1,
    DEVICE_READ = 2,
    DEVICE_WRITE = 4,
    DEVICE_ALL = 7
}; /* the kernel's BPF_DEVCG_ACC_* */

struct device_rule {
    char type;            /* 'b' or 'c' */
    int64_t major, minor; /* -1: any */
    unsigned access;
};
struct device_table {
    bool allow;            /* what holds where no exception does */
    struct device_rule *v; /* the opposite is said of these */
    size_t n;
};

struct err *device_rules_table(struct arena *a, const struct oci_resources *r, struct device_table *ret)
    __attribute__((warn_unused_result));
/* What the v1 file devices.list says: exceptions, or "a *:* rwm". */
struct err *device_rules_parse(struct arena *a, const char *list, struct device_table *ret)
    __attribute__((warn_unused_result));
/* What to write to devices.deny and devices.allow: each text begins with 'd' or 'a' for the file, the line
 * follows ("ac 1:3 rwm" -> devices.allow "c 1:3 rwm"). now: what is in force, NULL where nobody lives by it.
 * Of two tables that deny by default the difference is written, what is allowed first: no device that both
 * allow is refused in between, and a cgroup with others below it takes it, which refuses to begin anew. */
struct str_list device_rules_v1(
    struct arena *a, const struct device_table *t, const struct device_table *now);
/* A BPF_PROG_TYPE_CGROUP_DEVICE program. */
struct bpf_insn *device_rules_ebpf(struct arena *a, const struct device_table *t, size_t *ret_n);

#endif
