/*
 * The RuntimeDefault seccomp profile: what ordinary programs call is allowed, everything else fails with
 * EPERM (clone3: ENOSYS, so that a C library falls back to clone, whose flags can be looked at). Some calls
 * come with the capability that the kernel asks for anyway. Of socket(2) only families that containers use:
 * no AF_ALG, AF_VSOCK, AF_KEY, AF_RXRPC; no socketcall(2) on the 32-bit interface, where arguments cannot be
 * seen; no io_uring.
 */
#ifndef WHERRY_KUBELET_SECCOMP_DEFAULT_H
#define WHERRY_KUBELET_SECCOMP_DEFAULT_H

#include "lib/fields.h"
#include "lib/mem.h"

/* linux.seccomp for a container with these capabilities ("CAP_SYS_ADMIN", ...). Lives in `a`. */
struct err *seccomp_default(struct arena *a, const struct str_list *caps, const struct json **ret)
    __attribute__((warn_unused_result));
/* STATE/seccomp/NAME: a profile in the same form (or moby's, without its includes and excludes). */
struct err *seccomp_localhost(struct arena *a, const char *dir, const char *name, const struct json **ret)
    __attribute__((warn_unused_result));

#endif
