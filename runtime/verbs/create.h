/* The options that create and run have in common. */
#ifndef WHERRY_RUNTIME_CREATE_H
#define WHERRY_RUNTIME_CREATE_H

#include "lib/args.h"
#include "runtime/container.h"

struct create_args {
    struct container_options opts;
};
struct err *create_parse(const struct globals *g, struct create_args *c, const char *usage, const char *about,
    bool run, int argc, char **argv) __attribute__((warn_unused_result));

#endif
