/*
 * A JSON tree that is changed in place: what decode.c makes, and what defaulting works on. Its objects keep
 * room for more members, so that a pointer to a member's value stays good while its siblings are added (as
 * long as the type has that many fields). Everything lives in the arena; shared leaves are never written to.
 */
#ifndef WHERRY_MASTER_EDIT_H
#define WHERRY_MASTER_EDIT_H

#include "lib/json.h"

/* An empty object with room for n members. */
struct json edit_new_object(struct arena *a, size_t n);
struct json edit_new_array(struct arena *a, size_t n);
struct json edit_new_str(struct arena *a, const char *s);
struct json edit_new_int(struct arena *a, int64_t v);
struct json edit_new_bool(bool v);

/* The member's value, to be changed; NULL: absent or obj NULL. */
struct json *edit_get(struct json *obj, const char *name);
struct json *edit_at(struct json *obj, ...) __attribute__((sentinel)); /* some names down */
struct json *edit_item(struct json *array, size_t i);
/* The member, an empty object where it was absent. */
struct json *edit_object(struct arena *a, struct json *obj, const char *name);
void edit_set(struct arena *a, struct json *obj, const char *name, struct json value);
/* The same where the name is known not to be there: no search. */
void edit_add(struct arena *a, struct json *obj, const char *name, struct json value);
void edit_set_str(struct arena *a, struct json *obj, const char *name, const char *s); /* NULL removes */
void edit_set_int(struct arena *a, struct json *obj, const char *name, int64_t v);
void edit_set_bool(struct arena *a, struct json *obj, const char *name, bool v);
void edit_remove(struct json *obj, const char *name);
void edit_append(struct arena *a, struct json *array, struct json item);
void edit_remove_item(struct json *array, size_t i);

/* Only where the member is absent. */
void edit_default(struct arena *a, struct json *obj, const char *name, struct json value);
void edit_default_str(struct arena *a, struct json *obj, const char *name, const char *s);
void edit_default_int(struct arena *a, struct json *obj, const char *name, int64_t v);

/* A tree of our own out of any other (objects with room for `spare` more members each). */
struct json edit_copy(struct arena *a, const struct json *j, size_t spare);

#endif
