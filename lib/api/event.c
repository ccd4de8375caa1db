/* Field tables of Event, leaves first. */
#include "lib/api/event.h"

#define STR(s, m, n) FIELD(s, m, n, FIELD_STR)
#define OBJ(s, m, n, t) FIELD_OF(s, m, n, FIELD_STRUCT, &t##_fields)

FIELDS_DEFINE(object_reference_fields, object_reference, STR(object_reference, kind, "kind"),
    STR(object_reference, namespace_, "namespace"), STR(object_reference, name, "name"),
    STR(object_reference, uid, "uid"), STR(object_reference, api_version, "apiVersion"),
    STR(object_reference, resource_version, "resourceVersion"),
    STR(object_reference, field_path, "fieldPath"));
static FIELDS_DEFINE(event_source_fields, event_source, STR(event_source, component, "component"),
    STR(event_source, host, "host"));
FIELDS_DEFINE(event_fields, event, STR(event, api_version, "apiVersion"), STR(event, kind, "kind"),
    OBJ(event, metadata, "metadata", object_meta),
    OBJ(event, involved_object, "involvedObject", object_reference), STR(event, reason, "reason"),
    STR(event, message, "message"), OBJ(event, source, "source", event_source),
    STR(event, first_timestamp, "firstTimestamp"), STR(event, last_timestamp, "lastTimestamp"),
    FIELD(event, count, "count", FIELD_INT), STR(event, type, "type"),
    STR(event, reporting_component, "reportingComponent"),
    STR(event, reporting_instance, "reportingInstance"));
