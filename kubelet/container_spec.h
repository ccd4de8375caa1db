/*
 * A container of a Pod as an OCI config.json: process, user, capabilities, mounts, namespaces, limits,
 * seccomp. Reads the image's accounts and opens subPaths; changes nothing but missing hostPath folders.
 */
#ifndef WHERRY_KUBELET_CONTAINER_SPEC_H
#define WHERRY_KUBELET_CONTAINER_SPEC_H

#include "kubelet/accounts.h"
#include "kubelet/worker.h"
#include "lib/api/oci.h"

enum { CONTAINER_SPEC_FDS = 64 };

struct container_spec {
    struct oci_config config;
    struct account_user user;
    /* subPaths, named by the config as /proc/OURPID/fd/N: to be kept open until the shim has answered. */
    int fds[CONTAINER_SPEC_FDS];
    size_t n_fds;
};
/* Everything lives in `a` but the descriptors. ret_create: the error is CreateContainerError, not
 * ...ConfigError. */
struct err *container_spec_build(struct instance *i, struct held_image *image, struct arena *a,
    struct container_spec *ret, bool *ret_create) __attribute__((warn_unused_result));
void container_spec_close(struct container_spec *s);

/* The pure parts. */
/* The capabilities of a container ("CAP_CHOWN"), by securityContext; unknown names are ignored. */
void container_spec_caps(struct arena *a, const struct security_context *sc, struct str_list *ret);
int64_t container_spec_oom_score(const struct pod_spec *s, const struct container *c, int64_t node_memory);
/* The termination log of one attempt, on the host. */
char *container_spec_termination_log(const struct instance *i, const char *cid);

#endif
