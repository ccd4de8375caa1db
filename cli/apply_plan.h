/*
 * What `wherry apply` sends: pure. Works with kubectl's annotation, so that both may be used on one object.
 */
#ifndef WHERRY_CLI_APPLY_PLAN_H
#define WHERRY_CLI_APPLY_PLAN_H

#include "lib/json.h"

#define APPLY_ANNOTATION "kubectl.kubernetes.io/last-applied-configuration"

/* The manifest with its own text in APPLY_ANNOTATION, as kubectl writes it (names sorted, so that the same
 * manifest is the same text): the body of a POST. A namespace that the manifest does not name must be in it.
 */
const struct json *apply_annotated(struct arena *a, const struct json *manifest);
/* A strategic merge patch that brings a live object to the manifest: what the manifest says, and a deletion
 * for what the last applied manifest said and this one does not. */
const struct json *apply_patch(struct arena *a, const struct json *live, const struct json *manifest);

/* Whether the object is what a person waits for: a Pod Ready or Succeeded, a controller with all its replicas
 * Ready; anything else is ready as it is. */
bool apply_is_ready(const struct json *object);

#endif
