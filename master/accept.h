/* What a client wants to be answered with: the Accept header. */
#ifndef WHERRY_MASTER_ACCEPT_H
#define WHERRY_MASTER_ACCEPT_H

#include "lib/mem.h"
#include <stdbool.h>

struct accept {
    enum accept_format { ACCEPT_JSON, ACCEPT_YAML } format;
    enum accept_as {
        AS_OBJECT,
        AS_TABLE,        /* meta.k8s.io Table */
        AS_PARTIAL,      /* PartialObjectMetadata */
        AS_PARTIAL_LIST, /* PartialObjectMetadataList */
        AS_DISCOVERY     /* APIGroupDiscoveryList */
    } as;
    const char *version; /* of as: "v1", "v1beta1", "v2" */
    bool pretty;
};

enum accept_result { ACCEPT_OK, ACCEPT_NONE /* no such format */, ACCEPT_NO_CONVERSION /* no such as= */ };
/* header NULL: anything. */
enum accept_result accept_parse(struct arena *a, const char *header, struct accept *ret);
/* The media type of a Content-Type header, without parameters, in the arena. */
const char *accept_media_type(struct arena *a, const char *header);

#endif
