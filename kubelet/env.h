/*
 * A container's environment: the image's, then HOSTNAME, Services, envFrom and env in Kubernetes' order, with
 * $(VAR) expanded; and the same expansion for command and args. Pure: objects come through a lookup.
 */
#ifndef WHERRY_KUBELET_ENV_H
#define WHERRY_KUBELET_ENV_H

#include "kubelet/field_ref.h"
#include "lib/fields.h"

struct env_in {
    const struct pod *pod;
    const struct container *container;
    const struct field_context *fields;
    const struct str_list *image_env; /* NULL: none */
    const char *hostname;             /* NULL: no HOSTNAME */
    const struct str_map *service_env;
    /* The `data` of a ConfigMap (or Secret): member name -> string. NULL: there is no such object.
     * *ret_binary: binaryData; a Secret's values are base64 in data. */
    const struct json *(*object)(void *arg, bool secret, const char *ns, const char *name);
    void *arg;
};
/* *ret: "NAME=value" strings and, for expansion, the map of what the Pod says (not the image). */
struct err *env_build(struct arena *a, const struct env_in *in, struct str_list *ret,
    struct str_map *ret_vars) __attribute__((warn_unused_result));
/* $(NAME) by vars; $$ is $; what is unknown stays as it is. */
const char *env_expand(struct arena *a, const char *text, const struct str_map *vars);
/* The same for subPathExpr: what is unknown is ERR_INVALID "missing value for NAME". */
struct err *env_expand_strict(struct arena *a, const char *text, const struct str_map *vars, const char **ret)
    __attribute__((warn_unused_result));
/* A process with a terminal has a TERM, whoever says it. The list is replaced, not changed. */
void env_for_terminal(struct arena *a, struct str_list *env);

#endif
