/*
 * /etc/passwd and /etc/group of an image, as a container would see them: looked for in its layers from the
 * top, by descriptor inside each, regular files of bounded size only (a FIFO is not waited for).
 */
#ifndef WHERRY_KUBELET_ACCOUNTS_H
#define WHERRY_KUBELET_ACCOUNTS_H

#include "kubelet/images.h"
#include "lib/api/pod.h"

struct account_user {
    int64_t uid, gid;
    struct int_list groups; /* supplementary: of the image's /etc/group */
    const char *home;
    bool by_name; /* the user was a name (runAsNonRoot cannot be judged by it) */
};
/* spec: the image's USER: "", "user", "uid", "user:group", ... What is a number in range is that number and
 * never looked up as a name. uid, gid: what the Pod says (unset: as the image says); a uid without a gid
 * takes the group of its passwd entry, else 0. */
struct err *accounts_resolve(struct held_image *i, struct arena *a, const char *spec, struct opt_int uid,
    struct opt_int gid, struct account_user *ret) __attribute__((warn_unused_result));

/* Pure part: the same from texts. */
struct err *accounts_resolve_text(struct arena *a, const char *passwd, const char *group, const char *spec,
    struct opt_int uid, struct opt_int gid, struct account_user *ret) __attribute__((warn_unused_result));
void accounts_free(struct image_accounts *a);

#endif
