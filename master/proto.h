/*
 * Protobuf bodies: some clients send them (kubectl create from 1.32 on) and do not fall back to JSON. They
 * are only read: answers are JSON, which every client accepts.
 */
#ifndef WHERRY_MASTER_PROTO_H
#define WHERRY_MASTER_PROTO_H

#include "lib/err.h"
#include "lib/json.h"
#include "master/schema.h"

/* A body with its envelope ("k8s\0" and a runtime.Unknown) of the type s, as the JSON it stands for. Fields
 * that the schema does not know are passed over, as protobuf has it. */
struct err *proto_read(struct arena *a, const struct schema *s, const void *body, size_t len,
    const struct json **ret) __attribute__((warn_unused_result));

#endif
