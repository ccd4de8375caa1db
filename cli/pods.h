/*
 * A Pod as the commands run, ps, exec, attach and logs reach it: through the master where one is known, else
 * through this node's kubelet on RUN/kubelet.sock.
 */
#ifndef WHERRY_CLI_PODS_H
#define WHERRY_CLI_PODS_H

#include "cli/api.h"

struct pods {
    struct api *api;    /* NULL: the kubelet here */
    const char *socket; /* of the kubelet, where api is NULL */
};
/* local: this node's kubelet even where a master is known. */
struct err *pods_open(const struct cli *cli, struct arena *a, bool local, struct pods *ret)
    __attribute__((warn_unused_result));
void pods_close(struct pods *p);
void pods_cleanup(struct pods *p);
#define auto_pods __attribute__((cleanup(pods_cleanup))) struct pods

/* Every Pod of this node, as a list object with items[]. */
struct err *pods_list_local(struct arena *a, const char *socket, const struct json **ret)
    __attribute__((warn_unused_result));
/* NOT_FOUND names it. */
struct err *pods_find(struct pods *p, struct arena *a, const char *ns, const char *name,
    const struct json **ret) __attribute__((warn_unused_result));
/* name, or where it is NULL the default container (annotation kubectl.kubernetes.io/default-container, else
 * the first); INVALID lists what there is. */
struct err *pods_container(struct arena *a, const struct json *pod, const char *name, const char **ret)
    __attribute__((warn_unused_result));

#endif
