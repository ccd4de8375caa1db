/*
 * Command lines: one table per (sub)command gives parsing, --help and errors that name the option.
 * Long options as --name VALUE and --name=VALUE, short ones bundled (-it); `--` ends them.
 */
#ifndef WHERRY_ARGS_H
#define WHERRY_ARGS_H

#include "lib/err.h"
#include "lib/fields.h"
#include <stdbool.h>

enum arg_type {
    ARG_FLAG /* bool */,
    ARG_STR /* const char * */,
    ARG_INT /* int64_t */,
    ARG_STRS /* struct str_list */
};

struct arg_option {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* 0: none */
    enum arg_type type;
    void *value;      /* of the type above; keeps what it held where the option is not given */
    const char *meta; /* "FILE", NULL for a flag */
    const char *help;
};

struct arg_spec {
    const char *usage; /* "wherry logs [-f] POD [CONTAINER]" */
    const char *about; /* one or more lines */
    const struct arg_option *options;
    int min, max;         /* operands; max -1: any number */
    bool stop_at_operand; /* options after the first operand belong to it (exec POD CMD -x) */
};

/* Parses argv[1..]. Operands go to *ret_operands (into argv, not copied) and *ret_n. `--help` (added to
 * every table) prints to stdout and exits 0: allowed here, since only main programs call this. */
struct err *args_parse(const struct arg_spec *spec, int argc, char **argv, char ***ret_operands, int *ret_n)
    __attribute__((warn_unused_result));

#endif
