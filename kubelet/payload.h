/*
 * A folder of small files that changes as a whole, the way Kubernetes lays it out:
 *     ..2026_11_23_08_44_00.123456789/   the files of one version
 *     ..data -> that folder              renamed over the old link: the switch
 *     NAME -> ..data/NAME                per file or folder at the top
 */
#ifndef WHERRY_KUBELET_PAYLOAD_H
#define WHERRY_KUBELET_PAYLOAD_H

#include "lib/err.h"
#include "lib/mem.h"
#include <stdint.h>
#include <sys/types.h>

struct payload_file {
    const char *path; /* relative, no "..", no component that starts with ".." */
    const void *data;
    size_t n;
    mode_t mode;
};
struct payload {
    struct arena *arena;
    size_t n, cap;
    struct payload_file *v;
    int64_t gid; /* of the files; -1: root's */
};
/* A later file of the same path replaces an earlier one. ERR_INVALID names a path that leaves the folder. */
struct err *payload_add(struct payload *p, const char *path, const void *data, size_t n, mode_t mode)
    __attribute__((warn_unused_result));
/* Writes p into dir (which exists); does nothing when that is what it holds already. */
struct err *payload_write(const char *dir, const struct payload *p) __attribute__((warn_unused_result));

#endif
