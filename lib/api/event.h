/* core/v1 Event, as kubelet and controllers write and the command line prints it. */
#ifndef WHERRY_API_EVENT_H
#define WHERRY_API_EVENT_H

#include "lib/api/meta.h"
#include "lib/fields.h"

struct object_reference {
    const char *api_version, *kind, *namespace_, *name, *uid, *resource_version, *field_path;
};
struct event_source {
    const char *component, *host;
};
struct event {
    const char *api_version, *kind;
    struct object_meta *metadata;
    struct object_reference *involved_object;
    const char *type, *reason, *message; /* type: Normal, Warning */
    const char *first_timestamp, *last_timestamp, *reporting_component, *reporting_instance;
    struct opt_int count;
    struct event_source *source;
};
extern const struct fields event_fields, object_reference_fields;

#endif
