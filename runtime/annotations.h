/*
 * Annotations that change what a container is: crun's, which engines set because the specification has, or
 * had, no field for it (podman's `--group-add keep-groups` is one). Where it has one by now the annotation is
 * put there before anything is planned, and nobody below knows of it. What is not listed here changes
 * nothing: crun's own systemd slices, virtual machines and plugins.
 */
#ifndef WHERRY_RUNTIME_ANNOTATIONS_H
#define WHERRY_RUNTIME_ANNOTATIONS_H

#include "lib/api/oci.h"

#define ANNOTATIONS_UNSAFE "run.oci." /* for `features`: who may set these decides about the host */

/* Files that the output of hooks is appended to (hooks.h). */
#define ANNOTATION_HOOKS_STDOUT "run.oci.hooks.stdout"
#define ANNOTATION_HOOKS_STDERR "run.oci.hooks.stderr"

/*
 * Pure. Into c's fields:
 *   run.oci.timens_offset=CLOCK SECONDS NANOSECONDS   linux.timeOffsets; CLOCK: a name, or 1 or 7
 *   run.oci.seccomp.receiver=PATH                     linux.seccomp.listenerPath
 *   run.oci.seccomp_fail_unknown_syscall              an unknown name in linux.seccomp is an error
 * Also checked: run.oci.mount_context_type. ERR_INVALID where a value makes no sense.
 */
struct err *annotations_apply(struct arena *a, struct oci_config *c) __attribute__((warn_unused_result));
/* run.oci.keep_original_groups=1: the process has the groups of whoever called us, not process.user's. */
bool annotations_keep_groups(const struct str_map *m);
/* run.oci.mount_context_type: the mount option that linux.mountLabel is the value of; "context" by default.
 */
const char *annotations_context_type(const struct str_map *m);

#endif
