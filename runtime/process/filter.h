/*
 * linux.seccomp to a BPF program, by libseccomp. Compiling the profile that every container gets takes longer
 * than starting one, so a program is kept in ROOT/.seccomp/ under a hash of its profile, together with
 * the profile's text: a hit is a file whose text is ours, byte for byte; nothing rests on the hash.
 */
#ifndef WHERRY_RUNTIME_FILTER_H
#define WHERRY_RUNTIME_FILTER_H

#include "lib/api/oci.h"
#include "runtime/process/process.h"
#include <linux/seccomp.h>

/* Compiles. Pure (libseccomp needs no kernel for it). */
struct err *filter_compile(struct arena *a, const struct oci_seccomp *s, struct process_filter *ret)
    __attribute__((warn_unused_result));
/* The same through the cache below root (-1: no cache). profile is linux.seccomp as it stands in config.json.
 */
struct err *filter_get(int root, struct arena *a, const struct json *profile, struct process_filter *ret)
    __attribute__((warn_unused_result));
/* The filter gives a listener to whoever installs it. */
static inline bool filter_notifies(const struct process_filter *f)
{
    return f->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
}
/* For `features`: the i-th name, NULL after the last. */
const char *filter_action_name(size_t i);
const char *filter_operator_name(size_t i);
const char *filter_arch_name(size_t i);
const char *filter_flag_name(size_t i);
bool filter_flag_is_supported(size_t i); /* by this kernel */

#endif
