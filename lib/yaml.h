/*
 * YAML (libyaml) into the same tree as JSON. Kubernetes' reading: YAML 1.1 booleans (yes, no, on, off),
 * integers and floats as numbers, quoted scalars always strings, anchors and aliases (expansion capped),
 * merge keys, several documents in a stream. A JSON text is a YAML text.
 */
#ifndef WHERRY_YAML_H
#define WHERRY_YAML_H

#include "lib/json.h"

/* All documents of the stream, empty ones left out, as one JSON array. Errors name line and column. */
struct err *yaml_parse(struct arena *a, const char *text, size_t len, const struct json_limits *lim,
    const struct json **ret_documents) __attribute__((warn_unused_result));
/* As a person reads and kubectl prints: block style, sorted keys, strings quoted only where they must be. */
void yaml_write(struct buf *b, const struct json *j);

#endif
