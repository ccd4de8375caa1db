/*
 * metav1: what every object of the API carries. Decoded by the programs that decide something by it; whoever
 * must keep unknown fields keeps the JSON tree beside.
 */
#ifndef WHERRY_API_META_H
#define WHERRY_API_META_H

#include "lib/fields.h"

struct owner_reference {
    const char *api_version, *kind, *name, *uid;
    struct opt_bool controller, block_owner_deletion;
};
struct object_meta {
    const char *name, *generate_name, *namespace_, *uid, *resource_version;
    const char *creation_timestamp, *deletion_timestamp;
    struct opt_int generation, deletion_grace_period_seconds;
    struct str_map labels, annotations;
    struct str_list finalizers;
    FIELD_LIST(struct owner_reference) owner_references;
};
struct list_meta {
    const char *resource_version, *continue_;
    struct opt_int remaining_item_count;
};
extern const struct fields object_meta_fields, owner_reference_fields, list_meta_fields;

/* The owner with controller: true, NULL where there is none. */
const struct owner_reference *meta_controller(const struct object_meta *m);
/* Absent pointers count as no labels. */
const char *meta_label(const struct object_meta *m, const char *name);
const char *meta_annotation(const struct object_meta *m, const char *name);

#endif
