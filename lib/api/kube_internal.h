/* Between kube.c and kube_watch.c. */
#ifndef WHERRY_API_KUBE_INTERNAL_H
#define WHERRY_API_KUBE_INTERNAL_H

#include "lib/api/kube.h"

/* The answer's body as a tree in a; NULL where it is no JSON. */
const struct json *kube_parse(struct arena *a, const struct http_client_result *res);

#endif
