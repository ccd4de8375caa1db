/* Field tables of metav1. */
#include "lib/api/meta.h"

#define F(member, name, type) FIELD(owner_reference, member, name, type)
FIELDS_DEFINE(owner_reference_fields, owner_reference, F(api_version, "apiVersion", FIELD_STR),
    F(kind, "kind", FIELD_STR), F(name, "name", FIELD_STR), F(uid, "uid", FIELD_STR),
    F(controller, "controller", FIELD_BOOL), F(block_owner_deletion, "blockOwnerDeletion", FIELD_BOOL));
#undef F

#define F(member, name, type) FIELD(object_meta, member, name, type)
FIELDS_DEFINE(object_meta_fields, object_meta, F(name, "name", FIELD_STR),
    F(generate_name, "generateName", FIELD_STR), F(namespace_, "namespace", FIELD_STR),
    F(uid, "uid", FIELD_STR), F(resource_version, "resourceVersion", FIELD_STR),
    F(creation_timestamp, "creationTimestamp", FIELD_STR),
    F(deletion_timestamp, "deletionTimestamp", FIELD_STR), F(generation, "generation", FIELD_INT),
    F(deletion_grace_period_seconds, "deletionGracePeriodSeconds", FIELD_INT),
    F(labels, "labels", FIELD_STR_MAP), F(annotations, "annotations", FIELD_STR_MAP),
    F(finalizers, "finalizers", FIELD_STRS),
    FIELD_OF(object_meta, owner_references, "ownerReferences", FIELD_STRUCTS, &owner_reference_fields));
#undef F

#define F(member, name, type) FIELD(list_meta, member, name, type)
FIELDS_DEFINE(list_meta_fields, list_meta, F(resource_version, "resourceVersion", FIELD_STR),
    F(continue_, "continue", FIELD_STR), F(remaining_item_count, "remainingItemCount", FIELD_INT));
#undef F

const struct owner_reference *meta_controller(const struct object_meta *m)
{
    for (size_t i = 0; m && i < m->owner_references.n; i++)
        if (opt_bool_or(m->owner_references.v[i].controller, false))
            return &m->owner_references.v[i];
    return NULL;
}

const char *meta_label(const struct object_meta *m, const char *name)
{
    return m ? str_map_get(&m->labels, name) : NULL;
}

const char *meta_annotation(const struct object_meta *m, const char *name)
{
    return m ? str_map_get(&m->annotations, name) : NULL;
}
