/* What the API offers: /api, /apis and below, in the old and in the aggregated form; /version; /openapi. */
#ifndef WHERRY_MASTER_DISCOVERY_H
#define WHERRY_MASTER_DISCOVERY_H

#include "master/call.h"

/* path as of http_path(), without a trailing slash. false: not one of ours. */
bool discovery_handle(struct call *c, const char *path);
bool openapi_handle(struct call *c, const char *path);
/* Texts of "get,list" form. */
void discovery_verbs(struct json_out *o, unsigned verbs);
/* "pod" of "pods". */
const char *discovery_singular(struct arena *a, const struct kind *k);

#endif
