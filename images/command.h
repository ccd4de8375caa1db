/* The subcommands: each writes its lines; an error goes back to main(), which writes the last one. */
#ifndef WHERRY_IMAGES_COMMAND_H
#define WHERRY_IMAGES_COMMAND_H

#include "images/limits.h"
#include "lib/err.h"
#include <stdbool.h>
#include <stdint.h>

struct pull_opts {
    const char *auth_file; /* docker's config.json, NULL: none */
    const char *ca_file;   /* PEM, trusted instead of the system's; NULL: none */
    bool insecure;
};

struct err *command_load(const char *root, const char *file, const struct limits *limits)
    __attribute__((warn_unused_result));
struct err *command_pull(const char *root, const char *ref, const struct pull_opts *o,
    const struct limits *limits) __attribute__((warn_unused_result));
struct err *command_inspect(const char *root, const char *name) __attribute__((warn_unused_result));
struct err *command_list(const char *root) __attribute__((warn_unused_result));
struct err *command_rm(const char *root, const char *name) __attribute__((warn_unused_result));
struct err *command_gc(const char *root, int64_t keep_days) __attribute__((warn_unused_result));
struct err *command_mount(const char *root, const char *name, const char *dir)
    __attribute__((warn_unused_result));
struct err *command_umount(const char *root, const char *dir) __attribute__((warn_unused_result));

#endif
