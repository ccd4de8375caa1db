/* PartialObjectMetadata: an object without anything but its metadata. */
#include "master/call.h"
#include <string.h>

static void write_one(struct json_out *o, const char *name, const struct object *obj, const char *version)
{
    auto_arena *a = arena_new();
    json_out_object(o, name);
    json_out_str(o, "kind", "PartialObjectMetadata");
    json_out_str(o, "apiVersion", arena_printf(a, "meta.k8s.io/%s", version));
    json_out_value(o, "metadata", json_get(object_tree(a, obj), "metadata"));
    json_out_end_object(o);
}

void partial_write(struct buf *b, const struct object *o, const char *version)
{
    struct json_out out = {.buf = b};
    write_one(&out, NULL, o, version);
}

void partial_list_write(
    struct buf *b, const struct object_list *l, const struct list_meta_out *m, const char *version)
{
    auto_arena *a = arena_new();
    struct json_out o = {.buf = b};
    json_out_object(&o, NULL);
    json_out_str(&o, "kind", "PartialObjectMetadataList");
    json_out_str(&o, "apiVersion", arena_printf(a, "meta.k8s.io/%s", version));
    list_meta_write(&o, m);
    json_out_array(&o, "items");
    for (size_t i = 0; i < l->n; i++)
        write_one(&o, NULL, l->v[i], version);
    json_out_end_array(&o);
    json_out_end_object(&o);
}
